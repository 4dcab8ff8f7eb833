"""`python -m wan_r1` is the command `wan-r1`."""

import sys

from wan_r1.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
