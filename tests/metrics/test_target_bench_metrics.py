"""Target-Bench's metrics on paths whose numbers can be worked out by hand, and on broken ones."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.metrics import METRICS
from wan_r1.metrics.target_bench import DEFAULTS, OFFICIAL, VIPE, measure

REFERENCE = np.stack([np.zeros(81), np.linspace(0, 5, 81)], axis=1)


def test_metrics_are_listed_by_name() -> None:
    assert METRICS["target_bench"] is measure


def test_a_perfect_path_scores_the_sum_of_the_weights() -> None:
    assert measure(REFERENCE, REFERENCE).overall == pytest.approx(0.90)
    assert measure(REFERENCE, REFERENCE, DEFAULTS).overall == pytest.approx(0.90)
    assert measure(REFERENCE, REFERENCE, VIPE).overall == pytest.approx(1.0)


def test_a_path_half_a_metre_aside() -> None:
    result = measure(np.add(REFERENCE[::10], [0.5, 0]), REFERENCE, OFFICIAL)
    assert result.ade == pytest.approx(0.5)
    assert result.fde == pytest.approx(0.5)
    assert result.miss_rate == 0.0
    assert result.soft_endpoint == pytest.approx(math.exp(-0.5))
    assert result.approach_consistency == 1.0
    assert result.overall == pytest.approx(0.15 * math.exp(-0.5) + 0.10 + 0.65 * math.exp(-0.5))


def test_standing_still_is_consistent_but_scores_next_to_nothing() -> None:
    result = measure(np.zeros((9, 2)), REFERENCE)
    assert result.approach_consistency == 1.0
    assert result.overall < 0.05


@pytest.mark.parametrize(
    "predicted",
    [np.zeros((0, 2)), np.zeros((1, 2)), np.array([[0, 0], [0, np.nan], [0, 5]]), np.array([[0, 0], [0, np.inf]])],
    ids=["empty", "one point", "nan", "inf"],
)
def test_a_broken_prediction_is_a_failure_with_overall_zero(predicted: NDArray[np.float64]) -> None:
    result = measure(predicted, REFERENCE)
    assert (result.overall, result.soft_endpoint, result.miss_rate, result.ade) == (0.0, 0.0, 100.0, math.inf)


def test_compat_lets_nan_points_count_as_hits() -> None:
    holed = REFERENCE[::10].copy()
    holed[4] = np.nan
    result = measure(holed, REFERENCE, compat=True)
    assert math.isnan(result.ade)
    assert math.isnan(result.overall)
    assert (result.miss_rate, result.soft_endpoint) == (0.0, 1.0)
    assert result.approach_consistency == pytest.approx(math.exp(-5 / 9))


def test_wrong_input_names_the_value_and_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"reference: needs finite points"):
        measure(REFERENCE, np.zeros((0, 2)))
    with pytest.raises(ConfigError, match=r"predicted: must be \[N, 2\] in metres; got \(9, 3\)"):
        measure(np.zeros((9, 3)), REFERENCE)
