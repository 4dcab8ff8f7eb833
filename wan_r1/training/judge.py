"""Training of the learned judge (rewards/learned.py): a classifier of solved and unsolved videos.

Left out: pretraining, ensembles, hard negatives. It is to be as good as such a judge easily gets, not sound.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wan_r1.errors import ConfigError
from wan_r1.metrics.statistics import proportion
from wan_r1.rewards.learned import JudgeShape, build_network

__all__ = ["Examples", "JudgeSettings", "Report", "judge_numbers", "train_judge"]

Report = Callable[[int, str], None]
"""Called after each epoch with (1, what was measured)."""

NUM_SYMMETRIES = 8
EVALUATION_BATCH = 64


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Examples:
    """Videos as the network sees them: inputs [N, 3 + 3 F, size, size] float32, solved [N] float32, 0 or 1."""

    inputs: Tensor
    solved: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.solved) or not len(self.solved):
            raise ConfigError(f"judge: {len(self.inputs)} videos, {len(self.solved)} labels; at least one of each")

    def __len__(self) -> int:
        return len(self.solved)


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeSettings:
    """Settings of the judge's training."""

    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 1e-3
    "of AdamW, at its highest; it rises and falls once (one cycle)"
    weight_decay: float = 0.05
    symmetries: bool = True
    "show each video turned and mirrored at random: right for boards seen from above"
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size) < 1 or self.learning_rate <= 0:
            raise ConfigError(f"judge: {self}; epochs and batch_size must be at least 1, learning_rate above 0")


def train_judge(
    train: Examples, validation: Examples, shape: JudgeShape, settings: JudgeSettings, report: Report
) -> nn.Sequential:
    """The network after the epoch with the lowest loss on the validation videos."""
    if train.solved.min() == train.solved.max():
        raise ConfigError("judge: all training videos are solved, or none is; nothing can be learned from them")
    generator = torch.Generator().manual_seed(settings.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)  # weights and dropout draw from the global generator
        network = build_network(shape)
        steps = -(-len(train) // settings.batch_size) * settings.epochs
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
        best, lowest = network.state_dict(), float("inf")
        for _ in range(settings.epochs):
            network.train()
            for rows in torch.split(torch.randperm(len(train), generator=generator), settings.batch_size):
                inputs = train.inputs[rows]
                loss = _loss(network(_turned(inputs, generator) if settings.symmetries else inputs), train.solved[rows])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
            logits = _logits(network, validation)
            held_out, right = float(_loss(logits, validation.solved)), _accuracy(logits, validation)
            if held_out < lowest:
                best, lowest = copy.deepcopy(network.state_dict()), held_out
            report(1, f"validation: loss {held_out:.3f}, accuracy {right:.3f}")
    network.load_state_dict(best)
    return network.eval()


def judge_numbers(network: nn.Sequential, examples: Examples) -> dict[str, float | list[float]]:
    """How often the judge is right: accuracy with its 95 % interval, that of always giving the more frequent answer,
    and the area under the ROC curve."""
    logits = _logits(network, examples)
    accuracy, count = _accuracy(logits, examples), len(examples)
    interval = proportion(round(accuracy * count), count)
    solved = examples.solved > 0.5
    good, bad = logits[solved], logits[~solved]
    above = (good[:, None] > bad).float().mean() + 0.5 * (good[:, None] == bad).float().mean()
    share = float(solved.float().mean())
    return {
        "num": count,
        "accuracy": accuracy,
        "accuracy_ci95": [interval.low, interval.high],
        "majority": max(share, 1 - share),
        "roc_area": float(above) if 0 < share < 1 else 0.5,
    }


def _loss(logits: Tensor, solved: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits.reshape(-1), solved)


def _accuracy(logits: Tensor, examples: Examples) -> float:
    return float(((logits > 0) == (examples.solved > 0.5)).float().mean())


def _logits(network: nn.Sequential, examples: Examples) -> Tensor:
    network.eval()
    with torch.inference_mode():
        return torch.cat([network(part)[:, 0] for part in torch.split(examples.inputs, EVALUATION_BATCH)])


def _turned(inputs: Tensor, generator: torch.Generator) -> Tensor:
    """Every input turned and mirrored by one of the eight symmetries of the square, drawn for each."""
    drawn = torch.randint(NUM_SYMMETRIES, (len(inputs),), generator=generator).tolist()
    turned = [torch.rot90(each, number % 4, (1, 2)) for each, number in zip(inputs, drawn, strict=True)]
    return torch.stack([each.flip(2) if number >= 4 else each for each, number in zip(turned, drawn, strict=True)])
