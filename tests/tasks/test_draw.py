import numpy as np
import pytest

from wan_r1.errors import ConfigError
from wan_r1.tasks.draw import draw_sprites, look_sprite, paint_board, paste, shape_alpha, walk_positions
from wan_r1.tasks.skins import HELD_OUT_SKINS, SKINS, TRAIN_SKINS, Look, skin_named
from wan_r1.types import Sprite

SHAPES = ("tile", "disk", "ring", "diamond", "triangle", "square", "star")
FLOOR, WALL = Look(shape="tile", color=(255, 255, 255)), Look(shape="tile", color=(0, 0, 0))


def red_square(px: int) -> Sprite:
    rgb = np.zeros((px, px, 3), dtype=np.uint8)
    rgb[..., 0] = 255
    return Sprite(rgb=rgb, alpha=np.ones((px, px), dtype=np.float32))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("px", [1, 3, 8, 30])
def test_a_shape_covers_part_of_its_cell(shape, px):
    alpha = shape_alpha(shape, px)
    assert alpha.shape == (px, px)
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert 0.1 < alpha.mean() <= 1


@pytest.mark.parametrize(("shape", "area"), [("disk", np.pi / 4), ("diamond", 0.5), ("square", 1.0)])
def test_a_shape_has_its_area(shape, area):
    assert shape_alpha(shape, 32).mean() == pytest.approx(area, abs=0.02)
    assert shape_alpha(shape, 32, 0.5).mean() == pytest.approx(area / 4, abs=0.02)


@pytest.mark.parametrize("shape", ["disk", "ring", "diamond", "square"])
def test_a_shape_sits_in_the_middle_of_its_cell(shape):
    alpha = shape_alpha(shape, 16, 0.75)
    y, x = np.mgrid[:16, :16] + 0.5
    assert (alpha * x).sum() / alpha.sum() == pytest.approx(8, abs=0.15)
    assert (alpha * y).sum() / alpha.sum() == pytest.approx(8, abs=0.15)


def test_an_unknown_shape_or_texture_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"shape 'blob'.*disk"):
        shape_alpha("blob", 8)
    with pytest.raises(ConfigError, match=r"texture 'fur'.*bricks"):
        look_sprite(Look(shape="tile", color=(1, 2, 3), accent=(4, 5, 6), texture="fur"), 8)


def test_a_board_shows_each_block_in_its_place():
    codes = np.array([[0, 1], [1, 0], [0, 0]])
    picture = paint_board((FLOOR, WALL), codes, 12, 8)
    assert picture.shape == (12, 8, 3)
    np.testing.assert_array_equal(picture[::4, ::4, 0], np.array([[255, 0], [0, 255], [255, 255]]))
    np.testing.assert_array_equal(picture[:4, 4:], np.zeros((4, 4, 3)))


@pytest.mark.parametrize(("height", "width"), [(12, 8), (13, 9), (100, 67), (3, 2)])
def test_a_board_fills_a_picture_of_any_size(height, width):
    picture = paint_board((FLOOR, WALL), np.ones((3, 2), dtype=int), height, width)
    assert picture.shape == (height, width, 3)
    assert picture.max() == 0


def test_a_picture_with_fewer_pixels_than_blocks_is_refused():
    with pytest.raises(ConfigError, match="2 x 8 px"):
        paint_board((FLOOR, WALL), np.ones((3, 2), dtype=int), 2, 8)


def test_a_sprite_on_whole_pixels_is_pasted_exactly():
    picture = np.zeros((10, 10, 3), dtype=np.uint8)
    paste(picture, red_square(4), 5.0, 3.0)
    expected = np.zeros((10, 10), dtype=np.uint8)
    expected[1:5, 3:7] = 255
    np.testing.assert_array_equal(picture[..., 0], expected)


def test_a_sprite_between_pixels_is_shared_among_them():
    picture = np.zeros((10, 10, 3), dtype=np.uint8)
    paste(picture, red_square(4), 5.25, 5.0)
    assert picture[5, 2:9, 0].tolist() == [0, 191, 255, 255, 255, 64, 0]


