"""The zoo: honest videos and cheating videos of a task, drawn from its own first frame and sprites.

A video is a motion (where the agent, and what it moves, is in each frame) on a stage (what else is shown). Honest
videos are the solution in many guises; a cheat has a false motion, a false stage, or one of each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.rewards.box_cheats import BOX_MOTIONS
from wan_r1.rewards.disturbances import DISTURBANCES, UNRANKED
from wan_r1.rewards.stages import BOX_STAGES, STAGES, Set, before, plain_stage
from wan_r1.rewards.ways import in_sizes, is_legal, sizes_per_frame, until
from wan_r1.tasks import HasTricks, MovesObjects, family_of
from wan_r1.tasks.draw import MOTION_SHARE, draw_sprites, walk_positions
from wan_r1.tasks.first_person import is_first_person
from wan_r1.types import Task

__all__ = ["DISTURBANCES", "MOTIONS", "PREFIXES", "STAGES", "Example", "Kind", "honest", "zoo"]

Kind = Literal["honest", "prefix", "unranked", "cheat"]
Video = NDArray[np.uint8]
Points = NDArray[np.float32]
Joint = NDArray[np.float32]
"""Points [T, 2 O] of all objects: x and y of the agent, then of each other object."""

PREFIXES = (25, 50, 75)
"""Per cent of the way after which an honest video stops and rests."""

RESOLVABLE = 2.0
"""Agent sizes per frame up to which a fast video is counted as honest."""

SHORTCUT, SAVED = 2.5, 2.0
"""Agent sizes of a hop that cuts off a part of the way, at most, and by which the part is longer than the hop."""

STEP = 1.5
"""Agent sizes up to which a hop from one frame to the next is no cheat but a quick step."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Example:
    """One video [T, H, W, 3] uint8 of a task, with what it is and its name in the zoo."""

    name: str
    kind: Kind
    video: Video


def zoo(task: Task, num_frames: int, seed: int = 0, pairs: bool = True) -> Iterator[Example]:
    """All honest and cheating videos of a task; `pairs` adds each false motion on each false stage."""
    if num_frames < 9:
        raise ConfigError(f"num_frames: {num_frames}; the zoo needs at least 9 to show its motions")
    rng = np.random.default_rng([seed, task.seed % 2**32])
    if is_first_person(task):
        from wan_r1.rewards.walk_cheats import walk_zoo

        yield from walk_zoo(task, num_frames, rng)
        return
    yield from honest(task, num_frames, rng)
    walk = walk_positions(_joint_way(task), num_frames, None, _aspect(task))
    pushes, family = walk.shape[1] > 2, family_of(task)
    ways = family.false_ways(task) if isinstance(family, HasTricks) else {}
    scenes = family.false_scenes(task) if isinstance(family, HasTricks) else {}
    own_stages = {name: partial(before, scene) for name, scene in scenes.items()}
    for motion in (*MOTIONS, *(BOX_MOTIONS if pushes else ()), *ways):
        way = ways.get(motion)
        points = (
            _moved(task, motion, walk) if way is None else walk_positions(way.points, num_frames, None, _aspect(task))
        )
        if motion in MAY_BE_LEGAL and is_legal(task, points[:, :2]):
            continue
        if motion != "exact" and np.array_equal(points, walk, equal_nan=True):
            continue  # nothing to cut off in this task
        if motion in HOPS and sizes_per_frame(task, HOPS[motion] + 1) <= STEP:
            continue
        if sizes_per_frame(task, num_frames) > SLOW.get(motion, np.inf):
            continue
        for stage, build in (STAGES | (BOX_STAGES if pushes else {}) | own_stages).items():
            false_motion, false_stage = motion != "exact", stage != "plain"
            if not (false_motion or false_stage) or (false_motion and false_stage and not pairs):
                continue
            name = motion if not false_stage else stage if not false_motion else f"{motion}+{stage}"
            yield Example(name=name, kind="cheat", video=_perform(build(task, points[:, :2]), points))


