"""The rules of sokoban, on tracks written by hand."""

import numpy as np
import pytest

from wan_r1.tasks import family_of
from wan_r1.tasks.sokoban import SokobanFamily, SokobanState
from wan_r1.types import Task, Track, Verdict

ROOM = (
    "########",
    "#......#",
    "#.A....#",
    "#..B..T#",
    "#......#",
    "#...#..#",
    "########",
)
"""The agent goes down, left of the box (1 move), then pushes it 3 times to the right."""


def _task(*rows: str) -> Task:
    codes = np.asarray([list(row) for row in rows])
    places = {mark: [(int(r), int(c)) for r, c in np.argwhere(codes == mark)] for mark in "ABT"}
    state = SokobanState(
        grid=(codes == "#").astype(np.int8),
        start=places["A"][0],
        boxes=tuple(places["B"]),
        targets=tuple(places["T"]),
        skin="plain",
    )
    return SokobanFamily(level="easy").task(state)


TASK = _task(*ROOM)
WAY = [((2, 2), (3, 3)), ((3, 2), (3, 3)), ((3, 3), (3, 4)), ((3, 4), (3, 5)), ((3, 5), (3, 6))]
"""Agent and box after each move of the solution."""


def _judge(places, copies=None, task: Task = TASK) -> Verdict:
    """The verdict on objects at these (row, col) places per frame, agent first; None where one is not seen."""
    num = len(task.objects)
    cells = np.asarray([[(np.nan, np.nan) if p is None else p for p in frame] for frame in places], dtype=float)
    points = (cells[..., ::-1] + 0.5) / task.state.grid.shape[::-1]
    points = points.reshape(len(places), num, 2).swapaxes(0, 1)
    seen = np.isfinite(points[..., 0])
    track = Track(
        objects=tuple(task.objects),
        points=points.astype(np.float32),
        seen=seen,
        copies=seen.astype(int) if copies is None else np.asarray(copies),
        scores=seen.astype(np.float32),
        unit="image",
    )
    return family_of(task).judge(task, track)


def _kinds(verdict: Verdict) -> list[tuple[str, int]]:
    return [(violation.kind, violation.frame) for violation in verdict.violations]


def _between(frames, per_move: int):
    """The same motion with `per_move` frames for each move."""
    cells = np.asarray(frames, dtype=float)
    way = np.arange((len(cells) - 1) * per_move + 1) / per_move
    low, share = way.astype(int), (way % 1)[:, None, None]
    high = np.minimum(low + 1, len(cells) - 1)
    return cells[low] * (1 - share) + cells[high] * share


def test_the_solution_has_4_moves_of_which_3_are_pushes() -> None:
    assert len(TASK.solution.points) == 4 + 1


def test_the_solution_is_solved_and_optimal() -> None:
    verdict = _judge([*WAY, WAY[-1]])
    assert (verdict.solved, verdict.optimal, verdict.progress) == (True, True, 1.0)


@pytest.mark.parametrize("per_move", [2, 3, 7, 12])
def test_a_slow_push_is_solved_and_optimal(per_move: int) -> None:
    verdict = _judge(_between(WAY, per_move))
    assert (verdict.solved, verdict.optimal, verdict.violations) == (True, True, ())


@pytest.mark.parametrize(
    "frames",
    [
        [((1, 4), (2, 4)), ((2, 4), (3, 4)), ((2, 5), (3, 4)), ((3, 5), (3, 4)), ((3, 4), (3, 3))],
        [((2, 5), (2, 4)), ((2, 4), (2, 3)), ((1, 4), (2, 3)), ((1, 3), (2, 3)), ((2, 3), (3, 3))],
    ],
    ids=["down, then left", "left, then down"],
)
def test_every_optimal_way_is_optimal(frames) -> None:
    task = _task("#######", "#....A#", "#...B.#", "#..T..#", "#.....#", "#######")
    assert _judge([((1, 5), (2, 4)), *frames], task=task).optimal


