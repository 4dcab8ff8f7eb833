"""The rules of the trap field, on tracks written by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from wan_r1.tasks import family_of
from wan_r1.tasks.trapfield import TrapfieldFamily, TrapfieldState
from wan_r1.types import Task, Track, Verdict

FIELD = (
    "A...#.",
    "..#...",
    "..#..G",
    "......",
    ".#....",
)
"""The shortest ways have 7 moves, above and below the two traps in the middle."""

Cells = Sequence[tuple[float, float] | None]


def _task(field: Sequence[str]) -> Task:
    codes = np.asarray([list(row) for row in field])
    start, goal = (tuple(int(v) for v in np.argwhere(codes == mark)[0]) for mark in "AG")
    state = TrapfieldState(grid=(codes == "#").astype(np.int8), start=start, goal=goal, skin="plain")
    return TrapfieldFamily(level="easy").task(state)


TASK = _task(FIELD)
ABOVE = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 3), (1, 4), (1, 5), (2, 5)]
ALSO_ABOVE = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 3), (2, 3), (2, 4), (2, 5)]
BELOW = [(0, 0), (1, 0), (2, 0), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4), (3, 5), (2, 5)]


def _judge(cells: Cells, copies: Sequence[int] | None = None, task: Task = TASK) -> Verdict:
    """The verdict on an agent at these (row, col) places, None where it is not seen."""
    places = np.asarray([(np.nan, np.nan) if cell is None else cell for cell in cells], dtype=float)
    points = (places[:, ::-1] + 0.5) / task.state.grid.shape[::-1]
    seen = np.isfinite(points[:, 0])
    track = Track(
        objects=("agent",),
        points=points[None].astype(np.float32),
        seen=seen[None],
        copies=(seen.astype(int) if copies is None else np.asarray(copies))[None],
        scores=seen[None].astype(np.float32),
        unit="image",
    )
    return family_of(task).judge(task, track)


def _kinds(verdict: Verdict) -> list[tuple[str, int]]:
    return [(violation.kind, violation.frame) for violation in verdict.violations]


def _line(*corners: tuple[float, float], frames: int) -> Cells:
    """A walk along a polyline in equal steps."""
    points = np.asarray(corners, dtype=float)
    along = np.concatenate([[0], np.hypot(*np.diff(points, axis=0).T).cumsum()])
    way = np.linspace(0, along[-1], frames)
    places = np.stack([np.interp(way, along, points[:, k]) for k in (0, 1)], axis=1)
    return [(float(row), float(col)) for row, col in places]


@pytest.mark.parametrize("way", [ABOVE, ALSO_ABOVE])
def test_every_shortest_way_is_solved_and_optimal(way: Cells) -> None:
    verdict = _judge([*way, way[-1]])
    assert (verdict.solved, verdict.optimal, verdict.progress) == (True, True, 1.0)


@pytest.mark.parametrize("frames", [15, 36, 85])
def test_a_slow_walk_between_cells_is_solved_and_optimal(frames: int) -> None:
    assert _judge(_line(*ABOVE, frames=frames)).optimal


def test_a_longer_way_around_the_traps_is_solved_but_not_optimal() -> None:
    verdict = _judge([*BELOW, BELOW[-1]])
    assert (verdict.solved, verdict.optimal) == (True, False)


@pytest.mark.parametrize("share", [0, 3, 5])
def test_a_prefix_of_k_moves_has_progress_k_of_7(share: int) -> None:
    verdict = _judge(ABOVE[: share + 1] + [ABOVE[share]] * 5)
    assert verdict.progress == pytest.approx(share / 7)
    assert (verdict.solved, verdict.violations) == (False, ())


def test_going_back_costs_progress() -> None:
    assert _judge(ABOVE[:6] + ABOVE[2:5][::-1]).progress == pytest.approx(2 / 7)


def test_reaching_the_goal_and_leaving_it_is_not_solved_and_halves_the_progress() -> None:
    verdict = _judge([*ABOVE, ABOVE[-2]])
    assert not verdict.solved
    assert verdict.progress == pytest.approx(0.5 * 6 / 7)


def test_a_step_on_a_trap_ends_the_legal_prefix() -> None:
    through = [(0, 0), (0, 1), (0, 2), (1, 2), (1, 3), (1, 4), (1, 5), (2, 5)]
    verdict = _judge(through)
    assert _kinds(verdict) == [("trap", 3)]
    assert (verdict.solved, verdict.progress) == (False, pytest.approx(2 / 7))


def test_walking_past_a_trap_is_legal_and_touching_it_is_not() -> None:
    beside = [(0, 0), (0, 1), (0.25, 2), (0.25, 3), (1, 3), (1, 4), (1, 5), (2, 5)]
    assert _judge(beside).optimal
    touching = [(0, 0), (0, 1), (0.45, 2), (0.45, 3), (1, 3), (1, 4), (1, 5), (2, 5)]
    assert _kinds(_judge(touching)) == [("trap", 2)]


def test_a_jump_over_a_trap_is_a_trap_though_no_frame_shows_the_agent_on_it() -> None:
    assert _kinds(_judge([(0, 0), (0, 1), (1, 1), (1, 3), (1, 4), (1, 5), (2, 5)])) == [("trap", 3)]


def test_even_a_fast_and_steady_video_may_not_jump_over_a_trap() -> None:
    field = ("A............G", "..............", "#.............")
    wall = ("A.....#......G", "......#.......", "..............")
    jumps: Cells = [(0, 0), (0, 2.5), (0, 5), (0, 7.5), (0, 10), (0, 12.5), *[(0, 13)] * 6]
    assert _judge(jumps, task=_task(field)).optimal
    assert _kinds(_judge(jumps, task=_task(wall))) == [("trap", 3)]
    one = ("A.....#......G", "..............", "..............")
    assert _kinds(_judge(jumps, task=_task(one))) == [("trap", 3)]


def test_an_agent_that_blinks_over_a_trap_has_not_walked_around_it() -> None:
    over: Cells = [(0, 0), (1, 0), (1, 1), None, (1, 3), (1, 4), (1, 5), (2, 5), (2, 5)]
    assert _kinds(_judge(over)) == [("trap", 4)]
    slower: Cells = [(0, 0), (1, 0), (1, 1), None, None, (1, 3), (1, 4), (1, 5), (2, 5)]
    assert _kinds(_judge(slower)) == [("trap", 5)]
    around: Cells = [(0, 0), (0, 1), None, (0, 3), (1, 3), (1, 4), (1, 5), (2, 5), (2, 5)]
    assert _judge(around).optimal


OPEN = ("A.....", "......", "......", "......", "#....G")


@pytest.mark.parametrize("frames", [9, 17, 40, 120])
def test_a_straight_line_over_open_floor_is_solved_and_optimal(frames: int) -> None:
    verdict = _judge(_line((0, 0), (4, 5), frames=frames), task=_task(OPEN))
    assert (verdict.solved, verdict.optimal, verdict.violations) == (True, True, ())


def test_slow_steps_through_the_middle_of_an_open_square_are_legal() -> None:
    field = ("A...", "....", "....", "...G", "#...")
    corner = [(0, 0), (0, 3), (3, 0), (3, 3)]
    assert not _judge(_line(*corner, frames=120), task=_task(field)).violations
    assert _judge(_line(*corner, frames=120), task=_task(field)).solved


def test_half_of_an_open_square_is_half_of_its_progress() -> None:
    half = _line((0, 0), (0.5, 0.5), frames=6)
    verdict = _judge([*half, half[-1]], task=_task(("A..", "..G", "#..")))
    assert verdict.progress == pytest.approx(1 / 3)


def test_a_corner_is_cut_only_where_it_is_no_trap() -> None:
    field = ("A..", "#..", "..G")
    assert _judge(_line((0, 0), (0, 1), (1, 2), (2, 2), frames=17), task=_task(field)).optimal
    cut = _line((0, 0), (2, 2), frames=25)  # through the corner of the trap
    assert _kinds(_judge(cut, task=_task(field)))[0][0] == "trap"


@pytest.mark.parametrize(
    "beyond", [[(-0.5, 0.0), (-1.0, 0.0), (-1.0, 1.0)], [(0.0, -0.5), (0.0, -0.9), (0.0, 0.0)], [(0.0, -5.0)] * 3]
)
def test_an_agent_that_leaves_the_field_is_off_road(beyond: Cells) -> None:
    verdict = _judge([ABOVE[0], ABOVE[0], *beyond, *ABOVE[1:]])
    assert _kinds(verdict)[0] == ("off_road", 2)
    assert not verdict.solved


def test_a_trap_at_the_border_is_a_trap() -> None:
    assert _kinds(_judge([*ABOVE[:4], (0, 4), (0, 5), (1, 5), (2, 5)])) == [("trap", 4)]


def test_a_jump_to_the_goal_is_a_teleport_with_or_without_traps_between() -> None:
    assert _kinds(_judge([ABOVE[0]] * 8 + [ABOVE[-1]] * 8)) == [("teleport", 8)]
    verdict = _judge([(0, 0)] * 8 + [(4, 5)] * 8, task=_task(OPEN))
    assert _kinds(verdict) == [("teleport", 8)]
    assert verdict.progress == 0


def test_a_diagonal_jump_over_open_floor_is_a_teleport_and_no_trap() -> None:
    slow = _line((0, 0), (0, 3), frames=30)
    assert _kinds(_judge([*slow, (1, 4), (1, 4)], task=_task(OPEN))) == [("teleport", 30)]


def test_a_video_that_does_not_begin_at_the_start_is_a_teleport() -> None:
    assert _kinds(_judge(ABOVE[2:] + [ABOVE[-1]] * 3))[0] == ("teleport", 0)


def test_a_blink_of_two_frames_is_forgiven_and_three_are_not() -> None:
    assert _judge([*ABOVE[:3], None, None, *ABOVE[3:]]).solved
    assert _kinds(_judge([*ABOVE[:3], None, None, None, *ABOVE[3:]])) == [("agent_lost", 3)]


def test_two_agents_in_two_frames_are_an_extra_agent() -> None:
    assert _kinds(_judge(ABOVE, [1, 1, 1, 2, 2, 1, 1, 1])) == [("extra_agent", 3)]


@pytest.mark.parametrize("cells", [[None], [ABOVE[0]], [ABOVE[-1]], [None] * 9, [(-3.0, 40.0)] * 5])
def test_strange_tracks_are_never_solved_and_have_finite_progress(cells: Cells) -> None:
    verdict = _judge(cells)
    assert not verdict.solved
    assert 0 <= verdict.progress <= 1
