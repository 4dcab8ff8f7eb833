"""Builds a small Wan folder with random weights from the classes that the released Wan folders are made of.

Nothing downstream knows that a folder is small: it loads in diffusers and in `WanConfig` like any other.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any, Literal

import torch

from wan_r1.errors import ConfigError

__all__ = [
    "TinyKind",
    "TinySpec",
    "build_tiny",
    "tiny_text_config",
    "tiny_transformer_config",
    "tiny_vae_config",
    "tiny_vocabulary",
]

TinyKind = Literal["ti2v", "t2v", "i2v"]

CHARACTER_SCORE = -20.0
"""Log-probability of a single character: low, so that a known word is always one token."""

WAN21_TEXT_LENGTH = 512
"""Transformers with image tokens cut the text after exactly this many tokens (fixed in diffusers)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TinySpec:
    """Sizes of a small Wan folder; the defaults are those of the shipped wan-tiny."""

    kind: TinyKind = "ti2v"
    "ti2v: clean first frame, one timestep for each token; t2v: text only; i2v: condition concatenated to the channels"
    experts: int = 1
    "2 adds a low-noise transformer (Wan2.2-A14B)"
    boundary_ratio: float = 0.9
    "sigma below which the second expert works; used with two experts only (Wan2.2-I2V-A14B has 0.9)"
    image_encoder: bool = False
    "i2v only: adds CLIP image tokens as Wan2.1-I2V has them"

    vae_base_dim: int = 8
    vae_decoder_base_dim: int = 8
    z_dim: int = 16
    "latent channels"
    vae_patch_size: int = 2
    "pixels per side that are folded into channels before the first convolution"
    dim_mult: tuple[int, ...] = (1, 4, 4)
    "width of each level as a multiple of the base; each step between levels halves height and width"
    num_res_blocks: int = 2
    temperal_downsample: tuple[bool, ...] = (True, True)
    "which of these steps also halve the time axis; two of them give the 4 in 4n + 1 frames"

    num_heads: int = 4
    head_dim: int = 32
    num_layers: int = 6
    ffn_dim: int = 512
    freq_dim: int = 64
    "size of the sinusoidal embedding of the timestep"

    text_dim: int = 64
    text_layers: int = 1
    text_heads: int = 4
    text_length: int = 32
    "longest prompt in tokens that the tokenizer is made for"

    shift: float = 4.0
    "shift of the sigma schedule"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ("ti2v", "t2v", "i2v"):
            raise ConfigError(f"tiny: kind {self.kind!r} is not known; choose ti2v, t2v or i2v")
        if self.experts not in (1, 2):
            raise ConfigError(f"tiny: experts = {self.experts}; Wan has 1 or 2")
        if self.image_encoder and self.kind != "i2v":
            raise ConfigError(f"tiny: image_encoder is for kind i2v only, not {self.kind}")
        if len(self.temperal_downsample) != len(self.dim_mult) - 1 or sum(self.temperal_downsample) != 2:
            raise ConfigError(
                f"tiny: temperal_downsample {self.temperal_downsample} must have one entry for each step between the "
                f"{len(self.dim_mult)} levels of dim_mult, two of them true"
            )

    @property
    def spatial_factor(self) -> int:
        """Pixels per latent cell along height and width."""
        return int(self.vae_patch_size * 2 ** (len(self.dim_mult) - 1))


def tiny_vae_config(spec: TinySpec) -> dict[str, Any]:
    """Arguments of `AutoencoderKLWan` in the Wan2.2 style; latents start with mean 0 and std 1 per channel."""
    return {
        "base_dim": spec.vae_base_dim,
        "decoder_base_dim": spec.vae_decoder_base_dim,
        "z_dim": spec.z_dim,
        "dim_mult": list(spec.dim_mult),
        "num_res_blocks": spec.num_res_blocks,
        "temperal_downsample": list(spec.temperal_downsample),
        "latents_mean": [0.0] * spec.z_dim,
        "latents_std": [1.0] * spec.z_dim,
        "is_residual": True,
        "in_channels": 3 * spec.vae_patch_size**2,
        "out_channels": 3 * spec.vae_patch_size**2,
        "patch_size": spec.vae_patch_size,
        "scale_factor_temporal": 4,
        "scale_factor_spatial": spec.spatial_factor,
    }


