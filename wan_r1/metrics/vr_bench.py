"""VR-Bench's five numbers, computed as its evaluator computes them: SR, PR, SD, EM and MF.

Source: arXiv 2511.15065 and the evaluator at github.com/ImYangC7/VR-Bench (89b29a9, MIT). Where paper and evaluator
differ the evaluator wins, so that numbers can stand beside published ones: success is *any* point in the goal box,
precision is the length of a matching prefix, and a path shorter than the reference has no step deviation at all. None
of them looks at walls; the verdict of a task family does.

Points are [N, 2] in image units (x / width, y / height), without gaps: the evaluator repeats the previous point where
its tracker fails. Distances and the threshold are in that unit square, so a picture that is not square distorts them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, VideoError
from wan_r1.types import Box

__all__ = [
    "CLI",
    "SCRIPT",
    "FidelityMeter",
    "VRBenchOptions",
    "VRBenchResult",
    "exact_match",
    "maze_fidelity",
    "measure",
    "normalize_points",
    "path_length",
    "precision_rate",
    "step_deviation",
    "success_rate",
]

MIN_LENGTH = 1e-10  # VR-Bench: below this a path counts as a point

Points = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class VRBenchOptions:
    """The options of VR-Bench's evaluator; the defaults are those of its command line."""

    threshold: float = 0.01
    """Largest distance of matching points, in image units. batch_evaluate.py: 0.01; its shell script: 0.05."""
    num_samples: int = 100
    """Points of equal arc length that PR compares. batch_evaluate.py: 100; its shell script: 1000."""
    exact_precision: float = 0.98
    """Least PR of an exact match."""
    exact_deviation: float = 0.1
    """Largest |SD| of an exact match."""
    fidelity_frame_step: int = 5
    """MF looks at frames step, 2 step, 3 step, ..."""
    fidelity_grey_levels: int = 5
    """A pixel counts as changed when its grey value differs by more than this from frame 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < np.inf:
            raise ConfigError(f"threshold: {self.threshold}; must be >= 0, in image units, for example 0.01")
        if self.num_samples < 2:
            raise ConfigError(f"num_samples: {self.num_samples}; must be at least 2, for example 100")
        if self.fidelity_frame_step < 1:
            raise ConfigError(f"fidelity_frame_step: {self.fidelity_frame_step}; must be at least 1")


CLI = VRBenchOptions()
"""The options of `batch_evaluate.py` called without any."""

SCRIPT = VRBenchOptions(threshold=0.05, num_samples=1000)
"""The options of `scripts/videomodel_evaluate.sh`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VRBenchResult:
    """One generated path against the best of its references.

    success (SR), precision (PR, [0, 1]), deviation (SD, >= 0; None without success or for a path shorter than the
    reference), exact (EM), best_reference (index). The lengths are in image units, and both 0 without success: the
    evaluator overwrites them there.
    """

    success: bool
    precision: float
    deviation: float | None
    exact: bool
    reference_length: float
    generated_length: float
    best_reference: int

    @property
    def rank(self) -> float:
        """What the evaluator sorts references by: PR - |SD|, where a missing SD counts as 0."""
        return self.precision - abs(self.deviation or 0.0)


def normalize_points(points_px: Points, width: int, height: int) -> NDArray[np.float64]:
    """Pixel positions [N, 2] as image units [N, 2] float64."""
    _check_points("points_px", points_px)
    return points_px.astype(np.float64) / np.array([width, height], dtype=np.float64)


def path_length(points: Points) -> float:
    """Length of the polyline through points [N, 2], in their unit; 0 for fewer than two points."""
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum()) if len(points) > 1 else 0.0


def precision_rate(generated: Points, reference: Points, threshold: float, num_samples: int) -> float:
    """PR: the share of `num_samples` points, counted from the start, up to the first that lies apart.

    Both paths are read at the arc lengths linspace(0, length of the reference, num_samples); a generated path that is
    shorter stays at its end.
    """
    if len(generated) < 2 or len(reference) < 2:
        return 0.0
    lengths = np.linspace(0.0, path_length(reference), num_samples)
    gaps = _at_lengths(generated, lengths) - _at_lengths(reference, lengths)
    apart = np.flatnonzero(np.linalg.norm(gaps, axis=1) > threshold)
    return float(apart[0] / num_samples) if len(apart) else 1.0


