"""The zoo of first-person videos: walks that end early, and videos that only look like a walk to the target."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.rewards.cheats import PREFIXES, Example, Kind
from wan_r1.rewards.disturbances import DISTURBANCES, UNRANKED
from wan_r1.tasks import family_of, task_seed
from wan_r1.tasks.first_person import reference_video
from wan_r1.tasks.navigation import NavigationFamily
from wan_r1.types import Task

__all__ = ["WALK_CHEATS", "prefix_video", "walk_zoo"]

Video = NDArray[np.uint8]
HONEST = ("dark8", "low_contrast", "blur")
"""Disturbances after which the reference must still score as one."""


def walk_zoo(task: Task, num_frames: int, rng: np.random.Generator) -> Iterator[Example]:
    """All honest and cheating videos of a first-person task."""
    exact = np.array(reference_video(task, num_frames, *task.first_frame.shape[:2]))
    yield Example(name="exact", kind="honest", video=exact)
    for name in (*HONEST, *UNRANKED):
        kind: Kind = "honest" if name in HONEST else "unranked"
        yield Example(name=name, kind=kind, video=DISTURBANCES[name](exact, rng))
    for per_cent in PREFIXES:
        yield Example(name=f"prefix{per_cent}", kind="prefix", video=prefix_video(task, exact, per_cent / 100))
    for name, cheat in WALK_CHEATS.items():
        yield Example(name=name, kind="cheat", video=cheat(task, exact, rng))


def prefix_video(task: Task, exact: Video, share: float) -> Video:
    """The reference walk up to this share of its length, in its own time, then rest."""
    points = task.solution.points
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    moments = np.interp(np.linspace(0, 1, len(exact)), np.linspace(0, 1, len(points)), along / along[-1])
    last = max(0, int(np.searchsorted(moments, share, side="right")) - 1)
    return np.asarray(exact[np.minimum(np.arange(len(exact)), last)])


def _hard_cut(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    return np.where(np.arange(len(exact))[:, None, None, None] < len(exact) // 2, exact[:1], exact[-1:])


def _cross_fade(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    share = np.linspace(0, 1, len(exact))[:, None, None, None]
    return np.asarray((exact[0] * (1 - share) + exact[-1] * share).round().astype(np.uint8))


def _stills(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """Five stills of the walk, one after the other."""
    keys = np.linspace(0, len(exact) - 1, 5).round().astype(int)
    return np.asarray(exact[keys[(np.arange(len(exact)) * 5) // len(exact)]])


def _stills_faded(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """Five stills of the walk that fade into each other."""
    keys = exact[np.linspace(0, len(exact) - 1, 5).round().astype(int)].astype(np.float64)
    place = np.linspace(0, 4, len(exact))
    below = np.minimum(place.astype(int), 3)
    share = (place - below)[:, None, None, None]
    return np.asarray(((1 - share) * keys[below] + share * keys[below + 1]).round().astype(np.uint8))


def _zoom(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """The first frame, zoomed in on what fits the last frame best: nothing moves against anything else."""
    first, (height, width) = exact[0], exact.shape[1:3]
    small = cv2.resize(exact[-1], (max(4, width // 3), max(4, height // 3)), interpolation=cv2.INTER_AREA)
    found = cv2.minMaxLoc(cv2.matchTemplate(first, small, cv2.TM_CCOEFF_NORMED))[3]
    frames = []
    for share in np.linspace(0, 1, len(exact)):
        scale = 1 - share * (1 - small.shape[1] / width)
        x, y = found[0] * share, found[1] * share
        window = np.asarray([[1 / scale, 0, -x / scale], [0, 1 / scale, -y / scale]])
        frames.append(cv2.warpAffine(first, window, (width, height), borderMode=cv2.BORDER_REPLICATE))
    return np.stack(frames)


def _stills_zoomed(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """Five stills of the walk, each enlarged until the next one comes."""
    keys = np.linspace(0, len(exact) - 1, 5).round().astype(int)
    frames = []
    for number in range(len(exact)):
        part = int(np.searchsorted(keys, number, side="right")) - 1
        length = keys[min(part + 1, len(keys) - 1)] - keys[part]
        scale = 1 + 0.35 * (number - keys[part]) / max(length, 1)
        middle = exact.shape[2] * (1 - scale) / 2, exact.shape[1] * (1 - scale) / 2
        window = np.asarray([[scale, 0, middle[0]], [0, scale, middle[1]]])
        size = exact.shape[2], exact.shape[1]
        frames.append(cv2.warpAffine(exact[keys[part]], window, size, borderMode=cv2.BORDER_REPLICATE))
    return np.stack(frames)


def _zoom_faded(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """The zoom of the first frame, which fades into the goal."""
    share = np.linspace(0, 1, len(exact))[:, None, None, None]
    return np.asarray((_zoom(task, exact, rng) * (1 - share) + exact[-1] * share).round().astype(np.uint8))


def _goal_pasted(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """The last frame as a picture that grows on the first."""
    height, width = exact.shape[1:3]
    frames = np.array(exact[:1].repeat(len(exact), axis=0))
    for frame, share in zip(frames, np.linspace(0.2, 1, len(exact)), strict=True):
        rows, columns = max(4, round(share * height)), max(4, round(share * width))
        top, left = (height - rows) // 2, (width - columns) // 2
        small = cv2.resize(exact[-1], (columns, rows), interpolation=cv2.INTER_AREA)
        frame[top : top + rows, left : left + columns] = small
    return frames


def _first_stays(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """The first frame shines through the walk."""
    return np.asarray((0.6 * exact + 0.4 * exact[:1]).round().astype(np.uint8))


def _shifted(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """The second half of the walk, slowly: it does not begin where it should."""
    half = len(exact) // 2
    return np.asarray(exact[np.linspace(half, len(exact) - 1, len(exact)).round().astype(int)])


def _other_walk(task: Task, num_frames: int) -> Video:
    family = family_of(task) if isinstance(task.settings.get("level"), str) else NavigationFamily()
    other = replace(family, size=max(task.first_frame.shape[:2]))  # type: ignore[type-var]
    height, width = task.first_frame.shape[:2]
    return reference_video(other.generate(task_seed(task.seed % 2**32, 1)), num_frames, height, width)


def _other_goal(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """The walk of another room, after the right first frame."""
    return np.concatenate([exact[:1], _other_walk(task, len(exact))[1:]])


def _other_goal_late(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """A quarter of the right walk, then another room's goal."""
    quarter = len(exact) // 4
    return np.concatenate([exact[:quarter], _other_walk(task, len(exact))[quarter:]])


