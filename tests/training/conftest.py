"""A very small random Wan folder, tasks to go with it, and a reward that its videos can earn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.policies.tiny import TinySpec, build_tiny
from wan_r1.policies.wan import WanConfig, WanPolicy
from wan_r1.tasks import make_task
from wan_r1.training.data import TaskSource
from wan_r1.types import Score, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class BrightnessReward:
    """Half plus `gain` times how much brighter the last frames are than a grey level."""

    grey: float = 0.518
    gain: float = 20.0

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        brightness = float(video[1:].mean()) / 255
        return Score(
            value=float(np.clip(0.5 + self.gain * (brightness - self.grey), 0, 1)), parts={"brightness": brightness}
        )


@pytest.fixture(scope="session")
def brightness() -> BrightnessReward:
    """The reward."""
    return BrightnessReward()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ti2v folder with one transformer layer."""
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


@pytest.fixture
def load_tiny(tiny_folder: Path) -> Callable[..., WanPolicy]:
    """(**settings) -> a policy for videos of 5 frames of 32 x 32 pixels, all weights trained."""

    def load(**settings: object) -> WanPolicy:
        config = {"num_frames": 5, "height": 32, "width": 32, "max_sequence_length": 32, **settings}
        return WanConfig(path=str(tiny_folder), **config).load()  # type: ignore[arg-type]

    return load


@pytest.fixture(scope="session")
def maze_source() -> TaskSource:
    """Tiny mazes of 32 px."""
    return TaskSource(family="maze", seed=3, settings={"level": "tiny", "size": 32})
