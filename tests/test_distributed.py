import pytest
import torch

from wan_r1.distributed import World, join_world
from wan_r1.errors import ConfigError


def test_processes_share_items_in_order_and_without_overlap():
    assert [list(World(rank=rank, size=3).share(6)) for rank in range(3)] == [[0, 1], [2, 3], [4, 5]]


def test_items_that_cannot_be_shared_evenly_are_refused():
    with pytest.raises(ConfigError, match="5 items for 2 processes"):
        World(rank=1, size=2).share(5)


def test_a_world_of_one_sums_and_gathers_nothing():
    world = World()
    assert world.is_main
    assert world.sum(0.1, 2.0) == [0.1, 2.0]
    assert torch.equal(world.gather(torch.arange(3)), torch.arange(3))
    assert world.gather_items(["a"]) == ["a"]


def test_a_world_of_one_keeps_its_gradients():
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.tensor([1.0, -2.0])
    World().sum_gradients([weight])
    assert weight.grad.tolist() == [1.0, -2.0]


def test_one_process_joins_a_world_of_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join_world("cpu") == World(rank=0, size=1, device="cpu")
