"""`wan-r1 demo` writes its run folder anew and removes nothing else; its recipes judge fairly."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wan_r1.cli.main import main
from wan_r1.config import load
from wan_r1.runs import RunFolder, write_json

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


class Ended:
    """A process that has ended with a code."""

    def __init__(self, code):
        self.code = code

    def wait(self):
        return self.code


@pytest.fixture
def launched(monkeypatch):
    """What the demo starts, without starting it."""
    commands = []

    def start(command, **options):
        commands.append(command)
        return Ended(0)

    monkeypatch.setattr("wan_r1.cli.demo.subprocess.Popen", start)
    return commands


def test_a_machine_with_a_gpu_runs_one_process_on_it(tmp_path, monkeypatch, launched):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert main(["demo", "--quick", "--out", str(tmp_path / "run")]) == 0
    assert [command[1:4] for command in launched] == [["-m", "wan_r1", "rl"]]


def test_navigation_learns_by_the_embedding_reward(tmp_path, launched):
    out = tmp_path / "run"
    assert main(["demo", "--family", "navigation", "--out", str(out), "--seed", "3"]) == 0
    (command,) = launched
    arguments = command[command.index("wan_r1") + 1 :]
    assert arguments[0] == "rl"
    assert Path(arguments[1]).name == "demo_rooms.toml"
    assert {f"run='{out}'", "rl.seed=3", "tasks.seed=3"} <= set(arguments)


@pytest.mark.parametrize(
    ("gpu", "code", "expected"),
    [(False, 1, 3), (True, 2, 2), (True, 3, 3)],
    ids=["the launcher's 1 is a fault", "wrong input", "a fault"],
)
def test_a_run_that_fails_gives_its_exit_code(tmp_path, monkeypatch, gpu, code, expected):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr("wan_r1.cli.demo.os.cpu_count", lambda: 2)
    monkeypatch.setattr("wan_r1.cli.demo.subprocess.Popen", lambda command, **options: Ended(code))
    assert main(["demo", "--family", "navigation", "--out", str(tmp_path / "run")]) == expected


SLOW_TO_STOP = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("up", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
pathlib.Path(sys.argv[2]).write_text("checkpoint")
"""


def test_ctrl_c_waits_until_the_run_has_stopped(tmp_path):
    may_stop, file = tmp_path / "may_stop", tmp_path / "written"
    child = [sys.executable, "-c", SLOW_TO_STOP, str(may_stop), str(file)]
    program = (  # a test that runs in the background has interrupts ignored
        "import signal, subprocess, sys; from wan_r1.cli.demo import _wait_for; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); "
        "sys.exit(_wait_for(subprocess.Popen(sys.argv[1:])))"
    )
    # A group of its own, so that one signal reaches both, as on a terminal.
    demo = subprocess.Popen([sys.executable, "-c", program, *child], stdout=subprocess.PIPE, start_new_session=True)
    with demo:
        assert demo.stdout.readline() == b"up\n"
        for _ in range(2):
            os.killpg(demo.pid, signal.SIGINT)
            time.sleep(0.4)
        assert demo.poll() is None
        may_stop.touch()
        assert demo.wait(timeout=60) == 130
    assert file.read_text() == "checkpoint"


@pytest.mark.parametrize("options", [[], ["--quick"], ["--family", "navigation"]])
def test_an_earlier_demo_is_written_anew(tmp_path, launched, options):
    run = RunFolder(tmp_path / "run")
    assert main(["demo", *options, "--out", str(run.path)]) == 0
    (command,) = launched
    # As the process that the demo starts records it: the program, then its arguments.
    write_json(run.provenance, {"command": ["wan_r1/__main__.py", *command[command.index("wan_r1") + 1 :]]})
    assert main(["demo", "--out", str(run.path)]) == 0
    assert not run.provenance.exists()


@pytest.mark.parametrize(
    "command",
    [
        ["rl", "recipes/rl/maze_tiny.toml", "run=runs/demo"],
        ["rl", "mine/demo.toml"],
        ["rl", "wan_r1/assets/demo.toml", "max_minutes=600"],
        ["sft", "recipes/sft/maze_tiny.toml", "cache=/data/demo"],
        ["rl", "/home/me/wan_r1/recipes/demo.toml"],
    ],
)
def test_a_training_run_with_demo_in_its_command_is_left_alone(tmp_path, launched, command):
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    write_json(run.provenance, {"command": ["/usr/bin/wan-r1", *command]})
    assert main(["demo", "--out", str(run.path)]) == 2
    assert run.provenance.exists()
    assert launched == []


def test_rooms_are_judged_as_mazes_are():
    from wan_r1.cli.recipe import RLRecipe

    recipe = load(ASSETS / "demo_rooms.toml", RLRecipe)
    assert recipe.test.source.settings["split"] == "test"
    assert recipe.test.num_tasks >= 128
    assert recipe.test.sampler.stochastic_steps == recipe.validation.sampler.stochastic_steps
    assert recipe.reward.pose_weight == 0.0
    assert recipe.policy.path == "wan-tiny-rooms"
