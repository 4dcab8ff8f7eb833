"""Muon: momentum whose matrix updates are orthogonalised (https://kellerjordan.github.io/posts/muon).

`torch.optim.Muon` takes matrices only; this one flattens convolution kernels to [out, in * kernel] too, and gives what
is not a matrix (norms, biases, embeddings of size 1) to the AdamW rule. On the small models here it learned somewhat
faster than AdamW per step, in one short comparison (docs/log.md).
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Muon", "orthogonalise"]

QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the Newton-Schulz iteration in the reference."""

NEWTON_SCHULZ_STEPS = 5
ADAM_BETAS = (0.9, 0.99)
ADAM_EPS = 1e-8


def orthogonalise(matrix: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrix [m, n], roughly: singular values come out between about 0.7 and 1.2."""
    a, b, c = QUINTIC
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x if wide else x.T
    return result


class Muon(torch.optim.Optimizer):
    """Muon for matrices and convolution kernels, AdamW for the rest.

    Args:
        parameters: all parameters of a model.
        lr: step of the matrices, in units of their spectral norm.
        scalar_lr: step of the AdamW rule.
        momentum: of the matrices (Nesterov).
        weight_decay: decoupled, on the matrices.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.02,
        scalar_lr: float = 3e-3,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        parameters = list(parameters)
        matrices = [p for p in parameters if p.ndim >= 2 and min(p.shape[0], p[0].numel()) > 1]
        chosen = {id(p) for p in matrices}
        rest = [p for p in parameters if id(p) not in chosen]
        groups: list[dict[str, Any]] = [
            {"params": matrices, "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "matrices": True},
            {"params": rest, "lr": scalar_lr, "momentum": momentum, "weight_decay": 0.0, "matrices": False},
        ]
        super().__init__([group for group in groups if group["params"]], {})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update from the gradients that the parameters hold."""
        for group in self.param_groups:
            rule = self._step_matrix if group["matrices"] else self._step_adam
            for parameter in group["params"]:
                if parameter.grad is not None:
                    rule(parameter, group)

    def _step_matrix(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter, memory_format=torch.contiguous_format)
        state["momentum"].mul_(group["momentum"]).add_(parameter.grad)
        look_ahead = parameter.grad + group["momentum"] * state["momentum"]
        update = orthogonalise(look_ahead.reshape(len(parameter), -1))
        scale = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update.reshape(parameter.shape), alpha=-group["lr"] * scale)

    def _step_adam(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        gradient = parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)
        state["mean"].lerp_(gradient, 1 - ADAM_BETAS[0])
        state["square"].lerp_(gradient.square(), 1 - ADAM_BETAS[1])
        mean = state["mean"] / (1 - ADAM_BETAS[0] ** float(state["step"]))
        square = state["square"] / (1 - ADAM_BETAS[1] ** float(state["step"]))
        parameter.addcdiv_(mean, square.sqrt() + ADAM_EPS, value=-group["lr"])
