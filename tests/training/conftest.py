"""The reinforcement-learning loop on a very small random model whose reward is how bright its videos are."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rl_runs import SAMPLERS, SETTINGS

from wan_r1.distributed import World
from wan_r1.policies.wan import WanPolicy
from wan_r1.rewards import ScorePool
from wan_r1.runs import RunFolder
from wan_r1.training.algorithms import ALGORITHMS
from wan_r1.training.data import TaskSource
from wan_r1.training.optimizer import OptimizerSettings
from wan_r1.training.rl import RLTrainer


@pytest.fixture
def trainer(
    load_tiny: Callable[..., WanPolicy], maze_source: TaskSource, brightness: object, tmp_path: Path
) -> Callable[..., RLTrainer]:
    """(algorithm name, **changes) -> a trainer with its own policy; `run` names its folder."""

    def make(name: str, run: str = "run", **changes: object) -> RLTrainer:
        run_folder = RunFolder(tmp_path / run)
        run_folder.path.mkdir(exist_ok=True)
        fields: dict[str, object] = {
            "policy": load_tiny(),
            "tasks": maze_source,
            "scorer": ScorePool(brightness, 0),
            "algorithm": ALGORITHMS[name](sampler=SAMPLERS[name]),
            "settings": SETTINGS,
            "optimizer": OptimizerSettings(learning_rate=1e-3),
            "run": run_folder,
            "world": World(),
            "evaluate": lambda policy: {},
            "report": lambda step, total, numbers: None,
            **changes,
        }
        return RLTrainer(**fields)

    return make
