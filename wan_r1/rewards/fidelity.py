"""Does the scene stay what the conditioning image shows? Facts from an observation; objects themselves are left out.

The changes come per tile (about half a board cell), with a global change of light removed and noise averaged out, so a
mild brightness change or grain costs nothing, while an erased wall or a moved goal is a change of many grey levels. A
change of many tiles counts if it lasts a few frames; one of few tiles if it stays where it is or goes on and on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.tasks.presence import first_lasting
from wan_r1.trackers.scene import tiles_outside
from wan_r1.trackers.sprite import Observation
from wan_r1.types import Box, Task, Violation

__all__ = ["FidelityCheck", "SceneFacts"]

GOAL_CORE = 0.7
"""Share of a goal's box, from its middle, that is looked at: tiles at its edges show what is around it too."""
LEAST_SEEN = 0.4
"""A tile that fewer of the frames show must be changed in as many as if so many showed it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneFacts:
    """fidelity in [0, 1]: 1 = nothing but the objects changed; violations: scene_changed, goal_moved, agent_changed."""

    fidelity: float
    violations: tuple[Violation, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FidelityCheck:
    """Compares every frame with the conditioning image; see the module's first lines."""

    tolerance: float = 28.0
    """Grey levels by which the mean colour of a tile may differ."""
    full_loss_share: float = 0.3
    """Mean share of changed tiles at which fidelity is 0."""
    free_share: float = 0.01
    """Mean share of changed tiles that costs nothing: decoders leave a few."""
    violation_share: float = 0.06
    """Share of changed tiles in a frame that makes it a changed scene."""
    steady_tiles: int = 3
    """Tiles changed in most of the frames that show them, or for min_frames, from which on the scene is changed; a wall
    has four. Drawn, blurred, noisy and decoded solutions had none in most frames (tiny and easy, five games), 400
    videos of our models at most one."""
    restless_tiles: float = 2.0
    """Changed tiles in the mean frame from which on the scene is changed, wherever they are."""
    goal_lost: float = 0.6
    """Share of a goal's contrast by which its colour may differ."""
    min_frames: int = 3
    """Frames in a row that a change must last to be a violation, if it does not come back again and again."""
    least_look: float = 0.66
    """Share of an object's contrast that must be explained in the median frame; at .65 of its size it explains .61."""
    least_contrast: float = 0.72
    """Share of the contrast between places of the conditioning image that a frame must show."""

    def __post_init__(self) -> None:
        if not 0 <= self.free_share < self.full_loss_share <= 1:
            raise ConfigError(
                f"free_share {self.free_share}, full_loss_share {self.full_loss_share}: need 0 <= free < full <= 1"
            )
        if min(self.min_frames, self.steady_tiles) < 1 or min(self.tolerance, self.restless_tiles) <= 0:
            numbers = ", ".join(
                f"{name} {getattr(self, name)}"
                for name in ("min_frames", "steady_tiles", "tolerance", "restless_tiles")
            )
            raise ConfigError(f"{numbers}: must be positive")

    def __call__(self, observation: Observation, task: Task) -> SceneFacts:
        """Facts about the scene in an observation of a task's video."""
        visible = np.isfinite(observation.changes)
        changed = np.nan_to_num(observation.changes) > self.tolerance
        shares = changed.sum(axis=(1, 2)) / np.maximum(visible.sum(axis=(1, 2)), 1)
        span = self.full_loss_share - self.free_share
        fidelity = 1 - np.clip((shares.mean() - self.free_share) / span, 0, 1)
        ground = tiles_outside((*task.objects.values(), *task.goals), changed.shape[1:])
        few = self._few_tiles(changed & ground, visible)
        checks = {"scene_changed": (shares > self.violation_share) | (observation.contrast < self.least_contrast) | few}
        for index, box in enumerate(task.goals):
            moved = self._box_changed(observation.changes, box) | (observation.goals[:, index] > self.goal_lost)
            checks["goal_moved"] = checks.get("goal_moved", False) | moved
        violations = list(self._changed_looks(observation))
        for kind, flags in checks.items():
            frame = first_lasting(flags, self.min_frames)
            if frame is not None:
                violations.append(Violation(kind=kind, frame=frame))
        return SceneFacts(fidelity=float(fidelity), violations=tuple(violations))

    def _few_tiles(self, changed: NDArray[np.bool_], visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Frames [T] in which few tiles changed too steadily, too long or too often; changed, visible: [T, r, c].

        Those below the first places of objects are left out: what they show is guessed. Goals have their own check.
        """
        number = changed.sum(axis=(1, 2))
        steady = (changed & _in_most(changed, visible)).sum(axis=(1, 2)) >= self.steady_tiles
        held = _held(changed, self.min_frames).sum(axis=(1, 2)) >= self.steady_tiles
        return np.asarray(steady | held | ((number > 0) & (number.mean() >= self.restless_tiles)))

    def _changed_looks(self, observation: Observation) -> Iterator[Violation]:
        """The first object that does not look like itself in most frames that show it."""
        for scores, seen in zip(observation.track.scores, observation.track.seen, strict=True):
            if seen.any() and np.median(scores[seen]) < self.least_look:
                yield Violation(kind="agent_changed", frame=int((seen & (scores < self.least_look)).argmax()))
                return

    def _box_changed(self, changes: NDArray[np.float32], box: Box) -> NDArray[np.bool_]:
        """Frames [T] in which half of the visible tiles in the middle of a box changed on average.

        The half that changed more: a goal of few tiles may share each of them with what is around it.
        """
        rows, cols = changes.shape[1:]
        x, y = box.center
        inside_y = np.abs((np.arange(rows) + 0.5) / rows - y) < GOAL_CORE / 2 * box.height
        inside_x = np.abs((np.arange(cols) + 0.5) / cols - x) < GOAL_CORE / 2 * box.width
        inside_y[min(max(int(y * rows), 0), rows - 1)] = True  # a small box may hold no tile's middle
        inside_x[min(max(int(x * cols), 0), cols - 1)] = True
        part = changes[:, inside_y][:, :, inside_x].reshape(len(changes), -1)
        visible = np.isfinite(part).sum(axis=1)
        ranked = -np.sort(np.where(np.isfinite(part), -np.maximum(part, 0), 0), axis=1)
        half = (visible + 1) // 2
        total = np.concatenate([np.zeros((len(part), 1)), ranked.cumsum(axis=1)], axis=1)
        return np.asarray(total[np.arange(len(part)), half] > self.tolerance * np.maximum(half, 1))


def _in_most(changed: NDArray[np.bool_], visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tiles [r, c] changed in most of the frames that show them, of changed and visible [T, r, c]."""
    seen = visible.sum(axis=0)
    return np.asarray(changed.sum(axis=0) > np.maximum(seen / 2, LEAST_SEEN / 2 * len(visible)))


def _held(changed: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Frames and tiles [T, r, c] that belong to a run of at least so many changed frames; shorter if the video is."""
    length = min(length, len(changed))
    full = np.asarray(sliding_window_view(changed, length, axis=0).all(axis=-1))
    held: NDArray[np.bool_] = np.zeros(changed.shape, bool)
    for offset in range(length):
        held[offset : offset + len(full)] |= full
    return held