def honest(task: Task, num_frames: int, rng: np.random.Generator) -> Iterator[Example]:
    """The solution in many guises, its prefixes, and videos too disturbed to be ranked."""
    family, size = family_of(task), max(task.first_frame.shape[:2])
    stage, way = plain_stage(task, task.solution.points), _joint_way(task)
    exact = _perform(stage, walk_positions(way, num_frames, None, _aspect(task)))
    yield Example(name="exact", kind="honest", video=exact)
    yield Example(name="exact_long", kind="honest", video=_walk(stage, task, 2 * num_frames - 1, 1.0))
    yield Example(name="waits", kind="honest", video=_walk(stage, task, num_frames, 0.6, wait=True))
    for factor in (2, 4):
        if sizes_per_frame(task, round(num_frames / factor)) <= RESOLVABLE:
            yield Example(name=f"fast{factor}x", kind="honest", video=_walk(stage, task, num_frames, 1 / factor))
    yield Example(name="double_size", kind="honest", video=np.stack([cv2.resize(f, None, fx=2, fy=2) for f in exact]))
    if _is_own(task):
        drawn = family.render(task, task.solution, num_frames, round(1.4 * size))
        yield Example(name="drawn_larger", kind="honest", video=drawn)
    for name, disturb in DISTURBANCES.items():
        kind: Kind = "unranked" if name in UNRANKED else "honest"
        yield Example(name=name, kind=kind, video=disturb(exact, rng))
    for per_cent in PREFIXES:
        points = until(np.minimum(np.linspace(0, 1.2, num_frames), per_cent / 100), way)
        yield Example(name=f"prefix{per_cent}", kind="prefix", video=_perform(stage, points))


def _walk(stage: Set, task: Task, num_frames: int, share: float, wait: bool = False) -> Video:
    """The solution in `share` of the frames, at the start of the video or after a wait."""
    moving = max(2, round(share * num_frames))
    walk = until(np.linspace(0, 1, moving), _joint_way(task))
    rest = num_frames - moving
    return _perform(stage, np.pad(walk, ((rest, 0) if wait else (0, rest), (0, 0)), mode="edge"))


def _perform(stage: Set, points: Joint) -> Video:
    others = [(sprite, points[:, 2 * index : 2 * index + 2]) for index, sprite in enumerate(stage.others, start=1)]
    layers = [*stage.below, *others, (stage.agent, points[:, :2]), *stage.above]
    return draw_sprites(stage.background, layers)


def _joint_way(task: Task) -> Joint:
    """The solution [N, 2 O], with what its agent moves."""
    points, family = task.solution.points, family_of(task)
    if not isinstance(family, MovesObjects):
        return points
    return np.concatenate([points, family.follow(task, task.solution).reshape(len(points), -1)], axis=1)


def _aspect(task: Task) -> float:
    return float(task.first_frame.shape[0] / task.first_frame.shape[1])


def _is_own(task: Task) -> bool:
    """Whether the family draws this task as its first frame shows it; foreign skins it cannot draw."""
    drawn = family_of(task).render(task, task.solution, 1, max(task.first_frame.shape[:2]))[0]
    return drawn.shape == task.first_frame.shape and bool(np.abs(drawn.astype(int) - task.first_frame).mean() < 1)


# ------------------------------------------------------------------------------------------------ motions


def _moved(task: Task, motion: str, walk: Joint) -> Joint:
    """All objects in a motion, given the solution."""
    if motion in BOX_MOTIONS:
        return BOX_MOTIONS[motion](walk)
    agent, *others = (walk[:, column : column + 2] for column in range(0, walk.shape[1], 2))
    move = MOTIONS[motion]
    moved = [move(task, each) if motion in TOGETHER else each for each in others]
    return np.concatenate([move(task, agent), *moved], axis=1)


def _frame_at(walk: Points, share: float) -> int:
    """The last frame that shows at most this share of the way of an object that moves along."""
    return int(share * int(MOTION_SHARE * (len(walk) - 1)))


def _straight(task: Task, walk: Points) -> Points:
    share = np.linspace(0, 1, len(walk), dtype=np.float32)[:, None]
    return np.asarray(walk[0] + share * (walk[-1] - walk[0]))


def _direct(task: Task, walk: Points) -> Points:
    """Along the row and then the column, whatever lies there; the other way around where that breaks no rule."""
    corners = ((walk[-1, 0], walk[0, 1]), (walk[0, 0], walk[-1, 1]))
    ways = [np.asarray([walk[0], corner, walk[-1]], np.float32) for corner in corners]
    first, second = (walk_positions(way, len(walk), None, _aspect(task)) for way in ways)
    return second if is_legal(task, first) else first


