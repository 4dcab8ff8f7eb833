"""Level names of each family, with their parameters. VR-Bench's are easy, medium and hard."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from wan_r1.errors import ConfigError

__all__ = ["MAZE_LEVELS", "SOKOBAN_LEVELS", "MazeLevel", "SokobanLevel", "level_named"]

Level = TypeVar("Level")


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
    "tiny_long": MazeLevel(
        blocks=9, algorithm="uniform", cell_px=8, extra_line=1, min_moves=18, max_moves=30, blocks_per_frame=2.0
    ),
    "easy": MazeLevel(blocks=7, algorithm="depth_first", cell_px=30),
    "medium": MazeLevel(blocks=11, algorithm="depth_first", cell_px=30),
    "hard": MazeLevel(blocks=15, algorithm="depth_first", cell_px=30),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SokobanLevel:
    """Parameters of a sokoban level."""

    blocks: int
    """Side of the board in blocks, with the walls around it."""
    wall_share: float
    """Probability that an inner block is a wall."""
    cell_px: int
    """Native pixels for each block."""
    min_moves: int | None = None
    max_moves: int | None = None
    """Bounds of the solution length in moves; None places everything at random, as VR-Bench does."""
    blocks_per_frame: float | None = None
    """Speed of solution videos; None spreads the motion over the video."""


SOKOBAN_LEVELS: dict[str, SokobanLevel] = {
    "tiny": SokobanLevel(blocks=10, wall_share=0.15, cell_px=8, min_moves=4, max_moves=15, blocks_per_frame=1.0),
    "easy": SokobanLevel(blocks=5, wall_share=0.10, cell_px=64),
    "medium": SokobanLevel(blocks=8, wall_share=0.10, cell_px=64),
    "hard": SokobanLevel(blocks=12, wall_share=0.10, cell_px=64),
}


def level_named(levels: Mapping[str, Level], name: str) -> Level:
    """The level of this name; ConfigError with the known names otherwise."""
    if name not in levels:
        raise ConfigError(f"level {name!r}: unknown; known levels are {', '.join(levels)}")
    return levels[name]
