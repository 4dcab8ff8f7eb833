"""Every family answers the same questions."""

import pickle

import numpy as np
import pytest

from wan_r1.rewards import TrajectoryReward
from wan_r1.tasks import FAMILIES, make_family, task_seed
from wan_r1.types import Path, Task

GAMES = [name for name in FAMILIES if name != "navigation"]
NUM_FRAMES = 33


def _task(name: str, index: int = 0) -> Task:
    return make_family(name).generate(task_seed(17, index))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_task(name: str) -> None:
    task, again, other = _task(name), _task(name), _task(name, 1)
    assert task.first_frame.tobytes() == again.first_frame.tobytes()
    assert task.solution.points.tobytes() == again.solution.points.tobytes()
    assert task.first_frame.tobytes() != other.first_frame.tobytes()


@pytest.mark.parametrize("name", GAMES)
def test_a_task_survives_pickling_and_has_what_trackers_need(name: str) -> None:
    task = pickle.loads(pickle.dumps(_task(name)))
    assert set(task.objects) <= set(task.sprites)
    assert task.first_frame.dtype == np.uint8
    assert (task.solution.points >= 0).all()
    assert (task.solution.points <= 1).all()


@pytest.mark.parametrize("name", GAMES)
def test_the_drawn_solution_is_solved_optimal_and_scores_at_least_095(name: str) -> None:
    task = _task(name)
    video = make_family(name).render(task, task.solution, NUM_FRAMES, max(task.first_frame.shape[:2]))
    score = TrajectoryReward()(task, video)
    assert score.value >= 0.95
    assert score.verdict is not None
    assert (score.verdict.solved, score.verdict.optimal, score.verdict.violations) == (True, True, ())


@pytest.mark.parametrize("name", GAMES)
def test_a_still_video_scores_zero(name: str) -> None:
    task = _task(name)
    assert TrajectoryReward()(task, task.first_frame[None].repeat(9, axis=0)).value == 0


@pytest.mark.parametrize("name", GAMES)
def test_a_jump_to_the_goal_is_not_solved(name: str) -> None:
    task = _task(name)
    family, size = make_family(name), max(task.first_frame.shape[:2])
    end = Path(points=task.solution.points[-1:].repeat(2, axis=0), unit="image")
    arrived = family.render(task, end, 1, size)
    video = np.concatenate([task.first_frame[None].repeat(16, axis=0), arrived.repeat(17, axis=0)])
    score = TrajectoryReward()(task, video)
    assert score.verdict is not None
    assert not score.verdict.solved
    assert score.value <= 0.3
