"""Drawing for all families: shapes, tiles, boards, and sprites at sub-pixel positions. Pictures are [H, W, 3] uint8."""

import functools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wan_r1.errors import ConfigError
from wan_r1.tasks.skins import Look, Texture
from wan_r1.types import Sprite

__all__ = [
    "draw_sprites",
    "lengths",
    "look_sprite",
    "paint_board",
    "paste",
    "shape_alpha",
    "texture_rgb",
    "walk_positions",
]

SUPERSAMPLE = 8

MOTION_SHARE = 0.85
"""Share of a video that shows motion when no speed is asked for; the rest shows the agent at its goal."""

RIM = 0.084
"""Share of a sprite's width that its rim takes, both sides together: that of the ball on VR-Bench's 3D mazes."""

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]

_POLYGONS: dict[str, Sequence[tuple[float, float]]] = {
    "diamond": ((0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)),
    "triangle": ((0.5, 0.04), (1.0, 0.93), (0.0, 0.93)),
    "square": ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),
    "star": tuple(
        (0.5 + r * np.sin(k * np.pi / 5), 0.5 - r * np.cos(k * np.pi / 5)) for k, r in enumerate((0.5, 0.22) * 5)
    ),
}


@functools.lru_cache(maxsize=512)
def shape_alpha(shape: str, px: int, scale: float = 1.0) -> NDArray[np.float32]:
    """Coverage [px, px] in [0, 1] of a shape of `scale` times the cell, centred on a cell of `px` pixels."""
    side = px * SUPERSAMPLE
    canvas = np.zeros((side, side), dtype=np.uint8)
    if shape == "tile":
        canvas[:] = 255
    elif shape in ("disk", "ring"):
        center = ((side - 1) / 2, (side - 1) / 2)
        y, x = np.ogrid[:side, :side]
        away = np.hypot(x - center[0], y - center[1])
        inner = 0.55 if shape == "ring" else 0.0
        canvas[(away <= scale * side / 2) & (away >= inner * scale * side / 2)] = 255
    elif shape in _POLYGONS:
        corners = (np.asarray(_POLYGONS[shape]) - 0.5) * scale + 0.5
        cv2.fillPoly(canvas, [(corners * side - 0.5).round().astype(np.int32)], 255)
    else:
        raise ConfigError(f"shape {shape!r}: unknown; use tile, disk, ring or one of {', '.join(_POLYGONS)}")
    alpha = cv2.resize(canvas, (px, px), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    alpha.setflags(write=False)
    coverage: NDArray[np.float32] = alpha
    return coverage


def _texture(look: Look, px: int) -> NDArray[np.float32]:
    rgb = np.broadcast_to(np.asarray(look.color, np.float32), (px, px, 3)).copy()
    if look.accent is None or look.texture == "plain":
        return rgb
    if look.texture == "rim":
        amount = 1 - shape_alpha(look.shape, px, look.scale * (1 - RIM))[..., None]
    else:
        marks = _marks(look.texture, px * SUPERSAMPLE).astype(np.float32)
        amount = cv2.resize(marks, (px, px), interpolation=cv2.INTER_AREA)[..., None]
    blended: NDArray[np.float32] = rgb * (1 - amount) + np.asarray(look.accent, np.float32) * amount
    return blended


def _marks(texture: str, side: int) -> NDArray[np.bool_]:
    y, x = np.mgrid[:side, :side] / side
    if texture == "grid":  # a line of one thirtieth of a cell at the top and the left, as on VR-Bench's plain boards
        return np.asarray((x < 1 / 30) | (y < 1 / 30) | (x > 29.5 / 30) | (y > 29.5 / 30))
    if texture == "bricks":
        row = np.floor(y * 3)
        across = (x + 0.25 * (row % 2)) * 2 % 1
        return np.asarray((y * 3 % 1 < 0.18) | (across < 0.12))
    if texture == "dots":
        return np.asarray(np.hypot(x * 2 % 1 - 0.5, y * 2 % 1 - 0.5) < 0.25)
    if texture == "stripes":
        return np.asarray((x + y) * 3 % 1 < 0.5)
    if texture == "checker":
        return np.asarray((np.floor(x * 2) + np.floor(y * 2)) % 2 == 1)
    if texture == "cross":  # two strokes over the middle half of a cell, as on VR-Bench's plain traps
        x, y = x - 0.5, y - 0.5
        return np.asarray((np.minimum(np.abs(x - y), np.abs(x + y)) < 0.035) & (np.abs(x + y) + np.abs(x - y) < 0.54))
    raise ConfigError(f"texture {texture!r}: unknown; use plain, grid, rim, bricks, dots, stripes, checker or cross")


@functools.lru_cache(maxsize=512)
def look_sprite(look: Look, px: int) -> Sprite:
    """The sprite [px, px] of a look on a cell of `px` pixels."""
    if look.picture is not None:
        return _picture_sprite(look, look.picture, px)
    rgb = _texture(look, px).round().clip(0, 255).astype(np.uint8)
    return Sprite(rgb=rgb, alpha=shape_alpha(look.shape, px, look.scale))


def _picture_sprite(look: Look, picture: Texture, px: int) -> Sprite:
    """A picture, as large as fits into its share of the cell; VR-Bench sharpens edges by using the opacity twice."""
    ratio = look.scale * px / max(picture.height, picture.width)
    width, height = (max(1, int(side * ratio + 1e-6)) for side in (picture.width, picture.height))
    image = Image.frombytes("RGBA", (picture.width, picture.height), picture.rgba)
    shown = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS), dtype=np.float32)
    canvas = np.zeros((px, px, 4), dtype=np.float32)
    top, left = (px - height) // 2, (px - width) // 2
    canvas[top : top + height, left : left + width] = shown
    opacity = canvas[..., 3] / np.float32(255)
    rgb = canvas[..., :3] * opacity[..., None]
    alpha: NDArray[np.float32] = np.square(opacity)
    if look.shape == "tile":
        rgb = rgb * alpha[..., None] + np.asarray(look.color, np.float32) * (1 - alpha[..., None])
        alpha = np.ones_like(alpha)
    alpha.setflags(write=False)
    return Sprite(rgb=rgb.round().clip(0, 255).astype(np.uint8), alpha=alpha)


