"""Generated videos against VR-Bench's numbers and, with the sprite tracker, against the rules of their game."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, DatasetError, TrackingError, VideoError, WanR1Error
from wan_r1.evaluation.datasets import Level, Problem, Sample, shown
from wan_r1.evaluation.loading import LoadedLevel, load_level
from wan_r1.evaluation.reference import TrackCache, reference_paths
from wan_r1.metrics.vr_bench import (
    SCRIPT,
    FidelityMeter,
    VRBenchOptions,
    VRBenchResult,
    measure,
    normalize_points,
    success_rate,
)
from wan_r1.rewards.trajectory import TrajectoryReward
from wan_r1.trackers.resample import pixel_trajectory
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.trackers.tracker import Tracker
from wan_r1.types import Score, Task, Track
from wan_r1.video import iterate_frames, read_parts, write_image

__all__ = ["Draw", "Job", "LevelResult", "VideoResult", "VideoSettings", "evaluate_level"]

MIN_FRAMES = 2
"""Frames of a video that shows a way; of fewer, VR-Bench's evaluator gives up."""

Picture = NDArray[np.uint8]
Points = NDArray[np.floating[Any]]
Draw = Callable[[Picture, Sequence[Points], Points], Picture]
"""(frame, reference paths, path of the video), paths in image units -> the frame with the paths on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoSettings:
    """How videos are evaluated."""

    tracker: Tracker = field(default_factory=SpriteTracker)
    """Where things are."""
    options: VRBenchOptions = SCRIPT
    """Threshold and number of points of VR-Bench's metrics."""
    cache: TrackCache = field(default_factory=lambda: TrackCache(folder=None))
    """Where tracks of solution videos are kept."""
    pictures: FilePath | None = None
    """Folder for a picture of each video; None draws none."""
    draw: Draw | None = None
    """How such a picture is drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One level with its videos; what a worker process is handed."""

    level: Level
    samples: tuple[Sample, ...]
    settings: VideoSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoResult:
    """One generated video. numbers: VR-Bench's; fidelity: its MF; score: by the rules, None without a map or ours."""

    sample: Sample
    num_frames: int
    size: tuple[int, int]
    numbers: VRBenchResult
    fidelity: float
    score: Score | None


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelResult:
    """Everything about one level: game is "-" and videos are empty where the level itself is broken.

    failed: labels of the samples that could not be evaluated. judged: whether the rules of the game judge its videos.
    notes: what is wrong with its map or a solution video and did not stop the evaluation.
    """

    level: Level
    game: str
    videos: tuple[VideoResult, ...]
    failed: tuple[str, ...]
    judged: bool
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def evaluate_level(job: Job) -> LevelResult:
    """Evaluate all videos of one level; what is wrong with files becomes a problem, never an error."""
    level = job.level
    try:
        loaded = load_level(level)
    except WanR1Error as error:
        return _broken(level, error)
    judged = isinstance(job.settings.tracker, SpriteTracker)
    notes = [_unjudged(level)] if judged and not loaded.has_map else []
    references = _References(level, loaded, job.settings)
    videos, problems, failed = [], [], []
    for sample in job.samples:
        try:
            videos.append(_evaluate_video(sample, level, loaded, references, job.settings))
        except (VideoError, TrackingError) as error:
            failed.append(sample.label)
            text = str(error) if str(sample.path) in str(error) else f"{sample.path}: {error}"
            problems.append(Problem(kind="video", path=sample.path, text=shown(text)))
        except DatasetError as error:
            return _broken(level, error)
    return LevelResult(
        level=level,
        game=loaded.task.family,
        videos=tuple(videos),
        failed=tuple(failed),
        judged=judged and loaded.has_map,
        problems=tuple(problems),
        notes=(*notes, *references.notes()),
    )


def _broken(level: Level, error: Exception) -> LevelResult:
    text = str(error) if str(level.state.parent.parent) in str(error) else f"{level.state}: {error}"
    problem = Problem(kind="dataset", path=level.state, text=shown(text))
    return LevelResult(level=level, game=level.game, videos=(), failed=(), judged=False, problems=(problem,), notes=())


def _unjudged(level: Level) -> str:
    return f"{shown(level.state)}: no map in this state; its videos are left out of solved, optimal and progress"


