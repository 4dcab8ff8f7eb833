"""Stages of the zoo: what a video shows beside the motion of its objects, true or false."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.rewards.patches import cut, paint
from wan_r1.tasks import HasTricks, family_of
from wan_r1.trackers.scene import without_objects
from wan_r1.types import Box, Sprite, Task

__all__ = ["BOX_STAGES", "STAGES", "Set", "before", "plain_stage"]

Video = NDArray[np.uint8]
Points = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Set:
    """What is on stage: a still background [H, W, 3], sprites of agent and other objects, layers below and above."""

    background: Video
    agent: Sprite
    others: tuple[Sprite, ...] = ()
    below: tuple[tuple[Sprite, Points], ...] = ()
    above: tuple[tuple[Sprite, Points], ...] = ()


def plain_stage(task: Task, points: Points) -> Set:
    """Nothing false: the task's own background, agent and other objects."""
    others = tuple(task.sprites[name] for name in task.objects if name != "agent")
    return Set(background=without_objects(task), agent=task.sprites["agent"], others=others)


def _still(point: tuple[float, float], num_frames: int) -> Points:
    return np.repeat(np.asarray([point], np.float32), num_frames, axis=0)


def _clone_at_start(task: Task, points: Points) -> Set:
    plain = plain_stage(task, points)
    return replace(plain, below=((plain.agent, _still(task.objects["agent"].center, len(points))),))


def _faint_clone(task: Task, points: Points) -> Set:
    """A half transparent agent stays at the start."""
    plain = plain_stage(task, points)
    ghost = replace(plain.agent, alpha=(0.6 * plain.agent.alpha).astype(plain.agent.alpha.dtype))
    return replace(plain, below=((ghost, _still(task.objects["agent"].center, len(points))),))


def _clone_at_goal(task: Task, points: Points) -> Set:
    plain = plain_stage(task, points)
    return replace(plain, below=((plain.agent, _from_second(task.goals[0].center, len(points))),))


def _larger_clone(task: Task, points: Points) -> Set:
    """Something larger that looks like the agent waits at the goal."""
    larger = _scaled(1.7)(task, points).agent
    return replace(plain_stage(task, points), below=((larger, _from_second(task.goals[0].center, len(points))),))


def _box_at_goal(task: Task, points: Points) -> Set:
    plain = plain_stage(task, points)
    return replace(plain, below=((plain.others[0], _from_second(task.goals[0].center, len(points))),))


def _from_second(point: tuple[float, float], num_frames: int) -> Points:
    """Still, from the second frame on."""
    points = _still(point, num_frames)
    points[0] = np.nan
    return points


def before(scene: Video, task: Task, points: Points) -> Set:
    """The true objects before another scene [H, W, 3]."""
    return replace(plain_stage(task, points), background=scene)


def _goal_moved(task: Task, points: Points) -> Set:
    plain = plain_stage(task, points)
    goal = _still(task.objects["agent"].center, len(points))
    return replace(plain, background=_painted_over(plain.background, task), below=((task.sprites["goal"], goal),))


def _goal_erased(task: Task, points: Points) -> Set:
    """Ground where the goal was."""
    plain = plain_stage(task, points)
    return replace(plain, background=_painted_over(plain.background, task))


def _goal_on_agent(task: Task, points: Points) -> Set:
    return replace(plain_stage(task, points), above=((task.sprites["goal"], points),))


def _erased(step: int) -> Callable[[Task, Points], Set]:
    """Every `step`-th wall becomes the ground below the agent's start.

    Walls are those of a board (`state.grid`), or what the family's `blocked_area` says, in columns of an agent's width;
    else nothing is erased.
    """

    def build(task: Task, points: Points) -> Set:
        plain = plain_stage(task, points)
        background, agent = plain.background.copy(), task.objects["agent"]
        ground = cut(plain.background, agent)
        grid, area = getattr(task.state, "grid", None), getattr(family_of(task), "blocked_area", None)
        if grid is not None:
            height, width = 1 / grid.shape[0], 1 / grid.shape[1]
            for row, col in np.argwhere(grid == 1)[::step]:
                paint(background, Box(x=col * width, y=row * height, width=width, height=height), ground)
        elif area is not None:
            rows, cols = (slice(length // 4, -(length // 4) or None) for length in ground.shape[:2])
            columns = np.arange(background.shape[1]) // max(1, ground.shape[1]) % step == 0
            blocked = area(task, max(background.shape[:2])) & columns
            background[blocked] = np.median(ground[rows, cols], axis=(0, 1))
        return replace(plain, background=background)

    return build


def _walls_faded(task: Task, points: Points) -> Set:
    """A third of the walls' colour is left."""
    family, plain = family_of(task), plain_stage(task, points)
    scenes = family.false_scenes(task) if isinstance(family, HasTricks) else {}
    erased = scenes.get("walls_erased")
    erased = _erased(1)(task, points).background if erased is None else erased
    return replace(plain, background=cv2.addWeighted(plain.background, 0.35, erased, 0.65, 0))


def _scaled(factor: float) -> Callable[[Task, Points], Set]:
    def build(task: Task, points: Points) -> Set:
        plain = plain_stage(task, points)
        sizes = [max(1, round(factor * length)) for length in plain.agent.alpha.shape]
        rgb = cv2.resize(plain.agent.rgb, (sizes[1], sizes[0]), interpolation=cv2.INTER_LINEAR)
        alpha = cv2.resize(plain.agent.alpha, (sizes[1], sizes[0]), interpolation=cv2.INTER_LINEAR)
        return replace(plain, agent=Sprite(rgb=rgb, alpha=alpha))

    return build


def _background_agent(task: Task, points: Points) -> Set:
    """The agent is made of the ground that it walks on."""
    plain = plain_stage(task, points)
    ground = cut(plain.background, task.objects["agent"])
    rgb = cv2.resize(ground, plain.agent.alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return replace(plain, agent=Sprite(rgb=np.asarray(rgb), alpha=plain.agent.alpha))


def _painted_over(background: Video, task: Task) -> Video:
    picture = background.copy()
    for goal in task.goals:
        paint(picture, goal, cut(background, task.objects["agent"]))
    return picture


STAGES: dict[str, Callable[[Task, Points], Set]] = {
    "plain": plain_stage,
    "clone_at_start": _clone_at_start,
    "clone_at_goal": _clone_at_goal,
    "larger_clone": _larger_clone,
    "goal_moved": _goal_moved,
    "goal_erased": _goal_erased,
    "goal_on_agent": _goal_on_agent,
    "walls_erased": _erased(1),
    "half_walls_erased": _erased(2),
    "walls_faded": _walls_faded,
    "faint_clone": _faint_clone,
    "agent_larger": _scaled(1.7),
    "agent_smaller": _scaled(0.5),
    "agent_of_ground": _background_agent,
}
"""What else is shown; all but `plain` are false."""

BOX_STAGES: dict[str, Callable[[Task, Points], Set]] = {"box_at_goal": _box_at_goal}
"""Further false stages for tasks with boxes."""
