"""The family `navigation`: rooms, reference paths, first-person pictures, verdicts."""

import numpy as np
import pytest

from wan_r1.errors import ConfigError
from wan_r1.tasks import make_family, make_task, task_seed
from wan_r1.tasks.navigation import ROBOT_RADIUS_M, clearance, draw_map, path_length, to_room
from wan_r1.tasks.navigation.solve import walked_part
from wan_r1.trackers.camera import camera_track
from wan_r1.types import Path

LEVELS = ("tiny", "easy", "medium", "hard")
TASK = make_task("navigation", seed=5)
FAMILY = make_family("navigation")


def verdict_of(task, points):
    points = np.asarray(points, np.float32)
    return FAMILY.judge(task, camera_track(points, np.ones(len(points), bool), np.ones(len(points))))


@pytest.mark.parametrize("level", LEVELS)
def test_the_reference_path_keeps_the_radius_and_turns_smoothly_and_fits_its_level(level):
    family = make_family("navigation", level=level, size=16)
    for index in range(4):
        task = family.generate(task_seed(3, index))
        path = task.solution
        assert path.unit == "metre"
        assert np.allclose(path.points[0], 0, atol=1e-5)
        assert clearance(task.state, to_room(task.state.start, path.points)).min() >= ROBOT_RADIUS_M
        assert np.degrees(np.abs(np.diff(path.headings)).max()) <= 4.0
        low, high = family.parameters.distance_m
        assert low <= path_length(path.points) <= high


def test_the_path_stops_in_front_of_the_target_and_faces_it():
    target = TASK.state.furniture[TASK.state.target]
    end = to_room(TASK.state.start, TASK.solution.points[-1:])[0]
    away = np.asarray([target.x, target.y]) - end
    facing = TASK.solution.headings[-1] + TASK.state.start[2]
    assert np.cos(np.arctan2(away[1], away[0]) - facing) > 0.99
    assert 0.6 <= np.hypot(*away) <= 1.2


def test_walking_straight_makes_things_larger_and_the_video_begins_with_the_first_frame():
    video = FAMILY.render(TASK, TASK.solution, 9, 80)
    assert video.shape == (9, 80, 80, 3)
    assert (video[0] == TASK.first_frame).all()
    assert np.abs(video[-1].astype(int) - video[0]).mean() > 5


def test_a_turn_to_the_left_moves_the_picture_to_the_right():
    points = np.zeros((2, 2), np.float32)
    path = Path(points=points, unit="metre", headings=np.asarray([0.0, np.radians(10)], np.float32))
    frames = FAMILY.render(TASK, path, 2, 80).astype(float).mean(axis=3)
    shift = round(40 / np.tan(np.radians(35)) * np.tan(np.radians(10)))
    moved = np.abs(frames[1][:, shift:] - frames[0][:, :-shift]).mean()
    assert moved < 0.6 * np.abs(frames[1] - frames[0]).mean()


def test_train_and_test_rooms_differ():
    keys = {
        side: {
            FAMILY.layout_key(make_family("navigation", split=side, size=16).generate(task_seed(1, index)))
            for index in range(6)
        }
        for side in ("train", "test")
    }
    assert len(keys["train"]) == len(keys["test"]) == 6
    assert not keys["train"] & keys["test"]


def test_prompts_are_explicit_or_implicit_as_asked():
    explicit = make_family("navigation", prompts="explicit", size=16)
    implicit = make_family("navigation", prompts="implicit", size=16)
    for index in range(6):
        task = explicit.generate(task_seed(2, index))
        assert task.state.furniture[task.state.target].kind in task.prompt
    wishes = [implicit.generate(task_seed(2, index)).prompt for index in range(6)]
    assert sum("go to the" not in wish for wish in wishes) >= 4  # where two pieces would do, the prompt names one


def test_the_reference_is_solved_and_optimal():
    verdict = verdict_of(TASK, TASK.solution.points)
    assert (verdict.solved, verdict.optimal, verdict.violations) == (True, True, ())
    assert verdict.progress > 0.9


