"""Textures drawn by code, as brightness only; each surface multiplies one by its colour."""

import functools
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVELS", "SIDE_PX", "TEXELS_PER_M", "TEXTURES", "atlas"]

SIDE_PX = 128
"""Side of a texture; it repeats."""
LEVELS = 7
"""Sizes 128 .. 2 px, so that a far surface is an average and does not flicker."""
TEXELS_PER_M = 64.0

Gray = NDArray[np.floating[Any]]


def _noise(rng: np.random.Generator, grain: int) -> Gray:
    coarse = rng.random((SIDE_PX // grain, SIDE_PX // grain)).astype(np.float32)
    tiled = np.tile(coarse, (3, 3))  # so that both sides fit when it is enlarged
    large = cv2.resize(tiled, None, fx=grain, fy=grain, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large[SIDE_PX : 2 * SIDE_PX, SIDE_PX : 2 * SIDE_PX])


def _blocks(rng: np.random.Generator, rows: int, cols: int, joint: float, shift: float, spread: float) -> Gray:
    """Blocks in rows with joints between them, each block of its own brightness; every other row is shifted."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX
    row = np.floor(y * rows).astype(int)
    across = x * cols + shift * (row % 2)
    shade = 1 - spread * rng.random((rows, cols + 1))[row, np.floor(across).astype(int) % cols]
    edge = (y * rows % 1 < joint * rows / cols) | (across % 1 < joint)
    return np.asarray(np.where(edge, 0.55, shade), np.float32)


def _cloth(rng: np.random.Generator) -> Gray:
    return np.asarray(0.82 + 0.1 * _noise(rng, 4) + 0.18 * (_noise(rng, 16) - 0.5))


def _wood(rng: np.random.Generator) -> Gray:
    grain = np.repeat(rng.random((SIDE_PX, 1)), SIDE_PX, axis=1).astype(np.float32)
    return np.asarray(0.72 + 0.16 * cv2.GaussianBlur(grain, (1, 5), 0) + 0.2 * (_noise(rng, 16) - 0.3))


def _books(rng: np.random.Generator) -> Gray:
    backs = np.repeat(0.45 + 0.55 * rng.random(SIDE_PX // 8), 8)
    return np.asarray(np.tile(backs, (SIDE_PX, 1)) * (0.9 + 0.1 * _noise(rng, 8)))


def _leaves(rng: np.random.Generator) -> Gray:
    return np.asarray(0.35 + 0.65 * np.clip(1.6 * _noise(rng, 8) - 0.2, 0, 1))


def _wallpaper(rng: np.random.Generator) -> Gray:
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / SIDE_PX
    flowers = np.hypot((x * 4 + 0.5 * (np.floor(y * 4) % 2)) % 1 - 0.5, y * 4 % 1 - 0.5) < 0.22
    return np.asarray((0.95 - 0.22 * flowers) * (0.92 + 0.12 * _noise(rng, 16)))


def _door(rng: np.random.Generator) -> Gray:
    y = np.arange(SIDE_PX)[:, None] / SIDE_PX
    return np.where(np.abs(y - 0.55) < 0.02, 0.5, 0.95).astype(np.float32) * (0.9 + 0.12 * _noise(rng, 32))


TEXTURES: dict[str, Callable[[np.random.Generator], Gray]] = {
    "cloth": _cloth,
    "wood": _wood,
    "books": _books,
    "leaves": _leaves,
    "door": _door,
    "screen": lambda rng: 0.4 + 0.6 * _noise(rng, 32),
    "planks": lambda rng: _blocks(rng, 4, 1, 0.03, 0.0, 0.25) * (0.85 + 0.2 * _noise(rng, 8)),
    "parquet": lambda rng: _blocks(rng, 8, 2, 0.02, 0.5, 0.4) * (0.85 + 0.2 * _noise(rng, 8)),
    "tiles": lambda rng: _blocks(rng, 4, 4, 0.05, 0.0, 0.35) * (0.9 + 0.15 * _noise(rng, 8)),
    "carpet": lambda rng: 0.55 + 0.5 * _noise(rng, 8) * (0.6 + 0.6 * _noise(rng, 32)),
    "plaster": lambda rng: 0.72 + 0.34 * (0.6 * _noise(rng, 16) + 0.4 * _noise(rng, 4)),
    "bricks": lambda rng: _blocks(rng, 12, 6, 0.07, 0.5, 0.35) * (0.9 + 0.15 * _noise(rng, 4)),
    "wallpaper": _wallpaper,
}
"""Name -> brightness [SIDE_PX, SIDE_PX] about in [0, 1]."""


@functools.lru_cache(maxsize=1)
def atlas() -> NDArray[np.float32]:
    """All textures at all sizes in one line of numbers; texel (v, u) of size l of texture t is at
    ((t LEVELS + l) SIDE_PX + v) SIDE_PX + u, and smaller sizes repeat to fill their square."""
    squares = np.empty((len(TEXTURES), LEVELS, SIDE_PX, SIDE_PX), np.float32)
    for index, draw in enumerate(TEXTURES.values()):
        full = np.clip(draw(np.random.default_rng(index)), 0, 1.1).astype(np.float32)
        for level in range(LEVELS):
            side = SIDE_PX >> level
            small = cv2.resize(full, (side, side), interpolation=cv2.INTER_AREA)
            squares[index, level] = cv2.resize(small, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
    flat = squares.ravel()
    flat.setflags(write=False)
    return flat
