"""Scoring on worker processes."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from wan_r1.errors import ConfigError, RewardServerError
from wan_r1.rewards import ScorePool, TrajectoryReward, score_all
from wan_r1.tasks import family_of, make_tasks
from wan_r1.types import Score, Task

TASKS = make_tasks("maze", 5, 4)
VIDEOS = np.stack([family_of(task).render(task, task.solution, 5, 80) for task in TASKS])


@dataclass(frozen=True)
class Failing:
    """A reward with a bug."""

    def __call__(self, task: Task, video: np.ndarray) -> Score:
        raise ZeroDivisionError(f"bug in task {task.seed}")


class Locked(Failing):
    """A reward that holds what no other process can have."""

    def __reduce__(self) -> str:
        raise TypeError("cannot pickle '_thread.lock' object")


@dataclass(frozen=True)
class Dying:
    """A reward whose process is killed."""

    def __call__(self, task: Task, video: np.ndarray) -> Score:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def test_scores_do_not_depend_on_the_number_of_workers_and_come_in_order() -> None:
    alone = score_all(TrajectoryReward(), TASKS, VIDEOS)
    with ScorePool(TrajectoryReward(), workers=2) as pool:
        first, second = pool.submit(TASKS, VIDEOS), pool.submit(TASKS[::-1], VIDEOS[::-1])
        assert first.result() == alone
        assert second.result() == alone[::-1]
    assert len({score.value for score in alone}) > 1


def test_a_reward_that_raises_stops_the_run_with_its_own_error() -> None:
    with pytest.raises(ZeroDivisionError, match="bug in task"):
        score_all(Failing(), TASKS, VIDEOS)


@dataclass(frozen=True)
class Plain:
    """A reward that gives the number alone."""

    def __call__(self, task: Task, video: np.ndarray) -> float:
        return 0.5


class Few(Plain):
    """A reward that forgets all videos but the first."""

    def score_many(self, tasks: list[Task], videos: list[np.ndarray]) -> list[Score]:
        return [Score(value=0.5, parts={})]


class Returns:
    """A reward that returns a score of this value and part, or leaves the program."""

    def __init__(self, value: Any, part: Any = 0.0) -> None:
        self.value, self.part = value, part

    def __call__(self, task: Task, video: np.ndarray) -> Score:
        if self.value == "exit":
            raise SystemExit(0)
        return Score(value=self.value, parts={"part": self.part})


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (Returns(float("nan")), r"reward Returns: returned value = nan for a video; it must be a finite number"),
        (Returns(np.float32("inf")), r"reward Returns: returned value = .*inf"),
        (Returns("high"), r"reward Returns: returned value = 'high'"),
        (Returns(0.5, None), r"reward Returns: returned part = None"),
        (Returns("exit"), r"reward Returns: ended the program \(SystemExit 0\)"),
        (Plain(), r"reward Plain: returned 0\.5 for a video; return wan_r1\.types\.Score"),
        (Few(), "reward Few: score_many returned 1 scores for 4 videos"),
    ],
)
def test_a_reward_that_returns_no_score_for_each_video_is_named(reward: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        score_all(reward, TASKS, VIDEOS)


def test_an_error_in_a_worker_is_the_original_one() -> None:
    with ScorePool(TrajectoryReward(), workers=1) as pool, pytest.raises(AttributeError):
        pool.submit([None, None], VIDEOS[:2]).result()  # type: ignore[list-item]


def test_a_worker_that_is_killed_gives_a_clear_error_and_no_hang() -> None:
    with ScorePool(TrajectoryReward(), workers=1) as pool:
        pool.submit(TASKS[:1], VIDEOS[:1]).result()
        for process in list(pool._executor._processes):  # type: ignore[union-attr]
            os.kill(process, signal.SIGKILL)
        with pytest.raises(RewardServerError, match=r"a scoring worker died .* workers=0"):
            pool.submit(TASKS, VIDEOS).result(timeout=60)


def test_an_empty_batch_is_no_scores() -> None:
    assert score_all(TrajectoryReward(), [], [], workers=4) == []


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ConfigError, match="workers: -1"):
        ScorePool(TrajectoryReward(), workers=-1)
    with pytest.raises(ConfigError, match="4 tasks but 3 videos"):
        score_all(TrajectoryReward(), TASKS, VIDEOS[:3])
    with pytest.raises(ConfigError, match="closed"):
        ScorePool(TrajectoryReward(), workers=1).submit(TASKS, VIDEOS)


PROGRAM = """
import sys, types
sys.modules["torch"] = types.ModuleType("torch")  # as if this program had loaded it
print("program runs")
import numpy as np
from pathlib import Path
from wan_r1.rewards import ScorePool, TrajectoryReward
from wan_r1.tasks import make_task
task = make_task("maze", seed=0)
with ScorePool(TrajectoryReward(), workers=1) as pool:
    print(pool.submit([task], task.first_frame[None, None]).result()[0].value)
    worker = next(iter(pool._executor._processes))
    print("torch" in Path(f"/proc/{worker}/maps").read_text())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_program_without_a_main_guard_runs_once_and_its_workers_load_no_torch(tmp_path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": root}, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:3] == ["program runs", "0.0", "False"]


def test_a_reward_that_cannot_be_sent_to_a_worker_is_refused_with_the_way_out() -> None:
    class Local:
        def __call__(self, task: Task, video: np.ndarray) -> Score:
            return Score(value=0.5, parts={})

    for wrong in (Local(), Locked(), lambda task, video: Score(value=0.5, parts={})):
        with pytest.raises(RewardServerError, match=r"cannot be sent to a scoring worker .* workers=0"):
            score_all(wrong, TASKS[:1], VIDEOS[:1], workers=1)
    assert score_all(Local(), TASKS[:1], VIDEOS[:1])[0].value == 0.5
