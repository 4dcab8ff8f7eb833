"""What training, evaluation and scaling ask of a video model."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wan_r1.errors import ConfigError
from wan_r1.flow.sample import Pin, Trace, VelocityFn, sample
from wan_r1.flow.schedule import SamplerSettings, Schedule, make_schedule
from wan_r1.types import Task

__all__ = ["Condition", "Policy", "draw_latents", "pin_to", "schedule_for", "shift_for", "velocity_given"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Condition:
    """What B videos are asked to show, encoded once per task.

    text [B, L, D] and negative_text [1, L, D] are text embeddings, zero after the last token. first_latents holds the
    first frame: [B, C, 1, h, w] where it is put into the latents, [B, 4 + C, F, h, w] (mask and latents) where it is
    concatenated, [B, 0, 1, h, w] where there is none. image_tokens [B, N, E] are CLIP tokens; N = 0 means none.
    """

    text: Tensor
    negative_text: Tensor
    first_latents: Tensor
    image_tokens: Tensor

    @property
    def batch_size(self) -> int:
        """Number of videos B."""
        return self.text.shape[0]

    def select(self, indices: Sequence[int]) -> "Condition":
        """The conditions of some of the videos, in the given order; an index may come several times."""
        rows = torch.as_tensor(list(indices), dtype=torch.long, device=self.text.device)
        return self._take(rows)

    def repeat(self, count: int) -> "Condition":
        """Each condition `count` times in a row: B becomes B * count, videos of one task side by side."""
        if count < 1:
            raise ConfigError(f"condition: repeat({count}); at least 1 is needed")
        return self._take(torch.arange(self.batch_size, device=self.text.device).repeat_interleave(count))

    def _take(self, rows: Tensor) -> "Condition":
        return Condition(
            text=self.text[rows],
            negative_text=self.negative_text,
            first_latents=self.first_latents[rows],
            image_tokens=self.image_tokens[rows],
        )


class Policy(Protocol):
    """A video model that can be sampled from and trained. Latents are float32, normalised to unit variance."""

    @property
    def latent_shape(self) -> tuple[int, int, int, int]:
        """(C, F, h, w) of one video."""

    @property
    def shift(self) -> float:
        """Shift of the sigma schedule that the model was made for."""

    @property
    def device(self) -> torch.device:
        """Where latents are and the network runs."""

    @property
    def free_mask(self) -> Tensor:
        """[1, 1, F, 1, 1] bool: true where latent frames are sampled, false where they are given."""

    def encode(self, tasks: Sequence[Task]) -> Condition:
        """Prompts and first frames of the tasks."""

    def encode_inputs(self, prompts: Sequence[str], frames: Sequence[NDArray[np.uint8]]) -> Condition:
        """B prompts and B first frames [H, W, 3] uint8, for videos that belong to no task."""

    def velocity(self, latents: Tensor, sigmas: Tensor, condition: Condition, *, guidance_scale: float = 1.0) -> Tensor:
        """Predicted noise - video for latents [B, C, F, h, w] at sigmas [B]; float32, same shape."""

    def noise(self, generators: Sequence[torch.Generator]) -> Tensor:
        """Start noise [B, C, F, h, w], one CPU generator for each video."""

    def pin(self, latents: Tensor, condition: Condition) -> Tensor:
        """Latents [B, C, F, h, w] with the given latents (a clean first frame) in place."""

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Videos [B, T, H, W, 3] uint8."""

    def encode_video(self, videos: NDArray[np.uint8]) -> Tensor:
        """Latents [B, C, F, h, w] of videos [B, T, H, W, 3] uint8."""

    def trainable_parameters(self) -> dict[str, nn.Parameter]:
        """Parameters that training changes, by name."""

    def trained_at(self, sigmas: Tensor) -> Tensor:
        """[B] bool: whether weights that training changes predict the velocity at sigmas [B]."""

    def weights(self, values: Mapping[str, Tensor]) -> AbstractContextManager[None]:
        """Trainable parameters replaced by others of the same names (an average, an earlier model) within a block."""

    def reference(self) -> AbstractContextManager[None]:
        """The model as it was before training, within a block."""


def schedule_for(policy: Policy, settings: SamplerSettings) -> Schedule:
    """The sigmas of the sampler."""
    return make_schedule(settings.num_steps, shift_for(policy, settings), settings.spacing)


def shift_for(policy: Policy, settings: SamplerSettings) -> float:
    """Shift of the sigmas; the policy's where the settings name none."""
    return policy.shift if settings.shift is None else settings.shift


def velocity_given(policy: Policy, condition: Condition, settings: SamplerSettings) -> VelocityFn:
    """The policy's velocity with condition and guidance filled in: the one function for sampling and for replay."""
    return partial(policy.velocity, condition=condition, guidance_scale=settings.guidance_scale)


def pin_to(policy: Policy, condition: Condition) -> Pin:
    """The policy's pin with the condition filled in."""
    return partial(policy.pin, condition=condition)


def draw_latents(
    policy: Policy,
    condition: Condition,
    noise: Tensor,
    settings: SamplerSettings,
    generators: Sequence[torch.Generator] = (),
) -> Trace:
    """Samples latents of B videos from start noise [B, C, F, h, w]; generators drive the stochastic steps."""
    return sample(
        velocity_given(policy, condition, settings),
        noise,
        schedule_for(policy, settings),
        settings,
        generators=generators,
        pin=pin_to(policy, condition),
        free=policy.free_mask,
    )
