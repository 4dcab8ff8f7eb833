"""A demonstrator who knows the way but errs: the walks behind imperfect demonstrations."""

from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from wan_r1.tasks.grid import Cell

__all__ = ["ERRANT", "straight_on", "walk_with_wrong_turns"]

Node = TypeVar("Node", bound=Hashable)

ERRANT = 1
"""Stream of the demonstrator's random numbers, beside the task's seed."""


def walk_with_wrong_turns(
    way: Sequence[Node],
    branches: Callable[[Node], Sequence[Node]],
    chance: float,
    rng: np.random.Generator,
    onward: Callable[[Node, Node], Sequence[Node]] | None = None,
) -> list[Node]:
    """Nodes of a walker who takes a wrong branch with this chance wherever there is one.

    A wrong branch is followed, at random and never back over nodes walked on before, to where it ends; there the walker
    stays. The first node is that of `way`.

    Args:
        way: nodes of the right way, start and goal included.
        branches: the nodes beside a node, in a fixed order; none where the walk ends.
        chance: of an error at each node of the way that has another branch, in [0, 1).
        rng: source of the errors.
        onward: the nodes that a wrong branch may go on to from a node, given the one before it; by default `branches`.
            Where branches are everywhere, aimless walks are hard to imitate and teach nothing.
    """
    walk = list(way[:1])
    for here, ahead in pairwise(way):
        wrong = [node for node in branches(here) if node != ahead and node not in walk]
        if wrong and rng.random() < chance:
            while wrong:
                walk.append(wrong[rng.integers(len(wrong))])
                beyond = branches(walk[-1]) if onward is None else onward(walk[-2], walk[-1])
                wrong = [node for node in beyond if node not in walk]
            return walk
        walk.append(ahead)
    return walk


def straight_on(
    branches: Callable[[Node], Sequence[Node]], cell_of: Callable[[Node], Cell]
) -> Callable[[Node, Node], list[Node]]:
    """`onward` of a walker in the open: the branch straight ahead, if there is one.

    Args:
        branches: the nodes beside a node.
        cell_of: the cell (row, col) of a node.
    """

    def onward(before: Node, here: Node) -> list[Node]:
        (row, col), (row_before, col_before) = cell_of(here), cell_of(before)
        return [node for node in branches(here) if cell_of(node) == (2 * row - row_before, 2 * col - col_before)]

    return onward
