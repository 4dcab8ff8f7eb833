"""The records that pass between packages (numpy only, frozen, keyword-only).

Letters in shapes: `B` batch, `P` tasks, `G` videos of one task, `K` sampler steps, `S` stochastic steps,
`T` frames, `H W` pixels, `C F h w` latent channels, frames, height, width, `N` path points, `O` tracked objects.

Points are `(x, y)`. Unit `image`: [0, 1], origin top left. Unit `metre`: x forward, y left.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError

__all__ = [
    "VIOLATION_KINDS",
    "Anchor",
    "Box",
    "Path",
    "Route",
    "Score",
    "Sprite",
    "Task",
    "Track",
    "Unit",
    "Verdict",
    "Violation",
]

Unit = Literal["image", "metre"]
Route = tuple[tuple[float, float], ...]

VIOLATION_KINDS = (
    "through_wall",
    "trap",
    "teleport",
    "off_road",
    "extra_agent",
    "agent_lost",
    "agent_changed",
    "box_moved_alone",
    "box_overlap",
    "scene_changed",
    "goal_moved",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """An axis-parallel box in image units: top-left corner and size, floats in [0, 1]."""

    x: float
    y: float
    width: float
    height: float

    @property
    def center(self) -> tuple[float, float]:
        """Centre `(x, y)` in image units."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Sprite:
    """What an object looks like, without background: rgb [h, w, 3] uint8, alpha [h, w] float32 in [0, 1]."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.rgb.ndim != 3 or self.rgb.shape[2] != 3 or self.rgb.shape[:2] != self.alpha.shape:
            raise ConfigError(
                f"sprite: rgb must be [h, w, 3] and alpha [h, w]; got {self.rgb.shape}, {self.alpha.shape}"
            )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Anchor:
    """What a camera saw earlier and how far it has come since: the source of metres for a monocular decoder.

    picture [H, W, 3] uint8; distance_m: metres along the floor from there to the first frame of the task, above 0.
    """

    picture: NDArray[np.uint8]
    distance_m: float

    def __post_init__(self) -> None:
        if self.picture.ndim != 3 or self.picture.shape[2] != 3 or not 0 < self.distance_m < float("inf"):
            raise ConfigError(
                f"anchor: needs a picture [H, W, 3] and a distance above 0 m; got {self.picture.shape}, "
                f"{self.distance_m} m"
            )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Path:
    """A way to go: points [N, 2] float32 in walking order; headings [N] float32 radians, or None."""

    points: NDArray[np.float32]
    unit: Unit
    headings: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 2:
            raise ConfigError(f"path: points must be [N, 2]; got {self.points.shape}")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Task:
    """One thing that a video should show.

    `first_frame` is [H, W, 3] uint8. `objects` maps names ("agent", "box_0", ...) to their boxes in the first frame;
    `sprites` maps the same names (and "goal") to their looks; "floor", if there, is what they stand on. `solution` is
    one optimal path; others may exist: the family's rules decide. `settings` are the family's settings as plain values;
    `state` is its own frozen record.
    """

    family: str
    seed: int
    settings: dict[str, Any]
    prompt: str
    first_frame: NDArray[np.uint8]
    objects: dict[str, Box]
    sprites: dict[str, Sprite]
    goals: tuple[Box, ...]
    solution: Path
    state: Any


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Track:
    """What a video does show.

    points [O, T, 2] float32 (NaN where not seen), seen [O, T] bool, copies [O, T] int (instances found),
    scores [O, T] float32.
    """

    objects: tuple[str, ...]
    points: NDArray[np.float32]
    seen: NDArray[np.bool_]
    copies: NDArray[np.int64]
    scores: NDArray[np.float32]
    unit: Unit

    def __post_init__(self) -> None:
        shape = (len(self.objects), self.points.shape[1])
        if self.points.shape != (*shape, 2) or any(a.shape != shape for a in (self.seen, self.copies, self.scores)):
            raise ConfigError(
                f"track of {len(self.objects)} objects: points {self.points.shape}, seen {self.seen.shape}, "
                f"copies {self.copies.shape}, scores {self.scores.shape} do not fit together"
            )

    def of(self, name: str) -> NDArray[np.float32]:
        """Points [T, 2] of one object; NaN where it was not seen."""
        points: NDArray[np.float32] = self.points[self.objects.index(name)]
        return points


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """A broken rule: its kind (one of VIOLATION_KINDS), the frame, and the point where it happened."""

    kind: str
    frame: int
    point: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The facts about one video.

    solved: no violation, goal reached and held to the end. optimal: solved by a shortest way. progress in [0, 1]: share
    of the true remaining distance covered at the last legal frame.
    """

    solved: bool
    optimal: bool
    progress: float
    violations: tuple[Violation, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """A reward: value in [0, 1], its named parts; the verdict that it came from and where the agent went, if any.

    route: points at equal distances along the way, in units of the agent's size (rewards/route.py); empty if the agent
    was never seen, None if the reward looks at no agent.
    """

    value: float
    parts: dict[str, float]
    verdict: Verdict | None = None
    route: Route | None = None
