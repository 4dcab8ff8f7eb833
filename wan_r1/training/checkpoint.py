"""Checkpoints: safetensors and JSON, written whole or not at all. Nothing is ever pickled.

A checkpoint is a folder with `tensors.safetensors` and `state.json`. It is written under a temporary name, flushed to
disk and renamed, so a killed process or a full disk leaves the previous checkpoint as it was.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wan_r1.errors import CheckpointError
from wan_r1.policies.sharding import part_of

__all__ = [
    "has_checkpoint",
    "load_optimizer",
    "load_parameters",
    "optimizer_state",
    "read_checkpoint",
    "with_prefix",
    "without_prefix",
    "write_checkpoint",
]

TENSORS, STATE = "tensors.safetensors", "state.json"


def write_checkpoint(folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
    """Replace the checkpoint at `folder`. CheckpointError if it cannot be written; then the previous one is intact."""
    from safetensors.torch import save_file

    partial, old = folder.with_name(folder.name + ".partial"), _previous(folder)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file({name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}, partial / TENSORS)
        (partial / STATE).write_text(json.dumps(state, indent=1))
        for name in (TENSORS, STATE):
            _flush(partial / name)
        _flush(partial)
        if folder.exists():  # if not, `old` may be the only whole checkpoint: a kill came between the renames
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        partial.rename(folder)
        _flush(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
    except Exception as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) or "No space" in str(error) or type(error).__name__ == "SafetensorError":
            raise CheckpointError(
                f"{folder}: the checkpoint could not be written ({error}); the previous one is intact. "
                "Free some disk space and run again with --resume"
            ) from error
        raise


def read_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and state of a checkpoint. CheckpointError if it is missing or damaged."""
    from safetensors.torch import load_file

    if not has_checkpoint(folder):
        raise CheckpointError(f"{folder}: no checkpoint here; training writes one, and --resume goes on from it")
    if not folder.is_dir():  # killed between the two renames
        folder = _previous(folder)
    try:
        return load_file(folder / TENSORS), json.loads((folder / STATE).read_text())
    except Exception as error:
        raise CheckpointError(f"{folder}: damaged checkpoint ({type(error).__name__}: {error})") from error


def has_checkpoint(folder: Path) -> bool:
    """Whether `read_checkpoint` finds something here."""
    return folder.is_dir() or _previous(folder).is_dir()


def _previous(folder: Path) -> Path:
    return folder.with_name(folder.name + ".previous")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under `prefix.name`."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix.`, without it."""
    start = prefix + "."
    return {name[len(start) :]: tensor for name, tensor in tensors.items() if name.startswith(start)}


@torch.no_grad()
def load_parameters(parameters: Mapping[str, Tensor], stored: Mapping[str, Tensor], folder: Path) -> None:
    """Put stored weights into parameters of the same names and shapes. CheckpointError, naming `folder`, otherwise."""
    odd = [name for name in parameters.keys() | stored.keys() if _shape(parameters, name) != _shape(stored, name)]
    if odd:
        raise CheckpointError(
            f"{folder}: {len(odd)} weights do not fit this policy, for example {min(odd)}; "
            "take the policy and the adapter settings that the checkpoint was made with"
        )
    for name, parameter in parameters.items():
        parameter.copy_(part_of(stored[name], parameter))


def _shape(tensors: Mapping[str, Tensor], name: str) -> tuple[int, ...] | None:
    return tuple(tensors[name].shape) if name in tensors else None


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state tensors of an optimiser as `index.name` (settings such as the learning rate come from the recipe)."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value) for index, values in state.items() for name, value in values.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_state` gave, whole; sharded parameters take their part."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        parameter = parameters[int(index)]
        fits = tensor.shape == parameter.shape
        state.setdefault(int(index), {})[name] = part_of(tensor, parameter) if fits else tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
