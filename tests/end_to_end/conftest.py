"""The model that the programs of this folder train."""

from pathlib import Path

import pytest

from wan_r1.policies.tiny import TinySpec, build_tiny
from wan_r1.tasks import make_task


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ti2v folder with one transformer layer and random weights."""
    spec = TinySpec(
        num_heads=2,
        head_dim=16,
        num_layers=1,
        ffn_dim=32,
        freq_dim=32,
        text_dim=16,
        text_heads=2,
        vae_base_dim=4,
        vae_decoder_base_dim=4,
        z_dim=4,
        dim_mult=(1, 1, 1),
        num_res_blocks=1,
    )
    return build_tiny(tmp_path_factory.mktemp("tiny"), spec, [make_task("maze", seed=0).prompt])
