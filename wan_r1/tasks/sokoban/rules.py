"""Rules of sokoban: the agent walks on the floor and pushes boxes, one at a time, onto the targets.

The states of the game are a graph whose edges are moves. What a frame shows is a pose: a place near a state, or on the
way from one state to the next, in which agent and box move together if the move is a push. A frame is legal if it is
near a pose, and if that pose can be reached from the one before by no more moves than an honest agent makes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import dist, floor

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.grid import STEPS, Cell
from wan_r1.tasks.presence import at_point, doubled, gap_cap, lost, own_pace
from wan_r1.tasks.sokoban.contact import OVERLAP, crossed, pushed_alone
from wan_r1.tasks.sokoban.generate import SokobanState
from wan_r1.tasks.sokoban.solve import SolutionTable, State, move, solution_table, state_of
from wan_r1.tasks.walk import AT_CELL, DETOUR, LEFT_THE_GOAL, OFF_FLOOR, STEP_SLACK, TREMBLE, beside, place_at, step_cap
from wan_r1.types import Task, Track, Verdict, Violation

__all__ = ["Pose", "judge", "moves_between", "poses_at"]

GRIP = 0.45
"""Cells by which the distance of agent and box during a push may differ from one cell, in rows and in columns."""

TOUCH, TOUCH_FRAMES = 0.25, 2
"""Cells of air between agent and box during a push, and frames, or half of those of pushes, that may show them."""

PULLED = 0.35
"""Share of a move by which a box may come back during a push, and a half that has been pushed may not be undone."""

MAX_STEP = 3.0
"""Longest way in cells between two frames that can still be followed; the way around one wall or box has 4."""

Grid = NDArray[np.int8]
Points = NDArray[np.float64]
Place = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pose:
    """What a frame shows: the share in [0, 1] of the move from state near to state far that is done, and cells off it.

    A pose in a state has near = far. A push keeps its direction, so its share may be above .5; that of a walk is not.
    """

    near: State
    far: State
    share: float
    off: float

    @property
    def is_push(self) -> bool:
        """Whether a box moves too."""
        return self.near[1] != self.far[1]

    @property
    def state(self) -> State | None:
        """The state that the game is in; None on the way between two."""
        if self.share <= AT_CELL:
            return self.near
        return self.far if self.share >= 1 - AT_CELL else None

    @property
    def boxes(self) -> tuple[Cell, ...] | None:
        """Where the boxes stand, whatever the agent does; None during a push."""
        return self.near[1] if not self.is_push else self.state[1] if self.state else None


def judge(task: Task, track: Track) -> Verdict:
    """The facts about a track of "agent" and of every box through the level `task.state`.

    Optimal is any solution with the fewest pushes and, among those, the fewest moves.
    """
    level: SokobanState = task.state
    start = state_of(level.start, level.boxes)
    table = solution_table(level.grid, level.targets, len(level.boxes))
    names = list(task.objects)
    rows = [track.objects.index(name) for name in names]
    cells = track.points[rows].astype(np.float64)[..., ::-1] * level.grid.shape - 0.5
    seen: NDArray[np.bool_] = np.logical_and.reduce(track.seen[rows])
    cap = min(MAX_STEP, step_cap(cells[0, seen], int(table.moves(start)), len(seen)))
    steps = np.abs(np.diff(cells[0], axis=0)).sum(axis=1)
    poses, broken = _poses(level, cells, seen, (cap, gap_cap(cap, seen, steps)))
    broken += _contact(level, poses, cells, track.seen[rows], own_pace(track.seen[rows[0]], steps))
    if not broken:
        off = {frame: place_at(level.grid, *cells[0, frame].tolist()).off for frame in poses}
        broken = [(0, Violation(kind="through_wall", frame=frame)) for frame in beside(off)]
    violations = [
        at_point(track, violation, name)
        for name, row in zip(names, rows, strict=True)
        for violation in doubled(track.copies[row])
    ]
    violations += [at_point(track, violation, names[number]) for number, violation in broken]
    for violation in lost(seen, cells[0]):
        missing = [name for name, row in zip(names, rows, strict=True) if not track.seen[row, violation.frame]]
        violations.append(at_point(track, violation, missing[0] if missing else "agent"))
    violations.sort(key=lambda violation: violation.frame)
    end = violations[0].frame if violations else len(seen)
    legal = [pose for frame, pose in poses.items() if frame < end]
    arrived = [pose.boxes is not None and set(pose.boxes) <= set(level.targets) for pose in legal]
    progress = _progress(legal[-1], start, table) if legal else 0.0
    if any(arrived) and not arrived[-1]:
        progress *= LEFT_THE_GOAL
    solved = not violations and bool(arrived) and arrived[-1] and len(seen) > 1
    optimal = solved and _made(level.grid, start, legal) == (table.moves(start), table.pushes(start))
    return Verdict(solved=solved, optimal=optimal, progress=progress, violations=tuple(violations))


def _poses(
    level: SokobanState, cells: Points, seen: NDArray[np.bool_], caps: tuple[float, float]
) -> tuple[dict[int, Pose], list[tuple[int, Violation]]]:
    """Frame -> pose up to the first broken rule, and that with the number of the object that broke it.

    cells [O, T, 2]: agent and boxes as (row, col); seen [T]: frames that show all of them. caps: moves in a frame that
    is seen, and in one of a gap.
    """
    grid, start = level.grid, state_of(level.start, level.boxes)
    before, last = Pose(near=start, far=start, share=0.0, off=0.0), -1
    place = np.asarray([level.start, *level.boxes], dtype=np.float64)
    poses: dict[int, Pose] = {}
    push: Pose | None = None
    for frame in map(int, np.flatnonzero(seen)):
        limit = caps[frame - last > 1] * (frame - last) + STEP_SLACK if frame else STEP_SLACK
        here = cells[:, frame]
        if frame:
            limit = min(limit, dist(here[0], place[0]) + DETOUR)
        pose = next((each for each in poses_at(grid, here) if _way(grid, before, each, limit) <= limit), None)
        if pose is None:
            kind, number = _broken(grid, before, here, np.hypot(*(here - place).T), limit)
            return poses, [(number, Violation(kind=kind, frame=frame))]
        if push is not None and _is_pulled(push, pose):
            return poses, [(_pushed_box(push, here), Violation(kind="box_moved_alone", frame=frame))]
        push = _farther(push, pose)
        poses[frame], before, last, place = pose, pose, frame, here
    apart = [frame for frame, pose in poses.items() if pose.is_push and _air(pose, cells[:, frame]) > TOUCH]
    if len(apart) > max(TOUCH_FRAMES, sum(pose.is_push for pose in poses.values()) / 2):
        number = _pushed_box(poses[apart[0]], cells[:, apart[0]])
        return poses, [(number, Violation(kind="box_moved_alone", frame=apart[0]))]
    return poses, []


def _contact(
    level: SokobanState, poses: dict[int, Pose], cells: Points, seen: NDArray[np.bool_], pace: float
) -> list[tuple[int, Violation]]:
    """What the agent and the boxes are seen to do without each other, each with the number of the object.

    cells [O, T, 2], seen [O, T]: agent and boxes. pace: of the agent, in cells a frame.
    """
    start = state_of(level.start, level.boxes)
    rests = [(-1, start[1]), *((frame, pose.boxes) for frame, pose in poses.items() if pose.boxes is not None)]
    agent = np.where(seen[0, :, None], cells[0], np.nan)
    hidden = np.asarray(~seen.all(axis=0))
    broken = [(0, violation) for violation in crossed(level.grid, rests, agent, hidden)]
    for cell, violation in pushed_alone(rests, agent, pace):
        number = 1 + int(np.hypot(*(cells[1:, violation.frame] - cell).T).argmin())
        broken.append((number, violation))
    return broken


def _farther(push: Pose | None, pose: Pose) -> Pose | None:
    """The farthest pose of the push that goes on; None once it is done."""
    if not pose.is_push:
        return push if push is not None and pose.state == push.near else None
    same = push is not None and (push.near, push.far) == (pose.near, pose.far)
    return push if same and push is not None and push.share > pose.share else pose


def _is_pulled(push: Pose, pose: Pose) -> bool:
    """Whether a box comes back: inside its push, or to where it stood though half of the push was done."""
    if (push.near, push.far) == (pose.near, pose.far):
        return pose.share < push.share - PULLED
    return not pose.is_push and pose.state == push.near and push.share > PULLED + TREMBLE


def _pushed_box(push: Pose, here: Points) -> int:
    """The number, from 1, of the box that a push moves, of objects at places here [O, 2]."""
    moved = next(box for box in push.near[1] if box not in push.far[1])
    return 1 + int(np.hypot(*(here[1:] - moved).T).argmin())


def _air(push: Pose, here: Points) -> float:
    """Cells between agent and box during a push, beyond their distance of one cell. here [O, 2]."""
    step = np.asarray(push.far[0], np.float64) - push.near[0]
    return float((here[_pushed_box(push, here)] - here[0]) @ step - 1)


def poses_at(grid: Grid, places: Points) -> Iterator[Pose]:
    """The poses that objects at places [O, 2] (agent first, in cells) may be in, the nearest first."""
    agent, *boxes = ((row, col) for row, col in places.tolist())
    found = [pose for pose in (_rest(grid, agent, boxes), *_pushes(grid, agent, boxes)) if pose is not None]
    yield from sorted((pose for pose in found if pose.off <= OFF_FLOOR), key=lambda pose: pose.off)


def _rest(grid: Grid, agent: Place, boxes: Sequence[Place]) -> Pose | None:
    """The boxes stand on cells and the agent is somewhere on the floor between them."""
    stand = [_nearest(box) for box in boxes]
    off = max(dist(box, cell) for box, cell in zip(boxes, stand, strict=True))
    if off > OFF_FLOOR or len(set(stand)) < len(stand) or not all(_is_floor(grid, cell) for cell in stand):
        return None
    place = place_at(_with_boxes(grid, stand), *agent)
    near, far = state_of(place.near, stand), state_of(place.far, stand)
    return Pose(near=near, far=far, share=place.share, off=max(off, place.off))


def _pushes(grid: Grid, agent: Place, boxes: Sequence[Place]) -> Iterator[Pose]:
    """The agent is right behind a box, and both are on the way to the next cell; the other boxes stand."""
    stand = [_nearest(box) for box in boxes]
    away = [dist(box, cell) for box, cell in zip(boxes, stand, strict=True)]
    for number, box in enumerate(boxes):
        apart = (box[0] - agent[0], box[1] - agent[1])
        axis = 0 if abs(apart[0]) >= abs(apart[1]) else 1
        sign = 1 if apart[axis] > 0 else -1
        step = (sign, 0) if axis == 0 else (0, sign)
        if max(abs(apart[0] - step[0]), abs(apart[1] - step[1])) > GRIP:
            continue
        middle = ((agent[0] + box[0] + step[0]) / 2, (agent[1] + box[1] + step[1]) / 2)  # where both say the box is
        along = middle[axis] * sign
        share = along - floor(along)
        base = (floor(along) * sign, round(middle[1])) if axis == 0 else (round(middle[0]), floor(along) * sign)
        behind = (base[0] - step[0], base[1] - step[1])
        near = state_of(behind, [*stand[:number], base, *stand[number + 1 :]])
        box_off = dist(box, (base[0] + share * step[0], base[1] + share * step[1]))
        agent_off = dist(agent, (behind[0] + share * step[0], behind[1] + share * step[1]))
        off = max(box_off, agent_off, *away[:number], *away[number + 1 :])
        far = move(grid, near, step) if _is_floor(grid, near[0]) and near[0] not in near[1] else None
        if far is not None and far[1] != near[1]:
            yield Pose(near=near, far=far, share=share, off=off)


def _nearest(place: Place) -> Cell:
    return round(place[0]), round(place[1])


def _is_floor(grid: Grid, cell: Cell) -> bool:
    return 0 <= cell[0] < grid.shape[0] and 0 <= cell[1] < grid.shape[1] and bool(grid[cell] == 0)


def _with_boxes(grid: Grid, boxes: Sequence[Cell]) -> Grid:
    blocked = grid.copy()
    for box in boxes:
        blocked[box] = 1
    return blocked


def _way(grid: Grid, before: Pose, pose: Pose, limit: float) -> float:
    """Moves, and shares of moves, from one pose to another; infinite if clearly above `limit`.

    A push goes in its own direction only, except that an unfinished one may be given up.
    """
    done = before.is_push and before.state == before.far
    if (before.near, before.far) == (pose.near, pose.far) and not done:
        return abs(pose.share - before.share)
    if (before.near, before.far) == (pose.far, pose.near):
        return 1 - pose.share - before.share
    starts = {before.far: 1 - before.share} | ({} if done else {before.near: before.share})
    ends = {pose.near: pose.share} if pose.is_push else {pose.far: 1 - pose.share} | {pose.near: pose.share}
    best = np.inf
    for start, first in starts.items():
        for end, rest in ends.items():
            made = moves_between(grid, start, end, int(min(limit, best) - first - rest) + 1)
            if made is not None:
                best = min(best, first + made[0] + rest)
    return float(best)


def moves_between(grid: Grid, start: State, end: State, limit: int) -> tuple[int, int] | None:
    """(moves, pushes) of a shortest way between two states; None if it has more than `limit` moves."""
    if start == end:
        return 0, 0
    reached, front = {start}, {start: 0}
    for moves in range(1, limit + 1):
        following: dict[State, int] = {}
        for state, pushes in front.items():
            for step in STEPS:
                after = move(grid, state, step)
                if after is None or after in reached:
                    continue
                pushed = pushes + (after[1] != state[1])
                if after == end:
                    return moves, pushed
                if _least_moves(after, end) <= limit - moves:
                    reached.add(after)
                    following[after] = pushed
        front = following
    return None


def _least_moves(state: State, other: State) -> int:
    """Moves that no way between two states can do without: of the agent, and of the sum of all boxes."""
    apart = [abs(state[0][axis] - other[0][axis]) for axis in (0, 1)]
    boxes = [abs(sum(box[axis] for box in state[1]) - sum(box[axis] for box in other[1])) for axis in (0, 1)]
    return max(sum(apart), sum(boxes))


def _broken(grid: Grid, before: Pose, here: Points, steps: Points, limit: float) -> tuple[str, int]:
    """Which rule a frame breaks, and which object (0: the agent) breaks it.

    here [O, 2]: where the objects are; steps [O]: how far they moved.
    """
    for number, place in enumerate(here):
        if place_at(grid, float(place[0]), float(place[1])).off > OFF_FLOOR:
            return "through_wall", number
    for number, place in enumerate(here[1:], start=1):
        if (np.abs(here[:number] - place).max(axis=1) < OVERLAP).any():
            return "box_overlap", number
    if steps.max() > limit:
        return "teleport", int(steps.argmax())
    agent, stand = before.far if before.share > 0.5 else before.near
    moved = np.asarray([np.hypot(*(np.asarray(stand) - box).T).min() for box in here[1:]])
    if moved.max() > OFF_FLOOR:
        return "box_moved_alone", int(moved.argmax()) + 1
    made = moves_between(grid, (agent, ()), (_nearest(here[0].tolist()), ()), int(limit) + 2)
    if made is None:
        return "through_wall", 0
    return ("teleport", 0) if made[0] > limit else ("box_overlap", int(np.hypot(*(here[1:] - here[0]).T).argmin()) + 1)


def _progress(pose: Pose, start: State, table: SolutionTable) -> float:
    """Share of the moves to go that are done in a pose; 0 where there is no solution or a longer one than at first."""
    between = float(np.clip((pose.share - TREMBLE) / (1 - 2 * TREMBLE), 0, 1))
    parts = ((pose.near, 1 - between), (pose.far, between))
    left = sum(weight * table.moves(state) for state, weight in parts if weight > 0)
    return float(np.clip(1 - left / table.moves(start), 0, 1))


def _made(grid: Grid, start: State, poses: Sequence[Pose]) -> tuple[float, float]:
    """Moves and pushes that were made; half-way excursions that never reach a cell do not count."""
    moves, pushes, here = 0.0, 0.0, start
    for pose in poses:
        state = pose.state
        if state is not None and state != here:
            made = moves_between(grid, here, state, grid.size)
            if made is None:
                return np.inf, np.inf
            moves, pushes, here = moves + made[0], pushes + made[1], state
    return moves, pushes
