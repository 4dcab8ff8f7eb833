"""A learned judge: the stand-in, on a CPU, for a multimodal reward model. A small network looks at a video and says how
likely it is a solution.

It has seen successes and failures of one model and knows no rule, so what it likes is not what is true: a policy that
is trained on it may find videos that please it and solve nothing. That is what it is for; to train for real, take the
trajectory reward. Its file states how often it was right on held-out videos (wan_r1/training/judge.py,
benchmarks/learned_judge.py).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.rewards.trajectory import TrajectoryReward
from wan_r1.trackers.network_file import read_network, write_network
from wan_r1.types import Score, Task
from wan_r1.video import check_video, resize_video, subsample

if TYPE_CHECKING:
    from torch import nn

__all__ = ["JudgeShape", "LearnedReward", "build_network", "judge_input", "read_judge", "write_judge"]

Video = NDArray[np.uint8]

KIND = "learned_judge"
"""Of network files; benchmarks/learned_judge.py writes one."""
NORM_GROUPS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeShape:
    """What the network looks at, and how wide it is."""

    num_frames: int = 9
    "frames spread evenly over the video"
    size_px: int = 40
    "side of the square that every frame is resized to"
    widths: tuple[int, ...] = (16, 32, 64, 128)
    "channels of the stages; each halves the picture"

    def __post_init__(self) -> None:
        if self.num_frames < 2 or not self.widths or self.size_px < 2 ** len(self.widths):
            raise ConfigError(f"judge: {self}: at least 2 frames, one stage, and 2 ** stages px")
        if any(width < 1 or width % NORM_GROUPS for width in self.widths):
            raise ConfigError(f"judge: widths = {self.widths}: must be multiples of {NORM_GROUPS}")


def judge_input(first_frame: Video, video: Video, shape: JudgeShape) -> NDArray[np.float32]:
    """What the network sees of a video [T, H, W, 3]: [3 + 3 F, size, size] float32.

    The conditioning picture [H, W, 3], and what differs from it in each of F frames, both as shares of 255.
    """
    check_video(video)
    side = shape.size_px
    picture = resize_video(first_frame[None], side, side)[0].astype(np.float32) / 255
    frames = resize_video(subsample(video, shape.num_frames), side, side).astype(np.float32) / 255
    planes = np.concatenate([picture[None], frames - picture])
    return np.ascontiguousarray(planes.transpose(0, 3, 1, 2).reshape(-1, side, side))


def build_network(shape: JudgeShape) -> "nn.Sequential":
    """The network [B, 3 + 3 F, size, size] -> [B, 1], the logit of "solved"; random weights."""
    from torch import nn

    layers: list[nn.Module] = []
    before = 3 + 3 * shape.num_frames
    for stage, width in enumerate(shape.widths):
        stride = 2 if stage else 1
        layers += [nn.Conv2d(before, width, 3, stride, 1), nn.GroupNorm(NORM_GROUPS, width), nn.SiLU()]
        layers += [nn.Conv2d(width, width, 3, 1, 1), nn.GroupNorm(NORM_GROUPS, width), nn.SiLU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(before, 1))


def write_judge(path: str | Path, network: "nn.Sequential", shape: JudgeShape, facts: dict[str, Any]) -> None:
    """Write weights (half precision), shape and facts (what it was trained on, how often it is right) to one file."""
    write_network(path, network, KIND, shape, facts)


def read_judge(path: str | Path) -> tuple["nn.Sequential", JudgeShape, dict[str, Any]]:
    """Network, shape and facts of a file. CheckpointError if it is no judge."""
    return read_network(path, KIND, JudgeShape, build_network)


@lru_cache(maxsize=2)
def _loaded(path: str, changed_ns: int) -> tuple["nn.Sequential", JudgeShape]:
    network, shape, _ = read_judge(path)
    return network, shape


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedReward:
    """The probability that a learned judge gives to "solved"; see the module's first lines."""

    path: str
    """File of the judge (benchmarks/learned_judge.py writes it)."""
    facts: TrajectoryReward | None = field(default_factory=TrajectoryReward)
    """Gives verdict and route, for tables; they do not enter the value. none leaves them out and saves their time."""

    def __call__(self, task: Task, video: Video) -> Score:
        """Score of video [T, H, W, 3] uint8 of a task of any family that the judge was trained on."""
        import torch

        try:
            changed = Path(self.path).stat().st_mtime_ns
        except OSError as error:
            raise CheckpointError(
                f"{self.path}: cannot read the learned judge ({error}); train one: python benchmarks/learned_judge.py"
            ) from error
        network, shape = _loaded(self.path, changed)
        inputs = torch.from_numpy(judge_input(task.first_frame, video, shape))[None]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the order of sums, and so the last digits, must not depend on the process
        try:
            with torch.inference_mode():
                value = float(torch.sigmoid(network(inputs))[0, 0])
        finally:
            torch.set_num_threads(threads)
        seen = self.facts(task, video) if self.facts is not None and task.objects else None
        return Score(
            value=value,
            parts={"judge": value},
            verdict=None if seen is None else seen.verdict,
            route=None if seen is None else seen.route,
        )
