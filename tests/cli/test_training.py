"""sft, rl, evaluate and generate on a model of a few thousand weights: files, tables, resuming, errors."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from own_reward import LastDigits
from small_runs import RL, SFT, write_recipe

from wan_r1.cli.main import main
from wan_r1.runs import RunFolder, read_json
from wan_r1.video import read_video


@pytest.fixture(scope="module")
def trained(tmp_path_factory, model):
    """A finished RL run: its recipe and its folder."""
    folder = tmp_path_factory.mktemp("rl")
    recipe = write_recipe(folder, RL, model)
    assert main(["rl", recipe, "--json"]) == 0
    return recipe, RunFolder(folder / "run")


def test_rl_leaves_table_videos_model_and_report(trained):
    _, run = trained
    summary = read_json(run.summary)
    assert {"algorithm", "sampler", "sft", "rl", "difference", "seconds"} <= set(summary)
    assert summary["training_seconds"] == read_json(run.checkpoints / "last" / "state.json")["seconds"]
    assert summary["algorithm"] == "nft"
    assert {"em", "sr", "n", "layouts", "vr_bench_em"} <= set(summary["rl"])
    assert summary["rl"]["n"] == 3
    assert {"em", "em_ci95", "failures_removed"} <= set(summary["difference"])
    assert [entry.group for entry in run.read_videos()] == ["before", "before", "after", "after"]
    assert (run.path / "model" / "model_index.json").exists()
    assert "<h2>Before and after" in run.report.read_text()
    assert [line["step"] for line in run.read_metrics()] == [1, 2]
    assert {"reward/mean", "rollout/em", "validation/em", "validation/em_low"} <= set(run.read_metrics()[0])


def test_the_recipe_in_the_run_folder_is_complete_and_loads(trained):
    from wan_r1.cli.recipe import RLRecipe, load_recipe

    recipe, run = trained
    assert load_recipe(run.recipe, RLRecipe, []) == load_recipe(recipe, RLRecipe, [])
    assert load_recipe(run.recipe, RLRecipe, []).reward == LastDigits(scale=1000.0)
    assert load_recipe(run.recipe, RLRecipe, []).test.source.settings == {"split": "test"}


def test_rl_refuses_to_write_over_a_run(trained, capsys):
    recipe, _ = trained
    assert main(["rl", recipe]) == 2
    assert "already holds a run; pass --resume" in capsys.readouterr().err


def test_a_resumed_run_ends_like_an_uninterrupted_one(trained, model, tmp_path):
    recipe = write_recipe(tmp_path, RL, model)
    assert main(["rl", recipe, "rl.iterations=1"]) == 0
    first = read_json(tmp_path / "run" / "summary.json")["training_seconds"]
    assert main(["rl", recipe, "--resume"]) == 0
    assert read_json(tmp_path / "run" / "summary.json")["training_seconds"] > first
    lines, whole = RunFolder(tmp_path / "run").read_metrics(), trained[1].read_metrics()
    assert [line["step"] for line in lines] == [1, 2]
    for key in ("reward/mean", "validation/value", "update_0/loss"):
        assert lines[1][key] == pytest.approx(whole[1][key], abs=1e-6)


def test_evaluate_takes_a_model_folder_a_run_and_a_checkpoint(trained, capsys):
    recipe, run = trained
    results = []
    for checkpoint in (run.path / "model", run.checkpoints / "last", run.path):
        argv = ["evaluate", "policy", recipe, "--checkpoint", str(checkpoint), "--num-tasks", "2", "--num-samples", "2"]
        assert main([*argv, "--json"]) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[0]["n"] == 2
    assert set(results[0]["pass_at_k"]) == {"1", "2"}
    assert results[0]["value"] == pytest.approx(results[1]["value"], abs=1e-6)


def test_overrides_may_stand_before_and_behind_options(trained, capsys):
    recipe, _ = trained
    assert main(["rl", recipe, "rl.seed=2", "--resume", "rl.iterations=x"]) == 2
    assert 'rl.iterations = "x": expected a whole number' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["rl", recipe, "--resume", "rl.iterations=3", "--unknown"])


def test_evaluate_prints_a_table(trained, capsys):
    assert main(["evaluate", "policy", trained[0], "--num-tasks", "2", "--num-samples", "2"]) == 0
    table = capsys.readouterr().out
    assert table.split()[:4] == ["result", "95", "%", "interval"]
    assert all(label in table for label in ("solved by a shortest way (em)", "pass@2", "VR-Bench EM"))


def test_the_best_weights_are_found_in_a_checkpoint_that_a_kill_left_half_replaced(trained, capsys):
    import torch

    from wan_r1.cli.recipe import RLRecipe, load_recipe
    from wan_r1.cli.rl import _chosen
    from wan_r1.distributed import World
    from wan_r1.training.checkpoint import write_checkpoint

    recipe = load_recipe(trained[0], RLRecipe, ["final=best"])
    average, best = {"x": torch.zeros(1)}, {"x": torch.ones(1)}
    run = RunFolder(Path(recipe.run).with_name("choosing"))
    assert _chosen(recipe, run, World(), average) is average
    assert f"no evaluation has left {run.checkpoints / 'best'}" in capsys.readouterr().err
    write_checkpoint(run.checkpoints / "best", best, {"step": 1})
    (run.checkpoints / "best").rename(run.checkpoints / "best.previous")
    assert _chosen(recipe, run, World(), average) == best
    assert _chosen(load_recipe(trained[0], RLRecipe, []), run, World(), average) is average


def test_sft_trains_on_tasks_and_reports(model, tmp_path, capsys):
    assert main(["sft", write_recipe(tmp_path, SFT, model), "--json"]) == 0
    run = RunFolder(tmp_path / "run")
    summary = json.loads(capsys.readouterr().out)
    assert summary["sft"]["n"] == 3
    assert summary["training_seconds"] == read_json(run.checkpoints / "last" / "state.json")["seconds"]
    assert (run.path / "model" / "model_index.json").exists()
    assert "loss" in run.read_metrics()[0]
    assert "held-out" in run.report.read_text()


def test_sft_trains_on_a_folder_of_videos_and_shows_how_many_there_are(model, tmp_path, capsys):
    videos = tmp_path / "videos"
    assert main(["make", "maze", "--level", "easy", "--num", "3", "--out", str(videos), "--frames", "9"]) == 0
    overrides = ["data.name=videos", f"data.path='{videos}'", "test.num_tasks=0", "sft.evaluate_every=0"]
    capsys.readouterr()
    assert main(["sft", write_recipe(tmp_path, SFT, model), *overrides]) == 0
    assert "encoding videos: 3/3 in " in capsys.readouterr().err
    assert not RunFolder(tmp_path / "run").summary.exists()


def test_generate_makes_the_same_videos_each_time_and_scores_them(model, tmp_path, capsys):
    assert main(["make", "maze", "--level", "easy", "--num", "1", "--out", str(tmp_path / "data")]) == 0
    state = tmp_path / "data" / "states" / "easy_0001.json"
    argv = [
        "generate",
        "--policy",
        str(model),
        "--state",
        str(state),
        "--frames",
        "9",
        "--steps",
        "2",
        "--device",
        "cpu",
    ]
    assert main([*argv, "--num-samples", "2", "--score", "--json", "--out", str(tmp_path / "a")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert main([*argv, "--num-samples", "1", "--out", str(tmp_path / "b")]) == 0
    assert [set(video) for video in result["videos"]] == [{"file", "value", "parts", "verdict"}] * 2
    first, second = (read_video(tmp_path / "a" / f"easy_0001_{index}.mp4") for index in (0, 1))
    assert first.shape == (9, 80, 80, 3)
    assert not np.array_equal(first, second)
    alone = read_video(tmp_path / "b" / "easy_0001_0.mp4").astype(int)
    # A batch of one rounds otherwise than a batch of two, and the encoder passes a grey level on to its neighbours.
    assert np.abs(alone - first).mean() < 0.5
    assert np.abs(alone - second).mean() > 4 * np.abs(alone - first).mean()


@pytest.mark.parametrize(("options", "prompt"), [([], None), (["--prompt", ""], ""), (["--prompt", "Go."], "Go.")])
def test_generate_takes_the_given_prompt_even_if_it_is_empty(model, tmp_path, monkeypatch, options, prompt):
    from wan_r1.policies.wan import WanPolicy
    from wan_r1.tasks.vr_bench import read_state

    seen, encode = [], WanPolicy.encode_inputs
    monkeypatch.setattr(
        WanPolicy, "encode_inputs", lambda self, prompts, frames: seen.extend(prompts) or encode(self, prompts, frames)
    )
    assert main(["make", "maze", "--level", "easy", "--num", "1", "--out", str(tmp_path / "data")]) == 0
    state = tmp_path / "data" / "states" / "easy_0001.json"
    argv = ["--policy", str(model), "--frames", "9", "--steps", "1", "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main(["generate", "--state", str(state), *argv, *options]) == 0
    assert seen == [read_state(state, None).prompt if prompt is None else prompt]


def test_generate_takes_many_states_and_its_files_are_samples_for_evaluate(model, tmp_path, capsys):
    assert main(["make", "maze", "--level", "easy", "--num", "2", "--out", str(tmp_path / "data")]) == 0
    states = [str(file) for file in sorted((tmp_path / "data" / "states").iterdir())]
    out = ["--out", str(tmp_path / "out")]
    options = ["--policy", str(model), "--frames", "9", "--steps", "2", "--device", "cpu", *out]
    capsys.readouterr()
    assert main(["generate", "--state", *states, "--num-samples", "2", "--json", *options]) == 0
    made = json.loads(capsys.readouterr().out)["videos"]
    assert [Path(video["file"]).name for video in made] == [
        f"easy_000{task}_{sample}.mp4" for task in (1, 2) for sample in (0, 1)
    ]
    assert main(["evaluate", "videos", str(tmp_path / "data"), str(tmp_path / "out"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["errors"] == []
    assert found["groups"][-1]["videos"] == 4


def test_generate_refuses_states_whose_videos_would_have_one_name(model, tmp_path, capsys):
    assert main(["generate", "--policy", str(model), "--state", "a/x.json", "b/x.json", "--out", str(tmp_path)]) == 2
    assert "several states need different names" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["rl.itterations=3"], 'rl.itterations: unknown key. Did you mean "iterations"?'),
        (["policy.num_frames=80"], "Wan needs 4n + 1 frames"),
        (["policy.path=nowhere"], "nowhere: no such folder, and no shipped model (wan-tiny, wan-tiny-games,"),
        (["policy.path=no/where"], "no/where: no such model folder"),
        (["test.source.settings.level=tny"], "level 'tny': unknown"),
        (["validation.source.settings.levle=tiny"], "unknown setting 'levle'. Did you mean \"level\"?"),
        (["rl.seed=-1"], "seed = -1 at least 0"),
        (["tasks.seed=-1"], "seed = -1 must be at least 0"),
        (["rl.group_size=1"], "rl: group_size = 1 must be at least 2"),
        (["threads=0"], "threads = 0 must be at least 1"),
        (["final=best", "rl.evaluate_every=0"], 'set rl.evaluate_every to at least 1, or final = "last"'),
        (["device=foo"], "device = 'foo'"),
        (["optimizer.learning_rate=nan"], "learning_rate = nan must be > 0"),
        (["algorithm.name=ppo"], '"ppo": expected one of "grpo", "nft"'),
        (["tasks.family=chess"], "family 'chess': unknown"),
        (["tasks.settings.level=huge"], "level 'huge': unknown"),
        (["rl.noises_per_group=1"], "all videos of a group would be the same; set rl.noises_per_group = 2"),
        (["validation.num_tasks=0"], "validation.num_tasks = 0 must be at least 1 with rl.evaluate_every = 1"),
        (["policy.train=nothing"], "policy.train = 'nothing' must be 'full' or 'lora'"),
        (["algorithm.updates=0"], "updates = 0 must be at least 1"),
        (["--resume"], "no checkpoint here"),
    ],
)
def test_a_wrong_recipe_is_one_clear_line_and_code_2(model, tmp_path, capsys, overrides, message):
    assert main(["rl", write_recipe(tmp_path, RL, model), "test.num_tasks=0", *overrides]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.startswith("wan-r1: error: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["num_examples=0"], "num_examples = 0 must be at least 1"),
        (["validation.num_tasks=0"], "validation.num_tasks = 0 must be at least 1 with sft.evaluate_every = 4"),
        (["policy.train=nothing"], "policy.train = 'nothing' must be 'full' or 'lora'"),
    ],
)
def test_a_recipe_of_sft_that_trains_nothing_is_one_clear_line_and_code_2(model, tmp_path, capsys, overrides, message):
    assert main(["sft", write_recipe(tmp_path, SFT, model), *overrides]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_a_folder_of_videos_needs_no_number_of_examples(model, tmp_path):
    from wan_r1.cli.recipe import SFTRecipe, load_recipe

    overrides = ["num_examples=0", "data.name=videos", "data.path=mine"]
    assert load_recipe(write_recipe(tmp_path, SFT, model), SFTRecipe, overrides).num_examples == 0


def test_sft_learns_from_training_tasks_unless_the_recipe_says_otherwise(model, tmp_path):
    from wan_r1.cli.recipe import SFTRecipe, load_recipe

    recipe = write_recipe(tmp_path, SFT, model)
    assert load_recipe(recipe, SFTRecipe, []).data.settings == {"split": "train"}
    overrides = ["data.name=tasks", "data.settings.level=tiny"]
    assert load_recipe(recipe, SFTRecipe, overrides).data.settings == {"split": "train", "level": "tiny"}


def test_a_policy_that_is_not_trained_can_be_judged_but_not_on_no_tasks(model, tmp_path, capsys):
    argv = ["evaluate", "policy", write_recipe(tmp_path, RL, model), "policy.train=nothing"]
    assert main([*argv, "--num-tasks", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 1
    assert main([*argv, "test.num_tasks=0"]) == 2
    assert "num_tasks = 0 must be at least 1" in capsys.readouterr().err


def test_a_checkpoint_that_is_missing_or_does_not_fit_is_one_clear_line_and_code_2(trained, tmp_path, capsys):
    recipe, run = trained
    assert main(["evaluate", "policy", recipe, "--checkpoint", str(tmp_path / "none")]) == 2
    assert "none: no such folder" in capsys.readouterr().err
    assert main(["evaluate", "policy", recipe, "--checkpoint", str(tmp_path)]) == 2
    assert "is no checkpoint, run folder or model" in capsys.readouterr().err
    swapped = tmp_path / "swapped" / "checkpoints"  # killed while one checkpoint took the place of another
    shutil.copytree(run.checkpoints / "last", swapped / "last.previous")
    assert main(["evaluate", "policy", recipe, "--checkpoint", str(swapped.parent), "--num-tasks", "1"]) == 0
    capsys.readouterr()
    shutil.copytree(run.checkpoints / "last", tmp_path / "cut")
    data = (tmp_path / "cut" / "tensors.safetensors").read_bytes()
    (tmp_path / "cut" / "tensors.safetensors").write_bytes(data[: len(data) // 2])
    assert main(["evaluate", "policy", recipe, "--checkpoint", str(tmp_path / "cut")]) == 2
    assert "damaged checkpoint" in capsys.readouterr().err


FULL_DISK = """
import resource, sys
from wan_r1.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
sys.exit(main(["rl", sys.argv[1], "--resume", "rl.iterations=3"]))
"""


@pytest.mark.slow
def test_a_full_disk_while_saving_is_one_clear_line_and_the_checkpoint_stays(trained, model, tmp_path):
    recipe = write_recipe(tmp_path, RL, model)
    assert main(["rl", recipe, "test.num_tasks=0"]) == 0
    last = tmp_path / "run" / "checkpoints" / "last" / "tensors.safetensors"
    before = last.read_bytes()
    assert len(before) > 4096
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, recipe],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    )
    assert result.returncode == 2
    assert "the previous one is intact" in result.stderr.splitlines()[-1]
    assert last.read_bytes() == before


def test_a_trained_adapter_is_also_a_file_of_its_own(model, tmp_path):
    from safetensors.torch import load_file

    recipe = write_recipe(tmp_path, SFT, model)
    assert main(["sft", recipe, "policy.train=lora", "policy.lora.rank=2"]) == 0
    run = tmp_path / "run"
    tensors = load_file(run / "lora" / "pytorch_lora_weights.safetensors")
    assert any(float(value.abs().max()) > 0 for name, value in tensors.items() if "lora_B" in name)
    assert (run / "model" / "model_index.json").exists()
    assert not list(run.glob(".*.partial"))


def test_only_the_main_process_shows_the_progress_of_encoding(model, tmp_path, capsys):
    from wan_r1.cli.recipe import SFTRecipe, load_recipe
    from wan_r1.cli.sft import _encode
    from wan_r1.cli.wiring import load_policy
    from wan_r1.distributed import World

    class Other(World):
        is_main = False

    recipe = load_recipe(write_recipe(tmp_path, SFT, model), SFTRecipe, [])
    policy = load_policy(recipe.policy, None, "cpu")
    capsys.readouterr()
    _encode(recipe, policy, Other(), lambda: False)
    assert capsys.readouterr().err == ""
    _encode(recipe, policy, World(), lambda: False)
    assert capsys.readouterr().err.startswith("encoding videos: 6/6 in ")
