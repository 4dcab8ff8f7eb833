import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from wan_r1.errors import CheckpointError
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

ONES, TWOS = {"w": torch.ones(3)}, {"w": torch.full((3,), 2.0)}


def test_what_is_written_is_read(tmp_path):
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "count": torch.tensor(3), "half": torch.ones(2).half()}
    write_checkpoint(tmp_path / "last", tensors, {"step": 4, "best": 0.1 + 0.2})
    found, state = read_checkpoint(tmp_path / "last")
    assert state == {"step": 4, "best": 0.1 + 0.2}
    assert found.keys() == tensors.keys()
    for name, value in tensors.items():
        assert torch.equal(found[name], value)
        assert found[name].dtype == value.dtype


def test_views_of_one_tensor_can_be_stored(tmp_path):
    whole = torch.arange(8.0).reshape(2, 4)
    write_checkpoint(tmp_path / "last", {"left": whole[:, :2], "whole": whole, "turned": whole.T}, {})
    found, _ = read_checkpoint(tmp_path / "last")
    assert torch.equal(found["left"], whole[:, :2])
    assert torch.equal(found["turned"], whole.T)


def test_the_folder_holds_safetensors_and_json_and_nothing_else(tmp_path):
    write_checkpoint(tmp_path / "last", ONES, {"step": 1})
    write_checkpoint(tmp_path / "last", TWOS, {"step": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["last"]
    assert sorted(path.name for path in (tmp_path / "last").iterdir()) == ["state.json", "tensors.safetensors"]
    assert json.loads((tmp_path / "last" / "state.json").read_text()) == {"step": 2}


def test_a_kill_between_the_renames_leaves_the_previous_one(tmp_path):
    write_checkpoint(tmp_path / "last", ONES, {"step": 1})
    (tmp_path / "last").rename(tmp_path / "last.previous")
    (tmp_path / "last.partial").mkdir()
    assert has_checkpoint(tmp_path / "last")
    assert read_checkpoint(tmp_path / "last")[1] == {"step": 1}
    write_checkpoint(tmp_path / "last", TWOS, {"step": 2})
    assert read_checkpoint(tmp_path / "last")[1] == {"step": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_failed_write_after_a_kill_between_the_renames_keeps_the_previous_one(tmp_path):
    write_checkpoint(tmp_path / "last", ONES, {"step": 1})
    (tmp_path / "last").rename(tmp_path / "last.previous")
    with pytest.raises(TypeError):
        write_checkpoint(tmp_path / "last", TWOS, {"step": object()})
    assert read_checkpoint(tmp_path / "last")[1] == {"step": 1}


FULL_DISK = """
import resource, signal, sys, torch
from pathlib import Path
from wan_r1.training.checkpoint import write_checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, numbers = Path(sys.argv[1]), int(sys.argv[2])
write_checkpoint(folder, {"w": torch.ones(3)}, {"step": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
write_checkpoint(folder, {"w": torch.ones(numbers)}, {"step": 2, "text": "x" * int(sys.argv[3])})
"""


@pytest.mark.parametrize(("numbers", "text"), [(100_000, 0), (3, 100_000)])
def test_a_full_disk_is_a_checkpoint_error_and_leaves_the_previous_one(tmp_path, numbers, text):
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path / "last"), str(numbers), str(text)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 1
    assert "wan_r1.errors.CheckpointError" in found.stderr
    assert "the previous one is intact" in found.stderr
    tensors, state = read_checkpoint(tmp_path / "last")
    assert state == {"step": 1}
    assert torch.equal(tensors["w"], torch.ones(3))
    assert [path.name for path in tmp_path.iterdir()] == ["last"]


def test_a_place_that_cannot_be_written_is_a_checkpoint_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="file"):
        write_checkpoint(tmp_path / "file" / "last", ONES, {})


def test_a_missing_checkpoint_names_the_folder(tmp_path):
    assert not has_checkpoint(tmp_path / "last")
    with pytest.raises(CheckpointError, match="last: no checkpoint here"):
        read_checkpoint(tmp_path / "last")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def overwrite(file: Path) -> None:
    file.write_bytes(b"\x80\x04garbage")


@pytest.mark.parametrize("damage", [cut, overwrite, Path.unlink])
@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json"])
def test_a_damaged_checkpoint_is_an_error(tmp_path, name, damage):
    write_checkpoint(tmp_path / "last", ONES, {"step": 1, "text": "long enough"})
    damage(tmp_path / "last" / name)
    with pytest.raises(CheckpointError, match="damaged checkpoint"):
        read_checkpoint(tmp_path / "last")


def test_parameters_take_stored_values_of_the_same_shape_only(tmp_path):
    weight = torch.nn.Parameter(torch.zeros(3))
    load_parameters({"w": weight}, ONES, tmp_path)
    assert weight.tolist() == [1.0, 1.0, 1.0]
    for stored in ({"w": torch.ones(4)}, {"v": torch.ones(3)}, {**ONES, "v": torch.ones(3)}, {}):
        with pytest.raises(CheckpointError, match="do not fit this policy, for example"):
            load_parameters({"w": weight}, stored, tmp_path)


def test_prefixes_come_off_as_they_went_on():
    both = {**with_prefix("weights", ONES), **with_prefix("average", TWOS)}
    assert sorted(both) == ["average.w", "weights.w"]
    assert without_prefix("average", both) == TWOS


@pytest.mark.parametrize("name", ["adamw", "muon", "sgd"])
def test_an_optimiser_goes_on_from_its_stored_state(tmp_path, name):
    settings = OptimizerSettings(name=name, learning_rate=0.1, weight_decay=0.01)

    def start():
        torch.manual_seed(0)
        parameters = dict(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.LayerNorm(3)).named_parameters())
        return parameters, settings.build(parameters)

    def step(parameters, optimizer, seed):
        generator = torch.Generator().manual_seed(seed)
        for parameter in parameters.values():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        settings.apply(optimizer, parameters, 1.0)

    whole, whole_optimizer = start()
    for seed in range(6):
        step(whole, whole_optimizer, seed)
    half, half_optimizer = start()
    for seed in range(3):
        step(half, half_optimizer, seed)
    tensors = {**with_prefix("weights", half), **with_prefix("optimizer", optimizer_state(half_optimizer))}
    write_checkpoint(tmp_path / "last", tensors, {})
    stored, _ = read_checkpoint(tmp_path / "last")
    rest, rest_optimizer = start()
    with torch.no_grad():
        for key, value in without_prefix("weights", stored).items():
            rest[key].copy_(value)
    load_optimizer(rest_optimizer, without_prefix("optimizer", stored))
    for seed in range(3, 6):
        step(rest, rest_optimizer, seed)
    assert all(torch.equal(whole[key], rest[key]) for key in whole)
