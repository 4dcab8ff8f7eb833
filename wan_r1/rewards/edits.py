"""Edits of a frozen video, drawn at random: patches of its picture or of plain colour, still, gliding or hopping.

They are what the adversarial search (rewards/search.py) is made of. With the pictures come labels, which say which
pixels show which object: what an edited video shows is known without any tracker.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.rewards.ways import until
from wan_r1.trackers.scene import without_objects
from wan_r1.types import Box, Task

__all__ = ["KINDS", "Canvas", "Edit", "apply_edits", "canvas_of", "changed_edits", "random_edit"]

Kind = Literal["paste", "move", "erase", "recolour"]
KINDS: tuple[Kind, ...] = ("paste", "move", "erase", "recolour")
KIND_SHARES = (0.3, 0.4, 0.15, 0.15)

MAX_EDITS = 5
MAX_PLACES = 4

SAME_COLOR = 60
"""Grey levels, in each channel, up to which paint counts as an object's own colour."""

SHOWN = 0.5
"""Opacity from which a pixel shows what was laid on it."""

Point = tuple[float, float]
Video = NDArray[np.uint8]
RNG = np.random.Generator


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """One edit, in frames first .. last - 1.

    paste: the patch `source` of the first frame is laid centred on `places` in turn, in straight lines (`glide`) or in
    hops; move: and the source is filled with the patch `ground`, cut where no object is; erase: only that; recolour:
    the patch is `color`. A round patch is an ellipse. Boxes and places are in image units.
    """

    kind: Kind
    source: Box
    ground: Box
    places: tuple[Point, ...]
    glide: bool
    first: int
    last: int
    scale: float
    opacity: float
    round: bool
    color: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Canvas:
    """What is edited: picture [H, W, 3] with its objects, empty [H, W, 3] without, labels [H, W] uint8 (object i is
    i + 1), and colors [O, 3], the mean colour of each object."""

    picture: Video
    empty: Video
    labels: NDArray[np.uint8]
    colors: NDArray[np.float32]


def canvas_of(task: Task) -> Canvas:
    """The canvas of a task's first frame."""
    height, width = task.first_frame.shape[:2]
    labels, colors = np.zeros((height, width), np.uint8), []
    for index, (name, box) in enumerate(task.objects.items(), start=1):
        sprite = task.sprites[name]
        rows, cols = _span(box.center, (box.height, box.width), (height, width))
        alpha = cv2.resize(sprite.alpha, (cols.stop - cols.start, rows.stop - rows.start))
        _lay(labels, np.full(alpha.shape, index, np.uint8), alpha, (rows, cols))
        weight = sprite.alpha[..., None]
        colors.append((sprite.rgb * weight).sum(axis=(0, 1)) / max(float(weight.sum()), 1e-6))
    return Canvas(
        picture=task.first_frame, empty=without_objects(task), labels=labels, colors=np.asarray(colors, np.float32)
    )


def apply_edits(canvas: Canvas, edits: Sequence[Edit], num_frames: int) -> tuple[Video, NDArray[np.uint8]]:
    """The edited video [T, H, W, 3] and its labels [T, H, W], later edits on top."""
    video = np.repeat(canvas.picture[None], num_frames, axis=0)
    labels = np.repeat(canvas.labels[None], num_frames, axis=0)
    for edit in edits:
        source = _cut(canvas.picture, canvas.labels, edit.source, edit.scale)
        ground = _cut(canvas.empty, np.zeros_like(canvas.labels), edit.ground, 1.0)
        if edit.kind == "recolour":
            near = np.abs(canvas.colors - edit.color).max(axis=1) < SAME_COLOR
            label = int(near.argmax()) + 1 if near.any() else 0
            source = (np.full_like(source[0], edit.color), np.full_like(source[1], label))
        for frame, place in zip(range(edit.first, edit.last), _walk(edit), strict=True):
            if edit.kind in ("move", "erase"):
                size = (edit.source.height, edit.source.width)
                _stamp(video[frame], labels[frame], ground, edit.source.center, size, edit)
            if edit.kind != "erase":
                size = (edit.scale * edit.source.height, edit.scale * edit.source.width)
                _stamp(video[frame], labels[frame], source, place, size, edit)
    return video, labels


