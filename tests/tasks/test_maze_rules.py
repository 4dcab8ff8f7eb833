"""The rules of the maze, on tracks written by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from wan_r1.tasks import family_of
from wan_r1.tasks.maze import MazeFamily, MazeState
from wan_r1.types import Task, Track, Verdict

MAZE = (
    "#########",
    "#A..#...#",
    "###.#.#.#",
    "#...#.#.#",
    "#.###.#.#",
    "#.....#G#",
    "#########",
)
"""The only way has 22 moves."""


def _task() -> Task:
    codes = np.asarray([list(row) for row in MAZE])
    start, goal = (tuple(int(v) for v in np.argwhere(codes == mark)[0]) for mark in "AG")
    grid = (codes == "#").astype(np.int8)
    return MazeFamily(level="easy").task(MazeState(grid=grid, start=start, goal=goal, skin="plain"))


TASK = _task()
WAY = [(round(y * 7 - 0.5), round(x * 9 - 0.5)) for x, y in TASK.solution.points]


def _judge(cells: Sequence[tuple[float, float] | None], copies: Sequence[int] | None = None) -> Verdict:
    """The verdict on an agent at these (row, col) places, None where it is not seen."""
    places = np.asarray([(np.nan, np.nan) if cell is None else cell for cell in cells], dtype=float)
    points = (places[:, ::-1] + 0.5) / (9, 7)
    seen = np.isfinite(points[:, 0])
    track = Track(
        objects=("agent",),
        points=points[None].astype(np.float32),
        seen=seen[None],
        copies=(seen.astype(int) if copies is None else np.asarray(copies))[None],
        scores=seen[None].astype(np.float32),
        unit="image",
    )
    return family_of(TASK).judge(TASK, track)


def _kinds(verdict: Verdict) -> list[tuple[str, int]]:
    return [(violation.kind, violation.frame) for violation in verdict.violations]


def test_the_way_has_22_moves() -> None:
    assert len(WAY) == 22 + 1


def test_the_solution_is_solved_and_optimal() -> None:
    verdict = _judge([*WAY, WAY[-1]])
    assert (verdict.solved, verdict.optimal, verdict.progress) == (True, True, 1.0)


@pytest.mark.parametrize("per_cell", [2, 5, 12])
def test_a_slow_walk_between_cells_is_solved_and_optimal(per_cell: int) -> None:
    cells = np.asarray(WAY, dtype=float)
    way = np.arange((len(WAY) - 1) * per_cell + 1) / per_cell
    places = np.stack([np.interp(way, np.arange(len(WAY)), cells[:, k]) for k in (0, 1)], axis=1)
    verdict = _judge([tuple(place) for place in places])
    assert (verdict.solved, verdict.optimal) == (True, True)


def test_waiting_costs_nothing() -> None:
    assert _judge([WAY[0]] * 9 + WAY[:5] + [WAY[5]] * 7 + WAY[6:]).optimal


def test_positions_off_by_a_quarter_of_a_cell_are_legal() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        shaken = np.asarray([*WAY, WAY[-1]]) + rng.uniform(-0.25, 0.25, (len(WAY) + 1, 2))
        shaken[0] = WAY[0]
        assert _judge([tuple(place) for place in shaken]).optimal


@pytest.mark.parametrize("share", [0, 3, 7, 15])
def test_a_prefix_of_k_moves_has_progress_k_of_22(share: int) -> None:
    verdict = _judge(WAY[: share + 1] + [WAY[share]] * (22 - share))
    assert verdict.progress == pytest.approx(share / 22)
    assert not verdict.solved
    assert not verdict.violations


def test_going_back_costs_progress() -> None:
    assert _judge(WAY[:10] + WAY[6:9][::-1]).progress == pytest.approx(6 / 22)


def test_a_detour_is_solved_but_not_optimal() -> None:
    verdict = _judge(WAY[:10] + WAY[6:9][::-1] + WAY[7:])
    assert verdict.solved
    assert not verdict.optimal


def test_a_detour_into_a_side_corridor_is_not_optimal() -> None:
    verdict = _judge([*WAY[:1], *WAY])
    assert verdict.optimal
    assert WAY[8] == (5, 1)
    assert _judge([*WAY[:3], WAY[1], WAY[2], *WAY[3:]]).solved
    assert not _judge([*WAY[:3], WAY[1], WAY[2], *WAY[3:]]).optimal


def test_reaching_the_goal_and_leaving_it_is_not_solved_and_halves_the_progress() -> None:
    verdict = _judge([*WAY, WAY[-2]])
    assert not verdict.solved
    assert verdict.progress == pytest.approx(0.5 * 21 / 22)


def test_a_step_into_a_wall_ends_the_legal_prefix() -> None:
    verdict = _judge([*WAY[:3], (1, 4), (1, 5), *[(1, 6)] * 18])
    assert _kinds(verdict) == [("through_wall", 3)]
    assert verdict.progress == pytest.approx(2 / 22)


def test_a_hop_over_one_wall_is_a_violation_though_both_ends_are_floor() -> None:
    verdict = _judge([*WAY[:3], *WAY[3:10], (3, 3), (3, 5), *[(3, 5)] * 11])
    assert verdict.violations
    assert not verdict.solved


def test_walking_half_a_cell_beside_the_corridor_is_in_the_wall() -> None:
    aside = [WAY[0]] + [(row + 0.5, col + 0.5) for row, col in WAY[1:]]
    assert _kinds(_judge(aside))[0] == ("through_wall", 1)


def test_a_jump_to_the_goal_is_a_teleport() -> None:
    verdict = _judge([WAY[0]] * 12 + [WAY[-1]] * 12)
    assert _kinds(verdict) == [("teleport", 12)]
    assert verdict.progress == 0


def test_a_jump_along_the_corridor_is_a_teleport_in_a_steady_video() -> None:
    assert _kinds(_judge(WAY[:8] + WAY[13:] + [WAY[-1]] * 6)) == [("teleport", 8)]


def test_a_fast_but_steady_video_is_legal_up_to_4_cells_per_frame() -> None:
    for speed in (2, 3):
        fast = WAY[::speed] + [WAY[-1]] * (23 - len(WAY[::speed]))
        assert _judge(fast).optimal
    assert not _judge(WAY[::6] + [WAY[-1]] * 18).solved


def test_a_fast_video_may_not_hop_over_the_wall_of_a_turn() -> None:
    assert _judge([*WAY[::3], *WAY[-1:] * 16]).solved
    before, after = WAY[5], WAY[9]
    assert (before, after) == ((3, 2), (5, 2))
    hop = _judge([WAY[0], WAY[2], before, after, *WAY[12::3], *WAY[-1:] * 16])
    assert _kinds(hop) == [("through_wall", 3)]


@pytest.mark.parametrize("num_frames", [2, 3, 4])
def test_a_video_of_few_frames_is_no_quick_walk(num_frames: int) -> None:
    assert not _judge([WAY[round(index)] for index in np.linspace(0, len(WAY) - 1, num_frames)]).solved


def test_a_few_hops_between_rests_have_no_pace() -> None:
    hops = [0] * 6 + [3] * 6 + [6] * 6 + [9] * 6
    assert _kinds(_judge([WAY[step] for step in hops])) == [("teleport", 6)]


def test_a_steady_walk_may_wait_at_first_and_rest_at_the_end() -> None:
    steps = [0] * 6 + list(range(0, 23, 3)) + [22] * 8
    assert _judge([WAY[step] for step in steps]).solved


def test_a_video_that_does_not_begin_at_the_start_is_a_teleport() -> None:
    assert _kinds(_judge(WAY[3:] + [WAY[-1]] * 3))[0] == ("teleport", 0)


def test_a_blink_of_two_frames_is_forgiven_and_three_are_not() -> None:
    assert _judge([*WAY[:5], None, None, *WAY[5:]]).solved
    assert _kinds(_judge([*WAY[:5], None, None, None, *WAY[5:]])) == [("agent_lost", 5)]


def test_an_agent_that_blinks_over_a_wall_has_not_walked_around_it() -> None:
    assert WAY[6] == (3, 1)  # below the start, with a wall between; the way has 6 moves
    verdict = _judge([WAY[0], None, *WAY[6::2], *[WAY[-1]] * 12])
    assert _kinds(verdict)[0] == ("through_wall", 2)
    assert _judge([*WAY[:5:2], None, *WAY[8::2], *[WAY[-1]] * 11]).solved


def test_an_agent_that_moves_far_while_unseen_breaks_a_rule() -> None:
    verdict = _judge([*WAY[:5], None, *WAY[10:]])
    assert verdict.violations[0].frame == 6
    assert verdict.progress == pytest.approx(4 / 22)


def test_an_agent_that_is_not_seen_in_the_last_frame_has_not_stayed() -> None:
    verdict = _judge([*WAY, WAY[-1], None])
    assert not verdict.solved
    assert _kinds(verdict) == [("agent_lost", 24)]


def test_two_agents_in_one_frame_are_a_ghost_and_in_two_frames_an_extra_agent() -> None:
    copies = [1] * 24
    copies[7] = 2
    assert _judge([*WAY, WAY[-1]], copies).solved
    copies[8] = 2
    verdict = _judge([*WAY, WAY[-1]], copies)
    assert _kinds(verdict) == [("extra_agent", 7)]
    assert verdict.progress == pytest.approx(6 / 22)


def test_two_agents_every_other_frame_are_an_extra_agent() -> None:
    assert _kinds(_judge([*WAY, WAY[-1]], [1, 2] * 12)) == [("extra_agent", 1)]


@pytest.mark.parametrize("cells", [[None], [WAY[0]], [WAY[-1]], [None] * 9, [(-3.0, 40.0)] * 5])
def test_strange_tracks_are_never_solved_and_have_finite_progress(cells) -> None:
    verdict = _judge(cells)
    assert not verdict.solved
    assert 0 <= verdict.progress <= 1


def _walked(per_frame: float) -> list[tuple[float, float]]:
    """The way at so many cells a frame."""
    way = np.asarray(WAY, float)
    at = np.arange(0, len(way) - 1 + 1e-9, per_frame)
    low = np.minimum(at.astype(int), len(way) - 2)
    return [tuple(each) for each in (way[low] + (at - low)[:, None] * (way[low + 1] - way[low])).tolist()]


def test_an_agent_out_of_sight_keeps_its_pace() -> None:
    slow = _walked(0.25)
    corner = next(t for t in range(8, len(slow) - 8, 4) if np.abs(np.subtract(slow[t - 6], slow[t + 6])).min() > 1)
    hopped: list[tuple[float, float] | None] = [*slow[: corner - 5], None, None, *slow[corner + 6 :], slow[-1]]
    assert _kinds(_judge(hopped)) == [("teleport", corner - 3)]
    blinked = [None if t in (corner, corner + 1) else place for t, place in enumerate([*slow, slow[-1]])]
    assert _judge(blinked).solved


@pytest.mark.parametrize(("aside", "kinds"), [(0.2, []), (0.35, ["through_wall"])])
def test_an_agent_may_not_walk_beside_the_floor_all_along(aside: float, kinds: list[str]) -> None:
    down = [(place[0], place[1] - aside) for place in _walked(0.25) if place[1] == 1 and 3 <= place[0] <= 5]
    start = _walked(0.25)[: _walked(0.25).index((3, 1))]
    assert [kind for kind, _ in _kinds(_judge([*start, *down, *down[-1:] * 90]))] == kinds
    brief = _kinds(_judge([*start, *down, *_walked(0.25)[len(start) + len(down) :], WAY[-1]]))
    assert brief == []
