"""Low-rank adapters (https://arxiv.org/abs/2106.09685) on a diffusers transformer: add, switch off, save, merge."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wan_r1.errors import CheckpointError, ConfigError

__all__ = [
    "LORA_FILES",
    "LoraConfig",
    "adapter_off",
    "add_lora",
    "load_lora",
    "merged_state",
    "save_lora",
]

LORA_FILES = {"transformer": "pytorch_lora_weights.safetensors", "transformer_2": "transformer_2_lora.safetensors"}
"""File for each expert; the first is the name that diffusers' `load_lora_weights(folder)` looks for."""

ADAPTER = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraConfig:
    """Size and place of the adapter; the defaults are those of Flow-Factory and UniRL for Wan2.2."""

    rank: int = 64
    "columns of each low-rank pair"
    alpha: float = 128.0
    "the update is multiplied by alpha / rank"
    targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2")
    "ends of the names of the linear layers that get one"
    seed: int = 0
    "of the random half of each pair; the other half starts at 0"

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha <= 0 or not self.targets:
            raise ConfigError(f"lora: rank {self.rank}, alpha {self.alpha}, targets {self.targets}: all must be set")


def add_lora(transformer: nn.Module, config: LoraConfig) -> None:
    """Freezes the transformer and adds a trainable float32 adapter that starts as no change."""
    import peft

    transformer.requires_grad_(False)
    settings = peft.LoraConfig(
        r=config.rank, lora_alpha=config.alpha, target_modules=list(config.targets), lora_dropout=0.0
    )
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            transformer.add_adapter(settings, adapter_name=ADAPTER)  # type: ignore[operator]
    except ValueError as error:
        raise ConfigError(f"lora: targets {config.targets} do not fit this transformer: {error}") from error
    for parameter in transformer.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


@contextmanager
def adapter_off(transformer: nn.Module) -> Iterator[None]:
    """The transformer as it was before the adapter, for the time of the block."""
    transformer.disable_adapters()  # type: ignore[operator]
    try:
        yield
    finally:
        transformer.enable_adapters()  # type: ignore[operator]


def save_lora(transformer: nn.Module, folder: Path, name: str) -> Path:
    """Writes the adapter of expert `name` for diffusers' `load_lora_weights`, its alpha included."""
    from diffusers import WanImageToVideoPipeline
    from peft.utils import get_peft_model_state_dict

    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = transformer.peft_config[ADAPTER].to_dict()  # type: ignore[union-attr, index]
    WanImageToVideoPipeline.save_lora_weights(
        folder,
        transformer_lora_layers=get_peft_model_state_dict(transformer, adapter_name=ADAPTER),
        # Without the metadata diffusers takes alpha = rank and the adapter has the wrong strength.
        transformer_lora_adapter_metadata=_plain(settings),
        weight_name=LORA_FILES[name],
    )
    return folder / LORA_FILES[name]


def load_lora(transformer: nn.Module, folder: Path, name: str) -> None:
    """Reads the adapter of expert `name` from a folder that `save_lora` wrote, into one of the same shape."""
    from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / LORA_FILES[name]
    if not path.is_file():
        raise CheckpointError(f"{path}: no such adapter; `save_lora` writes it")
    try:
        stored = {key.removeprefix("transformer."): value for key, value in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
    present = get_peft_model_state_dict(transformer, adapter_name=ADAPTER)
    differ = [key for key in stored.keys() | present.keys() if _shape(stored, key) != _shape(present, key)]
    if differ:
        raise CheckpointError(
            f"{path}: {len(differ)} tensors differ in name or shape, for example {min(differ)}: "
            "load the policy with the rank and the targets that the adapter was trained with"
        )
    set_peft_model_state_dict(transformer, stored, adapter_name=ADAPTER)


@torch.no_grad()
def merged_state(transformer: nn.Module) -> dict[str, Tensor]:
    """Weights with the adapter added in, under the names of the plain model; the transformer is left as it is.

    Merged weights are on the CPU and made one after another, so that the device needs room for one; the others stay.
    """
    from peft.tuners.lora import LoraLayer

    adapted = {
        f"{name}.weight": module for name, module in transformer.named_modules() if isinstance(module, LoraLayer)
    }
    state = {}
    for name, tensor in transformer.state_dict().items():
        if ".lora_" in name:
            continue
        plain = name.replace(".base_layer.", ".")
        if plain in adapted:
            update = adapted[plain].get_delta_weight(ADAPTER)
            state[plain] = (tensor.float() + update.float()).to(tensor.dtype).cpu()
        else:
            state[plain] = tensor
    return state


def _shape(state: dict[str, Tensor], key: str) -> tuple[int, ...] | None:
    return tuple(state[key].shape) if key in state else None


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Sets to sorted lists and enumerations to their values, so that the settings can be written as JSON."""
    values = {key: sorted(value) if isinstance(value, set) else value for key, value in settings.items()}
    plain: dict[str, Any] = json.loads(json.dumps(values, default=lambda value: getattr(value, "value", str(value))))
    return plain
