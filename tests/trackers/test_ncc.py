"""The NCC tracker and the trajectories made of its tracks."""

import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, TrackingError, VideoError
from wan_r1.trackers import TRACKERS
from wan_r1.trackers.ncc import NccTracker
from wan_r1.trackers.resample import pixel_trajectory, repeat_last, resize_linear
from wan_r1.types import Box, Path, Task, Track

SIDE = 200


def square_video(corners: list[tuple[int, int] | None], background: int = 90) -> NDArray[np.uint8]:
    """A 20 px textured square at these top-left corners on a faintly textured board; None draws no square."""
    board = np.random.default_rng(1).integers(background, background + 8, (SIDE, SIDE, 3)).astype(np.uint8)
    square = np.random.default_rng(2).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    video = np.repeat(board[None], len(corners), axis=0)
    for frame, corner in zip(video, corners, strict=True):
        if corner is not None:
            x, y = corner
            frame[y : y + 20, x : x + 20] = square
    return video


def square_task(box_px: tuple[float, float, float, float] = (20, 30, 20, 20), side: int = SIDE) -> Task:
    x, y, width, height = (value / side for value in box_px)
    return Task(
        family="maze",
        seed=0,
        settings={},
        prompt="",
        first_frame=np.zeros((side, side, 3), dtype=np.uint8),
        objects={"agent": Box(x=x, y=y, width=width, height=height)},
        sprites={},
        goals=(),
        solution=Path(points=np.zeros((1, 2), dtype=np.float32), unit="image"),
        state=None,
    )


def test_ncc_is_listed_by_name() -> None:
    assert TRACKERS["ncc"] is NccTracker


def test_a_moving_square_is_found_at_its_centre_in_image_units() -> None:
    track = NccTracker()(square_video([(20, 30), (25, 30), (40, 44)]), square_task())
    np.testing.assert_allclose(track.of("agent"), [[0.15, 0.2], [0.175, 0.2], [0.25, 0.27]], atol=1e-7)
    assert track.seen.all()
    assert track.unit == "image"


def test_a_vanished_square_is_not_seen_and_vr_bench_repeats_the_last_point() -> None:
    track = NccTracker()(square_video([(20, 30), (28, 30), None, None]), square_task())
    assert track.seen.tolist() == [[True, True, False, False]]
    assert np.isnan(track.of("agent")[2:]).all()
    trajectory = pixel_trajectory(track, "agent", square_task().objects["agent"], SIDE, SIDE)
    assert trajectory.tolist() == [[30, 40], [38, 40], [38, 40], [38, 40]]


def test_a_jump_beyond_the_search_margin_is_lost_and_found_with_the_whole_frame() -> None:
    video = square_video([(20, 30), (120, 30)])
    assert NccTracker()(video, square_task()).seen.tolist() == [[True, False]]
    assert NccTracker(search_margin_px=0)(video, square_task()).seen.tolist() == [[True, True]]


def test_the_window_moves_on_although_the_match_is_rejected() -> None:
    """A square that moves away under noise, out of reach of frame 0, is found when the noise is gone."""
    video = square_video([(20, 30), (60, 30), (100, 30)])
    weak = video[1, 30:50, 60:80].astype(np.float32)
    noise = np.random.default_rng(3).normal(0, 110, weak.shape)
    video[1, 30:50, 60:80] = np.clip(weak + noise, 0, 255).astype(np.uint8)
    track = NccTracker()(video, square_task())
    assert track.seen.tolist() == [[True, False, True]]
    np.testing.assert_allclose(track.of("agent")[2], [0.55, 0.2], atol=1e-6)


@pytest.mark.parametrize("side", [49, 210, 330, 450, 740])
def test_a_box_of_whole_pixels_keeps_its_pixels_at_the_rendered_size(side: int) -> None:
    """x / side * side is often just below x, which int() would take for x - 1."""
    video = np.zeros((1, side, side, 3), dtype=np.uint8)
    for x in range(0, side - 6, 7):
        task = square_task((x, x, 7, 5), side)
        track = NccTracker()(video, task)
        assert pixel_trajectory(track, "agent", task.objects["agent"], side, side).tolist() == [[x + 3.5, x + 2.5]]


def test_a_box_is_truncated_in_a_video_of_another_size() -> None:
    """45 * 512 / 210 = 109.71 and 30 * 512 / 210 = 73.14, so the centre is 109 + 73 / 2."""
    task = square_task((45, 45, 30, 30), 210)
    track = NccTracker()(np.zeros((1, 512, 512, 3), dtype=np.uint8), task)
    assert pixel_trajectory(track, "agent", task.objects["agent"], 512, 512).tolist() == [[145.5, 145.5]]


@pytest.mark.parametrize("name", ["ncc", "csrt", "optical_flow"])
def test_a_video_too_small_to_show_the_object_is_refused_by_every_tracker_that_follows(name: str) -> None:
    """A box of 20 of 200 px has 1 px of 19."""
    with pytest.raises(TrackingError, match="19 x 19 px: agent has 1 x 1 px there, too few to be tracked"):
        TRACKERS[name]()(np.zeros((2, 19, 19, 3), dtype=np.uint8), square_task())


def test_gaps_repeat_the_point_before_and_a_first_gap_takes_the_start() -> None:
    gap = [np.nan, np.nan]
    points = np.array([gap, gap, [3, 4], gap, [5, 6]], dtype=np.float32)
    assert repeat_last(points, (1, 2)).tolist() == [[1, 2], [1, 2], [3, 4], [3, 4], [5, 6]]


def test_half_pixels_survive_the_float32_image_units_of_a_track() -> None:
    truth = np.arange(0, 752, 0.5)
    points = np.stack([truth, truth[::-1]], axis=1)
    track = Track(
        objects=("agent",),
        points=(points / 752).astype(np.float32)[None],
        seen=np.ones((1, len(truth)), dtype=bool),
        copies=np.ones((1, len(truth)), dtype=np.int64),
        scores=np.ones((1, len(truth)), dtype=np.float32),
        unit="image",
    )
    start = Box(x=0, y=0, width=0.1, height=0.1)
    assert (pixel_trajectory(track, "agent", start, 752, 752) == points).all()


def test_linear_resizing_averages_two_neighbours_when_halving() -> None:
    """Area averaging would take all four columns of a 4 to 1 shrink; linear takes the two in the middle."""
    video = np.array([0, 10, 20, 100], dtype=np.uint8)[None, None, :, None].repeat(3, axis=3).repeat(4, axis=1)
    assert resize_linear(video, 1, 1)[0, 0, 0].tolist() == [15, 15, 15]
    assert resize_linear(video, 4, 4) is video


def test_wrong_input_names_the_value_and_the_way_out() -> None:
    with pytest.raises(VideoError, match=r"\(3, 200, 200\)"):
        NccTracker()(np.zeros((3, 200, 200), dtype=np.uint8), square_task())
    with pytest.raises(ConfigError, match="-1"):
        NccTracker(search_margin_px=-1)
    with pytest.raises(ConfigError, match=r"1\.5"):
        NccTracker(min_score=1.5)
    track = NccTracker()(square_video([(20, 30)]), square_task())
    with pytest.raises(TrackingError, match="no object 'box_0'; it has agent"):
        pixel_trajectory(track, "box_0", square_task().objects["agent"], SIDE, SIDE)
