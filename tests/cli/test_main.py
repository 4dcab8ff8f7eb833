"""The command line as a whole: help, exit codes, one line for an error."""

import os
import signal
import subprocess
import sys
import time

import pytest

from wan_r1 import __version__
from wan_r1.cli.command import Command
from wan_r1.cli.main import COMMANDS, build_parser, main
from wan_r1.errors import VideoError


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"wan-r1 {__version__}\n"


def test_help_lists_every_command_with_its_summary(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert all(name in text and command.summary in text for name, command in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_explains_it_with_examples(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert COMMANDS[name].description.splitlines()[0][:60] in " ".join(text.split("\n"))
    assert all(example in text for example in COMMANDS[name].examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_are_accepted_by_its_parser(name):
    for example in COMMANDS[name].examples:
        words = example.split()
        assert words[0] == "wan-r1"
        assert build_parser(name).parse_args(words[1:]).command == name


@pytest.mark.parametrize("argv", [[], ["nothing"], ["make"], ["make", "maze"], ["make", "chess", "--out", "x"]])
def test_a_wrong_command_line_ends_with_code_2(argv, capsys):
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    assert "wan-r1" in capsys.readouterr().err


def raising(error):
    def run(args):
        raise error

    return Command(summary="", description="", examples=(), add_arguments=lambda parser: None, run=run)


def test_an_unknown_option_is_refused_with_the_usage_of_its_command(capsys):
    with pytest.raises(SystemExit):
        main(["show", "maze", "--state", "X"])
    errors = capsys.readouterr().err
    assert "usage: wan-r1 show" in errors
    assert "wan-r1 show: error: unrecognized arguments: --state X" in errors


def test_an_error_of_ours_is_one_line_and_code_2(monkeypatch, capsys):
    monkeypatch.setitem(COMMANDS, "boom", raising(VideoError("a.mp4: truncated,\n 3 of 9 frames")))
    monkeypatch.delenv("WAN_R1_DEBUG", raising=False)
    assert main(["boom"]) == 2
    assert capsys.readouterr().err == "wan-r1: error: a.mp4: truncated, 3 of 9 frames\n"


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setitem(COMMANDS, "boom", raising(VideoError("a.mp4")))
    monkeypatch.setenv("WAN_R1_DEBUG", "1")
    with pytest.raises(VideoError, match=r"a\.mp4"):
        main(["boom"])


def test_ctrl_c_is_one_line_and_code_130(monkeypatch, capsys):
    monkeypatch.setitem(COMMANDS, "boom", raising(KeyboardInterrupt()))
    assert main(["boom"]) == 130
    assert capsys.readouterr().err == "wan-r1: interrupted\n"


def test_a_fault_of_ours_has_a_traceback_and_a_code_of_its_own(monkeypatch, capsys):
    monkeypatch.setitem(COMMANDS, "boom", raising(ZeroDivisionError("a bug")))
    assert main(["boom"]) == 3
    errors = capsys.readouterr().err
    assert "ZeroDivisionError: a bug" in errors
    assert "please report it" in errors


def test_ctrl_c_stops_the_workers_of_make(tmp_path):
    command = [sys.executable, "-m", "wan_r1", "make", "maze", "--level", "hard", "--num", "5000", "--workers", "2"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("states/*.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "wan-r1: interrupted"
    assert "Traceback" not in errors


def test_a_full_standard_output_is_one_clear_line_and_code_2(tmp_path):
    words = [sys.executable, "-m", "wan_r1", "show", "maze", "--level", "tiny", "--out", str(tmp_path / "a.png")]
    with open("/dev/full", "w") as full:
        found = subprocess.run([*words, "--json"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert found.returncode == 2
    assert "No space left on device" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["show", "maze", "--seed", "-1"],
        ["show", "maze", "--index", "-1"],
        ["show", "maze", "--size", "1000000"],
        ["make", "maze", "--out", "x", "--crf", "99"],
        ["make", "maze", "--out", "x", "--fps", "100000000"],
        ["generate", "--state", "x", "--out", "x", "--guidance", "nan"],
    ],
)
def test_a_number_out_of_range_names_itself_and_its_limits(options, capsys):
    with pytest.raises(SystemExit) as stop:
        main(options)
    assert stop.value.code == 2
    assert repr(options[-1]) in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["videos", "paths", "policy"])
def test_the_help_of_each_kind_of_evaluation_has_examples(kind, capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", kind, "--help"])
    assert f"wan-r1 evaluate {kind} " in capsys.readouterr().out
