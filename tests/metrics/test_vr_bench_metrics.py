"""VR-Bench's metrics on paths whose numbers can be worked out by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, VideoError
from wan_r1.metrics import METRICS
from wan_r1.metrics import vr_bench as metrics
from wan_r1.types import Box

GOAL = Box(x=0.8, y=0.0, width=0.2, height=0.2)
STRAIGHT = np.stack([np.linspace(0.1, 0.9, 9), np.full(9, 0.1)], axis=1)


def to_the_right(length: float) -> NDArray[np.float64]:
    return np.array([[0.1, 0.1], [0.1 + length, 0.1]])


def test_metrics_are_listed_by_name() -> None:
    assert METRICS["vr_bench"] is metrics.measure


def test_the_reference_itself_is_an_exact_match() -> None:
    result = metrics.measure(STRAIGHT, [STRAIGHT], GOAL)
    assert (result.success, result.exact, result.precision, result.deviation) == (True, True, 1.0, 0.0)
    assert result.reference_length == result.generated_length == pytest.approx(0.8)


def test_precision_is_the_length_of_the_matching_prefix_not_the_share_of_matching_points() -> None:
    detour = STRAIGHT.copy()
    detour[4, 1] = 0.3  # away at x = 0.5 and back: every later point is read at the wrong arc length too
    assert metrics.precision_rate(STRAIGHT, STRAIGHT, 0.01, 100) == 1.0
    # It leaves at length 0.3 with slope 2; after t the gap is (t / sqrt(5) - t, 2 t / sqrt(5)): 0.05 at t = 0.0475.
    assert metrics.precision_rate(detour, STRAIGHT, 0.05, 1000) == pytest.approx(0.3475 / 0.8, abs=0.001)


def test_standing_still_changes_nothing() -> None:
    resting = np.concatenate([np.repeat(STRAIGHT[:1], 50, axis=0), STRAIGHT])
    assert metrics.measure(resting, [STRAIGHT], GOAL) == metrics.measure(STRAIGHT, [STRAIGHT], GOAL)


def test_touching_the_goal_and_leaving_it_is_success() -> None:
    leaving = np.concatenate([STRAIGHT, STRAIGHT[::-1]])
    result = metrics.measure(leaving, [STRAIGHT], GOAL)
    assert (result.success, result.exact) == (True, False)
    assert result.deviation == pytest.approx(1.0)


def test_the_goal_box_includes_its_edges() -> None:
    assert metrics.success_rate(np.array([[0.8, 0.2]]), GOAL)
    assert not metrics.success_rate(np.array([[0.7999, 0.2]]), GOAL)


def test_a_shorter_path_has_no_deviation_and_may_still_be_exact() -> None:
    result = metrics.measure(to_the_right(0.79), [STRAIGHT], GOAL, metrics.SCRIPT)
    assert (result.success, result.precision, result.deviation, result.exact) == (True, 1.0, None, True)


def test_ten_percent_too_long_is_exact_and_more_is_not() -> None:
    assert metrics.exact_match(True, 0.98, 0.1)
    assert not metrics.exact_match(True, 0.98, 0.1001)
    assert not metrics.exact_match(True, 0.9799, 0.0)
    assert not metrics.exact_match(False, 1.0, None)


def test_lengths_are_zero_without_success() -> None:
    result = metrics.measure(to_the_right(0.3), [STRAIGHT], GOAL)
    assert (result.success, result.reference_length, result.generated_length) == (False, 0.0, 0.0)
    assert result.precision == pytest.approx(0.31 / 0.8, abs=0.011)


def test_the_best_reference_has_the_largest_pr_minus_sd() -> None:
    around = np.array([[0.1, 0.1], [0.1, 0.5], [0.9, 0.5], [0.9, 0.1]])
    assert metrics.measure(STRAIGHT, [around, STRAIGHT], GOAL).best_reference == 1
    assert metrics.measure(around, [STRAIGHT, around, around], GOAL).best_reference == 1


def test_the_box_decides_success_in_sokoban() -> None:
    still_box = np.repeat([[0.5, 0.5]], 9, axis=0)
    assert not metrics.measure(STRAIGHT, [STRAIGHT], GOAL, goal_points=still_box).success
    assert metrics.measure(still_box, [STRAIGHT], GOAL, goal_points=STRAIGHT).success


def test_a_video_of_one_frame_fails_with_deviation_zero() -> None:
    result = metrics.measure(STRAIGHT[-1:], [STRAIGHT], GOAL)
    assert (result.success, result.precision, result.deviation, result.exact) == (False, 0.0, 0.0, False)


def test_a_reference_that_stands_still_gives_deviation_zero() -> None:
    still = np.repeat([[0.9, 0.1]], 5, axis=0)
    assert metrics.measure(still, [still], GOAL).deviation == 0.0


def board(num_frames: int) -> NDArray[np.uint8]:
    return np.full((num_frames, 100, 100, 3), 100, dtype=np.uint8)


CORNER = Box(x=0.0, y=0.0, width=0.1, height=0.1)
FAR_CORNER = Box(x=0.9, y=0.9, width=0.1, height=0.1)


def fidelity(video: NDArray[np.uint8], agent: NDArray[np.float64] | None = None) -> float:
    path = np.array([[0.05, 0.05]]) if agent is None else agent
    return metrics.maze_fidelity(video, path, CORNER, FAR_CORNER, (100, 100))


def test_fidelity_counts_pixels_that_change_by_more_than_five_grey_levels() -> None:
    video = board(6)
    video[5, 50:60, :49] = 106  # 490 of the 10000 - 200 pixels outside both boxes
    video[5, 70:80] = 105
    assert fidelity(video) == pytest.approx(1 - 490 / 9800)


def test_fidelity_looks_at_frames_5_10_15_only() -> None:
    video = board(11)
    video[[1, 2, 3, 4, 6, 7, 8, 9]] = 0
    assert fidelity(video) == 1.0
    video[10] = 0
    assert fidelity(video) == 0.5
    assert fidelity(board(5)) == 0.0


def test_fidelity_leaves_out_the_agent_and_the_start_and_goal_boxes() -> None:
    video = board(6)
    video[5, 40:50, 40:50] = 0
    video[5, :10, :10] = 0
    video[5, 90:, 90:] = 0
    assert fidelity(video, np.array([[0.45, 0.45]])) == 1.0
    assert fidelity(video) == pytest.approx(1 - 100 / 9800)


def test_wrong_input_names_the_value_and_the_way_out() -> None:
    with pytest.raises(ConfigError, match="at least one reference"):
        metrics.measure(STRAIGHT, [], GOAL)
    with pytest.raises(ConfigError, match=r"generated: must be \[N, 2\]"):
        metrics.measure(STRAIGHT[:, :1], [STRAIGHT], GOAL)
    with pytest.raises(ConfigError, match="repeat_last"):
        metrics.measure(np.array([[0.1, np.nan], [0.2, 0.2]]), [STRAIGHT], GOAL)
    with pytest.raises(ConfigError, match="num_samples: 1"):
        metrics.VRBenchOptions(num_samples=1)
    with pytest.raises(VideoError, match="float64"):
        metrics.maze_fidelity(np.zeros((6, 4, 4, 3)), STRAIGHT, CORNER, FAR_CORNER, (4, 4))  # type: ignore[arg-type]
