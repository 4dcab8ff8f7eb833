import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wan_r1.errors import ConfigError
from wan_r1.training.advantage import (
    ADVANTAGE_CLIP,
    group_advantages,
    groups_with_spread,
    part_advantages,
    scaled_advantages,
)


def test_advantages_follow_the_formula():
    # mean 0.5, std 0.5
    found = group_advantages(np.array([[0.0, 1.0, 0.0, 1.0]]))
    np.testing.assert_allclose(found, [[-0.5 / 0.5001, 0.5 / 0.5001, -0.5 / 0.5001, 0.5 / 0.5001]], rtol=1e-12)


def test_each_group_is_compared_with_itself_only():
    alone = group_advantages(np.array([[0.1, 0.4, 0.7]]))
    together = group_advantages(np.array([[0.1, 0.4, 0.7], [0.9, 0.0, 0.0]]))
    np.testing.assert_array_equal(together[:1], alone)


def test_groups_without_spread_get_zero_and_are_not_counted():
    rewards = np.array([[0.3, 0.3, 0.3], [0.0, 0.0, 1.0], [0.5, 0.5, 0.50005]])
    assert groups_with_spread(rewards).tolist() == [False, True, False]
    found = group_advantages(rewards)
    assert found[0].tolist() == [0.0, 0.0, 0.0]
    assert found[2].tolist() == [0.0, 0.0, 0.0]
    assert found[1, 2] > 0 > found[1, 0]


def test_one_success_among_many_is_clipped():
    rewards = np.zeros((1, 100))
    rewards[0, 7] = 1.0  # (1 - 0.01) / 0.0995 = 9.9
    assert group_advantages(rewards)[0, 7] == ADVANTAGE_CLIP


@given(arrays(np.float64, (3, 5), elements=st.floats(0, 1)))
@settings(deadline=None)
def test_advantages_are_finite_bounded_and_in_the_order_of_the_rewards(rewards):
    found = group_advantages(rewards)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= ADVANTAGE_CLIP
    for reward, advantage in zip(rewards, found, strict=True):
        assert (np.diff(advantage[np.argsort(reward)]) >= 0).all()


def test_scaled_advantages_keep_their_mean_and_order_where_clipped_ones_do_not():
    rewards = np.array([[0.0, 0.0, 0.0, 0.0, 0.0, 0.8], [0.4, 0.6, 0.4, 0.6, 0.4, 0.6]])
    advantages = group_advantages(rewards)
    found = scaled_advantages(advantages)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-12)
    assert found[0].max() == 1.0
    assert np.clip(advantages[0], -1, 1).mean() < -0.2
    np.testing.assert_allclose(found[1], advantages[1])


def test_parts_are_normalised_each_by_itself_and_then_weighted():
    parts = {"progress": np.array([[0.0, 1.0]]), "exact": np.array([[1.0, 1.0]])}
    found = part_advantages(parts, {"progress": 2.0, "exact": 5.0})
    np.testing.assert_allclose(found, [[-2 * 0.5 / 0.5001, 2 * 0.5 / 0.5001]])


@pytest.mark.parametrize("rewards", [np.zeros(4), np.zeros((3, 1)), np.zeros((2, 2, 2))])
def test_rewards_of_another_shape_are_refused(rewards):
    with pytest.raises(ConfigError, match=r"\[P, G\]"):
        group_advantages(rewards)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rewards_that_are_no_numbers_are_refused(value):
    with pytest.raises(ConfigError, match="not finite"):
        group_advantages(np.array([[0.1, value]]))
