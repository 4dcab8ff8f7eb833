"""One file for a small network of ours: weights in half precision, its shape, and facts about it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from wan_r1.errors import CheckpointError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["read_network", "write_network"]

Shape = TypeVar("Shape")


def write_network(path: str | Path, network: "nn.Sequential", kind: str, shape: Any, facts: dict[str, Any]) -> None:
    """Write the file whole or not at all. shape: a dataclass; facts: what it was trained on, how often it is right."""
    from safetensors.torch import save_file

    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + ".partial")
    weights = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, partial, {kind: json.dumps({"shape": asdict(shape), "facts": facts})})
    partial.replace(file)


def read_network(
    path: str | Path, kind: str, shape_type: Callable[..., Shape], build: Callable[[Shape], "nn.Sequential"]
) -> tuple["nn.Sequential", Shape, dict[str, Any]]:
    """Network, shape and facts of a file. CheckpointError if it is none of that kind.

    kind: a name as in `learned_judge`, which benchmarks/KIND.py trains. Lists of a shape become tuples.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            described = json.loads((file.metadata() or {})[kind])
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in described["shape"].items()}
        shape = shape_type(**values)
        network = build(shape)
        network.load_state_dict(weights)
        facts: dict[str, Any] = described["facts"]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        words = kind.replace("_", " ")
        raise CheckpointError(f"{path}: not a {words} ({error}); train one: python benchmarks/{kind}.py") from error
    return network.eval(), shape, facts
