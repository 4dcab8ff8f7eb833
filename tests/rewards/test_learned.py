"""The learned judge: it learns, says the same everywhere, and its file tells how good it is."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from wan_r1.config import build, pick
from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.rewards import REWARDS, LearnedReward, score_all
from wan_r1.rewards.learned import JudgeShape, build_network, judge_input, read_judge, write_judge
from wan_r1.tasks import family_of, make_task, make_tasks
from wan_r1.training.judge import Examples, JudgeSettings, judge_numbers, train_judge

SMALL = JudgeShape(num_frames=3, size_px=20, widths=(16, 32))
TASK = make_task("maze", seed=3)
SOLVED = family_of(TASK).render(TASK, TASK.solution, 17, 80)


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """The file of a judge with random weights."""
    path = tmp_path_factory.mktemp("judge") / "judge.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        write_judge(path, build_network(SMALL), SMALL, {"held_out": {"accuracy": 0.5}})
    return str(path)


def drawn(num, seed):
    """Mazes solved in one half of the videos, and left as they are in the other."""
    tasks = make_tasks("maze", seed, num)
    videos = [
        family_of(task).render(task, task.solution, 9, 40) if i % 2 else task.first_frame[None].repeat(9, axis=0)
        for i, task in enumerate(tasks)
    ]
    inputs = np.stack([judge_input(task.first_frame, video, SMALL) for task, video in zip(tasks, videos, strict=True)])
    return Examples(inputs=torch.from_numpy(inputs), solved=torch.arange(num).remainder(2).float())


@pytest.mark.parametrize("symmetries", [True, False])
def test_it_learns_to_tell_solutions_from_still_videos_and_training_again_gives_the_same(symmetries) -> None:
    train, held_out, notes = drawn(24, 1), drawn(24, 2), list[str]()
    settings = JudgeSettings(epochs=6, batch_size=8, symmetries=symmetries)
    network = train_judge(train, held_out, SMALL, settings, lambda done, note: notes.append(note))
    numbers = judge_numbers(network, held_out)
    assert numbers["accuracy"] >= 0.9
    assert numbers["roc_area"] >= 0.95
    assert numbers["majority"] == 0.5
    assert len(notes) == 6
    again = train_judge(train, held_out, SMALL, settings, lambda done, note: None)
    assert all((a == b).all() for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True))


def test_training_leaves_the_global_random_numbers_alone() -> None:
    data = drawn(4, 1)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    train_judge(data, data, SMALL, JudgeSettings(epochs=1), lambda done, note: None)
    assert (torch.rand(3) == expected).all()


def test_videos_of_one_kind_teach_nothing_and_are_refused() -> None:
    data = drawn(4, 1)
    same = Examples(inputs=data.inputs, solved=torch.ones(4))
    with pytest.raises(ConfigError, match="all training videos are solved, or none"):
        train_judge(same, data, SMALL, JudgeSettings(epochs=1), lambda done, note: None)


def test_the_network_sees_the_first_picture_and_what_differs_from_it() -> None:
    seen = judge_input(TASK.first_frame, SOLVED, SMALL)
    assert seen.shape == (3 + 3 * 3, 20, 20)
    assert seen.dtype == np.float32
    assert np.abs(seen[3:6]).max() < 0.02  # the first frame is the picture
    assert np.abs(seen[9:]).max() > 0.2
    assert np.allclose(seen[:3].mean(axis=(1, 2)), TASK.first_frame.mean(axis=(0, 1)) / 255, atol=0.02)


def test_a_score_is_the_same_again_after_pickling_and_with_any_number_of_threads(judge) -> None:
    reward = LearnedReward(path=judge)
    score, threads = reward(TASK, SOLVED), torch.get_num_threads()
    assert 0 < score.value < 1
    assert score.parts == {"judge": score.value}
    assert score.verdict is not None
    assert score.verdict.solved
    try:
        torch.set_num_threads(3)
        assert pickle.loads(pickle.dumps(reward))(TASK, SOLVED) == score
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
    assert LearnedReward(path=judge, facts=None)(TASK, SOLVED).verdict is None


@pytest.mark.slow
def test_scores_do_not_depend_on_the_number_of_workers(judge) -> None:
    tasks, reward = make_tasks("maze", 5, 4), LearnedReward(path=judge)
    videos = [family_of(task).render(task, task.solution, 5, 80) for task in tasks]
    here = score_all(reward, tasks, videos)
    assert score_all(reward, tasks, videos, workers=2) == here
    assert len({score.value for score in here}) == 4


@pytest.mark.parametrize("shape", [(1, 80, 80), (2, 7, 5), (40, 30, 90), (3, 1, 1)], ids=str)
@pytest.mark.parametrize("grey", [None, 0, 255])
def test_any_video_has_a_finite_score(judge, shape, grey) -> None:
    video = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    video = video if grey is None else np.full_like(video, grey)
    assert 0 <= LearnedReward(path=judge, facts=None)(TASK, video).value <= 1


def test_a_file_that_was_trained_anew_is_read_anew(judge, tmp_path) -> None:
    path = tmp_path / "judge.safetensors"
    network, shape, facts = read_judge(judge)
    assert facts == {"held_out": {"accuracy": 0.5}}
    write_judge(path, network, shape, facts)
    reward = LearnedReward(path=str(path), facts=None)
    before = reward(TASK, SOLVED)
    assert before == LearnedReward(path=judge, facts=None)(TASK, SOLVED)
    with torch.no_grad():
        network[-1].bias += 1
    write_judge(path, network, shape, facts)
    assert reward(TASK, SOLVED).value > before.value


def test_a_file_that_is_missing_or_no_judge_is_named_with_the_way_out(judge, tmp_path) -> None:
    with pytest.raises(CheckpointError, match=r"missing\.safetensors: cannot read .* benchmarks/learned_judge\.py"):
        LearnedReward(path="missing.safetensors")(TASK, SOLVED)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(Path(judge).read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"broken\.safetensors: not a learned judge"):
        LearnedReward(path=str(broken))(TASK, SOLVED)
    with pytest.raises(ConfigError, match=r"reward\.path: missing"):
        pick(REWARDS, "learned", "reward")


@pytest.mark.parametrize("wrong", [{"num_frames": 1}, {"widths": ()}, {"size_px": 4}, {"widths": (12,)}], ids=str)
def test_a_shape_that_is_no_network_is_refused(wrong) -> None:
    with pytest.raises(ConfigError, match="judge"):
        build(JudgeShape, wrong)


def test_a_task_without_objects_has_a_value_and_no_verdict(judge) -> None:
    walk = make_task("navigation", seed=5, size=32)
    score = LearnedReward(path=judge)(walk, walk.first_frame[None].repeat(5, axis=0))
    assert 0 < score.value < 1
    assert score.verdict is None
