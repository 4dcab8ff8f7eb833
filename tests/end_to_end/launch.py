"""Starts programs of several processes, and says what ended one."""

import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

PROGRAM = Path(__file__).with_name("train_brightest.py")
ONE = [sys.executable]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def train(launch: list[str], model: Path, run: Path, *arguments: str) -> None:
    """Runs train_brightest.py; an AssertionError shows what it printed.

    A new run of several processes that a signal of torch's C++ code ended (seen twice in some 30 runs of the suite on
    other machines, never where it could be watched) gets one more try, and its last words become a warning.
    """
    result = subprocess.run([*launch, PROGRAM, model, run, *arguments], capture_output=True, text=True, check=False)
    if re.search(r"\(SIG(ABRT|SEGV)\)", result.stderr) and "--resume" not in arguments:
        warnings.warn(f"a process was ended by a signal; once more. It printed:\n{result.stderr[-6000:]}", stacklevel=2)
        shutil.rmtree(run)
        result = subprocess.run([*launch, PROGRAM, model, run, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
