"""VR-Bench's template tracker, bug for bug: for comparison with its published numbers, not for rewards.

The template is cut from the video's own first frame, background included, and never renewed. The best match within a
fixed window around the last one counts if it is good enough; the window moves to the best match in any case, so after
a loss it wanders over the background and may catch on to something else. One object is found at most once: clones go
unnoticed. Source: extractor.py and advanced_trackers.py of github.com/ImYangC7/VR-Bench (89b29a9).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.trackers.following import BoxPx, Found, follow_objects
from wan_r1.types import Task, Track

__all__ = ["NccTracker"]

Video = NDArray[np.uint8]


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

    def __call__(self, video: Video, task: Task) -> Track:
        """Track of all objects of the task in video [T, H, W, 3] uint8; frame 0 is taken from the task unseen."""
        return self.track([video], task)

    def track(self, parts: Iterable[Video], task: Task) -> Track:
        """The same for a video that comes in parts [t, H, W, 3] uint8."""
        return follow_objects(parts, task, lambda frame, box: _Match(self, frame, box))


class _Match:
    """The best match of a template, near the last one."""

    def __init__(self, settings: NccTracker, frame: Video, box: BoxPx) -> None:
        self._x, self._y, self._width, self._height = box
        self._template = frame[self._y : self._y + self._height, self._x : self._x + self._width].copy()
        self._min_score = settings.min_score
        self._reach = settings.search_margin_px or max(frame.shape[:2])

    def update(self, frame: Video) -> Found:
        left, top = max(0, self._x - self._reach), max(0, self._y - self._reach)
        window = frame[top : self._y + self._height + self._reach, left : self._x + self._width + self._reach]
        response = cv2.matchTemplate(window, self._template, cv2.TM_CCOEFF_NORMED)
        _, best, _, (column, row) = cv2.minMaxLoc(response)
        self._x, self._y = left + column, top + row
        center = (self._x + self._width / 2, self._y + self._height / 2)
        return best > self._min_score, center, best
