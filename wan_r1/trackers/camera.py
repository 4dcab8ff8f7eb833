"""Where the camera of a first-person video goes: the interface of camera decoders, and the one that knows the truth."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import TrackingError
from wan_r1.types import Anchor, Track

__all__ = [
    "NUM_DECODED",
    "CameraDecoder",
    "Clip",
    "OracleDecoder",
    "camera_track",
    "decoded_frames",
    "decoded_points",
    "lost_camera",
]

NUM_DECODED = 9
"""Frames of a video that count in Target-Bench, evenly spaced, the first and the last among them."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Clip:
    """What a decoder is given.

    video [T, H, W, 3] uint8; anchor: an earlier picture with its distance in metres; truth: points [T, 2] in metres of
    a drawn video, for the oracle, or None.
    """

    video: NDArray[np.uint8]
    anchor: Anchor
    truth: NDArray[np.float32] | None = None


class CameraDecoder(Protocol):
    """Reads the camera's way along the floor from a video. A decoder is a frozen dataclass that is called."""

    def __call__(self, clip: Clip) -> Track:
        """Track of the one object "camera", in metres from its first frame: x forward, y left.

        A frame whose pose could not be found is `seen = False`; a decoder may leave frames out that are not asked for.
        """
        ...


def camera_track(points: NDArray[np.floating], seen: NDArray[np.bool_], scores: NDArray[np.floating]) -> Track:
    """The track of a camera from points [T, 2] in metres, seen [T] and scores [T]."""
    seen = seen & np.isfinite(points).all(axis=1)
    return Track(
        objects=("camera",),
        points=np.where(seen[:, None], points, np.nan)[None].astype(np.float32),
        seen=seen[None],
        copies=seen[None].astype(np.int64),
        scores=np.where(seen, scores, 0)[None].astype(np.float32),
        unit="metre",
    )


def lost_camera(num_frames: int) -> Track:
    """The track of a video that could not be decoded."""
    nowhere = np.full((num_frames, 2), np.nan)
    return camera_track(nowhere, np.zeros(num_frames, bool), np.zeros(num_frames))


def decoded_frames(num_frames: int) -> NDArray[np.int64]:
    """Which frames of a video count: NUM_DECODED of them, rounded down as Target-Bench does."""
    return np.linspace(0, num_frames - 1, NUM_DECODED).astype(np.int64)


def decoded_points(track: Track) -> NDArray[np.float32] | None:
    """Points [NUM_DECODED, 2] of a camera's track in the frames that count; None if it is lost in one of them."""
    frames = decoded_frames(track.points.shape[1])
    return track.points[0][frames] if track.seen[0][frames].all() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class OracleDecoder:
    """Passes on the truth of a drawn video: what a perfect decoder would find."""

    def __call__(self, clip: Clip) -> Track:
        """The true track; TrackingError if the clip's truth is not known."""
        num_frames = len(clip.video)
        if clip.truth is None or len(clip.truth) != num_frames:
            known = "no true poses" if clip.truth is None else f"{len(clip.truth)} true poses"
            raise TrackingError(f"oracle: {known} for a video of {num_frames} frames; only drawn videos have them")
        return camera_track(clip.truth, np.ones(num_frames, bool), np.ones(num_frames))