def _jump(task: Task, walk: Points) -> Points:
    return np.asarray(np.where(np.arange(len(walk))[:, None] < len(walk) // 2, walk[0], walk[-1]))


def _two_jumps(task: Task, walk: Points) -> Points:
    middle = walk[_frame_at(walk, 0.5)]
    third = np.arange(len(walk))[:, None] * 3 // len(walk)
    return np.asarray(np.where(third == 0, walk[0], np.where(third == 1, middle, walk[-1])))


def _vanish(task: Task, walk: Points) -> Points:
    return np.where(np.arange(len(walk))[:, None] < len(walk) // 2, walk, np.nan).astype(np.float32)


def _vanish_and_arrive(task: Task, walk: Points) -> Points:
    points = walk.copy()
    points[len(walk) // 4 : -1] = np.nan
    return points


def _flickers(task: Task, walk: Points) -> Points:
    """There in every other frame only, and at the end."""
    points = walk.copy()
    points[1:-2:2] = np.nan
    return points


def _blinks(task: Task, walk: Points) -> Points:
    """Rests while it is seen, and moves while it is not: two gaps of two frames."""
    points = _two_jumps(task, walk)
    for third in (1, 2):
        first = -(-third * len(walk) // 3)
        points[first - 1 : first + 1] = np.nan
    return points


def _shortcut(hidden: int) -> Callable[[Task, Points], Points]:
    """The way at twice its pace, but for one hop over what lies between two places near each other.

    The agent is not seen in so many frames of the hop. Without such places it is the way itself.
    """

    def move(task: Task, walk: Points) -> Points:
        fast = walk[::2]
        gone = np.concatenate([[0.0], in_sizes(task, np.diff(fast, axis=0)).cumsum()])
        apart = in_sizes(task, (fast[:, None] - fast[None]).reshape(-1, 2)).reshape(len(fast), -1)
        saved = np.where(apart <= SHORTCUT, gone[None] - gone[:, None] - apart, 0.0)
        start, end = np.unravel_index(int(saved.argmax()), saved.shape)
        if saved[start, end] < SAVED:
            return walk
        unseen = np.full((hidden, walk.shape[1]), np.nan, np.float32)
        points = np.concatenate([fast[: start + 1], unseen, fast[end:]])[: len(walk)]
        return np.pad(points, ((0, len(walk) - len(points)), (0, 0)), mode="edge")

    return move


def _leave(task: Task, walk: Points) -> Points:
    there = walk[::2][: (len(walk) + 1) // 2]
    return np.concatenate([there, there[::-1]])[: len(walk)]


def _step_off(task: Task, walk: Points) -> Points:
    """Reach the goal and go back by one agent's size in the last frames."""
    size = 1 / float(in_sizes(task, np.diff(task.solution.points, axis=0)).sum())
    return np.concatenate([walk[:-2], walk[[_frame_at(walk, 1 - size)] * 2]])


def _gone_at_the_end(task: Task, walk: Points) -> Points:
    points = walk.copy()
    points[-2:] = np.nan
    return points


def _sweep(task: Task, walk: Points) -> Points:
    rows = max(2, round(1 / task.objects["agent"].height))
    corners = [((0.03, 0.97)[(row + side) % 2], (row + 0.5) / rows) for row in range(rows) for side in (0, 1)]
    swept = walk_positions(np.asarray([walk[0], *corners, walk[-1]], np.float32), len(walk), None, _aspect(task))
    swept[-1] = walk[-1]
    return swept


def _in_the_wall(task: Task, walk: Points) -> Points:
    """Half an agent's size beside the way, or more where it is neither level nor upright."""
    box, ahead = task.objects["agent"], walk[1] - walk[0]
    down = -0.5 if ahead[0] * ahead[1] > 0 else 0.5
    aside = walk + np.asarray([0.5 * box.width, down * box.height], np.float32)
    aside[0], aside[-1] = walk[0], walk[-1]
    return aside


MOTIONS: dict[str, Callable[[Task, Points], Points]] = {
    "exact": lambda task, walk: walk,
    "frozen": lambda task, walk: np.repeat(walk[:1], len(walk), axis=0),
    "straight": _straight,
    "direct": _direct,
    "teleport": _jump,
    "two_jumps": _two_jumps,
    "vanish": _vanish,
    "vanish_and_arrive": _vanish_and_arrive,
    "flickers": _flickers,
    "blinks": _blinks,
    "shortcut": _shortcut(0),
    "shortcut_unseen": _shortcut(2),
    "leave": _leave,
    "step_off": _step_off,
    "gone_at_the_end": _gone_at_the_end,
    "sweep": _sweep,
    "in_the_wall": _in_the_wall,
}
"""Where the agent is in each frame [T, 2], given the solution; all but `exact` are false, or may be (MAY_BE_LEGAL)."""

MAY_BE_LEGAL = ("straight", "direct", "in_the_wall", "through_the_box")
"""On an open floor, or where the solution is straight, these may be honest videos, which are left out."""

SLOW = {"half_push": 0.75}
"""Motions that show something false only up to so many agent sizes a frame: a quick agent may have pushed and turned
back between two frames."""

HOPS = {"teleport": 1, "two_jumps": 2, "blinks": 2}
"""Motions in which the agent gets to the goal in this many hops."""

TOGETHER = ("frozen", "straight", "teleport", "two_jumps", "blinks", "leave", "step_off")
"""Motions in which the other objects do likewise; in all others they move as in the solution."""
