"""The released Wan models without their weights, and how much GPU memory training one of them takes."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from wan_r1.errors import ConfigError
from wan_r1.policies.lora import LoraConfig

__all__ = ["RELEASED", "MemoryEstimate", "ReleasedModel", "block_bytes", "estimate_memory", "meta_transformer"]

GIB = 1024**3

TEXT_ENCODER_PARAMETERS = 5_680_910_336
"""UMT5-XXL encoder, the same in every released folder."""

VAE_PARAMETERS = {8: 126_892_531, 16: 704_688_668}
"""Wan2.1 and Wan2.2 autoencoder, by pixels per latent cell."""

BLOCK_BYTES_PER_WIDTH = 53
"""Bytes that one block keeps for its backward pass, per token and unit of width, with bfloat16 autocast, frozen weights
and adapters. Counted with saved-tensor hooks; the test counts again."""

BLOCK_BYTES_PER_FFN = 4
"""The same, per token and unit of the feed-forward layer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleasedModel:
    """What a released folder holds: the arguments of its transformer, number of experts, latent grid."""

    transformer: dict[str, Any]
    experts: int = 1
    spatial_factor: int = 8


def _transformer(heads: int, layers: int, ffn_dim: int, channels: int = 16, extra: int = 0) -> dict[str, Any]:
    return {
        "patch_size": (1, 2, 2),
        "num_attention_heads": heads,
        "attention_head_dim": 128,
        "in_channels": channels + extra,
        "out_channels": channels,
        "text_dim": 4096,
        "freq_dim": 256,
        "ffn_dim": ffn_dim,
        "num_layers": layers,
    }


RELEASED: dict[str, ReleasedModel] = {
    "wan2.1-t2v-1.3b": ReleasedModel(transformer=_transformer(12, 30, 8960)),
    "wan2.1-t2v-14b": ReleasedModel(transformer=_transformer(40, 40, 13824)),
    "wan2.1-i2v-14b": ReleasedModel(
        transformer=_transformer(40, 40, 13824, extra=20) | {"image_dim": 1280, "added_kv_proj_dim": 5120}
    ),
    "wan2.2-ti2v-5b": ReleasedModel(transformer=_transformer(24, 30, 14336, channels=48), spatial_factor=16),
    "wan2.2-t2v-a14b": ReleasedModel(transformer=_transformer(40, 40, 13824), experts=2),
    "wan2.2-i2v-a14b": ReleasedModel(transformer=_transformer(40, 40, 13824, extra=20), experts=2),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryEstimate:
    """GPU memory in GiB, by what takes it; `total` is their sum. An estimate: leave a tenth free."""

    transformer: float
    trained: float
    gradients: float
    optimizer: float
    activations: float
    text_encoder: float
    vae: float

    @property
    def total(self) -> float:
        """All of it, GiB."""
        parts = (self.transformer, self.trained, self.gradients, self.optimizer, self.activations)
        return sum(parts) + self.text_encoder + self.vae


def meta_transformer(name: str) -> nn.Module:
    """The transformer of a released model on the meta device: shapes without memory."""
    import diffusers

    with torch.device("meta"):
        module: nn.Module = diffusers.WanTransformer3DModel(**_released(name).transformer)
    return module


def estimate_memory(
    name: str,
    *,
    num_frames: int,
    height: int,
    width: int,
    batch_size: int = 1,
    train: Literal["lora", "full"] = "lora",
    lora: LoraConfig | None = None,
    gradient_checkpointing: bool = True,
    text_on_gpu: bool = False,
) -> MemoryEstimate:
    """Memory of one training step with a bfloat16 network and AdamW in float32.

    Args:
        name: one of RELEASED.
        num_frames, height, width: of a video, in frames and pixels.
        batch_size: videos per backward pass on one GPU.
        train: adapters, or all weights of one expert (kept in float32).
        lora: rank and targets of the adapters.
        gradient_checkpointing: keep one block's activations at a time.
        text_on_gpu: false where prompts are encoded beforehand or on the CPU.
    """
    model = _released(name)
    parameters = sum(p.numel() for p in meta_transformer(name).parameters())
    trained = parameters if train == "full" else _lora_parameters(name, lora or LoraConfig())
    frozen = parameters * (model.experts - 1 if train == "full" else model.experts)
    tokens = ((num_frames - 1) // 4 + 1) * (height // model.spatial_factor // 2) * (width // model.spatial_factor // 2)
    return MemoryEstimate(
        transformer=2 * frozen / GIB,
        trained=4 * trained / GIB,
        gradients=4 * trained / GIB,
        optimizer=8 * trained / GIB,
        activations=_activation_bytes(model, tokens * batch_size, gradient_checkpointing) / GIB,
        text_encoder=2 * TEXT_ENCODER_PARAMETERS / GIB if text_on_gpu else 0.0,
        vae=4 * VAE_PARAMETERS[model.spatial_factor] / GIB,
    )


def block_bytes(width: int, ffn_dim: int) -> int:
    """Bytes per token that one transformer block keeps for its backward pass."""
    return BLOCK_BYTES_PER_WIDTH * width + BLOCK_BYTES_PER_FFN * ffn_dim


def _activation_bytes(model: ReleasedModel, tokens: int, checkpointing: bool) -> int:
    settings = model.transformer
    dim = settings["num_attention_heads"] * settings["attention_head_dim"]
    block = tokens * block_bytes(dim, settings["ffn_dim"])
    layers: int = settings["num_layers"]
    return block + layers * tokens * 2 * dim if checkpointing else layers * block


def _lora_parameters(name: str, lora: LoraConfig) -> int:
    sizes = [
        sum(module.weight.shape) * lora.rank
        for path, module in meta_transformer(name).named_modules()
        if isinstance(module, nn.Linear) and any(path.endswith(f".{target}") for target in lora.targets)
    ]
    return sum(sizes) * _released(name).experts


def _released(name: str) -> ReleasedModel:
    if name not in RELEASED:
        raise ConfigError(f"memory: {name!r} is no released Wan model; choose from {', '.join(sorted(RELEASED))}")
    return RELEASED[name]