def _walk(edit: Edit) -> NDArray[np.float32]:
    """Where the patch is in each frame of an edit, [frames, 2]."""
    places, count = np.asarray(edit.places, np.float32), edit.last - edit.first
    if edit.glide and len(places) > 1:
        return until(np.linspace(0, 1, count), places)
    return np.asarray(places[np.arange(count) * len(places) // count])


def _cut(picture: Video, labels: NDArray[np.uint8], box: Box, scale: float) -> tuple[Video, NDArray[np.uint8]]:
    rows, cols = _span(box.center, (box.height, box.width), picture.shape[:2])
    rows, cols = (slice(max(0, span.start), max(1, span.stop)) for span in (rows, cols))
    patch, patch_labels = picture[rows, cols], labels[rows, cols]
    size = [max(1, round(scale * length)) for length in patch_labels.shape]
    if 0 in patch_labels.shape:
        return np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8)
    shape = (size[1], size[0])
    return (
        np.asarray(cv2.resize(patch, shape, interpolation=cv2.INTER_LINEAR), np.uint8),
        np.asarray(cv2.resize(patch_labels, shape, interpolation=cv2.INTER_NEAREST), np.uint8),
    )


def _stamp(
    frame: Video,
    labels: NDArray[np.uint8],
    patch: tuple[Video, NDArray[np.uint8]],
    center: Point | NDArray[np.float32],
    size: Point,
    edit: Edit,
) -> None:
    """Lay a patch over a frame and its labels, in place."""
    span = _span(center, size, labels.shape)
    shape = (span[1].stop - span[1].start, span[0].stop - span[0].start)
    rgb = cv2.resize(patch[0], shape, interpolation=cv2.INTER_LINEAR)
    marks = cv2.resize(patch[1], shape, interpolation=cv2.INTER_NEAREST)
    alpha = np.full(marks.shape, edit.opacity, np.float32)
    if edit.round:
        alpha *= cv2.resize(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (31, 31)).astype(np.float32), shape)
    _lay(frame, rgb, alpha, span)
    _lay(labels, marks, alpha, span)


