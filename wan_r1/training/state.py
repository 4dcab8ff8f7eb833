"""What a training run changes, to the disk and back: the same for imitation and for rewards."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from wan_r1.distributed import World
from wan_r1.errors import CheckpointError
from wan_r1.policies.sharding import gather_whole, part_of
from wan_r1.policies.wan import WanPolicy
from wan_r1.runs import RunFolder
from wan_r1.training.checkpoint import (
    has_checkpoint,
    load_optimizer,
    load_parameters,
    optimizer_state,
    read_checkpoint,
    with_prefix,
    without_prefix,
    write_checkpoint,
)
from wan_r1.training.optimizer import OptimizerSettings

__all__ = ["Evaluate", "TrainingState", "can_go_on", "evaluate_average", "load_state", "save_state"]

Evaluate = Callable[[WanPolicy], dict[str, float]]
"""Numbers of a policy on the validation tasks."""


@dataclass(kw_only=True, slots=True, eq=False)
class TrainingState:
    """Weights, optimiser, the average of the weights, and how far the run is."""

    parameters: dict[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor] = field(default_factory=dict)
    done: int = 0
    "steps or iterations"
    seconds: float = 0.0
    "of training, over all sessions, at the last checkpoint"
    best: float = -1.0
    "highest em of an evaluation; of a reward without verdicts, its highest value"


def save_state(
    state: TrainingState,
    run: RunFolder,
    world: World,
    optimizer: OptimizerSettings,
    tensors: Mapping[str, Tensor] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Write checkpoints/last, with more tensors and JSON values of the trainer's own. All processes must call it."""
    whole = gather_whole(
        {
            **with_prefix("weights", state.parameters),
            **with_prefix("optimizer", optimizer_state(state.optimizer)),
            **with_prefix("average", state.average),
            **(tensors or {}),
        }
    )
    if world.is_main:
        numbers = {"step": state.done, "seconds": state.seconds, "best": state.best, "optimizer": optimizer.name}
        write_checkpoint(run.checkpoints / "last", whole, {**numbers, **(notes or {})})
    world.barrier()


def can_go_on(run: RunFolder, checkpoint_every: int) -> bool:
    """Whether there is a checkpoint to go on from; false if the run was killed before its first one. Writes nothing.

    Raises:
        CheckpointError: there is no run here, or its checkpoint is gone.
    """
    last = run.checkpoints / "last"
    if has_checkpoint(last):
        return True
    if not run.metrics.exists():
        raise CheckpointError(
            f"{last}: no checkpoint here, and no run to go on with; leave out --resume to begin one in {run.path}, "
            "or name the folder of the run"
        )
    step = max((line["step"] for line in run.read_metrics()), default=0)
    # The metrics of a step are written before its checkpoint, so a kill may come between them.
    if step > checkpoint_every or run.summary.exists():
        raise CheckpointError(
            f"{last}: is missing, and the metrics go up to step {step}; put it back, or choose another run folder"
        )
    return False


def load_state(
    state: TrainingState, run: RunFolder, world: World, optimizer: OptimizerSettings, checkpoint_every: int
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Go on from checkpoints/last; later lines of metrics are dropped. Returns all that is in it.

    Returns nothing, and the state stays as it is, if the run was killed before its first checkpoint.

    Raises:
        CheckpointError: the checkpoint is of another policy or optimiser, or there is none where one should be.
    """
    last = run.checkpoints / "last"
    tensors: dict[str, Tensor] = {}
    notes: dict[str, Any] = {}
    if can_go_on(run, checkpoint_every):
        tensors, notes = read_checkpoint(last)
        load_parameters(state.parameters, without_prefix("weights", tensors), last)
        optimizer.check_same(notes, last)
        load_optimizer(state.optimizer, without_prefix("optimizer", tensors))
        average = without_prefix("average", tensors)
        state.average.update({name: part_of(average[name], like) for name, like in state.parameters.items()})
        state.done, state.best = int(notes["step"]), float(notes["best"])
        state.seconds = float(notes.get("seconds", 0.0))
    if world.is_main:
        run.drop_metrics_after(state.done)
    return tensors, notes


def evaluate_average(
    state: TrainingState, policy: WanPolicy, evaluate: Evaluate, run: RunFolder, world: World, *, raw: bool
) -> dict[str, float]:
    """Numbers of the average of the weights as validation/*, and of the weights as validation_raw/* if asked.

    The average is written to checkpoints/best if its em is the highest so far, or without verdicts the reward's value.
    All processes must call it.
    """
    of_weights = evaluate(policy) if raw else {}
    with policy.weights(state.average):
        numbers = evaluate(policy)
    name = "em" if "em" in numbers else "value"
    if numbers.get(name, state.best) > state.best:
        state.best, average = numbers[name], gather_whole(state.average)
        if world.is_main:
            write_checkpoint(run.checkpoints / "best", average, {"step": state.done, name: state.best})
    logged = {f"validation/{name}": value for name, value in numbers.items()}
    return logged | {f"validation_raw/{name}": value for name, value in of_weights.items()}
