"""Experiment trackers beside metrics.jsonl: TensorBoard, trackio, Weights & Biases, through accelerate."""

import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wan_r1.distributed import World
from wan_r1.errors import ConfigError
from wan_r1.reports.overlay import draw_track, enlarge
from wan_r1.rollout import Rollout
from wan_r1.runs import RunFolder, read_json
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.video import subsample, write_video

__all__ = ["TrackerName", "Tracking", "tracking"]

TrackerName = Literal["tensorboard", "trackio", "wandb"]

PROJECT = "wan-r1"
NUM_SHOWN = 4
"""Videos of each evaluation that are shown."""
SHOWN_PX = 240
STRIP_FRAMES = 8
"""Frames of a video that TensorBoard shows side by side; its videos need a package more."""


class Tracking:
    """The trackers of a run; with none it does nothing."""

    def __init__(self, trackers: Sequence[Any] = ()) -> None:
        self._trackers = trackers
        self._rollouts: Sequence[Rollout] = ()

    @property
    def num_shown(self) -> int:
        """How many videos of an evaluation `show` wants."""
        return NUM_SHOWN if self._trackers else 0

    def show(self, rollouts: Sequence[Rollout]) -> None:
        """Videos of an evaluation; they go out with its numbers, at their step."""
        self._rollouts = rollouts

    def log(self, step: int, numbers: dict[str, float]) -> None:
        """Send the numbers of one record, and the videos that wait."""
        videos = {f"validation/video_{i}": _drawn(rollout) for i, rollout in enumerate(self._rollouts)}
        self._rollouts = ()
        for tracker in self._trackers:
            tracker.log(numbers, step=step)
            if videos:
                _log_videos(tracker, step, videos)


@contextmanager
def tracking(names: Sequence[TrackerName], run: RunFolder, world: World) -> Iterator[Tracking]:
    """The trackers of a started run, closed at the end; only the main process has any.

    ConfigError if the package of one is missing.
    """
    for name in names:
        if find_spec(name) is None:
            raise ConfigError(f"log_with: {name!r} is not installed; pip install 'wan-r1[track]'")
    trackers = [_start(name, run) for name in dict.fromkeys(names)] if world.is_main else []
    try:
        yield Tracking(trackers)
    finally:
        for tracker in trackers:
            tracker.finish()


def _start(name: TrackerName, run: RunFolder) -> Any:
    from accelerate.tracking import TensorBoardTracker, TrackioTracker, WandBTracker

    # The time of its start tells a run from others of its name, and a resumed run goes on in the same place.
    started = "".join(letter for letter in read_json(run.provenance)["started"] if letter.isalnum())
    label = f"{run.path.name}-{started}"
    shared = {"config": tomllib.loads(run.recipe.read_text(encoding="utf-8")), "resume": "allow"}
    if name == "tensorboard":
        tracker = TensorBoardTracker("tensorboard", run.path)
    elif name == "trackio":
        tracker = TrackioTracker(PROJECT, **shared, name=label)
    else:
        tracker = WandBTracker(PROJECT, **shared, id=label, name=run.path.name, dir=str(run.path))
    try:
        tracker.start()
    except Exception as error:  # each has errors of its own: no account, no server, a broken installation
        raise ConfigError(f"log_with: {name!r} cannot be started ({error}); set it up, or leave it out") from error
    return tracker


def _drawn(rollout: Rollout) -> NDArray[np.uint8]:
    """The video, enlarged, with the agent's track if the task has an agent."""
    video = enlarge(rollout.video, SHOWN_PX)
    if not rollout.task.objects:
        return video
    return draw_track(video, SpriteTracker()(rollout.video, rollout.task).points[0])


def _log_videos(tracker: Any, step: int, videos: dict[str, NDArray[np.uint8]]) -> None:
    if tracker.name == "tensorboard":
        strips = {name: subsample(video, min(STRIP_FRAMES, len(video))) for name, video in videos.items()}
        tracker.log_images(strips, step=step, dataformats="NHWC")
        return
    if tracker.name == "wandb":
        from wandb import Video
    else:
        from trackio import Video
    with tempfile.TemporaryDirectory() as folder:  # both copy the files
        for name, video in videos.items():
            write_video(Path(folder) / f"{name.rpartition('/')[2]}.mp4", video)
        files = {name: Video(str(Path(folder) / f"{name.rpartition('/')[2]}.mp4")) for name in videos}
        tracker.log(files, step=step)
