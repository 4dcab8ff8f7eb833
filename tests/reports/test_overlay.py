"""Paths and tracks are drawn where they are."""

import numpy as np
import pytest

from wan_r1.errors import VideoError
from wan_r1.reports.overlay import TRACK_RGB, draw_line, draw_track, enlarge


def grey(frames, size):
    return np.full((frames, size, size, 3), 128, dtype=np.uint8)


def near_track_color(picture):
    return (np.abs(picture.astype(int) - TRACK_RGB) < 40).all(axis=-1)


def test_enlarging_repeats_pixels_by_a_whole_factor():
    video = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    large = enlarge(video, 15)
    assert large.shape == (2, 9, 12, 3)
    assert np.array_equal(large[:, ::3, ::3], video)


def test_a_large_video_stays_as_it_is():
    assert enlarge(grey(1, 100), 64).shape == (1, 100, 100, 3)


def test_a_line_lies_on_its_points_and_leaves_the_given_video_alone():
    video = grey(2, 80)
    drawn = draw_line(video, np.array([[0.25, 0.5], [0.75, 0.5]], dtype=np.float32))
    changed = (drawn != 128).any(axis=-1)
    assert changed[0, 40, 20:60].all()
    assert not changed[0, :30].any()
    assert np.array_equal(drawn[0], drawn[1])
    assert (video == 128).all()


def test_a_track_grows_with_the_frames():
    points = np.array([[0.2, 0.5], [0.5, 0.5], [0.8, 0.5]], dtype=np.float32)
    drawn = near_track_color(draw_track(grey(3, 160), points))
    # The ring around the present place reaches ten pixels further.
    assert not drawn[0, :, 60:].any()
    assert drawn[1, 80, 40:70].all()
    assert not drawn[1, :, 100:].any()
    assert drawn[2, 80, 40:118].all()


def test_a_track_is_broken_where_the_agent_was_not_seen():
    points = np.array([[0.1, 0.5], [0.3, 0.5], [np.nan, np.nan], [0.7, 0.5], [0.9, 0.5]], dtype=np.float32)
    drawn = near_track_color(draw_track(grey(5, 160), points)[4])
    assert drawn[80, 20:46].all()
    assert not drawn[:, 60:105].any()
    assert drawn[80, 115:130].all()


def test_what_is_no_video_is_refused():
    with pytest.raises(VideoError, match=r"must be \[T, H, W, 3\]"):
        draw_track(np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((1, 2), dtype=np.float32))
