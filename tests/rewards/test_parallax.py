"""Enlarged pictures are told from walks, whatever their pace."""

import numpy as np

from wan_r1.rewards import EmbeddingReward
from wan_r1.rewards.parallax import steps_beyond_zoom
from wan_r1.rewards.walk_cheats import WALK_CHEATS, prefix_video
from wan_r1.tasks import make_tasks
from wan_r1.tasks.first_person import reference_video

(TASK,) = make_tasks("navigation", 42, 1, start=2, level="tiny")
WALK = reference_video(TASK, 17, 80, 80)


def test_still_frames_have_no_steps():
    assert np.isnan(steps_beyond_zoom(WALK[:1].repeat(4, axis=0))).all()


def test_enlarged_stills_leave_less_unexplained_than_a_walk():
    zoomed = steps_beyond_zoom(WALK_CHEATS["stills_zoomed"](TASK, WALK, np.random.default_rng(0)))
    assert np.nanmedian(zoomed) < 0.4 * np.nanmedian(steps_beyond_zoom(WALK))


def test_a_prefix_straight_ahead_is_no_zoom():
    """Its frames are explained better than the reference's on the mean, not than those at the same places."""
    score = EmbeddingReward()(TASK, prefix_video(TASK, WALK, 0.5))
    assert score.parts["parallax"] == 1
    assert score.value > 0.15
