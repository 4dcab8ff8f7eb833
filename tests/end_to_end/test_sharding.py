"""Weights that are spread over processes: adapters, two experts, resuming with and without, the saved model."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from launch import ONE, PROGRAM, TWO, train
from safetensors.torch import load_file
from test_commands import COMMON, RECIPES, REWARDS, SOURCE

from wan_r1.cli.main import main
from wan_r1.runs import RunFolder

SHARDED = ["--sharding", "fsdp2"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def same_in_both(folders, mode):
    """The weights and gradients of a run of one process; those of two are the same."""
    one, two = (load_file(folder / mode / "rank_0.safetensors") for folder in folders)
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-6, msg=name)
    return one


@pytest.fixture(scope="module")
def two_experts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An i2v folder whose first expert is needed by some batches only."""
    from wan_r1.policies.tiny import TinySpec, build_tiny
    from wan_r1.tasks import make_task

    small = {"num_heads": 2, "head_dim": 16, "num_layers": 2, "ffn_dim": 32, "freq_dim": 32, "text_dim": 16}
    vae = {"vae_base_dim": 4, "vae_decoder_base_dim": 4, "z_dim": 4, "dim_mult": (1, 1, 1), "num_res_blocks": 1}
    spec = TinySpec(kind="i2v", experts=2, boundary_ratio=0.97, text_heads=2, **small, **vae)
    return build_tiny(tmp_path_factory.mktemp("experts"), spec, [make_task("maze", seed=0).prompt])


@pytest.fixture(scope="module")
def adapters(two_experts, tmp_path_factory) -> tuple[Path, Path]:
    """Runs that train adapters of two experts: one process, and two with sharded weights."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    arguments = ["sft", "distance", "nft", "--train", "lora", "--optimizer", "sgd"]
    train(ONE, two_experts, one, *arguments)
    train(TWO, two_experts, two, *arguments, *SHARDED)
    return one, two


@pytest.mark.parametrize("mode", ["sft", "distance", "nft"])
def test_sharded_adapters_of_two_experts_learn_what_whole_ones_learn(adapters, mode):
    one = same_in_both(adapters, mode)
    assert any("lora_A" in name for name in one)


def test_the_first_of_two_sharded_experts_learns_alone_what_a_whole_one_learns(two_experts, tmp_path):
    arguments = ["sft", "distance", "nft", "--train", "lora", "--optimizer", "sgd", "--experts", "high_noise"]
    train(ONE, two_experts, tmp_path / "one", *arguments)
    train(TWO, two_experts, tmp_path / "two", *arguments, *SHARDED)
    for mode in ("sft", "distance", "nft"):
        one = same_in_both((tmp_path / "one", tmp_path / "two"), mode)
        updates = {name.split("/")[0] for name in one if name.startswith("gradient")}
        assert updates
        assert all("transformer_2" not in name for name in one)


@pytest.mark.parametrize("expert", ["transformer", "transformer_2"])
@pytest.mark.parametrize("mode", ["sft", "distance", "nft"])
def test_the_saved_model_is_that_of_one_process(adapters, mode, expert):
    file = f"{mode}/model/{expert}/diffusion_pytorch_model.safetensors"
    one, two = (load_file(folder / file) for folder in adapters)
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-6, msg=name)


@pytest.fixture(scope="module")
def whole(tiny_folder, tmp_path_factory) -> Path:
    """Uninterrupted runs of one process."""
    folder = tmp_path_factory.mktemp("whole")
    train(ONE, tiny_folder, folder, "sft", "nft")
    return folder


@pytest.mark.parametrize("sharded_first", [True, False])
def test_a_run_goes_on_with_another_sharding(tiny_folder, whole, tmp_path, sharded_first):
    legs = [(TWO, SHARDED), (ONE, [])] if sharded_first else [(ONE, []), (TWO, SHARDED)]
    for (launch, sharding), more in zip(legs, (["--until", "5"], ["--resume"]), strict=True):
        train(launch, tiny_folder, tmp_path, "sft", "nft", *sharding, *more)
    for mode in ("sft", "nft"):
        expected, found = (RunFolder(folder / mode).read_metrics() for folder in (whole, tmp_path))
        assert [line["step"] for line in found] == [line["step"] for line in expected]
        name = {"sft": "gradient_norm", "nft": "update_1/gradient_norm"}[mode]
        for one, other in zip(expected, found, strict=True):
            if name in one:  # the state of AdamW is there: without it the first steps would be larger
                assert other[name] == pytest.approx(one[name], rel=1e-3)


def test_the_command_trains_judges_and_saves_with_sharded_weights(tiny_folder, tmp_path):
    recipe = tmp_path / "recipe.toml"
    common = COMMON.format(run=tmp_path / "run", model=tiny_folder, source=SOURCE, workers=0)
    recipe.write_text(common + RECIPES["rl"])
    result = subprocess.run(
        [*TWO, "-m", "wan_r1", "rl", recipe, "policy.sharding=fsdp2", "rl.iterations=2", "test.num_tasks=3"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REWARDS), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    run = RunFolder(tmp_path / "run")
    assert [line["step"] for line in run.read_metrics()] == [1, 2]
    assert run.summary.exists()
    best = ["evaluate", "policy", str(recipe), "--checkpoint"]
    for checkpoint in (run.path / "model", run.checkpoints / "last"):
        assert main([*best, str(checkpoint), "--num-tasks", "2", "reward.name=sparse"]) == 0


def test_sharding_with_one_process_and_muon_with_sharding_are_one_clear_line(tiny_folder, tmp_path, capsys):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(COMMON.format(run=tmp_path / "run", model=tiny_folder, source=SOURCE, workers=0) + RECIPES["sft"])
    assert main(["sft", str(recipe), "policy.sharding=fsdp2", "reward.name=sparse"]) == 2
    assert "needs several processes; start with `torchrun" in capsys.readouterr().err
    result = subprocess.run(
        [*TWO, PROGRAM, tiny_folder, tmp_path, "sft", "--optimizer", "muon", *SHARDED],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "muon needs whole matrices, and policy.sharding cuts them" in result.stderr
