"""VR-Bench's game `pathfinder` (irregular maze)."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError
from wan_r1.tasks.difficulty import ROAD_LEVELS
from wan_r1.tasks.irregular_maze.generate import RoadNet, RoadState
from wan_r1.tasks.irregular_maze.render import MIN_ROAD_PX, node_box, road_cover, road_prompt
from wan_r1.tasks.irregular_maze.solve import legs_to_points, shortest_way
from wan_r1.tasks.vr_bench.cutting import crop, cut_sprite
from wan_r1.tasks.vr_bench.reading import StateReader, check_place, check_render
from wan_r1.tasks.vr_bench.writing import VERSION, pixel_entity
from wan_r1.types import Box, Path, Task

__all__ = ["read_irregular_maze", "write_irregular_maze"]

SAME_NODE_PX = 0.5
"""Ends of segments nearer than this are one node."""

MAX_SEGMENTS = 1000  # far above any benchmark level

TEXTURE_PERCENTILES = (2, 98)
"""Colours of the road between these percentiles of each channel are its texture; what lies beyond is a sprite."""

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]


def read_irregular_maze(state: StateReader, picture: Picture) -> Task:
    """The task of a pathfinder state. DatasetError if it breaks the format or has no solution."""
    check_render(state)
    side = _side(state, picture)
    net = _read_net(state.at("metadata"), side)
    if net.width * picture.shape[0] < MIN_ROAD_PX:
        raise DatasetError(
            f"{state.path}: metadata.road_width: roads of {net.width * picture.shape[0]:.1f} px in its first picture; "
            f"expected {MIN_ROAD_PX:g} px at least"
        )
    start, goal = (_read_node(state.at("metadata"), key, net, side) for key in ("start_point", "end_point"))
    legs = shortest_way(net.roads, net.lengths(), net.distances()[:, goal], start, goal)
    if not legs:
        raise DatasetError(f"{state.path}: metadata.segments: no way from start_point to end_point")
    boxes = {"agent": _read_box(state, "player", side), "goal": _read_box(state, "goal", side)}
    for name, node, key in (("player", start, "start_point"), ("goal", goal, "end_point")):
        check_place(state, state.at("entities").at(name), node_box(net, node), f"around metadata.{key}")
    below = _road_alone(picture, net, (start, goal))
    looks = {name: cut_sprite(picture, box, crop(below, box)) for name, box in boxes.items()}
    if looks["agent"].alpha.max() < 0.5:
        raise DatasetError(f"{state.path}: its first picture shows only road at the player's place")
    roads = RoadState(net=net, start=start, goal=goal, skin="plain")
    return Task(
        family="irregular_maze",
        seed=0,
        settings={"level": _level_like(net), "size": max(picture.shape[:2])},
        prompt=road_prompt(roads),
        first_frame=picture,
        objects={"agent": boxes["agent"]},
        sprites=looks,
        goals=(boxes["goal"],),
        solution=Path(points=legs_to_points(legs, net.curves()).astype(np.float32), unit="image"),
        state=roads,
    )


def _side(state: StateReader, picture: Picture) -> int:
    """Side in px of the picture that the state speaks of; it and the first picture must be squares."""
    render = state.at("render")
    width, height = render.integer("image_width", least=1), render.integer("image_height", least=1)
    if width != height:
        raise render.error("image_width, image_height", "a square", [width, height])
    if picture.shape[0] != picture.shape[1]:
        raise DatasetError(
            f"{state.path}: its first picture has {picture.shape[1]} x {picture.shape[0]} px; expected a square"
        )
    return width


def _read_net(metadata: StateReader, side: int) -> RoadNet:
    segments = metadata.get("segments")
    if not isinstance(segments, list) or not 1 <= len(segments) <= MAX_SEGMENTS:
        raise metadata.error("segments", f"a list of 1 to {MAX_SEGMENTS} segments", segments)
    points = [_read_points(metadata, f"segments[{k}]", each, 3, side) for k, each in enumerate(segments)]
    width = metadata.get("road_width")
    if isinstance(width, bool) or not isinstance(width, (int, float)) or not 0 < width < side:
        raise metadata.error("road_width", f"a number between 0 and {side}", width)
    nodes: list[Points] = []
    roads = [[_node_number(nodes, point) for point in (three[0], three[2])] for three in points]
    return RoadNet(
        nodes=np.asarray(nodes) / side,
        roads=np.asarray(roads, dtype=np.int64),
        controls=np.asarray([three[1] for three in points]) / side,
        width=width / side,
    )


def _read_points(metadata: StateReader, key: str, values: Any, number: int, side: int) -> Points:
    """Points [number, 2] in px, inside the picture."""
    try:
        points = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.empty(0)
    if points.shape != (number, 2) or not ((points >= 0) & (points <= side)).all():
        raise metadata.error(key, f"{number} points [x, y] with numbers from 0 to {side}", values)
    return points


def _node_number(nodes: list[Points], point: Points) -> int:
    """The number of the node at a point; a new one is added to `nodes`."""
    for number, node in enumerate(nodes):
        if np.abs(node - point).max() < SAME_NODE_PX:
            return number
    nodes.append(point)
    return len(nodes) - 1


def _read_node(metadata: StateReader, key: str, net: RoadNet, side: int) -> int:
    point = _read_points(metadata, key, [metadata.get(key)], 1, side)
    away = np.abs(net.nodes * side - point).max(axis=1)
    if away.min() > 2 * SAME_NODE_PX:
        raise metadata.error(key, "an end of one of the segments", metadata.get(key))
    return int(away.argmin())


def _read_box(state: StateReader, name: str, side: int) -> Box:
    bbox = state.at("entities").at(name).at("bbox")
    x, y, width, height = (bbox.integer(key) for key in ("x", "y", "width", "height"))
    if min(width, height) < 1 or x + width > side or y + height > side:
        raise bbox.error("", f"a box inside the picture of {side} x {side} px", bbox.values)
    return Box(x=x / side, y=y / side, width=width / side, height=height / side)


def _road_alone(picture: Picture, net: RoadNet, marked: tuple[int, int]) -> Picture:
    """The picture with its roads in the colours that they have away from the marked nodes."""
    side = picture.shape[0]
    road = cv2.erode((road_cover(net, side) > 0.99).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    empty = road.copy()
    for node in marked:
        box = node_box(net, node)
        top, left, px = (round(v * side) for v in (box.y, box.x, box.width))
        empty[max(0, top) : top + px, max(0, left) : left + px] = False
    texture = picture[empty if empty.any() else road]
    if not len(texture):
        return picture
    low, high = np.percentile(texture, TEXTURE_PERCENTILES, axis=0)
    return np.where(road[..., None], picture.clip(low, high).round().astype(np.uint8), picture)


def _level_like(net: RoadNet) -> str:
    """The level with the most similar roads; its speed and pixels serve for rendering only."""
    levels = {name: level for name, level in ROAD_LEVELS.items() if level.widths_per_frame is None}
    return min(levels, key=lambda name: abs(levels[name].road_px / levels[name].size_px - net.width))


def write_irregular_maze(task: Task, image_size: int) -> dict[str, Any]:
    """The state of an irregular maze whose picture has a side of `image_size` px."""
    state: RoadState = task.state
    net, nodes = state.net, state.net.nodes * image_size
    legs = shortest_way(net.roads, net.lengths(), net.distances()[:, state.goal], state.start, state.goal)
    passed = [state.start, *(int(net.roads[leg.road, int(leg.forward)]) for leg in legs)]
    controls = net.controls * image_size
    road_px = max(1, round(net.width * image_size))
    return {
        "version": VERSION,
        "game_type": "pathfinder",
        "entities": {
            "player": pixel_entity(int(nodes[state.start, 0]), int(nodes[state.start, 1]), road_px),
            "goal": pixel_entity(int(nodes[state.goal, 0]), int(nodes[state.goal, 1]), road_px),
            "boxes": [],
        },
        "render": {"cell_size": road_px, "image_width": image_size, "image_height": image_size},
        "metadata": {
            "segments": [
                [nodes[a].tolist(), control.tolist(), nodes[b].tolist()]
                for (a, b), control in zip(net.roads, controls, strict=True)
            ],
            "start_point": nodes[state.start].tolist(),
            "end_point": nodes[state.goal].tolist(),
            "solution_segments": [leg.road for leg in legs],
            "solution_path": [nodes[node].tolist() for node in passed],
            "road_width": road_px,
        },
    }
