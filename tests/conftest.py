"""A very small random Wan folder, tasks to go with it, and a reward that its videos can earn.

torch is imported inside the fixtures, so that tests of the world half start without it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.tasks import make_task
from wan_r1.types import Score, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class BrightnessReward:
    """How much brighter than a grey level the frames after the first are; 0.5 at that level."""

    grey: float = 0.518
    gain: float = 20.0

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        brightness = float(video[1:].mean()) / 255
        value = float(np.clip(0.5 + self.gain * (brightness - self.grey), 0, 1))
        return Score(value=value, parts={"brightness": brightness})


@pytest.fixture(scope="session")
def brightness() -> BrightnessReward:
    """The reward."""
    return BrightnessReward()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ti2v folder with one transformer layer."""
    from wan_r1.policies.tiny import TinySpec, build_tiny

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
def load_tiny(tiny_folder: Path) -> Callable[..., Any]:
    """(**settings) -> a policy for videos of 5 frames of 32 x 32 pixels, all weights trained."""
    from wan_r1.policies.wan import WanConfig

    def load(**settings: object) -> Any:
        config = {"num_frames": 5, "height": 32, "width": 32, "max_sequence_length": 32, **settings}
        return WanConfig(path=str(tiny_folder), **config).load()  # type: ignore[arg-type]

    return load


@pytest.fixture(scope="session")
def maze_source() -> Any:
    """Tiny mazes of 32 px."""
    from wan_r1.training.data import TaskSource

    return TaskSource(family="maze", seed=3, settings={"level": "tiny", "size": 32})