def test_progress_grows_along_the_path_and_a_still_camera_has_none():
    points = TASK.solution.points
    progress = [verdict_of(TASK, points[: num + 1]).progress for num in (1, 30, 60, 96)]
    assert progress == sorted(progress)
    assert progress[0] < 0.1
    assert not verdict_of(TASK, points[:60]).solved


def test_a_jump_and_a_walk_through_the_wall_are_violations():
    points = TASK.solution.points
    jump = np.concatenate([points[:1].repeat(10, axis=0), points[-1:].repeat(10, axis=0)])
    assert verdict_of(TASK, jump).violations[0].kind == "teleport"
    out = np.stack([np.linspace(0, -12, 97), np.zeros(97)], axis=1)
    assert verdict_of(TASK, out).violations[0].kind == "through_wall"


def test_a_camera_that_was_not_seen_is_lost():
    track = camera_track(np.full((5, 2), np.nan), np.ones(5, bool), np.ones(5))
    verdict = FAMILY.judge(TASK, track)
    assert not verdict.solved
    assert verdict.violations[0].kind == "agent_lost"


def walk_seen_in(frames):
    """The reference path, decoded at these frames of 17 only."""
    whole = TASK.solution.points
    points = whole[np.linspace(0, len(whole) - 1, 17).round().astype(int)].copy()
    points[[frame for frame in range(17) if frame not in frames]] = np.nan
    return FAMILY.judge(TASK, camera_track(points, np.isfinite(points).all(axis=1), np.ones(17)))


@pytest.mark.parametrize("frames", [range(17), range(0, 17, 2)])
def test_a_walk_seen_in_every_other_frame_is_solved(frames):
    assert walk_seen_in(frames).solved


@pytest.mark.parametrize(
    ("frames", "frame"), [((0, 16), 1), (range(16), 16), (range(11), 11), ((*range(5), *range(8, 17)), 5)]
)
def test_a_camera_that_is_lost_on_the_way_or_at_the_end_has_not_arrived(frames, frame):
    verdict = walk_seen_in(frames)
    assert not verdict.solved
    assert not verdict.optimal
    assert [(each.kind, each.frame) for each in verdict.violations] == [("agent_lost", frame)]


def test_a_floor_plan_shows_the_path():
    plan, empty = draw_map(TASK.state, [TASK.solution.points], 200), draw_map(TASK.state, [], 200)
    assert plan.shape == (200, 200, 3)
    assert (plan != empty).any()


@pytest.mark.parametrize("wrong", [{"prompts": "rude"}, {"level": "extreme"}, {"size": 4}, {"split": "holdout"}])
def test_a_wrong_setting_is_an_error(wrong):
    with pytest.raises(ConfigError):
        make_family("navigation", **wrong)


def test_a_demonstrator_without_errors_walks_the_reference():
    task = make_task("navigation", 3, level="tiny")
    assert make_family("navigation", level="tiny").errant_walk(task, 0.0) is task.solution


def test_a_demonstrator_who_errs_ends_elsewhere_on_free_floor_and_the_same_each_time():
    family, kinds = make_family("navigation", level="tiny"), set()
    for index in range(16):
        task = family.generate(task_seed(5, index))
        way = family.errant_walk(task, 1.0)
        assert np.array_equal(way.points, family.errant_walk(task, 1.0).points)
        assert len(way.points) == len(task.solution.points)
        assert clearance(task.state, to_room(task.state.start, way.points)).min() >= ROBOT_RADIUS_M - 0.01
        track = camera_track(way.points, np.ones(len(way.points), bool), np.ones(len(way.points)))
        assert not family.judge(task, track).solved
        beside = np.hypot(*(task.solution.points - way.points[-1]).T).min()
        kinds.add("on the way" if beside < 0.02 else "another piece")
    assert kinds == {"on the way", "another piece"}


def test_a_part_of_a_path_has_its_headings_and_its_share_of_the_length():
    path = make_task("navigation", 3, level="tiny").solution
    part = walked_part(path, 0.4)
    assert path_length(part.points) == pytest.approx(0.4 * path_length(path.points), rel=1e-3)
    assert part.points[0] == pytest.approx(path.points[0])
    nearest = [np.argmin(np.hypot(*(path.points - point).T)) for point in part.points]
    assert part.headings == pytest.approx(path.headings[nearest], abs=np.radians(5))
