"""The zoo: honest videos and cheating videos of a task, drawn from its own first frame and sprites.

A video is a motion (where the agent is in each frame) on a stage (what else is shown). Honest videos are the solution
in many guises; a cheat has a false motion, a false stage, or one of each.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.tasks import family_of
from wan_r1.tasks.draw import draw_sprites, walk_positions
from wan_r1.trackers.scene import without_objects
from wan_r1.types import Box, Sprite, Task

__all__ = ["DISTURBANCES", "MOTIONS", "PREFIXES", "STAGES", "Example", "Kind", "honest", "zoo"]

Kind = Literal["honest", "prefix", "unranked", "cheat"]
Video = NDArray[np.uint8]
Points = NDArray[np.float32]
Layers = list[tuple[Sprite, Points]]

PREFIXES = (25, 50, 75)
"""Per cent of the way after which an honest video stops and rests."""

RESOLVABLE = 2.0
"""Agent sizes per frame up to which a fast video is counted as honest."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Example:
    """One video [T, H, W, 3] uint8 of a task, with what it is and its name in the zoo."""

    name: str
    kind: Kind
    video: Video


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Set:
    """What is on stage: a still background [H, W, 3], the agent's sprite, and layers drawn below and above it."""

    background: Video
    agent: Sprite
    below: tuple[tuple[Sprite, Points], ...] = ()
    above: tuple[tuple[Sprite, Points], ...] = ()


Move = Callable[[Task, Points], Points]
Build = Callable[[Task, Points], _Set]


def zoo(task: Task, num_frames: int, seed: int = 0, pairs: bool = True) -> Iterator[Example]:
    """All honest and cheating videos of a task; `pairs` adds each false motion on each false stage."""
    if num_frames < 9:
        raise ConfigError(f"num_frames: {num_frames}; the zoo needs at least 9 to show its motions")
    rng = np.random.default_rng([seed, task.seed % 2**32])
    yield from honest(task, num_frames, rng)
    walk = walk_positions(task.solution.points, num_frames, None, _aspect(task))
    for motion, move in _motions(task).items():
        for stage, build in _stages(task).items():
            false_motion, false_stage = motion != "exact", stage != "plain"
            if not (false_motion or false_stage) or (false_motion and false_stage and not pairs):
                continue
            points = move(task, walk)
            name = motion if not false_stage else stage if not false_motion else f"{motion}+{stage}"
            yield Example(name=name, kind="cheat", video=_perform(build(task, points), points))


def honest(task: Task, num_frames: int, rng: np.random.Generator) -> Iterator[Example]:
    """The solution in many guises, its prefixes, and videos too disturbed to be ranked."""
    family, size = family_of(task), max(task.first_frame.shape[:2])
    stage = _Set(background=without_objects(task), agent=task.sprites["agent"])
    exact = _perform(stage, walk_positions(task.solution.points, num_frames, None, _aspect(task)))
    yield Example(name="exact", kind="honest", video=exact)
    yield Example(name="exact_long", kind="honest", video=_walk(stage, task, 2 * num_frames - 1, 1.0))
    yield Example(name="waits", kind="honest", video=_walk(stage, task, num_frames, 0.6, wait=True))
    for factor in (2, 4):
        if _sizes_per_frame(task, round(num_frames / factor)) <= RESOLVABLE:
            yield Example(name=f"fast{factor}x", kind="honest", video=_walk(stage, task, num_frames, 1 / factor))
    yield Example(name="double_size", kind="honest", video=np.stack([cv2.resize(f, None, fx=2, fy=2) for f in exact]))
    if _is_own(task):
        drawn = family.render(task, task.solution, num_frames, round(1.4 * size))
        yield Example(name="drawn_larger", kind="honest", video=drawn)
    for name, disturb in DISTURBANCES.items():
        kind: Kind = "unranked" if name in UNRANKED else "honest"
        yield Example(name=name, kind=kind, video=disturb(exact, rng))
    for per_cent in PREFIXES:
        points = _until(np.minimum(np.linspace(0, 1.2, num_frames), per_cent / 100), task.solution.points)
        yield Example(name=f"prefix{per_cent}", kind="prefix", video=_perform(stage, points))


def _motions(task: Task) -> dict[str, Move]:
    """The motions that make sense for a task, and those that its family adds by `false_ways(task)`."""
    found = {name: move for name, move in MOTIONS.items() if name != "straight" or not _is_straight(task)}
    false_ways = getattr(family_of(task), "false_ways", None)
    for name, path in false_ways(task).items() if false_ways else ():
        found[name] = partial(_go_along, path.points)
    return found


def _stages(task: Task) -> dict[str, Build]:
    """The stages that make sense for a task, and those that its family adds by `false_scenes(task)`."""
    has_walls = getattr(task.state, "grid", None) is not None
    found = {name: build for name, build in STAGES.items() if name != "walls_erased" or has_walls}
    false_scenes = getattr(family_of(task), "false_scenes", None)
    for name, background in false_scenes(task).items() if false_scenes else ():
        found[name] = partial(_before, background)
    return found


