"""Cutting rectangles out of pictures and painting them over others."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.types import Box

__all__ = ["cut", "paint"]

Picture = NDArray[np.uint8]


def _span(picture: Picture, box: Box) -> tuple[slice, slice]:
    height, width = picture.shape[:2]
    return (
        slice(round(box.y * height), round((box.y + box.height) * height)),
        slice(round(box.x * width), round((box.x + box.width) * width)),
    )


def cut(picture: Picture, box: Box) -> Picture:
    """A copy of what a box of a picture shows."""
    return picture[_span(picture, box)].copy()


def paint(picture: Picture, box: Box, patch: Picture) -> None:
    """Fill a box of a picture with a patch, resized, in place; a box without a pixel stays as it is."""
    region = picture[_span(picture, box)]
    if region.size:
        region[:] = cv2.resize(patch, region.shape[1::-1], interpolation=cv2.INTER_LINEAR)
