"""First-person pictures of a room by casting rays.

The camera looks level at a fixed height, and everything in the room is an upright prism. So a column of pixels meets
each prism at one distance along the floor, and its height there decides which rows show it: a few small arrays in
place of a mesh, without any graphics library. A ray is measured in depth: metres along the camera's axis.
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.navigation.furniture import COLORS, KINDS, RGB, Prism
from wan_r1.tasks.navigation.room import NavigationState, Pose
from wan_r1.tasks.navigation.textures import LEVELS, SIDE_PX, TEXELS_PER_M, TEXTURES, atlas

__all__ = ["CAMERA_HEIGHT_M", "FIELD_OF_VIEW_DEG", "draw_views"]

CAMERA_HEIGHT_M = 0.55
FIELD_OF_VIEW_DEG = 70.0
"""Horizontal; that of the camera of Target-Bench's robot (RealSense D435i, colour) is 69."""
WALL_HEIGHT_M = 2.4
NEAR_M = 0.05
SUPERSAMPLE = 2
"""Rays for each pixel and axis."""
LIGHT = (1.0, 0.86, 0.94, 0.78)
"""Brightness of faces to the front, back, left and right, so that edges are seen."""
TOP_LIGHT, BOTTOM_LIGHT = 1.05, 0.5

FLOORS = (
    ("parquet", (178, 128, 82)),
    ("tiles", (196, 190, 180)),
    ("carpet", (120, 130, 150)),
    ("carpet", (150, 80, 70)),
)
WALLS = (
    ("plaster", (222, 212, 190)),
    ("bricks", (190, 120, 95)),
    ("wallpaper", (190, 205, 215)),
    ("plaster", (170, 200, 175)),
    ("wallpaper", (225, 190, 150)),
)
CEILING = ("plaster", (235, 235, 235))
SKIRTING: RGB = (96, 74, 58)

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Scene:
    """Prisms of a room as arrays [P], and their looks; face 6 p + k: sides 0 to 3, top 4, bottom 5 of prism p.

    The last six faces are those of the room: its four walls, floor and ceiling.
    """

    center: Floats
    half: Floats
    axis: Floats
    z: Floats
    disc: NDArray[np.bool_]
    colors: Floats
    textures: NDArray[np.int64]
    size: tuple[float, float]


