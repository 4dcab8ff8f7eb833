"""The sprite tracker against rendered truth."""

import itertools

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.errors import ConfigError, TrackingError, VideoError
from wan_r1.tasks import make_family, make_task, task_seed
from wan_r1.tasks.draw import draw_sprites, walk_positions
from wan_r1.tasks.maze.render import draw_board, sprites
from wan_r1.trackers.scene import without_objects
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.types import Sprite, Task
from wan_r1.video import read_video, write_video

Video = NDArray[np.uint8]

RED_AND_TEXTURED = ("plain", "brick")


def _scene(level: str, skin: str, size: int, num_frames: int) -> tuple[Task, NDArray[np.float32], Video]:
    task = make_task("maze", seed=11, level=level, skin=skin)
    points = walk_positions(task.solution.points, num_frames, None)
    return task, points, _drawn(task, size, points)


def _drawn(task: Task, size: int, *ways: NDArray[np.float32]) -> Video:
    agent = sprites(task.state, size)["agent"]
    return draw_sprites(draw_board(task.state, size), [(agent, way) for way in ways])


def _errors(task: Task, video: Video, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest coordinate error per frame, in cells; infinite where not seen."""
    track = SpriteTracker()(video, task)
    away = np.abs(track.of("agent") - points).max(axis=1) * task.state.grid.shape[0]
    return np.where(track.seen[0], away, np.inf)


@pytest.mark.parametrize(("level", "size"), [("tiny", 80), ("easy", 64), ("easy", 210), ("hard", 256), ("easy", 640)])
def test_a_clean_agent_is_found_within_a_twentieth_of_a_cell(level: str, size: int) -> None:
    task, points, video = _scene(level, "plain", size, 13)
    assert _errors(task, video, points).max() < 0.05


@pytest.mark.parametrize("skin", RED_AND_TEXTURED)
@pytest.mark.parametrize(("level", "size"), [("tiny", 80), ("medium", 256)])
def test_noise_of_12_blur_and_crf_30_leave_the_agent_within_015_cells(skin, level, size, tmp_path) -> None:
    task, points, video = _scene(level, skin, size, 9)
    noisy = (video + np.random.default_rng(0).normal(0, 12, video.shape)).clip(0, 255).astype(np.uint8)
    assert _errors(task, noisy, points).max() < 0.15
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.8) for frame in video])
    assert _errors(task, blurred, points).max() < 0.15
    write_video(tmp_path / "v.mp4", video, crf=30)
    assert _errors(task, read_video(tmp_path / "v.mp4"), points).max() < 0.15


@pytest.mark.parametrize(("gain", "offset"), [(1, -8), (1, 20), (0.85, 20), (0.9, 0)])
def test_a_global_change_of_light_changes_nothing(gain: float, offset: float) -> None:
    task, points, video = _scene("tiny", "night", 80, 9)
    changed = (video.astype(float) * gain + offset).clip(0, 255).astype(np.uint8)
    assert _errors(task, changed, points).max() < 0.05


def test_one_agent_is_one_copy_and_an_agent_left_behind_makes_two() -> None:
    task, points, video = _scene("tiny", "plain", 80, 17)
    assert (SpriteTracker()(video, task).copies == 1).all()
    copies = SpriteTracker()(_drawn(task, 80, points[:1].repeat(17, axis=0), points), task).copies[0]
    apart = np.abs(points - points[0]).max(axis=1) * 10 >= 1
    assert (copies[apart] == 2).all()


@pytest.mark.parametrize("opacity", [0.4, 0.5, 0.6, 0.7])
def test_a_faint_agent_that_stays_is_a_copy_and_one_of_three_frames_a_ghost(opacity: float) -> None:
    task, points, _ = _scene("tiny", "plain", 80, 17)
    agent = sprites(task.state, 80)["agent"]
    faint = Sprite(rgb=agent.rgb, alpha=np.asarray(opacity * agent.alpha, np.float32))
    stays = points[:1].repeat(17, axis=0)
    for frames, copies in ((slice(None), 2), (slice(6, 14, 2), 2), (slice(8, 11), 1)):
        shown = np.full_like(stays, np.nan)
        shown[frames] = stays[frames]
        video = draw_sprites(draw_board(task.state, 80), [(faint, shown), (agent, points)])
        assert SpriteTracker()(video, task).copies[0, 10] == copies


@pytest.mark.parametrize("missing", [slice(0), slice(1, None, 6)])
@pytest.mark.parametrize("scale", [1.0, 0.8])
def test_a_faint_or_small_agent_that_walks_elsewhere_is_a_copy_though_it_blinks(scale: float, missing: slice) -> None:
    task, points, _ = _scene("tiny", "plain", 160, 17)
    agent = sprites(task.state, 160)["agent"]
    side = round(scale * agent.alpha.shape[0])
    alpha = cv2.resize(agent.alpha, (side, side)) * (1.0 if scale < 1 else 0.72)
    other = Sprite(rgb=cv2.resize(agent.rgb, (side, side)), alpha=np.asarray(alpha, np.float32))
    corners = np.asarray([[0.06, 0.06], [0.94, 0.94]], np.float32)
    walks = corners[0] + np.linspace(0, 1, 17, dtype=np.float32)[:, None] * (corners[1] - corners[0])
    walks[missing] = np.nan
    video = draw_sprites(draw_board(task.state, 160), [(other, walks), (agent, points)])
    assert (SpriteTracker()(video, task).copies[0] == 2).sum() >= 5


def test_contrast_is_one_in_any_light_and_less_where_walls_fade() -> None:
    task, _, video = _scene("tiny", "plain", 80, 5)
    dark = (0.85 * video.astype(np.float32) + 10).round().astype(np.uint8)
    grey = (0.5 * video.astype(np.float32) + 60).round().astype(np.uint8)
    clear, dim, faded = (SpriteTracker().observe(each, task).contrast for each in (video, dark, grey))
    np.testing.assert_allclose(clear, 1, atol=0.05)
    np.testing.assert_allclose(dim, 0.85, atol=0.05)
    np.testing.assert_allclose(faded, 0.5, atol=0.05)


def test_something_larger_of_the_same_look_is_a_copy_beside_the_agent_and_none_alone() -> None:
    task, points, _ = _scene("tiny", "plain", 160, 9)
    agent = sprites(task.state, 160)["agent"]
    side = round(1.7 * agent.alpha.shape[0])
    larger = Sprite(rgb=cv2.resize(agent.rgb, (side, side)), alpha=cv2.resize(agent.alpha, (side, side)))
    away = np.repeat(np.asarray([task.goals[0].center], np.float32), 9, axis=0)
    board = draw_board(task.state, 160)
    both = SpriteTracker()(draw_sprites(board, [(larger, away), (agent, points)]), task)
    assert (both.copies[0, :4] >= 2).all()
    assert np.abs(both.of("agent")[:4] - points[:4]).max() < 0.01
    alone = SpriteTracker()(draw_sprites(board, [(larger, away)]), task)
    assert alone.copies.sum() == 0


def test_three_agents_make_three_copies() -> None:
    task, points, _ = _scene("easy", "plain", 210, 5)
    corners = [np.full((5, 2), place, np.float32) for place in ((0.1, 0.1), (0.9, 0.9))]
    copies = SpriteTracker()(_drawn(task, 210, points, *corners), task).copies[0]
    assert (copies == 3).all()


def test_an_absent_agent_is_not_seen_and_never_a_repeated_point() -> None:
    task, points, _ = _scene("tiny", "plain", 80, 17)
    points = points.copy()
    points[8:] = np.nan
    track = SpriteTracker()(_drawn(task, 80, points), task)
    assert track.seen[0].tolist() == [True] * 8 + [False] * 9
    assert np.isnan(track.of("agent")[8:]).all()
    assert track.copies[0, 8:].sum() == 0


def test_an_agent_that_jumps_across_the_board_is_found_at_once() -> None:
    task, points, _ = _scene("hard", "plain", 256, 3)
    far = np.stack([points[0], task.solution.points[-1], points[0]])
    assert _errors(task, _drawn(task, 256, far), far).max() < 0.05


def test_the_agent_is_seen_on_the_goal() -> None:
    for skin in ("plain", "meadow", "brick"):
        task, _, video = _scene("tiny", skin, 80, 17)
        track = SpriteTracker()(video, task)
        assert np.allclose(track.of("agent")[-1], task.goals[0].center, atol=0.01)
        assert track.scores[0, -1] > 0.6


@pytest.mark.parametrize("factor", [0.5, 1.7])
def test_an_agent_of_another_size_is_not_the_agent(factor: float) -> None:
    task, points, _ = _scene("easy", "plain", 210, 9)
    agent = task.sprites["agent"]
    size = round(factor * agent.alpha.shape[0])
    other = type(agent)(rgb=cv2.resize(agent.rgb, (size, size)), alpha=cv2.resize(agent.alpha, (size, size)))
    video = draw_sprites(draw_board(task.state, 210), [(other, points)])
    assert not SpriteTracker()(video, task).seen.any()


def test_what_looks_like_the_agent_in_the_conditioning_image_is_no_instance() -> None:
    task, points, _ = _scene("easy", "plain", 210, 9)
    decoy = np.full((9, 2), (0.5, 0.07), np.float32)
    video = _drawn(task, 210, points, decoy)
    marked = type(task)(**{name: getattr(task, name) for name in task.__slots__} | {"first_frame": video[0]})
    track = SpriteTracker()(video, marked)
    assert (track.copies == 1).all()
    assert np.abs(track.of("agent") - points).max() < 0.01


def test_the_ground_below_the_agent_is_taken_from_another_empty_cell() -> None:
    for skin in ("plain", "meadow", "candy"):
        task = make_task("maze", seed=5, skin=skin)
        board = draw_board(task.state, 80)
        assert np.abs(without_objects(task).astype(int) - board).max() <= 6


def test_a_scene_that_stays_shows_no_changes_and_an_erased_wall_does() -> None:
    task, _, video = _scene("tiny", "plain", 80, 9)
    assert np.nanmax(SpriteTracker().observe(video, task).changes) < 10
    row, col = np.argwhere(task.state.grid[1:9, 1:9] == 1)[0] + 1
    video[4:, 8 * row : 8 * row + 8, 8 * col : 8 * col + 8] = 255
    changes = SpriteTracker().observe(video, task).changes
    assert np.nanmax(changes[:4]) < 10
    assert np.nanmax(changes[4:]) > 40


def test_chunks_give_the_same_track_as_one_piece() -> None:
    task, _, video = _scene("tiny", "plain", 80, 70)
    whole = SpriteTracker()(video, task)
    parts = [SpriteTracker()(video[a:b], task) for a, b in itertools.pairwise((0, 7, 33, 70))]
    assert np.allclose(whole.points, np.concatenate([part.points for part in parts], axis=1), atol=1e-6)


def test_sprites_below_6_px_are_refused_with_the_size_and_the_way_out() -> None:
    task = make_task("maze", seed=0, level="hard")
    with pytest.raises(TrackingError, match=r"64 x 64 px: the smallest sprite is 3\.2 px .* larger pictures"):
        SpriteTracker()(np.zeros((2, 64, 64, 3), np.uint8), task)


def test_wrong_settings_and_wrong_videos_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"min_score: 1\.5"):
        SpriteTracker(min_score=1.5)
    with pytest.raises(VideoError, match="must be"):
        SpriteTracker()(np.zeros((80, 80, 3), np.uint8), make_task("maze", seed=0))


@pytest.mark.parametrize("kind", ["black", "white", "random", "one frame", "oblong"])
def test_strange_videos_give_a_track_without_nan_where_seen(kind: str) -> None:
    task = make_task("maze", seed=1)
    video = {
        "black": np.zeros((5, 80, 80, 3), np.uint8),
        "white": np.full((5, 80, 80, 3), 255, np.uint8),
        "random": np.random.default_rng(0).integers(0, 256, (5, 80, 80, 3), dtype=np.uint8),
        "one frame": task.first_frame[None],
        "oblong": np.zeros((2, 160, 97, 3), np.uint8),
    }[kind]
    track = SpriteTracker()(video, task)
    assert np.isfinite(track.of("agent")[track.seen[0]]).all()
    assert np.isfinite(track.scores).all()


@pytest.mark.parametrize(("width", "height"), [(160, 80), (320, 180), (96, 160), (240, 80)])
def test_agent_and_box_side_by_side_are_told_apart_in_stretched_pictures(width: int, height: int) -> None:
    family = make_family("sokoban", level="tiny", size=80)
    task = family.generate(task_seed(77, 1))
    video = family.render(task, task.solution, 33, 80)
    track = SpriteTracker()(np.stack([cv2.resize(frame, (width, height)) for frame in video]), task)
    assert track.seen.all()
    np.testing.assert_allclose(track.points, SpriteTracker()(video, task).points, atol=0.012)
