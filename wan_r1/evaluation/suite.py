"""All videos of a folder against all levels of a dataset, in worker processes."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path as FilePath

import cv2

from wan_r1.errors import DatasetError, VideoError
from wan_r1.evaluation.datasets import UNKNOWN, Level, Problem, Sample, find_levels, find_samples, shown
from wan_r1.evaluation.videos import Job, LevelResult, VideoSettings, evaluate_level

__all__ = ["SuiteResult", "evaluate_videos"]

WAITING_PER_WORKER = 4  # levels handed out ahead: enough to keep workers busy, few to drop when the work is stopped


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteResult:
    """The results of all levels, in order of their names; problems with files that belong to no level.

    left_out: levels without a video that were not asked for.
    """

    levels: tuple[LevelResult, ...]
    problems: tuple[Problem, ...]
    left_out: int


def evaluate_videos(
    dataset: FilePath,
    output: FilePath,
    settings: VideoSettings,
    *,
    workers: int = 1,
    given_only: bool = False,
    progress: Callable[[int], None] = lambda steps: None,
    start: Callable[[int], None] = lambda total: None,
) -> SuiteResult:
    """Evaluate generated videos. A sample that a level lacks and others of its group have is a problem of kind video.

    Args:
        dataset: folder with images/, states/ and videos/ below it.
        output: folder with the generated videos.
        settings: tracker, options, cache, pictures.
        workers: processes; 1 works in this one.
        given_only: leave out levels without any video instead of counting them as failures.
        progress: called with the number of levels that are done.
        start: called once with the number of levels, before the first.
    """
    levels, problems = find_levels(dataset)
    if not levels:
        more = f"; and {len(problems) - 1} more problems" if len(problems) > 1 else ""
        raise DatasetError(f"{shown(dataset)}: no level can be read; the first problem: {problems[0].text}{more}")
    samples, unmatched = find_samples(output, levels)
    if not any(samples.values()):
        first = f"; the first of {len(unmatched)} problems: {unmatched[0].text}" if unmatched else ""
        raise DatasetError(
            f"{shown(output)}: no video there belongs to a level of {shown(dataset)}; expected names such as "
            f"{shown(levels[0].stem)}.mp4{first}"
        )
    chosen = [level for level in levels if samples[level.name] or not given_only]
    jobs = [Job(level=level, samples=tuple(samples[level.name]), settings=settings) for level in chosen]
    start(len(jobs))
    results = {}
    for result in _run(jobs, workers):
        results[result.level.name] = result
        progress(1)
    ordered = _with_games([results[level.name] for level in chosen])
    return SuiteResult(
        levels=tuple(_with_missing(ordered, samples)),
        problems=(*problems, *unmatched),
        left_out=len(levels) - len(chosen),
    )


def _run(jobs: Sequence[Job], workers: int) -> Iterator[LevelResult]:
    if workers == 1:
        yield from map(evaluate_level, jobs)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=spawn, initializer=_prepare_worker)
    waiting, rest = set(), iter(jobs)
    try:
        while True:
            for job in rest:
                waiting.add(pool.submit(evaluate_level, job))
                if len(waiting) >= WAITING_PER_WORKER * workers:
                    break
            if not waiting:
                return
            done = next(as_completed(waiting))
            waiting.remove(done)
            yield done.result()
    except BrokenProcessPool as error:
        raise VideoError(
            f"a worker process died ({error}); it was killed or ran out of memory: take fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_worker() -> None:
    # Ctrl-C reaches every process of a terminal; the main process decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _with_games(results: Sequence[LevelResult]) -> list[LevelResult]:
    """Results in which a level that cannot be read counts to the game of the others in its folder."""
    games = {result.level.folders: result.game for result in results if result.videos or result.failed}
    return [
        replace(result, game=games.get(result.level.folders, result.game)) if result.game == UNKNOWN else result
        for result in results
    ]


def _with_missing(results: Sequence[LevelResult], samples: Mapping[str, Sequence[Sample]]) -> Iterator[LevelResult]:
    """Results in which every readable level of a group failed in the samples that it lacks and another level has.

    The dataset's own solution videos are no such samples: one level has more solutions than another. `samples` are
    those of each level by its name.
    """
    labels: dict[tuple[str, str, str], dict[str, None]] = {}
    for result in results:
        known = labels.setdefault(_group(result), {})
        own = {each.label for each in samples[result.level.name] if _is_solution(each, result.level)}
        known.update(dict.fromkeys(label for label in _labels(result) if label not in own))
    for result in results:
        have, known = _labels(result), labels[_group(result)]
        lacking = [label for label in known if label not in have] if have else list(known) or [""]
        if not lacking or any(problem.kind == "dataset" for problem in result.problems):
            yield result
            continue
        problems = tuple(_missing(result.level, label) for label in lacking)
        yield replace(result, failed=(*result.failed, *lacking), problems=(*result.problems, *problems))


def _is_solution(sample: Sample, level: Level) -> bool:
    """Whether a video lies among the solution videos of the dataset."""
    return os.path.realpath(sample.path.parent) == os.path.realpath(level.state.parent.parent / "videos")


def _labels(result: LevelResult) -> list[str]:
    return [*(video.sample.label for video in result.videos), *result.failed]


def _group(result: LevelResult) -> tuple[str, str, str]:
    return result.game, result.level.skin, result.level.difficulty


def _missing(level: Level, label: str) -> Problem:
    sample = f" (sample {shown(label)})" if label else ""
    text = f"{shown(level.name)}.mp4{sample}: no such video among the generated ones"
    return Problem(kind="video", path=level.state, text=text)
