"""Rooms at random: furniture, start and target, so that the target is in view and can be reached."""

import struct
from dataclasses import replace

import numpy as np

from wan_r1.tasks.difficulty import NavigationLevel
from wan_r1.tasks.navigation.furniture import COLORS, KINDS, Furniture
from wan_r1.tasks.navigation.render import FIELD_OF_VIEW_DEG
from wan_r1.tasks.navigation.room import (
    ROBOT_RADIUS_M,
    NavigationState,
    Pose,
    clearance,
    goal_pose,
    is_clear_line,
    to_start,
)

__all__ = ["build_room", "prompt_for", "room_key", "sees_target"]

TRIES = 40
"""Places tried for one thing before the room is given up."""
GAP_M = 0.15
"""Least space between two pieces, or a piece and the wall in front of it."""
WALL_GAP_M = 0.06
VIEW_SHARE = 0.75
"""The target's middle lies within this share of half the field of view at the start."""
HISTORY_M = (0.4, 0.7)
"""Metres walked straight before the start; Target-Bench's videos begin after such a piece as well."""


def build_room(rng: np.random.Generator, level: NavigationLevel, prompts: str) -> NavigationState | None:
    """A room with a task that fits the level but for its path, or None if this draw does not work out."""
    size = (float(rng.uniform(*level.room_m)), float(rng.uniform(*level.room_m)))
    furniture = _furnish(rng, level, size)
    if furniture is None:
        return None
    target = int(rng.integers(len(furniture)))
    draft = NavigationState(
        size=size,
        furniture=furniture,
        target=target,
        partitions=_partitions(rng, level, size),
        start=(0.0, 0.0, 0.0),
        anchor=(0.0, 0.0, 0.0),
        theme=int(rng.integers(2**31)),
        prompt=prompt_for(rng, furniture, target, prompts),
    )
    goal = np.asarray([goal_pose(draft)[:2]])
    if clearance(draft, goal)[0] < ROBOT_RADIUS_M + GAP_M:
        return None
    return _with_start(rng, level, draft)


def room_key(state: NavigationState) -> bytes:
    """A key that is equal for the same room with the same furniture; start, target and colours do not matter."""
    pieces = sorted((piece.kind, round(piece.x, 2), round(piece.y, 2)) for piece in state.furniture)
    sizes = struct.pack("<2d", *(round(length, 2) for length in state.size))
    return sizes + repr((pieces, tuple(np.round(state.partitions, 2).ravel().tolist()))).encode()


def prompt_for(rng: np.random.Generator, furniture: tuple[Furniture, ...], target: int, prompts: str) -> str:
    """What the robot is told: the target by name, or by a wish that only the target answers."""
    piece = furniture[target]
    kind = KINDS[piece.kind]
    clear = sum(KINDS[each.kind].use == kind.use for each in furniture) == 1
    if clear and (prompts == "implicit" or (prompts == "mixed" and rng.random() < 0.5)):
        return f"navigation: {kind.wishes[rng.integers(len(kind.wishes))]}"
    alone = sum(each.kind == piece.kind for each in furniture) == 1
    name = piece.kind if alone and rng.random() < 0.5 else piece.name
    return f"navigation: go to the {name} and stop in front of it without hitting anything"


def sees_target(state: NavigationState, pose: Pose, share: float = 1.0) -> bool:
    """Whether the middle of the target's front is within this share of the view and nothing stands before it."""
    piece = state.furniture[state.target]
    reach = KINDS[piece.kind].half_size[0] + 0.02
    front = np.asarray([piece.x + reach * np.cos(piece.yaw), piece.y + reach * np.sin(piece.yaw)])
    x, y = to_start(pose, front[None])[0]
    half_view = np.tan(np.radians(FIELD_OF_VIEW_DEG / 2))
    return bool(x > 0.1 and abs(y) <= share * half_view * x and is_clear_line(state, np.asarray(pose[:2]), front))


def _furnish(
    rng: np.random.Generator, level: NavigationLevel, size: tuple[float, float]
) -> tuple[Furniture, ...] | None:
    num = int(rng.integers(level.pieces[0], level.pieces[1] + 1))
    kinds = list(rng.permutation(list(KINDS)))[:num]
    if level.twins:
        kinds[-1] = next((kind for kind in kinds[:-1] if KINDS[kind].colored), kinds[-1])
    placed: list[Furniture] = []
    for kind in kinds:
        piece = _place(rng, str(kind), size, placed)
        if piece is None:
            return None
        placed.append(piece)
    return tuple(placed)


