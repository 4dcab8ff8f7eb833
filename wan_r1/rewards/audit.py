"""Does honesty pay? Every reward is scored on the zoo of rewards/cheats.py, on drawn and encoded videos."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.rewards.cheats import Example, Kind, zoo
from wan_r1.rewards.pool import ScorePool
from wan_r1.rewards.reward import Reward
from wan_r1.rewards.search import Finding, search
from wan_r1.tasks import make_tasks
from wan_r1.types import Score, Task
from wan_r1.video import read_video, write_video

__all__ = ["AuditReport", "AuditRow", "Watch", "audit", "audit_tasks"]

MIN_HONEST = 0.95
"""A solved video must score at least this."""
MAX_CHEAT = 0.3
"""No cheat may score above this, nor above the honest half-way video of the same task."""
MIN_ROC_AREA = 0.99
"""Probability, at least, that an honest video scores above a cheat."""

HELD_FRAME_BYTES = 2**21
"""One frame of each video that is held at a time takes up to this much, or one video does: 150 MB at 1024 px."""

Watch = Callable[[int, Example, Score], None]
"""Called with (index of the task, video as it was scored, its score)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditRow:
    """The scores of one kind of video over all tasks."""

    name: str
    kind: Kind
    num_videos: int
    mean: float
    lowest: float
    highest: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditReport:
    """All rows, and the checks by name: True where the reward is sound.

    exact: every honest video scores >= 0.95; prefixes: 25, 50 and 75 per cent are in order in each task; cheats: none
    above 0.3 nor above its task's half-way video; roc: area under the curve of honest against cheat >= 0.99; search,
    if asked for: no edit of a frozen video above 0.3. found: the best value of the search in each task.
    """

    rows: tuple[AuditRow, ...]
    checks: dict[str, bool]
    roc_area: float
    found: tuple[float, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all checks hold."""
        return all(self.checks.values())


def audit(
    reward: Reward,
    family_name: str = "maze",
    num_tasks: int = 4,
    seed: int = 0,
    num_frames: int = 49,
    *,
    crf: int | None = 23,
    workers: int = 0,
    num_edits: int = 0,
    watch: Watch | None = None,
    **settings: Any,
) -> AuditReport:
    """Score the zoo of `num_tasks` tasks of a family (with these settings) by a reward; see audit_tasks."""
    if num_tasks < 1:
        raise ConfigError(f"num_tasks: {num_tasks}; must be at least 1")
    tasks = make_tasks(family_name, seed, num_tasks, **settings)
    return audit_tasks(reward, tasks, num_frames, seed, crf=crf, workers=workers, num_edits=num_edits, watch=watch)


def audit_tasks(
    reward: Reward,
    tasks: Sequence[Task],
    num_frames: int = 49,
    seed: int = 0,
    *,
    crf: int | None = 23,
    workers: int = 0,
    num_edits: int = 0,
    watch: Watch | None = None,
) -> AuditReport:
    """Score the zoo of given tasks, for example levels of VR-Bench.

    crf: quality of the H.264 encoding that every video goes through; None scores the drawn pixels. num_edits: videos
    that the adversarial search tries in each task besides (rewards/search.py).
    """
    results, findings = [], []
    with ScorePool(reward, workers) as pool:
        for index, task in enumerate(tasks):
            kinds: dict[str, Kind] = {}
            values: dict[str, float] = {}
            for example, score in _scored(pool, task, zoo(task, num_frames, seed), crf, max(1, workers)):
                kinds[example.name], values[example.name] = example.kind, score.value
                if watch is not None:
                    watch(index, example, score)
            results.append(_TaskResult(values=values, kinds=kinds))
            if num_edits:
                findings.append(search(pool, task, num_frames, num_edits, seed))
                if watch is not None:
                    watch(index, Example(name="search", kind="cheat", video=findings[-1].video), findings[-1].score)
    return _report(results, findings)


def _scored(
    pool: ScorePool, task: Task, examples: Iterator[Example], crf: int | None, workers: int
) -> Iterator[tuple[Example, Score]]:
    """Each example as it is after encoding, with its score; few are held at a time."""
    per_frame = task.first_frame.nbytes
    while part := list(islice(examples, workers * max(1, HELD_FRAME_BYTES // per_frame))):
        shown = [Example(name=each.name, kind=each.kind, video=_encoded(each, crf)) for each in part]
        scores = pool.submit([task] * len(shown), [each.video for each in shown]).result()
        yield from zip(shown, scores, strict=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _TaskResult:
    values: dict[str, float]
    kinds: dict[str, Kind]

    def of(self, kind: Kind) -> list[float]:
        return [self.values[name] for name, each in self.kinds.items() if each == kind]


def _encoded(example: Example, crf: int | None) -> NDArray[np.uint8]:
    if crf is None:
        return example.video
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_video(path, example.video, crf=crf)
        return read_video(path)[:, : example.video.shape[1], : example.video.shape[2]]


def _report(results: Sequence[_TaskResult], findings: Sequence[Finding]) -> AuditReport:
    kinds = {name: kind for result in results for name, kind in result.kinds.items()}
    rows = tuple(
        _row(name, kind, [r.values[name] for r in results if name in r.values]) for name, kind in kinds.items()
    )
    honest = np.asarray([value for result in results for value in result.of("honest")])
    cheats = np.asarray([value for result in results for value in result.of("cheat")])
    area = float((honest[:, None] > cheats).mean() + 0.5 * (honest[:, None] == cheats).mean())
    checks = {
        "exact": bool((honest >= MIN_HONEST).all()),
        "prefixes": all(bool((np.diff(result.of("prefix")) > 0).all()) for result in results),
        "cheats": all(max(r.of("cheat")) <= min(MAX_CHEAT, r.values["prefix50"]) for r in results),
        "roc": area >= MIN_ROC_AREA,
    }
    found = tuple(finding.score.value for finding in findings)
    if found:
        checks["search"] = max(found) <= MAX_CHEAT
    return AuditReport(rows=rows, checks=checks, roc_area=area, found=found)


def _row(name: str, kind: Kind, values: Sequence[float]) -> AuditRow:
    return AuditRow(
        name=name,
        kind=kind,
        num_videos=len(values),
        mean=float(np.mean(values)),
        lowest=min(values),
        highest=max(values),
    )
