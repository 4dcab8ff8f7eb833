"""Whatever a video is, a reward gives a number: never NaN, never an error, the same in any batch and in any worker."""

import math
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.errors import VideoError
from wan_r1.rewards import REWARDS, PaperReward, Reward, ScorePool, TrajectoryReward, score_all
from wan_r1.tasks import FAMILIES, family_of, make_task, make_tasks
from wan_r1.types import Score, Task

OF_THE_RULES = ("trajectory", "sparse", "paper")
"""The others need a server, a file, or first-person videos, and are tested by themselves."""
ALL = {**{name: REWARDS[name]() for name in OF_THE_RULES}, "paper (ncc)": PaperReward(tracker="ncc")}
GAMES = [family for family in FAMILIES if family != "navigation"]
"""First-person videos have rewards of their own: tests/rewards/test_navigation_rewards.py."""
TASKS = {family: make_task(family, seed=4, level="tiny") for family in GAMES}
KINDS = ("random", "stripes", "constant", "flicker", "tiny", "huge", "one_frame", "odd_shape", "corrupt", "shuffled")


def _video(kind: str, task: Task, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A video [T, H, W, 3] that has little or nothing to do with the task."""
    frame = task.first_frame
    if kind == "random":
        return rng.integers(0, 256, size=(9, *frame.shape), dtype=np.uint8)
    if kind == "stripes":
        return np.broadcast_to(
            (np.arange(frame.shape[1]) % 2 * 255).astype(np.uint8)[:, None], (9, *frame.shape)
        ).copy()
    if kind == "constant":
        return np.full((9, *frame.shape), int(rng.integers(0, 256)), np.uint8)
    if kind == "flicker":
        return np.stack([np.full_like(frame, 255 * (index % 2)) for index in range(9)])
    if kind == "tiny":
        return rng.integers(0, 256, size=(5, int(rng.integers(1, 9)), int(rng.integers(1, 9)), 3), dtype=np.uint8)
    if kind == "huge":
        return np.repeat(np.repeat(frame, 10, axis=0), 10, axis=1)[None].repeat(3, axis=0)
    if kind == "one_frame":
        return frame[None].copy()
    if kind == "odd_shape":
        return rng.integers(0, 256, size=(4, 61, 137, 3), dtype=np.uint8)
    solved = family_of(task).render(task, task.solution, 17, max(frame.shape[:2]))
    if kind == "corrupt":  # what a decoder makes of lost blocks
        for _ in range(30):
            t, y, x = (int(rng.integers(0, length - 7)) for length in solved.shape[:3])
            solved[t:, y : y + 8, x : x + 8] = rng.integers(0, 256, size=3)
        return solved
    return rng.permuted(solved, axis=0)


def _is_sound(score: Score) -> bool:
    return 0 <= score.value <= 1 and all(math.isfinite(value) for value in score.parts.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", GAMES)
def test_a_number_between_0_and_1_and_little_for_what_shows_no_solution(family: str, kind: str) -> None:
    task = TASKS[family]
    video = _video(kind, task, np.random.default_rng(7))
    before = video.copy()
    for name, reward in ALL.items():
        score = _score(reward, task, video)
        assert _is_sound(score), name
        assert score == _score(reward, task, video), name
    assert np.array_equal(video, before)
    assert _score(TrajectoryReward(), task, video).value <= 0.3


def _score(reward: Reward, task: Task, video: NDArray[np.uint8]) -> Score:
    return reward(task, video)


@pytest.mark.parametrize("name", ALL)
def test_a_score_does_not_depend_on_the_batch_it_is_in(name: str) -> None:
    rng = np.random.default_rng(1)
    task = TASKS["maze"]
    videos = [_video(kind, task, rng) for kind in ("corrupt", "random", "one_frame", "shuffled", "constant")]
    alone = [ALL[name](task, video) for video in videos]
    order = [3, 0, 4, 1, 2, 0]
    assert score_all(ALL[name], [task] * len(order), [videos[index] for index in order]) == [alone[i] for i in order]


@pytest.mark.slow
def test_1_and_8_workers_give_the_same_bits() -> None:
    tasks, videos = [], []
    for family, task in TASKS.items():
        for kind in ("corrupt", "shuffled", "random"):
            tasks.append(task)
            videos.append(_video(kind, task, np.random.default_rng(len(videos))))
        other = make_tasks(family, 2, 1, level="tiny")[0]
        tasks.append(other)
        videos.append(family_of(other).render(other, other.solution, 17, 80))
    with ScorePool(TrajectoryReward(), workers=1) as pool:
        one = pool.submit(tasks, videos).result()
    with ScorePool(TrajectoryReward(), workers=8) as pool:
        eight = pool.submit(tasks, videos).result()
    assert one == eight == [TrajectoryReward()(task, video) for task, video in zip(tasks, videos, strict=True)]
    assert sum(score.value >= 0.95 for score in one) == len(GAMES)


@pytest.mark.parametrize("video", [np.zeros((0, 80, 80, 3), np.uint8), np.zeros((5, 80, 80), np.uint8)])
def test_what_is_no_video_at_all_is_an_error_of_the_program(video: NDArray[np.uint8]) -> None:
    with pytest.raises(VideoError, match="must be"):
        TrajectoryReward()(TASKS["maze"], video)


def test_memory_beside_the_video_hardly_grows_with_its_length() -> None:
    task, lengths = TASKS["maze"], (65, 513)
    peaks = []
    for num_frames in lengths:
        video = family_of(task).render(task, task.solution, num_frames, 160)
        TrajectoryReward()(task, video[:2])
        tracemalloc.start()
        TrajectoryReward()(task, video)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    growth = (peaks[1] - peaks[0]) / (lengths[1] - lengths[0])
    assert growth < 0.08 * video[0].nbytes  # facts about each frame are kept, frames are not