def _go_along(way: Points, task: Task, walk: Points) -> Points:
    return walk_positions(way, len(walk), None, _aspect(task))


def _before(background: Video, task: Task, points: Points) -> _Set:
    return _Set(background=background, agent=task.sprites["agent"])


def _walk(stage: _Set, task: Task, num_frames: int, share: float, wait: bool = False) -> Video:
    """The solution in `share` of the frames, at the start of the video or after a wait."""
    moving = max(2, round(share * num_frames))
    walk = _until(np.linspace(0, 1, moving), task.solution.points)
    rest = num_frames - moving
    return _perform(stage, np.pad(walk, ((rest, 0) if wait else (0, rest), (0, 0)), mode="edge"))


def _perform(stage: _Set, points: Points) -> Video:
    return draw_sprites(stage.background, [*stage.below, (stage.agent, points), *stage.above])


def _aspect(task: Task) -> float:
    return float(task.first_frame.shape[0] / task.first_frame.shape[1])


def _is_own(task: Task) -> bool:
    """Whether the family draws this task as its first frame shows it; foreign skins it cannot draw."""
    drawn = family_of(task).render(task, task.solution, 1, max(task.first_frame.shape[:2]))[0]
    return drawn.shape == task.first_frame.shape and bool(np.abs(drawn.astype(int) - task.first_frame).mean() < 1)


def _is_straight(task: Task) -> bool:
    """Whether the straight line from start to goal stays within half an agent's size of the solution."""
    points = task.solution.points
    line = _until(np.linspace(0, 1, len(points)), points[[0, -1]])
    return bool(_in_sizes(task, _until(np.linspace(0, 1, len(points)), points) - line).max() < 0.5)


def _sizes_per_frame(task: Task, num_frames: int) -> float:
    return float(_in_sizes(task, np.diff(task.solution.points, axis=0)).sum() / max(1, num_frames - 1))


def _in_sizes(task: Task, steps: Points) -> NDArray[np.float64]:
    box = task.objects["agent"]
    return np.asarray(np.hypot(steps[:, 0] / box.width, steps[:, 1] / box.height))


def _until(shares: NDArray[np.float64], points: Points) -> Points:
    """Points [T, 2] at shares [T] in [0, 1] of the way along a polyline."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(points, axis=0).T).cumsum()])
    return np.stack([np.interp(shares * along[-1], along, points[:, k]) for k in (0, 1)], axis=1).astype(np.float32)


# ------------------------------------------------------------------------------------------- disturbances

UNRANKED = ("noise40", "flicker")


def _noise(video: Video, rng: np.random.Generator, sigma: float) -> Video:
    return (video + rng.normal(0, sigma, video.shape)).round().clip(0, 255).astype(np.uint8)


def _flicker(video: Video, rng: np.random.Generator) -> Video:
    light = rng.integers(-60, 61, len(video))[:, None, None, None]
    return (video.astype(int) + light).clip(0, 255).astype(np.uint8)


DISTURBANCES: dict[str, Callable[[Video, np.random.Generator], Video]] = {
    "dark8": lambda video, rng: (video.astype(int) - 8).clip(0, 255).astype(np.uint8),
    "noise12": lambda video, rng: _noise(video, rng, 12),
    "low_contrast": lambda video, rng: (video * 0.9 + 12).round().astype(np.uint8),
    "blur": lambda video, rng: np.stack(
        [cv2.GaussianBlur(frame, (0, 0), video.shape[2] / 256 + 0.3) for frame in video]
    ),
    "noise40": lambda video, rng: _noise(video, rng, 40),
    "flicker": _flicker,
}
"""What happens to the whole picture of an honest video."""


# ------------------------------------------------------------------------------------------------ motions


def _straight(task: Task, walk: Points) -> Points:
    share = np.linspace(0, 1, len(walk), dtype=np.float32)[:, None]
    return np.asarray(walk[0] + share * (walk[-1] - walk[0]))


def _jump(task: Task, walk: Points) -> Points:
    return np.asarray(np.where(np.arange(len(walk))[:, None] < len(walk) // 2, walk[0], walk[-1]))


def _two_jumps(task: Task, walk: Points) -> Points:
    middle = _until(np.asarray([0.5]), task.solution.points)[0]
    third = np.arange(len(walk))[:, None] * 3 // len(walk)
    return np.asarray(np.where(third == 0, walk[0], np.where(third == 1, middle, walk[-1])))


def _vanish(task: Task, walk: Points) -> Points:
    return np.where(np.arange(len(walk))[:, None] < len(walk) // 2, walk, np.nan).astype(np.float32)


def _vanish_and_arrive(task: Task, walk: Points) -> Points:
    points = walk.copy()
    points[len(walk) // 4 : -1] = np.nan
    return points


def _leave(task: Task, walk: Points) -> Points:
    there = walk[::2][: (len(walk) + 1) // 2]
    return np.concatenate([there, there[::-1]])[: len(walk)]


def _step_off(task: Task, walk: Points) -> Points:
    """Reach the goal and go back by one agent's size in the last frames."""
    size = 1 / float(_in_sizes(task, np.diff(task.solution.points, axis=0)).sum())
    return np.concatenate([walk[:-2], _until(np.asarray([1 - size] * 2), task.solution.points)])


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
    box = task.objects["agent"]
    aside = walk + np.asarray([0.5 * box.width, 0.5 * box.height], np.float32)
    aside[0], aside[-1] = walk[0], walk[-1]
    return aside


