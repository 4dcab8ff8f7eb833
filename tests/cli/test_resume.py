"""--resume where there is nothing to go on from: refused before anything is written or drawn."""

import shutil

import pytest
from small_runs import RL, SFT, write_recipe

from wan_r1.cli.main import main
from wan_r1.runs import RunFolder


@pytest.mark.parametrize(("command", "text"), [("rl", RL), ("sft", SFT)])
def test_a_folder_without_a_run_is_left_as_it_was(model, tmp_path, capsys, command, text):
    assert main([command, write_recipe(tmp_path, text, model), "--resume"]) == 2
    errors = capsys.readouterr().err
    assert "no checkpoint here, and no run to go on with; leave out --resume" in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("command", "text"), [("rl", RL), ("sft", SFT)])
def test_a_run_whose_checkpoints_are_gone_keeps_its_metrics(model, tmp_path, capsys, command, text):
    run, recipe = RunFolder(tmp_path / "run"), write_recipe(tmp_path, text, model)
    run.start("")
    for step in (1, 2, 3):
        run.append_metrics(step, {"loss": 1.0})
    shutil.rmtree(run.checkpoints)
    assert main([command, recipe, "--resume"]) == 2
    assert "is missing, and the metrics go up to step 3; put it back, or choose" in capsys.readouterr().err
    assert [line["step"] for line in run.read_metrics()] == [1, 2, 3]
    assert not run.checkpoints.exists()
