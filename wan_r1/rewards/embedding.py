"""The embedding-level reward of first-person videos: does the video show what the reference video shows, in its order?

With unit vectors f_t of the video's frames and g_k of as many frames of the reference:

    s_tk       = max over d of f_t . g_k^d - SHIFT_COST |d|, g_k^d the frame k moved sideways by d of its width: a
                 camera a little beside the way, or turned a little, sees nearly the same
    place_t    = argmax_k s_tk / (T - 1), how far along the reference a frame is
    likeness_t = max_k s_tk from least_likeness to full_likeness as 0 to 1
    endpoint   = (s_TT - b) / (1 - b), at least 0; b is what the best frame of the first half offers: max s_kT
    progress   = place_T likeness_T
    order      = correlation of place_t and t, at least 0, times how far the places reach, times likeness_T
    structure  = 1 - |F - G| / |1 - G| with F = f f', G = g g', times likeness_T: a still video has 0
    value      = gate * (w_endpoint endpoint + w_progress progress + w_order order + w_structure structure)

gate is the product of numbers in [0, 1]: likeness (the mean of likeness_t), smoothness (no jump along the reference, as
a hard cut has), steps (of the reference's frames up to the farthest place, enough are shown: a few stills are no walk;
for both a place is the mean of those that are about as alike as the best), motion (frames are not mere mixtures of
those before and after, as in fades), start (the video begins where it should), parallax (the first frame, enlarged,
does not explain the later frames better than it explains those of the reference, nor does each frame the next),
continuity (no single frame is far less explained by the one before than others are: no cut to a like view), tint (the
colours are those of the room) and single (frames on the way show no detail of the first or last frame where that has
it: nothing is pasted or mixed).
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.rewards.encoders import ENCODERS, encode_frames
from wan_r1.rewards.jumps import details, tints, unexplained
from wan_r1.rewards.parallax import steps_beyond_zoom, zoom_matches
from wan_r1.tasks.first_person import TaskKey, reference_video
from wan_r1.types import Score, Task
from wan_r1.video import check_video, subsample

__all__ = ["EmbeddingReward"]

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]

SHIFTS = (0.0, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3)
SHIFT_COST = 0.3
SOFTNESS, MAX_SOFTNESS = 0.2, 0.05
"""Difference in likeness below which two places are both taken for that of a frame, when jumps and steps are measured,
as a share of how unlike the reference's frames are on the mean, and at most (what `layout` has in drawn rooms): the
best place of a blurred frame, which is like many, would leap from one to the other."""
NUM_END = 2
"""Frames at the end whose likeness counts as that of the last."""
START_LIKENESS = (0.7, 0.9)
START_PLACE = (0.15, 0.3)
"""Likeness to the reference's first frame, and place, between which the gate of the start opens and closes."""
STEPS = (0.36, 0.5)
"""Share of the reference's frames up to the farthest place, between which the gate of the steps opens: twice the
reference's speed shows half of them."""
MIXTURE, CHANGE = 0.15, 4.0
"""Difference of a frame to the mean of its neighbours, as a share of theirs to each other, below which it is a mixture;
drawn walks have .21 and more, fades .07 at most. Counted where the neighbours differ by this many grey levels."""
MIXTURE_SPANS = (1, 4)
"""How far away the neighbours are: next to each other for fades between stills, farther for a slow fade."""
MIXTURES = (0.2, 0.5)
"""Share of such frames between which the gate of the motion closes."""
ZOOM_RATIO = (0.5, 0.68)
"""What the first frame, enlarged, leaves unexplained of the video, as a share of what it leaves of the reference. On 12
drawn rooms a zoom has .06 to .51, blurred references and walks beside the way .68 to 1.4."""
STEP_RATIO, MIN_STEPS = (0.35, 0.55), 3
"""The same from frame to frame, for each grey level of change, against the reference at the same places; asked where so
many frames move. In 16 drawn rooms, seed 23: stills that are enlarged one after the other have .15 to .29, prefixes .91
and more, blurred references .74, walks beside .66, blurred videos of wan-tiny-rooms .57."""
LEAST_LEFT, CUT = 0.03, (2.0, 3.2)
"""The most that a frame is unexplained by the one before, as a multiple of the third most, of the same in the reference
and of the least that counts, whichever is largest; between these the gate of continuity closes. In 30 drawn rooms, seed
23: cuts to another room have 3.3 and more, 9 on the median, disturbed references 1.4 at most; 95 of 100 walks to an end
beside 1.7, of blurred videos of wan-tiny-rooms, which change everywhere, 2.1."""
TINT = (0.06, 0.1)
"""Mean difference of the frames' tints to those of the reference's frames that they are most like, between which the
gate of the tint closes. In the same rooms: references in other light .048 at most, walks to an end beside .04 in 95 of
100, another room .11 on the median; videos of wan-tiny-rooms .074 at most."""
FIRST_AGAIN, LAST_AHEAD = (0.02, 0.08), (0.05, 0.12)
"""How much more alike than in the reference the details of the way are to those of the first and of the last frame, on
the mean, between which the gate of single moments closes. In drawn rooms: honest videos 0; 95 of 100 walks to an end
beside .01 and .04; a growing picture of the goal pasted on the first frame .06 to .3 to the first, a zoom that fades
into the goal .12 to .3 to the last; blurred videos of wan-tiny-rooms, which mix in what comes, .01 and .04 (median)."""
APART = 1 / 6
"""Frames at least this much of the reference away from the first (the last) are compared with it."""

