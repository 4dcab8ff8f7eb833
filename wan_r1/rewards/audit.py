"""Does honesty pay? Every reward is scored on the zoo of rewards/cheats.py, on drawn and encoded videos."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.rewards.cheats import Example, Kind, zoo
from wan_r1.rewards.pool import score_all
from wan_r1.rewards.reward import Reward
from wan_r1.tasks import make_tasks
from wan_r1.types import Task
from wan_r1.video import read_video, write_video

__all__ = ["AuditReport", "AuditRow", "audit", "audit_tasks"]

MIN_HONEST = 0.95
"""A solved video must score at least this."""
MAX_CHEAT = 0.3
"""No cheat may score above this, nor above the honest half-way video of the same task."""
MIN_ROC_AREA = 0.99
"""Probability, at least, that an honest video scores above a cheat."""


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
    above 0.3 nor above its task's half-way video; roc: area under the curve of honest against cheat >= 0.99.
    """

    rows: tuple[AuditRow, ...]
    checks: dict[str, bool]
    roc_area: float

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
    crf: int | None = 23,
    workers: int = 0,
    **settings: Any,
) -> AuditReport:
    """Score the zoo of `num_tasks` tasks of a family (with these settings) by a reward.

    crf: quality of the H.264 encoding that every video goes through; None scores the drawn pixels.
    """
    if num_tasks < 1:
        raise ConfigError(f"num_tasks: {num_tasks}; must be at least 1")
    return audit_tasks(reward, make_tasks(family_name, seed, num_tasks, **settings), num_frames, seed, crf, workers)


def audit_tasks(
    reward: Reward, tasks: Sequence[Task], num_frames: int, seed: int = 0, crf: int | None = 23, workers: int = 0
) -> AuditReport:
    """The same for given tasks, for example levels of VR-Bench."""
    results = []
    for task in tasks:
        examples = list(zoo(task, num_frames, seed))
        scores = score_all(reward, [task] * len(examples), [_encoded(example, crf) for example in examples], workers)
        values = {example.name: score.value for example, score in zip(examples, scores, strict=True)}
        results.append(_TaskResult(values=values, kinds={example.name: example.kind for example in examples}))
    return _report(results)


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


def _report(results: Sequence[_TaskResult]) -> AuditReport:
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
    return AuditReport(rows=rows, checks=checks, roc_area=area)


def _row(name: str, kind: Kind, values: Sequence[float]) -> AuditRow:
    return AuditRow(
        name=name,
        kind=kind,
        num_videos=len(values),
        mean=float(np.mean(values)),
        lowest=min(values),
        highest=max(values),
    )
