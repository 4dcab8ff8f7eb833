"""Reading Target-Bench's folders.

Its points are (x right, y forward) in metres from the current frame; ours are (x forward, y left).
"""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError, VideoError
from wan_r1.types import Anchor, Path, Task
from wan_r1.video import VIDEO_SUFFIXES, read_image

__all__ = [
    "HORIZONS",
    "REFERENCE_MODEL",
    "SegmentState",
    "list_models",
    "list_segments",
    "list_videos",
    "read_segment",
    "read_truth",
]

HORIZONS = ("2s", "4s")
"""Variants of a segment that begin later."""
BENCHMARK, VIDEOS = "Benchmark", "wm_videos"
REFERENCE_MODEL = "gt_videos"
"""Folder of wm_videos with the real videos, as on Target-Bench's leaderboard."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SegmentState:
    """What a segment has besides its prompt, first picture and path."""

    name: str
    anchor: Anchor
    """The picture at the start of the segment, and the metres from there to the conditioning picture."""
    reference_video: FilePath | None
    """The real video from the conditioning picture to the end, wm_videos/gt_videos/<segment>.mp4, if there is one."""


def list_segments(root: str | FilePath) -> list[FilePath]:
    """The folders of all segments, by name; `root` is the dataset or its folder Benchmark."""
    root = FilePath(root)
    inside = root / BENCHMARK if (root / BENCHMARK).is_dir() else root
    folders = [each for each in _folders(inside, "segments") if each.name != VIDEOS]
    if not folders:
        raise DatasetError(f"{inside}: holds no segment folders; `wan-r1 make navigation --out DIR` writes some")
    return folders


def list_models(root: str | FilePath) -> list[FilePath]:
    """The folders of all models in wm_videos, by name; `root` is the dataset or that folder itself."""
    root = FilePath(root)
    return _folders(root / VIDEOS if (root / VIDEOS).is_dir() else root, "videos")


def list_videos(root: str | FilePath) -> dict[str, dict[str, FilePath]]:
    """Model -> segment -> video file, of the models that have any; the first by name counts for a segment."""
    found = {model.name: _videos(model) for model in list_models(root)}
    if not any(found.values()):
        raise DatasetError(f"{root}: holds no videos; expected {VIDEOS}/MODEL/SEGMENT.mp4")
    return {name: videos for name, videos in found.items() if videos}


def _videos(model: FilePath) -> dict[str, FilePath]:
    """Segment -> video of one model; none where its folder cannot be read."""
    try:
        files = sorted(each for each in model.iterdir() if each.suffix.lower() in VIDEO_SUFFIXES)
    except OSError:
        return {}
    return {each.stem: each for each in reversed(files) if not each.name.startswith(".")}


def _folders(inside: FilePath, kind: str) -> list[FilePath]:
    """Folders by name, without those that notebooks and archives of macOS leave behind."""
    try:
        return sorted(each for each in inside.iterdir() if each.is_dir() and not each.name.startswith((".", "__")))
    except OSError as error:
        raise DatasetError(f"{inside}: not a folder of {kind} ({error.strerror})") from error


def read_segment(folder: str | FilePath, horizon: str | None = None) -> Task:
    """The task of a segment folder; `horizon` takes the variant that begins 2 s or 4 s later.

    Raises:
        DatasetError: a file is missing or wrong: empty caption, no scale, points that are not finite, ...
    """
    folder = FilePath(folder)
    if horizon is not None and horizon not in HORIZONS:
        raise DatasetError(f"horizon {horizon!r}: use {', '.join(HORIZONS)} or none")
    prompt = _read_text(_file(folder, "_caption.txt")).strip()
    if not prompt:
        raise DatasetError(f"{_file(folder, '_caption.txt')}: the caption is empty; write what to walk to")
    before, current = ("_first_frame.png", "_current_frame.png")
    if horizon is not None:
        before, current = "_current_frame.png", f"_{horizon}.png"
    points = _reference(folder, horizon)
    video = folder.parent.parent / VIDEOS / REFERENCE_MODEL / f"{folder.name}.mp4"
    anchor = Anchor(picture=_picture(_file(folder, before)), distance_m=_distance(folder, horizon))
    return Task(
        family="target_bench",
        seed=0,
        settings={"segment": folder.name, "horizon": horizon},
        prompt=prompt,
        first_frame=_picture(_file(folder, current)),
        objects={},
        sprites={},
        goals=(),
        solution=Path(points=points, unit="metre"),
        state=SegmentState(
            name=folder.name, anchor=anchor, reference_video=video if horizon is None and video.is_file() else None
        ),
    )


def read_truth(video_path: str | FilePath) -> NDArray[np.float32]:
    """True camera points [T, 2] (x forward, y left) of a drawn video, from <video>_poses.csv beside it."""
    path = FilePath(video_path)
    return _points(path.with_name(f"{path.stem}_poses.csv"))


def _file(folder: FilePath, ending: str) -> FilePath:
    """<segment><ending>, or the only file with this ending."""
    own = folder / f"{folder.name}{ending}"
    found = [own] if own.is_file() else sorted(folder.glob(f"*{ending}"))
    if len(found) != 1:
        raise DatasetError(f"{own}: missing" if not found else f"{folder}: {len(found)} files end in {ending}, not 1")
    return found[0]


def _read_text(path: FilePath) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error


def _picture(path: FilePath) -> NDArray[np.uint8]:
    try:
        return read_image(path)
    except VideoError as error:
        raise DatasetError(str(error)) from error


def _metadata(path: FilePath) -> dict[str, Any]:
    try:
        values = json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise DatasetError(f"{path}: expected a JSON object; got {type(values).__name__}")
    return values


def _distance(folder: FilePath, horizon: str | None) -> float:
    """Metres from the anchor's picture to the conditioning picture."""
    path = _file(folder, "_metadata.json" if horizon is None else f"_metadata_{horizon}.json")
    values = _metadata(path)
    name = "distance_first_to_current" if horizon is None else f"distance_current_to_{horizon}_meters"
    given = values.get(name)
    if horizon is None:
        name, given = f"{name}.distance_meters", given.get("distance_meters") if isinstance(given, dict) else None
    try:
        metres = float(given) if isinstance(given, (int, float)) and not isinstance(given, bool) else math.nan
    except OverflowError:
        metres = math.inf
    if not math.isfinite(metres):
        raise DatasetError(f"{path}: {name}: expected metres as a number; got {repr(given)[:80]}")
    if metres <= 0:
        raise DatasetError(f"{path}: {name} is {given}: nothing has moved, so the scale of the path is undefined")
    return metres


