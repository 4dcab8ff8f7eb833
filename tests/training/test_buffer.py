"""Videos of earlier iterations come back as they were, whichever process made them."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from wan_r1.distributed import World
from wan_r1.errors import ConfigError
from wan_r1.flow.sample import Trace, everything_free
from wan_r1.policies.policy import Condition
from wan_r1.training.algorithms.algorithm import Batch
from wan_r1.training.buffer import BufferSettings, RolloutBuffer

CPU = torch.device("cpu")


def _batch(rows: list[int], group_size: int = 2) -> Batch:
    """Video r has latents full of r and advantage r; its task t = r // group_size has text full of t."""
    latents = torch.tensor(rows, dtype=torch.float32).view(-1, 1, 1, 1, 1, 1).expand(-1, 1, 2, 3, 4, 4).clone()
    tasks = torch.tensor([row // group_size for row in rows], dtype=torch.float32)
    nothing = latents.new_zeros(len(rows), 0)
    return Batch(
        trace=Trace(
            latents=latents,
            stored=(1,),
            sigmas=torch.tensor([1.0, 0.0]),
            sde_steps=(),
            means=nothing,
            stds=torch.zeros(0),
            log_probs=nothing,
            free=everything_free(latents[:, 0]) if rows else torch.ones(1, 1, 3, 1, 1, dtype=torch.bool),
            kernel="ode",
            noise_level=0.0,
        ),
        condition=Condition(
            text=tasks.view(-1, 1, 1).expand(-1, 5, 6),
            negative_text=torch.full((1, 5, 6), -1.0),
            first_latents=tasks.view(-1, 1, 1, 1, 1).expand(-1, 2, 1, 4, 4),
            image_tokens=torch.zeros(len(rows), 0, 1),
        ),
        advantages=torch.tensor(rows, dtype=torch.float32),
        rows=tuple(rows),
    )


def _check(buffer: RolloutBuffer, numbers: list[int], rows: list[int]) -> None:
    batch = buffer.batch(numbers, range(len(numbers)), _batch([0]).trace, CPU)
    assert batch.advantages.tolist() == rows
    assert batch.trace.result[:, 0, 0, 0, 0].tolist() == rows
    assert batch.condition.text[:, 0, 0].tolist() == [row // 2 for row in rows]
    assert batch.condition.first_latents[:, 0, 0, 0, 0].tolist() == [row // 2 for row in rows]
    assert batch.rows == tuple(range(len(numbers)))


def test_videos_come_back_with_the_condition_of_their_task() -> None:
    buffer = RolloutBuffer(iterations=2)
    buffer.add([_batch([0, 1, 4]), _batch([]), _batch([5, 8, 9])], 2, World())
    assert len(buffer) == 6
    _check(buffer, [0, 5, 2, 3], [0, 9, 4, 5])


def test_the_oldest_iteration_leaves_first() -> None:
    buffer = RolloutBuffer(iterations=2)
    for rows in ([0, 1], [2, 3, 6], [10]):
        buffer.add([_batch(rows)], 2, World())
    assert len(buffer) == 4
    _check(buffer, [3, 0, 2], [10, 2, 6])


def test_an_iteration_without_spread_adds_nothing_and_an_empty_buffer_draws_nothing() -> None:
    buffer = RolloutBuffer(iterations=2)
    buffer.add([_batch([])], 2, World())
    assert len(buffer) == 0
    assert buffer.draw(3, np.random.default_rng(0)) == []


def test_a_draw_has_no_video_twice_and_depends_on_the_generator_only() -> None:
    buffer = RolloutBuffer(iterations=1)
    buffer.add([_batch(list(range(10)))], 2, World())
    first, again = (buffer.draw(6, np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert len(set(first)) == 6


def test_it_is_the_same_after_a_checkpoint() -> None:
    buffer, restored = RolloutBuffer(iterations=3), RolloutBuffer(iterations=3)
    for rows in ([0, 1, 2], [6, 7]):
        buffer.add([_batch(rows)], 2, World())
    restored.restore({name: tensor.clone() for name, tensor in buffer.tensors().items()})
    assert len(restored) == 5
    _check(restored, [0, 1, 2, 3, 4], [0, 1, 2, 6, 7])


@dataclass(frozen=True)
class _TwoProcesses(World):
    """A world whose other process brings tasks 4 and 5."""

    def gather_items(self, items):  # type: ignore[no-untyped-def]
        alone = RolloutBuffer(iterations=1)
        alone.add([_batch([8, 9, 11])], 2, World())
        other = {name.split(".", 1)[1]: tensor for name, tensor in alone.tensors().items()}
        return [*items, other]


@pytest.mark.parametrize("mine", [[0, 3], []])
def test_the_videos_of_all_processes_stand_in_the_order_of_ranks(mine: list[int]) -> None:
    buffer = RolloutBuffer(iterations=1)
    buffer.add([_batch(mine)], 2, _TwoProcesses())
    _check(buffer, list(range(len(mine) + 3)), [*mine, 8, 9, 11])


@pytest.mark.parametrize("settings", [{"steps": -1}, {"batch_size": 0}, {"iterations": 0}])
def test_impossible_settings_are_refused(settings: dict[str, int]) -> None:
    ((name, value),) = settings.items()
    with pytest.raises(ConfigError, match=rf"rl\.buffer.*{name} = {value}"):
        BufferSettings(**settings)
