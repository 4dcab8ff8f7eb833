"""The page of an audit: a table of what each video scored, and the videos of one task, the best-paid cheats first."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wan_r1.reports.overlay import enlarge
from wan_r1.reports.style import SCRIPT, STYLE
from wan_r1.runs import write_text
from wan_r1.types import Score
from wan_r1.video import encode_video, resize_video

__all__ = ["AuditClip", "AuditTable", "clip_of", "write_audit_page"]

VIDEO_PX = 240
VIDEO_CRF = 26
FPS = 12
REST_FRAMES = 8
"""Frames for which the last one stays, so that the end of a loop can be seen."""

KINDS = {
    "cheat": ("Cheats", "Videos that only look right, the best paid first. None may be paid."),
    "honest": ("Honest videos", "The solution in many guises, the worst paid first. Each should score at least 0.95."),
    "prefix": ("Honest beginnings", "Videos that stop on a legal way. The longer, the more they should score."),
    "unranked": ("Too disturbed to rank", "Shown, not judged."),
}

PAGE_STYLE = """
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(170px, 1fr)); gap: 12px; margin-top: 16px; }
.wall .clip { padding: 10px; }
.wall .paid { border-color: var(--bad); border-width: 2px; }
td.kind { text-align: left; color: var(--soft); }
td.paid { color: var(--bad); font-weight: 600; }
"""

PLAY_WHEN_SEEN = """
const watcher = new IntersectionObserver(seen => seen.forEach(
  ({ target, isIntersecting }) => isIntersecting ? target.play().catch(() => {}) : target.pause()));
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) films("video").forEach(film => watcher.observe(film));
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditClip:
    """One video of the audit: its name and kind in the zoo, an MP4 of it, its score, and whether it is wrong."""

    name: str
    kind: str
    film: bytes
    score: Score
    wrong: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditTable:
    """What the page says in words and numbers: a title, a sentence, the checks by name, and rows of (name, kind,
    number of videos, lowest, mean, highest)."""

    title: str
    sentence: str
    checks: Mapping[str, bool]
    rows: Sequence[tuple[str, str, int, float, float, float]]


def clip_of(name: str, kind: str, video: NDArray[np.uint8], score: Score, wrong: bool) -> AuditClip:
    """A clip of a video [T, H, W, 3], small enough for a page with many."""
    shrink = VIDEO_PX / max(video.shape[1:3])
    if shrink < 1:
        video = resize_video(video, round(shrink * video.shape[1]), round(shrink * video.shape[2]))
    film = enlarge(np.concatenate([video, video[-1:].repeat(REST_FRAMES, axis=0)]), VIDEO_PX)
    return AuditClip(name=name, kind=kind, film=encode_video(film, FPS, VIDEO_CRF), score=score, wrong=wrong)


def write_audit_page(path: str | Path, table: AuditTable, clips: Sequence[AuditClip]) -> None:
    """Write the page, whole or not at all; it needs no network."""
    body = "".join(
        (
            f'<div class="kicker">wan-r1 audit</div><h1>{escape(table.title)}</h1>',
            f'<p class="lead">{escape(table.sentence)}</p>{_checks(table.checks)}',
            *(_section(kind, [clip for clip in clips if clip.kind == kind]) for kind in KINDS),
            f"<h2>All scores</h2>{_rows(table)}",
        )
    )
    write_text(
        path,
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(table.title)}</title><style>{STYLE}{PAGE_STYLE}</style></head>\n<body><main>{body}"
        f"<footer>Every number and video is in this file.</footer></main><script>{SCRIPT}{PLAY_WHEN_SEEN}</script>"
        "</body></html>\n",
    )


def _checks(checks: Mapping[str, bool]) -> str:
    words = (_chip("good" if holds else "bad", f"{name}: {'yes' if holds else 'no'}") for name, holds in checks.items())
    return f"<p>{' '.join(words)}</p>"


def _section(kind: str, clips: Sequence[AuditClip]) -> str:
    if not clips:
        return ""
    title, words = KINDS[kind]
    order = -1 if kind == "cheat" else 1
    shown = sorted(clips, key=lambda clip: order * clip.score.value)
    return f'<h2>{title}</h2><p>{words}</p><div class="wall">{"".join(_film(clip) for clip in shown)}</div>'


def _film(clip: AuditClip) -> str:
    data = base64.b64encode(clip.film).decode()
    return (
        f'<div class="clip{" paid" if clip.wrong else ""}"><figure class="video"><video loop muted playsinline '
        f'tabindex="0" aria-label="{escape(clip.name)}" src="data:video/mp4;base64,{data}"></video><figcaption>'
        f'<span class="side">{escape(_words(clip.name))}</span><br>reward {clip.score.value:.3f} '
        f"{_verdict(clip.score)}</figcaption></figure></div>"
    )


def _verdict(score: Score) -> str:
    if score.verdict is None:
        return ""
    if score.verdict.solved:
        return _chip("good", "solved")
    kinds = dict.fromkeys(violation.kind for violation in score.verdict.violations)
    return " ".join(_chip("bad", _words(kind)) for kind in kinds) or _chip("bad", "goal not held")


def _rows(table: AuditTable) -> str:
    head = "<tr><th>video</th><th>kind</th><th>videos</th><th>lowest</th><th>mean</th><th>highest</th></tr>"
    rows = "".join(
        f'<tr><td>{escape(_words(name))}</td><td class="kind">{escape(kind)}</td><td>{count}</td>'
        + "".join(f"<td>{value:.3f}</td>" for value in values)
        + "</tr>"
        for name, kind, count, *values in table.rows
    )
    return f'<div class="tablebox"><table>{head}{rows}</table></div>'


def _words(name: str) -> str:
    return name.replace("_", " ").replace("+", " + ")


def _chip(kind: str, text: str) -> str:
    return f'<span class="chip {kind}">{escape(text)}</span>'
