"""`wan-r1 demo` writes its run folder anew and removes nothing else; its recipes judge fairly."""

from pathlib import Path

import pytest

from wan_r1.cli.main import main
from wan_r1.config import load
from wan_r1.runs import RunFolder

ASSETS = Path(__file__).parent.parent.parent / "wan_r1" / "assets"


def test_a_folder_with_other_files_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("important")
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 2
    assert "a folder with other files, no earlier demo; choose another one" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "important"


def test_a_run_that_is_no_demo_is_left_alone(tmp_path, capsys):
    RunFolder(tmp_path).start("x = 1\n")
    assert main(["demo", "--quick", "--out", str(tmp_path)]) == 2
    assert "no earlier demo" in capsys.readouterr().err
    assert (tmp_path / "recipe.toml").exists()


@pytest.mark.parametrize("name", ["demo.toml", "demo_quick.toml"])
def test_before_and_after_are_judged_by_the_same_sampler_on_held_out_tasks(name):
    from wan_r1.cli.recipe import RLRecipe

    recipe = load(ASSETS / name, RLRecipe)
    assert recipe.test.source.settings["split"] == "test"
    assert recipe.test.sampler.stochastic_steps == recipe.validation.sampler.stochastic_steps
    assert recipe.policy.path == "wan-tiny"


def test_the_demo_judges_on_at_least_256_mazes():
    from wan_r1.cli.recipe import RLRecipe

    assert load(ASSETS / "demo.toml", RLRecipe).test.num_tasks >= 256


def test_a_machine_with_a_gpu_runs_one_process_on_it(tmp_path, monkeypatch):
    import torch

    ran = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("wan_r1.cli.rl.run_recipe", lambda recipe, as_json: ran.append(recipe) or 0)
    assert main(["demo", "--quick", "--out", str(tmp_path / "run")]) == 0
    assert [recipe.run for recipe in ran] == [str(tmp_path / "run")]
