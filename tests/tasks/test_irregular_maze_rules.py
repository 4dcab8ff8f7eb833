"""The rules of the irregular maze, on tracks written by hand. Places are in road widths."""

from collections.abc import Sequence

import numpy as np
import pytest

from wan_r1.tasks import family_of
from wan_r1.tasks.irregular_maze import IrregularMazeFamily, RoadNet, RoadState
from wan_r1.types import Task, Track, Verdict

SIDE = 20.0
"""Side of the picture in road widths."""

#   0-----1
#   |     |
#   3-----2-----4      start 0, goal 4, all roads have length 6
#         |
#         5
NODES = ((3, 3), (9, 3), (9, 9), (3, 9), (15, 9), (9, 15))
ROADS = ((0, 1), (1, 2), (0, 3), (3, 2), (2, 4), (2, 5))

Place = tuple[float, float]


def _task(bend: float = 0.0, nodes: Sequence[Place] = NODES, roads=ROADS, goal: int = 4) -> Task:
    """The net above; `bend` moves the control point of the road from 3 to 2 up by so many road widths."""
    points, pairs = np.asarray(nodes, float), np.asarray(roads)
    controls = points[pairs].mean(axis=1)
    if bend:
        controls[3, 1] -= bend
    net = RoadNet(nodes=points / SIDE, roads=pairs, controls=controls / SIDE, width=1 / SIDE)
    return IrregularMazeFamily(level="easy", size=200).task(RoadState(net=net, start=0, goal=goal, skin="plain"))


TASK = _task()


def _along(*corners: Place, step: float = 1.0) -> list[Place]:
    """Places `step` apart along a line through corners, the last corner included."""
    points = np.asarray(corners, float)
    along = np.concatenate([[0], np.hypot(*np.diff(points, axis=0).T).cumsum()])
    way = np.append(np.arange(0, along[-1] - 1e-9, step), along[-1])
    return [(float(np.interp(w, along, points[:, 0])), float(np.interp(w, along, points[:, 1]))) for w in way]


OVER, UNDER = _along((3, 3), (9, 3), (9, 9), (15, 9)), _along((3, 3), (3, 9), (9, 9), (15, 9))
"""Both ways to the goal, one place for each road width: 19 places."""


def _judge(places: Sequence[Place | None], copies: Sequence[int] | None = None, task: Task = TASK) -> Verdict:
    """The verdict on an agent at these places, None where it is not seen."""
    points = np.asarray([(np.nan, np.nan) if place is None else place for place in places], dtype=float) / SIDE
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


@pytest.mark.parametrize("way", [OVER, UNDER])
def test_each_of_two_shortest_ways_is_solved_and_optimal(way) -> None:
    verdict = _judge([*way, way[-1]])
    assert (verdict.solved, verdict.optimal, verdict.progress) == (True, True, 1.0)


@pytest.mark.parametrize(("bend", "optimal"), [(1.2, True), (2.2, False)])
def test_a_way_that_is_longer_by_less_than_one_per_cent_is_optimal(bend: float, optimal: bool) -> None:
    task = _task(bend)
    t = np.linspace(0, 1, 13)[1:]
    bent = [(3 + 6 * share, 9 - 2 * share * (1 - share) * bend) for share in t]
    verdict = _judge([*UNDER[:7], *bent, *UNDER[13:], UNDER[-1]], task=task)
    assert (verdict.solved, verdict.optimal) == (True, optimal)
    assert _judge([*OVER, OVER[-1]], task=task).optimal


@pytest.mark.parametrize("step", [0.1, 0.35, 0.7, 2.0, 2.5])
def test_a_slow_or_fast_but_steady_walk_is_solved_and_optimal(step: float) -> None:
    way = _along((3, 3), (9, 3), (9, 9), (15, 9), step=step)
    rest = [way[-1]] * (20 - len(way))
    verdict = _judge([*way, *rest])
    assert (verdict.solved, verdict.optimal) == (True, True)


def test_waiting_costs_nothing() -> None:
    assert _judge([OVER[0]] * 9 + OVER[:5] + [OVER[5]] * 7 + OVER[6:]).optimal


