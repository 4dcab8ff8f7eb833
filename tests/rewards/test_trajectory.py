"""The trajectory reward, on rendered videos."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, VideoError
from wan_r1.rewards import REWARDS, MixReward, PaperReward, SparseReward, TrajectoryReward
from wan_r1.rewards.stages import STAGES, plain_stage
from wan_r1.tasks import family_of, make_task, make_tasks
from wan_r1.tasks.draw import draw_sprites, walk_positions
from wan_r1.tasks.skins import SKINS
from wan_r1.types import Path, Sprite, Task

REWARD = TrajectoryReward()
TASK = make_task("maze", seed=4)  # 12 moves


def _walk(task: Task, num_moves: int, num_frames: int = 17) -> NDArray[np.uint8]:
    path = Path(points=task.solution.points[: num_moves + 1], unit="image")
    return family_of(task).render(task, path, num_frames, 80)


def test_the_solution_scores_one() -> None:
    score = REWARD(TASK, _walk(TASK, 12))
    assert len(TASK.solution.points) == 12 + 1
    assert score.value == pytest.approx(1)
    assert score.verdict is not None
    assert score.verdict.solved
    assert score.verdict.optimal


def test_a_longer_legal_prefix_always_scores_more() -> None:
    values = [REWARD(TASK, _walk(TASK, moves)).value for moves in range(13)]
    assert values[0] == 0
    assert all(np.diff(values) > 0.03)
    assert values[6] == pytest.approx(0.5 * 6 / 12)


def test_a_still_video_scores_zero() -> None:
    assert REWARD(TASK, TASK.first_frame[None].repeat(17, axis=0)).value == 0


@pytest.mark.parametrize("kind", ["wall", "teleport", "lost", "clone"])
def test_a_video_that_breaks_a_rule_stays_below_its_own_honest_prefix(kind: str) -> None:
    video, moves = _walk(TASK, 12), 6
    rest = {
        "wall": _walk(TASK, 6)[-1:].repeat(10, axis=0),
        "teleport": video[-1:].repeat(10, axis=0),
        "lost": np.zeros_like(video[7:]),
        "clone": np.minimum(video[7:], TASK.first_frame[None]),
    }[kind]
    broken = np.concatenate([video[:7], rest])
    if kind == "wall":
        cell = np.argwhere(TASK.state.grid[1:8, 1:8] == 1)[0] + 1
        broken = _with_agent_at(broken, TASK, tuple(cell))
    score = REWARD(TASK, broken)
    honest = REWARD(TASK, _walk(TASK, moves)).value
    assert score.verdict is not None
    assert score.verdict.violations
    assert score.value <= 0.3 * honest + 0.02
    assert score.parts["penalty"] == 0.3


def _with_agent_at(video: NDArray[np.uint8], task: Task, cell: tuple[int, ...]) -> NDArray[np.uint8]:
    point = ((cell[1] + 0.5) / 10, (cell[0] + 0.5) / 10)
    way = Path(points=np.asarray([point, point], np.float32), unit="image")
    return np.concatenate([video[:7], family_of(task).render(task, way, len(video) - 7, 80)])


def test_a_brightness_shift_or_grain_leaves_a_solved_video_above_095() -> None:
    video = _walk(TASK, 12)
    noisy = (video + np.random.default_rng(0).normal(0, 12, video.shape)).clip(0, 255).astype(np.uint8)
    dark = (video.astype(int) - 8).clip(0, 255).astype(np.uint8)
    assert REWARD(TASK, noisy).value >= 0.95
    assert REWARD(TASK, dark).value >= 0.95


def test_walls_that_vanish_make_a_changed_scene_and_progress_counts_until_then() -> None:
    video = _walk(TASK, 12)
    floor = np.asarray([255, 255, 255])
    walls = np.kron(TASK.state.grid == 1, np.ones((8, 8), bool))
    video[5:, walls] = floor
    score = REWARD(TASK, video)
    assert score.verdict is not None
    assert score.verdict.violations[0].kind == "scene_changed"
    assert score.verdict.violations[0].frame == 5
    assert score.verdict.progress == pytest.approx(4 / 12)
    assert score.value < 0.1


def test_a_goal_that_moves_is_named() -> None:
    video = _walk(TASK, 2)
    goal = TASK.goals[0]
    row, col = round(goal.y * 80), round(goal.x * 80)
    video[3:, row : row + 8, col : col + 8] = 255
    score = REWARD(TASK, video)
    assert score.verdict is not None
    assert [v.kind for v in score.verdict.violations] == ["goal_moved"]


def test_efficiency_is_the_ratio_of_lengths_for_a_detour() -> None:
    points = TASK.solution.points
    detour = np.concatenate([points[:4], points[2:4][::-1][1:], points[3:]])
    video = family_of(TASK).render(TASK, Path(points=detour, unit="image"), 17, 80)
    score = REWARD(TASK, video)
    assert score.verdict is not None
    assert (score.verdict.solved, score.verdict.optimal) == (True, False)
    assert score.parts["efficiency"] == pytest.approx(12 / 14, abs=0.02)
    assert score.value == pytest.approx(0.5 + 0.2 + 0.1 * 12 / 14, abs=0.01)


def test_sparse_is_one_for_an_exact_solution_and_zero_otherwise() -> None:
    assert SparseReward()(TASK, _walk(TASK, 12)).value == pytest.approx(1)
    assert SparseReward()(TASK, _walk(TASK, 11)).value == 0


def test_paper_pays_a_walk_through_walls_and_trajectory_does_not() -> None:
    line = Path(points=TASK.solution.points[[0, -1]], unit="image")
    video = family_of(TASK).render(TASK, line, 17, 80)
    assert PaperReward()(TASK, video).value >= 0.5
    assert REWARD(TASK, video).value < 0.1


def test_a_mixture_is_the_weighted_mean_with_named_parts() -> None:
    mix = MixReward(rewards={"t": REWARD, "s": SparseReward()}, weights={"t": 0.75, "s": 0.25})
    score = mix(TASK, _walk(TASK, 6))
    assert score.value == pytest.approx(0.75 * 0.25)
    assert score.parts["t.progress"] == pytest.approx(0.5)
    with pytest.raises(ConfigError, match="add to 1"):
        replace(mix, weights={"t": 0.75, "s": 0.75})


def test_wrong_weights_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"add to 1; they add to 1\.4"):
        TrajectoryReward(progress=0.9)
    with pytest.raises(ConfigError, match=r"penalty: 0\.5; must lie in \[0, 0\.3\]"):
        TrajectoryReward(penalty=0.5)


@settings(max_examples=15, deadline=None)
@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 5), st.integers(64, 70), st.integers(64, 90), st.just(3)),
        elements=st.integers(0, 255),
        fill=st.sampled_from([0, 128, 255]),
    )
)
def test_no_video_gives_nan_an_error_or_a_value_outside_0_to_1(video: NDArray[np.uint8]) -> None:
    for reward in (REWARDS[name]() for name in ("trajectory", "sparse", "paper")):
        score = reward(TASK, video)
        assert 0 <= score.value <= 1
        assert all(np.isfinite(part) for part in score.parts.values())


@pytest.mark.parametrize("num_frames", [1, 2, 3])
def test_the_goal_frame_alone_is_no_solution(num_frames: int) -> None:
    last = _walk(TASK, 12)[-1:]
    assert REWARD(TASK, last.repeat(num_frames, axis=0)).value == 0
    assert REWARD(TASK, np.concatenate([TASK.first_frame[None], last])).value < 0.1


def _changed_agent(scale: float) -> NDArray[np.uint8]:
    """A solved easy maze whose agent is drawn in another size."""
    task = make_task("maze", seed=4, level="easy", size=128)
    points = walk_positions(task.solution.points, 33, None, 1.0)
    stage = plain_stage(task, points)
    side = round(scale * stage.agent.alpha.shape[0])
    agent = Sprite(rgb=cv2.resize(stage.agent.rgb, (side, side)), alpha=cv2.resize(stage.agent.alpha, (side, side)))
    return draw_sprites(stage.background, [(agent, points)])


@pytest.mark.parametrize(("scale", "kinds"), [(1.0, []), (0.65, ["agent_changed"])])
def test_an_agent_that_is_another_all_along_breaks_a_rule(scale: float, kinds: list[str]) -> None:
    score = REWARD(make_task("maze", seed=4, level="easy", size=128), _changed_agent(scale))
    assert score.verdict is not None
    assert [violation.kind for violation in score.verdict.violations] == kinds


@pytest.mark.parametrize("size", [80, 128])
def test_a_target_that_is_painted_over_is_seen_though_a_box_stands_beside_it(size: int) -> None:
    for seed in range(800, 804):
        task = make_tasks("sokoban", seed, 1, level="easy", size=size)[0]
        points = walk_positions(task.solution.points, 33, None, 1.0)
        film = family_of(task).render(task, task.solution, 33, size)
        erased = STAGES["goal_erased"](task, points).background
        hidden = np.abs(film.astype(int) - plain_stage(task, points).background).max(axis=3, keepdims=True) < 8
        assert REWARD(task, film).value > 0.95
        assert REWARD(task, np.where(hidden, erased, film)).value < 0.3


@pytest.mark.parametrize("family", ["maze", "sokoban"])
@pytest.mark.parametrize("skin", list(SKINS))
def test_a_goal_that_is_erased_has_moved_in_any_skin(family: str, skin: str) -> None:
    """White and yellow on sand cancel in the mean colour: the erased goal of `meadow` was paid at some sizes."""
    for size in (96, 128, 192, 256):
        task = make_tasks(family, 3, 1, level="easy", size=size, skin=skin)[0]
        points = walk_positions(task.solution.points, 33, None, 1.0)
        film, plain = family_of(task).render(task, task.solution, 33, size), plain_stage(task, points).background
        hidden = np.abs(film.astype(int) - plain).max(axis=3, keepdims=True) < 8
        erased = np.where(hidden, STAGES["goal_erased"](task, points).background, film)
        assert REWARD(task, film).value > 0.95
        assert REWARD(task, erased).value < 0.3


@pytest.mark.parametrize("video", [None, [TASK.first_frame] * 3])
def test_what_is_no_array_is_refused(video: object) -> None:
    with pytest.raises(VideoError, match="must be an array"):
        REWARD(TASK, video)  # type: ignore[arg-type]