_PARTS = ("endpoint", "progress", "order", "structure")
_GATES = ("likeness", "smoothness", "steps", "motion", "start", "parallax", "continuity", "tint", "single")


@dataclass(frozen=True, kw_only=True, slots=True)
class EmbeddingReward:
    """Compares a video with the reference video of its task by a frozen encoder; see the module's first lines."""

    endpoint: float = 0.35
    """Weight of ending as the reference ends."""
    progress: float = 0.35
    """Weight of how far along the reference the last frame is."""
    order: float = 0.15
    """Weight of showing things in the order of the reference."""
    structure: float = 0.15
    """Weight of frames being as alike among each other as those of the reference."""
    encoder: str = "layout"
    """layout (colours and edges on a grid, no weights), dinov2 or vjepa2 (transformers)."""
    weights: str | None = None
    """Name or folder of the encoder's weights; None takes the published ones."""
    device: str | None = None
    """Of the encoder; None takes a GPU if there is one."""
    num_frames: int = 17
    """Frames of the video that are compared, evenly spaced; shorter videos are taken whole."""
    least_likeness: float = 0.2
    """Likeness below which a frame shows something else."""
    full_likeness: float = 0.9
    """Likeness from which on a frame is taken as one of the reference."""
    max_jump: float = 0.3
    """Largest step along the reference from frame to frame that is no cut, as a share of it."""

    def __post_init__(self) -> None:
        weights = (self.endpoint, self.progress, self.order, self.structure)
        if min(weights) < 0 or abs(sum(weights) - 1) > 1e-9:
            raise ConfigError(f"weights {weights}: must be >= 0 and add to 1; they add to {sum(weights):g}")
        if self.encoder not in ENCODERS:
            raise ConfigError(f"encoder {self.encoder!r}: unknown; known are {', '.join(ENCODERS)}")
        if not -1 <= self.least_likeness < self.full_likeness <= 1 or self.num_frames < 2:
            raise ConfigError("least_likeness must lie below full_likeness, both in [-1, 1], and num_frames be >= 2")

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        """Score of video [T, H, W, 3] uint8 of a task with a reference video."""
        check_video(video)
        reference = _reference(TaskKey(task), self, min(max(len(video), 2), self.num_frames), *video.shape[1:3])
        if len(video) < 2:
            return Score(value=0.0, parts=dict.fromkeys((*_PARTS, *_GATES, "gate"), 0.0))
        video = subsample(video, min(len(video), self.num_frames))
        vectors = encode_frames(self.encoder, video, self.weights, self.device)
        alike = reference.similarity(vectors)
        best = alike.argmax(axis=1)
        parts = self._compare(vectors, alike, reference) | {
            "motion": 1 - _share(_mixed(video), *MIXTURES),
            "parallax": _parallax(video, best, reference),
            "continuity": 1 - _share(_outstanding(unexplained(video), reference.left), *CUT),
            "tint": 1 - _share(np.abs(tints(video) - reference.tints[best]).mean(), *TINT),
            "single": _single(details(video), best, reference),
        }
        parts["gate"] = float(np.prod([parts[name] for name in _GATES]))
        value = parts["gate"] * sum(getattr(self, name) * parts[name] for name in _PARTS)
        return Score(value=float(np.clip(value, 0, 1)), parts=parts)

    def _compare(self, vectors: Vectors, alike: Floats, reference: "_Reference") -> dict[str, float]:
        """Parts and gates that vectors [T >= 2, D] tell, alike [T, T] to as many of the reference."""
        best, last = alike.argmax(axis=1), len(vectors) - 1
        places = best / last
        earlier = reference.similarity(reference.vectors[0])[: max(1, last // 2), last].max()
        span = self.full_likeness - self.least_likeness
        likeness = np.clip((alike.max(axis=1) - self.least_likeness) / span, 0, 1)
        end = float(likeness[-NUM_END:].mean())
        among, wanted = vectors @ vectors.T, reference.vectors[0] @ reference.vectors[0].T
        soft = _soft_places(alike, min(MAX_SOFTNESS, SOFTNESS * float((1 - wanted).mean())))
        jump, shown = float(np.abs(np.diff(soft)).max()), np.round(soft * last)
        return {
            "endpoint": _share(alike[last, last], earlier, 1.0),
            "progress": float(places[last]) * end,
            "order": _order(places) * end,
            "structure": (1 - _share(np.abs(among - wanted).mean(), 0.0, (1 - wanted).mean())) * end,
            "likeness": float(likeness.mean()),
            "smoothness": 1 - _share(jump, max(self.max_jump, 2 / last), self.max_jump + max(self.max_jump, 2 / last)),
            "steps": _share(len(np.unique(shown)) / (1 + shown.max()), *STEPS),
            "start": _share(float(vectors[0] @ reference.vectors[0][0]), *START_LIKENESS)
            * (1 - _share(places[0], *START_PLACE)),
        }


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Reference:
    """Vectors [shifts, T, D] of the reference's frames, moved sideways by SHIFTS, zoom matches [T], tints [T, 3],
    likenesses of details [T, T], the most that a frame leaves unexplained of the next, steps beyond zoom [T - 1]."""

    vectors: Vectors
    zooms: Floats
    tints: Floats
    details: Floats
    left: float
    steps: Floats

    def similarity(self, vectors: Vectors) -> Floats:
        """s_tk [T, T] of frames with vectors [T, D]."""
        costs = SHIFT_COST * np.abs(np.asarray(SHIFTS))
        return np.asarray(np.max([vectors @ g.T - cost for g, cost in zip(self.vectors, costs, strict=True)], axis=0))


@functools.lru_cache(maxsize=256)
def _reference(key: TaskKey, reward: EmbeddingReward, num_frames: int, height: int, width: int) -> _Reference:
    video = reference_video(key.task, num_frames, height, width)
    moved = [encode_frames(reward.encoder, _moved(video, shift), reward.weights, reward.device) for shift in SHIFTS]
    zooms, left = zoom_matches(video[0], video), float(unexplained(video).max())
    fine = details(video)
    alike = cv2.dilate(fine @ fine.T, np.ones((3, 3)))  # a place is not known better than to a frame
    return _Reference(
        vectors=np.stack(moved),
        zooms=zooms,
        tints=tints(video),
        details=alike,
        left=left,
        steps=steps_beyond_zoom(video),
    )


def _moved(video: NDArray[np.uint8], shift: float) -> NDArray[np.uint8]:
    """The video moved sideways by a share of its width; its border is repeated."""
    height, width = video.shape[1:3]
    matrix = np.asarray([[1, 0, shift * width], [0, 1, 0]], np.float32)
    return np.stack([cv2.warpAffine(f, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE) for f in video])


def _share(value: float, low: float, high: float) -> float:
    """0 at `low`, 1 at `high`, linear between."""
    return float(np.clip((value - low) / max(high - low, 1e-6), 0, 1))


def _mixed(video: NDArray[np.uint8]) -> float:
    """Share of the frames of video [T, H, W, 3] that are the mean of those before and after, of those that move."""
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.0) for frame in video]).astype(np.float32)
    shares = [0.0]
    for span in (span for span in MIXTURE_SPANS if len(soft) > 2 * span):
        away = np.abs(soft[span:-span] - (soft[: -2 * span] + soft[2 * span :]) / 2).mean(axis=(1, 2, 3))
        apart = np.abs(soft[2 * span :] - soft[: -2 * span]).mean(axis=(1, 2, 3))
        moves = apart > CHANGE
        shares += [float((away[moves] < MIXTURE * apart[moves]).mean())] if moves.any() else []
    return max(shares)


