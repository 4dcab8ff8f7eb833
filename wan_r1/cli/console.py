"""What the user sees: results on stdout, progress and errors on stderr."""

import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

__all__ = ["Advance", "format_seconds", "print_json", "print_rows", "progress", "say", "time_left"]

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


def time_left(done: int, total: int, seconds: float, limit_s: float = math.inf, begun: int = 0) -> tuple[float, float]:
    """(share that is done, seconds left) of work that ends after `total` steps or after `limit_s`, what comes first.

    seconds: since the work went on after `begun` steps, whose own time is not known.
    """
    by_steps = seconds / (done - begun) * (total - done) if done > begun else math.inf
    if limit_s - seconds < by_steps:
        return (min(1.0, seconds / limit_s) if limit_s else 1.0), max(0.0, limit_s - seconds)
    return done / total if total else 0.0, max(0.0, by_steps)


@contextmanager
def progress(
    what: str, total: int, limit_s: float = math.inf, begun: int = 0, *, shown: bool = True
) -> Iterator[Advance]:
    """A progress bar with the time left on a terminal, plain lines elsewhere; yields `advance(steps, note)`.

    limit_s: seconds after which the work ends whatever is done by then. begun: steps that were done before.
    shown: of several processes, only one should show its progress.

    >>> with progress("making tasks", 10) as advance:
    ...     advance(10)
    """
    if not shown:
        yield lambda steps, note="": None
    elif sys.stderr.isatty():
        with _bar(what, total, limit_s, begun) as advance:
            yield advance
    else:
        yield _plain(what, total, limit_s, begun)


@contextmanager
def _bar(what: str, total: int, limit_s: float, begun: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}{task.fields[note]}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        handle = bar.add_task(what, total=1.0, note="", left=f"{begun}/{total}")
        start, done = time.monotonic(), begun

        def advance(steps: int, note: str = "") -> None:
            nonlocal done
            done += steps
            share, left = time_left(done, total, time.monotonic() - start, limit_s, begun)
            words = f"{done}/{total}, {format_seconds(left)} left" if math.isfinite(left) else f"{done}/{total}"
            bar.update(handle, completed=share, left=words, note=f"; {note}" if note else "")

        yield advance


def _plain(what: str, total: int, limit_s: float, begun: int) -> Advance:
    start = time.monotonic()
    done = begun
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
            _, left = time_left(done, total, now - start, limit_s, begun)
            words = f", {format_seconds(left)} left" if math.isfinite(left) else ""
            say(f"{what}: {done}/{total}{words}{end}")

    return advance
