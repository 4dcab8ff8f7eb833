"""Target-Bench: first-person videos judged by the way of their camera.

Two columns for each model. Ours counts what cannot be decoded, or was not made, as 0. `compatible` skips it, as
Target-Bench's scripts do, and measures as they do (NaN counts as a hit, and so on), for published tables.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError, VideoError, WanR1Error
from wan_r1.evaluation.datasets import leads_out, shown
from wan_r1.metrics.statistics import Interval, mean_interval
from wan_r1.metrics.target_bench import OFFICIAL, TargetBenchConstants, TargetBenchResult, measure
from wan_r1.tasks.first_person import anchor_of
from wan_r1.tasks.target_bench import list_models, list_segments, list_videos, read_segment, read_truth
from wan_r1.trackers.camera import CameraDecoder, Clip, OracleDecoder, decoded_frames, decoded_points
from wan_r1.types import Task
from wan_r1.video import VIDEO_SUFFIXES, read_video

__all__ = ["METRICS", "ModelRow", "PathEvaluation", "PathResult", "evaluate_paths"]

METRICS = ("overall", "ade", "fde", "miss_rate", "soft_endpoint", "approach_consistency")
MIN_FRAMES = 2

Points = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PathResult:
    """One video: its decoded points [N, 2] in metres and their numbers, or why there are none."""

    model: str
    segment: str
    reference: Points
    points: Points | None
    numbers: TargetBenchResult | None
    failure: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """The numbers of one model: overall over all videos (failures count 0), the means over the decoded ones."""

    model: str
    num_videos: int
    num_failed: int
    overall: Interval
    compatible: float | None
    means: dict[str, float]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PathEvaluation:
    """All results, and one line for each segment or file of the data set that could not be used."""

    results: tuple[PathResult, ...]
    problems: tuple[str, ...]
    constants: TargetBenchConstants = OFFICIAL

    def rows(self, seed: int = 0) -> list[ModelRow]:
        """One row for each model."""
        models = dict.fromkeys(result.model for result in self.results)
        mine = {model: [result for result in self.results if result.model == model] for model in models}
        return [_row(results, self.constants, seed) for results in mine.values()]


def evaluate_paths(
    dataset: str | Path,
    output: str | Path,
    decoder: CameraDecoder,
    constants: TargetBenchConstants = OFFICIAL,
    horizon: str | None = None,
    report: Callable[[int, int], None] | None = None,
) -> PathEvaluation:
    """Judge wm_videos/MODEL/SEGMENT.mp4 in `output` against the segments of `dataset`.

    `report` is called with (videos done, all videos). DatasetError only if there is nothing to judge at all.
    """
    tasks, problems = _read_tasks(Path(dataset).resolve(), list_segments(dataset), horizon)
    videos = list_videos(output)
    if not tasks:
        raise DatasetError(f"{dataset}: no segment can be used; the first: {problems[0]}")
    known = {folder.name for folder in list_segments(dataset)}
    strangers = [file for files in videos.values() for name, file in files.items() if name not in known]
    problems += [f"{file}: the data set has no segment {file.stem}" for file in strangers]
    silent = [folder for folder in list_models(output) if folder.name not in videos]
    problems += [
        f"{shown(folder)}: no video in it ({', '.join(VIDEO_SUFFIXES)}); no model is judged" for folder in silent
    ]
    results, total = [], len(videos) * len(tasks)
    for model, files in videos.items():
        for name, task in tasks.items():
            results.append(_judge(model, name, task, files.get(name), decoder, constants))
            if report is not None:
                report(len(results), total)
    return PathEvaluation(results=tuple(results), problems=tuple(problems), constants=constants)


def _read_tasks(root: Path, folders: Sequence[Path], horizon: str | None) -> tuple[dict[str, Task], list[str]]:
    tasks, problems = {}, []
    for folder in folders:
        try:
            _check_links(folder, root)
            tasks[folder.name] = read_segment(folder, horizon)
        except WanR1Error as error:
            text = str(error)
            problems.append(text if str(folder) in text else f"{folder}: {text}")
    return tasks, problems


def _check_links(folder: Path, root: Path) -> None:
    """DatasetError if the folder of a segment, or a file in it, leads out of the data set, as in `evaluate videos`."""
    try:
        outside = [path for path in (folder, *sorted(folder.iterdir())) if leads_out(path, root)]
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be read ({error.strerror})") from error
    if outside:
        raise DatasetError(f"{outside[0]}: a link that leads out of the data set; put the file itself there")


def _judge(
    model: str, segment: str, task: Task, file: Path | None, decoder: CameraDecoder, constants: TargetBenchConstants
) -> PathResult:
    points, failure = _decode(task, file, decoder)
    numbers = None if points is None else measure(points, task.solution.points, constants)
    return PathResult(
        model=shown(model),
        segment=shown(segment),
        reference=task.solution.points,
        points=points,
        numbers=numbers,
        failure=failure,
    )


def _decode(task: Task, file: Path | None, decoder: CameraDecoder) -> tuple[Points | None, str | None]:
    """The points of the frames that count, or why there are none."""
    if file is None:
        return None, "no video"
    try:
        video = read_video(file)
        truth = read_truth(file) if isinstance(decoder, OracleDecoder) else None
    except (VideoError, DatasetError) as error:
        return None, str(error)
    if len(video) < MIN_FRAMES:
        return None, f"{file}: {len(video)} frame; a way needs at least {MIN_FRAMES}"
    if truth is not None and len(truth) != len(video):
        return None, f"{file}: {len(truth)} true poses for a video of {len(video)} frames"
    track = decoder(Clip(video=video, anchor=anchor_of(task), truth=truth))
    points = decoded_points(track)
    if points is None:
        seen = track.seen[0][decoded_frames(len(video))]
        return None, f"{file}: the camera is lost in {int((~seen).sum())} of {len(seen)} frames"
    return points, None


def _row(results: Sequence[PathResult], constants: TargetBenchConstants, seed: int) -> ModelRow:
    decoded = [result.numbers for result in results if result.numbers is not None]
    scores = [0.0 if result.numbers is None else result.numbers.overall for result in results]
    compatible = [
        measure(result.points, result.reference, constants, compat=True).overall
        for result in results
        if result.points is not None
    ]
    return ModelRow(
        model=results[0].model,
        num_videos=len(results),
        num_failed=len(results) - len(decoded),
        overall=mean_interval(np.asarray(scores), seed=seed),
        compatible=float(np.mean(compatible)) if compatible else None,
        means={name: float(np.mean([getattr(each, name) for each in decoded])) for name in METRICS} if decoded else {},
    )
