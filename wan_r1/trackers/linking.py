"""From instances in each frame to one track for each object, whether it has a look of its own or shares it."""

from dataclasses import replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from wan_r1.types import Box, Task, Track

__all__ = ["Found", "link_instances", "with_lasting_copies"]

LASTING_FRAMES, OF_FRAMES = 4, 8
"""Of so many frames in a row, those that show a faint further instance for it to count; ghosts of decoders last two or
three frames, and honest videos that went through an autoencoder show none in half of them."""

Found = list[tuple[float, float, float]]
"""Instances in one frame: x, y (pixel centres at integers) and score."""


def link_instances(
    found: list[dict[str, Found]], task: Task, alike: dict[str, tuple[str, ...]], size: tuple[float, float]
) -> Track:
    """One track for each object of a task: of several instances those on the smoothest way.

    found: per frame, the instances of each kind of object in pixels; alike: kind -> names of its objects; size (width,
    height): the picture in the same pixels.
    """
    names = tuple(task.objects)
    shape = (len(names), len(found))
    points = np.full((*shape, 2), np.nan, dtype=np.float32)
    scores, copies = np.zeros(shape, np.float32), np.zeros(shape, np.int64)
    for first, members in alike.items():
        rows = [names.index(name) for name in members]
        seen = np.flatnonzero([len(instances[first]) for instances in found])
        instances = [np.asarray(found[t][first]) for t in seen]
        for each in instances:
            each[:, :2] = (each[:, :2] + 0.5) / size
        if len(rows) > 1:
            chosen = _assigned(instances, [task.objects[name] for name in members])
        elif any(len(each) > 1 for each in instances):
            chosen = [[index] for index in _smoothest(instances, seen, task.objects[first])]
        else:
            chosen = [[0]] * len(seen)
        for t, each, indices in zip(seen, instances, chosen, strict=True):
            for row, index in zip(rows, indices, strict=True):
                if index >= 0:
                    points[row, t], scores[row, t], copies[row, t] = each[index, :2], each[index, 2], 1
            if len(each) > len(rows):
                copies[rows, t] += len(each) - len(rows)
    return Track(objects=names, points=points, seen=copies > 0, copies=copies, scores=scores, unit="image")


def with_lasting_copies(track: Track, faint: list[dict[str, Found]], alike: dict[str, tuple[str, ...]]) -> Track:
    """The track with one more copy in frames with a faint further instance, where LASTING_FRAMES of OF_FRAMES have one.

    It may stand, walk, tremble or blink. faint: per frame, the faint instances of each kind of object.
    """
    copies = track.copies.copy()
    for first, members in alike.items():
        rows = [track.objects.index(name) for name in members]
        there = np.asarray([bool(instances[first]) for instances in faint])
        if there.sum() < LASTING_FRAMES:
            continue
        for start in range(max(1, len(there) - OF_FRAMES + 1)):
            frames = start + np.flatnonzero(there[start : start + OF_FRAMES])
            if len(frames) >= LASTING_FRAMES:
                for row in rows:
                    copies[row, frames] = np.maximum(copies[row, frames], 2)
    return replace(track, copies=copies)


def _assigned(instances: list[NDArray[np.float64]], boxes: list[Box]) -> list[list[int]]:
    """Which instance (x, y, score) each of the objects that look alike is, per frame; -1 for none.

    Of all ways to share out as many as there are, the one with the least squared steps in object sizes.
    """
    scale = np.asarray([boxes[0].width, boxes[0].height])
    places = np.asarray([box.center for box in boxes])
    chosen = []
    for each in instances:
        steps = np.square((places[:, None] - each[None, :, :2]) / scale).sum(axis=2)
        spare = np.pad(steps, ((0, 0), (0, max(0, len(boxes) - len(each)))), constant_values=0)
        numbers = range(spare.shape[1])
        best = min(permutations(numbers, len(boxes)), key=lambda way: float(spare[range(len(boxes)), list(way)].sum()))
        chosen.append([index if index < len(each) else -1 for index in best])
        for row, index in enumerate(chosen[-1]):
            if index >= 0:
                places[row] = each[index, :2]
    return chosen


def _smoothest(instances: list[NDArray[np.float64]], frames: NDArray[np.int64], start: Box) -> list[int]:
    """Index of one instance (x, y, score) per frame: least squared steps, in object sizes, and missing scores."""
    scale = np.asarray([start.width, start.height])
    cost, back = np.zeros(1), []
    before, last = np.asarray([start.center]), -1
    for each, t in zip(instances, frames, strict=True):
        steps = np.square((each[:, None, :2] - before[None]) / scale).sum(axis=2) / (t - last)
        total = steps + cost[None] + 2 * (1 - each[:, 2:])
        back.append(total.argmin(axis=1))
        cost, before, last = total.min(axis=1), each[:, :2], int(t)
    index, chosen = int(cost.argmin()), []
    for pointers in reversed(back):
        chosen.append(index)
        index = int(pointers[index])
    return chosen[::-1]