def tiny_transformer_config(spec: TinySpec) -> dict[str, Any]:
    """Arguments of `WanTransformer3DModel`; kind i2v adds 4 mask channels and the latents of the first frame."""
    in_channels = 2 * spec.z_dim + 4 if spec.kind == "i2v" else spec.z_dim
    dim = spec.num_heads * spec.head_dim
    image = {"image_dim": spec.text_dim, "added_kv_proj_dim": dim} if spec.image_encoder else {}
    return {
        "patch_size": (1, 2, 2),
        "num_attention_heads": spec.num_heads,
        "attention_head_dim": spec.head_dim,
        "in_channels": in_channels,
        "out_channels": spec.z_dim,
        "text_dim": spec.text_dim,
        "freq_dim": spec.freq_dim,
        "ffn_dim": spec.ffn_dim,
        "num_layers": spec.num_layers,
        **image,
    }


def tiny_text_config(spec: TinySpec, vocabulary_size: int) -> dict[str, Any]:
    """Arguments of `UMT5Config` for the small frozen text encoder."""
    return {
        "vocab_size": vocabulary_size,
        "d_model": spec.text_dim,
        "d_kv": spec.text_dim // spec.text_heads,
        "d_ff": 2 * spec.text_dim,
        "num_layers": spec.text_layers,
        "num_heads": spec.text_heads,
        "dropout_rate": 0.0,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }


def tiny_vocabulary(prompts: Sequence[str]) -> list[tuple[str, float]]:
    """Unigram pieces with log-probabilities: every word of the prompts is one piece; other words are spelled out."""
    words = Counter(word for prompt in prompts for word in re.findall(r"\w+", prompt))
    total = max(sum(words.values()), 1)
    known = [(f"\u2581{word}", log(count / total)) for word, count in sorted(words.items())]
    printable = [chr(code) for code in range(33, 127)]
    characters = [(piece, CHARACTER_SCORE) for piece in ["\u2581", *printable] if (f"\u2581{piece}") not in words]
    taken = {piece for piece, _ in known}
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return special + known + [pair for pair in characters if pair[0] not in taken]


def build_tiny(
    folder: Path | str, spec: TinySpec | None = None, prompts: Sequence[str] = (), dtype: torch.dtype = torch.float32
) -> Path:
    """Writes a small Wan folder in diffusers format and returns its path; same spec and prompts, same bytes.

    Args:
        folder: where to write; made if missing.
        spec: sizes and kind.
        prompts: texts whose words become single tokens.
        dtype: how the weights are stored.
    """
    import diffusers
    import transformers

    spec = spec or TinySpec()
    vocabulary = tiny_vocabulary(prompts)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        text_encoder = transformers.UMT5EncoderModel(
            transformers.UMT5Config(**tiny_text_config(spec, len(vocabulary)), is_encoder_decoder=False)
        )
        vae = diffusers.AutoencoderKLWan(**tiny_vae_config(spec))
        experts = [diffusers.WanTransformer3DModel(**tiny_transformer_config(spec)) for _ in range(spec.experts)]
        image_parts = _image_parts(spec)
    parts = {
        "tokenizer": transformers.T5Tokenizer(vocab=vocabulary, extra_ids=0, model_max_length=spec.text_length),
        "text_encoder": text_encoder,
        "vae": vae,
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(shift=spec.shift),
        "transformer": experts[0],
        "transformer_2": experts[1] if spec.experts == 2 else None,
        "boundary_ratio": spec.boundary_ratio if spec.experts == 2 else None,
        "expand_timesteps": spec.kind == "ti2v",
    }
    if spec.kind == "t2v":
        pipeline = diffusers.WanPipeline(**parts)
    else:
        pipeline = diffusers.WanImageToVideoPipeline(**parts, **image_parts)
    if dtype != torch.float32:
        pipeline.to(dtype=dtype)
    pipeline.save_pretrained(folder)
    return Path(folder)


def _image_parts(spec: TinySpec) -> dict[str, Any]:
    """The CLIP image encoder and its processor, or nothing."""
    import transformers

    if not spec.image_encoder:
        return {"image_encoder": None, "image_processor": None}
    config = transformers.CLIPVisionConfig(
        hidden_size=spec.text_dim,
        intermediate_size=2 * spec.text_dim,
        num_hidden_layers=2,
        num_attention_heads=spec.text_heads,
        image_size=32,
        patch_size=16,
    )
    size = {"height": 32, "width": 32}
    processor = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    return {"image_encoder": transformers.CLIPVisionModel(config), "image_processor": processor}
