"""The family `trapfield`: VR-Bench's open field with traps, and a tiny level for small models."""

from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks.demonstrator import ERRANT, straight_on, walk_with_wrong_turns
from wan_r1.tasks.difficulty import TRAPFIELD_LEVELS, TrapfieldLevel, level_named
from wan_r1.tasks.grid import canonical_layout, cell_box, cells_to_path
from wan_r1.tasks.skin_folders import check_skin
from wan_r1.tasks.split import SPLITS, split_of
from wan_r1.tasks.trapfield import rules
from wan_r1.tasks.trapfield.generate import TrapfieldState, place_behind_traps, place_far, scatter
from wan_r1.tasks.trapfield.render import draw_positions, draw_walk, sprites, trapfield_prompt
from wan_r1.tasks.trapfield.solve import branches, shortest_path
from wan_r1.types import Path, Task, Track, Verdict

__all__ = ["TrapfieldFamily", "TrapfieldState"]

MAX_TRIES = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class TrapfieldFamily:
    """Open fields of cells; the agent walks to the goal and never steps on a trap."""

    level: str = field(default="tiny", metadata={"help": "tiny, tiny_long, easy, medium or hard"})
    skin: str = field(default="plain", metadata={"help": "a theme (tasks/skins.py), or a skin folder of VR-Bench"})
    size: int | None = field(
        default=None, metadata={"help": "longer picture side in px; None is the level's native size"}
    )
    split: str | None = field(
        default=None, metadata={"help": "train, validation or test: only layouts of that side; None takes all"}
    )

    def __post_init__(self) -> None:
        level_named(TRAPFIELD_LEVELS, self.level)
        check_skin(self.skin, "trapfield")
        if self.split is not None and self.split not in SPLITS:
            raise ConfigError(f"split {self.split!r}: unknown; use {', '.join(SPLITS)} or none")

    @property
    def parameters(self) -> TrapfieldLevel:
        """Parameters of this level."""
        return level_named(TRAPFIELD_LEVELS, self.level)

    def generate(self, seed: int) -> Task:
        """The field of this seed."""
        rng = np.random.default_rng(seed)
        for _ in range(MAX_TRIES):
            state = self._draw(rng)
            if state is not None:
                return self.task(state, seed)
        raise GenerationError(
            f"trapfield level {self.level!r}, split {self.split!r}: no field fits after {MAX_TRIES} tries; "
            "a level with few layouts may have none on this side of the split"
        )

    def _draw(self, rng: np.random.Generator) -> TrapfieldState | None:
        """One try; None if the field lies on another side of the split or has no place for start and goal."""
        level = self.parameters
        cells = place_far(rng, level.side) if level.moves is None else []
        if level.moves is None and not cells:
            return None
        grid = scatter(rng, level.side, level.density, spared=cells)
        if self.split is not None and split_of(canonical_layout(grid)) != self.split:
            return None
        ends = (cells[0], cells[-1]) if level.moves is None else place_behind_traps(rng, grid, *level.moves)
        return None if ends is None else TrapfieldState(grid=grid, start=ends[0], goal=ends[1], skin=self.skin)

    def task(self, state: TrapfieldState, seed: int = 0) -> Task:
        """The task of a given field. GenerationError if its goal cannot be reached."""
        cells = shortest_path(state.grid, state.start, state.goal)
        if not cells:
            raise GenerationError(f"trapfield: no way from {state.start} to {state.goal}")
        shape = state.grid.shape
        size = self.parameters.cell_px * max(shape) if self.size is None else self.size
        box = cell_box(state.start, shape)
        start = np.asarray([box.center], dtype=np.float32)
        return Task(
            family="trapfield",
            seed=seed,
            settings=asdict(self),
            prompt=trapfield_prompt(state),
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
        """The way of a demonstrator who strays with this chance at each step, straight on to an edge or a trap."""
        state, rng = task.state, np.random.default_rng([task.seed, ERRANT])
        way = shortest_path(state.grid, state.start, state.goal)
        ways = partial(branches, state.grid)
        cells = walk_with_wrong_turns(way, ways, chance, rng, straight_on(ways, lambda cell: cell))
        return cells_to_path(cells, state.grid.shape)

    def judge(self, task: Task, track: Track) -> Verdict:
        """The facts by the rules of the field; see tasks/trapfield/rules.py."""
        return rules.judge(task, track)

    def layout_key(self, task: Task) -> bytes:
        """A key that is equal for fields with the same traps up to rotation and reflection."""
        return canonical_layout(task.state.grid)
