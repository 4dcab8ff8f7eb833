import numpy as np
import pytest

from wan_r1.evaluation.games import GAME_NUMBERS, game_results
from wan_r1.tasks import make_family, make_task

GAMES = ("maze", "trapfield", "sokoban", "irregular_maze", "maze3d")


def solution_of(task):
    return make_family(task.family, level="tiny").render(task, task.solution, 17, max(task.first_frame.shape[:2]))


@pytest.mark.parametrize("game", GAMES)
def test_a_drawn_solution_has_all_of_vr_benchs_numbers(game):
    task = make_task(game, seed=3, level="tiny")
    ((success, precision, exact, deviation),) = game_results([task], [solution_of(task)])
    assert (success, precision, exact) == (1, 1, 1)
    assert np.isnan(deviation) or deviation < 0.01  # NaN: a hair shorter than the reference


@pytest.mark.parametrize("game", GAMES)
def test_a_still_picture_has_no_success(game):
    task = make_task(game, seed=3, level="tiny")
    numbers = dict(
        zip(GAME_NUMBERS, *game_results([task], [np.repeat(task.first_frame[None], 17, axis=0)]), strict=True)
    )
    assert numbers["vr_bench_sr"] == numbers["vr_bench_em"] == 0


def test_rooms_have_no_such_numbers():
    task = make_task("navigation", seed=3, level="tiny")
    assert game_results([task], [np.repeat(task.first_frame[None], 17, axis=0)]).shape == (0, len(GAME_NUMBERS))