@functools.lru_cache(maxsize=16)
def texture_rgb(picture: Texture, scale: float) -> Picture:
    """The colours [H, W, 3] of a picture at `scale` times its size, whatever its opacity."""
    image = Image.frombytes("RGBA", (picture.width, picture.height), picture.rgba).convert("RGB")
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    rgb = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS), dtype=np.uint8)
    rgb.setflags(write=False)
    return rgb


def paint_board(looks: Sequence[Look], codes: NDArray[np.integer], height: int, width: int) -> Picture:
    """A picture of a board: cell (r, c) shows `looks[codes[r, c]]`; the first look (floor) lies below all others."""
    rows, cols = codes.shape
    if height < rows or width < cols:
        raise ConfigError(f"board of {rows} x {cols} blocks: {height} x {width} px are too few; take 1 for each block")
    tops = np.round(np.arange(rows + 1) * height / rows).astype(int)
    lefts = np.round(np.arange(cols + 1) * width / cols).astype(int)
    px = max(1, round(max(height / rows, width / cols)))
    tiles = [_on_floor(looks[0], look, px) for look in looks]
    picture = np.empty((height, width, 3), dtype=np.uint8)
    for row, col in np.ndindex(rows, cols):
        shape = (tops[row + 1] - tops[row], lefts[col + 1] - lefts[col])
        tile = tiles[codes[row, col]]
        if tile.shape[:2] != shape:
            tile = cv2.resize(tile, (int(shape[1]), int(shape[0])), interpolation=cv2.INTER_AREA)
        picture[tops[row] : tops[row + 1], lefts[col] : lefts[col + 1]] = tile
    return picture


def _on_floor(floor: Look, look: Look, px: int) -> Picture:
    below, above = look_sprite(floor, px), look_sprite(look, px)
    alpha = above.alpha[..., None]
    return (below.rgb * (1 - alpha) + above.rgb * alpha).round().astype(np.uint8)


def paste(picture: Picture, sprite: Sprite, x: float, y: float) -> None:
    """Draw a sprite into a picture, in place, its centre at pixel position (x, y) (pixel edges are integers).

    Sub-pixel positions blend linearly; what falls outside the picture is cut off.
    """
    h, w = sprite.alpha.shape
    left, top = x - w / 2, y - h / 2
    col, row = int(np.floor(left)), int(np.floor(top))
    shift = np.asarray([[1, 0, left - col], [0, 1, top - row]], dtype=np.float32)
    alpha = cv2.warpAffine(np.ascontiguousarray(sprite.alpha), shift, (w + 1, h + 1))
    rgb = cv2.warpAffine(sprite.rgb, shift, (w + 1, h + 1), borderMode=cv2.BORDER_REPLICATE)
    r0, r1 = max(row, 0), min(row + h + 1, picture.shape[0])
    c0, c1 = max(col, 0), min(col + w + 1, picture.shape[1])
    if r0 >= r1 or c0 >= c1:
        return
    inside = (slice(r0 - row, r1 - row), slice(c0 - col, c1 - col))
    a = alpha[inside][..., None]
    region = picture[r0:r1, c0:c1]
    region[:] = (region * (1 - a) + rgb[inside] * a).round().astype(np.uint8)


def draw_sprites(background: Picture, layers: Sequence[tuple[Sprite, Points]]) -> NDArray[np.uint8]:
    """Video [T, H, W, 3]: sprites drawn over a still picture, later layers on top.

    Each layer is a sprite and its centres [T, 2] in image units; NaN leaves the sprite out of that frame.
    """
    num_frames = len(layers[0][1])
    video = np.repeat(background[None], num_frames, axis=0)
    scale = np.asarray([background.shape[1], background.shape[0]], dtype=np.float64)
    for sprite, points in layers:
        for frame, point in zip(video, points, strict=True):
            if np.isfinite(point).all():
                paste(frame, sprite, *(point * scale))
    return video


def lengths(points: Points, aspect: float) -> NDArray[np.float64]:
    """Length of a polyline [N, 2+] up to each of its points, [N], in picture widths. aspect: picture height / width."""
    pixels = points[:, :2].astype(np.float64) * (1.0, aspect)
    return np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(pixels, axis=0).T))])


def walk_positions(points: Points, num_frames: int, step: float | None, aspect: float = 1.0) -> Points:
    """Where the agent is in each frame, [num_frames, 2], walking a polyline [N, 2] at constant speed, then resting.

    Args:
        points: the polyline in image units; further columns (what moves along with the agent) are interpolated too.
        num_frames: T.
        step: way for each frame in picture widths; None spreads the way over MOTION_SHARE of the frames.
        aspect: picture height / width, so that speed is measured in pixels.
    """
    along = lengths(points, aspect)
    if step is None:
        moving = max(1, int(MOTION_SHARE * (num_frames - 1)))
        step = along[-1] / moving
    way = np.minimum(np.arange(num_frames) * step, along[-1])
    return np.stack([np.interp(way, along, column) for column in points.T], axis=1).astype(np.float32)
