"""Small random Wan folders of every kind, built once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.policies.tiny import TinySpec, build_tiny
from wan_r1.policies.wan import WanConfig, WanPolicy

PROMPTS = ["The ball moves along the path to the goal."]

SIZES = {
    "num_heads": 2,
    "head_dim": 16,
    "num_layers": 2,
    "ffn_dim": 64,
    "freq_dim": 32,
    "text_dim": 32,
    "vae_base_dim": 4,
    "vae_decoder_base_dim": 4,
    "z_dim": 8,
    "dim_mult": (1, 2, 2),
    "num_res_blocks": 1,
}

KINDS = {
    "t2v": {"kind": "t2v"},
    "i2v": {"kind": "i2v"},
    "ti2v": {"kind": "ti2v"},
    "two_experts": {"kind": "i2v", "experts": 2},
    "image_tokens": {"kind": "i2v", "image_encoder": True},
}


@pytest.fixture(scope="session")
def wan_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """kind -> a folder of that kind, built at its first use."""
    built: dict[str, Path] = {}

    def build(kind: str) -> Path:
        if kind not in built:
            spec = TinySpec(**SIZES, **KINDS[kind])  # type: ignore[arg-type]
            built[kind] = build_tiny(tmp_path_factory.mktemp(kind), spec, PROMPTS)
        return built[kind]

    return build


@pytest.fixture(scope="session")
def load_policy(wan_folder: Callable[[str], Path]) -> Callable[..., WanPolicy]:
    """(kind, **settings) -> a policy for videos of 5 frames of 32 x 32 pixels."""

    def load(kind: str, **settings: object) -> WanPolicy:
        length = 512 if kind == "image_tokens" else 12
        config = {"num_frames": 5, "height": 32, "width": 32, "max_sequence_length": length, **settings}
        return WanConfig(path=str(wan_folder(kind)), **config).load()  # type: ignore[arg-type]

    return load


@pytest.fixture(scope="session")
def first_frame() -> NDArray[np.uint8]:
    """A picture [32, 32, 3] of noise."""
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
