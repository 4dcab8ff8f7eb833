"""What a run folder says, gathered for the page; a part that is absent is empty."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import CheckpointError
from wan_r1.reports.summary import check_summary, headline, is_number
from wan_r1.runs import RunFolder, VideoEntry, read_json

__all__ = ["RunFacts", "Side", "read_facts"]

NORMAL_95 = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""
SIDE_LABELS = {"sft": "Before (SFT)", "rl": "After (RL)"}
SCORES = {"overall": "Target-Bench's overall score", "value": "the mean reward"}
"""Headlines other than em, in the words of a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One system of the summary: its numbers by name, among them n, layouts and, if it was judged, em and sr."""

    name: str
    label: str
    numbers: dict[str, Any]

    def interval(self, measure: str, *, share: bool = True) -> tuple[float, float] | None:
        """95 % interval: as the summary gives it, or for a share Wilson's from it and n."""
        given = self.numbers.get(f"{measure}_ci95")
        if given is not None:
            return float(given[0]), float(given[1])
        value, num = self.numbers.get(measure), self.numbers.get("n")
        if not share or not num or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            return None
        return _wilson(value, num)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFacts:
    """Everything that the page shows of one run."""

    run: RunFolder
    name: str
    version: str
    sentence: str
    summary: dict[str, Any]
    sides: tuple[Side, ...]
    metrics: list[dict[str, Any]]
    videos: list[VideoEntry]
    recipe: str
    origin: tuple[tuple[str, str], ...]

    @property
    def steps(self) -> NDArray[np.float64]:
        """Steps of the lines of metrics."""
        return np.array([line["step"] for line in self.metrics], dtype=np.float64)

    def series(self, key: str) -> NDArray[np.float64]:
        """One metric at each line, NaN where the line lacks it."""
        return np.array([_number(line.get(key)) for line in self.metrics], dtype=np.float64)

    def group(self, group: str) -> dict[str, NDArray[np.float64]]:
        """The metrics `group/NAME` as NAME -> series, in the order of their first appearance."""
        keys = dict.fromkeys(key for line in self.metrics for key in line if key.startswith(f"{group}/"))
        return {key.removeprefix(f"{group}/"): self.series(key) for key in keys}

    @property
    def single(self) -> dict[str, NDArray[np.float64]]:
        """The metrics that belong to no group, such as `loss`, as NAME -> series."""
        keys = dict.fromkeys(key for line in self.metrics for key in line if "/" not in key and key != "step")
        return {key: self.series(key) for key in keys}

    @property
    def groups(self) -> list[str]:
        """Names of the groups of metrics."""
        return list(dict.fromkeys(key.split("/")[0] for line in self.metrics for key in line if "/" in key))


def read_facts(run: RunFolder) -> RunFacts:
    """Read a run folder; what is absent is empty, what is broken raises CheckpointError."""
    summary = _object(run.summary, "an object with sft, rl and difference")
    check_summary(run.summary, summary)
    provenance = _object(run.provenance, "an object")
    for key in ("command", "resumed"):
        if not isinstance(provenance.get(key, []), list):
            raise CheckpointError(f"{run.provenance}: {key}: expected a list; got {provenance[key]!r}")
    recipe = _text(run.recipe)
    sides = tuple(
        Side(name=key, label=SIDE_LABELS.get(key, key.replace("_", " ")), numbers=value)
        for key, value in summary.items()
        if isinstance(value, dict) and "n" in value
    )
    return RunFacts(
        run=run,
        name=run.path.resolve().name,
        version=str(provenance.get("version", "")),
        sentence=_sentence(summary),
        summary=summary,
        sides=tuple(sorted(sides, key=lambda side: [*SIDE_LABELS, side.name].index(side.name))),
        metrics=_metrics(run),
        videos=run.read_videos(),
        recipe=recipe,
        origin=_origin(summary, provenance, recipe),
    )