def test_more_pushes_than_needed_are_solved_but_not_optimal() -> None:
    task = _task("########", "#......#", "#......#", "#.AB.T.#", "#......#", "########")
    frames = [
        ((3, 2), (3, 3)),
        ((4, 2), (3, 3)),
        ((4, 3), (3, 3)),
        ((3, 3), (2, 3)),
        ((3, 2), (2, 3)),
        ((2, 2), (2, 3)),
    ]
    frames += [((2, 3), (2, 4)), ((2, 4), (2, 5)), ((1, 4), (2, 5)), ((1, 5), (2, 5)), ((2, 5), (3, 5))]
    verdict = _judge(frames, task=task)
    assert (verdict.solved, verdict.optimal) == (True, False)


def test_waiting_costs_nothing() -> None:
    assert _judge([WAY[0]] * 4 + WAY[:3] + [WAY[2]] * 5 + WAY[3:] + [WAY[-1]] * 3).optimal


def test_a_detour_of_the_agent_is_solved_but_not_optimal() -> None:
    verdict = _judge([WAY[0], ((2, 1), (3, 3)), ((3, 1), (3, 3)), *WAY[1:]])
    assert (verdict.solved, verdict.optimal) == (True, False)


def test_walking_off_after_the_last_push_is_solved_but_not_optimal() -> None:
    verdict = _judge([*WAY, ((3, 4), (3, 6)), ((3, 3), (3, 6))])
    assert (verdict.solved, verdict.optimal, verdict.progress) == (True, False, 1.0)


def test_positions_off_by_a_fifth_of_a_cell_are_legal() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        shaken = _between(WAY, 2) + rng.uniform(-0.2, 0.2, (9, 2, 2))
        shaken[0] = WAY[0]
        assert _judge(shaken).optimal


@pytest.mark.parametrize("moves", range(4))
def test_a_prefix_of_k_moves_has_progress_k_of_4(moves: int) -> None:
    verdict = _judge(WAY[: moves + 1] + [WAY[moves]] * (6 - moves))
    assert verdict.progress == pytest.approx(moves / 4)
    assert not verdict.solved
    assert not verdict.violations


def test_a_box_pushed_into_a_corner_is_legal_and_has_no_progress() -> None:
    task = _task("######", "#.T..#", "#....#", "#.B..#", "#.A..#", "######")
    frames = [((4, 2), (3, 2)), ((4, 3), (3, 2)), ((3, 3), (3, 2)), ((3, 2), (3, 1))]
    verdict = _judge(frames, task=task)
    assert (verdict.progress, verdict.violations) == (0.0, ())


def test_pushing_the_box_over_the_target_is_not_solved_and_costs_progress() -> None:
    task = _task("########", "#......#", "#AB.T..#", "#......#", "########")
    frames = [((2, c), (2, c + 1)) for c in (1, 2, 3)]
    assert _judge(frames, task=task).optimal
    verdict = _judge([*frames, ((2, 4), (2, 5))], task=task)
    assert not verdict.solved
    assert verdict.progress == 0.0


# ------------------------------------------------------------------------------------------------- broken rules


def test_a_box_that_moves_alone_is_named() -> None:
    verdict = _judge([((2, 2), box) for _, box in WAY])
    assert _kinds(verdict)[0] == ("box_moved_alone", 2)
    assert verdict.progress == 0


def test_a_box_that_slides_slowly_alone_is_named() -> None:
    frames = _between(WAY, 8)
    frames[:, 0] = (2, 2)
    verdict = _judge(frames)
    assert _kinds(verdict)[0][0] == "box_moved_alone"
    assert verdict.progress == 0


def test_an_agent_that_walks_into_a_box_that_stays_overlaps_it() -> None:
    verdict = _judge([(agent, (3, 3)) for agent, _ in WAY])
    assert _kinds(verdict)[0] == ("box_overlap", 2)
    assert verdict.progress == pytest.approx(1 / 4)


