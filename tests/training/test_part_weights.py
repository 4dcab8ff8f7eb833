"""rl.part_weights: a part counts as far as the gate and the penalty of its own reward leave it."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from rl_runs import SETTINGS, numbers_of

from wan_r1.errors import ConfigError
from wan_r1.rewards import EmbeddingReward, MixReward, NavigationReward, ScorePool
from wan_r1.tasks import make_task
from wan_r1.tasks.first_person import reference_video
from wan_r1.training.rl import _counted
from wan_r1.types import Score

TASK = make_task("navigation", seed=5)
EXACT = reference_video(TASK, 17, 80, 80)
CUT = np.concatenate([EXACT[:1], np.repeat(EXACT[-1:], 16, axis=0)])
"""The first frame, then the last: a hard cut to the goal."""


@pytest.mark.parametrize(
    ("reward", "part"),
    [
        (EmbeddingReward(), "endpoint"),
        (NavigationReward(), "embedding.endpoint"),
        (NavigationReward(), "pose.approach"),
        (MixReward(rewards={"way": NavigationReward()}, weights={"way": 1.0}), "way.embedding.endpoint"),
    ],
    ids=["embedding", "navigation", "pose", "mix"],
)
def test_a_cut_to_the_goal_leaves_nothing_of_a_part_and_the_walk_all_of_it(reward, part):
    assert _counted(reward(TASK, CUT), part) < 1e-6
    exact = reward(TASK, EXACT)
    assert _counted(exact, part) == pytest.approx(exact.parts[part], abs=0.05)
    assert exact.parts[part] > 0.5


def test_gate_and_penalty_are_those_of_the_parts_own_reward():
    parts = {"gate": 0.0, "a.gate": 0.5, "a.penalty": 0.3, "a.goal": 1.0, "b.gate": 1.0, "b.goal": 0.8}
    score = Score(value=0.5, parts=parts)
    assert _counted(score, "a.goal") == pytest.approx(0.15)
    assert _counted(score, "b.goal") == 0.8


def test_a_part_without_a_gate_is_refused():
    score = Score(value=0.5, parts={"gate": 1.0, "vlm.judge": 1.0})
    with pytest.raises(ConfigError, match=r"no part 'vlm\.gate', so that 'vlm\.judge' would count .* leave rl"):
        _counted(score, "vlm.judge")


@dataclass(frozen=True)
class PartsReward:
    """Half of a gated brightness, and a part that never differs."""

    gate: float = 0.5

    def __call__(self, task, video):
        brightness = float(video[1:].mean()) / 255
        return Score(value=0.25, parts={"bright": brightness, "same": 1.0, "gate": self.gate})


def test_parts_with_weights_teach_where_the_value_is_always_the_same(trainer):
    settings = replace(SETTINGS, iterations=1)
    scorer = ScorePool(PartsReward(), 0)
    cases = {"value": ({}, 0.0), "parts": ({"bright": 1.0, "same": 2.0}, 1.0), "same": ({"same": 1.0}, 0.0)}
    for name, (weights, taught) in cases.items():
        run = trainer("nft", name, scorer=scorer, settings=replace(settings, part_weights=weights))
        run.train()
        assert numbers_of(run.run)[0]["rollout/groups_kept"] == taught


def test_a_closed_gate_leaves_nothing_of_a_part(trainer):
    settings = replace(SETTINGS, iterations=1, part_weights={"bright": 1.0})
    run = trainer("nft", scorer=ScorePool(PartsReward(gate=0.0), 0), settings=settings)
    run.train()
    assert numbers_of(run.run)[0]["rollout/groups_kept"] == 0


def test_a_part_that_the_reward_does_not_have_is_named(trainer):
    settings = replace(SETTINGS, part_weights={"progres": 1.0})
    with pytest.raises(ConfigError, match="no part 'progres'; it has bright"):
        trainer("nft", scorer=ScorePool(PartsReward(), 0), settings=settings).train()


@pytest.mark.parametrize("weights", [{"progress": -1.0}, {"progress": 0.0}, {"progress": float("nan")}])
def test_wrong_part_weights_are_refused(weights):
    with pytest.raises(ConfigError, match="part_weights"):
        replace(SETTINGS, part_weights=weights)
