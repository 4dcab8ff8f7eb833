"""Our rewards in other trainers: each example is called with the trainer's own signature and scores a drawn video."""

import importlib.util
import inspect
import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from wan_r1.errors import ConfigError, DatasetError, VideoError
from wan_r1.rewards import TrajectoryReward, adapters
from wan_r1.rewards.adapters import (
    FlowFactoryScorer,
    FlowGRPOReward,
    TRLReward,
    VerlOmniReward,
    as_video,
    describe,
    task_from,
)
from wan_r1.tasks import FAMILIES, family_of, make_task, make_tasks
from wan_r1.tasks.vr_bench import read_state, write_state
from wan_r1.video import write_image, write_video

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
TASKS = make_tasks("maze", 3, 2, level="tiny", split="train")
SOLVED = family_of(TASKS[0]).render(TASKS[0], TASKS[0].solution, 17, 80)
STILL = TASKS[1].first_frame[None].repeat(17, axis=0)
TEXTS = [describe(task) for task in TASKS]
EXPECTED = [TrajectoryReward()(task, video).value for task, video in zip(TASKS, (SOLVED, STILL), strict=True)]


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def frames_first(video):
    return torch.from_numpy(video).permute(0, 3, 1, 2).float() / 255


def test_the_videos_of_these_tests_are_worth_something_and_nothing() -> None:
    assert EXPECTED[0] >= 0.95
    assert EXPECTED[1] == 0


def test_trl_calls_with_keywords_columns_and_a_trainer_state(tmp_path) -> None:
    reward = TRLReward(name="maze")
    write_video(tmp_path / "solved.mp4", SOLVED, crf=0)
    keywords = {"prompts": ["a", "b"], "completion_ids": [[1], [2]], "task": TEXTS, "trainer_state": object()}
    values = reward(completions=[frames_first(SOLVED), frames_first(STILL)], **keywords)
    assert values == EXPECTED
    assert all(type(value) is float for value in values)
    messages = [[{"role": "assistant", "content": each}] for each in (str(tmp_path / "solved.mp4"), STILL)]
    assert reward(completions=messages, **keywords) == EXPECTED
    assert reward.__name__ == "maze"
    assert not inspect.iscoroutinefunction(reward)


def test_flow_grpo_calls_with_a_tensor_of_videos_and_wants_values_and_details() -> None:
    score = example("reward_in_flow_grpo").wan_r1_score(torch.device("cpu"))
    videos = torch.stack([frames_first(SOLVED), frames_first(STILL)])
    metadata = [{"prompt": "a", "task": text} for text in TEXTS]
    values, details = score(videos, ("a", "b"), metadata)
    assert (values, details) == (EXPECTED, {})
    assert score(videos, ("a", "b"), metadata, only_strict=False) == (EXPECTED, {})
    assert torch.as_tensor(values).shape == (2,)


def test_flow_factory_calls_with_keywords_and_wants_rewards() -> None:
    module = example("reward_in_flow_factory")
    model = module.WanR1RewardModel(object(), object())
    assert set(model.required_fields) == {"prompt", "video", "metadata"}
    pictures = [[Image.fromarray(frame) for frame in video] for video in (SOLVED, STILL)]
    metadata = [json.dumps({"task": text}) for text in TEXTS]
    for videos in (pictures, [frames_first(SOLVED), frames_first(STILL)]):
        output = model(prompt=["a", "b"], image=None, video=videos, condition_images=None, metadata=metadata)
        assert output.rewards == EXPECTED


