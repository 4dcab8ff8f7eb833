"""The adversarial search: it finds the holes of VR-Bench's metrics and none in ours, and leaves legal walks alone."""

from dataclasses import replace

import numpy as np
import pytest

from wan_r1.errors import ConfigError
from wan_r1.rewards import PaperReward, ScorePool, TrajectoryReward
from wan_r1.rewards.edits import Edit, apply_edits, canvas_of, changed_edits, random_edit
from wan_r1.rewards.search import MAX_EARNED, search, shown_track, without_ghosts
from wan_r1.tasks import family_of, make_task
from wan_r1.types import Box

TASK = make_task("maze", seed=3)
AGENT, GOAL = TASK.objects["agent"], TASK.goals[0]
PASTE = Edit(
    kind="paste",
    source=AGENT,
    ground=Box(x=0, y=0, width=0.1, height=0.1),
    places=(GOAL.center,),
    glide=False,
    first=4,
    last=17,
    scale=1.0,
    opacity=1.0,
    round=False,
    color=(0, 0, 255),
)
SOLUTION = tuple((float(x), float(y)) for x, y in TASK.solution.points)


def _earned(*edits: Edit) -> float:
    canvas = canvas_of(TASK)
    track = shown_track(TASK, canvas, apply_edits(canvas, edits, 17)[1])
    return family_of(TASK).judge(TASK, track).progress


def test_no_edit_is_the_frozen_video_with_the_agent_at_its_start() -> None:
    canvas = canvas_of(TASK)
    video, labels = apply_edits(canvas, (), 3)
    track = shown_track(TASK, canvas, labels)
    assert np.array_equal(video, np.repeat(TASK.first_frame[None], 3, axis=0))
    assert track.copies.tolist() == [[1, 1, 1]]
    assert np.abs(track.of("agent") - AGENT.center).max() < 0.01


def test_a_pasted_agent_is_a_second_one_and_a_moved_one_is_the_only_one() -> None:
    canvas = canvas_of(TASK)
    ground = Box(x=SOLUTION[1][0] - AGENT.width / 2, y=SOLUTION[1][1] - AGENT.height / 2, width=0.1, height=0.1)
    moved = replace(PASTE, kind="move", ground=ground)
    for edit, copies in ((PASTE, 2), (moved, 1)):
        track = shown_track(TASK, canvas, apply_edits(canvas, (edit,), 17)[1])
        assert track.copies[0, [0, 3, 4, 16]].tolist() == [1, 1, copies, copies]
    assert np.abs(track.of("agent")[-1] - GOAL.center).max() < 0.01


@pytest.mark.parametrize(("last", "ghost"), [(6, True), (17, False)])
def test_a_second_agent_for_a_few_frames_makes_no_legal_way_illegal(last: int, ghost: bool) -> None:
    canvas = canvas_of(TASK)
    track = shown_track(TASK, canvas, apply_edits(canvas, (replace(PASTE, last=last),), 17)[1])
    assert track.copies.max() == 2
    assert without_ghosts(track).copies.max() == (1 if ghost else 2)


def test_paint_in_the_colour_of_the_agent_is_an_agent() -> None:
    red = tuple(int(v) for v in TASK.sprites["agent"].rgb[4, 4])
    canvas = canvas_of(TASK)
    for color, copies in ((red, 2), ((0, 0, 255), 1)):
        edit = replace(PASTE, kind="recolour", color=color)
        assert shown_track(TASK, canvas, apply_edits(canvas, (edit,), 17)[1]).copies[0, -1] == copies


def test_an_agent_that_is_moved_along_the_solution_has_earned_it_and_is_left_out() -> None:
    walk = replace(PASTE, kind="move", places=SOLUTION, glide=True, first=0, last=17)
    assert _earned(walk) > 0.9
    assert _earned(replace(walk, places=(GOAL.center,))) <= MAX_EARNED
    assert _earned(replace(walk, kind="erase")) <= MAX_EARNED


def test_edits_change_one_thing_at_a_time_and_stay_inside_the_video() -> None:
    rng = np.random.default_rng(0)
    edits = tuple(random_edit(TASK, 17, rng) for _ in range(2))
    for _ in range(200):
        after = changed_edits(edits, TASK, 17, rng)
        assert abs(len(after) - len(edits)) <= 1
        assert 1 <= len(after) <= 5
        assert all(0 <= edit.first < edit.last <= 17 for edit in after)
        edits = after
    assert apply_edits(canvas_of(TASK), edits, 17)[0].shape == (17, *TASK.first_frame.shape)


def test_the_holes_of_vr_benchs_metrics_are_found_and_ours_has_none() -> None:
    with ScorePool(PaperReward(), workers=0) as pool:
        hole = search(pool, TASK, 17, 96)
    with ScorePool(TrajectoryReward(), workers=0) as pool:
        ours = search(pool, TASK, 17, 96)
    assert hole.score.value > 0.4
    assert ours.score.value <= 0.2
    assert hole.num_scored == ours.num_scored == 96
    assert PaperReward()(TASK, hole.video) == hole.score


@pytest.mark.slow
def test_a_search_does_not_depend_on_the_number_of_workers() -> None:
    found = []
    for workers in (0, 2):
        with ScorePool(PaperReward(), workers) as pool:
            found.append(search(pool, TASK, 9, 40, seed=2))
    assert found[0].edits == found[1].edits
    assert found[0].score == found[1].score


def test_a_search_for_nothing_is_refused() -> None:
    with ScorePool(TrajectoryReward(), workers=0) as pool, pytest.raises(ConfigError, match="0 edits"):
        search(pool, TASK, 17, 0)