def _object(path: Path, expected: str) -> dict[str, Any]:
    """The object in a JSON file; an absent file is an empty one."""
    values = read_json(path) if path.exists() else {}
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: expected {expected}; got {repr(values)[:60]}")
    return values


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path}: cannot be read as UTF-8 text ({error})") from error


def _metrics(run: RunFolder) -> list[dict[str, Any]]:
    lines = run.read_metrics()
    for number, line in enumerate(lines, start=1):
        if not isinstance(line, dict) or not is_number(line.get("step")):
            raise CheckpointError(
                f"{run.metrics}:{number}: expected an object with a number as step; got {repr(line)[:60]}"
            )
    return lines


def _sentence(summary: Mapping[str, Any]) -> str:
    """What came out, in one sentence."""
    if not {"sft", "rl", "difference"} <= summary.keys():
        sft = summary.get("sft")
        return _sentence_of_one(sft) if isinstance(sft, Mapping) else "This run has no final table yet."
    before, after = summary["sft"], summary["rl"]
    main = headline(before, after)
    if main != "em":
        moved = f"{SCORES[main]} on {after['n']} held-out tasks from {before[main]:.3f} to {after[main]:.3f}"
        ends = [side.get("fde") for side in (before, after)]  # absent where no video could be decoded
        if main == "overall" and None not in ends:
            moved += ", and the distance of the end from the goal from {:.2f} m to {:.2f} m".format(*ends)
        return f"Reinforcement learning moves {moved}."
    removed = summary["difference"]["failures_removed"]
    verb = "removes" if removed >= 0 else "adds"
    return (
        f"Reinforcement learning with a verifiable reward {verb} {abs(removed):.0%} of the failures that supervised "
        f"training leaves: {before['em']:.1%} of {before['n']} held-out tasks are solved by a shortest way before, "
        f"{after['em']:.1%} after."
    )


def _sentence_of_one(side: Mapping[str, Any]) -> str:
    main = headline(side)
    if main != "em":
        return f"After supervised training, {SCORES[main]} on {side['n']} held-out tasks is {side[main]:.3f}."
    return f"After supervised training, {side['em']:.1%} of {side['n']} held-out tasks are solved by a shortest way."


def _origin(summary: Mapping[str, Any], provenance: Mapping[str, Any], recipe: str) -> tuple[tuple[str, str], ...]:
    rows = {
        "Algorithm": summary.get("algorithm"),
        "Sampler, the same before and after": _words(summary.get("sampler")),
        "Seed": next((part["seed"] for part in _sections(recipe, "rl", "sft") if "seed" in part), None),
        "Training time": _minutes(summary.get("training_seconds")),
        "Last session, evaluations included": _minutes(summary.get("seconds")),
        "Library version": provenance.get("version"),
        "Git commit": provenance.get("commit"),
        "Command": " ".join(map(str, provenance.get("command", []))) or None,
        "Started": provenance.get("started"),
        "Python": provenance.get("python"),
        "Platform": provenance.get("platform"),
        "Resumed": len(provenance.get("resumed", [])) or None,
    }
    return tuple((key, str(value)) for key, value in rows.items() if value is not None)


def _minutes(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds / 60:.1f} min"


def _words(value: Any) -> str | None:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return None if value is None else str(value)


def _parsed(recipe: str) -> dict[str, Any]:
    try:
        return tomllib.loads(recipe)
    except tomllib.TOMLDecodeError as error:
        raise CheckpointError(f"recipe.toml of the run: not valid TOML: {error}") from error


def _sections(recipe: str, *names: str) -> list[Mapping[str, Any]]:
    """Those sections of a recipe that it has."""
    parsed = _parsed(recipe)
    return [parsed[name] for name in names if isinstance(parsed.get(name), Mapping)]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _wilson(share: float, num: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `num` (E. B. Wilson, JASA 22, 1927)."""
    z2 = NORMAL_95**2
    center = (share + z2 / (2 * num)) / (1 + z2 / num)
    half = NORMAL_95 / (1 + z2 / num) * ((share * (1 - share) + z2 / (4 * num)) / num) ** 0.5
    return max(0.0, center - half), min(1.0, center + half)
