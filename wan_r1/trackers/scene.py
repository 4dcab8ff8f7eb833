"""What a video is compared with: the conditioning image without its objects, at the scale where sprites are small.

A picture of the scene is `light(background + sprites) + noise`, where `light` is a gain, and an offset for each colour
channel, of a frame. All work is done on frames that were shrunk until the smallest sprite is about `WORK_PX` pixels
wide.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import TrackingError
from wan_r1.trackers.goals import GoalLook, goal_looks
from wan_r1.types import Box, Sprite, Task

__all__ = [
    "TILE_PX",
    "Scene",
    "Template",
    "make_scene",
    "shrink",
    "tile_means",
    "tiles_outside",
    "without_objects",
]

WORK_PX = 5.6
"""Sprites are tracked at this width or up to twice this width; smaller ones lose their shape."""

MIN_SPRITE_PX = 4.5
"""Smallest sprite width in the video's own pixels: a 6 px board cell with a sprite of three quarters of it."""

TILE_PX = 4
"""Side of the tiles, in shrunken pixels, on which light and scene changes are measured."""

EDGE_TOLERANCE = 0.35
"""Share of the local contrast by which a pixel may differ: blur and half a pixel of misplacement at edges."""

TILE_TOLERANCE = 0.25
"""Share of the contrast to the tiles around by which the mean of a tile may differ: blur."""

FLAT_CONTRAST = 12.0
"""Local contrast in grey levels below which a pixel shows noise rather than blur."""

NOISE_PIXELS = 400
"""Pixels, about, from which the noise of a frame is measured."""

MIN_CONTRAST = 0.2
"""Share of the largest squared contrast below which the background may hide the sprite."""

PLAIN_CONTRAST = 70.0
"""Grey levels between sprite and ground, 40 in each of three channels, at which no ground hides the sprite, however
bright or dark the rest of the picture is: noise of sigma 12 makes 21 in a pixel, and is averaged over the sprite."""

HIDDEN_ALPHA = 0.02
"""Opacity above which a sprite hides what is below it."""

SOLID_ALPHA = 0.6
"""Opacity above which nothing can be told about what is below a sprite."""

MAX_UNLIKE = 6.0
"""Mean difference in grey levels up to which two patches count as the same ground."""

COMPARED_PIXELS = 150
"""Pixels, about, by which two patches are compared."""

CHANGED = 0.1
"""Share of the sprite's contrast at which a pixel counts as changed."""

APART = 0.6
"""Two instances of one sprite are at least this share of its width apart."""

AROUND_PX = 4
"""Pixels around a sprite that are looked at to fill in what lies below it."""

BLOCK = np.ones((3, 3), np.uint8)
SUM = np.ones((1, 3), np.float32)
"""Adds up the channels: cv2.transform(picture, SUM)."""

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Template:
    """One sprite at the shrunken scale, centred on odd kernels, with S = its colours and a = its alpha.

    layers [k, k, 4]: (a S, a), the same as a sum of n products (1 for one colour): kernels [n, m, m], and what they are
    multiplied with before the background, aims [n, h, w, 3].
    alpha [k, k]: a alone. inside [m, m]: 1 where the sprite is, on area pixels. near [k, k]: the same and one pixel
    around it; ring [k, k]: weights around it, which add to 1; gap: least distance of two instances, in rows and in
    columns, and too_near [g, g'] what is closer. energy [h, w]: squared contrast of the sprite against the background,
    for each centre pixel of the scene, and most its maximum; tint [h, w, 3]: its change of the background's colour,
    added up with a. contrast [h, w]: squared difference of the background to the sprite's mean colour, not below
    MIN_CONTRAST. weight: sum of a^2. least: energy below which the background hides the sprite; may_hide: whether it
    does anywhere. changed: mean over 3 x 3 pixels of a change, added up over channels, that it makes at least. half,
    reach: pixels from the centre to the border of kernels and of layers; cover: pixels up or down and to each side of
    its centre that it may cover.
    """

    layers: Floats
    alpha: Floats
    kernels: Floats
    aims: Floats
    inside: Floats
    area: float
    gap: tuple[float, float]
    too_near: NDArray[np.bool_]
    near: NDArray[np.bool_]
    ring: Floats
    energy: Floats
    most: float
    tint: Floats
    contrast: Floats
    weight: float
    least: float
    may_hide: bool
    changed: float
    half: int
    reach: int
    cover: tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scene:
    """The conditioning image without its objects, shrunken by `factor`: background [h, w, 3] uint8.

    tolerance [h, w, 3] uint8: by how much a pixel may differ; faint: what any channel of a place where a template may
    be exceeds beyond that; flat [n]: where, in the flattened background, values of
    pixels without texture are; tiles [3, r, c] float32: mean colours (see tile_means); tile_tolerance [r, c]: by how
    much a tile may differ; size (width, height): the picture in shrunken pixels, not rounded; templates: name of an
    object -> Template, one for all objects that look alike; alike: the same names -> names of all objects like it;
    ground [r, c]: tiles beside the goals; goals: what they look like (goals.py).
    """

    factor: int
    size: tuple[float, float]
    background: Picture
    tolerance: Picture
    faint: float
    flat: NDArray[np.int64]
    tiles: Floats
    tile_tolerance: Floats
    templates: dict[str, Template]
    alike: dict[str, tuple[str, ...]]
    ground: NDArray[np.bool_]
    goals: tuple[GoalLook, ...]