def test_an_agent_that_hops_over_a_box_overlaps_it() -> None:
    frames = [((3, 1), (3, 3)), ((3, 2), (3, 3)), ((3, 4), (3, 3)), ((3, 5), (3, 3))]
    task = _task("#######", "#.....#", "#.....#", "#A.B.T#", "#.....#", "#######")
    verdict = _judge(frames, task=task)
    assert _kinds(verdict)[0][1] == 2
    assert _kinds(verdict)[0][0] in ("box_overlap", "teleport")


def test_a_pulled_box_is_named() -> None:
    task = _task("########", "#......#", "#T.BA..#", "#......#", "########")
    pulled = [((2, 4), (2, 3)), ((2, 5), (2, 4)), ((2, 6), (2, 5))]
    assert _kinds(_judge(pulled, task=task))[0] == ("box_moved_alone", 1)
    slow = _judge(_between(pulled, 10), task=task)
    assert _kinds(slow)[0][0] == "box_moved_alone"
    assert _kinds(slow)[0][1] <= 6


def test_a_push_that_is_taken_back_is_a_pull() -> None:
    for per_move in (1, 4, 12):
        frames = _between([*WAY[:4], *WAY[:3][::-1]], per_move)
        verdict = _judge(frames)
        assert _kinds(verdict)[0][0] == "box_moved_alone"
        assert verdict.progress <= 3 / 4


def test_a_box_that_jumps_to_the_target_is_a_teleport() -> None:
    assert _kinds(_judge([WAY[0], WAY[1], *[((3, 3), (3, 6))] * 3]))[0] == ("teleport", 2)


def test_an_agent_that_jumps_is_a_teleport() -> None:
    assert _kinds(_judge([WAY[0]] * 3 + [((3, 5), (3, 3))] * 3))[0] == ("teleport", 3)


def test_agent_and_box_that_jump_to_the_end_are_a_teleport() -> None:
    verdict = _judge([WAY[0]] * 6 + [WAY[-1]] * 6)
    assert _kinds(verdict)[0] == ("teleport", 6)
    assert verdict.progress == 0


def test_an_agent_or_a_box_in_a_wall_is_named() -> None:
    frames = [((2, 2), (3, 3)), ((1, 2), (3, 3)), ((0, 2), (3, 3))]
    assert _kinds(_judge(frames))[0] == ("through_wall", 2)
    assert _kinds(_judge([*WAY, ((3, 6), (3, 7))]))[0] == ("through_wall", 5)


def test_a_box_moved_diagonally_is_named() -> None:
    frames = [WAY[0], WAY[1], ((3, 2), (2.5, 3.5)), ((3, 2), (2, 4))]
    assert _kinds(_judge(frames))[0] == ("box_moved_alone", 2)


def test_pushing_half_a_cell_beside_the_box_is_no_push() -> None:
    aside = [WAY[0], *[((row + 0.5, col), box) for (row, col), box in WAY[1:]]]
    verdict = _judge(_between(aside, 2))
    assert not verdict.solved
    assert verdict.violations


def test_a_lost_box_or_agent_is_named_and_two_frames_are_forgiven() -> None:
    blink = [*WAY[:2], (WAY[2][0], None), (None, WAY[2][1]), *WAY[2:]]
    assert _judge(blink).solved
    gone = [*WAY[:2], *[(agent, None) for agent, _ in WAY[2:]]]
    assert _kinds(_judge(gone)) == [("agent_lost", 2)]
    assert not _judge([*WAY, (WAY[-1][0], None)]).solved


def test_a_second_agent_or_box_is_an_extra_agent() -> None:
    for row in (0, 1):
        copies = np.ones((2, 7), dtype=int)
        copies[row, 3] = 2
        frames = [*WAY, WAY[-1], WAY[-1]]
        assert _judge(frames, copies).solved
        copies[row, 4] = 2
        assert _kinds(_judge(frames, copies)) == [("extra_agent", 3)]


def test_a_video_that_does_not_begin_at_the_start_is_not_solved() -> None:
    assert _kinds(_judge(WAY[2:] + [WAY[-1]] * 3))[0] == ("teleport", 0)