def _place(rng: np.random.Generator, kind: str, size: tuple[float, float], placed: list[Furniture]) -> Furniture | None:
    half = KINDS[kind].half_size
    used = {piece.color for piece in placed if piece.kind == kind}
    free = [name for name in COLORS if name not in used]
    color = free[rng.integers(len(free))] if KINDS[kind].colored else ""
    for _ in range(TRIES):
        if rng.random() < 0.7:
            x, y, yaw = _at_wall(rng, half, size)
        else:
            reach = float(np.hypot(*half)) + GAP_M
            x, y = (float(rng.uniform(reach, length - reach)) for length in size)
            yaw = float(rng.integers(4) * np.pi / 2 + rng.uniform(-0.4, 0.4))
        piece = Furniture(kind=kind, color=color, x=x, y=y, yaw=yaw)
        if all(_apart(piece, other) for other in placed):
            return piece
    return None


def _at_wall(rng: np.random.Generator, half: tuple[float, float], size: tuple[float, float]) -> Pose:
    """With its back to one of the four walls."""
    side = int(rng.integers(4))
    depth, extent = half[0] + WALL_GAP_M, size[1] if side in (0, 2) else size[0]
    along = float(rng.uniform(half[1] + GAP_M, extent - half[1] - GAP_M))
    places = ((depth, along), (along, depth), (size[0] - depth, along), (along, size[1] - depth))
    return *places[side], side * float(np.pi) / 2


def _apart(a: Furniture, b: Furniture) -> bool:
    """Whether two pieces leave space between them; by their circles, or by the boxes around them."""
    boxes = []
    for piece in (a, b):
        half_x, half_y = KINDS[piece.kind].half_size
        cos, sin = abs(np.cos(piece.yaw)), abs(np.sin(piece.yaw))
        boxes.append((half_x * cos + half_y * sin, half_x * sin + half_y * cos))
    away_x = abs(a.x - b.x) - boxes[0][0] - boxes[1][0]
    away_y = abs(a.y - b.y) - boxes[0][1] - boxes[1][1]
    return bool(max(away_x, away_y) >= GAP_M)


def _partitions(
    rng: np.random.Generator, level: NavigationLevel, size: tuple[float, float]
) -> tuple[tuple[float, float, float, float], ...]:
    """Pieces of wall that stand out from a wall of the room."""
    walls = []
    for _ in range(int(rng.integers(level.partitions[0], level.partitions[1] + 1))):
        along = float(rng.uniform(0.3, 0.7) * size[0])
        depth = float(rng.uniform(0.2, 0.45) * size[1])
        y = depth / 2 if rng.random() < 0.5 else size[1] - depth / 2
        walls.append((along, y, 0.06, depth / 2))
    return tuple(walls)


def _with_start(rng: np.random.Generator, level: NavigationLevel, draft: NavigationState) -> NavigationState | None:
    """The room with a start from which the target is seen, and an earlier pose straight behind it."""
    target = draft.furniture[draft.target]
    if any(_inside_wall(draft, piece) for piece in draft.furniture):
        return None
    half_view = VIEW_SHARE * np.radians(FIELD_OF_VIEW_DEG / 2)
    for _ in range(TRIES):
        x, y = (float(rng.uniform(0.5, length - 0.5)) for length in draft.size)
        bearing = np.arctan2(target.y - y, target.x - x)
        yaw = float(bearing + rng.uniform(-half_view, half_view))
        back = float(rng.uniform(*HISTORY_M))
        anchor = (x - back * np.cos(yaw), y - back * np.sin(yaw))
        away = float(np.hypot(*(np.asarray(goal_pose(draft)[:2]) - (x, y))))
        if not level.distance_m[0] * 0.7 <= away <= level.distance_m[1]:
            continue
        state = replace(draft, start=(x, y, yaw), anchor=(float(anchor[0]), float(anchor[1]), yaw))
        ahead = (x + 0.3 * np.cos(yaw), y + 0.3 * np.sin(yaw))
        if is_clear_line(state, np.asarray(anchor), np.asarray(ahead), ROBOT_RADIUS_M + 0.02) and sees_target(
            state, state.start, VIEW_SHARE
        ):
            return state
    return None


def _inside_wall(state: NavigationState, piece: Furniture) -> bool:
    """Whether a partition stands in a piece."""
    half = float(np.hypot(*KINDS[piece.kind].half_size)) + GAP_M
    return any(
        abs(piece.x - x) < half_x + half and abs(piece.y - y) < half_y + half
        for x, y, half_x, half_y in state.partitions
    )
