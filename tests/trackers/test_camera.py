"""Camera decoders: bundle adjustment, visual odometry on drawn rooms, VGGT's protocol, the oracle."""

import sys

import numpy as np
import pytest

from wan_r1.errors import ConfigError, TrackingError
from wan_r1.tasks import make_family, task_seed
from wan_r1.tasks.first_person import anchor_of
from wan_r1.trackers import DECODERS
from wan_r1.trackers.bundle import Sightings, adjust, locate, project_points, rotations
from wan_r1.trackers.camera import Clip, OracleDecoder, decoded_frames
from wan_r1.trackers.vggt import VggtDecoder, path_from_extrinsics
from wan_r1.trackers.visual_odometry import VisualOdometry
from wan_r1.types import Anchor

FAMILY = make_family("navigation", level="easy", size=128)
NUM_FRAMES = 25


def clip_of(index):
    task = FAMILY.generate(task_seed(5, index))
    video = FAMILY.render(task, task.solution, NUM_FRAMES, 128)
    truth = task.solution.points[:: 96 // (NUM_FRAMES - 1)]
    return Clip(video=video, anchor=anchor_of(task), truth=truth)


CLIP = clip_of(0)


def scene(rng, num_frames=6, num_points=60):
    points = np.stack(
        [rng.uniform(-2, 2, num_points), rng.uniform(-1, 1, num_points), rng.uniform(3, 7, num_points)], 1
    )
    poses = np.zeros((num_frames, 6))
    poses[:, 1], poses[:, 5] = np.linspace(0, 0.2, num_frames), np.linspace(0, 1.2, num_frames)
    frame, point = np.divmod(np.arange(num_frames * num_points), num_points)
    seen = Sightings(frame=frame, point=point, place=np.zeros((len(frame), 2)))
    place, _ = project_points(poses, points, seen)
    return poses, points, Sightings(frame=frame, point=point, place=place)


def test_the_derivatives_of_rotations_are_their_slopes():
    angles, step = np.asarray([[0.1, -0.4, 0.05]]), 1e-6
    _, slopes = rotations(angles)
    for axis in range(3):
        ahead, behind = (rotations(angles + sign * step * np.eye(3)[axis])[0] for sign in (1, -1))
        assert np.allclose(slopes[0, axis], (ahead - behind)[0] / (2 * step), atol=1e-8)


def test_bundle_adjustment_finds_poses_and_points_from_a_rough_start():
    rng = np.random.default_rng(0)
    poses, points, sightings = scene(rng)
    rough = poses + rng.normal(0, 0.02, poses.shape) * (np.arange(len(poses)) > 0)[:, None]
    better, _ = adjust(rough, points * rng.uniform(0.9, 1.1, (len(points), 1)), sightings, 1e-3, 40)
    scale = poses[-1, 5] / better[-1, 5]
    assert np.abs(better[:, 3:] * scale - poses[:, 3:]).max() < 0.01


def test_a_pose_is_found_although_a_tenth_of_the_sightings_is_wrong():
    rng = np.random.default_rng(1)
    poses, points, sightings = scene(rng)
    places = sightings.place[-len(points) :].copy()
    places[::10] += 0.3
    assert np.abs(locate(np.zeros(6), points, places, 1e-3, 30) - poses[-1]).max() < 0.01


@pytest.mark.parametrize("index", [0, 2])
def test_visual_odometry_finds_the_way_in_metres(index):
    clip = clip_of(index)
    track = VisualOdometry()(clip)
    frames = decoded_frames(NUM_FRAMES)
    assert track.unit == "metre"
    assert track.seen[0][frames].all()
    error = np.hypot(*(track.points[0] - clip.truth)[frames].T).mean()
    assert error <= 0.06 * np.hypot(*np.diff(clip.truth, axis=0).T).sum()


def test_a_camera_that_stays_is_found_to_stay():
    still = Clip(video=CLIP.video[:1].repeat(9, axis=0), anchor=CLIP.anchor)
    track = VisualOdometry()(still)
    assert track.seen.all()
    assert np.abs(track.points).max() < 0.05


@pytest.mark.parametrize("kind", ["noise", "grey", "one_frame", "cut"])
def test_what_cannot_be_decoded_is_unseen_not_an_error(kind):
    video = {
        "noise": np.random.default_rng(0).integers(0, 256, CLIP.video.shape, dtype=np.uint8),
        "grey": np.full_like(CLIP.video, 128),
        "one_frame": CLIP.video[:1],
        "cut": np.concatenate([CLIP.video[:12], clip_of(1).video[12:]]),
    }[kind]
    track = VisualOdometry()(Clip(video=video, anchor=CLIP.anchor))
    assert not track.seen[0][-1]
    assert np.isnan(track.points[0][~track.seen[0]]).all()


def test_the_oracle_passes_on_the_truth_and_asks_for_it():
    assert np.allclose(OracleDecoder()(CLIP).points[0], CLIP.truth)
    with pytest.raises(TrackingError, match="no true poses"):
        OracleDecoder()(Clip(video=CLIP.video, anchor=CLIP.anchor))


def test_vggt_takes_its_scale_from_the_translations_and_x_z_of_the_centres():
    poses = np.zeros((4, 3, 4))
    poses[:, :, :3] = np.eye(3)
    poses[:, :, 3] = -np.asarray([(0, 0, 0), (0.5, 0.1, 1), (1, 0, 2), (0, 0, -1)])
    assert np.allclose(path_from_extrinsics(poses, 2.0), [(0, 0), (2, -1), (4, -2)])
    poses[-1] = poses[0]
    assert path_from_extrinsics(poses, 2.0) is None


def test_vggt_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "vggt", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(TrackingError, match="pip install"):
        VggtDecoder()(CLIP)


def test_an_anchor_needs_a_distance():
    with pytest.raises(ConfigError, match="above 0"):
        Anchor(picture=CLIP.anchor.picture, distance_m=0.0)
    with pytest.raises(ConfigError, match="between 10 and 150"):
        VisualOdometry(horizontal_fov_deg=1)
    assert set(DECODERS) == {"visual_odometry", "pose_regressor", "vggt", "oracle"}
