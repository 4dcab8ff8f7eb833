"""Training of the pose regressor (trackers/pose_regressor.py) on drawn rooms.

Left out: pretraining and sequence models. Motions between neighbours add up well enough over 17 frames.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from wan_r1.errors import ConfigError
from wan_r1.trackers.pose_regressor import MOTION_UNITS, RegressorShape, build_regressor, pair_inputs

__all__ = ["Pairs", "RegressorSettings", "pairs_of", "train_regressor"]

GAPS = (1, 1, 2, -1)
"""Which later frame a frame is paired with; two frames on is fast walking, one back is walking backwards."""
EVALUATION_BATCH = 256


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Pairs:
    """Frame pairs: inputs [N, 6, size, size] float16 in [-1, 1], motions [N, 3] float32 in MOTION_UNITS."""

    inputs: Tensor
    motions: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.motions) or not len(self.motions):
            raise ConfigError(f"pose: {len(self.inputs)} pairs, {len(self.motions)} motions; at least one of each")

    def __len__(self) -> int:
        return len(self.motions)


@dataclass(frozen=True, kw_only=True, slots=True)
class RegressorSettings:
    """Settings of the regressor's training."""

    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 2e-3
    "of AdamW, at its highest; it rises and falls once (one cycle)"
    weight_decay: float = 0.02
    blur_share: float = 0.5
    "share of the batches whose pictures are blurred, as those of a small autoencoder are"
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size) < 1 or self.learning_rate <= 0 or not 0 <= self.blur_share <= 1:
            raise ConfigError(f"pose: {self}; epochs, batch_size >= 1, learning_rate > 0, blur_share in [0, 1]")


def pairs_of(videos: Sequence[NDArray[np.uint8]], poses: Sequence[NDArray[np.float64]], shape: RegressorShape) -> Pairs:
    """Pairs of videos [T, H, W, 3] with poses [T, 3] (x, y, yaw; metres, radians): each frame with one other."""
    firsts, seconds, motions = list[NDArray[np.uint8]](), list[NDArray[np.uint8]](), list[NDArray[np.float64]]()
    for video, pose in zip(videos, poses, strict=True):
        for number in range(len(video)):
            other = number + GAPS[number % len(GAPS)]
            if not 0 <= other < len(video):
                continue
            firsts.append(video[number])
            seconds.append(video[other])
            motions.append(_motion(pose[number], pose[other]))
    inputs = torch.from_numpy(pair_inputs(np.stack(firsts), np.stack(seconds), shape)).half()
    scaled = np.stack(motions) / np.asarray(MOTION_UNITS)
    return Pairs(inputs=inputs, motions=torch.from_numpy(scaled.astype(np.float32)))


def train_regressor(
    train: Pairs,
    validation: Pairs,
    shape: RegressorShape,
    settings: RegressorSettings,
    report: Callable[[int, str], None],
) -> nn.Sequential:
    """The network after the epoch with the lowest loss on the validation pairs; report(1, words) after each."""
    generator = torch.Generator().manual_seed(settings.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = build_regressor(shape)
    steps = -(-len(train) // settings.batch_size) * settings.epochs
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
    best, lowest = network.state_dict(), float("inf")
    for _ in range(settings.epochs):
        network.train()
        for rows in torch.split(torch.randperm(len(train), generator=generator), settings.batch_size):
            inputs, motions = _varied(train.inputs[rows].float(), train.motions[rows], settings, generator)
            loss = F.smooth_l1_loss(network(inputs), motions)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        held_out = _loss(network.eval(), validation)
        if held_out < lowest:
            best, lowest = copy.deepcopy(network.state_dict()), held_out
        report(1, f"validation loss {held_out:.4f}")
    network.load_state_dict(best)
    return network.eval()


@torch.inference_mode()
def _loss(network: nn.Sequential, pairs: Pairs) -> float:
    parts = zip(*(torch.split(values, EVALUATION_BATCH) for values in (pairs.inputs, pairs.motions)), strict=True)
    sums = [float(F.smooth_l1_loss(network(x.float()), y, reduction="sum")) for x, y in parts]
    return sum(sums) / pairs.motions.numel()


def _motion(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Forward, left, turn of the second pose in the axes of the first."""
    (dx, dy), yaw = second[:2] - first[:2], first[2]
    turn = (second[2] - yaw + np.pi) % (2 * np.pi) - np.pi
    return np.asarray([np.cos(yaw) * dx + np.sin(yaw) * dy, np.cos(yaw) * dy - np.sin(yaw) * dx, turn])


def _varied(
    inputs: Tensor, motions: Tensor, settings: RegressorSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Half of the pairs mirrored, left for right; some batches blurred; colours scaled a little."""
    mirrored = torch.rand(len(inputs), generator=generator) < 0.5
    inputs = torch.where(mirrored[:, None, None, None], inputs.flip(3), inputs)
    motions = torch.where(mirrored[:, None], motions * torch.tensor([1.0, -1.0, -1.0]), motions)
    if float(torch.rand(1, generator=generator)) < settings.blur_share:
        padded = F.pad(inputs, (1, 1, 1, 1), mode="replicate")
        inputs = F.avg_pool2d(padded, 3, 1)
    scale = 1 + 0.2 * (torch.rand(len(inputs), 1, 1, 1, generator=generator) - 0.5)
    return inputs * scale + 0.02 * torch.randn(inputs.shape, generator=generator), motions
