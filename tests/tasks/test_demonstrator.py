"""The demonstrator that errs, in every family that has one."""

import numpy as np
import pytest

from wan_r1.rewards import TrajectoryReward
from wan_r1.tasks import FAMILIES, family_of, make_tasks
from wan_r1.tasks.demonstrator import straight_on, walk_with_wrong_turns

FRAMES = 33
ERRING = sorted(name for name in FAMILIES if hasattr(FAMILIES[name], "errant_walk"))


def line(node: int) -> list[int]:
    return [node - 1, node + 1] if 0 < node < 9 else []


def test_a_walker_that_never_errs_keeps_to_the_way() -> None:
    assert walk_with_wrong_turns([3, 4, 5], line, 0.0, np.random.default_rng(0)) == [3, 4, 5]


def test_a_walker_that_always_errs_turns_at_the_first_branch_and_goes_to_its_end() -> None:
    assert walk_with_wrong_turns([3, 4, 5], line, 1.0, np.random.default_rng(0)) == [3, 2, 1, 0]


def test_a_walker_does_not_turn_where_there_is_no_branch() -> None:
    assert walk_with_wrong_turns([1, 2], lambda node: [node + 1], 1.0, np.random.default_rng(0)) == [1, 2]


def test_a_walker_in_the_open_errs_straight_on_to_the_edge() -> None:
    def around(cell: tuple[int, int]) -> list[tuple[int, int]]:
        row, col = cell
        return [(r, c) for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)) if min(r, c) >= 0]

    way = [(3, 3), (3, 4)]
    onward = straight_on(around, lambda cell: cell)
    walks = [
        walk_with_wrong_turns(
            way, around, 1.0, np.random.default_rng(seed), lambda a, b: onward(a, b) if max(b) < 6 else []
        )
        for seed in range(20)
    ]
    assert {walk[-1] for walk in walks} == {(0, 3), (6, 3), (3, 0)}
    assert all(len(walk) == 4 for walk in walks)


def test_a_wrong_branch_goes_no_further_than_onward_lets_it() -> None:
    walk = walk_with_wrong_turns([3, 4, 5], line, 1.0, np.random.default_rng(0), lambda before, here: [])
    assert walk == [3, 2]


@pytest.mark.parametrize("name", ERRING)
def test_without_errors_a_demonstrator_solves_as_the_solver_does(name: str) -> None:
    for task in make_tasks(name, 5, 4):
        family = family_of(task)
        assert np.allclose(family.errant_walk(task, 0.0).points, task.solution.points, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "chance"), [("irregular_maze", 0.4), ("maze", 0.3), ("maze3d", 0.4), ("sokoban", 0.1), ("trapfield", 0.1)]
)
def test_with_errors_some_demonstrations_solve_and_some_do_not_and_none_changes_when_drawn_again(
    name: str, chance: float
) -> None:
    reward, solved = TrajectoryReward(), []
    for task in make_tasks(name, 5, 12):
        family = family_of(task)
        walk = family.errant_walk(task, chance)
        assert walk.points.tobytes() == family.errant_walk(task, chance).points.tobytes()
        result = reward(task, family.render(task, walk, FRAMES, max(task.first_frame.shape[:2])))
        assert result.verdict is not None
        solved.append(result.verdict.optimal)
    assert 1 <= sum(solved) <= 11
