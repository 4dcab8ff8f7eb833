"""Puts a run together from its recipe: policy, scorer, evaluation, progress, a clean end on Ctrl-C."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from torch import Tensor

from wan_r1.cli.console import progress, say
from wan_r1.cli.recipe import EvaluationSettings
from wan_r1.distributed import World
from wan_r1.errors import ConfigError
from wan_r1.evaluation.evaluate import Evaluation, evaluate_policy
from wan_r1.metrics.statistics import proportion
from wan_r1.policies.wan import WanConfig, WanPolicy
from wan_r1.rollout import Scorer
from wan_r1.runs import RunFolder
from wan_r1.training.checkpoint import has_checkpoint, load_parameters, read_checkpoint, without_prefix

__all__ = ["Stop", "evaluate_with", "evaluation_of", "load_policy", "load_weights", "reporter", "stop_on_interrupt"]

NOTED = ("loss", "reward/mean", "rollout/em", "validation/em")
"""Metrics that the progress line shows."""


def load_policy(config: WanConfig, checkpoint: Path | None, device: str) -> WanPolicy:
    """The policy of a recipe; with a checkpoint, its weights: a diffusers folder, a checkpoint, or a run folder."""
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
    tensors, _ = read_checkpoint(folder)
    weights: Mapping[str, Tensor] = without_prefix("average", tensors) or tensors
    load_parameters(policy.trainable_parameters(), weights, folder)


def evaluate_with(
    policy: WanPolicy, scorer: Scorer, settings: EvaluationSettings, keep: int = 0, world: World | None = None
) -> Evaluation:
    """Judge the policy on the tasks of these settings; `keep` first tasks keep their videos."""
    return evaluate_policy(
        policy,
        settings.source.tasks(0, settings.num_tasks),
        scorer,
        settings.sampler,
        num_samples=settings.num_samples,
        seed=settings.seed,
        batch_size=settings.batch_size,
        keep=keep,
        world=world,
    )


def evaluation_of(
    scorer: Scorer, settings: EvaluationSettings, world: World
) -> Callable[[WanPolicy], dict[str, float]]:
    """What trainers call: the numbers of an evaluation, with the 95 % interval of em."""

    def evaluate(policy: WanPolicy) -> dict[str, float]:
        result = evaluate_with(policy, scorer, settings, world=world)
        interval = proportion(int(result.em[:, 0].sum()), len(result.em))
        return {**result.numbers, "em_low": interval.low, "em_high": interval.high}

    return evaluate


@contextmanager
def reporter(what: str, total: int, run: RunFolder) -> Iterator[Callable[[int, int, dict[str, float]], None]]:
    """What trainers call with (step, total, metrics): moves the progress bar and writes log.txt."""
    done = 0
    with progress(what, total) as advance:

        def report(step: int, total: int, numbers: dict[str, float]) -> None:
            nonlocal done
            shown = ", ".join(f"{name} {numbers[name]:.3f}" for name in NOTED if name in numbers)
            run.write_log(f"{time.strftime('%H:%M:%S')} {what} {step}/{total} {shown}")
            # A resumed run begins in the middle; the bar takes that as done.
            advance(step - done, shown)
            done = step

        yield report


class Stop:
    """Whether to stop: asked by Ctrl-C or by the time limit."""

    def __init__(self, max_minutes: float | None = None) -> None:
        if max_minutes is not None and max_minutes <= 0:
            raise ConfigError(f"max_minutes = {max_minutes}: must be above 0")
        self.interrupted = False
        self._deadline = None if max_minutes is None else time.monotonic() + 60 * max_minutes

    def __call__(self) -> bool:
        """True once it is time to end."""
        return self.interrupted or (self._deadline is not None and time.monotonic() >= self._deadline)


@contextmanager
def stop_on_interrupt(stop: Stop) -> Iterator[None]:
    """The first Ctrl-C lets the running step end and its checkpoint be written; the second ends at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.interrupted:
            raise KeyboardInterrupt
        stop.interrupted = True
        say("wan-r1: stopping after this step and its checkpoint; Ctrl-C again stops at once")

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