def test_positions_off_by_a_quarter_of_a_road_width_are_legal() -> None:
    rng = np.random.default_rng(0)
    for way in (OVER, UNDER) * 10:
        shaken = np.asarray([*way, way[-1]]) + rng.uniform(-0.25, 0.25, (len(way) + 1, 2))
        shaken[0] = way[0]
        assert _judge([(x, y) for x, y in shaken.tolist()]).optimal


@pytest.mark.parametrize("moves", [0, 3, 7, 15])
def test_a_prefix_has_its_share_of_the_way_as_progress(moves: int) -> None:
    verdict = _judge(OVER[: moves + 1] + [OVER[moves]] * (18 - moves))
    assert verdict.progress == pytest.approx(moves / 18, abs=0.01)
    assert not verdict.solved
    assert not verdict.violations


def test_a_trembling_agent_at_the_start_makes_no_progress() -> None:
    assert _judge([(3 + 0.1 * (t % 2), 3.05) for t in range(17)]).progress == 0


def test_going_back_costs_progress_and_a_wrong_road_gains_none() -> None:
    assert _judge(OVER[:10] + OVER[6:9][::-1]).progress == pytest.approx(6 / 18, abs=0.01)
    dead_end = OVER[:13] + _along((9, 10), (9, 13))
    assert _judge(dead_end).progress == pytest.approx((12 - 4) / 18, abs=0.01)


def test_a_detour_is_solved_but_not_optimal() -> None:
    for detour in (OVER[:10] + OVER[6:9][::-1] + OVER[7:], [*OVER[:13], (9, 10), (9, 11), (9, 10), *OVER[12:]]):
        verdict = _judge([*detour, detour[-1]])
        assert (verdict.solved, verdict.optimal) == (True, False)


def test_reaching_the_goal_and_leaving_it_is_not_solved_and_halves_the_progress() -> None:
    verdict = _judge([*OVER, OVER[-2]])
    assert not verdict.solved
    assert verdict.progress == pytest.approx(0.5 * 17 / 18, abs=0.01)


def test_an_agent_that_rests_half_a_road_width_from_the_goal_is_there() -> None:
    assert _judge([*OVER[:-1], (14.55, 9.1), (14.6, 9)]).optimal
    assert not _judge([*OVER[:-1], (14.3, 9), (14.3, 9)]).solved


def test_leaving_the_road_ends_the_legal_prefix() -> None:
    verdict = _judge([*OVER[:4], (7, 3.6), (8, 4), *OVER[6:]])
    assert _kinds(verdict) == [("off_road", 4)]
    assert verdict.progress == pytest.approx(3 / 18, abs=0.01)


def test_the_straight_line_to_the_goal_is_off_road() -> None:
    assert _kinds(_judge(_along((3, 3), (15, 9))))[0] == ("off_road", 1)


def test_walking_half_a_road_width_beside_the_way_is_off_road() -> None:
    assert _kinds(_judge([OVER[0], *((x, y - 0.5) for x, y in OVER[1:])]))[0] == ("off_road", 1)


def test_a_jump_to_the_goal_is_a_teleport() -> None:
    verdict = _judge([OVER[0]] * 10 + [OVER[-1]] * 10)
    assert _kinds(verdict) == [("teleport", 10)]
    assert verdict.progress == 0


@pytest.mark.parametrize(("before", "after"), [((6, 3), (6, 9)), ((7.5, 3), (9, 4.5)), ((9, 4.5), (7.5, 3))])
def test_a_jump_across_to_a_road_close_by_is_a_teleport(before: Place, after: Place) -> None:
    way = _along((3, 3), before) if before[1] == 3 else _along((3, 3), (9, 3), before)
    assert _kinds(_judge([*way, *[after] * 16])) == [("teleport", len(way))]


def test_a_jump_along_the_road_is_a_teleport_in_a_slow_video() -> None:
    assert _kinds(_judge(OVER[:7] + OVER[12:] + [OVER[-1]] * 6)) == [("teleport", 7)]


