"""Level names of each family, with their parameters. VR-Bench's are easy, medium and hard."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from wan_r1.errors import ConfigError

__all__ = [
    "MAZE3D_LEVELS",
    "MAZE_LEVELS",
    "NAVIGATION_LEVELS",
    "ROAD_LEVELS",
    "SOKOBAN_LEVELS",
    "TRAPFIELD_LEVELS",
    "Maze3DLevel",
    "MazeLevel",
    "NavigationLevel",
    "RoadLevel",
    "SokobanLevel",
    "TrapfieldLevel",
    "level_named",
]

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
    "tiny": TrapfieldLevel(side=10, density=0.35, cell_px=8, moves=(4, 9), blocks_per_frame=1.0),
    "tiny_long": TrapfieldLevel(side=10, density=0.35, cell_px=8, moves=(10, 14), blocks_per_frame=1.0),
    "easy": TrapfieldLevel(side=5, density=0.20, cell_px=64),
    "medium": TrapfieldLevel(side=7, density=0.30, cell_px=64),
    "hard": TrapfieldLevel(side=11, density=0.35, cell_px=64),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RoadLevel:
    """Parameters of an irregular-maze level; lengths are in road widths where nothing else is said."""

    size_px: int
    """Native side of the picture."""
    road_px: int
    """Width of a road in the native picture."""
    spacing: float
    """Least distance between the seeds of the Voronoi diagram, as a share of the picture."""
    min_nodes: int
    """Least number of nodes; where VR-Bench's placement is used, on the way with the fewest roads to the goal."""
    margin: float = 2.0
    """Least distance of a node to the border."""
    max_road: float = 8.0
    """Longest road between two nodes, as the crow flies."""
    min_road: float = 0.0
    """Nodes nearer to each other than this are merged into one."""
    bend: float = 0.04
    """Largest distance of a road's middle control point from its chord, as a share of the chord."""
    clearance: float = 0.0
    """Least distance between the middle lines of two roads that do not meet; 0 asks for nothing, as VR-Bench does."""
    max_nodes: int | None = None
    min_way: float | None = None
    max_way: float | None = None
    """Bounds of the solution length; None places start and goal as VR-Bench does."""
    widths_per_frame: float | None = None
    """Speed of solution videos; None spreads the motion over the video."""


ROAD_LEVELS: dict[str, RoadLevel] = {
    "tiny": RoadLevel(
        size_px=80,
        road_px=9,
        spacing=0.27,
        margin=0.75,
        min_road=1.8,
        bend=0.15,
        clearance=1.4,
        min_nodes=4,
        max_nodes=7,
        min_way=4.0,
        max_way=9.5,
        widths_per_frame=0.7,
    ),
    "easy": RoadLevel(size_px=1024, road_px=60, spacing=0.30, min_nodes=4),
    "medium": RoadLevel(size_px=1024, road_px=50, spacing=0.20, min_nodes=6),
    "hard": RoadLevel(size_px=1024, road_px=36, spacing=0.15, min_nodes=7),
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
    "tiny": SokobanLevel(blocks=10, wall_share=0.15, cell_px=8, min_moves=4, max_moves=9, blocks_per_frame=1.0),
    "tiny_long": SokobanLevel(blocks=10, wall_share=0.15, cell_px=8, min_moves=10, max_moves=15, blocks_per_frame=1.0),
    "easy": SokobanLevel(blocks=5, wall_share=0.10, cell_px=64),
    "medium": SokobanLevel(blocks=8, wall_share=0.10, cell_px=64),
    "hard": SokobanLevel(blocks=12, wall_share=0.10, cell_px=64),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class NavigationLevel:
    """Parameters of a level of rooms; lengths in metres, angles in radians, ranges as least and most."""

    native_px: int
    """Side of the picture."""
    room_m: tuple[float, float]
    """Sides of the room."""
    distance_m: tuple[float, float]
    """Length of the reference path."""
    turn_rad: tuple[float, float]
    """All turns of the reference path together."""
    pieces: tuple[int, int]
    """Pieces of furniture: the target and its distractors."""
    twins: bool = False
    """Whether another piece of some kind stands in the room, in another colour."""
    partitions: tuple[int, int] = (0, 0)
    """Walls that stand out into the room."""


NAVIGATION_LEVELS: dict[str, NavigationLevel] = {
    "tiny": NavigationLevel(native_px=80, room_m=(3.6, 4.6), distance_m=(0.8, 2.2), turn_rad=(0.0, 1.2), pieces=(2, 3)),
    "easy": NavigationLevel(
        native_px=256, room_m=(4.0, 6.0), distance_m=(1.2, 3.5), turn_rad=(0.0, 1.0), pieces=(3, 4)
    ),
    "medium": NavigationLevel(
        native_px=256, room_m=(5.0, 7.5), distance_m=(2.2, 5.0), turn_rad=(0.5, 2.0), pieces=(5, 6), twins=True
    ),
    "hard": NavigationLevel(
        native_px=256,
        room_m=(6.0, 9.0),
        distance_m=(3.5, 8.0),
        turn_rad=(1.0, 4.0),
        pieces=(7, 9),
        twins=True,
        partitions=(1, 2),
    ),
}


def level_named(levels: Mapping[str, Level], name: str) -> Level:
    """The level of this name; ConfigError with the known names otherwise."""
    if name not in levels:
        raise ConfigError(f"level {name!r}: unknown; known levels are {', '.join(levels)}")
    return levels[name]
