"""Optimisers and learning-rate schedules, and the running average of weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.policies.sharding import clip_gradients
from wan_r1.training.muon import Muon

__all__ = ["OptimizerSettings", "update_average"]


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerSettings:
    """Which optimiser, how fast."""

    name: Literal["adamw", "muon", "sgd"] = "adamw"
    "muon orthogonalises matrix updates; sgd is for tests of distributed runs"
    learning_rate: float = 3e-4
    scalar_learning_rate: float = 3e-3
    "muon only: step of what is not a matrix"
    weight_decay: float = 0.0
    "adamw: of all weights; muon: of the matrices only; sgd has none"
    betas: tuple[float, float] = (0.9, 0.99)
    "adamw only; muon has its own (momentum 0.95; 0.9, 0.99 for what is not a matrix), sgd none"
    max_gradient_norm: float = 1.0
    warmup_steps: int = 0
    "the rate rises linearly over these steps of SFT or iterations of RL"
    decay_share: float = 0.0
    "the rate falls linearly to 0 over this last share of the steps or iterations, or of max_minutes if they end first"

    def __post_init__(self) -> None:
        rules = (
            ("learning_rate", 0 < self.learning_rate < math.inf, "> 0"),
            ("scalar_learning_rate", 0 < self.scalar_learning_rate < math.inf, "> 0"),
            ("weight_decay", 0 <= self.weight_decay < math.inf, "at least 0"),
            ("betas", all(0 <= beta < 1 for beta in self.betas), "two numbers in [0, 1)"),
            ("max_gradient_norm", self.max_gradient_norm > 0, "> 0"),
            ("warmup_steps", self.warmup_steps >= 0, "at least 0"),
            ("decay_share", 0 <= self.decay_share <= 1, "in [0, 1]"),
        )
        for name, holds, allowed in rules:
            if not holds:
                raise ConfigError(f"optimizer: {name} = {getattr(self, name)} must be {allowed}")

    def build(self, parameters: Mapping[str, nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser over these parameters. ConfigError if there are none, or it cannot work on them."""
        values = list(parameters.values())
        if not values:
            raise ConfigError("optimizer: no weights to train: policy.train = 'nothing' must be 'full' or 'lora'")
        if self.name == "muon" and any(isinstance(value, DTensor) for value in values):
            raise ConfigError(
                "optimizer: muon needs whole matrices, and policy.sharding cuts them; "
                "take optimizer.name=adamw, or policy.sharding=none"
            )
        if self.name == "muon":
            return Muon(values, self.learning_rate, self.scalar_learning_rate, weight_decay=self.weight_decay)
        if self.name == "sgd":
            return torch.optim.SGD(values, lr=self.learning_rate)
        return torch.optim.AdamW(
            values, lr=self.learning_rate, betas=self.betas, weight_decay=self.weight_decay, eps=1e-8
        )

    def check_same(self, saved: Mapping[str, Any], folder: Path) -> None:
        """CheckpointError if the checkpoint in `folder`, with the state `saved`, is of another optimiser."""
        if saved.get("optimizer", self.name) != self.name:
            raise CheckpointError(
                f"{folder}: was made with optimizer.name = {saved['optimizer']!r}, not {self.name!r}; "
                "take the same one, or start a run of its own"
            )

    def factor(self, step: int, num_steps: int, spent: float = 0.0) -> float:
        """What the rate is multiplied with at `step` of `num_steps`; spent: share of a time limit that is gone."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = max(0.0, 1 - max(step / num_steps, spent))
        return warm * min(1.0, left / self.decay_share if self.decay_share else 1.0)

    def apply(self, optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], factor: float) -> float:
        """Clip the gradients, step with the rate times `factor`, clear the gradients; returns the gradient norm."""
        norm = clip_gradients(parameters.values(), self.max_gradient_norm)
        if not torch.isfinite(norm):
            raise ConfigError(
                f"optimizer: the gradient norm is {float(norm)}, and a step would destroy the weights; "
                f"go on from the last checkpoint with a learning_rate below {self.learning_rate}"
            )
        rates = [group["lr"] for group in optimizer.param_groups]
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        return float(norm)


@torch.no_grad()
def update_average(average: dict[str, Tensor], parameters: Mapping[str, nn.Parameter], decay: float) -> None:
    """average = decay * average + (1 - decay) * parameters, in place; an empty average takes the parameters."""
    for name, parameter in parameters.items():
        if name in average:
            average[name].lerp_(parameter.detach(), 1 - decay)
        else:
            average[name] = parameter.detach().clone()
