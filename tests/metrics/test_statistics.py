"""Intervals: known values, and how often they hold the truth."""

import itertools

import numpy as np
import pytest

from wan_r1.errors import ConfigError
from wan_r1.metrics.statistics import Interval, mean_interval, paired_difference, pass_at_k, proportion


def test_wilson_interval_of_8_in_10() -> None:
    """Published example: 0.49 to 0.943."""
    interval = proportion(8, 10)
    assert interval.mean == 0.8
    assert (interval.low, interval.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


@pytest.mark.parametrize(("successes", "low", "high"), [(0, 0.0, 0.0566), (64, 0.9434, 1.0)])
def test_wilson_interval_at_the_ends(successes: int, low: float, high: float) -> None:
    interval = proportion(successes, 64)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("num_tasks", [64, 256, 1024])
def test_paired_interval_agrees_with_the_normal_one(num_tasks: int) -> None:
    rng = np.random.default_rng(num_tasks)
    before = rng.random(num_tasks) < 0.5
    after = before | (rng.random(num_tasks) < 0.3)
    difference = after.astype(float) - before
    reach = 1.96 * difference.std(ddof=1) / np.sqrt(num_tasks)
    interval = paired_difference(before, after, seed=0)
    assert interval.mean == pytest.approx(difference.mean())
    assert interval.low == pytest.approx(interval.mean - reach, abs=0.08 * reach + 1 / num_tasks)
    assert interval.high == pytest.approx(interval.mean + reach, abs=0.08 * reach + 1 / num_tasks)


def test_pairs_cancel_what_tasks_have_in_common() -> None:
    hard = np.random.default_rng(0).random(256) < 0.5
    better = hard.copy()
    better[np.flatnonzero(~hard)[:12]] = True
    paired = paired_difference(hard, better, seed=0)
    assert paired.mean == pytest.approx(12 / 256)
    assert paired.low > 0.02
    assert mean_interval(better, seed=0).low < hard.mean()


def test_the_interval_holds_the_truth_in_about_95_of_100_experiments() -> None:
    rng = np.random.default_rng(7)
    held = 0
    for seed in range(400):
        gains = rng.choice([-1.0, 0.0, 1.0], size=64, p=[0.1, 0.6, 0.3])
        interval = mean_interval(gains, seed=seed, num_resamples=1000)
        held += interval.low <= 0.2 <= interval.high
    assert 0.91 <= held / 400 <= 0.98


def test_samples_of_one_task_are_drawn_together() -> None:
    """16 equal samples of each of 64 tasks say no more than one sample of each."""
    tasks = (np.random.default_rng(1).random(64) < 0.4).astype(float)
    samples, labels = np.repeat(tasks, 16), np.repeat(np.arange(64), 16)
    single = mean_interval(tasks, seed=0)
    assert mean_interval(samples, seed=0, clusters=labels) == single
    naive = mean_interval(samples, seed=0)
    assert naive.high - naive.low == pytest.approx((single.high - single.low) / 4, rel=0.1)


def test_clusters_of_unequal_size_keep_the_mean_of_all_values() -> None:
    values, labels = np.array([1.0, 1, 1, 0, 0, 1]), np.array(["a", "a", "a", "b", "b", "c"])
    assert mean_interval(values, seed=0, clusters=labels).mean == pytest.approx(4 / 6)


def test_the_same_seed_gives_the_same_interval_and_no_change_gives_zero() -> None:
    values = np.random.default_rng(2).random(100)
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert paired_difference(values, values, seed=3) == Interval(mean=0.0, low=0.0, high=0.0)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_pass_at_k_is_the_share_of_drawings_with_a_success(k: int) -> None:
    """All ways to draw k of 6 samples, of which 2 succeed."""
    draws = list(itertools.combinations([True, True, False, False, False, False], k))
    assert pass_at_k(np.array([2]), 6, k)[0] == pytest.approx(sum(any(draw) for draw in draws) / len(draws))


def test_pass_at_1_is_the_success_rate_and_pass_at_all_is_any_success() -> None:
    successes = np.array([0, 1, 4, 16])
    np.testing.assert_allclose(pass_at_k(successes, 16, 1), successes / 16)
    assert pass_at_k(successes, 16, 16).tolist() == [0, 1, 1, 1]


def test_wrong_input_names_the_value_and_the_way_out() -> None:
    with pytest.raises(ConfigError, match="5 of 4"):
        proportion(5, 4)
    with pytest.raises(ConfigError, match="k: 17"):
        pass_at_k(np.array([1]), 16, 17)
    with pytest.raises(ConfigError, match="must be pairs"):
        paired_difference(np.zeros(3), np.zeros(4), seed=0)
    with pytest.raises(ConfigError, match="finite"):
        mean_interval(np.array([0.0, np.nan]), seed=0)
    with pytest.raises(ConfigError, match="one label for each value"):
        mean_interval(np.zeros(3), seed=0, clusters=np.zeros(2))
