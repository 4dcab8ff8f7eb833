"""Draw paths and tracks on videos [T, H, W, 3] uint8, for people to look at."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.video import check_video

__all__ = ["SOLUTION_RGB", "TRACK_RGB", "draw_line", "draw_paths", "draw_track", "enlarge"]

SOLUTION_RGB = (120, 120, 130)
TRACK_RGB = (200, 30, 200)
HALO_RGB = (255, 255, 255)
SUBPIXEL_BITS = 4
LINE_SHARE = 1 / 80
"""Line width as a share of the longer side."""
PICTURE_PX = 480
"""Longer side of pictures of small videos with paths."""


def enlarge(video: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """The video enlarged by a whole factor, pixel by pixel, to at most `size_px` on the longer side; never shrunk."""
    check_video(video)
    factor = max(1, size_px // max(video.shape[1:3]))
    return video.repeat(factor, axis=1).repeat(factor, axis=2)


def draw_line(video: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Copy of the video with the line through points [N, 2] (image units) on every frame."""
    check_video(video)
    frames = video.copy()
    for frame in frames:
        _polyline(frame, points, SOLUTION_RGB, thin=True)
    return frames


def draw_track(video: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Copy of the video with the track so far on each frame: points [T, 2] in image units, NaN where not seen.

    The line is broken where the agent was not seen; a ring marks where it is.
    """
    check_video(video)
    frames = video.copy()
    for index, frame in enumerate(frames[: len(points)]):
        for piece in _pieces(points[: index + 1]):
            _polyline(frame, piece, TRACK_RGB, thin=False)
        if np.isfinite(points[index]).all():
            _ring(frame, points[index], TRACK_RGB)
    return frames


def draw_paths(
    frame: NDArray[np.uint8], references: Sequence[NDArray[np.floating[Any]]], path: NDArray[np.floating[Any]]
) -> NDArray[np.uint8]:
    """A frame [H, W, 3], enlarged if small, with reference paths (wide, grey) and one path [N, 2] on top (violet).

    Paths are in image units; a ring marks where the path ends.
    """
    picture: NDArray[np.uint8] = enlarge(frame[None], PICTURE_PX)[0].copy()
    for reference in references:
        line = [_pixels(picture, reference.astype(np.float32)).reshape(-1, 1, 2)]
        cv2.polylines(picture, line, False, SOLUTION_RGB, 4 * _width(picture), cv2.LINE_AA, SUBPIXEL_BITS)
    _polyline(picture, path.astype(np.float32), TRACK_RGB, thin=True)
    _ring(picture, path[-1].astype(np.float32), TRACK_RGB)
    return picture


def _pieces(points: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The runs of finite points."""
    seen = np.isfinite(points).all(axis=1)
    cuts = np.flatnonzero(np.diff(seen)) + 1
    return [piece for piece in np.split(points, cuts) if np.isfinite(piece).all()]


def _width(frame: NDArray[np.uint8]) -> int:
    return max(1, round(int(max(frame.shape[:2])) * LINE_SHARE))


def _pixels(frame: NDArray[np.uint8], points: NDArray[np.float32]) -> NDArray[np.int32]:
    """Fixed-point pixel coordinates of points in image units; cv2 counts from pixel centres."""
    height, width = frame.shape[:2]
    pixels = points * (width, height) - 0.5
    fixed: NDArray[np.int32] = (pixels * (1 << SUBPIXEL_BITS)).round().astype(np.int32)
    return fixed


def _polyline(frame: NDArray[np.uint8], points: NDArray[np.float32], rgb: tuple[int, int, int], *, thin: bool) -> None:
    line = [_pixels(frame, points).reshape(-1, 1, 2)]
    width = _width(frame)
    if not thin:
        cv2.polylines(frame, line, False, HALO_RGB, 2 * width + 1, cv2.LINE_AA, SUBPIXEL_BITS)
    cv2.polylines(frame, line, False, rgb, width, cv2.LINE_AA, SUBPIXEL_BITS)


def _ring(frame: NDArray[np.uint8], point: NDArray[np.float32], rgb: tuple[int, int, int]) -> None:
    """A ring, so that what it marks stays visible."""
    x, y = (int(value) for value in _pixels(frame, point))
    width = _width(frame)
    radius = 4 * width << SUBPIXEL_BITS
    cv2.circle(frame, (x, y), radius, rgb, width, cv2.LINE_AA, SUBPIXEL_BITS)
