import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest

from wan_r1.distributed import World
from wan_r1.evaluation.evaluate import EVALUATION_SAMPLER, evaluate_policy
from wan_r1.evaluation.games import GAME_NUMBERS
from wan_r1.rewards import ScorePool
from wan_r1.tasks import make_tasks
from wan_r1.types import Score, Verdict, Violation

SAMPLER = replace(EVALUATION_SAMPLER, num_steps=2)


@dataclass
class CountingReward:
    """Judges videos by their number: 0, 2, 4 are solved, 0 and 4 also optimal, 5 has no verdict."""

    seen: int = -1

    def __call__(self, task, video):
        self.seen += 1
        solved, optimal = self.seen % 2 == 0, self.seen % 4 == 0
        violations = () if solved else (Violation(kind="teleport", frame=1), Violation(kind="through_wall", frame=2))
        verdict = Verdict(solved=solved, optimal=optimal, progress=self.seen / 10, violations=violations)
        return Score(value=0.1 * self.seen, parts={}, verdict=None if self.seen == 5 else verdict)


@pytest.fixture
def found(load_tiny, maze_source):
    return evaluate_policy(
        load_tiny(),
        maze_source.tasks(0, 3),
        ScorePool(CountingReward(), 0),
        SAMPLER,
        num_samples=2,
        batch_size=4,
        keep=2,
    )


def test_results_stand_task_by_task_and_sample_by_sample(found):
    assert found.em.tolist() == [[True, False], [False, False], [True, False]]
    assert found.sr.tolist() == [[True, False], [True, False], [True, False]]
    np.testing.assert_allclose(found.value, [[0.0, 0.1], [0.2, 0.3], [0.4, 0.5]])
    np.testing.assert_allclose(found.progress, [[0.0, 0.1], [0.2, 0.3], [0.4, 0.0]])


def test_the_numbers_are_means_over_all_videos(found):
    assert found.numbers == pytest.approx({"em": 2 / 6, "sr": 3 / 6, "progress": 1.0 / 6, "value": 0.25})


def test_pass_at_k_is_the_chance_of_an_exact_match_in_k_samples(found):
    assert found.pass_at(1).tolist() == pytest.approx([0.5, 0.0, 0.5])
    assert found.pass_at(2).tolist() == pytest.approx([1.0, 0.0, 1.0])


def test_the_first_samples_of_the_first_tasks_are_kept(found, maze_source):
    assert [rollout.task.seed for rollout in found.rollouts] == [task.seed for task in maze_source.tasks(0, 2)]
    assert [rollout.score.value for rollout in found.rollouts] == pytest.approx([0.0, 0.2])


def test_the_violations_are_those_of_the_first_sample(load_tiny, maze_source):
    found = evaluate_policy(load_tiny(), maze_source.tasks(0, 3), ScorePool(CountingReward(), 0), SAMPLER)
    assert found.violations == ((), ("teleport", "through_wall"), ())


def test_an_evaluation_gives_the_same_numbers_again(load_tiny, maze_source, brightness):
    values = [
        evaluate_policy(
            load_tiny(), maze_source.tasks(0, 3), ScorePool(brightness, 0), SAMPLER, num_samples=2, batch_size=size
        ).value
        for size in (6, 6, 4)
    ]
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_allclose(values[0], values[2], atol=1e-3)


def test_each_sample_has_its_own_start_noise(load_tiny, maze_source, brightness):
    found = evaluate_policy(
        load_tiny(), maze_source.tasks(0, 1), ScorePool(brightness, 0), SAMPLER, num_samples=3, keep=1
    )
    assert len(found.rollouts) == 1
    assert len(set(found.value[0].tolist())) == 3


class Threads(World):
    """A world whose processes are threads of this one."""

    def gather_items(self, items):
        slots[self.rank] = items
        together.wait()
        found = [item for rank in range(self.size) for item in slots[rank]]
        together.wait()
        return found


slots: dict[int, list] = {}
together = threading.Barrier(2)


@pytest.mark.parametrize("num_tasks", [3, 4])
def test_two_processes_measure_the_tasks_of_both(load_tiny, brightness, num_tasks):
    tasks = make_tasks("maze", 3, num_tasks, level="tiny", size=80)
    policies = [load_tiny(height=80, width=80) for _ in range(3)]

    def judge(number):
        world = Threads(rank=number, size=2) if number < 2 else World()
        return evaluate_policy(
            policies[number], tasks, ScorePool(brightness, 0), SAMPLER, measure=True, keep=1, world=world
        )

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(judge, range(2))
    alone = judge(2)
    assert alone.games.shape == (num_tasks, len(GAME_NUMBERS))
    for shared in (first, second):
        np.testing.assert_allclose(shared.games, alone.games, atol=1e-3)
        np.testing.assert_allclose(shared.value, alone.value, atol=1e-3)
    assert [len(each.rollouts) for each in (first, second)] == [1, 1]


def test_benchmark_numbers_are_measured_only_if_asked_for(found):
    assert (len(found.games), len(found.walks)) == (0, 0)


def test_without_a_verdict_the_numbers_are_those_of_the_reward_alone(load_tiny, maze_source, brightness):
    found = evaluate_policy(load_tiny(), maze_source.tasks(0, 2), ScorePool(brightness, 0), SAMPLER)
    assert not found.judged
    assert set(found.numbers) == {"value"}
