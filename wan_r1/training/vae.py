"""Training of a small Wan video autoencoder from nothing, on synthetic clips. Resumable; used by `make tiny`.

Left out: adversarial and perceptual losses. Boards and sprites are flat and sharp; an absolute error with more weight
on what moves is enough for a tracker to read the decoded video.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wan_r1.distributed import World
from wan_r1.tasks.scenes import random_scene
from wan_r1.training.checkpoint import (
    load_optimizer,
    optimizer_state,
    read_checkpoint,
    with_prefix,
    without_prefix,
    write_checkpoint,
)
from wan_r1.training.muon import Muon

__all__ = ["Clip", "VAESettings", "latent_statistics", "reconstruction_psnr", "train_vae"]

Clip = NDArray[np.uint8]
"""A video [T, H, W, 3]."""

SCALAR_SHARE = 0.1
"""Learning rate of what Muon does not train, in shares of Muon's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VAESettings:
    """Settings of the autoencoder's training."""

    steps: int = 3000
    batch_size: int = 8
    learning_rate: float = 0.02
    "of the matrices, by Muon; the rest takes a tenth of it by AdamW"
    warmup_steps: int = 50
    scene_px: int = 80
    "side of the drawn clips"
    crop_px: int = 32
    "side of the training crops, cut at multiples of 8 px; convolutions do not care, and four crops cost one clip"
    num_frames: int = 17
    "as long as the videos to come: a causal autoencoder trained on shorter ones drifts after their end"
    motion_weight: float = 16.0
    "extra weight of pixels that ever differ from the first frame, in all frames: sprites are below 1 % of a video, and"
    " a ghost where one was or will be is as wrong as a missing one"
    first_frame_weight: float = 1.0
    "weight of the first frame's pixels: it is one of 17 frames and shows all of the scene, from a latent of its own"
    latent_noise: float = 0.1
    "std of the noise on the latents, fixed: the decoder must forgive what a diffusion model gets slightly wrong"
    scale_weight: float = 3e-4
    "weight of the mean square of the latents, which keeps their scale near 1 against that noise"
    games_share: float = 0.9
    "share of the clips that are taken from the given videos, if there are any; the rest is the synthetic mix"
    checkpoint_every: int = 200
    seed: int = 0


def _batch(settings: VAESettings, step: int, rank: int, games: Sequence[Clip]) -> Tensor:
    rng = np.random.default_rng([settings.seed, step, rank])
    clips = []
    for _ in range(settings.batch_size):
        if len(games) and rng.random() < settings.games_share:
            clip = games[int(rng.integers(len(games)))]
        else:
            clip = random_scene(rng, settings.num_frames, settings.scene_px)
        row, col = rng.integers((settings.scene_px - settings.crop_px) // 8 + 1, size=2) * 8
        clips.append(clip[:, row : row + settings.crop_px, col : col + settings.crop_px])
    video = torch.from_numpy(np.stack(clips)).permute(0, 4, 1, 2, 3)
    return video.float() / 127.5 - 1


def _loss(vae: Any, video: Tensor, settings: VAESettings, step: int) -> tuple[Tensor, dict[str, float]]:
    latents = vae.encode(video).latent_dist.mean
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(settings.seed * 10**6 + step))
    decoded = vae.decode(latents + settings.latent_noise * noise).sample
    moving = (video - video[:, :, :1]).abs().amax(dim=(1, 2), keepdim=True) > 0.1
    difference = decoded - video
    weight = (1 + settings.motion_weight * moving).repeat(1, 1, video.shape[2], 1, 1)
    weight[:, :, 0] *= settings.first_frame_weight
    error = ((difference.abs() + difference.square()) * weight).mean() / weight.mean()
    power = latents.square().mean()
    psnr = -10 * torch.log10(difference.detach().clamp(-2, 2).square().mean() / 4)
    numbers = {"error": float(error.detach()), "power": float(power.detach()), "psnr": float(psnr)}
    return error + settings.scale_weight * power, numbers


def train_vae(
    vae: Any,
    settings: VAESettings,
    folder: Path,
    resume: bool,
    report: Callable[[dict[str, float]], None],
    world: World | None = None,
    games: Sequence[Clip] = (),
) -> None:
    """Train `vae` (an AutoencoderKLWan) in place; checkpoints go to `folder`. `report` gets each step's numbers.

    games: videos [T, H, W, 3] of the settings' size to train on beside the synthetic mix.

    Every process brings a batch of its own; all must start from the same weights.
    """
    world = world or World()
    optimizer = Muon(vae.parameters(), lr=settings.learning_rate, scalar_lr=SCALAR_SHARE * settings.learning_rate)
    rates = [group["lr"] for group in optimizer.param_groups]
    first = _resume(vae, optimizer, folder) if resume and folder.exists() else 0
    began = time.monotonic()
    for step in range(first, settings.steps):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * _schedule(step, settings)
        loss, numbers = _loss(vae, _batch(settings, step, world.rank, games), settings, step)
        optimizer.zero_grad()
        (loss / world.size).backward()  # type: ignore[no-untyped-call]
        world.sum_gradients(vae.parameters())
        optimizer.step()
        report({"step": step, "seconds": time.monotonic() - began, **numbers})
        if world.is_main and ((step + 1) % settings.checkpoint_every == 0 or step + 1 == settings.steps):
            tensors = {
                **with_prefix("vae", vae.state_dict()),
                **with_prefix("optimizer", optimizer_state(optimizer)),
            }
            write_checkpoint(folder, tensors, {"step": step + 1})


def _schedule(step: int, settings: VAESettings) -> float:
    """Linear warm-up, then half a cosine down to a hundredth."""
    warm = min(1.0, (step + 1) / settings.warmup_steps)
    return warm * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * step / settings.steps))))


def _resume(vae: Any, optimizer: torch.optim.Optimizer, folder: Path) -> int:
    tensors, state = read_checkpoint(folder)
    vae.load_state_dict(without_prefix("vae", tensors))
    load_optimizer(optimizer, without_prefix("optimizer", tensors))
    return int(state["step"])


@torch.no_grad()
def latent_statistics(vae: Any, clips: Iterator[np.ndarray]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each latent channel over clips [T, H, W, 3] uint8."""
    latents = [vae.encode(_as_input(clip)).latent_dist.mode()[0].flatten(1) for clip in clips]
    values = torch.cat(latents, dim=1)
    return values.mean(dim=1).tolist(), values.std(dim=1).tolist()


@torch.no_grad()
def reconstruction_psnr(vae: Any, clip: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of a clip [T, H, W, 3] uint8 after encoding and decoding."""
    video = _as_input(clip)
    decoded = vae.decode(vae.encode(video).latent_dist.mode()).sample.clamp(-1, 1)
    return float(-10 * torch.log10((decoded - video).square().mean() / 4))


def _as_input(clip: np.ndarray) -> Tensor:
    return torch.from_numpy(clip).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
