"""The family `sokoban`: VR-Bench's, one to three boxes, and a tiny level for small models."""

from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks.demonstrator import ERRANT, straight_on, walk_with_wrong_turns
from wan_r1.tasks.difficulty import SOKOBAN_LEVELS, SokobanLevel, level_named
from wan_r1.tasks.grid import canonical_layout, cell_box, cells_to_path
from wan_r1.tasks.skin_folders import check_skin
from wan_r1.tasks.sokoban import rules
from wan_r1.tasks.sokoban.generate import Placement, SokobanState, draw_walls, place_by_length, place_freely
from wan_r1.tasks.sokoban.render import (
    box_name,
    draw_objects,
    draw_walk,
    follow_boxes,
    sokoban_prompt,
    sprites,
)
from wan_r1.tasks.sokoban.solve import branches, solution, state_of
from wan_r1.tasks.split import SPLITS, split_of
from wan_r1.types import Path, Task, Track, Verdict

__all__ = ["SokobanFamily", "SokobanState"]

MAX_TRIES = 1000
MAX_BOXES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class SokobanFamily:
    """Boxes on a grid of blocks; the agent walks behind them and pushes them onto the targets."""

    level: str = field(default="tiny", metadata={"help": "tiny, tiny_long, easy, medium or hard"})
    skin: str = field(default="plain", metadata={"help": "a theme (tasks/skins.py), or a skin folder of VR-Bench"})
    size: int | None = field(
        default=None, metadata={"help": "longer picture side in px; None is the level's native size"}
    )
    split: str | None = field(
        default=None, metadata={"help": "train, validation or test: only layouts of that side; None takes all"}
    )
    num_boxes: int = field(default=1, metadata={"help": "boxes and targets, 1 to 3; VR-Bench has 1"})

    def __post_init__(self) -> None:
        level_named(SOKOBAN_LEVELS, self.level)
        check_skin(self.skin, "sokoban")
        if self.split is not None and self.split not in SPLITS:
            raise ConfigError(f"split {self.split!r}: unknown; use {', '.join(SPLITS)} or none")
        if not 1 <= self.num_boxes <= MAX_BOXES:
            raise ConfigError(f"num_boxes: {self.num_boxes}; must lie between 1 and {MAX_BOXES}")

    @property
    def parameters(self) -> SokobanLevel:
        """Parameters of this level."""
        return level_named(SOKOBAN_LEVELS, self.level)

    def generate(self, seed: int) -> Task:
        """The level of this seed."""
        level = self.parameters
        rng = np.random.default_rng(seed)
        for _ in range(MAX_TRIES):
            grid = draw_walls(rng, level.blocks, level.wall_share)
            if self.split is not None and split_of(canonical_layout(grid)) != self.split:
                continue
            placed = self._place(rng, grid)
            if placed is not None:
                start, boxes, targets = placed
                return self.task(
                    SokobanState(grid=grid, start=start, boxes=boxes, targets=targets, skin=self.skin), seed
                )
        raise GenerationError(
            f"sokoban level {self.level!r}, {self.num_boxes} boxes, split {self.split!r}: no board fits after "
            f"{MAX_TRIES} tries; take fewer boxes or a larger board"
        )

    def _place(self, rng: np.random.Generator, grid: NDArray[np.int8]) -> Placement | None:
        level = self.parameters
        if level.min_moves is None or level.max_moves is None:
            return place_freely(rng, grid, self.num_boxes)
        return place_by_length(rng, grid, self.num_boxes, level.min_moves, level.max_moves)

    def task(self, state: SokobanState, seed: int = 0) -> Task:
        """The task of a given level. GenerationError if it has no solution."""
        states = solution(state.grid, state_of(state.start, state.boxes), state.targets)
        if not states:
            raise GenerationError(
                f"sokoban: the boxes {state.boxes} cannot be pushed to the targets {state.targets} from {state.start}"
            )
        shape = state.grid.shape
        size = self.parameters.cell_px * max(shape) if self.size is None else self.size
        objects = {"agent": cell_box(state.start, shape)}
        objects |= {box_name(number): cell_box(box, shape) for number, box in enumerate(state.boxes)}
        centers = np.asarray([[box.center for box in objects.values()]], dtype=np.float32)
        return Task(
            family="sokoban",
            seed=seed,
            settings=asdict(self),
            prompt=sokoban_prompt(state),
            first_frame=draw_objects(state, centers, size)[0],
            objects=objects,
            sprites=sprites(state, size),
            goals=tuple(cell_box(target, shape) for target in state.targets),
            solution=cells_to_path([agent for agent, _ in states], shape),
            state=state,
        )

    def render(self, task: Task, path: Path, num_frames: int, size: int) -> NDArray[np.uint8]:
        """Video [num_frames, H, W, 3] of the agent walking `path`, boxes pushed on the way, then resting at its end."""
        return draw_walk(task.state, path, num_frames, size, self.parameters.blocks_per_frame)

    def errant_walk(self, task: Task, chance: float) -> Path:
        """The way of a demonstrator who strays with this chance at each step, straight on until nothing moves."""
        state, rng = task.state, np.random.default_rng([task.seed, ERRANT])
        way = solution(state.grid, state_of(state.start, state.boxes), state.targets)
        ways = partial(branches, state.grid)
        states = walk_with_wrong_turns(way, ways, chance, rng, straight_on(ways, lambda each: each[0]))
        return cells_to_path([agent for agent, _ in states], state.grid.shape)

    def follow(self, task: Task, path: Path) -> NDArray[np.float32]:
        """Where the boxes are, [N, boxes, 2], while the agent is at each point [N, 2] of a path."""
        return follow_boxes(task.state, path.points)

    def judge(self, task: Task, track: Track) -> Verdict:
        """The facts by the rules of sokoban; see tasks/sokoban/rules.py."""
        return rules.judge(task, track)

    def layout_key(self, task: Task) -> bytes:
        """A key that is equal for levels with the same walls up to rotation and reflection."""
        grid: NDArray[np.int8] = task.state.grid
        return canonical_layout(grid)