@pytest.mark.parametrize("point", [(0.0, 0.0), (10.0, 10.0), (-1.5, 5.0), (-50.0, 5.0), (5.0, 99.0)])
def test_a_sprite_beyond_the_edge_is_cut_off(point):
    picture = np.zeros((10, 10, 3), dtype=np.uint8)
    paste(picture, red_square(4), *point)
    assert picture[3:7, 3:7].max() == 0


def test_a_sprite_at_no_place_is_left_out_and_later_layers_lie_on_top():
    background = np.full((8, 8, 3), 9, dtype=np.uint8)
    middle = np.array([[0.5, 0.5], [np.nan, np.nan]], dtype=np.float32)
    blue = Sprite(rgb=red_square(2).rgb[..., ::-1].copy(), alpha=np.ones((2, 2), dtype=np.float32))
    video = draw_sprites(background, [(red_square(4), middle), (blue, middle)])
    assert video.shape == (2, 8, 8, 3)
    assert video[0, 3, 3].tolist() == [0, 0, 255]
    assert video[0, 2, 2].tolist() == [255, 0, 0]
    np.testing.assert_array_equal(video[1], background)


LINE = np.array([[0.1, 0.2], [0.5, 0.2], [0.5, 0.6]], dtype=np.float32)


def test_a_walk_with_a_speed_goes_that_far_each_frame_and_then_rests():
    found = walk_positions(LINE, 6, 0.25)
    expected = [[0.1, 0.2], [0.35, 0.2], [0.5, 0.3], [0.5, 0.55], [0.5, 0.6], [0.5, 0.6]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("num_frames", [5, 17, 81, 121])
def test_a_walk_without_a_speed_spreads_over_the_video_and_rests_at_the_end(num_frames):
    found = walk_positions(LINE, num_frames, None)
    steps = np.abs(np.diff(found, axis=0)).sum(axis=1)
    moving = int((steps > 1e-6).sum())
    assert moving == int(0.85 * (num_frames - 1))
    np.testing.assert_allclose(found[[0, -1]], LINE[[0, -1]])


def test_a_walk_of_one_frame_or_one_point_stays():
    np.testing.assert_allclose(walk_positions(LINE, 1, None), LINE[:1])
    np.testing.assert_allclose(walk_positions(LINE[:1], 3, None), LINE[[0, 0, 0]])
    np.testing.assert_allclose(walk_positions(LINE[:1], 3, 0.1), LINE[[0, 0, 0]])


def test_speed_is_measured_in_pixels_on_a_picture_that_is_not_square():
    down = np.array([[0.5, 0.0], [0.5, 1.0]], dtype=np.float32)
    # The picture is half as high as wide, so a step of a quarter width is half the height.
    np.testing.assert_allclose(walk_positions(down, 3, 0.25, aspect=0.5)[:, 1], [0.0, 0.5, 1.0])


@pytest.mark.parametrize("name", list(SKINS))
def test_agent_goal_wall_and_floor_of_a_skin_can_be_told_apart(name):
    skin = SKINS[name]
    colors = [np.asarray(look.color, float) for look in (skin.floor, skin.wall, skin.goal, skin.agent)]
    away = [np.abs(a - b).max() for i, a in enumerate(colors) for b in colors[:i]]
    assert min(away) > 40
    assert all(look.word for look in (skin.floor, skin.wall, skin.goal, skin.agent))


def test_there_are_four_training_skins_and_others_that_are_held_out():
    assert len(TRAIN_SKINS) >= 4
    assert set(TRAIN_SKINS).isdisjoint(HELD_OUT_SKINS)
    assert set(TRAIN_SKINS) | set(HELD_OUT_SKINS) == set(SKINS)


def test_an_unknown_skin_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"skin 'neon'.*plain"):
        skin_named("neon")
