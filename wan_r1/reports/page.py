"""Run folders become one self-contained HTML page: no link leads out of it, so it can be sent as a file."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wan_r1.reports.facts import RunFacts, read_facts
from wan_r1.reports.figures import figures
from wan_r1.reports.overlay import SOLUTION_RGB, TRACK_RGB, draw_line, draw_track, enlarge
from wan_r1.reports.path_plots import tracks_from_above
from wan_r1.reports.style import SCRIPT, STYLE
from wan_r1.reports.tables import cards, comparison_table, result_table, violation_table
from wan_r1.runs import RunFolder, VideoEntry, write_text
from wan_r1.video import encode_video, read_video

__all__ = ["render_page", "write_page"]

VIDEO_PX = 320
VIDEO_CRF = 26
MAX_PAIRS = 12
MAX_FAILURES = 24
NOT_SOLVED = {"solved": False, "optimal": False, "progress": 0.0, "violations": []}


def write_page(path: str | Path, runs: Sequence[RunFolder]) -> None:
    """Write the page of these run folders, whole or not at all."""
    write_text(path, render_page(runs))


def render_page(runs: Sequence[RunFolder]) -> str:
    """The HTML text of the page of these run folders."""
    facts = [read_facts(run) for run in runs]
    title = f"wan-r1: {', '.join(each.name for each in facts)}"
    body = "".join(_run_section(each) for each in facts)
    if len(facts) > 1:
        body = f"<h1>{len(facts)} runs</h1>{comparison_table(facts)}{body}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>{body}"
        f"<footer>Made by wan-r1 {escape(facts[0].version)}. Every number and video is in this file.</footer>"
        f"</main><script>{SCRIPT}</script></body></html>\n"
    )


def _run_section(facts: RunFacts) -> str:
    return "\n".join(
        (
            _head(facts),
            cards(facts),
            result_table(facts),
            _figures_section(facts),
            _pairs_section(facts),
            _failures_section(facts),
            _origin_section(facts),
        )
    )


def _head(facts: RunFacts) -> str:
    return (
        f'<div class="kicker">wan-r1 run</div><h1>{escape(facts.name)}</h1><p class="lead">{escape(facts.sentence)}</p>'
    )


def _figures_section(facts: RunFacts) -> str:
    drawn = figures(facts)
    if not drawn:
        return ""
    return (
        f'<h2>Curves</h2><div class="figures">{"".join(f"<figure class=figure>{svg}</figure>" for svg in drawn)}</div>'
    )


def _pairs_section(facts: RunFacts) -> str:
    """Videos of the same task before and after, side by side: first those that the training repaired."""
    before = {entry.task: entry for entry in facts.videos if entry.group == "before"}
    after = {entry.task: entry for entry in facts.videos if entry.group == "after"}
    tasks = [task for task in before if task in after]
    tasks.sort(key=lambda task: (-_solved(after[task]), _solved(before[task])))
    if not tasks:
        return ""
    shown = tasks[:MAX_PAIRS]
    pairs = "".join(
        f'<div class="pair"><h3>Task {escape(task)}</h3><div class="sides">'
        f"{_film(facts, before[task], 'Before')}{_film(facts, after[task], 'After')}"
        f"{_from_above(before[task], after[task])}</div></div>"
        for task in shown
    )
    legend = (
        "The camera's track, as it was read from the videos, is shown from above."
        if before[shown[0]].unit == "metre"
        else f"{_swatch(TRACK_RGB)} what the tracker read from the video; {_swatch(SOLUTION_RGB)} a shortest solution."
    )
    return (
        f"<h2>Before and after</h2><p>{len(shown)} of {len(tasks)} recorded tasks, repaired ones first. {legend} "
        "Click a video to pause both.</p>"
        f'<div class="pairs">{pairs}</div>'
    )


def _from_above(before: VideoEntry, after: VideoEntry) -> str:
    """The tracks of both videos and the reference from above, for first-person tasks."""
    if before.unit != "metre":
        return ""
    tracks = {
        entry.group: _track(entry) for entry in (before, after) if any(point is not None for point in entry.track)
    }
    return f'<figure class="above">{tracks_from_above(np.array(before.solution), tracks)}</figure>'


def _failures_section(facts: RunFacts) -> str:
    """The recorded videos after training that fail, each with its first violation, and a count of all kinds."""
    after = [entry for entry in facts.videos if entry.group == "after"]
    if all(entry.verdict is None for entry in after):
        return ""
    failures = [entry for entry in after if not _solved(entry)]
    shown = failures[:MAX_FAILURES]
    clips = "".join(f'<div class="clip">{_film(facts, entry, f"Task {entry.task}")}</div>' for entry in shown)
    rest = f"; {len(shown)} are shown" if len(shown) < len(failures) else ""
    return (
        f"<h2>Failures</h2><p>{len(failures)} of the {len(after)} recorded videos after training do not solve their "
        f"task{rest}. A violation is named with the frame in which it happens.</p>{violation_table(facts)}"
        f'<div class="clips">{clips}</div>'
    )


def _origin_section(facts: RunFacts) -> str:
    rows = "".join(f"<tr><td>{escape(key)}</td><td>{escape(value)}</td></tr>" for key, value in facts.origin)
    recipe = f"<details><summary>Recipe, with every default</summary><pre>{escape(facts.recipe)}</pre></details>"
    table = f'<div class="tablebox"><table class="facts">{rows}</table></div>'
    parts = (table if rows else "") + (recipe if facts.recipe else "")
    return f"<h2>How it was made</h2>{parts}" if parts else ""


def _film(facts: RunFacts, entry: VideoEntry, side: str) -> str:
    """One video as a looping film inside the page, with the verdict below it."""
    data = base64.b64encode(_film_bytes(facts.run.videos / entry.file, entry)).decode()
    return (
        '<figure class="video"><video autoplay loop muted playsinline tabindex="0" '
        f'aria-label="{escape(f"{side}, task {entry.task}")}" src="data:video/mp4;base64,{data}"></video>'
        f'<figcaption><span class="side">{escape(side)}</span> {_chips(entry)}<br>reward {entry.value:.2f}'
        f"{_progress(entry)}</figcaption></figure>"
    )


def _film_bytes(path: Path, entry: VideoEntry) -> bytes:
    film = enlarge(read_video(path), VIDEO_PX)
    if entry.solution and entry.unit == "image":
        film = draw_line(film, np.array(entry.solution, dtype=np.float32))
    if entry.track and entry.unit == "image":
        film = draw_track(film, _track(entry))
    # The last frame stays for a while, so that the end of the loop can be seen.
    film = np.concatenate([film, film[-1:].repeat(entry.fps, axis=0)])
    return encode_video(film, fps=entry.fps, crf=VIDEO_CRF)


def _track(entry: VideoEntry) -> NDArray[np.float32]:
    return np.array([[np.nan, np.nan] if point is None else point for point in entry.track], dtype=np.float32)


def _solved(entry: VideoEntry) -> bool:
    return bool((entry.verdict or NOT_SOLVED)["solved"])


def _chips(entry: VideoEntry) -> str:
    verdict = entry.verdict
    if verdict is None:
        return ""
    if verdict["solved"]:
        return _chip("good", "solved" if verdict["optimal"] else "solved, not the shortest way")
    if not verdict["violations"]:
        return _chip("bad", "goal not reached and held")
    first = verdict["violations"][0]
    return _chip("bad", f"{first['kind'].replace('_', ' ')}, frame {first['frame']}")


def _chip(kind: str, text: str) -> str:
    return f'<span class="chip {kind}">{escape(text)}</span>'


def _progress(entry: VideoEntry) -> str:
    return "" if entry.verdict is None else f", progress {entry.verdict['progress']:.0%}"


def _swatch(rgb: tuple[int, int, int]) -> str:
    return f'<span class="swatch" style="background:rgb{rgb}"></span>'
