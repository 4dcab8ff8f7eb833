"""A demonstrator who knows the way but errs: the walks behind imperfect demonstrations."""

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from wan_r1.tasks.grid import Cell

__all__ = ["ERRANT", "walk_with_wrong_turns"]

Node = TypeVar("Node", bound=Hashable)

ERRANT = 1
"""Stream of the demonstrator's random numbers, beside the task's seed."""


def walk_with_wrong_turns(
    way: Sequence[Node],
    branches: Callable[[Node], Sequence[Node]],
    chance: float,
    rng: np.random.Generator,
    cell_of: Callable[[Node], Cell] | None = None,
) -> list[Node]:
    """Nodes of a walker who takes a wrong branch with this chance wherever there is one.

    A wrong branch is followed to where it ends, never back over nodes walked on before; there the walker stays. In the
    open, where branches do not end (`cell_of` given), it is followed straight on, else at random. The first node is
    that of `way`.

    Args:
        way: nodes of the right way, start and goal included.
        branches: the nodes beside a node, in a fixed order; none where the walk ends.
        chance: of an error at each node of the way that has another branch, in [0, 1).
        rng: source of the errors.
        cell_of: the cell (row, col) of a node, for walks in the open.
    """
    walk = list(way[:1])
    for here, ahead in pairwise(way):
        wrong = [node for node in branches(here) if node != ahead and node not in walk]
        if wrong and rng.random() < chance:
            while wrong:
                walk.append(wrong[rng.integers(len(wrong))])
                wrong = [node for node in branches(walk[-1]) if node not in walk]
                if cell_of is not None:
                    before, now = cell_of(walk[-2]), cell_of(walk[-1])
                    onward = (2 * now[0] - before[0], 2 * now[1] - before[1])
                    wrong = [node for node in wrong if cell_of(node) == onward]
            return walk
        walk.append(ahead)
    return walk
