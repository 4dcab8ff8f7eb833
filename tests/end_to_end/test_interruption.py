"""A run that is killed and resumed goes on as if nothing had happened."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wan_r1.runs import RunFolder

PROGRAM = Path(__file__).with_name("train_brightest.py")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def program(model: Path, run: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(PROGRAM), str(model), str(run), *arguments]


def numbers_of(run: RunFolder) -> list[dict[str, float]]:
    lines = run.read_metrics()
    return [{name: value for name, value in line.items() if not name.startswith("seconds")} for line in lines]


@pytest.fixture(scope="module")
def whole(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Uninterrupted runs, one folder for each mode."""
    folder = tmp_path_factory.mktemp("whole")
    subprocess.run(program(tiny_folder, folder, "sft", "grpo", "nft"), check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(("mode", "killed_at"), [("sft", 5), ("grpo", 3), ("nft", 4)])
def test_kill_9_then_resume_gives_the_same_metrics(tiny_folder, whole, tmp_path, mode, killed_at):
    run = RunFolder(tmp_path / mode)
    with subprocess.Popen(
        program(tiny_folder, tmp_path, mode), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        while len(run.read_metrics()) < killed_at and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    before = len(run.read_metrics())
    subprocess.run(program(tiny_folder, tmp_path, mode, "--resume"), check=True, capture_output=True)
    expected, found = numbers_of(RunFolder(whole / mode)), numbers_of(run)
    assert before < 10
    assert [line["step"] for line in found] == [line["step"] for line in expected]
    for one, other in zip(expected, found, strict=True):
        assert other == pytest.approx(one, abs=1e-6)
