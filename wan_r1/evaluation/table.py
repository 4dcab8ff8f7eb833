"""The numbers of an evaluation by game, skin and difficulty, with 95 % intervals; as plain values and as Markdown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from wan_r1.evaluation.datasets import shown
from wan_r1.evaluation.suite import SuiteResult
from wan_r1.evaluation.videos import LevelResult, VideoResult
from wan_r1.metrics.statistics import Interval, mean_interval, pass_at_k, proportion

__all__ = ["COLUMNS", "group_rows", "markdown", "table_rows", "video_rows"]

ALL = "all"
INTERVAL_SEED = 0
PASS_KS = (1, 2, 4, 8, 16, 32, 64)

Read = Callable[[VideoResult], float]

SHARES: dict[str, Read] = {
    "sr": lambda video: float(video.numbers.success),
    "em": lambda video: float(video.numbers.exact),
    "solved": lambda video: float(_verdict(video).solved),
    "optimal": lambda video: float(_verdict(video).optimal),
}
"""Yes or no for each video; a video that could not be evaluated is a no."""

MEANS: dict[str, Read] = {
    "pr": lambda video: video.numbers.precision,
    "progress": lambda video: _verdict(video).progress,
}
"""Means over videos; one that could not be evaluated counts as 0."""

BY_RULES = ("solved", "optimal", "progress")
"""Numbers of those levels alone whose videos the rules of the game judge."""

MEANS_WHERE_KNOWN: dict[str, Callable[[VideoResult], float | None]] = {
    "sd": lambda video: video.numbers.deviation if video.numbers.success else None,
    "mf": lambda video: video.fidelity,
}
"""Means over the videos that have the number."""

COLUMNS = ("sr", "em", "pr", "sd", "mf", "solved", "optimal")


def _verdict(video: VideoResult) -> Any:
    return video.score.verdict if video.score is not None else None


def group_rows(result: SuiteResult) -> list[dict[str, Any]]:
    """One row for each (game, skin, difficulty), for all skins of a (game, difficulty), each game, and all together."""
    members: dict[tuple[str, str, str], list[LevelResult]] = {}
    for level in result.levels:
        game, skin, difficulty = level.game, level.level.skin, level.level.difficulty
        keys = ((game, skin, difficulty), (game, ALL, difficulty), (game, ALL, ALL), (ALL, ALL, ALL))
        for key in dict.fromkeys(keys):  # a folder may be called as the sums are
            members.setdefault(key, []).append(level)
    rows, seen = [], set[tuple[str, ...]]()
    for key in sorted(members, key=lambda key: [(part == ALL, part) for part in key]):
        names = tuple(level.level.name for level in members[key])
        if names not in seen:  # a sum over one group says nothing more
            rows.append(dict(zip(("game", "skin", "difficulty"), key, strict=True)) | _numbers(members[key]))
        seen.add(names)
    return rows


def _numbers(levels: Sequence[LevelResult]) -> dict[str, Any]:
    good = [level for level in levels if level.videos or level.failed]
    ruled = [level for level in good if level.judged]
    row: dict[str, Any] = {
        "levels": len(levels),
        "videos": sum(_counts(good)),
        "judged": sum(_counts(ruled)),
        "errors": sum(len(level.failed) for level in good),
        "dataset_errors": sum(problem.kind == "dataset" for level in levels for problem in level.problems),
    }
    for name, read in (SHARES | MEANS).items():
        counted = ruled if name in BY_RULES else good
        values, counts = _values(counted, read), _counts(counted)
        row[name] = _interval(values, counts, share=name in SHARES)
        if name in SHARES:
            row[f"pass_at_k_{name}"] = _pass_at(values, counts)
    for name, look in MEANS_WHERE_KNOWN.items():
        known = [value for level in good for video in level.videos if (value := look(video)) is not None]
        row[name] = {"mean": float(np.mean(known)), "n": len(known)} if known else None
    return row


def _counts(levels: Sequence[LevelResult]) -> list[int]:
    """Videos of each level, those that could not be evaluated among them."""
    return [len(level.videos) + len(level.failed) for level in levels]


def _values(levels: Sequence[LevelResult], read: Read) -> list[float]:
    """One value for each video in order of levels."""
    values = []
    for level in levels:
        values += [read(video) for video in level.videos] + [0.0] * len(level.failed)
    return values


def _interval(values: list[float], counts: Sequence[int], *, share: bool) -> dict[str, float] | None:
    """Wilson's interval for shares of levels with a video each; else bootstrap over levels, of which it needs two."""
    if not values:
        return None
    array, num_levels = np.asarray(values), len(counts)
    if num_levels == 1 and (len(array) > 1 or not share):
        return {"mean": float(array.mean())}
    if share and num_levels == len(array):
        interval: Interval = proportion(int(array.sum()), len(array))
    else:
        clusters = np.repeat(np.arange(num_levels), counts)
        interval = mean_interval(array, seed=INTERVAL_SEED, clusters=clusters)
    return asdict(interval)


