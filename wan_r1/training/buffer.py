"""Videos of earlier iterations, to be trained on again: making a video costs as much as several updates on it.

For algorithms without a ratio (nft): they need the finished video and its advantage, not how it was drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from wan_r1.distributed import World
from wan_r1.errors import ConfigError
from wan_r1.flow.sample import Trace
from wan_r1.policies.policy import Condition
from wan_r1.training.algorithms.algorithm import Batch

__all__ = ["BufferSettings", "RolloutBuffer"]

PER_VIDEO = ("latents", "advantages", "task")
PER_TASK = ("text", "first_latents", "image_tokens")


@dataclass(frozen=True, kw_only=True, slots=True)
class BufferSettings:
    """Updates on videos of the last iterations, in place of passes over those of this iteration alone."""

    steps: int = 0
    "optimiser steps for each iteration, each on videos drawn from the buffer; 0: no buffer, `algorithm.updates` passes"
    batch_size: int = 24
    "videos of one such step, over all processes"
    iterations: int = 8
    "last iterations whose videos are kept"

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch_size < 1 or self.iterations < 1:
            raise ConfigError(
                f"rl.buffer: steps = {self.steps} must be at least 0, batch_size = {self.batch_size} and "
                f"iterations = {self.iterations} at least 1"
            )


class RolloutBuffer:
    """The videos with spread of the last iterations, of all processes, on the CPU; the same in every process."""

    def __init__(self, iterations: int) -> None:
        self._iterations = iterations
        self._entries: list[dict[str, Tensor]] = []

    def __len__(self) -> int:
        return sum(len(entry["advantages"]) for entry in self._entries)

    def add(self, batches: Sequence[Batch], group_size: int, world: World) -> None:
        """Take in an iteration: the batches of this process, and what the others bring."""
        entries = world.gather_items([_entry(batches, group_size)] if any(batch.rows for batch in batches) else [])
        if entries:
            self._entries = [*self._entries, _joined(entries)][-self._iterations :]

    def draw(self, size: int, rng: np.random.Generator) -> list[int]:
        """Numbers of `size` different videos, or of all if there are fewer."""
        return [int(number) for number in rng.permutation(len(self))[:size]]

    def batch(self, numbers: Sequence[int], rows: range, like: Trace, device: torch.device) -> Batch:
        """The videos with these numbers as a batch on the device; `rows` number them within the step.

        like: any trace of the run, for its schedule and mask.
        """
        videos = [self._video(number) for number in numbers]
        latents = torch.stack([entry["latents"][place] for entry, place in videos]).to(device)
        tasks = [(entry, int(entry["task"][place])) for entry, place in videos]
        per_task = {name: torch.stack([entry[name][task] for entry, task in tasks]).to(device) for name in PER_TASK}
        nothing = latents.new_zeros(len(latents), 0)
        trace = replace(
            like,
            latents=latents[:, None],
            stored=(len(like.sigmas) - 1,),
            sde_steps=(),
            means=nothing,
            stds=torch.zeros(0),
            log_probs=nothing,
        )
        return Batch(
            trace=trace,
            condition=Condition(negative_text=videos[0][0]["negative_text"].to(device), **per_task),
            advantages=torch.stack([entry["advantages"][place] for entry, place in videos]).to(device),
            rows=tuple(rows),
        )

    def _video(self, number: int) -> tuple[dict[str, Tensor], int]:
        for entry in self._entries:
            if number < len(entry["advantages"]):
                return entry, number
            number -= len(entry["advantages"])
        raise ConfigError(f"buffer: video {number} beyond its end; it holds {len(self)}")

    def tensors(self) -> dict[str, Tensor]:
        """Everything in it, for a checkpoint."""
        return {
            f"{index}.{name}": tensor for index, entry in enumerate(self._entries) for name, tensor in entry.items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        found: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            index, name = key.split(".", 1)
            found.setdefault(int(index), {})[name] = tensor
        self._entries = [found[index] for index in sorted(found)]


def _entry(batches: Sequence[Batch], group_size: int) -> dict[str, Tensor]:
    """Finished latents and advantages of each video, and the condition of each task once."""
    batches = [batch for batch in batches if batch.rows]
    ids = [row // group_size for batch in batches for row in batch.rows]
    tasks = sorted(set(ids))
    firsts = torch.tensor([ids.index(task) for task in tasks])
    conditions = [batch.condition for batch in batches]
    entry = {
        "latents": torch.cat([batch.trace.result for batch in batches]),
        "advantages": torch.cat([batch.advantages for batch in batches]),
        "task": torch.tensor([tasks.index(each) for each in ids]),
        "negative_text": conditions[0].negative_text,
        **{name: torch.cat([getattr(each, name).cpu() for each in conditions])[firsts] for name in PER_TASK},
    }
    return {name: tensor.detach().cpu() for name, tensor in entry.items()}


def _joined(entries: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The entries of all processes as one."""
    counts = [len(entry["text"]) for entry in entries]
    shifted = [{**entry, "task": entry["task"] + sum(counts[:place])} for place, entry in enumerate(entries)]
    joined = {name: torch.cat([entry[name] for entry in shifted]) for name in (*PER_VIDEO, *PER_TASK)}
    return {**joined, "negative_text": entries[0]["negative_text"]}
