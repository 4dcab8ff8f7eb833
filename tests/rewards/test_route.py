"""Routes of the same way are the same whatever their timing; those of other ways differ."""

import itertools

import numpy as np
import pytest

from wan_r1.rewards import MixReward, PaperReward, TrajectoryReward
from wan_r1.rewards.route import num_distinct
from wan_r1.tasks import family_of, make_task
from wan_r1.types import Path

TASK = make_task("maze", seed=5, level="tiny")
REWARD = TrajectoryReward()


def video_of(points, num_frames=17, hold=0):
    walked = family_of(TASK).render(TASK, Path(points=points, unit="image"), num_frames - hold, 80)
    return np.concatenate([walked, walked[-1:].repeat(hold, axis=0)])


def route(video, reward=REWARD):
    found = reward(TASK, video).route
    assert found is not None
    return found


def test_the_same_way_in_another_time_or_with_noise_is_one_route():
    points = TASK.solution.points[:9]
    rng = np.random.default_rng(0)
    noisy = video_of(points).astype(np.int64) + rng.integers(-12, 13, size=(17, 80, 80, 3))
    videos = [video_of(points), video_of(points, hold=8), video_of(points, 33), noisy.clip(0, 255).astype(np.uint8)]
    assert num_distinct([route(video) for video in videos]) == 1


def test_each_length_of_the_way_is_another_route():
    points = TASK.solution.points
    routes = [route(video_of(points[: n + 1])) for n in range(1, len(points))]
    assert num_distinct(routes) == len(points) - 1


def test_other_ways_of_the_same_length_are_other_routes():
    start = TASK.solution.points[0]
    cell = np.abs(np.diff(TASK.solution.points, axis=0)).max()
    steps = [np.array([0, -cell]), np.array([-cell, 0])]  # through walls or not: a route is no verdict
    ways = [start + np.cumsum([(0, 0), *moves], axis=0) for moves in itertools.product(steps, repeat=2)]
    routes = [route(video_of(way.astype(np.float32))) for way in ways]
    assert num_distinct(routes) == 4


def test_a_still_agent_and_an_agent_that_is_never_seen_have_routes_of_their_own():
    still = video_of(TASK.solution.points[:1].repeat(2, axis=0))
    blank = np.full_like(still, 255)
    assert route(blank) == ()
    assert num_distinct([route(still), route(blank), route(blank), route(video_of(TASK.solution.points))]) == 3


@pytest.mark.parametrize(
    "reward", [PaperReward(), MixReward(rewards={"a": PaperReward(), "b": REWARD}, weights={"a": 0.5, "b": 0.5})]
)
def test_other_rewards_give_the_same_route(reward):
    video = video_of(TASK.solution.points)
    assert route(video, reward) == route(video)
