"""A run folder: fixed file names, whole writes, JSON lines.

    runs/NAME/
      recipe.toml        the resolved recipe: every default written out
      provenance.json    library version, git commit, command line, start time, Python, platform; the same per resume
      metrics.jsonl      one JSON object per step; "step" and plain numbers named "group/name" (below)
      summary.json       the final table
      log.txt            what the program said
      checkpoints/       written by the trainer
      videos/            MP4 files and index.json, a list of VideoEntry objects
      report.html        written by `wan-r1 report`

Groups of metrics that the report draws: `reward/mean`, `reward/spread`; `rollout/em`, `rollout/sr`,
`rollout/pass_at_K` (K = 1, 2, 4 .. and the group size), `rollout/distinct_paths` (in a group, as a share of its
videos), `rollout/groups_kept`; `validation/em` with `validation/em_low` and `validation/em_high` (95 % interval), and
`validation_raw/em` (weights instead of their average); `part/NAME` (reward parts); `update_N/NAME`;
`seconds/PHASE`; any other group, and any number without one, gets a plain plot.

summary.json holds one object for each system that was evaluated ("sft", "rl", controls), each with value, n, layouts
and, where the reward gives verdicts, em, sr, their intervals and pass_at_k {"1": ..}; beside them algorithm, sampler,
seconds (of the last session), training_seconds (of all) and
difference {"em", "em_ci95", "failures_removed"}.

Every file is written whole or not at all: temporary file, fsync, rename. A write that fails (a full disk, say) raises
CheckpointError with the path and leaves the previous file as it was.
"""

import json
import math
import os
import platform
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wan_r1 import __version__
from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.files import write_whole
from wan_r1.types import Score, Verdict
from wan_r1.video import encode_video

__all__ = ["GROUPS", "RunFolder", "VideoEntry", "make_folder", "read_json", "write_bytes", "write_json", "write_text"]

GROUPS = ("before", "after")
"""Sides of a comparison that a video of the run belongs to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoEntry:
    """One line of videos/index.json: which video, and what was read from it.

    name: unique in the run. group: one of GROUPS. task: name of the task, equal for the videos that are shown side by
    side. file: name inside videos/. value in [0, 1] and parts: the reward. verdict: the fields of Verdict as plain
    values, or None. track: one [x, y] per frame, None where the agent was not seen; solution: the path that should be
    walked; unit: "image" or, for the camera of a first-person video, "metre" (x forward, y left). fps: frames per
    second of the file.
    """

    name: str
    group: str
    task: str
    file: str
    value: float
    parts: dict[str, float]
    verdict: dict[str, Any] | None
    track: list[list[float] | None]
    solution: list[list[float]]
    fps: int
    unit: str = "image"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run; `path` need not exist before `start`."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.toml"

    @property
    def provenance(self) -> Path:
        """What made the run: version, commit, command."""
        return self.path / "provenance.json"

    @property
    def metrics(self) -> Path:
        """One JSON object per step."""
        return self.path / "metrics.jsonl"

    @property
    def summary(self) -> Path:
        """The final table."""
        return self.path / "summary.json"

    @property
    def log(self) -> Path:
        """What the program said."""
        return self.path / "log.txt"

    @property
    def report(self) -> Path:
        """The HTML page."""
        return self.path / "report.html"

    @property
    def checkpoints(self) -> Path:
        """Folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def videos(self) -> Path:
        """Folder of videos."""
        return self.path / "videos"

    def start(self, recipe: str, *, resume: bool = False) -> list[str]:
        """Make the folder, save the resolved recipe (TOML text) and the provenance.

        Returns what a resumed run's recipe changes, "key: before -> now"; provenance.json keeps it too.

        Raises:
            ConfigError: the folder already holds a run and `resume` is false.
        """
        if self.metrics.exists() and not resume:
            raise ConfigError(f"{self.path}: already holds a run; pass --resume, or choose another folder")
        for folder in (self.checkpoints, self.videos):
            make_folder(folder)
        changed = _changes(self.recipe, recipe) if resume and self.recipe.exists() else []
        write_text(self.recipe, recipe)
        earlier = read_json(self.provenance) if resume and self.provenance.exists() else None
        if earlier is None:
            write_json(self.provenance, {**_provenance(), "resumed": []})
        else:
            again = {**_provenance(), "changed": changed}
            write_json(self.provenance, {**earlier, "resumed": [*earlier["resumed"], again]})
        return changed

    def append_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Add one line to metrics.jsonl; a number that is not finite becomes null."""
        line = json.dumps({"step": step, **_clean(dict(values))}, allow_nan=False) + "\n"
        _append(self.metrics, line.encode(), whole_lines=True)

    def read_metrics(self) -> list[dict[str, Any]]:
        """All lines of metrics.jsonl; a half-written last line is left out. An absent file has no lines."""
        if not self.metrics.exists():
            return []
        lines = self.metrics.read_bytes().split(b"\n")[:-1]
        entries = []
        for number, line in enumerate(lines, start=1):
            try:
                entries.append(json.loads(line))
            except ValueError as error:
                raise CheckpointError(f"{self.metrics}:{number}: not a JSON line ({error})") from error
        return entries

    def drop_metrics_after(self, step: int) -> None:
        """Drop the lines of later steps than `step`, so that a resumed run writes them again."""
        kept = [line for line in self.read_metrics() if line["step"] <= step]
        write_text(self.metrics, "".join(json.dumps(line, allow_nan=False) + "\n" for line in kept))

    def write_log(self, text: str) -> None:
        """Add lines to log.txt."""
        _append(self.log, (text.rstrip("\n") + "\n").encode(), whole_lines=False)

    def add_video(
        self,
        video: NDArray[np.uint8],
        *,
        group: str,
        task: str,
        score: Score,
        track: NDArray[np.float32] | None = None,
        solution: NDArray[np.float32] | None = None,
        unit: str = "image",
        fps: int = 8,
    ) -> VideoEntry:
        """Save video [T, H, W, 3] uint8 in videos/ and add it to index.json; the same group and task is replaced.

        `track` [T, 2] (NaN where not seen) and `solution` [N, 2] are points in the unit, "image" or "metre".
        """
        if group not in GROUPS:
            raise ConfigError(f'group "{group}": expected one of {", ".join(GROUPS)}')
        name = f"{group}_{task}"
        entry = VideoEntry(
            name=name,
            group=group,
            task=task,
            file=f"{name}.mp4",
            value=float(score.value),
            parts={key: float(part) for key, part in score.parts.items()},
            verdict=None if score.verdict is None else _plain_verdict(score.verdict),
            track=[] if track is None else _points(track),
            solution=[] if solution is None else [point for point in _points(solution) if point is not None],
            fps=fps,
            unit=unit,
        )
        make_folder(self.videos)
        write_bytes(self.videos / entry.file, encode_video(video, fps=fps))
        others = [other for other in self.read_videos() if other.name != name]
        write_json(self.videos / "index.json", [asdict(each) for each in [*others, entry]])
        return entry

    def read_videos(self) -> list[VideoEntry]:
        """The entries of videos/index.json in the order in which they were added; none if there is no such file."""
        index = self.videos / "index.json"
        if not index.exists():
            return []
        try:
            return [VideoEntry(**entry) for entry in read_json(index)]
        except TypeError as error:
            raise CheckpointError(f"{index}: not a list of videos ({error})") from error


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file whole or not at all; CheckpointError if it cannot be written, and the previous file stays."""
    path = Path(path)
    try:
        write_whole(path, data, durable=True)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error.strerror}); what was there is unchanged") from error


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write a JSON file whole or not at all; a number that is not finite becomes null."""
    write_text(path, json.dumps(_clean(value), indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """The value of a JSON file; CheckpointError if it is missing or broken."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable JSON file ({error})") from error


