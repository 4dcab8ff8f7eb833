"""Our rewards in other trainers: their call signatures on one side, (task, video) on the other.

A trainer's data set has a text for each example; `describe` makes it of a task, and the adapters make the task of it:

    {"family": "maze", "seed": 7, "settings": {"level": "easy", ...}}     a task of ours
    data/states/easy_0001.json                                            a state file of VR-Bench

Signatures, as read in 2026. TRL: `reward_funcs` of GRPOTrainer, f(prompts, completions, **columns) -> [float].
Flow-GRPO: f(videos, prompts, metadata, only_strict) -> (values, {}). Flow-Factory: __call__(prompt, video, **fields) of
a reward model, with one `metadata` JSON for each sample. verl-omni: compute_score(data_source, solution_image,
ground_truth, extra_info, **settings) -> {"score": ...}. examples/reward_in_*.py show each at work; none of these
packages is needed for that.
"""

import functools
import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, DatasetError, VideoError
from wan_r1.rewards.pool import score_all
from wan_r1.rewards.reward import Reward
from wan_r1.rewards.trajectory import TrajectoryReward
from wan_r1.tasks import make_task
from wan_r1.tasks.vr_bench import image_path_of, read_state
from wan_r1.types import Score, Task
from wan_r1.video import check_video, read_video

__all__ = ["FlowFactoryScorer", "FlowGRPOReward", "TRLReward", "VerlOmniReward", "as_video", "describe", "task_from"]

Video = NDArray[np.uint8]

CACHED_TASKS = 128
"""Whole tasks, of up to 3 MB each."""
FLOAT_SLACK = 0.01
"""Floats of a video may leave [0, 1] by this much; more means another convention, such as [-1, 1]."""
SHOWN = reprlib.Repr()
"""Shortens wrong values of a data set for errors, however long or deep they are."""
SHOWN.maxstring = SHOWN.maxother = 120


def describe(task: Task) -> str:
    """The text from which `task_from` makes this task again, for a column of a data set.

    DatasetError if it was not made from a seed: then its state file is its description.
    """
    described = json.dumps({"family": task.family, "seed": task.seed, "settings": task.settings}, sort_keys=True)
    if not np.array_equal(_task(described).first_frame, task.first_frame):
        raise DatasetError(
            f"task of family {task.family!r}: not one that its seed makes; pass the path of its state file"
        )
    return described


def task_from(description: str | Mapping[str, Any]) -> Task:
    """The task of a description, or of a VR-Bench state file. DatasetError if it names none."""
    if isinstance(description, Mapping):
        try:
            description = json.dumps(dict(description), sort_keys=True, default=_plain)
        except (ValueError, TypeError, RecursionError) as error:
            raise DatasetError(f"task {SHOWN.repr(description)}: cannot be written as JSON ({error})") from error
    if not isinstance(description, str):
        raise DatasetError(f"task: {type(description).__name__}; expected the text of describe(task), or a state file")
    return _task(description)


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not a value of JSON")


def _task(description: str) -> Task:
    if description.lstrip().startswith("{"):
        return _made(description, ())
    state = Path(description)
    return _made(description, (_changed_ns(state), _changed_ns(image_path_of(state))))


def _changed_ns(path: Path) -> int | None:
    """When a file was changed; None if it cannot be found, which `read_state` puts into words."""
    try:
        return path.stat().st_mtime_ns
    except (OSError, ValueError):
        return None


@functools.lru_cache(maxsize=CACHED_TASKS)
def _made(description: str, changed_ns: tuple[int | None, ...]) -> Task:
    """The task of a text, or of a state file as it was when it and its picture were changed last."""
    try:
        if changed_ns:
            return read_state(Path(description))
        named = json.loads(description)
        return make_task(named["family"], named["seed"], **named.get("settings", {}))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise DatasetError(f"task {description[:120]!r}: not the text of describe(task) ({error})") from error


def as_video(shown: Any) -> Video:
    """Video [T, H, W, 3] uint8 of what trainers hand over.

    Arrays or torch tensors [T, H, W, 3], [T, 3, H, W] or [3, T, H, W], with or without a batch of one before; uint8, or
    floats in [0, 1], where what is not finite becomes black; a list of frames (PIL pictures, arrays); a path of a file;
    a message of parts, of which the first of type video counts.
    """
    if isinstance(shown, str | Path):
        return read_video(shown)
    if isinstance(shown, list | tuple):
        named = [
            part["video"]
            for part in shown
            if isinstance(part, dict) and part.get("type") == "video" and "video" in part
        ]
        if named:  # a message of several parts, as TRL has them
            return as_video(named[0])
        try:
            shown = np.stack([np.asarray(_on_cpu(frame)) for frame in shown])
        except ValueError as error:
            raise VideoError(f"video: a list of frames must hold at least one, all of one size ({error})") from error
    video = np.asarray(_on_cpu(shown))
    if video.ndim == 5 and len(video) == 1:
        video = video[0]
    video = np.ascontiguousarray(_channels_last(video))
    if video.dtype != np.uint8:
        video = _bytes(video)
    check_video(video)
    return video


