"""The rules of the 3D maze, on tracks written by hand as places in space."""

from collections.abc import Sequence

import numpy as np
import pytest

from wan_r1.tasks import family_of, make_task
from wan_r1.tasks.maze3d import Ladder, Maze3DFamily, Maze3DState
from wan_r1.tasks.maze3d.view import project, standing, step_length
from wan_r1.types import Task, Track, Verdict

GRID = (5, 5, 4)


def _task(cubes: Sequence[tuple[int, int, int]], ladders: Sequence[tuple[int, int, int]], goal) -> Task:
    state = Maze3DState(
        grid_size=GRID,
        cubes=tuple(sorted(cubes)),
        ladders=tuple(Ladder(base=base, height=3) for base in ladders),
        start=(4, 4, 0),
        goal=goal,
        skin="plain",
    )
    return Maze3DFamily().task(state)


TASK = _task(
    [(4, 4, 0), (3, 4, 0), (2, 4, 0), (4, 3, 0), (4, 2, 0), (2, 4, 3), (2, 3, 3), (2, 2, 3), (1, 2, 3), (0, 2, 3)],
    [(2, 4, 0)],
    (0, 2, 3),
)
"""Two cubes to the ladder, three rungs, two cubes and two cubes: 9 steps. A side branch leaves the start."""
WAY = [(4, 4, 0), (3, 4, 0), (2, 4, 0), (2, 4, 1), (2, 4, 2), (2, 4, 3), (2, 3, 3), (2, 2, 3), (1, 2, 3), (0, 2, 3)]

CROSSING = _task(
    [(4, 4, 0), (3, 4, 0), (2, 4, 0), (2, 3, 0), (2, 2, 0), (2, 1, 0), (2, 0, 0), (4, 4, 3)], [(4, 4, 0)], (2, 0, 0)
)
"""In the picture, the first rung of the ladder at the start is at the cube (2, 2, 0), four steps along the ground."""


def _judge(places, task: Task = TASK, copies: Sequence[int] | None = None) -> Verdict:
    """The verdict on a ball at these places (x, y, z), None where it is not seen."""
    where = np.asarray([(np.nan,) * 3 if place is None else place for place in places], dtype=float)
    return _judge_points(project(GRID, standing(where)), task, copies)


def _judge_points(points, task: Task, copies: Sequence[int] | None = None) -> Verdict:
    """The verdict on a ball at points [T, 2] of the picture, nan where it is not seen."""
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


def _slowly(way, per_step: int) -> list[tuple[float, ...]]:
    index = np.arange((len(way) - 1) * per_step + 1) / per_step
    places = np.asarray(way, dtype=float)
    return list(zip(*(np.interp(index, np.arange(len(way)), places[:, k]) for k in range(3)), strict=True))


def test_the_solution_is_solved_and_optimal() -> None:
    verdict = _judge([*WAY, WAY[-1]])
    assert (verdict.solved, verdict.optimal, verdict.progress, verdict.violations) == (True, True, 1.0, ())


@pytest.mark.parametrize("per_step", [2, 5, 12])
def test_a_slow_way_between_places_is_solved_and_optimal(per_step: int) -> None:
    verdict = _judge(_slowly(WAY, per_step))
    assert (verdict.solved, verdict.optimal) == (True, True)


def test_waiting_costs_nothing() -> None:
    assert _judge([WAY[0]] * 9 + WAY[:4] + [WAY[4]] * 7 + WAY[5:]).optimal


def test_positions_off_by_a_sixth_of_a_step_are_legal() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        shaken = np.asarray([*WAY, WAY[-1]]) + rng.uniform(-0.16, 0.16, (len(WAY) + 1, 3))
        shaken[0] = WAY[0]
        assert _judge([tuple(place) for place in shaken]).optimal


@pytest.mark.parametrize("steps", [0, 1, 4, 8])
def test_a_prefix_of_k_steps_has_progress_k_of_9(steps: int) -> None:
    verdict = _judge(WAY[: steps + 1] + [WAY[steps]] * (10 - steps))
    assert verdict.progress == pytest.approx(steps / 9)
    assert (verdict.solved, verdict.violations) == (False, ())


def test_half_a_rung_counts_half_a_step() -> None:
    assert _judge([*WAY[:4], (2, 4, 1.5), (2, 4, 1.5)]).progress == pytest.approx(3.5 / 9, abs=0.02)


def test_the_side_branch_is_legal_and_costs_progress() -> None:
    verdict = _judge([(4, 4, 0), (4, 3, 0), (4, 2, 0), (4, 2, 0)])
    assert (verdict.progress, verdict.violations) == (0.0, ())


def test_going_back_costs_progress_and_a_detour_is_not_optimal() -> None:
    assert _judge([*WAY[:6], WAY[4], WAY[3]]).progress == pytest.approx(3 / 9)
    detour = _judge([*WAY[:6], WAY[4], WAY[4], *WAY[5:]])
    assert (detour.solved, detour.optimal) == (True, False)


def test_reaching_the_goal_and_leaving_it_is_not_solved_and_costs_more_than_half() -> None:
    verdict = _judge([*WAY, WAY[-2]])
    assert not verdict.solved
    assert verdict.progress == pytest.approx(0.4 * 8 / 9)