MOTIONS: dict[str, Move] = {
    "exact": lambda task, walk: walk,
    "frozen": lambda task, walk: np.repeat(walk[:1], len(walk), axis=0),
    "straight": _straight,
    "teleport": _jump,
    "two_jumps": _two_jumps,
    "vanish": _vanish,
    "vanish_and_arrive": _vanish_and_arrive,
    "leave": _leave,
    "step_off": _step_off,
    "gone_at_the_end": _gone_at_the_end,
    "sweep": _sweep,
    "in_the_wall": _in_the_wall,
}
"""Where the agent is in each frame [T, 2]; all but `exact` are false."""


# ------------------------------------------------------------------------------------------------- stages


def _plain(task: Task, points: Points) -> _Set:
    return _Set(background=without_objects(task), agent=task.sprites["agent"])


def _still(point: tuple[float, float], num_frames: int) -> Points:
    return np.repeat(np.asarray([point], np.float32), num_frames, axis=0)


def _clone_at_start(task: Task, points: Points) -> _Set:
    plain = _plain(task, points)
    return replace(plain, below=((plain.agent, _still(task.objects["agent"].center, len(points))),))


def _clone_at_goal(task: Task, points: Points) -> _Set:
    plain = _plain(task, points)
    clone = _still(task.goals[0].center, len(points))
    clone[0] = np.nan
    return replace(plain, below=((plain.agent, clone),))


def _goal_moved(task: Task, points: Points) -> _Set:
    plain = _plain(task, points)
    goal = _still(task.objects["agent"].center, len(points))
    return replace(plain, background=_painted_over(plain.background, task), below=((task.sprites["goal"], goal),))


def _goal_on_agent(task: Task, points: Points) -> _Set:
    return replace(_plain(task, points), above=((task.sprites["goal"], points),))


def _walls_erased(task: Task, points: Points) -> _Set:
    """Every wall becomes the ground below the agent's start; only for boards (`state.grid`)."""
    plain = _plain(task, points)
    grid = task.state.grid
    background = plain.background.copy()
    ground = _cut(plain.background, task.objects["agent"])
    for row, col in np.argwhere(grid == 1):
        shape = grid.shape
        _paint(background, Box(x=col / shape[1], y=row / shape[0], width=1 / shape[1], height=1 / shape[0]), ground)
    return replace(plain, background=background)


def _scaled(factor: float) -> Build:
    def build(task: Task, points: Points) -> _Set:
        plain = _plain(task, points)
        sizes = [max(1, round(factor * length)) for length in plain.agent.alpha.shape]
        rgb = cv2.resize(plain.agent.rgb, (sizes[1], sizes[0]), interpolation=cv2.INTER_LINEAR)
        alpha = cv2.resize(plain.agent.alpha, (sizes[1], sizes[0]), interpolation=cv2.INTER_LINEAR)
        return replace(plain, agent=Sprite(rgb=rgb, alpha=alpha))

    return build


def _background_agent(task: Task, points: Points) -> _Set:
    """The agent is made of the ground that it walks on."""
    plain = _plain(task, points)
    ground = _cut(plain.background, task.objects["agent"])
    rgb = cv2.resize(ground, plain.agent.alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return replace(plain, agent=Sprite(rgb=np.asarray(rgb), alpha=plain.agent.alpha))


def _painted_over(background: Video, task: Task) -> Video:
    picture = background.copy()
    for goal in task.goals:
        _paint(picture, goal, _cut(background, task.objects["agent"]))
    return picture


def _span(picture: Video, box: Box) -> tuple[slice, slice]:
    height, width = picture.shape[:2]
    return (
        slice(round(box.y * height), round((box.y + box.height) * height)),
        slice(round(box.x * width), round((box.x + box.width) * width)),
    )


def _cut(picture: Video, box: Box) -> Video:
    return picture[_span(picture, box)].copy()


def _paint(picture: Video, box: Box, patch: Video) -> None:
    region = picture[_span(picture, box)]
    region[:] = cv2.resize(patch, region.shape[1::-1], interpolation=cv2.INTER_LINEAR)


STAGES: dict[str, Build] = {
    "plain": _plain,
    "clone_at_start": _clone_at_start,
    "clone_at_goal": _clone_at_goal,
    "goal_moved": _goal_moved,
    "goal_on_agent": _goal_on_agent,
    "walls_erased": _walls_erased,
    "agent_larger": _scaled(1.7),
    "agent_smaller": _scaled(0.5),
    "agent_of_ground": _background_agent,
}
"""What else is shown; all but `plain` are false."""
