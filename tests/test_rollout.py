import time
from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
import pytest
import torch

from wan_r1.clock import Clock
from wan_r1.errors import ConfigError
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.rewards import ScorePool
from wan_r1.rollout import collect, group_plan
from wan_r1.types import Score

CPS = SamplerSettings(num_steps=4)
ODE = SamplerSettings(num_steps=4, kernel="ode", noise_level=0.0, sde_steps=())


@pytest.fixture
def policy(load_tiny):
    return load_tiny()


@pytest.fixture
def scorer(brightness):
    return ScorePool(brightness, 0)


def states_of(batches) -> torch.Tensor:
    return torch.cat([batch.trace.latents for batch in batches])


def starts_of(batches) -> torch.Tensor:
    """Start noise [B, C, F - 1, h, w] of each video; the clean first frame is left out."""
    return torch.cat([batch.trace.at(0)[:, :, 1:] for batch in batches])


def test_the_noise_of_a_video_does_not_depend_on_the_batch_it_is_in(policy, maze_source, scorer):
    tasks = maze_source.tasks(0, 3)
    by_size = [
        states_of(collect(policy, tasks, scorer, CPS, group_size=4, batch_size=size, seed=5)) for size in (1, 5, 12)
    ]
    for states in by_size[1:]:
        torch.testing.assert_close(states, by_size[0], rtol=1e-4, atol=1e-4)


def test_the_noise_of_a_video_depends_on_the_number_of_its_task_only(policy, maze_source, scorer):
    tasks = maze_source.tasks(0, 3)
    together = collect(policy, tasks, scorer, CPS, group_size=2, batch_size=2, seed=5)
    alone = collect(policy, tasks[2:], scorer, CPS, group_size=2, batch_size=2, seed=5, first_task=2)
    torch.testing.assert_close(together[2].trace.latents, alone[0].trace.latents, rtol=1e-5, atol=1e-5)
    assert np.abs(together[2].videos.astype(int) - alone[0].videos).max() <= 1


