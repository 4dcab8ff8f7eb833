"""The tables of the report page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from wan_r1.reports.facts import RunFacts, Side
from wan_r1.reports.summary import headline
from wan_r1.runs import GROUPS

__all__ = ["cards", "comparison_table", "result_table", "violation_table"]

MEASURES = {
    "overall": "Target-Bench overall",
    "em": "Solved by a shortest way (EM)",
    "sr": "Solved (SR)",
    "value": "reward",
    "ade": "ADE (m)",
    "fde": "FDE (m)",
    "miss_rate": "miss rate (%)",
}
"""Labels, in the order of the table; other numbers follow."""
SHARES = ("em", "sr", "vr_bench_sr", "vr_bench_em", "decoded", "failures_removed")
"""Shares of tasks or videos, shown in per cent."""
COUNTS = {"n": "Tasks", "layouts": "Distinct layouts"}


def cards(facts: RunFacts) -> str:
    """The four numbers that matter, large."""
    sides = {side.name: side for side in facts.sides}
    difference = facts.summary.get("difference")
    if "sft" not in sides or "rl" not in sides or not difference:
        return ""
    main = headline(sides["sft"].numbers, sides["rl"].numbers)
    before, after = (_plain(sides[name].numbers[main], main) for name in ("sft", "rl"))
    interval = difference.get(f"{main}_ci95")
    of_interval = f" {_span(interval, main, signed=True)}" if interval else ""
    items = [
        ("", before, f"{MEASURES[main]} before" if main != "em" else "before: SFT"),
        ("after", after, "after: reinforcement learning"),
        ("", _signed(difference[main], main) if main in difference else "", f"paired difference{of_interval}"),
    ]
    if main == "em":
        items.append(("after", _percent(difference["failures_removed"], 0), "of the failures removed"))
    inner = "".join(
        f'<div class="card {kind}"><b>{number}</b><span>{text}</span></div>' for kind, number, text in items
    )
    return f'<div class="cards">{inner}</div>'


def result_table(facts: RunFacts) -> str:
    """Each system of the summary as a column, each measure as a row, and the paired difference."""
    if not facts.sides:
        return ""
    difference = facts.summary.get("difference", {})
    head = _row("th", ["", *(escape(side.label) for side in facts.sides), *(["Difference"] if difference else [])])
    rows = []
    for measure in _measures(facts.sides):
        cells = [escape(_label(measure)), *(_share(side, measure) for side in facts.sides)]
        if difference:
            cells.append(_difference(difference, measure))
        rows.append(_row("td", cells))
    for count, label in COUNTS.items():
        counts = [side.numbers.get(count) for side in facts.sides]
        if all(number is None for number in counts):
            continue
        cells = [label, *(str(number) for number in counts), *([""] if difference else [])]
        rows.append(_row("td", cells))
    return (
        f'<h2>Result</h2><div class="tablebox"><table>{head}{"".join(rows)}</table></div>'
        '<p class="note">In brackets: 95% intervals. The difference is paired: the same tasks before and after.</p>'
    )


def comparison_table(all_facts: Sequence[RunFacts]) -> str:
    """One row for each run."""
    head = _row("th", ["Run", "Measure", "Before", "After", "Difference", "Failures removed", "Tasks"])
    rows = []
    for facts in all_facts:
        sides = {side.name: side for side in facts.sides}
        before, after = sides.get("sft"), sides.get("rl")
        difference = facts.summary.get("difference", {})
        main = headline(*(side.numbers for side in (before, after) if side))
        cells = [
            escape(facts.name),
            MEASURES[main] if before or after else "",
            _share(before, main) if before else "",
            _share(after, main) if after else "",
            _difference(difference, main),
            _percent(difference["failures_removed"], 0) if "failures_removed" in difference else "",
            str(after.numbers["n"]) if after else "",
        ]
        rows.append(_row("td", cells))
    return f'<div class="tablebox"><table>{head}{"".join(rows)}</table></div>'


def violation_table(facts: RunFacts) -> str:
    """How many recorded videos break which rule first, before and after."""
    counts = {group: Counter[str]() for group in GROUPS}
    for entry in facts.videos:
        verdict = entry.verdict
        if verdict is not None and not verdict["solved"]:
            kinds = [violation["kind"].replace("_", " ") for violation in verdict["violations"]]
            counts[entry.group][kinds[0] if kinds else "goal not reached and held"] += 1
    kinds = sorted(set().union(*counts.values()), key=lambda kind: -sum(counts[group][kind] for group in GROUPS))
    if not kinds:
        return ""
    head = _row("th", ["First violation", *(f"Videos {group}" for group in GROUPS)])
    rows = "".join(_row("td", [escape(kind), *(str(counts[group][kind]) for group in GROUPS)]) for kind in kinds)
    return f'<div class="tablebox"><table>{head}{rows}</table></div>'


def _measures(sides: Sequence[Side]) -> list[str]:
    """em and sr first, then every other plain number that a side gives."""
    found = dict.fromkeys(MEASURES)
    for side in sides:
        for key, value in side.numbers.items():
            if isinstance(value, (int, float)) and key not in COUNTS:
                found[key] = None
    return [measure for measure in found if any(measure in side.numbers for side in sides)]


def _label(measure: str) -> str:
    if measure.startswith("vr_bench_"):
        return f"VR-Bench {measure.removeprefix('vr_bench_').upper()}"
    return MEASURES.get(measure, measure.replace("_", " "))


def _share(side: Side, measure: str) -> str:
    value = side.numbers.get(measure)
    if value is None:
        return ""
    interval = side.interval(measure, share=measure in SHARES)
    return _plain(value, measure) + (f" <small>{_span(interval, measure)}</small>" if interval else "")


def _difference(difference: Mapping[str, Any], measure: str) -> str:
    if measure not in difference:
        return ""
    interval = difference.get(f"{measure}_ci95")
    shown = f" <small>{_span(interval, measure, signed=True)}</small>" if interval else ""
    return _signed(difference[measure], measure) + shown


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def _plain(value: float, measure: str) -> str:
    return _percent(value) if measure in SHARES else f"{value:.3f}"


def _signed(value: float, measure: str) -> str:
    return f"{100 * value:+.1f} points" if measure in SHARES else f"{value:+.3f}"


def _span(interval: Sequence[float], measure: str, *, signed: bool = False) -> str:
    sign, scale, digits = "+" if signed else "", *((100, 1) if measure in SHARES else (1, 3))
    low, high = (f"{scale * value:{sign}.{digits}f}" for value in interval)
    return f"[{low}, {high}]"


def _row(tag: str, cells: Sequence[Any]) -> str:
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"