@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (1, 0, 2, 3), (0, 2, 3, 1)], ids=["TCHW", "CTHW", "THWC"])
@pytest.mark.parametrize("batched", [False, True])
def test_verl_omni_calls_by_keywords_and_wants_a_dict_with_a_score(axes, batched) -> None:
    compute_score = example("reward_in_verl_omni").compute_score
    video = frames_first(SOLVED).permute(axes)
    result = compute_score(
        data_source="maze",
        solution_image=video[None] if batched else video,
        ground_truth=TEXTS[0],
        extra_info={"num_turns": 1, "frame_interval": 4},
        server_url="unused",
    )
    assert result["score"] == EXPECTED[0]
    assert result["solved"] == 1
    assert all(type(value) is float for value in result.values())
    other = compute_score(data_source="maze", solution_image=STILL, ground_truth="", extra_info={"task": TEXTS[1]})
    assert other["score"] == EXPECTED[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_described_task_is_made_again(family) -> None:
    task = make_task(family, seed=4)
    again = task_from(describe(task))
    assert (again.first_frame == task.first_frame).all()
    assert task_from(json.loads(describe(task))).seed == task.seed


def test_a_state_file_describes_a_task_too(tmp_path) -> None:
    state = tmp_path / "states" / "a.json"
    write_state(state, TASKS[0])
    write_image(tmp_path / "images" / "a.png", TASKS[0].first_frame)
    assert TRLReward()(completions=[SOLVED], task=[str(state)]) == [pytest.approx(EXPECTED[0], abs=0.02)]
    with pytest.raises(DatasetError, match="state file"):
        describe(read_state(state))


def test_half_precision_and_numbers_that_are_none_are_taken() -> None:
    wrong = frames_first(SOLVED).to(torch.bfloat16)
    wrong[8] = torch.nan
    video = as_video(wrong)
    assert video.dtype == np.uint8
    assert (video[8] == 0).all()
    assert np.abs(video[0].astype(int) - SOLVED[0]).max() <= 2


@pytest.mark.parametrize(
    ("shown", "message"),
    [
        (np.zeros((3, 3, 8, 8), np.float32), "cannot tell frames from colours"),
        (np.zeros((9, 8, 8), np.float32), "4 axes"),
        (np.zeros((2, 9, 3, 8, 8), np.float32), "4 axes, or 5 with a batch of one"),
        (np.zeros((9, 3, 8, 8), np.int64), "int64; must be uint8"),
        (np.full((9, 3, 8, 8), -1, np.float32), r"from -1 to 0; must lie in \[0, 1\]"),
        (np.full((9, 3, 8, 8), 255, np.float32), "from 0 to 255"),
        ("missing.mp4", "no such video file"),
    ],
    ids=str,
)
def test_what_is_no_video_is_refused(shown, message) -> None:
    with pytest.raises(VideoError, match=message):
        as_video(shown)


def test_what_names_no_task_is_refused() -> None:
    for text in ('{"family": "maze"}', "{", '{"family": "maze", "seed": "x"}'):
        with pytest.raises(DatasetError, match="not the text of describe"):
            task_from(text)
    with pytest.raises(DatasetError, match=r"labyrinth.*known families are maze"):
        task_from('{"family": "labyrinth", "seed": 1}')
    with pytest.raises(DatasetError, match="NoneType"):
        task_from(None)
    with pytest.raises(DatasetError, match=r'no key "task" beside \[\'prompt\'\]'):
        FlowGRPOReward()([SOLVED], ["a"], [{"prompt": "a"}])
    with pytest.raises(ConfigError, match="1 tasks but 2 videos"):
        TRLReward()(completions=[SOLVED, STILL], task=TEXTS[:1])


def test_a_message_of_parts_holds_the_video_and_a_list_of_unequal_frames_none():
    video = np.zeros((5, 8, 8, 3), np.uint8)
    assert as_video([{"type": "text", "text": "walk"}, {"type": "video", "video": video}]).shape == (5, 8, 8, 3)
    for wrong in ([], [np.zeros((8, 8, 3), np.uint8), np.zeros((4, 8, 3), np.uint8)]):
        with pytest.raises(VideoError):
            as_video(wrong)


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        '{"family": "maze", "seed": 1e999}',
        '{"family": "maze", "seed": 1.9}',
        '{"family": "maze", "seed": true}',
        '{"family": "maze", "seed": -1}',
        '{"family": ["maze"], "seed": 1}',
        '{"family": "maze", "seed": 1, "settings": null}',
        '{"family": ' + DEEP,
        {"family": "maze", "seed": 1.9},
        {"family": "maze", "seed": {1, 2}},
        {"family": "maze", "seed": 1, 2: 3},
    ],
    ids=lambda text: str(text)[:50],
)
def test_a_wrong_description_is_an_error_of_the_data_set_that_names_it(text) -> None:
    with pytest.raises(DatasetError, match=r"task .*family") as caught:
        task_from(text)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", ["", "no such file", "a\0b", "x" * 5000])
def test_a_path_that_is_no_state_file_is_an_error_of_the_data_set(text) -> None:
    with pytest.raises(DatasetError):
        task_from(text)


def test_a_seed_of_numpy_is_taken() -> None:
    named = {**json.loads(TEXTS[0]), "seed": np.int64(TASKS[0].seed)}
    assert (task_from(named).first_frame == TASKS[0].first_frame).all()


@pytest.mark.parametrize("row", ["{", DEEP, "[1]", "7", 7, None, ["task"], '{"prompt": 1}', {1: 2, "a": 3}], ids=str)
def test_wrong_metadata_is_an_error_of_the_data_set(row) -> None:
    with pytest.raises(DatasetError, match="metadata"):
        FlowFactoryScorer()(["a"], [SOLVED], [row])
    if not isinstance(row, Mapping):
        with pytest.raises(DatasetError, match="metadata of Flow-GRPO"):
            FlowGRPOReward()([SOLVED], ["a"], [row])
        with pytest.raises(DatasetError, match="extra_info"):
            VerlOmniReward()("maze", SOLVED, TEXTS[0], row or "none")


def test_trl_completions_may_be_parts_without_a_message_around_them() -> None:
    completion = [{"type": "video", "video": SOLVED}]
    assert TRLReward()(completions=[completion], task=TEXTS[:1]) == EXPECTED[:1]
    for wrong in ([{"type": "video"}], [{"role": "assistant"}], [{"role": "assistant", "content": None}]):
        with pytest.raises(VideoError):
            TRLReward()(completions=[wrong], task=TEXTS[:1])


def test_a_state_file_that_was_written_anew_is_read_anew(tmp_path) -> None:
    state, picture = tmp_path / "states" / "a.json", tmp_path / "images" / "a.png"
    for time_ns, task in enumerate(TASKS, start=1):
        write_state(state, task)
        write_image(picture, task.first_frame)
        os.utime(state, ns=(time_ns, time_ns))
        assert (task_from(str(state)).first_frame == task.first_frame).all()
        assert task_from(str(state)) is task_from(str(state))
    write_image(picture, 255 - TASKS[1].first_frame)
    assert (task_from(str(state)).first_frame == 255 - TASKS[1].first_frame).all()


def test_only_a_few_tasks_are_held_in_memory() -> None:
    assert adapters.CACHED_TASKS <= 128
