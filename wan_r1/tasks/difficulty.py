"""Level names of each family, with their parameters. VR-Bench's are easy, medium and hard."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from wan_r1.errors import ConfigError

__all__ = ["MAZE_LEVELS", "TRAPFIELD_LEVELS", "MazeLevel", "TrapfieldLevel", "level_named"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MazeLevel:
    """Parameters of a regular-maze level."""

    blocks: int
    """Side of the board in blocks, odd."""
    algorithm: str
    """depth_first (VR-Bench) or uniform (Wilson)."""
    cell_px: int
    """Native pixels for each block."""
    extra_line: int = 0
    """Extra wall rows and columns at the bottom and right, so that blocks lie on the latent grid."""
    min_moves: int | None = None
    max_moves: int | None = None
    """Bounds of the solution length in blocks; None places start and goal as VR-Bench does."""
    blocks_per_frame: float | None = None
    """Speed of solution videos; None spreads the motion over the video."""


MAZE_LEVELS: dict[str, MazeLevel] = {
    "tiny": MazeLevel(
        blocks=9, algorithm="uniform", cell_px=8, extra_line=1, min_moves=4, max_moves=16, blocks_per_frame=1.0
    ),
    "tiny_short": MazeLevel(
        blocks=9, algorithm="uniform", cell_px=8, extra_line=1, min_moves=4, max_moves=8, blocks_per_frame=1.0
    ),
    "tiny_long": MazeLevel(
        blocks=9, algorithm="uniform", cell_px=8, extra_line=1, min_moves=18, max_moves=30, blocks_per_frame=2.0
    ),
    "easy": MazeLevel(blocks=7, algorithm="depth_first", cell_px=30),
    "medium": MazeLevel(blocks=11, algorithm="depth_first", cell_px=30),
    "hard": MazeLevel(blocks=15, algorithm="depth_first", cell_px=30),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class TrapfieldLevel:
    """Parameters of a trap-field level."""

    side: int
    """Rows and columns of cells."""
    density: float
    """Share of the cells that are traps; where the way is protected, of the cells that are not on it."""
    cell_px: int
    """Native pixels for each cell."""
    moves: tuple[int, int] | None = None
    """Bounds of the solution length, with traps on both direct ways; None protects a direct way as VR-Bench does."""
    blocks_per_frame: float | None = None
    """Speed of solution videos in cells; None spreads the motion over the video."""


TRAPFIELD_LEVELS: dict[str, TrapfieldLevel] = {
    "tiny": TrapfieldLevel(side=10, density=0.35, cell_px=8, moves=(4, 14), blocks_per_frame=1.0),
    "easy": TrapfieldLevel(side=5, density=0.20, cell_px=64),
    "medium": TrapfieldLevel(side=7, density=0.30, cell_px=64),
    "hard": TrapfieldLevel(side=11, density=0.35, cell_px=64),
}

Level = TypeVar("Level")


def level_named(levels: Mapping[str, Level], name: str) -> Level:
    """The level of this name; ConfigError with the known names otherwise."""
    if name not in levels:
        raise ConfigError(f"level {name!r}: unknown; known levels are {', '.join(levels)}")
    return levels[name]
