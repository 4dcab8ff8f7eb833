"""The pose regressor: motions add up to the path, a small one learns, files and clips that are none are refused."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.tasks import make_family, task_seed
from wan_r1.trackers.camera import Clip
from wan_r1.trackers.pose_regressor import (
    MOTION_UNITS,
    PoseRegressor,
    RegressorShape,
    add_up,
    build_regressor,
    read_regressor,
    write_regressor,
)
from wan_r1.training.pose import GAPS, Pairs, RegressorSettings, pairs_of, train_regressor
from wan_r1.types import Anchor

SMALL = RegressorShape(size_px=16, widths=(8, 8), hidden=16)
FAMILY = make_family("navigation", level="tiny", size=32)


def clip_of(index):
    task = FAMILY.generate(task_seed(7, index))
    return FAMILY.render(task, task.solution, 9, 32), FAMILY.poses(task, task.solution, 9), task


def test_true_motions_add_up_to_the_true_path():
    video, poses, task = clip_of(1)
    found = pairs_of([video], [poses], SMALL)
    steps = found.motions.numpy()[[number for number in range(8) if GAPS[number % len(GAPS)] == 1]]
    assert len(found) == 8  # nine frames; the last has no later one
    assert steps[:, 0].min() > 0  # the reference walks forward

    # All pairs of neighbours, in metres and radians.
    motions = []
    for one, two in pairwise(poses):
        (dx, dy), yaw = two[:2] - one[:2], one[2]
        turn = (two[2] - yaw + np.pi) % (2 * np.pi) - np.pi
        motions.append([np.cos(yaw) * dx + np.sin(yaw) * dy, np.cos(yaw) * dy - np.sin(yaw) * dx, turn])
    np.testing.assert_allclose(add_up(np.asarray(motions)), task.solution.points[::12], atol=1e-4)


def test_a_walk_along_a_circle_ends_where_it_began():
    turn = np.radians(10)
    chord = 2 * np.sin(turn / 2)
    motion = [chord * np.cos(turn / 2), chord * np.sin(turn / 2), turn]
    points = add_up(np.tile(motion, (36, 1)))
    np.testing.assert_allclose(points[-1], 0, atol=1e-9)
    np.testing.assert_allclose(points[18], [0, 2], atol=1e-9)


def test_a_small_network_learns_how_far_the_camera_goes(tmp_path):
    clips = [clip_of(index)[:2] for index in range(12)]
    pairs = pairs_of([video for video, _ in clips], [poses for _, poses in clips], SMALL)
    settings = RegressorSettings(epochs=30, batch_size=16, blur_share=0.0)
    losses = []
    network = train_regressor(pairs, pairs, SMALL, settings, lambda _, words: losses.append(float(words.split()[-1])))
    still = torch.nn.functional.smooth_l1_loss(pairs.motions.mean(0).expand_as(pairs.motions), pairs.motions)
    assert losses[-1] < 0.6 * float(still)

    path = tmp_path / "regressor.safetensors"
    write_regressor(path, network, SMALL, {"clips": 12})
    _, shape, facts = read_regressor(path)
    assert (shape, facts) == (SMALL, {"clips": 12})
    video = clips[0][0]
    track = PoseRegressor(path=str(path))(Clip(video=video, anchor=Anchor(picture=video[0], distance_m=0.5)))
    assert track.unit == "metre"
    assert track.seen.all()
    assert track.points.shape == (1, 9, 2)
    motions = PoseRegressor(path=str(path)).motions(video)
    with torch.no_grad():
        at_once = network(torch.from_numpy(np.stack([np.zeros((6, 16, 16), np.float32)])))
    assert at_once.shape == (1, 3)
    assert np.abs(motions).max() < 20 * max(MOTION_UNITS)


def test_frames_that_are_no_view_of_the_room_before_are_lost():
    video, _, _ = clip_of(0)
    anchor = Anchor(picture=video[0], distance_m=0.5)
    noise = np.concatenate([video[:4], np.random.default_rng(0).integers(0, 256, video[4:].shape, dtype=np.uint8)])
    flat = np.concatenate([video[:4], np.full_like(video[4:], 90)])
    assert PoseRegressor()(Clip(video=video, anchor=anchor)).seen.all()
    for broken in (noise, flat):
        assert PoseRegressor()(Clip(video=broken, anchor=anchor)).seen[0].tolist() == [True] * 4 + [False] * 5


def test_one_frame_is_a_lost_camera():
    video = np.zeros((1, 32, 32, 3), np.uint8)
    track = PoseRegressor()(Clip(video=video, anchor=Anchor(picture=video[0], distance_m=0.5)))
    assert not track.seen.any()


def test_a_file_that_is_no_regressor_names_itself_and_the_way_out(tmp_path):
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"other\.safetensors.*benchmarks/pose_regressor\.py"):
        PoseRegressor(path=str(path)).motions(np.zeros((2, 8, 8, 3), np.uint8))


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="size_px"):
        RegressorShape(size_px=30, widths=(8, 8))
    with pytest.raises(ConfigError, match="multiples of 8"):
        RegressorShape(size_px=32, widths=(8, 12))
    with pytest.raises(ConfigError, match="epochs"):
        RegressorSettings(epochs=0)
    with pytest.raises(ConfigError, match="at least one"):
        Pairs(inputs=torch.zeros(0, 6, 8, 8), motions=torch.zeros(0, 3))


def test_the_network_has_one_answer_of_three_numbers_for_each_pair():
    assert build_regressor(SMALL)(torch.zeros(5, 6, 16, 16)).shape == (5, 3)
