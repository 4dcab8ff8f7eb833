"""From tracks with gaps to full trajectories, and videos at the size of another."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import TrackingError, VideoError
from wan_r1.types import Box, Track

__all__ = ["pixel_trajectory", "repeat_last", "resize_linear"]

# A track keeps float32 image units, off by up to 5e-5 px in a 752 px picture; positions of trackers lie on half pixels.
PIXEL_GRID = 4096


def repeat_last(points: NDArray[np.float32], start: tuple[float, float]) -> NDArray[np.float32]:
    """Points [T, 2] where each gap (NaN) repeats the point before it; a gap at the beginning takes `start`."""
    if points.ndim != 2 or points.shape[1] != 2:
        raise TrackingError(f"points: must be [T, 2]; got {points.shape}")
    seen = np.isfinite(points).all(axis=1)
    last = np.maximum.accumulate(np.where(seen, np.arange(len(points)), -1))
    filled = points[last].copy()
    filled[last < 0] = start
    return filled


def pixel_trajectory(track: Track, name: str, start: Box, width: int, height: int) -> NDArray[np.float32]:
    """VR-Bench's trajectory of one object, [T, 2] float32 px in a video of width x height; gaps repeat the last point.

    `start` is the object's box in frame 0; a video in which the object is never seen gives its centre in every frame.
    """
    if track.unit != "image":
        raise TrackingError(f"track: unit is {track.unit!r}; pixels need a track in image units")
    if name not in track.objects:
        raise TrackingError(f"track: no object {name!r}; it has {', '.join(track.objects) or 'none'}")
    points = repeat_last(track.of(name), start.center).astype(np.float64) * [width, height]
    return (np.round(points * PIXEL_GRID) / PIXEL_GRID).astype(np.float32)


def resize_linear(video: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Video [T, H, W, 3] at another size, linear whether it grows or shrinks: how VR-Bench resizes references."""
    if video.ndim != 4 or video.shape[3] != 3 or 0 in video.shape:
        raise VideoError(f"video: must be [T, H, W, 3] with T, H, W >= 1; got {video.shape}")
    if video.shape[1:3] == (height, width):
        return video
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in video])
