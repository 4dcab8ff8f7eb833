"""Two processes do what one does with the same global batch, whether each holds all weights or its part of them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from launch import ONE, PROGRAM, TWO, train
from safetensors.torch import load_file

from wan_r1.runs import RunFolder

MODES = ("sft", "grpo", "nft", "shuffled", "dropped", "distance")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def one(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the runs with one process."""
    folder = tmp_path_factory.mktemp("one")
    train(ONE, tiny_folder, folder, *MODES, "--optimizer", "sgd")
    return folder


@pytest.fixture(scope="module", params=["none", "fsdp2"])
def runs(
    one: Path, tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> tuple[Path, Path]:
    """Folders of the runs with one process and with two."""
    two = tmp_path_factory.mktemp("two")
    train(TWO, tiny_folder, two, *MODES, "--optimizer", "sgd", "--sharding", request.param)
    return one, two


def part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name: value for name, value in tensors.items() if name.startswith(prefix)}


@pytest.mark.parametrize("mode", MODES)
def test_the_first_gradients_of_two_processes_equal_those_of_one(runs, mode):
    one, two = (load_file(folder / mode / "rank_0.safetensors") for folder in runs)
    expected, found = part(one, "gradient_0/"), part(two, "gradient_0/")
    size = sum(float(value.square().sum()) for value in expected.values()) ** 0.5
    away = sum(float((value - found[name]).square().sum()) for name, value in expected.items()) ** 0.5
    assert size > 0
    assert away <= 1e-5 * size


@pytest.mark.parametrize("mode", MODES)
def test_the_weights_after_sgd_equal_those_of_one_process_and_each_other(runs, mode):
    one, two = (load_file(folder / mode / "rank_0.safetensors") for folder in runs)
    other = load_file(runs[1] / mode / "rank_1.safetensors")
    for name, value in part(two, "weight/").items():
        assert torch.equal(value, other[name])
        torch.testing.assert_close(value, one[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_two_processes_log_the_numbers_of_one(runs, mode):
    lines = zip(*(RunFolder(folder / mode).read_metrics() for folder in runs), strict=True)
    for one, two in lines:
        assert one.keys() == two.keys()
        for name in one:
            if not name.startswith("seconds"):
                assert two[name] == pytest.approx(one[name], rel=1e-3, abs=1e-5), name


@pytest.mark.parametrize("mode", MODES[1:])
def test_the_advantages_are_not_all_zero(runs, mode):
    kept = [line["rollout/groups_kept"] for line in RunFolder(runs[1] / mode).read_metrics()]
    assert np.mean(kept) > 0.5 or (mode in ("dropped", "distance") and set(kept) == {0.25, 0.5})


def test_one_process_where_two_were_asked_for_is_an_error(tiny_folder, tmp_path):
    alone = {**os.environ, "WORLD_SIZE": "2"}
    found = subprocess.run([sys.executable, PROGRAM, tiny_folder, tmp_path, "sft"], env=alone, capture_output=True)
    assert found.returncode != 0
    assert b"ConfigError: asked for 2 processes, but they cannot meet" in found.stderr


def test_a_process_among_others_leaves_with_its_exit_code_and_after_its_exit_functions(tmp_path):
    program = tmp_path / "leaves.py"
    program.write_text(
        "import atexit\n"
        "from wan_r1.distributed import join_world, leave_world\n"
        "world = join_world('cpu')\n"
        "atexit.register(print, f'exit functions of {world.rank}')\n"
        "leave_world(7 * world.rank)\n"
    )
    result = subprocess.run([*TWO, program], capture_output=True, text=True, check=False)
    assert "exit functions of 1" in result.stdout
    assert "exitcode  : 7" in result.stderr
