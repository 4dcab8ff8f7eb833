"""What the user sees: results on stdout, progress and errors on stderr."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Advance", "format_seconds", "print_json", "print_rows", "progress", "say"]

PLAIN_INTERVAL_S = 10.0
"""Seconds between two plain progress lines where stderr is not a terminal."""


def say(text: str) -> None:
    """One line on stderr, for people."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any, *, indent: int | None = None) -> None:
    """A result as JSON on stdout."""
    print(json.dumps(value, indent=indent, allow_nan=False), flush=True)


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Rows of text as aligned columns on stdout."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip(), flush=True)


def format_seconds(seconds: float) -> str:
    """A duration in words: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Advance(Protocol):
    """Moves a progress bar."""

    def __call__(self, steps: int, note: str = "") -> None:
        """That many steps more are done; the note is shown beside them."""
        ...


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """A progress bar with the time left on a terminal, plain lines elsewhere; yields `advance(steps, note)`.

    >>> with progress("making tasks", 10) as advance:
    ...     advance(10)
    """
    if sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _plain(what, total)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        handle = bar.add_task(what, total=total, note="")

        def advance(steps: int, note: str = "") -> None:
            bar.update(handle, advance=steps, note=note)

        yield advance


def _plain(what: str, total: int) -> Advance:
    start = time.monotonic()
    done = 0
    spoken = start

    def advance(steps: int, note: str = "") -> None:
        nonlocal done, spoken
        done += steps
        now = time.monotonic()
        end = f"; {note}" if note else ""
        if steps and done >= total:
            say(f"{what}: {done}/{total} in {format_seconds(now - start)}{end}")
        elif now - spoken >= PLAIN_INTERVAL_S:
            spoken = now
            left = (now - start) / done * (total - done) if done else 0.0
            say(f"{what}: {done}/{total}, {format_seconds(left)} left{end}")

    return advance
