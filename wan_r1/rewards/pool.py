"""Scoring in worker processes, so that videos are scored while the next ones are sampled.

Workers are spawned, load the world half only, and never run the program that started them a second time. A group of
videos of one task stays together, because a scene is prepared once for each task.
"""

import multiprocessing
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing.reduction import ForkingPickler
from threading import Lock
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, RewardServerError
from wan_r1.rewards.reward import Reward, score_each
from wan_r1.types import Score, Task

__all__ = ["ScorePool", "score_all"]

PARTS_PER_WORKER = 2  # messages for each worker in a batch: small enough to share the work, large enough to be cheap

WAY_OUT = "a reward of your own must live in a module that can be imported. workers=0 scores in this process"

Videos = Sequence[NDArray[np.uint8]] | NDArray[np.uint8]


class ScorePool:
    """Scores batches in the background.

    `with ScorePool(reward, workers=2) as pool: scores = pool.submit(tasks, videos).result()`.

    With `workers=0` scoring happens inside `submit`. Scores do not depend on the number of workers.
    """

    def __init__(self, reward: Reward, workers: int = 1) -> None:
        if workers < 0:
            raise ConfigError(f"workers: {workers}; must be >= 0, and 0 scores in this process")
        self._reward = reward
        self._workers = workers
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._workers:
            _check_sendable(self._reward)
            spawn = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self._workers, mp_context=spawn, initializer=_prepare_worker)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers; batches that did not start are dropped."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None

    def submit(self, tasks: Sequence[Task], videos: Videos) -> "Future[list[Score]]":
        """Start scoring videos[i] as videos of tasks[i]; the future gives one Score for each, in order.

        `result()` raises what the reward raised, or RewardServerError if a worker died.
        """
        if len(tasks) != len(videos):
            raise ConfigError(f"{len(tasks)} tasks but {len(videos)} videos; each video needs its task")
        whole: Future[list[Score]] = Future()
        if self._workers and self._executor is None:
            raise ConfigError("the score pool is closed; use it inside `with ScorePool(...) as pool:`")
        if self._executor is None or not len(tasks):
            _finish(whole, self._reward, tasks, videos)
            return whole
        try:
            with _without_main():
                parts = [
                    self._executor.submit(score_each, self._reward, list(tasks[where]), list(videos[where]))
                    for where in _slices(len(tasks), self._workers * PARTS_PER_WORKER)
                ]
        except BrokenProcessPool as error:
            raise _dead(error) from error
        _join(parts, whole)
        return whole


def score_all(reward: Reward, tasks: Sequence[Task], videos: Videos, workers: int = 0) -> list[Score]:
    """One Score for each video, on `workers` processes (0: this one)."""
    with ScorePool(reward, min(workers, len(tasks))) as pool:
        return pool.submit(tasks, videos).result()


def _prepare_worker() -> None:
    # Ctrl-C reaches every process of a terminal; whether to stop is the trainer's decision.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _finish(whole: "Future[list[Score]]", reward: Reward, tasks: Sequence[Task], videos: Videos) -> None:
    whole.set_running_or_notify_cancel()
    try:
        whole.set_result(score_each(reward, tasks, list(videos)))
    except Exception as error:
        whole.set_exception(error)


def _slices(length: int, parts: int) -> list[slice]:
    bounds = np.linspace(0, length, min(parts, length) + 1).round().astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(bounds)]


def _join(parts: "Sequence[Future[list[Score]]]", whole: "Future[list[Score]]") -> None:
    """Let `whole` finish with all parts, or with the first error among them."""
    whole.set_running_or_notify_cancel()
    lock, waiting = Lock(), [len(parts)]

    def part_done(part: "Future[list[Score]]") -> None:
        error: BaseException | None
        error = RewardServerError("scoring was stopped: the pool was closed") if part.cancelled() else part.exception()
        with lock:
            waiting[0] -= 1
            if whole.done():
                return
            if error is not None:
                whole.set_exception(_dead(error) if isinstance(error, BrokenProcessPool) else error)
            elif not waiting[0]:
                whole.set_result([score for each in parts for score in each.result()])

    for part in parts:
        part.add_done_callback(part_done)


def _dead(error: BaseException) -> RewardServerError:
    return RewardServerError(
        f"a scoring worker died ({error}); it was killed, ran out of memory, or the reward cannot be loaded there: "
        f"{WAY_OUT}"
    )


def _check_sendable(reward: Reward) -> None:
    """RewardServerError unless the reward can go to another process."""
    try:
        ForkingPickler.dumps(reward)
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError) as error:
        raise RewardServerError(
            f"the reward {type(reward).__name__} cannot be sent to a scoring worker ({error}): {WAY_OUT}"
        ) from error


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the running program from multiprocessing, which would run it again in each worker, with all its imports."""
    main: Any = sys.modules["__main__"]
    saved = {name: getattr(main, name) for name in ("__spec__", "__file__") if hasattr(main, name)}
    main.__spec__ = None
    main.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        for name, value in saved.items():
            setattr(main, name, value)
