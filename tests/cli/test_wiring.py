"""What puts a run together: progress of several processes, the time of training."""

import pytest
from safetensors import SafetensorError

from wan_r1.cli.tracking import tracking
from wan_r1.cli.wiring import reporter, save_model, training_seconds
from wan_r1.distributed import World
from wan_r1.errors import CheckpointError
from wan_r1.runs import RunFolder
from wan_r1.training.checkpoint import write_checkpoint


@pytest.mark.parametrize(("rank", "shown"), [(0, "training: 1/1 in 0 s\n"), (1, "")])
def test_only_the_main_process_shows_the_progress_of_training(tmp_path, capsys, rank, shown):
    run, world = RunFolder(tmp_path), World(rank=rank, size=2)
    run.start("")
    with tracking((), run, world) as trackers, reporter("training", 1, run, trackers, world) as report:
        report(1, 1, {})
    assert capsys.readouterr().err == shown


def test_the_time_of_training_is_that_of_the_last_checkpoint(tmp_path):
    run = RunFolder(tmp_path)
    assert training_seconds(run) == {}
    write_checkpoint(run.checkpoints / "last", {}, {"seconds": 90.5})
    assert training_seconds(run) == {"training_seconds": 90.5}


@pytest.mark.parametrize("error", [SafetensorError("I/O error: No space left on device"), OSError(28, "No space left")])
def test_a_full_disk_while_the_model_is_saved_names_the_way_out(load_tiny, tmp_path, monkeypatch, error):
    def full(*arguments, **options):
        raise error

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(CheckpointError, match=r"model: cannot be written \(.*No space.*with --resume"):
        save_model(load_tiny(), RunFolder(tmp_path), World())
    assert list(tmp_path.iterdir()) == []
