"""`python -m wan_r1` is the command `wan-r1`."""

import sys
from typing import NoReturn

from wan_r1.cli.main import main

__all__ = ["run"]


def run() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    code = main()
    if "wan_r1.distributed" in sys.modules:  # importing it takes seconds
        from wan_r1.distributed import leave_world

        leave_world(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
