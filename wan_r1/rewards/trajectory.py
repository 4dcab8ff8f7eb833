"""The multi-component trajectory reward: facts about the whole track, gated by what the rest of the picture does.

    value = gate * penalty * (w_progress progress + w_goal goal + w_exact exact + w_efficiency efficiency)

All parts lie in [0, 1] and the weights add to 1. gate = fidelity^a * continuity^b. Once a rule is broken, goal, exact
and efficiency are 0, progress counts up to the first violation only, and penalty is at most 0.3: the value never
exceeds that of the honest video that stops there. Progress is the share of the true remaining distance covered at the
last legal frame, so a longer legal prefix scores more, going back costs, and a video without legal motion scores 0.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.rewards.fidelity import FidelityCheck, SceneFacts
from wan_r1.rewards.route import route_of, way_gone
from wan_r1.rewards.unseen import too_small, unseen
from wan_r1.tasks import family_of
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.types import Score, Task, Track, Verdict

__all__ = ["SparseReward", "TrajectoryReward"]

MAX_PENALTY = 0.3

Video = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrajectoryReward:
    """Scores a video of a game by what its objects do; see the module's first lines."""

    progress: float = 0.5
    """Weight of the share of the true way covered."""
    goal: float = 0.2
    """Weight of having reached the goal and staying there."""
    exact: float = 0.2
    """Weight of having done so by a shortest way."""
    efficiency: float = 0.1
    """Weight of shortest way / way gone, for a video that stays at the goal."""
    penalty: float = 0.3
    """Factor once a rule is broken, in [0, 0.3]."""
    fidelity_power: float = 1.0
    """Exponent a of the gate."""
    continuity_power: float = 1.0
    """Exponent b of the gate; continuity is the share of frames that show each object exactly once."""
    free_share: float = 0.06
    """Share of frames that may do otherwise at no cost: one in 17, a blink or a ghost of an imprecise decoder."""
    tracker: SpriteTracker = field(default_factory=SpriteTracker)
    """Where things are."""
    scene: FidelityCheck = field(default_factory=FidelityCheck)
    """Whether the rest of the picture stays."""

    def __post_init__(self) -> None:
        weights = (self.progress, self.goal, self.exact, self.efficiency)
        if min(weights) < 0 or abs(sum(weights) - 1) > 1e-9:
            raise ConfigError(f"weights {weights}: must be >= 0 and add to 1; they add to {sum(weights):g}")
        if not 0 <= self.penalty <= MAX_PENALTY:
            raise ConfigError(f"penalty: {self.penalty}; must lie in [0, {MAX_PENALTY}], or cheating pays")
        if not 0 <= self.free_share < 1:
            raise ConfigError(f"free_share: {self.free_share}; must lie in [0, 1)")
        if min(self.fidelity_power, self.continuity_power) < 0:
            raise ConfigError(f"powers of the gate: {self.fidelity_power}, {self.continuity_power}; must be >= 0")

    def __call__(self, task: Task, video: Video) -> Score:
        """Score of video [T, H, W, 3] uint8 of a task of any game family."""
        if too_small(task, video):
            return self.score(task, unseen(task, len(video)), SceneFacts(fidelity=0.0, violations=()))
        observation = self.tracker.observe(video, task)
        facts = self.scene(observation, task)
        return self.score(task, observation.track, facts)

    def score(self, task: Task, track: Track, facts: SceneFacts) -> Score:
        """Score of a track, given the facts about the scene around it."""
        verdict = _judge(task, track, facts)
        solved = float(verdict.solved)
        parts = {
            "progress": verdict.progress,
            "goal": solved,
            "exact": float(verdict.optimal),
            "efficiency": solved * (1.0 if verdict.optimal else _efficiency(task, track)),
            "fidelity": facts.fidelity,
            "continuity": float(min(1.0, (track.copies == 1).all(axis=0).mean() + self.free_share)),
            "penalty": self.penalty if verdict.violations else 1.0,
        }
        parts["gate"] = parts["fidelity"] ** self.fidelity_power * parts["continuity"] ** self.continuity_power
        weighted = math.fsum(getattr(self, name) * parts[name] for name in ("progress", "goal", "exact", "efficiency"))
        value = parts["gate"] * parts["penalty"] * weighted
        return Score(value=float(np.clip(value, 0, 1)), parts=parts, verdict=verdict, route=route_of(task, track))


def _judge(task: Task, track: Track, facts: SceneFacts) -> Verdict:
    """The family's verdict, with the scene's violations among the others in order of frames."""
    family = family_of(task)
    verdict = family.judge(task, track)
    if not facts.violations:
        return verdict
    first = min(v.frame for v in facts.violations)
    progress = family.judge(task, _hold_from(track, first)).progress if first else 0.0
    violations = tuple(sorted((*verdict.violations, *facts.violations), key=lambda v: v.frame))
    return replace(
        verdict, solved=False, optimal=False, progress=min(progress, verdict.progress), violations=violations
    )


def _hold_from(track: Track, frame: int) -> Track:
    """The track of an honest video that stops at `frame`."""
    points, seen, copies = track.points.copy(), track.seen.copy(), track.copies.copy()
    points[:, frame:], seen[:, frame:] = points[:, frame - 1 : frame], seen[:, frame - 1 : frame]
    copies[:, frame:] = copies[:, frame - 1 : frame]
    return replace(track, points=points, seen=seen, copies=copies)


def _efficiency(task: Task, track: Track) -> float:
    """Length of the solution / length of the way gone, at most 1."""
    way = way_gone(task, track)
    if not len(way):
        return 0.0
    box = next(iter(task.objects.values()))
    needed = _length(task.solution.points / (box.width, box.height))
    return float(np.clip(needed / max(_length(way), 1e-9), 0, 1))


def _length(points: NDArray[np.floating[Any]]) -> float:
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


@dataclass(frozen=True, kw_only=True, slots=True)
class SparseReward(TrajectoryReward):
    """The trajectory reward with all its weight on an exact solution: right or nothing."""

    progress: float = 0.0
    """Weight of the share of the true way covered."""
    goal: float = 0.0
    """Weight of having reached the goal and staying there."""
    exact: float = 1.0
    """Weight of having done so by a shortest way."""
    efficiency: float = 0.0
    """Weight of shortest way / way gone."""
