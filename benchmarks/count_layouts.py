"""Count the distinct boards of each side of the split, by listing all of them. Writes benchmarks/results/layouts.json.

    python benchmarks/count_layouts.py

A layout is a class of grids of walls or traps that are equal up to the 8 rotations and reflections of the board
(wan_r1.tasks.grid.canonical_layout); its side is wan_r1.tasks.split.split_of. The maze's levels `tiny` and `tiny_long`
draw uniform spanning trees of 4x4 cells: all of them are listed edge by edge; `tiny_long` keeps those with a way of at
least 18 blocks. Its level `easy` is VR-Bench's depth-first search from the top left cell of 3x3: all orders in which it
can choose are followed. The trapfield's level `easy` scatters traps on a 5x5 board off one protected way: all ways and
all sets of traps are listed. Sokoban's level `easy` draws any walls on 3x3 inner blocks: those on which a box can be
pushed to a target are listed. The other levels have too many: the trapfield's
`tiny` has 100 choose 35 boards, and sokoban's 64 choose 10 with 10 walls alone.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.difficulty import MAZE_LEVELS, SOKOBAN_LEVELS, TRAPFIELD_LEVELS, SokobanLevel, TrapfieldLevel
from wan_r1.tasks.grid import canonical_layout, distances, shortest_path
from wan_r1.tasks.sokoban.solve import solution_table
from wan_r1.tasks.split import SPLITS, split_of
from wan_r1.tasks.trapfield.generate import MIN_WAY_CELLS

OUT = Path(__file__).parent / "results" / "layouts.json"

Edge = tuple[int, int]
Grid = NDArray[np.int8]


def grid_edges(side: int) -> list[Edge]:
    """All pairs of neighbouring cells of a side x side board; cells are counted row by row."""
    cells = range(side * side)
    return [(c, c + 1) for c in cells if (c + 1) % side] + [(c, c + side) for c in cells if c + side < side * side]


def spanning_trees(side: int) -> Iterator[tuple[Edge, ...]]:
    """Every spanning tree of the board, once: each edge is taken or left, as long as a tree can still come of it."""
    edges, num_cells = grid_edges(side), side * side

    def extend(index: int, part_of: tuple[int, ...], taken: tuple[Edge, ...]) -> Iterator[tuple[Edge, ...]]:
        missing = num_cells - 1 - len(taken)
        if missing == 0:
            yield taken
        elif len(edges) - index >= missing:
            a, b = (part_of[cell] for cell in edges[index])
            if a != b:
                joined = tuple(a if part == b else part for part in part_of)
                yield from extend(index + 1, joined, (*taken, edges[index]))
            yield from extend(index + 1, part_of, taken)

    return extend(0, tuple(range(num_cells)), ())


def depth_first_trees(side: int) -> set[frozenset[Edge]]:
    """Every tree that depth-first search from cell 0 can carve."""
    around: dict[int, list[int]] = {cell: [] for cell in range(side * side)}
    for a, b in grid_edges(side):
        around[a].append(b)
        around[b].append(a)
    found: set[frozenset[Edge]] = set()
    waiting: list[tuple[tuple[int, ...], frozenset[Edge], frozenset[int]]] = [((0,), frozenset(), frozenset([0]))]
    while waiting:
        stack, tree, visited = waiting.pop()
        if not stack:
            found.add(tree)
            continue
        here = stack[-1]
        ahead = [cell for cell in around[here] if cell not in visited]
        if not ahead:
            waiting.append((stack[:-1], tree, visited))
        waiting += [((*stack, cell), tree | {(min(here, cell), max(here, cell))}, visited | {cell}) for cell in ahead]
    return found


def as_grid(tree: Iterable[Edge], side: int) -> Grid:
    """A tree as a maze [2 side + 1, 2 side + 1] int8: 1 wall, 0 floor."""
    grid: Grid = np.ones((2 * side + 1, 2 * side + 1), dtype=np.int8)
    grid[1::2, 1::2] = 0
    for a, b in tree:
        grid[a // side + b // side + 1, a % side + b % side + 1] = 0
    return grid


def trapfields(level: TrapfieldLevel) -> Iterator[Grid]:
    """Every board that a level with a protected way can draw, once."""
    cells, empty = list(np.ndindex(level.side, level.side)), np.zeros((level.side,) * 2, dtype=bool)
    ways_by_traps = defaultdict(set)
    for start, goal in ((a, b) for a in cells for b in cells):
        way = shortest_path(empty, start, goal)
        if len(way) >= MIN_WAY_CELLS:
            ways_by_traps[int((len(cells) - len(way)) * level.density)].add(frozenset(way))
    for num_traps, ways in ways_by_traps.items():
        for traps in combinations(cells, num_traps):
            if any(way.isdisjoint(traps) for way in ways):
                grid = empty.astype(np.int8)
                grid[tuple(np.transpose(traps))] = 1
                yield grid


def rooms(level: SokobanLevel) -> Iterator[Grid]:
    """Every board that a sokoban level can draw and on which some box can be pushed to some target, once."""
    inner = level.blocks - 2
    for bits in range(2 ** (inner * inner)):
        grid = np.ones((level.blocks,) * 2, dtype=np.int8)
        grid[1:-1, 1:-1] = (bits >> np.arange(inner * inner).reshape(inner, inner)) & 1
        cells = [(int(row), int(col)) for row, col in np.argwhere(grid == 0)]
        tables = (solution_table(grid, (cell,), 1) for cell in cells)
        if any((table.lengths() > 0).any() for table in tables):
            yield grid


def longest_way(grid: Grid) -> int:
    """Moves in blocks of the longest way between two cells of a tree."""
    far = distances(grid == 1, (1, 1))
    end = np.unravel_index(int(far.argmax()), far.shape)
    return int(distances(grid == 1, (int(end[0]), int(end[1]))).max())


def count(grids: Iterable[Grid], min_moves: int = 0) -> dict[str, Any]:
    """Boards and layouts in all and on each side; only those with a way of at least `min_moves` blocks, if given."""
    boards: Counter[bytes] = Counter()
    fits: dict[bytes, bool] = {}
    for grid in grids:
        key = canonical_layout(grid)
        if key not in fits:
            fits[key] = not min_moves or longest_way(grid) >= min_moves
        boards[key] += fits[key]
    sides = {key: split_of(key) for key, fit in fits.items() if fit}
    return {
        "boards": sum(boards.values()),
        "layouts": len(sides),
        "layouts_by_side": {side: sum(each == side for each in sides.values()) for side in SPLITS},
        "boards_by_side": {side: sum(boards[key] for key, each in sides.items() if each == side) for side in SPLITS},
    }


def main() -> int:
    """Count, print, write."""
    trees = [as_grid(tree, 4) for tree in spanning_trees(4)]
    results = {
        "method": "all boards listed; layout = class under 8 symmetries; side = split_of(canonical_layout(grid))",
        "maze": {name: count(trees, MAZE_LEVELS[name].min_moves or 0) for name in ("tiny", "tiny_long")}
        | {"easy": count(as_grid(tree, 3) for tree in depth_first_trees(3))},
        "trapfield": {"easy": count(trapfields(TRAPFIELD_LEVELS["easy"]))},
        "sokoban": {"easy": count(rooms(SOKOBAN_LEVELS["easy"]))},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(results, indent=1) + "\n")
    print(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
