"""The family `maze`: VR-Bench's regular maze, and a tiny level for small models."""

from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks.demonstrator import ERRANT, walk_with_wrong_turns
from wan_r1.tasks.difficulty import MAZE_LEVELS, MazeLevel, level_named
from wan_r1.tasks.grid import Cell, canonical_layout, cell_box, cells_to_path
from wan_r1.tasks.maze import rules
from wan_r1.tasks.maze.generate import MazeState, carve_depth_first, carve_uniform, place_by_length, place_far
from wan_r1.tasks.maze.render import draw_positions, draw_walk, maze_prompt, sprites
from wan_r1.tasks.maze.solve import branches, shortest_path
from wan_r1.tasks.skin_folders import check_skin
from wan_r1.tasks.split import SPLITS, split_of
from wan_r1.types import Path, Task, Track, Verdict

__all__ = ["MazeFamily", "MazeState"]

MAX_TRIES = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class MazeFamily:
    """Regular mazes on a grid of blocks; the agent walks on floor blocks to the goal."""

    level: str = field(default="tiny", metadata={"help": "tiny, tiny_short, tiny_long, easy, medium or hard"})
    skin: str = field(default="plain", metadata={"help": "a theme (tasks/skins.py), or a skin folder of VR-Bench"})
    size: int | None = field(
        default=None, metadata={"help": "longer picture side in px; None is the level's native size"}
    )
    split: str | None = field(
        default=None, metadata={"help": "train, validation or test: only layouts of that side; None takes all"}
    )

    def __post_init__(self) -> None:
        level_named(MAZE_LEVELS, self.level)
        check_skin(self.skin, "maze")
        if self.split is not None and self.split not in SPLITS:
            raise ConfigError(f"split {self.split!r}: unknown; use {', '.join(SPLITS)} or none")

    @property
    def parameters(self) -> MazeLevel:
        """Parameters of this level."""
        return level_named(MAZE_LEVELS, self.level)

    def generate(self, seed: int) -> Task:
        """The maze of this seed."""
        level = self.parameters
        rng = np.random.default_rng(seed)
        for _ in range(MAX_TRIES):
            carve = carve_uniform if level.algorithm == "uniform" else carve_depth_first
            grid = carve(rng, level.blocks)
            if self.split is not None and split_of(canonical_layout(grid)) != self.split:
                continue
            placed = self._place(rng, grid)
            if placed is not None:
                grid = np.pad(grid, ((0, level.extra_line),) * 2, constant_values=1)
                return self.task(MazeState(grid=grid, start=placed[0], goal=placed[1], skin=self.skin), seed)
        raise GenerationError(
            f"maze level {self.level!r}, split {self.split!r}: no maze fits after {MAX_TRIES} tries; "
            "a level with few layouts may have none on this side of the split"
        )

    def _place(self, rng: np.random.Generator, grid: NDArray[np.int8]) -> tuple[Cell, Cell] | None:
        level = self.parameters
        if level.min_moves is None or level.max_moves is None:
            return place_far(rng, grid)
        return place_by_length(rng, grid, level.min_moves, level.max_moves)

    def task(self, state: MazeState, seed: int = 0) -> Task:
        """The task of a given maze. GenerationError if its goal cannot be reached."""
        cells = shortest_path(state.grid, state.start, state.goal)
        if not cells:
            raise GenerationError(f"maze: no way from {state.start} to {state.goal}")
        shape = state.grid.shape
        size = self.parameters.cell_px * max(shape) if self.size is None else self.size
        box = cell_box(state.start, shape)
        start = np.asarray([box.center], dtype=np.float32)
        return Task(
            family="maze",
            seed=seed,
            settings=asdict(self),
            prompt=maze_prompt(state),
            first_frame=draw_positions(state, start, size)[0],
            objects={"agent": box},
            sprites=sprites(state, size),
            goals=(cell_box(state.goal, shape),),
            solution=cells_to_path(cells, shape),
            state=state,
        )

    def render(self, task: Task, path: Path, num_frames: int, size: int) -> NDArray[np.uint8]:
        """Video [num_frames, H, W, 3] of the agent walking `path`, then resting at its end."""
        return draw_walk(task.state, path, num_frames, size, self.parameters.blocks_per_frame)

    def errant_walk(self, task: Task, chance: float) -> Path:
        """The way of a demonstrator who takes a wrong turn with this chance at each junction; see demonstrator.py."""
        state, rng = task.state, np.random.default_rng([task.seed, ERRANT])
        way = shortest_path(state.grid, state.start, state.goal)
        cells = walk_with_wrong_turns(way, lambda cell: branches(state.grid, cell), chance, rng)
        return cells_to_path(cells, state.grid.shape)

    def judge(self, task: Task, track: Track) -> Verdict:
        """The facts by the rules of the maze; see tasks/maze/rules.py."""
        return rules.judge(task, track)

    def layout_key(self, task: Task) -> bytes:
        """A key that is equal for mazes with the same walls up to rotation and reflection."""
        line = self.parameters.extra_line
        grid: NDArray[np.int8] = task.state.grid
        return canonical_layout(grid[: grid.shape[0] - line, : grid.shape[1] - line])
