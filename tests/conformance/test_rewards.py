"""Every reward answers the same questions."""

import pickle

import numpy as np
import pytest

from wan_r1.config import pick
from wan_r1.rewards import REWARDS
from wan_r1.tasks import family_of, make_task
from wan_r1.types import Path

TASK = make_task("maze", seed=3)
SOLVED = family_of(TASK).render(TASK, TASK.solution, 17, 80)
OPINIONS = ("vlm", "learned")
"""Need a server or a file, and promise nothing about what is true: tests/rewards/test_vlm.py, test_learned.py."""
GAMES = [name for name in REWARDS if name not in ("embedding", "pose", "navigation", *OPINIONS)]


@pytest.mark.parametrize("name", GAMES)
def test_the_solution_scores_at_least_095_and_a_still_video_near_zero(name: str) -> None:
    reward = pick(REWARDS, name, "reward")
    assert reward(TASK, SOLVED).value >= 0.95
    assert reward(TASK, SOLVED[:1].repeat(17, axis=0)).value <= 0.1


@pytest.mark.parametrize("name", GAMES)
def test_a_score_is_the_same_again_after_pickling_and_leaves_the_video_alone(name: str) -> None:
    reward, before = pick(REWARDS, name, "reward"), SOLVED.copy()
    assert reward(TASK, SOLVED) == pickle.loads(pickle.dumps(reward))(TASK, SOLVED)
    assert (before == SOLVED).all()


@pytest.mark.parametrize("name", GAMES)
def test_half_of_the_way_scores_less_than_the_whole(name: str) -> None:
    half = Path(points=TASK.solution.points[:7], unit="image")
    video = family_of(TASK).render(TASK, half, 17, 80)
    score = pick(REWARDS, name, "reward")(TASK, video)
    assert 0 <= score.value <= 0.6
    assert all(np.isfinite(value) for value in score.parts.values())
