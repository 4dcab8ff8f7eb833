"""Places in a frame where a template may be, and which template a place belongs to."""

from dataclasses import dataclass
from math import hypot

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
        rivals = (other for other in kept if other.name != candidate.name)
        if all(_apart(candidate, other, scene) >= 1 for other in rivals):
            kept.append(candidate)
    return kept


def _apart(one: Candidate, other: Candidate, scene: Scene) -> float:
    """Distance of two candidates as a share of the least that two instances have, the smaller of both kinds."""
    gaps = zip(scene.templates[one.name].gap, scene.templates[other.name].gap, strict=True)
    return hypot(*((a - b) / min(gap) for a, b, gap in zip(one.place, other.place, gaps, strict=True)))
