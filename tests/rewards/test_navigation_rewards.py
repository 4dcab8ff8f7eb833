"""Rewards of first-person videos: embedding, pose, their mix; cheats earn less than half of the walk."""

import pickle

import numpy as np
import pytest

from wan_r1.errors import ConfigError, DatasetError, VideoError
from wan_r1.rewards import REWARDS, EmbeddingReward, NavigationReward, PoseReward
from wan_r1.rewards.cheats import zoo
from wan_r1.rewards.encoders import encode_frames
from wan_r1.rewards.walk_cheats import WALK_CHEATS, prefix_video
from wan_r1.tasks import make_task, make_tasks
from wan_r1.tasks.first_person import reference_video
from wan_r1.trackers.camera import camera_track

TASK = make_task("navigation", seed=5)
EXACT = reference_video(TASK, 17, 80, 80)


@pytest.mark.parametrize("index", [0, 1])
def test_every_cheat_scores_below_the_honest_half_and_prefixes_are_in_order(index):
    task = make_tasks("navigation", 3, 1, start=index)[0]
    examples = list(zoo(task, 17))
    values = {example.name: EmbeddingReward()(task, example.video).value for example in examples}
    assert min(values[each.name] for each in examples if each.kind == "honest") >= 0.95
    assert values["prefix25"] < values["prefix50"] < values["prefix75"] < values["exact"]
    cheats = {each.name: values[each.name] for each in examples if each.kind == "cheat"}
    assert len(cheats) >= 18
    assert max(cheats.values()) < values["prefix50"]


@pytest.mark.parametrize(
    ("split", "seed", "index"), [("test", 5, 3), ("train", 8, 4), ("test", 7, 5), ("train", 12, 5)]
)
def test_a_cut_to_the_same_thing_in_another_room_pays_less_than_half_of_the_walk(split, seed, index):
    (task,) = make_tasks("navigation", seed, 1, start=index, level="tiny", split=split)
    exact, reward, rng = reference_video(task, 17, 80, 80), EmbeddingReward(), np.random.default_rng(0)
    half = reward(task, prefix_video(task, exact, 0.5)).value
    for name in ("other_goal_late", "other_goal_faded"):
        assert reward(task, WALK_CHEATS[name](task, exact, rng)).value < min(half, 0.3)
    assert reward(task, exact).value >= 0.95


def test_a_walk_in_a_room_of_another_colour_is_another_rooms():
    red = (EXACT * np.asarray([1.0, 0.75, 0.75])).astype(np.uint8)
    score = EmbeddingReward()(TASK, red)
    assert score.parts["tint"] == 0
    assert score.value == 0


@pytest.mark.parametrize("num_frames", [2, 3, 4])
def test_short_walks_score_as_long_ones(num_frames):
    assert EmbeddingReward()(TASK, reference_video(TASK, num_frames, 80, 80)).value >= 0.9


@pytest.mark.parametrize("size", [64, 160])
def test_another_size_of_the_same_video_scores_the_same(size):
    video = reference_video(TASK, 17, size, size)
    assert EmbeddingReward()(TASK, video).value >= 0.95


def test_a_score_is_the_same_again_after_pickling_and_leaves_the_video_alone():
    reward, before = EmbeddingReward(), EXACT.copy()
    assert reward(TASK, EXACT) == pickle.loads(pickle.dumps(reward))(TASK, EXACT)
    assert (before == EXACT).all()


def test_one_frame_scores_zero():
    assert EmbeddingReward()(TASK, EXACT[:1]).value == 0


def test_light_hardly_changes_a_layout_vector():
    dark = (EXACT.astype(int) * 0.9 - 8).clip(0, 255).astype(np.uint8)
    alike = (encode_frames("layout", EXACT) * encode_frames("layout", dark)).sum(axis=1)
    assert alike.min() > 0.97


def test_the_pose_reward_pays_for_the_true_way_and_not_for_standing_or_failing():
    reward, points = PoseReward(), TASK.solution.points[::6]
    every = np.ones(len(points), bool)
    exact = reward.score(TASK, camera_track(points, every, np.ones(len(points))))
    half = reward.score(TASK, camera_track(points[:9], every[:9], np.ones(9)))
    still = reward.score(TASK, camera_track(0 * points, every, np.ones(len(points))))
    lost = reward.score(TASK, camera_track(points, ~every, np.ones(len(points))))
    assert exact.value >= 0.95
    assert exact.verdict.solved
    assert exact.value > half.value > still.value
    assert still.value < 0.05
    assert lost.value == 0


def test_the_mix_is_the_weighted_mean_with_named_parts():
    reward = NavigationReward(pose_weight=0.25)
    score = reward(TASK, EXACT)
    embedding, pose = reward.embedding(TASK, EXACT), reward.pose(TASK, EXACT)
    assert score.value == pytest.approx(0.75 * embedding.value + 0.25 * pose.value)
    assert score.parts["embedding.endpoint"] == embedding.parts["endpoint"]
    assert score.verdict == pose.verdict


@pytest.mark.parametrize(
    "wrong",
    [{"endpoint": 0.9}, {"encoder": "eye"}, {"num_frames": 1}, {"least_likeness": 0.95}],
)
def test_a_wrong_setting_is_an_error(wrong):
    with pytest.raises(ConfigError):
        EmbeddingReward(**wrong)


def test_a_game_has_no_reference_video_to_compare_with():
    maze = make_task("maze", seed=1)
    with pytest.raises(DatasetError, match="maze"):
        REWARDS["embedding"]()(maze, maze.first_frame[None].repeat(9, axis=0))


@pytest.mark.slow
def test_dinov2_and_vjepa2_encode_through_transformers(tmp_path):
    import torch
    from transformers import Dinov2Config, Dinov2Model, VJEPA2Config, VJEPA2Model

    torch.manual_seed(0)
    dino = Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=224, patch_size=14)
    Dinov2Model(dino).save_pretrained(tmp_path / "dino")
    jepa = VJEPA2Config(
        crop_size=256,
        frames_per_clip=8,
        hidden_size=24,
        num_attention_heads=2,
        num_hidden_layers=1,
        pred_hidden_size=24,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
    )
    VJEPA2Model(jepa).save_pretrained(tmp_path / "jepa")
    for name, folder in (("dinov2", "dino"), ("vjepa2", "jepa")):
        vectors = encode_frames(name, EXACT[:5], str(tmp_path / folder), "cpu")
        assert vectors.shape[0] == 5
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert EmbeddingReward(encoder=name, weights=str(tmp_path / folder))(TASK, EXACT).value >= 0.95


def test_the_mix_pays_no_way_through_pictures_of_something_else():
    other = reference_video(make_task("navigation", seed=6), 17, 80, 80)
    reward = NavigationReward(pose=PoseReward(decoder="pose_regressor"))
    assert reward(TASK, EXACT).value > 0.9
    assert reward.pose(TASK, other).value > 0.1
    assert reward(TASK, np.concatenate([EXACT[:1], other[1:]])).value < 0.1


@pytest.mark.parametrize("reward", [EmbeddingReward(), PoseReward(decoder="pose_regressor")])
def test_a_video_without_frames_is_refused(reward):
    with pytest.raises(VideoError):
        reward(TASK, EXACT[:0])


def test_the_oracle_is_refused_because_videos_to_be_scored_have_no_true_poses():
    with pytest.raises(ConfigError, match=r'decoder: "oracle".* take one of visual_odometry, pose_regressor, vggt$'):
        PoseReward(decoder="oracle")
    with pytest.raises(ConfigError, match='"oracel" is unknown; known decoders are visual_odometry'):
        PoseReward(decoder="oracel")