def draw_views(state: NavigationState, poses: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Pictures [T, size, size, 3] uint8 from camera poses [T, 3] (x, y, yaw) in the room frame."""
    scene = _scene(state)
    return np.stack([_view(scene, (float(x), float(y), float(yaw)), size) for x, y, yaw in poses])


@functools.lru_cache(maxsize=32)
def _scene(state: NavigationState) -> _Scene:
    blocks: list[tuple[Prism, Pose, RGB]] = []
    for piece in state.furniture:
        own = COLORS.get(piece.color, (200, 200, 200))
        blocks += [(part, (piece.x, piece.y, piece.yaw), part.color or own) for part in KINDS[piece.kind].parts]
    rng = np.random.default_rng(state.theme)
    blocks += [(part, pose, color) for part, pose, color in _decoration(state, rng)]
    floor, wall = FLOORS[rng.integers(len(FLOORS))], WALLS[rng.integers(len(WALLS))]
    for x, y, half_x, half_y in state.partitions:
        part = Prism(length=2 * half_x, width=2 * half_y, z=(0, WALL_HEIGHT_M), texture=wall[0])
        blocks.append((part, (x, y, 0.0), wall[1]))
    looks = [(texture, np.asarray(color) * light) for texture, color, light in _faces(blocks, floor, wall)]
    names = list(TEXTURES)
    cos, sin = (np.asarray([f(pose[2]) for _, pose, _ in blocks]) for f in (np.cos, np.sin))
    local = np.asarray([(part.x, part.y) for part, _, _ in blocks])
    turned = np.stack([local[:, 0] * cos - local[:, 1] * sin, local[:, 0] * sin + local[:, 1] * cos], axis=1)
    return _Scene(
        center=(np.asarray([pose[:2] for _, pose, _ in blocks]) + turned).astype(np.float32),
        half=np.asarray([(part.length / 2, part.width / 2) for part, _, _ in blocks], np.float32),
        axis=np.stack([cos, sin], axis=1).astype(np.float32),
        z=np.asarray([part.z for part, _, _ in blocks], np.float32),
        disc=np.asarray([part.disc for part, _, _ in blocks]),
        colors=np.asarray([color for _, color in looks], np.float32),
        textures=np.asarray([names.index(name) for name, _ in looks]),
        size=state.size,
    )


def _faces(
    blocks: list[tuple[Prism, Pose, RGB]], floor: tuple[str, RGB], wall: tuple[str, RGB]
) -> list[tuple[str, RGB, float]]:
    lights = (*LIGHT, TOP_LIGHT, BOTTOM_LIGHT)
    faces = [(part.texture, color, light) for part, _, color in blocks for light in lights]
    return [*faces, *((*wall, light) for light in LIGHT), (*floor, 1.0), (*CEILING, 0.9)]


def _decoration(state: NavigationState, rng: np.random.Generator) -> list[tuple[Prism, Pose, RGB]]:
    """Pictures on the walls and a skirting board along them, so that walls can be told apart."""
    length, width = state.size
    placed: list[tuple[Prism, Pose, RGB]] = []
    sides = ((length, 0.0, np.pi / 2), (length, width, -np.pi / 2), (width, 0.0, 0.0), (width, length, np.pi))
    for side, (extent, at, yaw) in enumerate(sides):
        along = side < 2
        middle = (extent / 2, at) if along else (at, extent / 2)
        board = Prism(length=0.03, width=extent, z=(0.0, 0.1), texture="wood")
        placed.append((board, (*middle, float(yaw)), SKIRTING))
        for place in np.arange(rng.uniform(0.4, 1.0), extent - 0.4, rng.uniform(1.0, 1.8)):
            high = float(rng.uniform(0.7, 1.1))
            frame = Prism(
                length=0.05,
                width=float(rng.uniform(0.3, 0.7)),
                z=(high, high + float(rng.uniform(0.3, 0.7))),
                texture=("screen", "leaves", "books")[rng.integers(3)],
            )
            color: RGB = tuple(int(v) for v in rng.integers(90, 256, 3))  # type: ignore[assignment]
            placed.append((frame, (float(place), at, float(yaw)) if along else (at, float(place), float(yaw)), color))
    return placed


def _view(scene: _Scene, pose: Pose, size: int) -> NDArray[np.uint8]:
    side = size * SUPERSAMPLE
    focal = float(side / 2 / np.tan(np.radians(FIELD_OF_VIEW_DEG) / 2))
    slope = ((np.arange(side) + 0.5 - side / 2) / focal).astype(np.float32)
    forward, right = np.asarray([np.cos(pose[2]), np.sin(pose[2])]), np.asarray([np.sin(pose[2]), -np.cos(pose[2])])
    rays = (forward + slope[:, None] * right).astype(np.float32)
    origin = np.asarray(pose[:2], np.float32)
    canvas = _room(scene, origin, rays, slope)
    _add_prisms(scene, canvas, origin, rays, slope, focal)
    return _shaded(scene, canvas, focal, size)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Canvas:
    """What each ray [rows, cols] meets first: depth, face, and where on the face in metres."""

    depth: Floats
    face: NDArray[np.int32]
    u: Floats
    v: Floats


def _room(scene: _Scene, origin: Floats, rays: Floats, slope: Floats) -> _Canvas:
    """The empty room: walls by column, floor and ceiling by row."""
    with np.errstate(divide="ignore"):
        ends = np.where(rays > 0, (np.asarray(scene.size, np.float32) - origin) / rays, -origin / rays)
    wall = np.maximum(np.min(ends, axis=1), NEAR_M).astype(np.float32)
    across = (np.argmin(ends, axis=1) == 0).astype(int)  # a wall of fixed x runs along y
    where = origin + wall[:, None] * rays
    first = 6 * len(scene.z)
    wall_face = first + np.where(across == 1, np.where(rays[:, 0] > 0, 1, 0), np.where(rays[:, 1] > 0, 3, 2))
    height = np.where(slope > 0, CAMERA_HEIGHT_M, CAMERA_HEIGHT_M - WALL_HEIGHT_M).astype(np.float32)
    level = height / slope
    is_wall = wall[None, :] <= level[:, None]
    depth = np.where(is_wall, wall[None, :], level[:, None])
    floor_u, floor_v = (origin[k] + level[:, None] * rays[None, :, k] for k in (0, 1))
    wall_v = CAMERA_HEIGHT_M - wall[None, :] * slope[:, None]
    along = np.take_along_axis(where, across[:, None], axis=1)[:, 0]
    return _Canvas(
        depth=depth,
        face=np.where(is_wall, wall_face[None, :], np.where(slope > 0, first + 4, first + 5)[:, None]).astype(np.int32),
        u=np.where(is_wall, along[None, :], floor_u),
        v=np.where(is_wall, wall_v, floor_v),
    )


def _add_prisms(scene: _Scene, canvas: _Canvas, origin: Floats, rays: Floats, slope: Floats, focal: float) -> None:
    start = origin - scene.center
    x0 = start[:, 0] * scene.axis[:, 0] + start[:, 1] * scene.axis[:, 1]
    y0 = start[:, 1] * scene.axis[:, 0] - start[:, 0] * scene.axis[:, 1]
    dx = scene.axis[:, :1] * rays[:, 0] + scene.axis[:, 1:] * rays[:, 1]
    dy = scene.axis[:, :1] * rays[:, 1] - scene.axis[:, 1:] * rays[:, 0]
    near, far, side = _crossings(scene, x0[:, None], y0[:, None], dx, dy)
    hit = (near < far) & (near > NEAR_M)
    for prism in np.flatnonzero(hit.any(axis=1)):
        cols = np.flatnonzero(hit[prism])
        across = slice(int(cols[0]), int(cols[-1]) + 1)
        enter, leave = near[prism, across], far[prism, across]
        inside = hit[prism, across]
        rows = _rows(scene.z[prism], float(enter[inside].min()), float(leave[inside].max()), focal, len(slope))
        if rows.start >= rows.stop:
            continue
        local = (x0[prism], y0[prism], dx[prism, across], dy[prism, across])
        window = _Canvas(**{name: getattr(canvas, name)[rows, across] for name in ("depth", "face", "u", "v")})
        _add_sides(window, scene.z[prism], enter, inside, side[prism, across], slope[rows], local, 6 * int(prism))
        _add_lids(window, scene.z[prism], enter, leave, inside, slope[rows], local, 6 * int(prism))


def _crossings(
    scene: _Scene, x0: Floats, y0: Floats, dx: Floats, dy: Floats
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Depths [P, cols] at which rays enter and leave the footprints, and the side (0 to 3) through which they enter."""
    half_x, half_y = scene.half[:, :1], scene.half[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        x_near, x_far = (-np.sign(dx) * half_x - x0) / dx, (np.sign(dx) * half_x - x0) / dx
        y_near, y_far = (-np.sign(dy) * half_y - y0) / dy, (np.sign(dy) * half_y - y0) / dy
        near, far = np.fmax(x_near, y_near), np.fmin(x_far, y_far)
        side = np.where(x_near >= y_near, np.where(dx < 0, 0, 1), np.where(dy < 0, 2, 3))
        if scene.disc.any():
            a, b = dx * dx + dy * dy, x0 * dx + y0 * dy
            root = np.sqrt(b * b - a * (x0 * x0 + y0 * y0 - half_x * half_x))  # NaN where a ray misses the disc
            disc = scene.disc[:, None]
            near, far = np.where(disc, (-b - root) / a, near), np.where(disc, (-b + root) / a, far)
            side = np.where(disc, 0, side)
    return near, far, side


def _rows(z: Floats, nearest: float, farthest: float, focal: float, side: int) -> slice:
    """Rows that can show a prism between two heights and two depths."""
    depths = np.asarray([max(nearest, NEAR_M), max(farthest, NEAR_M)])
    top = side / 2 + focal * ((CAMERA_HEIGHT_M - z[1]) / depths).min()
    bottom = side / 2 + focal * ((CAMERA_HEIGHT_M - z[0]) / depths).max()
    return slice(int(np.clip(top - 1, 0, side)), int(np.clip(bottom + 2, 0, side)))


Local = tuple[np.float32, np.float32, Floats, Floats]


def _add_sides(
    window: _Canvas,
    z: Floats,
    enter: Floats,
    inside: NDArray[np.bool_],
    side: NDArray[np.int64],
    slope: Floats,
    local: Local,
    face: int,
) -> None:
    height = CAMERA_HEIGHT_M - enter[None, :] * slope[:, None]
    shown = inside[None, :] & (height >= z[0]) & (height <= z[1]) & (enter[None, :] < window.depth)
    x0, y0, dx, dy = local
    u = np.where(side < 2, y0 + enter * dy, x0 + enter * dx).astype(np.float32)
    for target, value in ((window.depth, enter), (window.face, (face + side).astype(np.int32)), (window.u, u)):
        np.copyto(target, value[None, :], where=shown)
    np.copyto(window.v, height, where=shown)


def _add_lids(
    window: _Canvas,
    z: Floats,
    enter: Floats,
    leave: Floats,
    inside: NDArray[np.bool_],
    slope: Floats,
    local: Local,
    face: int,
) -> None:
    """The top, seen from above, or the bottom, seen from below."""
    if z[1] < CAMERA_HEIGHT_M:
        offset, index, sign = CAMERA_HEIGHT_M - z[1], 4, 1
    elif z[0] > CAMERA_HEIGHT_M:
        offset, index, sign = CAMERA_HEIGHT_M - z[0], 5, -1
    else:
        return
    chosen = np.flatnonzero(sign * slope > 1e-6)
    if not len(chosen):
        return
    rows = slice(int(chosen[0]), int(chosen[-1]) + 1)
    depth = (offset / slope[rows])[:, None].astype(np.float32)
    shown = inside[None, :] & (depth >= enter[None, :]) & (depth <= leave[None, :]) & (depth < window.depth[rows])
    x0, y0, dx, dy = local
    np.copyto(window.depth[rows], depth, where=shown)
    np.copyto(window.face[rows], face + index, where=shown)
    np.copyto(window.u[rows], x0 + depth * dx[None, :], where=shown)
    np.copyto(window.v[rows], y0 + depth * dy[None, :], where=shown)


def _shaded(scene: _Scene, canvas: _Canvas, focal: float, size: int) -> NDArray[np.uint8]:
    """Colours of what the rays met, averaged over the rays of each pixel."""
    # A texel that covers less than a ray's spread is taken from a smaller copy; level planes are seen at a slant.
    spread = canvas.depth * (TEXELS_PER_M / focal)
    level_face = canvas.face % 6 >= 4
    np.multiply(spread, np.sqrt(canvas.depth / CAMERA_HEIGHT_M), out=spread, where=level_face)
    level = ((np.maximum(spread, 1.0).view(np.int32) >> 23) - 127).clip(0, LEVELS - 1)  # exponent: whole log2
    u, v = ((axis * TEXELS_PER_M).astype(np.int32) & (SIDE_PX - 1) for axis in (canvas.u, canvas.v))
    index = ((scene.textures.astype(np.int32)[canvas.face] * LEVELS + level) * SIDE_PX + v) * SIDE_PX + u
    light = atlas()[index] / (1 + 0.03 * canvas.depth)
    colors = scene.colors[canvas.face]
    colors *= light[..., None]
    small = cv2.resize(colors, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(small + 0.5, 0, 255).astype(np.uint8))
