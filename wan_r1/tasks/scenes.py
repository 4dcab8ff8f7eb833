"""A broad mix of synthetic clips for training a small video autoencoder: boards, sprites, roads, cubes, rooms.

Nothing here is a task: the clips only look like what the families draw, in many colours, sizes and motions, so that an
autoencoder trained on them does not need to be trained again for another family.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.draw import draw_sprites, look_sprite, paint_board, walk_positions
from wan_r1.tasks.grid import cells_to_path, shortest_path
from wan_r1.tasks.maze.generate import carve_depth_first, carve_uniform
from wan_r1.tasks.skins import SKINS, Look, Skin

__all__ = ["SCENES", "random_scene"]

Clip = NDArray[np.uint8]
RNG = np.random.Generator

SHAPES = ("disk", "ring", "diamond", "triangle", "square", "star", "tile")
TEXTURES = ("plain", "plain", "plain", "plain", "plain", "grid", "bricks", "dots", "stripes", "checker")
KNOWN_SKIN_SHARE = 0.7
PLAIN_SHARE = 0.5


def random_scene(rng: RNG, num_frames: int, size: int) -> Clip:
    """One clip [num_frames, size, size, 3] uint8 of a random kind."""
    kinds = list(SCENES)
    weights = np.asarray([SCENE_WEIGHTS[kind] for kind in kinds])
    kind = kinds[rng.choice(len(kinds), p=weights / weights.sum())]
    return SCENES[kind](rng, num_frames, size)


def _color(rng: RNG) -> tuple[int, int, int]:
    r, g, b = (int(v) for v in rng.integers(0, 256, size=3))
    return r, g, b


def _look(rng: RNG, shape: str) -> Look:
    texture = str(rng.choice(TEXTURES))
    scale = float(rng.uniform(0.6, 1.0)) if shape != "tile" else 1.0
    return Look(shape=shape, color=_color(rng), accent=_color(rng), texture=texture, scale=scale)


def _skin(rng: RNG) -> Skin:
    if rng.random() < KNOWN_SKIN_SHARE:
        names = list(SKINS)
        return SKINS[names[rng.integers(len(names))]]
    goal, agent = (_look(rng, str(rng.choice(SHAPES))) for _ in range(2))
    return Skin(name="random", floor=_look(rng, "tile"), wall=_look(rng, "tile"), goal=goal, agent=agent)


def _wander(rng: RNG, num_frames: int, step: float) -> NDArray[np.float32]:
    """Positions [num_frames, 2] in [0, 1] of something that walks along the axes, turns, and sometimes rests."""
    point = rng.uniform(0.05, 0.95, size=2)
    directions = np.asarray([(1, 0), (-1, 0), (0, 1), (0, -1), (0, 0)], dtype=float)
    move = directions[rng.integers(5)]
    points = []
    for _ in range(num_frames):
        points.append(point.copy())
        if rng.random() < 0.35:
            move = directions[rng.integers(5)]
        point = np.clip(point + move * step, 0.03, 0.97)
    return np.asarray(points, dtype=np.float32)


def _board_scene(rng: RNG, num_frames: int, size: int) -> Clip:
    """A board of walls and floor with one to three sprites that walk block by block."""
    skin = _skin(rng)
    cells = int(rng.integers(4, max(5, size // 7) + 1))
    if rng.random() < 0.5 and size % 8 == 0:
        cells = size // 8
    codes = np.ones((cells, cells), dtype=np.int64)
    if rng.random() < 0.75:
        odd = cells if cells % 2 else cells - 1
        codes[:odd, :odd] = carve_depth_first(rng, odd)
    else:
        codes[:] = rng.random((cells, cells)) < rng.uniform(0.1, 0.5)
    codes[tuple(rng.integers(cells, size=2))] = 2
    board = paint_board((skin.floor, skin.wall, skin.goal), codes, size, size)
    layers = []
    for index in range(int(rng.integers(1, 4))):
        look = skin.agent if index == 0 else _look(rng, str(rng.choice(SHAPES)))
        start = (rng.integers(cells, size=2) + 0.5) / cells
        walk = _wander(rng, num_frames, float(rng.choice((0.25, 0.5, 1.0, 1.0, 2.0))) / cells)
        points = np.clip(walk - walk[0] + start, 0.5 / cells, 1 - 0.5 / cells).astype(np.float32)
        layers.append((look_sprite(look, max(2, round(size / cells))), points))
    return draw_sprites(board, layers)


def _maze_scene(rng: RNG, num_frames: int, size: int) -> Clip:
    """A small maze in blocks of 8 px, as the tiny levels draw it, with an agent that walks, jumps or runs about."""
    blocks = size // 8
    odd = blocks if blocks % 2 else blocks - 1
    codes = np.ones((blocks, blocks), dtype=np.int64)
    codes[:odd, :odd] = carve_uniform(rng, odd) if rng.random() < 0.7 else rng.random((odd, odd)) < 0.4
    names = list(SKINS)
    skin = SKINS["plain"] if rng.random() < PLAIN_SHARE else SKINS[names[rng.integers(len(names))]]
    floor = np.argwhere(codes == 0)
    ends = [(int(r), int(c)) for r, c in floor[rng.integers(len(floor), size=2)]]
    cells = shortest_path(codes == 1, *ends) or ends
    codes[ends[1] if rng.random() < 0.5 else tuple(floor[rng.integers(len(floor))])] = 2
    path = cells_to_path(cells, codes.shape)
    step = float(rng.choice((0.25, 0.5, 1.0, 1.0, 1.0, 2.0))) / blocks
    points = walk_positions(path.points, num_frames, step)
    start = int(rng.integers(num_frames // 2)) if rng.random() < 0.3 else 0
    points = np.concatenate([np.repeat(points[:1], start, axis=0), points])[:num_frames]
    return draw_sprites(
        paint_board((skin.floor, skin.wall, skin.goal), codes, size, size),
        [(look_sprite(skin.agent, size // blocks), points)],
    )


def _background(rng: RNG, size: int) -> Clip:
    corners = rng.integers(0, 256, size=(2, 2, 3)).astype(np.float32)
    flat = rng.random() < 0.4
    picture = np.broadcast_to(corners[0, 0], (size, size, 3)) if flat else cv2.resize(corners, (size, size))
    return np.asarray(picture).round().clip(0, 255).astype(np.uint8).copy()


def _sprite_scene(rng: RNG, num_frames: int, size: int) -> Clip:
    """Sprites that drift over a flat or graded background."""
    layers = []
    for _ in range(int(rng.integers(1, 5))):
        px = int(rng.integers(4, max(5, size // 3)))
        start, velocity = rng.uniform(0, 1, size=2), rng.normal(0, 0.03, size=2)
        points = (start + np.arange(num_frames)[:, None] * velocity).astype(np.float32)
        layers.append((look_sprite(_look(rng, str(rng.choice(SHAPES))), px), points))
    return draw_sprites(_background(rng, size), layers)


def _curve(rng: RNG, count: int) -> NDArray[np.float32]:
    control = rng.uniform(0.05, 0.95, size=(count, 2))
    t = np.linspace(0, count - 1, 16 * count)
    return np.stack([np.interp(t, np.arange(count), control[:, k]) for k in (0, 1)], axis=1).astype(np.float32)


def _road_scene(rng: RNG, num_frames: int, size: int) -> Clip:
    """Thick roads on a dark or random ground; one sprite follows a road."""
    picture = np.empty((size, size, 3), dtype=np.uint8)
    picture[:] = (0, 0, 0) if rng.random() < 0.6 else _color(rng)
    width = int(rng.integers(3, max(4, size // 8) + 1))
    color = _color(rng)
    curves = [_curve(rng, int(rng.integers(2, 5))) for _ in range(int(rng.integers(2, 6)))]
    for curve in curves:
        cv2.polylines(picture, [(curve * size).round().astype(np.int32)], False, color, width, cv2.LINE_AA)
    for _ in range(2):
        cv2.circle(picture, tuple(int(v) for v in rng.integers(size, size=2)), width // 2, _color(rng), -1, cv2.LINE_AA)
    share = float(rng.uniform(0.3, 1.0))
    at = np.linspace(0, share * (len(curves[0]) - 1), num_frames).round().astype(int)
    return draw_sprites(picture, [(look_sprite(_look(rng, "disk"), max(4, width)), curves[0][at])])


def _cube_scene(rng: RNG, num_frames: int, size: int) -> Clip:
    """Cubes in a slanted view, three shades each, and a ball that moves along them."""
    picture = np.full((size, size, 3), 255 if rng.random() < 0.6 else int(rng.integers(256)), dtype=np.uint8)
    unit = float(rng.uniform(0.06, 0.16)) * size
    right, left, up = np.asarray([0.87, 0.4]) * unit, np.asarray([-0.87, 0.4]) * unit, np.asarray([0, -1.0]) * unit
    base, cells = np.asarray(_color(rng), dtype=float), rng.integers(-3, 4, size=(14, 3))
    for x, y, z in cells[np.argsort(cells.sum(axis=1), kind="stable")]:
        corner = np.asarray([size / 2, size * 0.6]) + x * right + y * left + z * up
        top = [corner + up, corner + up + right, corner + up + right + left, corner + up + left]
        front = [corner + left, corner + left + right, corner + left + right + up, corner + left + up]
        side = [corner + right, corner + right + left, corner + right + left + up, corner + right + up]
        for face, shade in ((front, 0.75), (side, 0.55), (top, 1.0)):
            points = np.asarray(face).round().astype(np.int32)
            cv2.fillPoly(picture, [points], (base * shade).tolist(), cv2.LINE_AA)
            cv2.polylines(picture, [points], True, (20, 20, 20), 1, cv2.LINE_AA)
    ball = look_sprite(_look(rng, "disk"), max(4, round(unit)))
    return draw_sprites(picture, [(ball, _wander(rng, num_frames, float(rng.uniform(0.005, 0.06))))])


def _room_scene(rng: RNG, num_frames: int, size: int) -> Clip:
    """A room-like picture (wall, floor, boxes) seen by a camera that turns and walks."""
    wide = 2 * size
    picture = np.empty((wide, wide, 3), dtype=np.uint8)
    horizon = int(wide * rng.uniform(0.4, 0.6))
    picture[:horizon], picture[horizon:] = _color(rng), _color(rng)
    for line in range(int(rng.integers(0, 8))):
        cv2.line(picture, (wide // 2, horizon), (wide * line // 7, wide), _color(rng), 2, cv2.LINE_AA)
    for _ in range(int(rng.integers(2, 9))):
        x, w, h = int(rng.integers(wide)), int(rng.integers(6, wide // 4)), int(rng.integers(6, wide // 3))
        y = int(rng.integers(horizon - h // 2, horizon + h))
        cv2.rectangle(picture, (x, y - h), (x + w, y), _color(rng), -1, cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (3, 3), 0)
    center = np.asarray([wide / 2, horizon]) + rng.normal(0, size / 6, size=2)
    turn, zoom = rng.normal(0, 0.02 * size), rng.uniform(1.0, 1.04)
    clip = []
    for frame in range(num_frames):
        scale = 1.2 * zoom**frame
        shift = np.asarray([size / 2, size / 2]) - scale * (center + np.asarray([frame * turn, 0]))
        warp = np.asarray([[scale, 0, shift[0]], [0, scale, shift[1]]], dtype=np.float32)
        clip.append(cv2.warpAffine(picture, warp, (size, size), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT))
    return np.stack(clip)


SCENES = {
    "maze": _maze_scene,
    "board": _board_scene,
    "sprite": _sprite_scene,
    "road": _road_scene,
    "cube": _cube_scene,
    "room": _room_scene,
}
SCENE_WEIGHTS = {"maze": 0.7, "board": 0.1, "sprite": 0.05, "road": 0.05, "cube": 0.05, "room": 0.05}