def test_a_blink_does_not_hide_a_walk_through_the_box() -> None:
    task = _task("#######", "#.....#", "#.....#", "#AB.T.#", "#.....#", "#######")
    frames = [((3, 1), (3, 2)), (None, (3, 2)), (None, (3, 2)), ((3, 3), (3, 2))]
    assert _judge(frames, task=task).violations


@pytest.mark.parametrize("frames", [[(None, None)], [WAY[0]], [WAY[-1]], [(None, None)] * 9, [((-3, 40), (3, 3))] * 5])
def test_strange_tracks_are_never_solved_and_have_finite_progress(frames) -> None:
    verdict = _judge(frames)
    assert not verdict.solved
    assert 0 <= verdict.progress <= 1


# ------------------------------------------------------------------------------------------------- several boxes

TWO = ("#######", "#.T.T.#", "#.....#", "#.B.B.#", "#.A...#", "#######")


def _two() -> tuple[Task, list]:
    first = [((4, 2), (3, 2), (3, 4)), ((3, 2), (2, 2), (3, 4)), ((2, 2), (1, 2), (3, 4))]
    walk = [((3, 2), (1, 2), (3, 4)), ((4, 2), (1, 2), (3, 4)), ((4, 3), (1, 2), (3, 4)), ((4, 4), (1, 2), (3, 4))]
    return _task(*TWO), [*first, *walk, ((3, 4), (1, 2), (2, 4)), ((2, 4), (1, 2), (1, 4))]


def test_two_boxes_on_their_targets_are_solved_and_optimal() -> None:
    task, frames = _two()
    assert len(task.solution.points) == len(frames)
    verdict = _judge(frames, task=task)
    assert (verdict.solved, verdict.optimal) == (True, True)
    assert not _judge(frames[:-1], task=task).solved


def test_boxes_that_swap_names_change_nothing() -> None:
    task, frames = _two()
    assert _judge([(agent, b, a) for agent, a, b in frames], task=task).violations == ()


def test_pushing_two_boxes_at_once_is_against_the_rules() -> None:
    task = _task("########", "#......#", "#ABB.T.#", "#....T.#", "########")
    frames = [((2, 1), (2, 2), (2, 3)), ((2, 2), (2, 3), (2, 4))]
    assert _judge(frames, task=task).violations[0].frame == 1


def test_a_box_pushed_onto_another_overlaps_it() -> None:
    task = _task("########", "#......#", "#AB.B.T#", "#.....T#", "########")
    frames = [((2, 1), (2, 2), (2, 4)), ((2, 2), (2, 3), (2, 4)), ((2, 3), (2, 4), (2, 4))]
    assert _kinds(_judge(frames, task=task))[0] == ("box_overlap", 2)