def _append(path: Path, data: bytes, *, whole_lines: bool) -> None:
    """Add bytes at the end of a file; with `whole_lines`, a half line that a crash left is cut off first."""
    try:
        with path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if whole_lines and end and not _ends_a_line(file, end):
                file.seek(0)
                end = file.read().rfind(b"\n") + 1
                file.truncate(end)
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.truncate(path, end)
                raise
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written ({error.strerror})") from error


def _ends_a_line(file: BinaryIO, end: int) -> bool:
    file.seek(end - 1)
    return file.read(1) == b"\n"


def make_folder(path: str | Path) -> None:
    """Make a folder and those above it; CheckpointError if that cannot be done."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot make the folder ({error.strerror})") from error


def _clean(value: Any) -> Any:
    """JSON values: numpy numbers and arrays become plain, paths become strings, not finite becomes None."""
    if isinstance(value, Mapping):
        return {str(key): _clean(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _clean(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    if isinstance(value, np.generic):
        return _clean(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value


def _plain_verdict(verdict: Verdict) -> dict[str, Any]:
    plain: dict[str, Any] = _clean(asdict(verdict))
    return plain


def _points(points: NDArray[np.float32]) -> list[list[float] | None]:
    return [[round(float(x), 5), round(float(y), 5)] if np.isfinite([x, y]).all() else None for x, y in points]


def _changes(file: Path, recipe: str) -> list[str]:
    """Settings in which a recipe (TOML text) differs from the one in the file; none if that cannot be read."""
    try:
        before, now = _flat(tomllib.loads(file.read_text(encoding="utf-8"))), _flat(tomllib.loads(recipe))
    except (OSError, ValueError):
        return []
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return [f"{name}: {before.get(name)} -> {now.get(name)}" for name in names]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as one, with names joined by dots."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def _provenance() -> dict[str, Any]:
    return {
        "version": __version__,
        "commit": _commit(),
        "command": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _commit() -> str | None:
    """Git commit of the source tree that this package runs from, with "+changes" if it differs; None outside git."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