def test_a_straight_line_through_the_air_is_off_the_road() -> None:
    line = [tuple(np.asarray(WAY[0]) + t / 12 * np.subtract(WAY[-1], WAY[0])) for t in range(13)]
    verdict = _judge(line)
    assert verdict.violations[0].kind == "off_road"
    assert verdict.progress < 0.3


def test_cutting_a_corner_through_the_air_is_off_the_road() -> None:
    verdict = _judge([*_slowly(WAY[:3], 3), *_slowly([(2, 4, 0), (2, 2, 3)], 6), *_slowly(WAY[7:], 3)])
    assert verdict.violations[0].kind == "off_road"
    assert verdict.progress < 0.4


def test_walking_half_a_cube_beside_the_road_is_off_the_road() -> None:
    aside = [(x + 0.6, y - 0.6, z) for x, y, z in WAY[3:]]
    assert _kinds(_judge([*WAY[:3], *aside]))[0] == ("off_road", 3)


def test_a_jump_to_the_goal_is_a_teleport() -> None:
    verdict = _judge([WAY[0]] * 6 + [WAY[-1]] * 6)
    assert _kinds(verdict) == [("teleport", 6)]
    assert verdict.progress == 0


def test_a_video_that_does_not_begin_at_the_start_is_a_teleport() -> None:
    assert _kinds(_judge(WAY[3:] + [WAY[-1]] * 3))[0] == ("teleport", 0)


def test_the_crossing_is_one_in_the_picture_only() -> None:
    rung, cube = project(GRID, standing(np.asarray([(4, 4, 1), (2, 2, 0)]))) * 80
    assert np.hypot(*(rung - cube)) < 1.5
    ground = [(4, 4, 0), (3, 4, 0), (2, 4, 0), (2, 3, 0), (2, 2, 0), (2, 1, 0), (2, 0, 0)]
    assert _judge(_slowly(ground, 4), CROSSING).optimal
    assert _judge([*_slowly([(4, 4, 0), (4, 4, 2), (4, 4, 0)], 4), *_slowly(ground, 4)], CROSSING).solved


@pytest.mark.parametrize("per_step", [1, 2, 6, 12])
def test_changing_to_a_far_branch_where_the_two_cross_in_the_picture_is_caught(per_step: int) -> None:
    climb, walk = _slowly([(4, 4, 0), (4, 4, 1)], per_step), _slowly([(2, 2, 0), (2, 1, 0), (2, 0, 0)], per_step)
    verdict = _judge([*climb, *walk, (2, 0, 0), (2, 0, 0)], CROSSING)
    assert verdict.violations[0].kind == "off_road"
    assert not verdict.solved
    assert verdict.progress == 0  # the first rung leads away from the goal


def test_a_fast_but_steady_video_is_legal() -> None:
    assert _judge([*WAY[::2], WAY[-1], *[WAY[-1]] * 4]).optimal


def test_a_blink_of_two_frames_is_forgiven_and_three_are_not() -> None:
    assert _judge([*WAY[:4], None, None, *WAY[4:]]).solved
    assert _kinds(_judge([*WAY[:4], None, None, None, *WAY[4:]])) == [("agent_lost", 4)]


def test_an_agent_that_moves_far_while_unseen_breaks_a_rule() -> None:
    verdict = _judge([*WAY[:4], None, *WAY[9:], WAY[-1], WAY[-1]])
    assert [violation.frame for violation in verdict.violations] == [4, 5]  # lost on the way, and then too far
    assert verdict.progress == pytest.approx(3 / 9)


@pytest.mark.parametrize("seed", [40, 41, 45, 47, 48, 49, 50])
@pytest.mark.parametrize(("pace", "unseen"), [(1, 2), (2, 0)])
def test_a_flight_to_a_place_near_in_the_picture_is_no_way_along_the_road(seed: int, pace: int, unseen: int) -> None:
    task = make_task("maze3d", seed=seed, level="tiny")
    unit, way = step_length(task.state.grid_size), task.solution.points
    shown = np.linalg.norm(way[:, None] - way[None], axis=2) / unit
    skipped = np.arange(len(way))[None] - np.arange(len(way))[:, None]
    start, end = np.unravel_index(np.where(shown < 2, skipped - shown, 0).argmax(), skipped.shape)
    assert skipped[start, end] - shown[start, end] > 2.3
    before = way[start::-pace][::-1]
    points = np.concatenate([way[:1], before, np.full((unseen, 2), np.nan), way[end::pace], way[-1:].repeat(6, axis=0)])
    assert not _judge_points(points, task).solved


def test_a_ball_that_is_not_seen_in_the_last_frame_has_not_stayed() -> None:
    assert _kinds(_judge([*WAY, WAY[-1], None])) == [("agent_lost", 11)]


def test_two_balls_in_two_frames_are_an_extra_agent() -> None:
    copies = [1] * 11
    copies[6] = 2
    assert _judge([*WAY, WAY[-1]], copies=copies).solved
    copies[7] = 2
    verdict = _judge([*WAY, WAY[-1]], copies=copies)
    assert _kinds(verdict) == [("extra_agent", 6)]
    assert verdict.progress == pytest.approx(5 / 9)


@pytest.mark.parametrize("places", [[None], [WAY[0]], [WAY[-1]], [None] * 9, [(-30.0, 40.0, 2.0)] * 5])
def test_strange_tracks_are_never_solved_and_have_finite_progress(places) -> None:
    verdict = _judge(places)
    assert not verdict.solved
    assert 0 <= verdict.progress <= 1
