"""What can happen to the whole picture of an honest video: light, noise, blur."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["DISTURBANCES", "UNRANKED"]

Video = NDArray[np.uint8]

UNRANKED = ("noise40", "flicker")
"""Too strong to ask for a score."""


def _noise(video: Video, rng: np.random.Generator, sigma: float) -> Video:
    return (video + rng.normal(0, sigma, video.shape)).round().clip(0, 255).astype(np.uint8)


def _flicker(video: Video, rng: np.random.Generator) -> Video:
    light = rng.integers(-60, 61, len(video))[:, None, None, None]
    return (video.astype(int) + light).clip(0, 255).astype(np.uint8)


DISTURBANCES: dict[str, Callable[[Video, np.random.Generator], Video]] = {
    "dark8": lambda video, rng: (video.astype(int) - 8).clip(0, 255).astype(np.uint8),
    "noise12": lambda video, rng: _noise(video, rng, 12),
    "low_contrast": lambda video, rng: (video * 0.9 + 12).round().astype(np.uint8),
    "blur": lambda video, rng: np.stack(
        [cv2.GaussianBlur(frame, (0, 0), video.shape[2] / 256 + 0.3) for frame in video]
    ),
    "noise40": lambda video, rng: _noise(video, rng, 40),
    "flicker": _flicker,
}
"""(video, rng) -> disturbed video, all [T, H, W, 3]."""
