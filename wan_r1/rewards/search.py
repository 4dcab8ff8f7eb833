"""An adversary: edits a frozen video at random, keeps what a reward pays best, and edits that again.

Nothing in a frozen video earns a reward. What the search finds is therefore a hole in the reward, unless the edits
happen to draw the agent on a legal way: such videos are thrown away unscored. That is told from the labels of
rewards/edits.py and the rules of the family, not from the reward or its tracker.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.rewards.edits import Canvas, Edit, apply_edits, canvas_of, changed_edits, random_edit
from wan_r1.rewards.pool import ScorePool
from wan_r1.tasks import family_of
from wan_r1.types import Score, Task, Track

__all__ = ["Finding", "search", "shown_track", "without_ghosts"]

GENERATION = 16
"""Videos that are scored at a time; half are drawn from nothing, half from the best so far."""

KEPT = 8
"""Edited videos that others are made from."""

MAX_EARNED = 0.1
"""Share of the way that the agent may truly go: an honest video of it scores far below any bar."""

MAX_DRAWS = 20
"""Draws for one video; after that it is drawn from nothing, whatever the parent."""

GHOST_SHARE = 0.2
"""Share of the frames that may show an object twice on a legal way: the rules forgive blinks, and a tracker does not
tell two from one where they touch."""

LEAST_PART = 0.4
"""Share of an object's pixels in one piece that still is this object."""

Video = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Finding:
    """The best-paid video [T, H, W, 3] of a search, its edits and its score; num_scored videos, and num_legal others
    that were thrown away because the agent went a legal way in them."""

    score: Score
    video: Video
    edits: tuple[Edit, ...]
    num_scored: int
    num_legal: int


def search(pool: ScorePool, task: Task, num_frames: int, num_edits: int, seed: int = 0) -> Finding:
    """Score `num_edits` edited videos of a task; the same for any number of workers."""
    if num_edits < 1 or num_frames < 2:
        raise ConfigError(f"search of {num_edits} edits in {num_frames} frames: take at least 1 edit and 2 frames")
    rng = np.random.default_rng([seed, task.seed % 2**32, 1])
    canvas, best = canvas_of(task), list[tuple[Score, tuple[Edit, ...]]]()
    scored = legal = 0
    while scored < num_edits:
        parents = [edits for _, edits in best]
        drawn = []
        for index in range(min(GENERATION, num_edits - scored)):
            edits, refused = _draw(task, canvas, num_frames, parents if index % 2 else [], rng)
            drawn.append(edits)
            legal += refused
        videos = [apply_edits(canvas, edits, num_frames)[0] for edits in drawn]
        scores = pool.submit([task] * len(videos), videos).result()
        scored += len(videos)
        # Among equals the later ones stay, so that the search moves on where nothing is paid.
        best = sorted([*zip(scores, drawn, strict=True), *best], key=lambda each: -each[0].value)[:KEPT]
    score, edits = best[0]
    video = apply_edits(canvas, edits, num_frames)[0]
    return Finding(score=score, video=video, edits=edits, num_scored=scored, num_legal=legal)


def _draw(
    task: Task, canvas: Canvas, num_frames: int, parents: list[tuple[Edit, ...]], rng: np.random.Generator
) -> tuple[tuple[Edit, ...], int]:
    """Edits in which the agent goes no legal way, and how many others were drawn before."""
    refused = 0
    while True:
        if parents and refused < MAX_DRAWS:
            edits = changed_edits(parents[rng.integers(len(parents))], task, num_frames, rng)
        else:
            edits = tuple(random_edit(task, num_frames, rng) for _ in range(int(rng.integers(1, 4))))
        track = without_ghosts(shown_track(task, canvas, apply_edits(canvas, edits, num_frames)[1]))
        if family_of(task).judge(task, track).progress <= MAX_EARNED:
            return edits, refused
        refused += 1


def without_ghosts(track: Track) -> Track:
    """The track with one instance of each object that is double in GHOST_SHARE of the frames at most."""
    rare = (track.copies > 1).mean(axis=1, keepdims=True) <= GHOST_SHARE
    return replace(track, copies=np.where(rare, np.minimum(track.copies, 1), track.copies))


def shown_track(task: Task, canvas: Canvas, labels: NDArray[np.uint8]) -> Track:
    """What labels [T, H, W] of an edited video show: each large enough piece of an object's pixels is an instance."""
    names = tuple(task.objects)
    shape = (len(names), len(labels))
    points, copies = np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.int64)
    size = np.asarray(labels.shape[:0:-1], np.float32)
    for index, name in enumerate(names):
        last = np.asarray(task.objects[name].center)
        whole = float((canvas.labels == index + 1).sum())
        for frame, each in enumerate(labels):
            _, _, stats, middles = cv2.connectedComponentsWithStats((each == index + 1).astype(np.uint8))
            large = stats[1:, cv2.CC_STAT_AREA] >= max(1.0, LEAST_PART * whole)
            places = (middles[1:][large] + 0.5) / size
            copies[index, frame] = len(places)
            if len(places):
                last = places[np.square(places - last).sum(axis=1).argmin()]
                points[index, frame] = last
    seen = copies > 0
    return Track(objects=names, points=points, seen=seen, copies=copies, scores=seen.astype(np.float32), unit="image")
