"""Prompts and first frames to what the network is given, for each kind of Wan model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.policies.codec import VideoCodec
from wan_r1.policies.policy import Condition
from wan_r1.policies.text import TextEmbedder

__all__ = ["Conditioner", "ImageEmbedder", "WanKind"]

WanKind = Literal["t2v", "i2v", "ti2v"]
"""How the first frame gets in: not at all, concatenated to the channels, or as the clean latent frame 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageEmbedder:
    """CLIP tokens [B, N, E] of pictures, as Wan2.1-I2V takes them."""

    encoder: Any
    processor: Any

    def __call__(self, frames: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Tokens of B frames [H, W, 3] uint8: the last hidden layer but one."""
        from PIL import Image

        pictures = [Image.fromarray(frame) for frame in frames]
        pixels = self.processor(images=pictures, return_tensors="pt").to(self.encoder.device)
        hidden: Tensor = self.encoder(**pixels, output_hidden_states=True).hidden_states[-2]
        return hidden


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditioner:
    """Encodes prompts and first frames [H, W, 3] uint8; frames of another size than (height, width) are resized."""

    kind: WanKind
    text: TextEmbedder
    codec: VideoCodec
    image: ImageEmbedder | None
    negative_prompt: str
    num_frames: int
    size: tuple[int, int]

    @torch.no_grad()
    def __call__(self, prompts: Sequence[str], frames: Sequence[NDArray[np.uint8]]) -> Condition:
        """Condition of B prompts and B first frames."""
        if not prompts or len(prompts) != len(frames):
            raise ConfigError(
                f"encode: {len(prompts)} prompts and {len(frames)} first frames; give one of each for every video"
            )
        text = self.text(prompts)
        return Condition(
            text=text,
            negative_text=self.text([self.negative_prompt]),
            first_latents=self._first_latents(frames),
            image_tokens=text.new_zeros(len(frames), 0, 1) if self.image is None else self.image(frames),
        )

    def _first_latents(self, frames: Sequence[NDArray[np.uint8]]) -> Tensor:
        """See `Condition.first_latents`."""
        if self.kind == "t2v":
            return torch.zeros(len(frames), 0, 1, 1, 1, device=self.codec.mean.device)
        videos = np.stack([_resize(frame, self.size) for frame in frames])[:, None]
        if self.kind == "ti2v":
            return self.codec.encode(videos)
        latents = self.codec.encode(videos, self.num_frames)
        mask = latents.new_zeros(len(frames), self.codec.temporal_factor, *latents.shape[2:])
        mask[:, :, 0] = 1.0
        return torch.cat([mask, latents], dim=1)


def _resize(frame: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Frame [H, W, 3] at (height, width), by Lanczos as diffusers does it."""
    from PIL import Image

    if frame.shape[:2] == size:
        return frame
    return np.asarray(Image.fromarray(frame).resize((size[1], size[0]), Image.Resampling.LANCZOS))
