"""The ways that a level's solution videos show, tracked as the generated videos are, and kept on disk."""

import functools
import hashlib
import io
from dataclasses import dataclass
from itertools import chain
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1 import trackers
from wan_r1.errors import CheckpointError, ConfigError, DatasetError, VideoError
from wan_r1.files import folder_digest
from wan_r1.metrics.vr_bench import normalize_points
from wan_r1.runs import write_bytes
from wan_r1.trackers.resample import pixel_trajectory, resize_linear
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.trackers.tracker import Tracker
from wan_r1.types import Task
from wan_r1.video import read_parts

__all__ = ["TrackCache", "reference_paths"]

Points = NDArray[np.float64]
Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackCache:
    """Paths of solution videos in a folder, by what they depend on; without a folder nothing is kept."""

    folder: FilePath | None

    def get(self, key: str) -> Points | None:
        """The points [T, O, 2] kept under a key; None if there are none, or no longer readable."""
        if self.folder is None:
            return None
        try:
            points = np.load(io.BytesIO((self.folder / f"{key}.npy").read_bytes()), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return points if points.ndim == 3 and points.shape[2] == 2 and points.dtype == np.float64 else None

    def put(self, key: str, points: Points) -> None:
        """Keep points [T, O, 2] under a key."""
        if self.folder is None:
            return
        data = io.BytesIO()
        np.save(data, points, allow_pickle=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_bytes(self.folder / f"{key}.npy", data.getvalue())
        except (OSError, CheckpointError) as error:
            raise ConfigError(f"{self.folder}: tracks cannot be kept there ({error}); choose --cache DIR") from error


def reference_paths(video: FilePath, task: Task, tracker: Tracker, size: Size, cache: TrackCache) -> dict[str, Points]:
    """The ways of agent and boxes in a solution video, [T, 2] in image units by their names.

    VR-Bench's trackers depend on pixels, so they see the video at the `size` (width, height) of the generated one; ours
    sees it as it is. DatasetError if the video cannot be read or tracked.
    """
    shape = None if isinstance(tracker, SpriteTracker) else size
    try:
        key = _key(video, task, tracker, shape)
        points = cache.get(key)
        if points is None:
            parts = read_parts(video)
            first = next(parts)
            width, height = shape or (first.shape[2], first.shape[1])
            track = tracker.track((resize_linear(part, height, width) for part in chain([first], parts)), task)
            ways = (pixel_trajectory(track, name, box, width, height) for name, box in task.objects.items())
            points = np.stack([normalize_points(way, width, height) for way in ways], axis=1)
            cache.put(key, points)
    except VideoError as error:
        raise DatasetError(f"{error}") from error
    return {name: points[:, index] for index, name in enumerate(task.objects)}


@functools.cache
def _trackers_code() -> str:
    """A digest of the code of the trackers, so that a track is not read back after they have changed what they find."""
    return folder_digest(FilePath(trackers.__file__).parent, "**/*.py")


def _key(video: FilePath, task: Task, tracker: Tracker, size: Size | None) -> str:
    """A digest of all that a track depends on."""
    boxes: list[Any] = [(name, box.x, box.y, box.width, box.height) for name, box in sorted(task.objects.items())]
    digest = hashlib.sha256(repr((_trackers_code(), type(tracker).__name__, tracker, size, boxes)).encode())
    for name in sorted(task.sprites):
        digest.update(task.sprites[name].rgb.tobytes() + task.sprites[name].alpha.tobytes())
    digest.update(task.first_frame.tobytes())
    try:
        digest.update(video.read_bytes())
    except OSError as error:
        raise VideoError(f"{video}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()[:40]
