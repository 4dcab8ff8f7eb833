"""The schemas of recipes: which dataclasses a run is made of. Each section's settings are owned by its own class."""

import tomllib
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from wan_r1.cli.tracking import TrackerName
from wan_r1.config import choose, load
from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.evaluation.evaluate import EVALUATION_SAMPLER
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.wan import WanConfig
from wan_r1.rewards import REWARDS, TrajectoryReward
from wan_r1.training.algorithms import ALGORITHMS, NFT
from wan_r1.training.data import Demonstrations, TaskSource, VideoFolder
from wan_r1.training.optimizer import OptimizerSettings
from wan_r1.training.rl import RLSettings
from wan_r1.training.sft import SFTSettings

__all__ = ["SHIPPED", "EvaluationSettings", "RLRecipe", "SFTRecipe", "load_any", "load_recipe", "shipped_folder"]

SHIPPED = ("wan-tiny", "wan-tiny-games", "wan-tiny-rooms")
"""As `policy.path`: the small models that come with the library. The first knows mazes, the second all five games; the
third walks through rooms."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSettings:
    """On which tasks and how a policy is judged: fixed tasks, fixed noise, one sampler."""

    source: TaskSource = field(default_factory=lambda: TaskSource(settings={"split": "validation"}))
    num_tasks: int = 128
    num_samples: int = 1
    "videos for each task; more than one gives pass@k"
    seed: int = 0
    "of the noise"
    sampler: SamplerSettings = EVALUATION_SAMPLER
    batch_size: int = 32

    def __post_init__(self) -> None:
        if min(self.num_samples, self.batch_size) < 1 or min(self.num_tasks, self.seed) < 0:
            raise ConfigError(
                f"num_samples = {self.num_samples} and batch_size = {self.batch_size} must be at least 1, "
                f"num_tasks = {self.num_tasks} and seed = {self.seed} at least 0"
            )


R = TypeVar("R", "SFTRecipe", "RLRecipe")
TEST = TaskSource(seed=1, settings={"split": "test"})


@dataclass(frozen=True, kw_only=True, slots=True)
class SFTRecipe:
    """Supervised fine-tuning on solver videos or on the user's own."""

    run: str
    "run folder"
    policy: WanConfig
    data: Any = field(
        default_factory=lambda: Demonstrations(settings={"split": "train"}),
        metadata=choose({"tasks": Demonstrations, "videos": VideoFolder}),
    )
    "name = tasks (videos of a demonstrator, on training tasks) or videos (a folder with metadata.csv)"
    num_examples: int = 16000
    "tasks to render; a folder of videos is taken whole"
    cache: str | None = None
    "folder for encoded examples; none encodes them in each run"
    fresh: bool = False
    "start from random transformer weights (seed: sft.seed) instead of those in the folder"
    sft: SFTSettings = field(default_factory=SFTSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    reward: Any = field(default_factory=TrajectoryReward, metadata=choose(REWARDS, own_code=True))
    "judges the videos of evaluations"
    validation: EvaluationSettings = field(default_factory=EvaluationSettings)
    test: EvaluationSettings = field(default_factory=lambda: EvaluationSettings(source=TEST, num_tasks=512))
    "the final table; num_tasks = 0 leaves it out"
    max_minutes: float | None = None
    "of training, all sessions of the run together; it ends after the step in which this time is over"
    num_videos: int = 12
    "test tasks whose videos are kept for the report"
    log_with: tuple[TrackerName, ...] = ()
    "trackers that get the metrics and sample videos too: tensorboard, trackio, wandb; pip install 'wan-r1[track]'"
    score_workers: int = 1
    "processes that score videos; 0 scores in the main process"
    device: str | None = None
    "none takes a GPU if there is one"
    threads: int = 1
    "torch threads on the CPU; two threads on a busy machine are slower than one"

    def __post_init__(self) -> None:
        _check_limits(self)
        _check_validation(self.validation, "sft", self.sft.evaluate_every)
        if isinstance(self.data, TaskSource) and self.num_examples < 1:
            raise ConfigError(f"num_examples = {self.num_examples} must be at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class RLRecipe:
    """Reinforcement learning with a reward, and a final table: the policy before and after on the test tasks."""

    run: str
    "run folder"
    policy: WanConfig
    tasks: TaskSource = field(default_factory=lambda: TaskSource(settings={"split": "train"}))
    "what rollouts are made for"
    reward: Any = field(default_factory=TrajectoryReward, metadata=choose(REWARDS, own_code=True))
    algorithm: Any = field(default_factory=NFT, metadata=choose(ALGORITHMS))
    rl: RLSettings = field(default_factory=RLSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    validation: EvaluationSettings = field(default_factory=EvaluationSettings)
    test: EvaluationSettings = field(default_factory=lambda: EvaluationSettings(source=TEST, num_tasks=512))
    "the final table; num_tasks = 0 leaves it out"
    final: Literal["best", "last"] = "last"
    "which weights the table and the saved model take: best by validation, or the last average"
    max_minutes: float | None = None
    "of training, all sessions of the run together; it ends after the iteration in which this time is over"
    num_videos: int = 12
    "test tasks whose videos before and after are kept for the report"
    log_with: tuple[TrackerName, ...] = ()
    "trackers that get the metrics and sample videos too: tensorboard, trackio, wandb; pip install 'wan-r1[track]'"
    score_workers: int = 1
    "processes that score videos; 0 scores in the main process"
    device: str | None = None
    "none takes a GPU if there is one"
    threads: int = 1
    "torch threads on the CPU; two threads on a busy machine are slower than one"

    def __post_init__(self) -> None:
        _check_limits(self)
        _check_validation(self.validation, "rl", self.rl.evaluate_every)
        self.rl.noises(self.algorithm.sampler)
        if self.final == "best" and not self.rl.evaluate_every:
            raise ConfigError(
                f'final = "best" with rl.evaluate_every = {self.rl.evaluate_every}: no evaluation chooses the best '
                'weights; set rl.evaluate_every to at least 1, or final = "last"'
            )


def _check_limits(recipe: "SFTRecipe | RLRecipe") -> None:
    if recipe.max_minutes is not None and not recipe.max_minutes > 0:
        raise ConfigError(f"max_minutes = {recipe.max_minutes}: must be above 0, or left out")
    if recipe.threads < 1 or recipe.score_workers < 0 or recipe.num_videos < 0:
        raise ConfigError(
            f"threads = {recipe.threads} must be at least 1, score_workers = {recipe.score_workers} and "
            f"num_videos = {recipe.num_videos} at least 0"
        )


def _check_validation(validation: EvaluationSettings, section: str, evaluate_every: int) -> None:
    if evaluate_every and not validation.num_tasks:
        raise ConfigError(
            f"validation.num_tasks = 0 must be at least 1 with {section}.evaluate_every = {evaluate_every}; "
            f"or set {section}.evaluate_every to 0"
        )


def load_recipe(path: str | Path, schema: type[R], overrides: list[str]) -> R:
    """A recipe to train by, with a shipped model's name replaced by its folder."""
    recipe = _load(path, schema, overrides)
    if recipe.policy.train == "nothing":
        raise ConfigError(f"{path}: policy.train = 'nothing' must be 'full' or 'lora': else there is nothing to train")
    return recipe


def _load(path: str | Path, schema: type[R], overrides: list[str]) -> R:
    recipe = load(path, schema, overrides)
    return replace(recipe, policy=replace(recipe.policy, path=shipped_folder(recipe.policy.path)))


def load_any(path: Path, overrides: list[str]) -> SFTRecipe | RLRecipe:
    """A recipe of either kind, to judge by; one with a section [sft] is of SFT."""
    try:
        kind = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot read the recipe: {error}") from error
    if "sft" in kind:
        return _load(path, SFTRecipe, overrides)
    return _load(path, RLRecipe, overrides)


def shipped_folder(path: str) -> str:
    """The folder of a shipped model if `path` names one and no such folder is here; else the path as it is."""
    if path not in SHIPPED or Path(path).exists():
        if not Path(path).exists() and len(Path(path).parts) == 1:
            raise CheckpointError(f"{path}: no such folder, and no shipped model ({', '.join(SHIPPED)})")
        return path
    folder = Path(str(files("wan_r1"))) / "assets" / path
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: the shipped model is missing from this installation; build it: make tiny")
    return str(folder)