def _on_cpu(shown: Any) -> Any:
    """A tensor as an array, whatever its device and precision; anything else as it is."""
    if not hasattr(shown, "detach"):
        return shown
    tensor = shown.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _channels_last(video: NDArray[Any]) -> NDArray[Any]:
    if video.ndim != 4:
        raise VideoError(f"video: must have 4 axes, or 5 with a batch of one; got shape {video.shape}")
    if video.shape[3] == 3:
        return video
    if video.shape[1] == 3 and video.shape[0] != 3:
        return video.transpose(0, 2, 3, 1)
    if video.shape[0] == 3 and video.shape[1] != 3:
        return video.transpose(1, 2, 3, 0)
    raise VideoError(f"video: cannot tell frames from colours in shape {video.shape}; pass [T, H, W, 3]")


def _bytes(video: NDArray[Any]) -> Video:
    if not np.issubdtype(video.dtype, np.floating):
        raise VideoError(f"video: {video.dtype}; must be uint8, or floats in [0, 1]")
    finite = np.nan_to_num(video, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    if low < -FLOAT_SLACK or high > 1 + FLOAT_SLACK:
        raise VideoError(f"video: floats from {low:.3g} to {high:.3g}; must lie in [0, 1]")
    return np.asarray((finite.clip(0, 1) * 255).round(), dtype=np.uint8)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scorer:
    """A reward, and how many processes it may use."""

    reward: Reward = field(default_factory=TrajectoryReward)
    workers: int = 0
    "processes that score; 0 is this one"

    def scores(self, descriptions: Sequence[str | Mapping[str, Any]], shown: Sequence[Any]) -> list[Score]:
        if len(descriptions) != len(shown):
            raise ConfigError(f"{len(descriptions)} tasks but {len(shown)} videos; each video needs its task")
        tasks = [task_from(description) for description in descriptions]
        return score_all(self.reward, tasks, [as_video(each) for each in shown], self.workers)


@dataclass(frozen=True, kw_only=True, slots=True)
class TRLReward(_Scorer):
    """For `reward_funcs` of TRL's GRPOTrainer and its kin: completions are videos, the column `task` describes them."""

    name: str = "wan_r1"
    "under which TRL logs it"

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(
        self, *, completions: Sequence[Any], task: Sequence[str], prompts: Sequence[Any] = (), **columns: Any
    ) -> list[float]:
        """One value for each completion: a video, its file, or a chat message that holds either."""
        return [score.value for score in self.scores(task, [_content(each) for each in completions])]


def _content(completion: Any) -> Any:
    """The content of a conversational completion [{"role", "content"}]; any other as it is, a list of parts too."""
    if isinstance(completion, list) and completion and isinstance(completion[-1], Mapping):
        return completion[-1].get("content", completion)
    return completion


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowGRPOReward(_Scorer):
    """For `multi_score` of Flow-GRPO: `score_functions["wan_r1"] = lambda device: FlowGRPOReward()`."""

    def __call__(
        self, images: Sequence[Any], prompts: Sequence[str], metadata: Sequence[Mapping[str, Any]], *_: Any, **__: Any
    ) -> tuple[list[float], dict[str, Any]]:
        """Values of videos [B, T, 3, H, W] in [0, 1]; metadata[i]["task"] describes the task of video i."""
        described = [_named(each, "metadata of Flow-GRPO") for each in metadata]
        return [score.value for score in self.scores(described, list(images))], {}


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowFactoryScorer(_Scorer):
    """What a Flow-Factory reward model returns as `rewards`; examples/reward_in_flow_factory.py has the model."""

    def __call__(
        self, prompt: Sequence[str], video: Sequence[Any], metadata: Sequence[str | Mapping[str, Any]], **fields: Any
    ) -> list[float]:
        """Values of videos (lists of PIL pictures, or tensors [T, 3, H, W]); metadata[i] is JSON with a key "task"."""
        described = [_named(_row(each), "metadata") for each in metadata]
        return [score.value for score in self.scores(described, video)]


@dataclass(frozen=True, kw_only=True, slots=True)
class VerlOmniReward(_Scorer):
    """For `reward.custom_reward_function` of verl-omni, which calls by these keywords, one video at a time."""

    def __call__(
        self,
        data_source: str,
        solution_image: Any,
        ground_truth: str,
        extra_info: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> dict[str, float]:
        """Value and parts of a video; extra_info["task"], else ground_truth, describes its task."""
        description = _mapping(extra_info or {}, "extra_info").get("task", ground_truth)
        (score,) = self.scores([description], [solution_image])
        solved = {} if score.verdict is None else {"solved": float(score.verdict.solved)}
        return {"score": score.value, **score.parts, **solved}


def _named(row: Any, where: str) -> Any:
    if "task" not in _mapping(row, where):
        raise DatasetError(f'{where}: no key "task" beside {sorted(map(str, row))}; put describe(task) there')
    return row["task"]


def _mapping(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise DatasetError(f"{where} {SHOWN.repr(row)}: {type(row).__name__}; expected keys with values")
    return row


def _row(metadata: Any) -> Any:
    """The metadata of a sample, which may be JSON."""
    if not isinstance(metadata, str):
        return metadata
    try:
        return json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"metadata {SHOWN.repr(metadata)}: not JSON ({error})") from error