def test_the_same_seed_gives_the_same_videos_and_another_one_others(policy, maze_source, scorer):
    tasks = maze_source.tasks(0, 2)
    first, again, other = (
        states_of(collect(policy, tasks, scorer, CPS, group_size=2, seed=seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(("noises", "groups"), [(1, [0, 0, 0, 0]), (2, [0, 0, 1, 1]), (4, [0, 1, 2, 3])])
def test_a_group_has_as_many_start_noises_as_asked_for(policy, maze_source, scorer, noises, groups):
    batches = collect(policy, maze_source.tasks(0, 2), scorer, CPS, group_size=4, noises_per_group=noises)
    starts = starts_of(batches)
    for first in (0, 4):
        found = [[bool(torch.equal(a, b)) for a in starts[first : first + 4]] for b in starts[first : first + 4]]
        assert found == [[a == b for a in groups] for b in groups]
    assert not torch.equal(starts[0], starts[4])


def test_videos_with_one_start_noise_differ_by_their_steps(policy, maze_source, scorer):
    (batch,) = collect(policy, maze_source.tasks(0, 1), scorer, CPS, group_size=3)
    results = [result.numpy().tobytes() for result in batch.trace.result]
    assert len(set(results)) == 3


def test_videos_of_the_ode_with_one_start_noise_are_equal(policy, maze_source, scorer):
    (batch,) = collect(policy, maze_source.tasks(0, 1), scorer, ODE, group_size=2)
    torch.testing.assert_close(batch.trace.result[0], batch.trace.result[1], rtol=0, atol=1e-5)


def test_rollouts_come_task_by_task_with_their_scores(policy, maze_source, scorer, brightness):
    tasks = maze_source.tasks(0, 3)
    batches = collect(policy, tasks, scorer, CPS, group_size=2, batch_size=4)
    assert [len(batch) for batch in batches] == [4, 2]
    assert [batch.task_index.tolist() for batch in batches] == [[0, 0, 1, 1], [2, 2]]
    rollouts = [rollout for batch in batches for rollout in batch]
    assert [rollout.task.seed for rollout in rollouts] == [task.seed for task in tasks for _ in range(2)]
    for rollout in rollouts:
        assert rollout.video.shape == (5, 32, 32, 3)
        assert rollout.video.dtype == np.uint8
        assert rollout.score == brightness(rollout.task, rollout.video)
        assert rollout.trace.batch_size == 1


def test_the_clean_first_frame_of_each_task_stays_in_its_videos(policy, maze_source, scorer):
    tasks = maze_source.tasks(0, 2)
    (batch,) = collect(policy, tasks, scorer, CPS, group_size=2, keep="all")
    expected = policy.encode([tasks[0], tasks[0], tasks[1], tasks[1]]).first_latents
    for state in range(5):
        torch.testing.assert_close(batch.trace.at(state)[:, :, :1], expected)


@pytest.mark.parametrize(("keep", "stored"), [("result", (4,)), ("needed", (0, 1, 2, 4)), ("all", (0, 1, 2, 3, 4))])
def test_a_trace_keeps_what_is_asked_for(policy, maze_source, scorer, keep, stored):
    (batch,) = collect(policy, maze_source.tasks(0, 1), scorer, CPS, keep=keep)
    assert batch.trace.stored == stored


def test_the_clock_counts_each_phase(policy, maze_source, scorer):
    clock = Clock()
    collect(policy, maze_source.tasks(0, 1), scorer, CPS, clock=clock)
    seconds = clock.take()
    assert set(seconds) == {"seconds/encode", "seconds/sample", "seconds/decode", "seconds/score_wait"}
    assert min(seconds.values()) >= 0
    assert clock.take() == {}


def test_scores_that_are_computed_here_count_as_waiting(policy, maze_source):
    def slow(task, video):
        time.sleep(0.02)
        return Score(value=0.0, parts={})

    clock = Clock()
    collect(policy, maze_source.tasks(0, 1), ScorePool(slow, 0), CPS, group_size=2, clock=clock)
    assert clock.take()["seconds/score_wait"] >= 0.04


class LateScorer:
    """Answers when the last batch has come, and notes what it was given."""

    def __init__(self, scorer: ScorePool, num_batches: int) -> None:
        self.scorer, self.num_batches = scorer, num_batches
        self.waiting: list[tuple[Future, Sequence, Sequence]] = []

    def submit(self, tasks, videos):
        future: Future = Future()
        self.waiting.append((future, tasks, videos))
        if len(self.waiting) == self.num_batches:
            for each, its_tasks, its_videos in reversed(self.waiting):
                each.set_result(self.scorer.submit(its_tasks, its_videos).result())
        return future


def test_batches_are_scored_while_the_next_ones_are_sampled(policy, maze_source, scorer):
    late = LateScorer(scorer, 3)  # waiting for each batch before the next one would never end
    found = collect(policy, maze_source.tasks(0, 3), late, CPS, group_size=2, batch_size=2)
    expected = collect(policy, maze_source.tasks(0, 3), scorer, CPS, group_size=2, batch_size=2)
    assert [batch.scores for batch in found] == [batch.scores for batch in expected]


class BrokenReward:
    def __call__(self, task, video):
        raise ZeroDivisionError("a bug in the reward")


def test_a_reward_that_raises_stops_the_collection(policy, maze_source):
    with pytest.raises(ZeroDivisionError, match="a bug in the reward"):
        collect(policy, maze_source.tasks(0, 1), ScorePool(BrokenReward(), 0), CPS)


@pytest.mark.parametrize("noises", [0, 3, 5])
def test_start_noises_that_do_not_divide_the_group_are_refused(noises):
    with pytest.raises(ConfigError, match=rf"noises_per_group = {noises}: must divide group_size = 4"):
        group_plan(range(2), 4, noises, 0)


def test_no_two_videos_share_the_noise_of_their_steps():
    plan = group_plan(range(20), 16, 1, 0) + group_plan(range(20), 16, 1, 1)
    assert len({place.step_seed for place in plan}) == 640
    assert len({place.start_seed for place in plan}) == 40
