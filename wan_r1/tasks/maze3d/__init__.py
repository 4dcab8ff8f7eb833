"""The family `maze3d`: VR-Bench's 3D maze of cubes and ladders, and a tiny level for small models."""

from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks.demonstrator import ERRANT, walk_with_wrong_turns
from wan_r1.tasks.difficulty import MAZE3D_LEVELS, Maze3DLevel, level_named
from wan_r1.tasks.maze3d import rules, tricks
from wan_r1.tasks.maze3d.generate import Ladder, Maze3DState, build_maze, canonical_maze
from wan_r1.tasks.maze3d.render import draw_positions, draw_walk, goal_box, maze3d_prompt, sprites
from wan_r1.tasks.maze3d.solve import branches, shortest_path
from wan_r1.tasks.maze3d.view import Cube, ball_size, project, standing
from wan_r1.tasks.skin_folders import check_skin
from wan_r1.tasks.split import SPLITS, split_of
from wan_r1.types import Box, Path, Task, Track, Verdict

__all__ = ["Ladder", "Maze3DFamily", "Maze3DState", "ball_box", "solution_path"]

MAX_TRIES = 1000
MIN_PX = 16
"""Least side of a picture; below, cubes have no faces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Maze3DFamily:
    """Cubes in space, joined by walks and ladders; a ball goes along them to the goal cube."""

    level: str = field(default="tiny", metadata={"help": "tiny, easy, medium or hard"})
    skin: str = field(default="plain", metadata={"help": "a theme (tasks/skins.py), or a skin folder of VR-Bench"})
    size: int | None = field(default=None, metadata={"help": "picture side in px; None is the level's native size"})
    split: str | None = field(
        default=None, metadata={"help": "train, validation or test: only layouts of that side; None takes all"}
    )

    def __post_init__(self) -> None:
        level_named(MAZE3D_LEVELS, self.level)
        check_skin(self.skin, "maze3d")
        if self.size is not None and self.size < MIN_PX:
            raise ConfigError(f"maze3d: {self.size} x {self.size} px are too few; take at least {MIN_PX}")
        if self.split is not None and self.split not in SPLITS:
            raise ConfigError(f"split {self.split!r}: unknown; use {', '.join(SPLITS)} or none")

    @property
    def parameters(self) -> Maze3DLevel:
        """Parameters of this level."""
        return level_named(MAZE3D_LEVELS, self.level)

    def generate(self, seed: int) -> Task:
        """The 3D maze of this seed."""
        rng = np.random.default_rng(seed)
        for _ in range(MAX_TRIES):
            state = build_maze(rng, self.parameters, self.skin)
            if state is not None and (self.split is None or split_of(canonical_maze(state)) == self.split):
                return self.task(state, seed)
        raise GenerationError(f"maze3d level {self.level!r}, split {self.split!r}: no maze after {MAX_TRIES} tries")

    def task(self, state: Maze3DState, seed: int = 0) -> Task:
        """The task of a given maze. GenerationError if its goal cannot be reached."""
        path = solution_path(state)
        size = self.size or self.parameters.native_px
        return Task(
            family="maze3d",
            seed=seed,
            settings=asdict(self),
            prompt=maze3d_prompt(state),
            first_frame=draw_positions(state, path.points[:1], size)[0],
            objects={"agent": ball_box(state, state.start)},
            sprites=sprites(state, size),
            goals=(ball_box(state, state.goal), goal_box(state)),
            solution=path,
            state=state,
        )

    def render(self, task: Task, path: Path, num_frames: int, size: int) -> NDArray[np.uint8]:
        """Video [num_frames, H, W, 3] of the ball going along `path`, then resting at its end."""
        return draw_walk(task.state, path, num_frames, size, self.parameters.cubes_per_frame)

    def errant_walk(self, task: Task, chance: float) -> Path:
        """The way of a demonstrator who takes a wrong turn with this chance at each junction; see demonstrator.py."""
        state, rng = task.state, np.random.default_rng([task.seed, ERRANT])
        places = walk_with_wrong_turns(shortest_path(state), lambda place: branches(state, place), chance, rng)
        return _seen_path(state, places)

    def judge(self, task: Task, track: Track) -> Verdict:
        """The facts by the rules of the 3D maze; see tasks/maze3d/rules.py."""
        return rules.judge(task, track)

    def false_ways(self, task: Task) -> dict[str, Path]:
        """Ways in the picture that break the rules; see tasks/maze3d/tricks.py."""
        return tricks.false_ways(task.state)

    def false_scenes(self, task: Task) -> dict[str, NDArray[np.uint8]]:
        """Pictures of the scene, without the ball, that are not those of the task; see tasks/maze3d/tricks.py."""
        return tricks.false_scenes(task.state, max(task.first_frame.shape[:2]))

    def layout_key(self, task: Task) -> bytes:
        """A key that is equal for mazes with the same cubes and ladders up to rotation and reflection."""
        return canonical_maze(task.state)


def solution_path(state: Maze3DState) -> Path:
    """Where the ball appears on one shortest way, one point for each cube. GenerationError if there is none."""
    missing = [cube for cube in (state.start, state.goal) if cube not in state.cubes]
    places = [] if missing else shortest_path(state)
    if not places:
        raise GenerationError(f"maze3d: no way from {state.start} to {state.goal}")
    return _seen_path(state, places)


def _seen_path(state: Maze3DState, places: list[Cube]) -> Path:
    points = project(state.grid_size, standing(np.asarray(places)))
    return Path(points=points.astype(np.float32), unit="image")


def ball_box(state: Maze3DState, cube: Cube) -> Box:
    """The box of the ball on a cube, in image units."""
    x, y = (float(v) for v in project(state.grid_size, standing(np.asarray(cube))))
    size = ball_size(state.grid_size)
    return Box(x=x - size / 2, y=y - size / 2, width=size, height=size)
