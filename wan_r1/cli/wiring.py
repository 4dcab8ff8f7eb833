"""Puts a run together from its recipe: policy, scorer, evaluation, progress, a clean end on Ctrl-C."""

import math
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType

import numpy as np
from safetensors import SafetensorError
from torch import Tensor

from wan_r1.cli.comparison import success_interval
from wan_r1.cli.console import progress, say
from wan_r1.cli.recipe import EvaluationSettings
from wan_r1.cli.tracking import Tracking
from wan_r1.distributed import World
from wan_r1.errors import CheckpointError
from wan_r1.evaluation.evaluate import Evaluation, evaluate_policy
from wan_r1.policies.wan import WanConfig, WanPolicy
from wan_r1.rollout import Scorer
from wan_r1.runs import RunFolder, read_json
from wan_r1.training.checkpoint import STATE, has_checkpoint, load_parameters, read_checkpoint, without_prefix

__all__ = [
    "evaluate_with",
    "evaluation_of",
    "load_policy",
    "load_weights",
    "reporter",
    "save_model",
    "say_changes",
    "stop_on_interrupt",
    "stopped",
    "training_seconds",
]

NOTED = ("loss", "reward/mean", "rollout/em", "validation/em")
"""Metrics that the progress line shows."""


def load_policy(config: WanConfig, checkpoint: Path | None, device: str) -> WanPolicy:
    """The policy of a recipe; with a checkpoint, its weights: a diffusers folder, a checkpoint, or a run folder."""
    if checkpoint is not None and not checkpoint.is_dir():
        raise CheckpointError(f"--checkpoint {checkpoint}: no such folder")
    if checkpoint is None or not (checkpoint / "model_index.json").exists():
        policy = config.load(device)
        if checkpoint is not None:
            load_weights(policy, checkpoint)
        return policy
    from dataclasses import replace

    return replace(config, path=str(checkpoint)).load(device)


def load_weights(policy: WanPolicy, checkpoint: Path) -> None:
    """Put the weights of a training checkpoint into the policy: its average if it has one."""
    inside = RunFolder(checkpoint).checkpoints
    folder = next((each for each in (inside / "best", inside / "last") if has_checkpoint(each)), checkpoint)
    if folder == checkpoint and not any(folder.glob("*.safetensors")):
        raise CheckpointError(f"{checkpoint}: is no checkpoint, run folder or model in diffusers format")
    tensors, _ = read_checkpoint(folder)
    weights: Mapping[str, Tensor] = without_prefix("average", tensors) or tensors
    load_parameters(policy.trainable_parameters(), weights, folder)


def save_model(policy: WanPolicy, run: RunFolder, world: World) -> None:
    """Write the policy to RUN/model, an adapter to RUN/lora too; a sharded one is put together by all processes.

    Raises:
        CheckpointError: the disk is full, or the folder cannot be written.
    """
    if not world.is_main and policy.config.sharding == "none":
        return
    # The adapter first: it is small, and holds what was learned should there be no room for the model.
    savers = {**({"lora": policy.save_lora} if policy.config.train == "lora" else {}), "model": policy.save}
    for name, save in savers.items():
        partial = run.path / f".{name}.partial"
        try:
            save(partial)
            if world.is_main:
                shutil.rmtree(run.path / name, ignore_errors=True)
                partial.replace(run.path / name)
        except (OSError, SafetensorError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise CheckpointError(
                f"{run.path / name}: cannot be written ({error}); the checkpoints are intact. "
                "Free some disk space and run again with --resume"
            ) from error


def say_changes(changes: Sequence[str]) -> None:
    """Name the settings that a resumed run goes on with otherwise than it began."""
    for change in changes:
        say(f"--resume: the recipe has changed: {change}")


def evaluate_with(
    policy: WanPolicy,
    scorer: Scorer,
    settings: EvaluationSettings,
    keep: int = 0,
    measure: bool = False,
    world: World | None = None,
) -> Evaluation:
    """Judge the policy on the tasks of these settings; for `keep` and `measure` see `evaluate_policy`."""
    return evaluate_policy(
        policy,
        settings.source.tasks(0, settings.num_tasks),
        scorer,
        settings.sampler,
        num_samples=settings.num_samples,
        seed=settings.seed,
        batch_size=settings.batch_size,
        keep=keep,
        measure=measure,
        world=world,
    )


def evaluation_of(
    scorer: Scorer, settings: EvaluationSettings, world: World, trackers: Tracking
) -> Callable[[WanPolicy], dict[str, float]]:
    """What trainers call: the numbers of an evaluation, with the 95 % interval of em; the trackers show its videos."""

    def evaluate(policy: WanPolicy) -> dict[str, float]:
        result = evaluate_with(policy, scorer, settings, keep=trackers.num_shown, world=world)
        trackers.show(result.rollouts)
        if not result.judged:
            return result.numbers
        interval = success_interval(result.em)
        numbers = {**result.numbers, "em_low": interval.low, "em_high": interval.high}
        turns = np.resize(np.asarray(settings.source.families), len(result.em))
        by_family = {f"em_{name}": float(result.em[turns == name].mean()) for name in dict.fromkeys(turns.tolist())}
        return numbers | (by_family if len(by_family) > 1 else {})

    return evaluate


@contextmanager
def reporter(
    what: str, total: int, run: RunFolder, trackers: Tracking, world: World, max_minutes: float = math.inf
) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
    """What trainers call with (step, total, metrics): moves the progress bar, writes log.txt, tells the trackers."""
    # A resumed run begins in the middle, at or a few steps before the last line of its log.
    done = max((line.get("step", 0) for line in run.read_metrics()), default=0)
    with progress(what, total, 60 * max_minutes, done, shown=world.is_main) as advance:

        def report(step: int, total: int, numbers: dict[str, float]) -> None:
            nonlocal done
            shown = ", ".join(f"{name} {numbers[name]:.3f}" for name in NOTED if name in numbers)
            trackers.log(step, numbers)
            run.write_log(f"{time.strftime('%H:%M:%S')} {what} {step}/{total} {shown}")
            advance(step - done, shown)
            done = step

        yield report


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C came: the first lets the running step end and its checkpoint be written, a second ends at once."""
    asked = Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        say("wan-r1: stopping after this step and its checkpoint; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def stopped(asked: Callable[[], bool], run: RunFolder, world: World) -> bool:
    """Whether Ctrl-C ended the training, in any process; then says how to go on."""
    if not world.any(asked()):
        return False
    if world.is_main:
        say(f"wan-r1: stopped; go on with --resume ({run.path})")
    return True


def training_seconds(run: RunFolder) -> dict[str, float]:
    """`{"training_seconds": ..}` over all sessions of the run, from its last checkpoint; empty if it does not say."""
    # Only the small file is read: the tensors beside it may be many gigabytes.
    state = run.checkpoints / "last" / STATE
    notes = read_json(state) if state.exists() else {}
    return {"training_seconds": float(notes["seconds"])} if "seconds" in notes else {}
