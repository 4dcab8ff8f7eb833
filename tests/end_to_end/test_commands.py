"""`wan-r1 sft` and `wan-r1 rl` as a user starts them: killed, interrupted, resumed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wan_r1.cli.command import INTERRUPTED
from wan_r1.runs import RunFolder
from wan_r1.training.checkpoint import has_checkpoint

REWARDS = Path(__file__).parents[1] / "cli"
NUM_STEPS = 14
COMMON = """
run = "{run}"
score_workers = {workers}
num_videos = 0
reward = {{ name = "own_reward:LastDigits", scale = 1000 }}
policy = {{ path = "{model}", num_frames = 5, height = 80, width = 80 }}
validation = {{ num_tasks = 2, source = {source}, sampler = {{ num_steps = 2 }} }}
test = {{ num_tasks = 2, source = {source}, sampler = {{ num_steps = 2 }} }}
"""
SOURCE = '{ family = "maze", settings = { level = "tiny", size = 80 } }'
RECIPES = {
    "sft": "num_examples = 8\n"
    f"data = {{ name = 'tasks', family = 'maze', settings = {{ level = 'tiny', size = 80 }} }}\n"
    f"sft = {{ steps = {NUM_STEPS}, batch_size = 4, log_every = 1, evaluate_every = 6, checkpoint_every = 4 }}\n",
    "rl": f"tasks = {SOURCE}\n"
    f"rl = {{ iterations = {NUM_STEPS}, tasks_per_iteration = 2, group_size = 3, batch_size = 6, evaluate_every = 6, "
    "checkpoint_every = 4 }\n"
    "algorithm = { name = 'nft', updates = 2, sampler = { num_steps = 3 } }\n",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tiny_folder: Path, tmp_path: Path):
    """(command, run folder, *arguments, workers) -> the running command, in a group of processes of its own."""

    def make(command: str, run: RunFolder, *arguments: str, workers: int = 0) -> subprocess.Popen[str]:
        recipe = tmp_path / f"{run.path.name}.toml"
        common = COMMON.format(run=run.path, model=tiny_folder, source=SOURCE, workers=workers)
        recipe.write_text(common + RECIPES[command])
        return subprocess.Popen(
            [sys.executable, "-m", "wan_r1", command, str(recipe), *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REWARDS), *sys.path])},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return make


def finish(process: "subprocess.Popen[str]") -> str:
    """What the command said on stderr; it must end well."""
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return errors


def wait_for(run: RunFolder, num_lines: int, process: "subprocess.Popen[str]") -> None:
    while len(run.read_metrics()) < num_lines and process.poll() is None:
        time.sleep(0.002)


def numbers_of(run: RunFolder) -> list[dict[str, float]]:
    lines = run.read_metrics()
    return [{name: value for name, value in line.items() if not name.startswith("seconds")} for line in lines]


@pytest.mark.parametrize("command", list(RECIPES))
def test_a_command_that_was_killed_or_stopped_by_ctrl_c_goes_on_as_if_nothing_had_happened(start, tmp_path, command):
    whole, killed, stopped = (RunFolder(tmp_path / name) for name in ("whole", "killed", "stopped"))
    finish(start(command, whole))
    expected = numbers_of(whole)
    assert [line["step"] for line in expected if "validation/em" not in line or command == "rl"] == [*range(1, 15)]

    with start(command, killed) as process:
        wait_for(killed, 6, process)
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert 6 <= killed.read_metrics()[-1]["step"] < NUM_STEPS - 5

    with start(command, stopped, workers=1) as process:
        wait_for(stopped, 6, process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the worker that scores gets it too
        _, errors = process.communicate()
    assert process.returncode == INTERRUPTED
    assert f"wan-r1: stopped; go on with --resume ({stopped.path})" in errors
    assert has_checkpoint(stopped.checkpoints / "last")
    assert stopped.read_metrics()[-1]["step"] < NUM_STEPS - 5

    for run in (killed, stopped):
        finish(start(command, run, "--resume"))
        assert len(numbers_of(run)) == len(expected)
        for one, other in zip(expected, numbers_of(run), strict=True):
            assert other == pytest.approx(one, abs=1e-6)


@pytest.mark.parametrize("command", list(RECIPES))
def test_a_finished_run_resumes_to_its_table(start, tmp_path, command):
    run = RunFolder(tmp_path / "run")
    finish(start(command, run, "max_minutes=0.0001"))
    lines, table = run.read_metrics(), run.summary.read_text()
    assert lines[-1]["step"] == 1
    run.summary.unlink()
    finish(start(command, run, "max_minutes=0.0001", "--resume"))
    assert run.read_metrics() == lines
    assert run.summary.read_text().partition('"seconds"')[0] == table.partition('"seconds"')[0]