@functools.lru_cache(maxsize=8)
def make_scene(task: Task, height: int, width: int) -> Scene:
    """The scene of a task for videos of `height` x `width` pixels. TrackingError if a sprite is too small there."""
    scale = (width / task.first_frame.shape[1], height / task.first_frame.shape[0])
    smallest = min(_extent(task.sprites[name]) for name in task.objects) * min(scale)
    if smallest < MIN_SPRITE_PX:
        raise TrackingError(
            f"{width} x {height} px: the smallest sprite is {smallest:.1f} px wide; "
            f"the sprite tracker needs {MIN_SPRITE_PX:g}: use larger pictures or fewer cells"
        )
    factor = 2 ** max(0, int(np.log2(smallest / WORK_PX)))
    background = shrink(_resized(without_objects(task), height, width), factor)
    floats = background.astype(np.float32)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    contrast = cv2.subtract(cv2.dilate(background, cross), cv2.erode(background, cross))
    flat = np.flatnonzero(np.maximum.reduce(cv2.split(contrast)) < FLAT_CONTRAST)
    tiles = tile_means(background)
    shown = np.ascontiguousarray(tiles.transpose(1, 2, 0))
    alike = _alike(task)
    work_scale, size = (scale[0] / factor, scale[1] / factor), (width / factor, height / factor)
    templates = {name: _template(task.sprites[name], work_scale, floats) for name in alike}
    return Scene(
        factor=factor,
        size=size,
        background=background,
        tolerance=(EDGE_TOLERANCE * contrast).astype(np.uint8),
        faint=max(0.0, min(template.changed for template in templates.values()) - 1) / 3,
        flat=(3 * flat[:: max(1, len(flat) // NOISE_PIXELS), None] + np.arange(3)).ravel(),
        tiles=tiles,
        tile_tolerance=TILE_TOLERANCE * (cv2.dilate(shown, BLOCK) - cv2.erode(shown, BLOCK)).max(axis=2),
        templates=templates,
        alike=alike,
        ground=tiles_outside(task.goals, tiles.shape[1:]),
        goals=goal_looks(task, background, size),
    )


def tiles_outside(boxes: Iterable[Box], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Tiles [r, c], shape (r, c), that show no part of these boxes."""
    rows, cols = shape
    free = np.ones((rows, cols), bool)
    for box in boxes:
        down = slice(max(0, int(box.y * rows)), int(np.ceil((box.y + box.height) * rows)))
        right = slice(max(0, int(box.x * cols)), int(np.ceil((box.x + box.width) * cols)))
        free[down, right] = False
    return free


def _alike(task: Task) -> dict[str, tuple[str, ...]]:
    groups: dict[tuple[bytes, bytes], list[str]] = {}
    for name in task.objects:
        sprite = task.sprites[name]
        groups.setdefault((sprite.rgb.tobytes(), sprite.alpha.tobytes()), []).append(name)
    return {names[0]: tuple(names) for names in groups.values()}


def shrink(pictures: Picture, factor: int) -> Picture:
    """Pictures [..., h, w, 3] with `factor` x `factor` pixels averaged into one; factor is a power of 2.

    Borders are repeated where the size does not divide.
    """
    *several, height, width, channels = pictures.shape
    down, right = -height % factor, -width % factor
    if down or right:
        around = [(0, 0)] * len(several) + [(0, down), (0, right), (0, 0)]
        pictures = np.pad(pictures, around, mode="edge")
    tall = pictures.reshape(-1, width + right, channels)  # rows of different pictures are never averaged
    size = (height + down, width + right)
    while factor > 1:  # halving is the fast case of OpenCV
        size = (size[0] // 2, size[1] // 2)
        tall = np.asarray(cv2.resize(tall, (size[1], len(tall) // 2), interpolation=cv2.INTER_AREA))
        factor //= 2
    return tall.reshape(*several, *size, channels)


def _resized(picture: Picture, height: int, width: int) -> Picture:
    if picture.shape[:2] == (height, width):
        return picture
    smaller = height * width < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method))


def tile_means(pictures: Picture) -> Floats:
    """Mean colour of each tile of pictures [..., h, w, 3], [..., 3, rows, cols] float32; borders are repeated."""
    return np.ascontiguousarray(np.moveaxis(shrink(pictures, TILE_PX), -1, -3), dtype=np.float32)


def _extent(sprite: Sprite) -> float:
    """Width, in px of the sprite, of the disc that covers as much as the sprite: thin corners hardly count."""
    return float(2 * np.sqrt(sprite.alpha.sum() / np.pi))


def without_objects(task: Task) -> Picture:
    """The first frame with its objects taken out.

    What lies below an object is the sprite "floor" in its box, if the task has one. Else it is copied from the place, a
    whole number of object boxes away, that looks most like its visible surroundings (on a board: another empty cell);
    if nothing does, it is filled in smoothly from around.
    """
    picture = task.first_frame.copy()
    for name, box in task.objects.items():
        if "floor" in task.sprites:
            _lay_floor(picture, box, task.sprites["floor"])
            continue
        alpha = task.sprites[name].alpha
        h, w = alpha.shape
        left = round(box.center[0] * picture.shape[1] - w / 2)
        top = round(box.center[1] * picture.shape[0] - h / 2)
        hidden = alpha > HIDDEN_ALPHA
        inside = left >= 0 and top >= 0 and left + w <= picture.shape[1] and top + h <= picture.shape[0]
        likeness = _best_lookalike(picture, hidden, top, left) if inside else None
        if likeness is None:
            _fill_in(picture, task.sprites[name], box)
        else:
            picture[top : top + h, left : left + w][hidden] = likeness[hidden]
    return picture


def _fill_in(picture: Picture, sprite: Sprite, box: Box) -> None:
    """Take a sprite in the middle of a box out of a picture: edges by what shines through, the rest from around."""
    size = sprite.alpha.shape
    middle = box.center[1] * picture.shape[0], box.center[0] * picture.shape[1]
    top, left = (int(at - length / 2) - AROUND_PX for at, length in zip(middle, size, strict=True))
    part = (
        slice(max(0, top), top + size[0] + 2 * AROUND_PX + 1),
        slice(max(0, left), left + size[1] + 2 * AROUND_PX + 1),
    )
    shown = picture[part]
    down, right = (at - length / 2 - cut.start for at, length, cut in zip(middle, size, part, strict=True))
    move, wide = np.asarray([[1, 0, right], [0, 1, down]], dtype=np.float64), shown.shape[1::-1]
    alpha = cv2.warpAffine(np.ascontiguousarray(sprite.alpha), move, wide)[..., None]
    rgb = cv2.warpAffine(sprite.rgb, move, wide, borderMode=cv2.BORDER_REPLICATE)
    solid = alpha[..., 0] > SOLID_ALPHA
    below = ((shown - alpha * rgb) / np.maximum(1 - alpha, 1 - SOLID_ALPHA)).round().clip(0, 255).astype(np.uint8)
    shown = np.where(solid[..., None], shown, below)
    picture[part] = cv2.inpaint(shown, solid.astype(np.uint8), 1, cv2.INPAINT_TELEA)


def _lay_floor(picture: Picture, box: Box, floor: Sprite) -> None:
    height, width = picture.shape[:2]
    top, bottom = round(box.y * height), round((box.y + box.height) * height)
    left, right = round(box.x * width), round((box.x + box.width) * width)
    picture[top:bottom, left:right] = _resized(floor.rgb, bottom - top, right - left)


def _best_lookalike(picture: Picture, hidden: NDArray[np.bool_], top: int, left: int) -> Picture | None:
    """The median of the patches, on the lattice of (top, left), that agree best with the visible part of this one."""
    h, w = hidden.shape
    rows, cols = np.nonzero(~hidden)
    if len(rows) < 0.1 * hidden.size:
        return None
    lattice = picture[top % h :, left % w :]
    lattice = lattice[: lattice.shape[0] // h * h, : lattice.shape[1] // w * w]
    patches = lattice.reshape(lattice.shape[0] // h, h, -1, w, 3).swapaxes(1, 2)
    some = slice(None, None, max(1, len(rows) // COMPARED_PIXELS))
    visible = patches[:, :, rows[some], cols[some]].reshape(patches.shape[0] * patches.shape[1], -1)
    here = top // h * patches.shape[1] + left // w
    away = cv2.absdiff(visible, np.tile(visible[here], (len(visible), 1))).mean(axis=1)
    away[here] = np.inf
    if away.min() > MAX_UNLIKE:
        return None
    best = np.argsort(away, kind="stable")[: max(1, min(5, int((away <= away.min() + 1).sum())))]
    return np.asarray(np.median(patches[divmod(best, patches.shape[1])], axis=0), dtype=np.uint8)


def _template(sprite: Sprite, scale: tuple[float, float], background: Floats) -> Template:
    rows, cols = np.nonzero(sprite.alpha > HIDDEN_ALPHA)
    center = (sprite.alpha.shape[0] - 1) / 2, (sprite.alpha.shape[1] - 1) / 2
    half = (max(np.abs(rows - center[0]).max(), np.abs(cols - center[1]).max()) + 0.5) * max(scale)
    margin = max(2, round(half / 3))
    reach = int(np.ceil(half)) + margin
    layers = _placed(sprite, scale, reach)
    alpha, color = layers[..., 3], layers[..., :3]
    inside = (alpha > 0.05).astype(np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1,) * 2)
    ring = np.maximum(cv2.dilate(inside, disc) - cv2.dilate(inside, BLOCK), 0)
    weight = float((alpha**2).sum())
    left, sizes, right = np.linalg.svd(layers.reshape(-1, 4), full_matrices=False)
    kernels = (left * sizes).T.reshape(-1, *alpha.shape)
    squared = _core(alpha[None] ** 2, margin)[0]
    energy = (color**2).sum() + _correlate(cv2.transform(background**2, SUM), squared)
    some = sizes > 1e-5 * sizes[0]  # one for one colour
    for kernel, row in zip(_core(2 * alpha * kernels[some], margin), right[some], strict=True):
        energy -= _correlate(cv2.transform(background, row[None, :3]), kernel)
    kept = sizes > 0.02 * sizes[0]
    contrast = cv2.transform((background - color.sum(axis=(0, 1)) / alpha.sum()) ** 2, SUM)
    near, most = cv2.dilate(inside, BLOCK) > 0, float(energy.max())
    gap = tuple(max(1.0, APART * float(inside.any(axis=1 - axis).sum())) for axis in (0, 1))
    least = min(MIN_CONTRAST * most, PLAIN_CONTRAST**2 * weight)
    return Template(
        layers=layers,
        alpha=np.ascontiguousarray(alpha),
        kernels=_core(kernels[kept], margin),
        aims=np.stack([row[:3] - row[3] * background for row in right[kept]]).astype(np.float32),
        inside=_core(inside[None], margin)[0],
        area=float(inside.sum()),
        gap=(gap[0], gap[1]),
        too_near=_ellipse(gap[0], gap[1]),
        near=near,
        ring=ring / max(1.0, float(ring.sum())),
        energy=np.maximum(energy, 1.0).astype(np.float32),
        most=most,
        tint=(alpha[..., None] * color).sum(axis=(0, 1)) - _correlate(background, squared),
        contrast=np.maximum(contrast, MIN_CONTRAST * most / weight).astype(np.float32),
        weight=weight,
        least=least,
        may_hide=bool((energy < least).any()),
        changed=CHANGED * float(np.sqrt(most / weight)),
        half=reach - margin,
        reach=reach,
        cover=(float(near.any(axis=1).sum()) / 2, float(near.any(axis=0).sum()) / 2),
    )


def _ellipse(height: float, width: float) -> NDArray[np.bool_]:
    """Pixels less than so far, in rows and in columns, from the middle one."""
    rows, cols = np.ogrid[-int(height) : int(height) + 1, -int(width) : int(width) + 1]
    return np.asarray((rows / height) ** 2 + (cols / width) ** 2 < 1)


def _core(kernels: NDArray[np.floating[Any]], margin: int) -> Floats:
    """The middle of kernels [n, k, k], without a margin that is empty: small kernels are fast."""
    inner = slice(margin, kernels.shape[1] - margin)
    return np.ascontiguousarray(kernels[:, inner, inner], dtype=np.float32)


def _placed(sprite: Sprite, scale: tuple[float, float], reach: int) -> Floats:
    """(alpha * rgb, alpha) of the scaled sprite [k, k, 4], centred on a kernel of 2 * reach + 1 pixels."""
    layers = np.concatenate([sprite.rgb * sprite.alpha[..., None], sprite.alpha[..., None]], axis=2).astype(np.float32)
    blur = [0.29 * np.sqrt(max(0.0, s**-2 - 1)) for s in scale]  # std of a box as wide as one shrunken pixel
    pad = int(np.ceil(max(blur) * 3)) + 1
    layers = np.pad(layers, ((pad, pad), (pad, pad), (0, 0)))
    if max(blur) > 0.2:
        layers = cv2.GaussianBlur(layers, (0, 0), sigmaX=max(blur[0], 0.01), sigmaY=max(blur[1], 0.01))
    h, w = layers.shape[:2]
    move = np.asarray(
        [[scale[0], 0, reach - scale[0] * (w - 1) / 2], [0, scale[1], reach - scale[1] * (h - 1) / 2]], dtype=np.float64
    )
    return np.asarray(cv2.warpAffine(layers, move, (2 * reach + 1,) * 2, flags=cv2.INTER_LINEAR))


def _correlate(picture: Floats, kernel: Floats) -> Floats:
    return np.asarray(cv2.filter2D(picture, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101))
