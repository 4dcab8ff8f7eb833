"""Pictures and videos of a 3D maze: cubes from far to near, ladders on top of them, the ball on top of all.

VR-Bench draws the outer faces of each cube with opacity FACE_ALPHA and black edges, and a faint ground. matplotlib
sorts them by their nearest corner; so does this drawing. It is made larger than asked for and shrunk.
"""

import functools
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.draw import MOTION_SHARE, draw_sprites, look_sprite
from wan_r1.tasks.maze3d.generate import Ladder, Maze3DState
from wan_r1.tasks.maze3d.view import ball_size, depths, line_width, project
from wan_r1.tasks.skin_folders import skin_of
from wan_r1.tasks.skins import RGB, Look
from wan_r1.types import Box, Path, Sprite

__all__ = ["ball_look", "draw_positions", "draw_scene", "draw_walk", "goal_box", "maze3d_prompt", "sprites"]

FACE_ALPHA = 0.85  # VR-Bench
EDGE_PT, RAIL_PT, RUNG_PT, RIM_PT = 1.0, 3.0, 2.0, 2.0  # VR-Bench: widths of lines in points
EDGE_COLOR = (0, 0, 0)  # VR-Bench
GROUND_COLOR, GROUND_ALPHA = (85, 85, 85), 0.1  # VR-Bench: a square below the cubes, half a cube nearer to the origin
RAILS = ((0.5, 0.0, 0.5), (0.5, 0.2, 0.5))  # VR-Bench: feet of a ladder's rails in its cube
RUNGS = 6  # VR-Bench, for a ladder of any height

MIN_EDGE_PX, MIN_RAIL_PX = 0.4, 0.8
"""Lines are never thinner: on small pictures VR-Bench's widths would not be seen."""

CANVAS_PX = 480
"""Least side of the picture that is drawn and then shrunk."""

SOFT_PX = 1.4
"""Pixels by which OpenCV's soft edges widen a polygon."""

BITS = 4
"""Binary digits of sub-pixel positions given to OpenCV."""

FACES = np.asarray(
    [
        [(0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1)],
        [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)],
        [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)],
        [(0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
        [(1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)],
        [(0, 1, 0), (1, 1, 0), (1, 1, 1), (0, 1, 1)],
    ],
    dtype=np.float64,
)
"""Corners of the faces of a cube, from far to near: two behind, the bottom, the top, two in front."""
NEIGHBOURS = ((-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, 1), (1, 0, 0), (0, 1, 0))
"""The cube on the other side of each face."""

SIDES = np.asarray([(0, 1), (1, 2), (2, 3), (3, 0)])
"""Corners at both ends of the sides of a face."""

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]


