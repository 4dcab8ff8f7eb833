"""Places in a frame where a template may be, and which template a place belongs to."""

from dataclasses import dataclass

import numpy as np

from wan_r1.trackers.scene import Scene

__all__ = ["Candidate", "undisputed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A place (row, col) where a template explains what changed, with its sub-pixel offset (x, y)."""

    name: str
    place: tuple[int, int]
    offset: tuple[float, float]
    score: float
    amplitude: float


def undisputed(candidates: list[Candidate], scene: Scene) -> list[Candidate]:
    """Candidates without those in a place that another template explains better; two kinds share no place."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda each: -each.score):
        gap = scene.templates[candidate.name].gap
        rivals = (other for other in kept if other.name != candidate.name)
        if all(
            np.hypot(*np.subtract(candidate.place, other.place)) >= min(gap, scene.templates[other.name].gap)
            for other in rivals
        ):
            kept.append(candidate)
    return kept