@pytest.mark.parametrize("unseen", [0, 2])
def test_a_hop_over_the_ground_at_a_turn_is_no_way_along_the_road(unseen: int) -> None:
    before, after = _along((3, 3), (8, 3)), _along((9, 5), (9, 9), (15, 9))
    steady = _judge([*before, *_along((8, 3), (9, 3), (9, 5))[1:], *after[1:]])
    assert steady.solved
    assert not _judge([*before[::2], (8, 3), *[None] * unseen, *after[::2], *after[-1:] * 8]).solved


def test_a_video_that_does_not_begin_at_the_start_is_a_teleport() -> None:
    assert _kinds(_judge(OVER[3:] + [OVER[-1]] * 3))[0] == ("teleport", 0)


def test_where_two_roads_run_into_each_other_the_agent_is_on_both() -> None:
    fork = _task(nodes=((3, 3), (13, 3), (13, 5.5)), roads=((0, 1), (0, 2)), goal=1)  # an angle of 14 degrees
    rng = np.random.default_rng(1)
    for _ in range(20):
        way = np.asarray(_along((3, 3), (13, 3), step=0.5))
        way[1:, 1] += rng.uniform(-0.25, 0.35, len(way) - 1)
        assert _judge([(x, y) for x, y in way.tolist()], task=fork).optimal


def test_nodes_that_almost_coincide_are_no_obstacle() -> None:
    nodes = ((3, 3), (8, 3), (8.04, 3.02), (8, 3.3), (14, 3), (8, 8))
    task = _task(nodes=nodes, roads=((0, 1), (1, 2), (2, 3), (2, 4), (3, 5)))
    assert _judge([*_along((3, 3), (14, 3), step=0.4), (14, 3)], task=task).optimal


def test_a_blink_of_two_frames_is_forgiven_and_three_are_not() -> None:
    assert _judge([*OVER[:5], None, None, *OVER[6:]]).solved
    assert _kinds(_judge([*OVER[:5], None, None, None, *OVER[5:]])) == [("agent_lost", 5)]


def test_an_agent_that_moves_far_while_unseen_breaks_a_rule() -> None:
    verdict = _judge([*OVER[:5], None, *OVER[11:]])
    assert verdict.violations[0].frame == 6
    assert verdict.progress == pytest.approx(4 / 18, abs=0.01)


def test_an_agent_that_is_not_seen_in_the_last_frame_has_not_stayed() -> None:
    assert _kinds(_judge([*OVER, OVER[-1], None])) == [("agent_lost", 20)]


def test_two_agents_in_two_frames_are_an_extra_agent() -> None:
    copies = [1] * 20
    copies[7] = 2
    assert _judge([*OVER, OVER[-1]], copies).solved
    copies[8] = 2
    assert _kinds(_judge([*OVER, OVER[-1]], copies)) == [("extra_agent", 7)]


@pytest.mark.parametrize("places", [[None], [OVER[0]], [OVER[-1]], [None] * 9, [(-60.0, 800.0)] * 5])
def test_strange_tracks_are_never_solved_and_have_finite_progress(places) -> None:
    verdict = _judge(places)
    assert not verdict.solved
    assert 0 <= verdict.progress <= 1


def test_an_agent_may_not_go_beside_the_road_all_along() -> None:
    way = _along((3, 3), (3, 9), (9, 9), (15, 9), step=0.5)
    beside = [way[0], *((x - 0.3, y) if x < 3.1 else (x, y + 0.3) for x, y in way[1:])]
    assert [kind for kind, _ in _kinds(_judge([*beside, way[-1]]))] == ["off_road"]
    assert _judge([*beside[:12], *way[12:], way[-1]]).solved
    assert _kinds(_judge([*beside[:12], *way[12:20], *[(15.0, 15.0)] * 30])) == [("off_road", 20)]


def test_an_agent_out_of_sight_keeps_its_pace() -> None:
    way = _along((3, 3), (3, 9), (9, 9), (15, 9), step=0.25)
    corner = way.index((3.0, 9.0))
    blinked: list[Place | None] = [None if t in (corner, corner + 1) else place for t, place in enumerate(way)]
    assert _judge([*blinked, way[-1]]).solved
    hopped = [*way[: corner - 3], None, None, *way[corner + 4 :], way[-1]]
    assert _kinds(_judge(hopped)) == [("teleport", corner - 1)]
