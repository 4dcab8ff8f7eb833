"""The ways that a level's solution videos show, tracked as the generated videos are, and kept on disk."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import CheckpointError, ConfigError, DatasetError, VideoError
from wan_r1.runs import write_bytes
from wan_r1.trackers.resample import pixel_trajectory, resize_linear
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.trackers.tracker import Tracker
from wan_r1.types import Task
from wan_r1.video import iterate_frames, read_parts

__all__ = ["TrackCache", "reference_path"]

CACHE_VERSION = 1
"""To be raised when a tracker changes what it finds."""

Points = NDArray[np.float32]
Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackCache:
    """Paths of solution videos in a folder, by what they depend on; without a folder nothing is kept."""

    folder: FilePath | None

    def get(self, key: str) -> Points | None:
        """The points [T, 2] px kept under a key; None if there are none, or no longer readable."""
        if self.folder is None:
            return None
        try:
            points = np.load(io.BytesIO((self.folder / f"{key}.npy").read_bytes()), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return points if points.ndim == 2 and points.shape[1] == 2 and points.dtype == np.float32 else None

    def put(self, key: str, points: Points) -> None:
        """Keep points under a key."""
        if self.folder is None:
            return
        data = io.BytesIO()
        np.save(data, points, allow_pickle=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_bytes(self.folder / f"{key}.npy", data.getvalue())
        except (OSError, CheckpointError) as error:
            raise ConfigError(f"{self.folder}: tracks cannot be kept there ({error}); choose --cache DIR") from error


def reference_path(video: FilePath, task: Task, tracker: Tracker, size: Size, cache: TrackCache) -> tuple[Points, Size]:
    """The agent's way in a solution video, [T, 2] px, and the (width, height) in which these pixels are.

    VR-Bench's trackers depend on pixels, so they see the video at the `size` (width, height) of the generated one; ours
    sees it as it is. DatasetError if the video cannot be read or tracked.
    """
    try:
        native = next(frame.shape[1::-1] for _, frame in iterate_frames(video))
        shape = native if isinstance(tracker, SpriteTracker) else size
        key = _key(video, task, tracker, shape)
        points = cache.get(key)
        if points is None:
            track = tracker.track(_resized(video, shape), task)
            points = pixel_trajectory(track, "agent", task.objects["agent"], *shape)
            cache.put(key, points)
    except VideoError as error:
        raise DatasetError(f"{error}") from error
    return points, (shape[0], shape[1])


def _resized(video: FilePath, size: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    for part in read_parts(video):
        yield resize_linear(part, size[1], size[0])


def _key(video: FilePath, task: Task, tracker: Tracker, size: tuple[int, ...]) -> str:
    """A digest of all that a track depends on."""
    boxes: list[Any] = [(name, box.x, box.y, box.width, box.height) for name, box in sorted(task.objects.items())]
    digest = hashlib.sha256(repr((CACHE_VERSION, type(tracker).__name__, tracker, tuple(size), boxes)).encode())
    for name in sorted(task.sprites):
        digest.update(task.sprites[name].rgb.tobytes() + task.sprites[name].alpha.tobytes())
    digest.update(task.first_frame.tobytes())
    try:
        digest.update(video.read_bytes())
    except OSError as error:
        raise VideoError(f"{video}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()[:40]