def _reference(folder: FilePath, horizon: str | None) -> NDArray[np.float32]:
    """Points [M, 2] of the reference; a horizon's begin at 0 again, without turning, as in Target-Bench."""
    if horizon is None:
        return _points(_file(folder, "_trajectory.csv"))
    if list(folder.glob(f"*_trajectory_{horizon}.csv")):
        points = _points(_file(folder, f"_trajectory_{horizon}.csv"))
    else:
        path = _file(folder, f"_metadata_{horizon}.json")
        name = f"horizon_{horizon}_frame_index_relative"
        first, points = _metadata(path).get(name), _points(_file(folder, "_trajectory.csv"))
        if not isinstance(first, int) or isinstance(first, bool) or not 0 <= first < len(points) - 1:
            raise DatasetError(f"{path}: {name}: expected a row of the {len(points)} of the path; got {first!r}")
        points = points[first:]
    return np.asarray(points - points[:1])


def _points(path: FilePath) -> NDArray[np.float32]:
    """Columns x (right) and y (forward) of a CSV file as points [M, 2], x forward and y left."""
    try:
        rows = list(csv.DictReader(_read_text(path).splitlines()))
    except csv.Error as error:
        raise DatasetError(f"{path}: not valid CSV ({error})") from error
    if len(rows) < 2:
        raise DatasetError(f"{path}: {len(rows)} points; a path needs at least 2")
    points = np.empty((len(rows), 2), np.float32)
    for line, row in enumerate(rows, start=2):
        for axis, name in enumerate(("x", "y")):
            try:
                points[line - 2, axis] = float(row[name])
            except (KeyError, TypeError, ValueError) as error:
                raise DatasetError(
                    f"{path}: line {line}, column {name}: expected a number; got {row.get(name)!r}"
                ) from error
    wrong = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(wrong):
        raise DatasetError(f"{path}: line {wrong[0] + 2}: not a finite point ({len(wrong)} such lines)")
    return np.stack([points[:, 1], -points[:, 0]], axis=1)