def draw_scene(state: Maze3DState, size: int) -> Picture:
    """The maze without its ball, [size, size, 3] uint8."""
    skin = skin_of(state.skin)
    factor = max(2, -(-CANVAS_PX // size))
    canvas = np.empty((size * factor, size * factor, 3), dtype=np.uint8)
    canvas[:] = skin.floor.color
    edge_px = factor * max(MIN_EDGE_PX, size * line_width(EDGE_PT))
    for corners, color in _faces(state):
        points = project(state.grid_size, corners) * len(canvas)
        if color is None:
            _fill(canvas, points, GROUND_COLOR, GROUND_ALPHA)
        else:
            _fill(canvas, points, color, FACE_ALPHA)
            _lines(canvas, points[SIDES], EDGE_COLOR, edge_px)
    for ladder in state.ladders:
        for lines, width_pt in zip(_ladder_lines(ladder), (RAIL_PT, RUNG_PT), strict=True):
            width = factor * max(MIN_RAIL_PX, size * line_width(width_pt))
            _lines(canvas, project(state.grid_size, lines) * len(canvas), skin.extra["ladder"].color, width)
    return np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def goal_box(state: Maze3DState) -> Box:
    """The largest square of the picture that shows the goal cube and nothing before it."""
    side = CANVAS_PX
    shown = np.zeros((side + 2, side + 2), dtype=np.uint8)  # with a border that does not show it
    goal = skin_of(state.skin).extra["goal_cube"].color
    for corners, color in _faces(state):
        if color is not None:
            points = project(state.grid_size, corners) * side + 1
            cv2.fillConvexPoly(shown, _fixed(points), (int(color == goal),), shift=BITS)
    inside = cv2.distanceTransform(shown, cv2.DIST_C, 3)
    row, col = np.unravel_index(int(inside.argmax()), inside.shape)
    half = float(inside.max()) - 0.5
    return Box(x=(col - 0.5 - half) / side, y=(row - 0.5 - half) / side, width=2 * half / side, height=2 * half / side)


def _faces(state: Maze3DState) -> Iterator[tuple[Points, RGB | None]]:
    """Corners [4, 3] and colour of the faces of all cubes and of the ground (None), from far to near."""
    extra = skin_of(state.skin).extra
    cubes = np.asarray(state.cubes, dtype=np.float64)
    ground = np.asarray(
        [(0, 0, 0), (state.grid_size[0], 0, 0), (*state.grid_size[:2], 0), (0, state.grid_size[1], 0)]
    ) - (0.5, 0.5, 0)
    nearest = [*depths(state.grid_size, cubes + 1), depths(state.grid_size, ground).min()]
    present = set(state.cubes)
    for index in np.argsort(nearest, kind="stable")[::-1]:
        if index == len(cubes):
            yield ground, None
            continue
        cube = state.cubes[index]
        look = "start_cube" if cube == state.start else "goal_cube" if cube == state.goal else "cube"
        for face, (dx, dy, dz) in zip(FACES, NEIGHBOURS, strict=True):
            if (cube[0] + dx, cube[1] + dy, cube[2] + dz) not in present:
                yield face + cubes[index], extra[look].color


def _ladder_lines(ladder: Ladder) -> tuple[Points, Points]:
    """End points [N, 2, 3] of the rails and of the rungs of a ladder."""
    feet = np.add(ladder.base, RAILS)
    rungs = feet + np.linspace((0, 0, 0), (0, 0, ladder.height), RUNGS)[:, None]
    return np.stack([feet, np.add(feet, (0, 0, ladder.height))], axis=1), rungs


def _fixed(points: Points) -> NDArray[np.int32]:
    """Pixel positions, whose edges are whole numbers, as OpenCV takes them: pixel centres are, times 2^BITS."""
    return np.asarray(((points - 0.5) * 2**BITS).round().astype(np.int32))


def _fill(canvas: Picture, points: Points, color: RGB, alpha: float) -> None:
    """Blend a colour into a convex polygon [N, 2], in place."""
    low = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, canvas.shape[1::-1])
    if (low >= high).any():
        return
    region = canvas[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(region.shape[:2], dtype=np.uint8)
    cv2.fillConvexPoly(mask, _fixed(points - low), (1,), shift=BITS)
    cv2.copyTo(cv2.LUT(region, _blend(color, alpha)), mask, region)


@functools.lru_cache(maxsize=128)
def _blend(color: RGB, alpha: float) -> Picture:
    """What becomes of each grey level of each channel below a colour, [1, 256, 3]."""
    blend = np.arange(256)[:, None] * (1 - alpha) + np.asarray(color) * alpha
    return blend.round().astype(np.uint8)[None]


def _lines(canvas: Picture, ends: Points, color: RGB, width: float) -> None:
    """Draw lines [N, 2, 2], `width` px wide and by half of that longer at both ends, in place."""
    half = max(0.0, width - SOFT_PX) / 2
    along = ends[:, 1] - ends[:, 0]
    along *= half / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    aside = along[:, ::-1] * (1, -1)
    corners = (
        ends[:, 0] - along - aside,
        ends[:, 0] - along + aside,
        ends[:, 1] + along + aside,
        ends[:, 1] + along - aside,
    )
    for line in _fixed(np.stack(corners, axis=1)):
        cv2.fillConvexPoly(canvas, line, color, cv2.LINE_AA, BITS)


def ball_look(state: Maze3DState) -> Look:
    """What moves: the skin's ball, or else its agent."""
    skin = skin_of(state.skin)
    return skin.extra.get("ball", skin.agent)


def sprites(state: Maze3DState, size: int) -> dict[str, Sprite]:
    """The looks of the ball, and of a goal mark as large as the ball, at this picture size."""
    look = ball_look(state)
    disk = skin_of("plain").extra["ball"]  # other shapes are as large as they are beside it on a board
    px = max(1, round((ball_size(state.grid_size) + line_width(RIM_PT)) * size / disk.scale))
    goal = Look(shape="square", color=skin_of(state.skin).extra["goal_cube"].color, scale=disk.scale)
    return {"agent": look_sprite(look, px), "goal": look_sprite(goal, px)}


def draw_positions(state: Maze3DState, points: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """Video [T, size, size, 3] with the ball's centre at points [T, 2] in image units; NaN hides the ball."""
    return draw_sprites(draw_scene(state, size), [(sprites(state, size)["agent"], points)])


def draw_walk(
    state: Maze3DState, path: Path, num_frames: int, size: int, cubes_per_frame: float | None
) -> NDArray[np.uint8]:
    """Video of the ball going from each point of a path to the next in equal times, then resting at its end.

    A solution has one point for each cube of its way, so its speed is constant in space, as VR-Bench's is.
    """
    last = len(path.points) - 1
    step = cubes_per_frame or last / max(1, int(MOTION_SHARE * (num_frames - 1)))
    way = np.minimum(np.arange(num_frames) * step, last)
    points = np.stack([np.interp(way, np.arange(last + 1), path.points[:, k]) for k in (0, 1)], axis=1)
    return draw_positions(state, points.astype(np.float32), size)


def maze3d_prompt(state: Maze3DState) -> str:
    """The text for the video model: what moves, where to, and what must not happen."""
    extra = skin_of(state.skin).extra
    return (
        f"maze3d: the {ball_look(state).word} rolls over the {extra['cube'].word}, climbs the {extra['ladder'].word} "
        f"to the {extra['goal_cube'].word} and never leaves them"
    )