def _soft_places(alike: Floats, softness: float) -> Floats:
    """Places along the reference in [0, 1], each the mean of those that are about as alike as the best."""
    weights = np.exp((alike - alike.max(axis=1, keepdims=True)) / max(softness, 1e-6))
    return np.asarray(weights @ np.linspace(0, 1, alike.shape[1]) / weights.sum(axis=1))


def _order(places: Floats) -> float:
    """Correlation of places with time, at least 0, times the share of the reference that they span."""
    span = float(places.max() - places.min())
    return max(0.0, float(np.corrcoef(places, np.arange(len(places)))[0, 1])) * span if span > 0 else 0.0


def _outstanding(left: Floats, reference: float) -> float:
    """The largest of left [T - 1], as a multiple of the third largest or of the reference's largest."""
    third = np.sort(left)[-3] if len(left) > 2 else 0.0
    return float(left.max() / max(third, reference, LEAST_LEFT))


def _single(fine: Vectors, best: NDArray[np.intp], reference: _Reference) -> float:
    """0 if frames on the way, with details fine [T, D] and at indices best [T] of the reference, show its ends too."""
    gate = 1.0
    for end, limits in ((0, FIRST_AGAIN), (-1, LAST_AHEAD)):
        far = np.abs(best - best[end]) > APART * (len(best) - 1)
        if far.any():
            excess = (fine @ fine[end])[far] - reference.details[best[far], best[end]]
            gate *= 1 - _share(float(np.maximum(excess, 0).mean()), *limits)
    return gate


def _parallax(video: NDArray[np.uint8], best: NDArray[np.intp], reference: _Reference) -> float:
    """0 if frames well along the way, at indices best [T] of the reference, are mere enlargements of earlier ones."""
    steps, wanted, gate = steps_beyond_zoom(video), reference.steps[np.minimum(best[:-1], len(video) - 2)], 1.0
    known = np.isfinite(steps) & np.isfinite(wanted)
    if known.sum() >= MIN_STEPS:
        gate = _share(float(np.median(steps[known]) / max(np.median(wanted[known]), 1e-6)), *STEP_RATIO)
    far = best > (len(video) - 1) / 3
    if not far.any():
        return gate
    left, expected = 1 - zoom_matches(video[0], video[far]), 1 - reference.zooms[best[far]]
    return gate * _share(float(left.mean() / max(expected.mean(), 1e-3)), *ZOOM_RATIO)