def _other_goal_faded(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """A quarter of the right walk, which fades within an eighth of the video into that of another room."""
    quarter, eighth = len(exact) // 4, max(1, len(exact) // 8)
    share = np.clip((np.arange(len(exact)) - quarter) / eighth, 0, 1)[:, None, None, None]
    return np.asarray((exact * (1 - share) + _other_walk(task, len(exact)) * share).round().astype(np.uint8))


def _late_cut(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    """Stands still until the last two frames, which show the goal."""
    return np.concatenate([exact[:1].repeat(len(exact) - 2, axis=0), exact[-1:].repeat(2, axis=0)])


def _shuffled(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    middle = rng.permutation(np.arange(1, len(exact) - 1))
    return np.asarray(exact[np.concatenate([[0], middle, [len(exact) - 1]])])


def _noise(task: Task, exact: Video, rng: np.random.Generator) -> Video:
    return np.concatenate([exact[:1], rng.integers(0, 256, exact[1:].shape, dtype=np.uint8)])


WALK_CHEATS: dict[str, Callable[[Task, Video, np.random.Generator], Video]] = {
    "frozen": lambda task, exact, rng: exact[:1].repeat(len(exact), axis=0),
    "reversed": lambda task, exact, rng: exact[::-1],
    "leave": lambda task, exact, rng: np.concatenate([exact[::2], exact[::-1][1::2]]),
    "hard_cut": _hard_cut,
    "late_cut": _late_cut,
    "cross_fade": _cross_fade,
    "stills": _stills,
    "stills_faded": _stills_faded,
    "stills_zoomed": _stills_zoomed,
    "zoom": _zoom,
    "zoom_faded": _zoom_faded,
    "goal_pasted": _goal_pasted,
    "first_stays": _first_stays,
    "shifted": _shifted,
    "other_goal": _other_goal,
    "other_goal_late": _other_goal_late,
    "other_goal_faded": _other_goal_faded,
    "shuffled": _shuffled,
    "noise": _noise,
}
"""Name -> (task, reference video, rng) -> video [T, H, W, 3] that should earn nothing."""