def _span(center: Point | NDArray[np.float32], size: Point, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of a box (height, width) around (x, y); it may lie outside."""
    spans = []
    for middle, length, pixels in zip((center[1], center[0]), size, shape, strict=False):
        first = round((float(middle) - length / 2) * pixels)
        spans.append(slice(first, first + max(1, round(length * pixels))))
    return spans[0], spans[1]


def _lay(
    picture: NDArray[np.uint8], patch: NDArray[np.uint8], alpha: NDArray[np.float32], span: tuple[slice, slice]
) -> None:
    """Blend colours [h, w, 3], or set labels [h, w] where they are shown, inside the picture, in place."""
    here, part = [], []
    for each, length in zip(span, picture.shape, strict=False):
        first, last = max(0, each.start), min(length, each.stop)
        if first >= last:
            return
        here.append(slice(first, last))
        part.append(slice(first - each.start, last - each.start))
    region, alpha, patch = picture[tuple(here)], alpha[tuple(part)], patch[tuple(part)]
    if picture.ndim == 2:
        region[alpha > SHOWN] = patch[alpha > SHOWN]
    else:
        region[:] = (region * (1 - alpha[..., None]) + patch * alpha[..., None]).round().astype(np.uint8)


# ------------------------------------------------------------------------------------------------- chance


def random_edit(task: Task, num_frames: int, rng: RNG) -> Edit:
    """An edit that has to do with the task: its objects, its goals, its way; or with anything."""
    glide, (first, last) = bool(rng.random() < 0.5), _frames(num_frames, rng)
    return Edit(
        kind=KINDS[rng.choice(len(KINDS), p=KIND_SHARES)],
        source=_box(task, rng),
        ground=_box(task, rng),
        places=tuple(_place(task, rng) for _ in range(int(rng.integers(1, MAX_PLACES + 1)))),
        glide=glide,
        first=first,
        last=last,
        scale=1.0 if rng.random() < 0.75 else float(rng.uniform(0.4, 1.8)),
        opacity=1.0 if rng.random() < 0.8 else float(rng.uniform(0.2, 1.0)),
        round=bool(rng.random() < 0.5),
        color=_color(task, rng),
    )


def changed_edits(edits: Sequence[Edit], task: Task, num_frames: int, rng: RNG) -> tuple[Edit, ...]:
    """The same edits but for one that is added, taken away, or drawn anew in a few of its fields."""
    kept, way = list(edits), rng.random()
    if way < 0.25 and len(kept) < MAX_EDITS:
        kept.insert(int(rng.integers(len(kept) + 1)), random_edit(task, num_frames, rng))
    elif way < 0.4 and len(kept) > 1:
        kept.pop(int(rng.integers(len(kept))))
    else:
        index = int(rng.integers(len(kept)))
        kept[index] = _redrawn(kept[index], random_edit(task, num_frames, rng), rng)
    return tuple(kept)


def _redrawn(edit: Edit, other: Edit, rng: RNG) -> Edit:
    """Each field is taken over from another edit with a small chance; places may only shift a little."""
    taken = {name: getattr(other, name) for name in Edit.__slots__ if rng.random() < 0.2}
    if "last" in taken or "first" in taken:
        taken |= {"first": other.first, "last": other.last}
    if rng.random() < 0.5:
        taken["places"] = tuple((x + rng.normal(0, 0.02), y + rng.normal(0, 0.02)) for x, y in edit.places)
    return replace(edit, **taken)


def _frames(num_frames: int, rng: RNG) -> tuple[int, int]:
    ends = sorted(int(end) for end in rng.choice(num_frames + 1, size=2, replace=False))
    first = ends[0] if rng.random() < 0.4 else int(rng.integers(0, 2))
    last = ends[1] if rng.random() < 0.4 else num_frames
    return min(first, last - 1), last


def _box(task: Task, rng: RNG) -> Box:
    known = [*task.objects.values(), *task.goals]
    box, chance = known[rng.integers(len(known)) if rng.random() < 0.4 else 0], rng.random()
    if chance < 0.6:
        return box
    if chance < 0.75:  # a part of it, or a little beside it
        dx, dy = rng.uniform(-0.5, 0.5, size=2) * (box.width, box.height)
        return replace(box, x=box.x + float(dx), y=box.y + float(dy))
    width, height = (box.width, box.height) if chance < 0.9 else (float(v) for v in rng.uniform(0.02, 0.6, size=2))
    x, y = (float(v) for v in rng.uniform(0, 1, size=2))
    return Box(x=x - width / 2, y=y - height / 2, width=width, height=height)


def _place(task: Task, rng: RNG) -> Point:
    chance = rng.random()
    if chance < 0.3:
        return task.goals[rng.integers(len(task.goals))].center
    if chance < 0.45:
        known = list(task.objects.values())
        return known[rng.integers(len(known))].center
    if chance < 0.75:
        x, y = until(np.asarray([rng.uniform()]), task.solution.points)[0]
    else:
        x, y = rng.uniform(0, 1, size=2)
    return float(x), float(y)


def _color(task: Task, rng: RNG) -> tuple[int, int, int]:
    names = list(task.sprites)
    sprite = task.sprites[names[rng.integers(len(names))]]
    color = sprite.rgb[tuple(length // 2 for length in sprite.alpha.shape)]
    r, g, b = (int(v) for v in (color if rng.random() < 0.6 else rng.integers(0, 256, size=3)))
    return r, g, b
