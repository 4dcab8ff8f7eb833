"""Experiment trackers get what metrics.jsonl gets, and sample videos."""

from importlib.util import find_spec

import pytest
from small_runs import RL, SFT, write_recipe

from wan_r1.cli.main import main
from wan_r1.runs import RunFolder

ABSENT = [name for name in ("tensorboard", "trackio", "wandb") if find_spec(name) is None]


@pytest.mark.parametrize("name", ABSENT)
@pytest.mark.parametrize(("command", "text"), [("sft", SFT), ("rl", RL)])
def test_a_tracker_that_is_not_installed_is_one_clear_line_before_anything_is_loaded(
    tmp_path, capsys, name, command, text
):
    recipe = write_recipe(tmp_path, text, tmp_path / "no-model-yet")
    assert main([command, recipe, f'log_with=["{name}"]']) == 2
    assert f"{name!r} is not installed; pip install 'wan-r1[track]'" in capsys.readouterr().err


def test_an_unknown_tracker_is_one_clear_line(tmp_path, capsys):
    assert main(["rl", write_recipe(tmp_path, RL, tmp_path), 'log_with=["tensorbord"]']) == 2
    assert 'log_with[0] = "tensorbord": expected' in capsys.readouterr().err


@pytest.mark.parametrize(("command", "text"), [("sft", SFT), ("rl", RL)])
def test_tensorboard_gets_each_number_and_the_videos_of_each_evaluation(model, tmp_path, command, text):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert main([command, write_recipe(tmp_path, text, model), 'log_with=["tensorboard"]', "test.num_tasks=0"]) == 0
    run = RunFolder(tmp_path / "run")
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    evaluated = [line["step"] for line in run.read_metrics() if "validation/em" in line]
    for line in run.read_metrics():
        for name in line.keys() - {"step"}:
            found = {event.step: event.value for event in events.Scalars(name)}
            assert found[line["step"]] == pytest.approx(line[name], rel=1e-6)
    for name in ("validation/video_0", "validation/video_1"):  # two validation tasks
        pictures = events.Images(name)
        assert [picture.step for picture in pictures] == evaluated
        assert pictures[0].width > pictures[0].height