def success_rate(points: Points, goal: Box) -> bool:
    """SR: whether any of points [N, 2] lies in the goal box, its edges included."""
    inside_x = (points[:, 0] >= goal.x) & (points[:, 0] <= goal.x + goal.width)
    inside_y = (points[:, 1] >= goal.y) & (points[:, 1] <= goal.y + goal.height)
    return bool(np.any(inside_x & inside_y))


def step_deviation(generated_length: float, reference_length: float) -> float | None:
    """SD of a successful path: generated / reference - 1; None if negative, 0 for a reference without length."""
    if reference_length < MIN_LENGTH:
        return 0.0
    deviation = generated_length / reference_length - 1.0
    return deviation if deviation >= 0 else None


def exact_match(success: bool, precision: float, deviation: float | None, options: VRBenchOptions = CLI) -> bool:
    """EM: success, PR high enough and |SD| small enough; a missing SD counts as 0."""
    return success and precision >= options.exact_precision and abs(deviation or 0.0) <= options.exact_deviation


def measure(
    generated: Points,
    references: Sequence[Points],
    goal: Box,
    options: VRBenchOptions = CLI,
    goal_points: Points | None = None,
) -> VRBenchResult:
    """SR, PR, SD and EM of a generated agent path [N, 2] against the best of its references, all in image units.

    `goal_points` [N, 2] are the points that SR looks for in `goal`: the first box in sokoban; else the agent's path.
    """
    if not references:
        raise ConfigError("references: empty; VR-Bench compares with at least one reference path")
    _check_points("generated", generated)
    for index, reference in enumerate(references):
        _check_points(f"references[{index}]", reference)
    if goal_points is not None:
        _check_points("goal_points", goal_points)
    reaching = generated if goal_points is None else goal_points
    results = [
        _measure_one(generated, reference, index, success_rate(reaching, goal), options)
        for index, reference in enumerate(references)
    ]
    return max(results, key=lambda result: result.rank)


def _measure_one(
    generated: Points, reference: Points, index: int, success: bool, options: VRBenchOptions
) -> VRBenchResult:
    if len(generated) < 2 or len(reference) < 2:
        # The evaluator gives up on such videos with SD = 0, not None.
        return VRBenchResult(
            success=False,
            precision=0.0,
            deviation=0.0,
            exact=False,
            reference_length=0.0,
            generated_length=0.0,
            best_reference=index,
        )
    precision = precision_rate(generated, reference, options.threshold, options.num_samples)
    lengths = (path_length(generated), path_length(reference)) if success else (0.0, 0.0)
    deviation = step_deviation(*lengths) if success else None
    return VRBenchResult(
        success=success,
        precision=precision,
        deviation=deviation,
        exact=exact_match(success, precision, deviation, options),
        reference_length=lengths[1],
        generated_length=lengths[0],
        best_reference=index,
    )


def maze_fidelity(
    video: NDArray[np.uint8],
    agent: Points,
    start: Box,
    goal: Box,
    render_size: tuple[int, int],
    options: VRBenchOptions = CLI,
) -> float:
    """MF: the mean share of grey background pixels that keep the value of frame 0, in [0, 1].

    Left out are the start box, the goal box and a box of the start's size around the agent. A video without a frame to
    look at gets 0.

    Args:
        video: [T, H, W, 3] uint8 RGB.
        agent: the agent's path [N, 2] in image units.
        start: the agent's box in frame 0.
        goal: the goal's box.
        render_size: (width, height) px of the picture that the boxes were measured in; VR-Bench truncates their scaled
            whole pixels.
        options: frame step and grey levels.
    """
    if video.ndim != 4 or video.shape[3] != 3 or video.dtype != np.uint8:
        raise VideoError(f"video: must be [T, H, W, 3] uint8; got {video.shape} {video.dtype}")
    meter = FidelityMeter(agent, start, goal, render_size, options, num_frames=len(video))
    for index in range(0, len(video), options.fidelity_frame_step):
        meter.add(index, video[index])
    return meter.fidelity


