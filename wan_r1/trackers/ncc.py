"""VR-Bench's template tracker, bug for bug: for comparison with its published numbers, not for rewards.

The template is cut from the video's own first frame, background included, and never renewed. The best match within a
fixed window around the last one counts if it is good enough; the window moves to the best match in any case, so after
a loss it wanders over the background and may catch on to something else. One object is found at most once: clones go
unnoticed. Source: extractor.py and advanced_trackers.py of github.com/ImYangC7/VR-Bench (89b29a9).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, TrackingError, VideoError
from wan_r1.types import Box, Task, Track

__all__ = ["NccTracker"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NccTracker:
    """Normalised cross-correlation with the object's crop in frame 0; each object of the task by itself."""

    min_score: float = 0.6
    """A match counts above this correlation. VR-Bench: 0.6, which rejects many correct endings on textured goals."""
    search_margin_px: int = 50
    """Reach of the search window around the last match, in pixels of any video; 0 is the whole frame. VR-Bench: 50."""

    def __post_init__(self) -> None:
        if not -1 <= self.min_score <= 1:
            raise ConfigError(f"min_score: {self.min_score}; a correlation lies in [-1, 1], for example 0.6")
        if self.search_margin_px < 0:
            raise ConfigError(f"search_margin_px: {self.search_margin_px}; must be >= 0, and 0 is the whole frame")

    def __call__(self, video: NDArray[np.uint8], task: Task) -> Track:
        """Track of all objects of the task in video [T, H, W, 3] uint8; frame 0 is taken from the task unseen."""
        if video.ndim != 4 or video.shape[3] != 3 or video.dtype != np.uint8 or 0 in video.shape:
            raise VideoError(f"video: must be [T, H, W, 3] uint8 with T, H, W >= 1; got {video.shape} {video.dtype}")
        if not task.objects:
            raise TrackingError(f"task of {task.family}: it has no objects to follow; ncc needs at least one box")
        names = tuple(task.objects)
        shape = (len(names), len(video))
        corners, scores = np.zeros((*shape, 2)), np.zeros(shape, dtype=np.float32)
        centers = np.zeros((*shape, 2))
        for index, name in enumerate(names):
            x, y, width, height = _template_box(task.objects[name], task.first_frame.shape[1::-1], video.shape[2:0:-1])
            corners[index], scores[index] = self._follow(video, x, y, video[0, y : y + height, x : x + width])
            centers[index] = corners[index] + [width / 2, height / 2]
        seen = scores.astype(np.float64) > self.min_score
        seen[:, 0] = True
        points = np.where(seen[..., None], centers / [video.shape[2], video.shape[1]], np.nan)
        return Track(
            objects=names,
            points=points.astype(np.float32),
            seen=seen,
            copies=seen.astype(np.int64),
            scores=scores,
            unit="image",
        )

    def _follow(
        self, video: NDArray[np.uint8], x: int, y: int, template: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Top-left corners [T, 2] px and scores [T] of the best match in each frame, starting at (x, y)."""
        corners = np.zeros((len(video), 2), dtype=np.int64)
        scores = np.ones(len(video), dtype=np.float32)
        corners[0] = x, y
        height, width = template.shape[:2]
        reach = self.search_margin_px or max(video.shape[1:3])
        for index, frame in enumerate(video[1:], start=1):
            left, top = max(0, x - reach), max(0, y - reach)
            window = frame[top : y + height + reach, left : x + width + reach]
            response = cv2.matchTemplate(window, template, cv2.TM_CCOEFF_NORMED)
            _, best, _, (column, row) = cv2.minMaxLoc(response)
            x, y = left + column, top + row
            corners[index], scores[index] = (x, y), best
        return corners, scores


def _template_box(box: Box, picture_size: tuple[int, ...], video_size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """(x, y, width, height) in whole video pixels: VR-Bench scales whole picture pixels, truncates, and clamps.

    Boxes are whole pixels of the picture; rounding to 1e-3 px undoes the error of their division by its size.
    """
    values = (box.x, box.y, box.width, box.height)
    x, y, width, height = (
        int(round(value * picture, 3) * (pixels / picture))
        for value, picture, pixels in zip(values, picture_size * 2, video_size * 2, strict=True)
    )
    x = max(0, min(x, video_size[0] - 1))
    y = max(0, min(y, video_size[1] - 1))
    width = max(1, min(width, video_size[0] - x))
    height = max(1, min(height, video_size[1] - y))
    return x, y, width, height
