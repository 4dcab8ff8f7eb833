"""What every sub-command is made of."""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = [
    "DONE",
    "FAULT",
    "INTERRUPTED",
    "SAID_NO",
    "WRONG_INPUT",
    "Command",
    "above_zero",
    "add_json_option",
    "at_least",
    "examples_text",
    "positive",
]

DONE = 0
"""The command did what it was asked."""
SAID_NO = 1
"""The command worked, and the check it made said no."""
WRONG_INPUT = 2
"""The input was wrong; one line on stderr says how."""
FAULT = 3
"""Something unforeseen: a traceback on stderr."""
INTERRUPTED = 130
"""Ctrl-C (128 + SIGINT)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One sub-command: texts for --help, its options, and what it does.

    `add_arguments` is called for the chosen command only, so it may import what its choices need; `run` returns the
    exit code. Modules of commands import nothing heavy at the top.
    """

    summary: str
    description: str
    examples: tuple[str, ...]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def examples_text(examples: Sequence[str]) -> str:
    """The examples of a command as the end of its --help."""
    return "examples:\n" + "\n".join(f"  {line}" for line in examples)


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add --json: results as one JSON object on stdout."""
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON on stdout")


def at_least(lowest: int, highest: int = 2**63 - 1) -> Callable[[str], int]:
    """Type of an option: a whole number from `lowest` to `highest`."""

    def whole_number(text: str) -> int:
        digits = text.strip().removeprefix("-").isdecimal()
        if not digits or not lowest <= int(text) <= highest:
            upper = f" and at most {highest}" if highest < 2**63 - 1 else ""
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}{upper}")
        return int(text)

    return whole_number


positive = at_least(1)
"""Type of an option: a whole number of at least 1."""


def above_zero(text: str) -> float:
    """Type of an option: a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number
