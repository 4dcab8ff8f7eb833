"""What a video is compared with: the conditioning image without its objects, at the scale where sprites are small.

A picture of the scene is `light(background + sprites) + noise`, where `light` is one gain and one offset for each colour channel
of a frame. Everything here works on frames that were shrunk until the smallest sprite is about `WORK_PX` pixels wide.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import TrackingError
from wan_r1.types import Sprite, Task

__all__ = ["TILE_PX", "Scene", "Template", "fit_light", "make_scene", "shrink", "tile_means"]

WORK_PX = 5.6
"""Sprites are tracked at this width or up to twice this width; smaller ones lose their shape."""

MIN_SPRITE_PX = 4.5
"""Smallest sprite width in the video's own pixels: a 6 px board cell with a sprite of three quarters of it."""

TILE_PX = 4
"""Side of the tiles, in shrunken pixels, on which light and scene changes are measured."""

EDGE_TOLERANCE = 0.35
"""Share of the local contrast by which a pixel may differ: blur and half a pixel of misplacement at edges."""

MAX_GAIN = 1.35
MAX_OFFSET = 48.0
"""Bounds of a light change in grey levels; what lies beyond counts as a change of the scene."""

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Template:
    """One sprite at the shrunken scale, centred on an odd kernel [k, k].

    color: alpha * rgb [k, k, 3]; alpha [k, k]; inside: 1 where the sprite is; ring: 1 just around it.
    energy [h, w]: squared contrast of the sprite against the background, for each centre pixel of the scene.
    """

    color: Floats
    alpha: Floats
    inside: Floats
    ring: Floats
    energy: Floats

    @property
    def reach(self) -> int:
        """Pixels from the centre to the border of the kernel."""
        return int(self.alpha.shape[0] // 2)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scene:
    """The shrunken conditioning image without objects [h, w, 3] uint8, its per-pixel tolerance, tiles and templates.

    tiles: [h // TILE_PX, w // TILE_PX, 3] float32 mean colours. templates: name of each tracked object -> Template.
    """

    background: Picture
    tolerance: Picture
    tiles: Floats
    templates: dict[str, Template]


def make_scene(task: Task, height: int, width: int) -> Scene:
    """The scene of a task for videos of `height` x `width` pixels. TrackingError if a sprite is too small there."""
    scale = (width / task.first_frame.shape[1], height / task.first_frame.shape[0])
    smallest = min(_extent(task.sprites[name]) for name in task.objects) * min(scale)
    if smallest < MIN_SPRITE_PX:
        raise TrackingError(
            f"{width} x {height} px: the smallest sprite is {smallest:.1f} px wide; "
            f"the sprite tracker needs {MIN_SPRITE_PX:g}: use larger pictures or fewer cells"
        )
    factor = max(1, int(smallest / WORK_PX))
    w, h = max(1, round(width / factor)), max(1, round(height / factor))
    background = shrink(_without_objects(task), h, w)
    floats = background.astype(np.float32)
    work_scale = (w / task.first_frame.shape[1], h / task.first_frame.shape[0])
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    contrast = cv2.dilate(background, cross).astype(np.float32) - cv2.erode(background, cross)
    return Scene(
        background=background,
        tolerance=(EDGE_TOLERANCE * contrast).astype(np.uint8),
        tiles=tile_means(background),
        templates={name: _template(task.sprites[name], work_scale, floats) for name in task.objects},
    )


def shrink(picture: Picture, height: int, width: int) -> Picture:
    """A picture at the size of the scene; area averaging, so that noise averages out."""
    if picture.shape[:2] == (height, width):
        return picture
    smaller = height * width < picture.shape[0] * picture.shape[1]
    return np.asarray(
        cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    )


def tile_means(picture: Picture) -> Floats:
    """Mean colour of each tile, [h // TILE_PX, w // TILE_PX, 3] float32; a part-tile at the border belongs to no tile."""
    rows, cols = picture.shape[0] // TILE_PX, picture.shape[1] // TILE_PX
    whole = picture[: rows * TILE_PX, : cols * TILE_PX]
    if not rows or not cols:
        return np.asarray(picture.mean(axis=(0, 1), keepdims=True, dtype=np.float32))
    return np.asarray(cv2.resize(whole, (cols, rows), interpolation=cv2.INTER_AREA), dtype=np.float32)


def fit_light(tiles: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Gain [n, 1, 1, 1] and offset [n, 1, 1, 3] of each frame so that tiles = gain * reference + offset for most tiles.

    Least squares, three times, each time without the tiles that fit worst: moving objects and erased walls are outliers.
    tiles: [n, r, c, 3]; reference: [r, c, 3].
    """
    n = len(tiles)
    y, x = tiles.reshape(n, -1, 3), reference.reshape(1, -1, 3)
    gain, offset = np.ones((n, 1, 1), np.float32), np.median(y - x, axis=1, keepdims=True)
    for _ in range(3):
        away = np.abs(y - gain * x - offset).max(axis=2, keepdims=True)
        limit = np.maximum(2.5 * np.median(away, axis=1, keepdims=True), 6.0)
        weight = (away <= limit).astype(np.float32)
        total = weight.sum(axis=1, keepdims=True)
        mean_x, mean_y = (weight * x).sum(1, keepdims=True) / total, (weight * y).sum(1, keepdims=True) / total
        dx, dy = weight * (x - mean_x), y - mean_y
        spread = (dx * (x - mean_x)).sum(axis=(1, 2), keepdims=True)
        gain = ((dx * dy).sum(axis=(1, 2), keepdims=True) + total) / (spread + total)
        gain = np.clip(gain, 1 / MAX_GAIN, MAX_GAIN)
        offset = np.clip(mean_y - gain * mean_x, -MAX_OFFSET, MAX_OFFSET)
    return gain[:, None], offset[:, None]


def _extent(sprite: Sprite) -> float:
    """Width of the disc, in px of the sprite, that covers as much as the sprite does; a shape's size without its thin corners."""
    return float(2 * np.sqrt(sprite.alpha.sum() / np.pi))


def _without_objects(task: Task) -> Picture:
    picture = task.first_frame
    hidden = np.zeros(picture.shape[:2], dtype=np.uint8)
    for name, box in task.objects.items():
        alpha = task.sprites[name].alpha
        left = round(box.center[0] * picture.shape[1] - alpha.shape[1] / 2)
        top = round(box.center[1] * picture.shape[0] - alpha.shape[0] / 2)
        grown = cv2.dilate((alpha > 0.02).astype(np.uint8), np.ones((3, 3), np.uint8))
        r0, c0 = max(top, 0), max(left, 0)
        part = grown[r0 - top : picture.shape[0] - top, c0 - left : picture.shape[1] - left]
        hidden[r0 : r0 + part.shape[0], c0 : c0 + part.shape[1]] |= part
    return np.asarray(cv2.inpaint(picture, hidden, 3, cv2.INPAINT_TELEA))


def _template(sprite: Sprite, scale: tuple[float, float], background: Floats) -> Template:
    rows, cols = np.nonzero(sprite.alpha > 0.02)
    half = max(rows.max() - rows.min() + 1, cols.max() - cols.min() + 1) / 2 * max(scale)
    margin = max(2, round(half / 3))
    reach = int(np.ceil(half)) + margin
    alpha, color = _placed(sprite, scale, reach)
    inside = (alpha > 0.05).astype(np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1,) * 2)
    ring = np.maximum(cv2.dilate(inside, disc) - cv2.dilate(inside, np.ones((3, 3), np.uint8)), 0)
    contrast = (
        (color**2).sum()
        - 2 * sum(_correlate(background[..., c], alpha * color[..., c]) for c in range(3))
        + _correlate((background**2).sum(axis=2), alpha**2)
    )
    return Template(color=color, alpha=alpha, inside=inside, ring=ring, energy=np.asarray(contrast, dtype=np.float32))


def _placed(sprite: Sprite, scale: tuple[float, float], reach: int) -> tuple[Floats, Floats]:
    """Alpha [k, k] and alpha * rgb [k, k, 3] of the scaled sprite, centred on a kernel of 2 * reach + 1 pixels."""
    layers = np.concatenate([sprite.alpha[..., None], sprite.rgb * sprite.alpha[..., None]], axis=2).astype(np.float32)
    blur = [0.29 * np.sqrt(max(0.0, s**-2 - 1)) for s in scale]  # std of a box as wide as one shrunken pixel
    pad = int(np.ceil(max(blur) * 3)) + 1
    layers = np.pad(layers, ((pad, pad), (pad, pad), (0, 0)))
    if max(blur) > 0.2:
        layers = cv2.GaussianBlur(layers, (0, 0), sigmaX=max(blur[0], 0.01), sigmaY=max(blur[1], 0.01))
    h, w = layers.shape[:2]
    move = np.asarray(
        [[scale[0], 0, reach - scale[0] * (w - 1) / 2], [0, scale[1], reach - scale[1] * (h - 1) / 2]], dtype=np.float64
    )
    placed = cv2.warpAffine(layers, move, (2 * reach + 1,) * 2, flags=cv2.INTER_LINEAR)
    return np.ascontiguousarray(placed[..., 0]), np.ascontiguousarray(placed[..., 1:])


def _correlate(picture: Floats, kernel: Floats) -> Floats:
    return np.asarray(cv2.filter2D(picture, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101))
