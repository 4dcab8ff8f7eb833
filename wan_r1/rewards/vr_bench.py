"""VR-Bench's metrics as a reward: to study what their loopholes cost, not to train on by default."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.metrics.vr_bench import SCRIPT, VRBenchOptions, measure
from wan_r1.rewards.route import route_of
from wan_r1.rewards.unseen import too_small, unseen
from wan_r1.tasks import family_of
from wan_r1.trackers import TRACKERS
from wan_r1.trackers.resample import repeat_last
from wan_r1.types import Score, Task

__all__ = ["PaperReward"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperReward:
    """Weighted sum of success, precision, exact match and step deviation, on the track of the agent.

    Walls, clones, jumps and the rest of the picture are not looked at, as in VR-Bench; success looks at the first box
    where there are boxes. The verdict is the family's, on what the sprite tracker sees, and does not enter the value.
    """

    success: float = 0.25
    """Weight of SR: some point of the track lies in the goal."""
    precision: float = 0.25
    """Weight of PR: share of the reference path that is followed from its start."""
    exact: float = 0.25
    """Weight of EM."""
    deviation: float = 0.25
    """Weight of 1 - SD, at least 0; a missing SD counts as the metric treats it: 0 without success, else 1."""
    options: VRBenchOptions = SCRIPT
    """Threshold and number of points of the metrics."""
    tracker: str = "sprite"
    """Where things are, by its name in TRACKERS: VR-Bench's own are ncc and csrt."""

    def __post_init__(self) -> None:
        weights = (self.success, self.precision, self.exact, self.deviation)
        if min(weights) < 0 or abs(sum(weights) - 1) > 1e-9:
            raise ConfigError(f"weights {weights}: must be >= 0 and add to 1; they add to {sum(weights):g}")
        if self.tracker not in TRACKERS:
            raise ConfigError(f'tracker: "{self.tracker}" is unknown; known trackers are {", ".join(TRACKERS)}')

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        """Score of video [T, H, W, 3] uint8 of a task of any game family."""
        small = too_small(task, video)
        seen = unseen(task, len(video)) if small else TRACKERS["sprite"]()(video, task)
        track = seen if small or self.tracker == "sprite" else TRACKERS[self.tracker]()(video, task)
        ways = [
            repeat_last(points, box.center) for points, box in zip(track.points, task.objects.values(), strict=True)
        ]
        box_way = ways[1] if len(ways) > 1 else None
        result = measure(ways[0], [task.solution.points], task.goals[0], self.options, box_way)
        parts = {
            "success": float(result.success),
            "precision": result.precision,
            "exact": float(result.exact),
            "deviation": float(result.success) * max(0.0, 1 - (result.deviation or 0.0)),
        }
        value = sum(getattr(self, name) * part for name, part in parts.items())
        verdict = family_of(task).judge(task, seen)
        return Score(value=float(np.clip(value, 0, 1)), parts=parts, verdict=verdict, route=route_of(task, seen))