class FidelityMeter:
    """MF of a video that comes frame by frame: frame 0 first, then every `fidelity_frame_step`-th."""

    def __init__(
        self,
        agent: Points,
        start: Box,
        goal: Box,
        render_size: tuple[int, int],
        options: VRBenchOptions = CLI,
        num_frames: int | None = None,
    ) -> None:
        """As `maze_fidelity`; num_frames: of the video, by default as many as the agent's path has."""
        _check_points("agent", agent)
        self._agent, self._boxes, self._render_size, self._options = agent, (start, goal), render_size, options
        self._num_frames = num_frames or len(agent)
        self._shares: list[float] = []
        self._first = np.zeros((0, 0), np.int16)
        self._still = np.zeros((0, 0), np.bool_)
        self._start_px = (0, 0, 0, 0)

    @property
    def fidelity(self) -> float:
        """MF of the frames so far; 0 without any to look at."""
        return float(np.mean(self._shares)) if self._shares else 0.0

    def add(self, index: int, frame: NDArray[np.uint8]) -> None:
        """Look at frame [H, W, 3] uint8 RGB number `index`."""
        grey, size = _grey(frame), (frame.shape[1], frame.shape[0])
        if index == 0:
            boxes = [_scaled_box(box, self._render_size, size) for box in self._boxes]
            self._first, self._still, self._start_px = grey, np.ones(grey.shape, dtype=bool), boxes[0]
            for box in boxes:
                _mask(self._still, box)
            return
        x, y = self._agent[int(index / self._num_frames * (len(self._agent) - 1))] * np.array(size, dtype=np.float64)
        background, (width, height) = self._still.copy(), self._start_px[2:]
        _mask(background, (int(x - width / 2), int(y - height / 2), width, height))
        changed = np.abs(grey - self._first)[background] > self._options.fidelity_grey_levels
        self._shares.append(1.0 - float(changed.mean()) if changed.size else 1.0)


def _grey(frame: NDArray[np.uint8]) -> NDArray[np.int16]:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)).astype(np.int16)


def _scaled_box(box: Box, render_size: tuple[int, int], video_size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(x, y, width, height) in whole video pixels, truncated as the evaluator does.

    Boxes are whole pixels of the rendered picture; rounding to 1e-3 px undoes the error of their division by its size.
    """
    values = (box.x, box.y, box.width, box.height)
    x, y, width, height = (
        int(round(value * render, 3) * (video / render))
        for value, render, video in zip(values, render_size * 2, video_size * 2, strict=True)
    )
    return x, y, width, height


def _mask(mask: NDArray[np.bool_], box: tuple[int, int, int, int]) -> None:
    """Clear a box in place. A corner outside is moved in with the size kept, as in VR-Bench."""
    x = max(0, min(box[0], mask.shape[1] - 1))
    y = max(0, min(box[1], mask.shape[0] - 1))
    mask[y : y + box[3], x : x + box[2]] = False


def _at_lengths(points: Points, lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points [len(lengths), 2] on the polyline at these arc lengths; beyond its end, its end."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    walked = np.concatenate([[0.0], np.cumsum(steps)])
    if walked[-1] < MIN_LENGTH:
        return np.tile(np.asarray(points[0], dtype=np.float64), (len(lengths), 1))
    return np.stack([np.interp(lengths, walked, points[:, axis]) for axis in (0, 1)], axis=1)


def _check_points(name: str, points: Points) -> None:
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise ConfigError(f"{name}: must be [N, 2] with N >= 1; got {points.shape}")
    if not np.isfinite(points).all():
        raise ConfigError(f"{name}: holds gaps (NaN); fill them first with wan_r1.trackers.resample.repeat_last")