def _pass_at(values: list[float], counts: Sequence[int]) -> dict[str, float] | None:
    """Chance that one of k samples is a yes, unbiased, for k up to the samples that every level has."""
    least = min(counts, default=0)
    if least < 2:
        return None
    ends = np.cumsum(counts)
    successes = [round(sum(values[end - count : end])) for end, count in zip(ends, counts, strict=True)]
    result = {}
    for k in sorted({*(k for k in PASS_KS if k <= least), least}):
        chances = [pass_at_k(np.asarray([s]), n, k)[0] for s, n in zip(successes, counts, strict=True)]
        result[str(k)] = float(np.mean(chances))
    return result


def video_rows(result: SuiteResult) -> list[dict[str, Any]]:
    """One row of plain values for each video that was evaluated."""
    rows = []
    for level in result.levels:
        for video in level.videos:
            verdict = _verdict(video)
            rows.append(
                {
                    "level": shown(level.level.name),
                    "sample": shown(video.sample.label),
                    "file": shown(video.sample.path),
                    "game": level.game,
                    "skin": shown(level.level.skin),
                    "difficulty": shown(level.level.difficulty),
                    "frames": video.num_frames,
                    "size": list(video.size),
                    "sr": video.numbers.success,
                    "em": video.numbers.exact,
                    "pr": video.numbers.precision,
                    "sd": MEANS_WHERE_KNOWN["sd"](video),
                    "mf": video.fidelity,
                    "best_reference": video.numbers.best_reference,
                    "reward": None if video.score is None else video.score.value,
                    "verdict": None if verdict is None else asdict(verdict),
                }
            )
    return rows


def table_rows(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The groups as a table of text, a head first."""
    sampled = any(row["pass_at_k_em"] for row in rows)
    head = ["game", "skin", "difficulty", "levels", "videos", "errors", *(name.upper() for name in COLUMNS[:5])]
    head += [*COLUMNS[5:], *(["pass@k (EM)"] if sampled else [])]
    table = [head]
    for row in rows:
        cells = [shown(row[name]) for name in ("game", "skin", "difficulty", "levels", "videos")]
        cells.append(str(row["errors"] + row["dataset_errors"]))
        cells += [_cell(row, name) for name in COLUMNS]
        if sampled:
            chances = list((row["pass_at_k_em"] or {}).items())
            cells.append(f"{chances[-1][1]:.3f} (k = {chances[-1][0]})" if chances else "-")
        table.append(cells)
    return table


def _cell(row: dict[str, Any], name: str) -> str:
    value: dict[str, float] | None = row[name]
    if value is None:
        return "-"
    text = f"{value['mean']:.3f}" + (f" [{value['low']:.3f}, {value['high']:.3f}]" if "low" in value else "")
    return text + (f" (n = {row['judged']})" if name in BY_RULES and row["judged"] < row["videos"] else "")


def markdown(
    title: str, facts: Sequence[str], rows: Sequence[dict[str, Any]], errors: Iterable[str], notes: Iterable[str] = ()
) -> str:
    """The whole report: what was done, the table, every error, and what stopped nothing."""
    head, *body = table_rows(rows)
    lines = [f"# {title}", "", *(f"- {fact}" for fact in facts), ""]
    lines += [_line(head), "|" + "---|" * len(head), *(_line(cells) for cells in body), ""]
    lines += [
        "SR, EM, PR, SD and MF are VR-Bench's; solved and optimal are by the rules of the game, for every frame. "
    ]
    lines += ["In brackets: 95 % intervals. A video with an error counts as a failure; MF and SD are means without it."]
    if any(0 < row["judged"] < row["videos"] for row in rows):
        lines += ["n: videos of levels with a map, which solved and optimal are means of."]
    for head_line, listed in (("Errors", list(errors)), ("Notes", list(notes))):
        if listed:
            lines += ["", f"## {head_line}: {len(listed)}", "", *(f"- {text}" for text in listed)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
