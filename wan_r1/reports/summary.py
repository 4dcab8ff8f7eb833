"""What a run's summary.json is about, and whether it holds the numbers that the page shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wan_r1.errors import CheckpointError

__all__ = ["check_summary", "headline", "is_number"]

SYSTEMS = ("sft", "rl")


def headline(*sides: Mapping[str, Any]) -> str:
    """What a run is about: Target-Bench's overall score for first-person tasks, em, or the reward without verdicts."""
    given = (name for name in ("overall", "em") if all(side.get(name) is not None for side in sides))
    return next(given, "value")


def is_number(value: Any) -> bool:
    """Whether a value of a JSON file is a number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """CheckpointError, with file and key, if a number that the page shows is missing or none."""
    for key in ("seconds", "training_seconds"):
        if summary.get(key) is not None:
            _check(path, key, is_number(summary[key]), "a number", summary[key])
    sides = {name: summary[name] for name in (*SYSTEMS, "difference") if name in summary}
    for name, values in sides.items():
        _check(path, name, isinstance(values, Mapping), "an object", values)
    systems = {name: sides[name] for name in SYSTEMS if name in sides}
    main = headline(*systems.values())
    for name, values in systems.items():
        for key in ("n", main):
            _check(path, f"{name}.{key}", is_number(values.get(key)), "a number", values.get(key))
    if main == "em" and len(sides) == len(SYSTEMS) + 1:
        removed = sides["difference"].get("failures_removed")
        _check(path, "difference.failures_removed", is_number(removed), "a number", removed)
    for name, values in summary.items():
        if isinstance(values, Mapping):
            _check_side(path, name, values)


def _check_side(path: Path, name: str, values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if key.endswith("_ci95") and value is not None:
            pair = isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
            _check(path, f"{name}.{key}", pair, "two numbers", value)
    chances = values.get("pass_at_k", {})
    plain = isinstance(chances, Mapping) and all(k.isdigit() and is_number(chance) for k, chance in chances.items())
    _check(path, f"{name}.pass_at_k", plain, "an object of numbers by k", chances)


def _check(path: Path, key: str, holds: bool, expected: str, value: Any) -> None:
    if not holds:
        raise CheckpointError(f"{path}: {key}: expected {expected}; got {repr(value)[:60]}")
