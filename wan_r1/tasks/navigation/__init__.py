"""The family `navigation`: a robot walks through a room to a named object; the video is what its camera sees."""

from dataclasses import asdict, dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks.difficulty import NAVIGATION_LEVELS, NavigationLevel, level_named
from wan_r1.tasks.navigation import rules
from wan_r1.tasks.navigation.floor_plan import draw_map
from wan_r1.tasks.navigation.furniture import Furniture
from wan_r1.tasks.navigation.generate import build_room, room_key, sees_target
from wan_r1.tasks.navigation.render import draw_views
from wan_r1.tasks.navigation.room import (
    ROBOT_RADIUS_M,
    NavigationState,
    clearance,
    goal_pose,
    to_room,
)
from wan_r1.tasks.navigation.solve import headings_of, path_length, plan_path, walked_part
from wan_r1.tasks.split import SPLITS, split_of
from wan_r1.types import Path, Task, Track, Verdict

__all__ = [
    "PROMPTS",
    "ROBOT_RADIUS_M",
    "Furniture",
    "NavigationFamily",
    "NavigationState",
    "clearance",
    "draw_map",
    "path_length",
    "to_room",
]

MAX_TRIES = 4000
MIN_PX = 16
"""Least side of a picture; below, nothing can be told apart."""
PROMPTS = ("mixed", "explicit", "implicit")
ERRANT = 7
"""Part of the seed of demonstrators' errors."""
OTHER_SHARE = 0.5
"""Share of the errors that walk to another piece, if one can be reached; the others stop on the way."""
STOP_SHARES = (0.3, 0.7)
"""Shares of the way after which they stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NavigationFamily:
    """Rooms with furniture; the camera walks to one piece and stops in front of it, facing it."""

    level: str = field(default="tiny", metadata={"help": "tiny, easy, medium or hard"})
    size: int | None = field(default=None, metadata={"help": "picture side in px; None is the level's native size"})
    split: str | None = field(
        default=None, metadata={"help": "train, validation or test: only rooms of that side; None takes all"}
    )
    prompts: str = field(default="mixed", metadata={"help": "explicit names the target, implicit a wish, or mixed"})

    def __post_init__(self) -> None:
        level_named(NAVIGATION_LEVELS, self.level)
        if self.size is not None and self.size < MIN_PX:
            raise ConfigError(f"navigation: {self.size} x {self.size} px are too few; take at least {MIN_PX}")
        if self.split is not None and self.split not in SPLITS:
            raise ConfigError(f"split {self.split!r}: unknown; use {', '.join(SPLITS)} or none")
        if self.prompts not in PROMPTS:
            raise ConfigError(f"prompts {self.prompts!r}: unknown; use {', '.join(PROMPTS)}")

    @property
    def parameters(self) -> NavigationLevel:
        """Parameters of this level."""
        return level_named(NAVIGATION_LEVELS, self.level)

    def generate(self, seed: int) -> Task:
        """The room of this seed."""
        rng = np.random.default_rng(seed)
        for _ in range(MAX_TRIES):
            state = build_room(rng, self.parameters, self.prompts)
            if state is None or (self.split is not None and split_of(room_key(state)) != self.split):
                continue
            path = plan_path(state)
            if path is not None and self._fits(state, path):
                return self.task(state, seed)
        raise GenerationError(f"navigation level {self.level!r}, split {self.split!r}: no room after {MAX_TRIES} tries")

    def task(self, state: NavigationState, seed: int = 0) -> Task:
        """The task of a given room. GenerationError if its target cannot be reached."""
        path = plan_path(state)
        if path is None:
            raise GenerationError(
                f"navigation: no way from {state.start} to the front of {state.furniture[state.target]}"
            )
        size = self.size or self.parameters.native_px
        return Task(
            family="navigation",
            seed=seed,
            settings=asdict(self),
            prompt=state.prompt,
            first_frame=draw_views(state, np.asarray([state.start]), size)[0],
            objects={},
            sprites={},
            goals=(),
            solution=path,
            state=state,
        )

    def render(self, task: Task, path: Path, num_frames: int, size: int) -> NDArray[np.uint8]:
        """Video [num_frames, size, size, 3] of the camera going along `path` (metres, points evenly spaced in time).

        It looks along `path.headings`, or where it goes if there are none.
        """
        return draw_views(task.state, self.poses(task, path, num_frames), size)

    def poses(self, task: Task, path: Path, num_frames: int) -> NDArray[np.float64]:
        """Camera poses [num_frames, 3] (x, y, yaw) in the room frame on the way along `path`."""
        headings = headings_of(path.points) if path.headings is None else path.headings.astype(np.float64)
        moments = np.linspace(0, len(path.points) - 1, num_frames)
        given = np.arange(len(path.points))
        columns = (*to_room(task.state.start, path.points).T, headings + task.state.start[2])
        return np.stack([np.interp(moments, given, column) for column in columns], axis=1)

    def anchor_frame(self, task: Task) -> NDArray[np.uint8]:
        """What the camera saw at the earlier pose, [H, W, 3]; the task's `first_frame` is what it sees at the start."""
        frames = draw_views(task.state, np.asarray([task.state.anchor]), task.first_frame.shape[0])
        return np.asarray(frames[0])

    def errant_walk(self, task: Task, chance: float) -> Path:
        """The way of a demonstrator who, with this chance, walks to another piece or stops on the way."""
        rng = np.random.default_rng([task.seed, ERRANT])
        if rng.random() >= chance:
            return task.solution
        if rng.random() < OTHER_SHARE:
            for index in rng.permutation(len(task.state.furniture)):
                way = None if index == task.state.target else plan_path(replace(task.state, target=int(index)))
                if way is not None:
                    return way
        return walked_part(task.solution, rng.uniform(*STOP_SHARES))

    def judge(self, task: Task, track: Track) -> Verdict:
        """The facts about a track of the camera in metres; see tasks/navigation/rules.py."""
        return rules.judge(task, track)

    def layout_key(self, task: Task) -> bytes:
        """A key that is equal for the same room."""
        return room_key(task.state)

    def _fits(self, state: NavigationState, path: Path) -> bool:
        level, headings = self.parameters, path.headings
        assert headings is not None
        turn = float(np.abs(np.diff(headings)).sum())
        right_length = level.distance_m[0] <= path_length(path.points) <= level.distance_m[1]
        return right_length and level.turn_rad[0] <= turn <= level.turn_rad[1] and sees_target(state, goal_pose(state))
