"""Pictures and videos of an irregular maze: ground, roads, the goal on its node, the agent on top."""

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.tasks.draw import draw_sprites, look_sprite, paste, texture_rgb, walk_positions
from wan_r1.tasks.irregular_maze.generate import RoadNet, RoadState
from wan_r1.tasks.skin_folders import skin_of
from wan_r1.tasks.skins import Look
from wan_r1.types import Box, Path, Sprite

__all__ = ["MIN_ROAD_PX", "draw_net", "draw_positions", "draw_walk", "node_box", "road_cover", "road_prompt", "sprites"]

MIN_ROAD_PX = 2.0
DRAWN_PX = 640  # the mask of small pictures is drawn at this size or above and shrunken
PICTURE_PX = 1024  # VR-Bench tiles road pictures as large as they are on a picture of this side
FRACTION_BITS = 6  # OpenCV draws lines between 1/64 pixels

Picture = NDArray[np.uint8]


def node_box(net: RoadNet, node: int) -> Box:
    """The box, as wide as a road, around a node."""
    x, y = (float(v) - net.width / 2 for v in net.nodes[node])
    return Box(x=x, y=y, width=net.width, height=net.width)


def road_cover(net: RoadNet, size: int) -> NDArray[np.float32]:
    """Share of each pixel [size, size] that road covers, in [0, 1]."""
    if net.width * size < MIN_ROAD_PX:
        raise ConfigError(
            f"irregular_maze: {size} x {size} px give roads of {net.width * size:.1f} px; "
            f"use at least {np.ceil(MIN_ROAD_PX / net.width):g} px"
        )
    times = max(1, round(DRAWN_PX / size))
    canvas = np.zeros((size * times,) * 2, dtype=np.uint8)
    lines = ((net.curves() * size * times - 0.5) * 2**FRACTION_BITS).round().astype(np.int32)
    width_px = max(1, round(net.width * size * times))
    cv2.polylines(canvas, list(lines), False, 255, width_px, cv2.LINE_AA, FRACTION_BITS)
    small = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA) if times > 1 else canvas
    return np.asarray(small, dtype=np.float32) / np.float32(255)


def sprites(state: RoadState, size: int) -> dict[str, Sprite]:
    """The looks of agent and goal on a road at this picture size."""
    px = max(1, round(state.net.width * size))
    return {name: look_sprite(look, px) for name, look in _looks(state.skin).items()}


def _looks(skin_name: str) -> dict[str, Look]:
    skin = skin_of(skin_name)
    return {"agent": skin.extra.get("traveller", skin.agent), "goal": skin.extra.get("destination", skin.goal)}


def draw_net(state: RoadState, size: int) -> Picture:
    """The roads with their goal, without the agent, [size, size, 3] uint8."""
    skin, px = skin_of(state.skin), max(1, round(state.net.width * size))
    ground, road = (_tiled(skin.extra[name], px, size) for name in ("ground", "road"))
    cover = road_cover(state.net, size)[..., None]
    picture: Picture = (ground + (road - ground) * cover).round().astype(np.uint8)
    paste(picture, sprites(state, size)["goal"], *(state.net.nodes[state.goal] * size))
    return picture


def _tiled(look: Look, px: int, size: int) -> NDArray[np.float32]:
    if look.picture is not None:
        tile = texture_rgb(look.picture, size / PICTURE_PX)
    elif look.texture == "plain" or look.accent is None:
        return np.asarray(look.color, dtype=np.float32)
    else:
        tile = look_sprite(look, px).rgb
    times = (-(-size // tile.shape[0]), -(-size // tile.shape[1]), 1)
    return np.tile(tile, times)[:size, :size].astype(np.float32)


def draw_positions(state: RoadState, points: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """Video [T, size, size, 3] with the agent's centre at points [T, 2] in image units; NaN hides the agent."""
    return draw_sprites(draw_net(state, size), [(sprites(state, size)["agent"], points)])


def draw_walk(
    state: RoadState, path: Path, num_frames: int, size: int, widths_per_frame: float | None
) -> NDArray[np.uint8]:
    """Video of the agent walking a path at constant speed (None: spread over the video) and resting at its end."""
    step = None if widths_per_frame is None else widths_per_frame * state.net.width
    return draw_positions(state, walk_positions(path.points, num_frames, step), size)


def road_prompt(state: RoadState) -> str:
    """The text for the video model: what moves, where to, and what must not happen."""
    extra, looks = skin_of(state.skin).extra, _looks(state.skin)
    return (
        f"irregular_maze: the {looks['agent'].word} follows the {extra['road'].word} to the {looks['goal'].word} "
        f"and never leaves it for the {extra['ground'].word}"
    )