class _References:
    """The paths that a level's videos are compared with: its solution videos', else its solver's; one set per size."""

    def __init__(self, level: Level, loaded: LoadedLevel, settings: VideoSettings) -> None:
        self._level, self._loaded, self._settings = level, loaded, settings
        self._paths: dict[tuple[int, int], list[Points]] = {}
        self._notes: dict[str, None] = {}
        # VR-Bench's trackers lose the agent on many goals; what ours does not see there is not there.
        self._must_arrive = loaded.has_map and isinstance(settings.tracker, SpriteTracker)
        if not level.solutions:
            expected = level.state.parent.parent / "videos" / f"{level.stem}.mp4"
            self._notes[f"{shown(expected)}: no such video; a shortest way of ours is the reference"] = None

    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def of_size(self, size: tuple[int, int]) -> list[Points]:
        """Paths [T, 2] in image units for generated videos of (width, height)."""
        if size not in self._paths:
            self._paths[size] = list(self._tracked(size)) or [self._loaded.task.solution.points]
        return self._paths[size]

    def _tracked(self, size: tuple[int, int]) -> Iterator[Points]:
        for video in self._level.solutions:
            try:
                paths = reference_paths(video, self._loaded.task, self._settings.tracker, size, self._settings.cache)
            except (DatasetError, TrackingError) as error:
                text = str(error) if str(video) in str(error) else f"{video}: {error}"
                if not self._loaded.has_map:
                    raise DatasetError(text) from error
                self._leave_out(text)
                continue
            if self._must_arrive and not _arrives(paths, self._loaded.task):
                self._leave_out(f"{video}: nothing reaches the goal in this solution video")
                continue
            yield paths["agent"]

    def _leave_out(self, why: str) -> None:
        self._notes[f"{shown(why)}; other solution videos, or else a shortest way of ours, is the reference"] = None


def _arrives(paths: Mapping[str, Points], task: Task) -> bool:
    """Whether a solution's agent, or one of its boxes where there are any, is in a goal in one of several frames."""
    movers = [path for name, path in paths.items() if name != "agent"] or [paths["agent"]]
    return len(movers[0]) >= MIN_FRAMES and any(success_rate(path, goal) for path in movers for goal in task.goals)


def _evaluate_video(
    sample: Sample, level: Level, loaded: LoadedLevel, references: _References, settings: VideoSettings
) -> VideoResult:
    parts = read_parts(sample.path)
    first = next(parts)
    size = (first.shape[2], first.shape[1])
    track, score = _watch(chain([first], parts), loaded, settings.tracker)
    if track.points.shape[1] < MIN_FRAMES:
        raise VideoError(f"{sample.path}: one frame; a way needs at least {MIN_FRAMES}")
    paths = {
        name: normalize_points(pixel_trajectory(track, name, box, *size), *size)
        for name, box in loaded.task.objects.items()
    }
    numbers = measure(
        paths["agent"],
        references.of_size(size),
        loaded.task.goals[0],
        settings.options,
        goal_points=paths.get("box_0"),
    )
    result = VideoResult(
        sample=sample,
        num_frames=len(paths["agent"]),
        size=size,
        numbers=numbers,
        fidelity=_fidelity(sample.path, paths["agent"], loaded, settings.options),
        score=score,
    )
    if settings.pictures is not None and settings.draw is not None:
        name = "_".join(part for part in (level.name, sample.label.replace("/", "_")) if part)
        frame = _last_frame(sample.path, result.num_frames)
        picture = settings.draw(frame, references.of_size(size), paths["agent"])
        try:
            write_image(settings.pictures / f"{name}.png", picture)
        except VideoError as error:  # no fault of the video
            raise ConfigError(f"{error}; choose --out DIR, or leave out --pictures") from error
    return result


def _last_frame(video: FilePath, num_frames: int) -> Picture:
    every = max(1, num_frames - 1)
    return [frame for _, frame in iterate_frames(video, every)][-1]


def _watch(parts: Iterable[Picture], loaded: LoadedLevel, tracker: Tracker) -> tuple[Track, Score | None]:
    """The track of a video and, with the sprite tracker and a map, its score by the rules."""
    if not isinstance(tracker, SpriteTracker):
        return tracker.track(parts, loaded.task), None
    observation = tracker.observe_parts(parts, loaded.task)
    if not loaded.has_map:
        return observation.track, None
    reward = TrajectoryReward(tracker=tracker)
    return observation.track, reward.score(loaded.task, observation.track, reward.scene(observation, loaded.task))


def _fidelity(video: FilePath, agent: Points, loaded: LoadedLevel, options: VRBenchOptions) -> float:
    """MF in a second look at the video, because it needs the agent's path, and the path the whole video."""
    task = loaded.task
    meter = FidelityMeter(agent, task.objects["agent"], task.goals[0], loaded.render_size, options)
    for index, frame in iterate_frames(video, options.fidelity_frame_step):
        meter.add(index, frame)
    return meter.fidelity
