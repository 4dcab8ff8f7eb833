"""Level names of each family, with their parameters. VR-Bench's are easy, medium and hard."""

from dataclasses import dataclass
from typing import TypeVar

from wan_r1.errors import ConfigError

__all__ = ["MAZE3D_LEVELS", "MAZE_LEVELS", "Maze3DLevel", "MazeLevel", "level_named"]

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
class Maze3DLevel:
    """Parameters of a 3D-maze level."""

    grid: tuple[int, int, int]
    """Size of the grid in cubes."""
    segments: tuple[int, int]
    """Least and most segments (walks of two cubes, ladders of three) of the main way."""
    branches: tuple[int, int]
    """Least and most side branches."""
    native_px: int
    """Side of the picture."""
    all_ways: bool = False
    """Start anywhere and go in all directions; otherwise from the near corner to the far top only, as VR-Bench does."""
    cubes_per_frame: float | None = None
    """Speed of solution videos; None spreads the motion over the video."""


MAZE3D_LEVELS: dict[str, Maze3DLevel] = {
    "tiny": Maze3DLevel(
        grid=(5, 5, 4), segments=(2, 5), branches=(2, 3), native_px=80, all_ways=True, cubes_per_frame=1.0
    ),
    "easy": Maze3DLevel(grid=(6, 6, 5), segments=(5, 7), branches=(3, 4), native_px=740),
    "medium": Maze3DLevel(grid=(8, 8, 7), segments=(5, 7), branches=(3, 4), native_px=740),
    "hard": Maze3DLevel(grid=(10, 10, 9), segments=(5, 7), branches=(3, 4), native_px=740),
}


def level_named(levels: dict[str, Level], name: str) -> Level:
    """The level of this name; ConfigError with the known names otherwise."""
    if name not in levels:
        raise ConfigError(f"level {name!r}: unknown; known levels are {', '.join(levels)}")
    return levels[name]
