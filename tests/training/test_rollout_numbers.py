import numpy as np
import pytest

from wan_r1.training.rollout_numbers import mean_numbers, rollout_numbers
from wan_r1.types import Score, Verdict

REWARDS = np.array([[0.1, 0.3, 0.1, 0.3], [0.5, 0.5, 0.5, 0.5]])
KEPT = np.array([True] * 4 + [False] * 4)
HERE, THERE = (((0.0, 0.0), (end, 0.0)) * 16 for end in (0.0, 1.0))


def scores(exact, routes):
    verdicts = [Verdict(solved=True, optimal=bool(flag), progress=1.0) for flag in exact]
    values = REWARDS.ravel().tolist()
    return [
        Score(value=value, parts={"gate": value}, verdict=verdict, route=route)
        for value, verdict, route in zip(values, verdicts, routes, strict=True)
    ]


def test_means_over_videos_and_groups():
    found = rollout_numbers(scores([1, 0, 0, 0, 0, 0, 0, 0], [HERE] * 6 + [THERE, ()]), REWARDS, KEPT)
    assert found["reward/mean"] == pytest.approx(0.35)
    assert found["reward/spread"] == pytest.approx(0.05)
    assert found["rollout/em"] == 1 / 8
    assert found["rollout/sr"] == 1.0
    assert found["rollout/groups_kept"] == 0.5
    assert found["part/gate"] == pytest.approx(0.35)
    assert found["rollout/distinct_paths"] == pytest.approx((1 / 4 + 3 / 4) / 2)


def test_pass_at_k_goes_up_to_the_group():
    found = rollout_numbers(scores([1, 1, 0, 0, 0, 0, 0, 0], [HERE] * 8), REWARDS, KEPT)
    assert [found[f"rollout/pass_at_{k}"] for k in (1, 2, 4)] == pytest.approx([0.25, 5 / 12, 0.5])
    six = [Score(value=0.5, parts={}, verdict=Verdict(solved=False, optimal=False, progress=0.0))] * 6
    names = {name for name in rollout_numbers(six, np.full((1, 6), 0.5), np.ones(6, bool)) if "pass" in name}
    assert names == {f"rollout/pass_at_{k}" for k in (1, 2, 4, 6)}


def test_a_reward_without_verdict_and_route_leaves_these_numbers_out():
    plain = [Score(value=value, parts={}) for value in REWARDS.ravel().tolist()]
    found = rollout_numbers(plain, REWARDS, KEPT)
    assert set(found) == {"reward/mean", "reward/spread", "rollout/em", "rollout/sr", "rollout/groups_kept"}


def test_a_part_that_some_videos_lack_is_averaged_over_the_others():
    odd = [Score(value=0.5, parts={"all": 1.0} | ({"some": 0.2 * video} if video % 2 else {})) for video in range(4)]
    found = rollout_numbers(odd, np.full((1, 4), 0.5), np.ones(4, bool))
    assert (found["part/all"], found["part/some"]) == (1.0, pytest.approx(0.4))


def test_a_number_that_some_processes_lack_is_averaged_over_the_others():
    assert mean_numbers([{"a": 1.0}, {"a": 2.0, "b": 5.0}]) == {"a": 1.5, "b": 5.0}