def test_a_box_that_is_drawn_back_inside_a_push_has_moved_alone() -> None:
    start, pushed = np.asarray(WAY[1], float), np.asarray(WAY[2], float)
    shares = [0, 0.2, 0.4, 0.6, 0.4, 0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    frames = [WAY[0], *[start + share * (pushed - start) for share in shares], *_between(WAY[2:], 4)[1:]]
    verdict = _judge(frames)
    assert _kinds(verdict)[0] == ("box_moved_alone", 6)
    assert not verdict.solved


def test_a_push_that_trembles_is_a_push() -> None:
    start, pushed = np.asarray(WAY[1], float), np.asarray(WAY[2], float)
    shares = [0, 0.3, 0.2, 0.5, 0.4, 0.6, 0.8, 1.0]
    frames = [WAY[0], *[start + share * (pushed - start) for share in shares], *_between(WAY[2:], 4)[1:]]
    assert _judge(frames).solved


@pytest.mark.parametrize(("air", "solved"), [(0.0, True), (0.2, True), (0.35, False)])
def test_a_box_that_keeps_away_from_the_agent_is_not_pushed(air: float, solved: bool) -> None:
    frames = _between(WAY, 5)
    frames[6:-1, 1, 1] += air
    frames[:, 1, 1] = np.minimum(frames[:, 1, 1], 6)
    assert _judge(frames).solved == solved


@pytest.mark.parametrize("per_move", [1, 3, 12])
def test_a_push_that_only_the_box_finishes_is_none(per_move: int) -> None:
    frames = _between(WAY, per_move)
    half = np.asarray([(3, 4.52), (3, 6)])
    back = np.asarray([(3, 4), (3, 6)])
    assert _judge([*frames, frames[-1], frames[-1]]).solved
    assert ("box_moved_alone", len(frames) - per_move) in _kinds(_judge([*frames[:-per_move], half, back, back]))


def test_a_quick_agent_may_have_turned_back_between_two_frames() -> None:
    pushed_and_back = [((3, 4.5), (3, 6)), ((3, 4), (3, 6))]
    fast = [((2, 2), (3, 3)), ((3, 3), (3, 4)), ((3, 4.6), (3, 5.6))]
    assert _kinds(_judge([*_between(WAY, 2)[:-2], *pushed_and_back])) == [("box_moved_alone", 7)]
    assert _judge([*fast, ((3, 5), (3, 6)), ((3, 4.4), (3, 6)), ((3, 4.4), (3, 6))]).solved


def test_an_agent_in_a_box_or_a_wall_is_seen_though_the_box_is_not() -> None:
    task = _task("#######", "#.....#", "#.....#", "#AB.T.#", "#.....#", "#######")
    around = [((3, 1), (3, 2)), ((2, 1), (3, 2)), ((2, 2), (3, 2)), ((2, 3), (3, 2)), ((3, 3), (3, 2))]
    assert not _judge(around, task=task).violations
    assert _kinds(_judge([around[0], ((3, 2), None), around[2]], task=task))[:1] == [("box_overlap", 1)]
    assert _kinds(_judge([around[0], ((2, 0), None), around[1]], task=task))[:1] == [("through_wall", 1)]
    assert not _judge([around[0], ((2, 1), None), around[2]], task=task).violations


def test_an_agent_that_pushes_from_beside_the_line_all_along_is_named() -> None:
    task = _task("#######", "#######", "#A.B.T#", "#######")
    way = [((2, 1), (2, 3)), ((2, 2), (2, 3)), ((2, 3), (2, 4)), ((2, 4), (2, 5))]
    frames = _between(way, 4)
    assert _judge([*frames, frames[-1]], task=task).solved
    frames[1:, 0, 0] += 0.3
    assert _kinds(_judge([*frames, frames[-1]], task=task)) == [("through_wall", 1)]


def test_a_box_beside_its_line_is_no_agent_in_a_wall() -> None:
    frames = _between(WAY, 4)
    frames[1:, 1, 0] += 0.3
    assert _judge([*frames, frames[-1]]).solved


@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_pushes_at_a_cell_a_frame_at_any_phase_are_solved(noise: float) -> None:
    rng = np.random.default_rng(0)
    for phase in np.linspace(0, 0.95, 20):
        at = np.clip(np.arange(0, 6) - phase, 0, 4)
        frames = _between(WAY, 20)[(at * 20).round().astype(int)]
        frames = np.concatenate([frames, frames[-1:], frames[-1:]])
        assert _judge(frames + rng.normal(0, noise, frames.shape)).solved


def test_boxes_and_agent_out_of_sight_keep_the_agents_pace() -> None:
    task = _task("########", "#A.....#", "#.####.#", "#.####.#", "#......#", "#..B.T.#", "########")
    down = _between([((row, 1), (5, 3)) for row in range(1, 5)], 4).tolist()
    right = _between([((4, col), (5, 3)) for col in range(1, 7)], 4).tolist()
    assert not _judge([*down, *right], task=task).violations
    hidden = [(None, (5, 3))] * 2
    assert not _judge([*down[:-1], *hidden, *right[2:]], task=task).violations
    assert _kinds(_judge([*down[:-6], *hidden, *right[7:]], task=task))[0] == ("teleport", len(down) - 4)
