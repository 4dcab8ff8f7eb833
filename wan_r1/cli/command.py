"""What every sub-command is made of."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["DONE", "INTERRUPTED", "SAID_NO", "WRONG_INPUT", "Command", "add_json_option", "positive"]

DONE = 0
"""The command did what it was asked."""
SAID_NO = 1
"""The command worked, and the check it made said no."""
WRONG_INPUT = 2
"""The input was wrong; one line on stderr says how."""
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


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add --json: results as one JSON object on stdout."""
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON on stdout")


def positive(text: str) -> int:
    """Type of an option: a whole number of at least 1."""
    number = int(text) if text.lstrip("-").isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number
