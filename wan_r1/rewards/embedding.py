"""The embedding-level reward of first-person videos: does the video show what the reference video shows, in its order?

With unit vectors f_t of the video's frames and g_k of as many frames of the reference, s_tk = f_t . g_k:

    place_t    = argmax_k s_tk / (T - 1), how far along the reference a frame is; likeness_t = max_k s_tk
    endpoint   = (s_TT - b) / (1 - b), at least 0; b is what the best earlier frame offers: g_k . g_T, k < NEAR_END T
    progress   = place_T
    order      = rank agreement of place_t and t (Spearman), at least 0, times how far the places reach
    structure  = 1 - |F - G| / |1 - G| with F = f f', G = g g': a still video has 0
    value      = gate * (w_endpoint endpoint + w_progress progress + w_order order + w_structure structure)

gate is the product of three numbers in [0, 1]: likeness (the frames are frames of the reference, not blends or another
room), smoothness (no jump along the reference, as a hard cut has), start (the video begins where it should).
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.rewards.encoders import ENCODERS, encode_frames
from wan_r1.tasks.first_person import TaskKey, reference_video
from wan_r1.types import Score, Task
from wan_r1.video import subsample

__all__ = ["EmbeddingReward", "compare"]

Vectors = NDArray[np.float32]

NEAR_END = 0.8
"""Share of the reference before which a frame counts as an earlier one."""


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
    num_frames: int = 25
    """Frames of the video that are compared, evenly spaced; shorter videos are taken whole."""
    least_likeness: float = 0.7
    """Likeness below which a frame shows something else; see also full_likeness."""
    full_likeness: float = 0.92
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
        video = subsample(video, min(len(video), self.num_frames))
        if len(video) < 2:
            return Score(value=0.0, parts=dict.fromkeys((*_PARTS, *_GATES), 0.0))
        generated = encode_frames(self.encoder, video, self.weights, self.device)
        parts = compare(generated, _reference(TaskKey(task), self, len(video), *video.shape[1:3]), self)
        gate = float(np.prod([parts[name] for name in _GATES]))
        value = gate * sum(getattr(self, name) * parts[name] for name in _PARTS)
        return Score(value=float(np.clip(value, 0, 1)), parts=parts)


_PARTS = ("endpoint", "progress", "order", "structure")
_GATES = ("likeness", "smoothness", "start")


@functools.lru_cache(maxsize=256)
def _reference(key: TaskKey, reward: EmbeddingReward, num_frames: int, height: int, width: int) -> Vectors:
    video = reference_video(key.task, num_frames, height, width)
    return encode_frames(reward.encoder, video, reward.weights, reward.device)


def compare(generated: Vectors, reference: Vectors, reward: EmbeddingReward) -> dict[str, float]:
    """The parts and gates of generated against reference unit vectors, both [T, D] with T >= 2; all in [0, 1]."""
    alike, among = generated @ reference.T, reference @ reference.T
    last = len(alike) - 1
    places = alike.argmax(axis=1) / last
    earlier = float(among[: max(1, int(NEAR_END * last)), last].max())
    steps = np.abs(np.diff(places))
    span = reward.full_likeness - reward.least_likeness
    # The worst tenth of the frames decides: a blend or a cut shows for a few frames only.
    worst = float(np.quantile(alike.max(axis=1), 0.1))
    return {
        "endpoint": _share(float(alike[last, last]) - earlier, 1 - earlier),
        "progress": float(places[last]),
        "order": _order(places),
        "structure": 1
        - min(1.0, float(np.abs(generated @ generated.T - among).mean() / max(1e-6, (1 - among).mean()))),
        "likeness": _share(worst - reward.least_likeness, span),
        "smoothness": 1 - _share(float(steps.max()) - max(reward.max_jump, 2 / last), reward.max_jump),
        "start": _share(float(alike[0, 0]) - reward.least_likeness, span) * (1 - _share(float(places[0]) - 0.15, 0.15)),
    }


def _share(part: float, whole: float) -> float:
    return float(np.clip(part / max(whole, 1e-6), 0, 1))


def _order(places: NDArray[np.float64]) -> float:
    """Spearman's rank correlation of the places with time, times the share of the reference that they span."""
    ranks = np.unique(places, return_inverse=True)[1].astype(np.float64)
    counts = np.bincount(ranks.astype(int))
    middle = np.cumsum(counts) - (counts - 1) / 2  # tied places share their mean rank
    ranks = middle[ranks.astype(int)]
    if len(counts) < 2:
        return 0.0
    agreement = float(np.corrcoef(ranks, np.arange(len(places)))[0, 1])
    return max(0.0, agreement) * float(places.max() - places.min())
