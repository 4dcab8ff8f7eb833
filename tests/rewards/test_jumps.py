"""What the frame before does not explain, and the tint of a frame."""

import numpy as np
import pytest

from wan_r1.rewards.jumps import details, tints, unexplained
from wan_r1.tasks import make_task
from wan_r1.tasks.first_person import reference_video

WALK = reference_video(make_task("navigation", seed=5), 17, 80, 80)


def test_a_still_camera_leaves_nothing_and_noise_almost_all():
    noise = np.random.default_rng(0).integers(0, 256, (3, 80, 80, 3), dtype=np.uint8)
    assert unexplained(WALK[:1].repeat(4, axis=0)).tolist() == [0, 0, 0]
    assert unexplained(noise).min() > 0.3


def test_a_picture_that_moves_is_explained_and_a_cut_is_not():
    moved = np.stack([np.roll(WALK[0], 4 * step, axis=1)[:, 24:] for step in range(4)])
    cut = np.concatenate([WALK[:1], WALK[-1:]])
    assert unexplained(moved).max() < 0.05
    assert unexplained(cut)[0] > 2 * unexplained(WALK).max()


@pytest.mark.parametrize("gray", [0, 9, 255])
def test_flat_frames_have_no_tint_and_are_explained(gray):
    flat = np.full((3, 64, 64, 3), gray, np.uint8)
    assert np.abs(tints(flat)).max() == 0
    assert unexplained(flat).max() == 0


def test_a_tint_does_not_depend_on_the_light():
    color = np.asarray([[[[120, 80, 40]]]], np.uint8).repeat(64, axis=1).repeat(64, axis=2)
    assert np.allclose(tints(color), [[0.5, 0.0, -0.5]])
    assert np.allclose(tints(color // 2), tints(color))


def test_details_are_alike_only_where_something_is_at_the_same_place():
    fine = details(np.concatenate([WALK[:1], WALK[:1] // 2, WALK[-1:], (WALK[:1] // 2 + WALK[-1:] // 2)]))
    alike = fine @ fine.T
    assert alike[0, 1] > 0.98
    assert abs(alike[0, 2]) < 0.2
    assert alike[0, 3] > 0.4
    assert np.abs(details(np.zeros((1, 64, 64, 3), np.uint8))).max() == 0
