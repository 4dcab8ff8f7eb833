from dataclasses import replace

import numpy as np
import pytest

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks import MovesObjects, family_of, make_task, make_tasks
from wan_r1.tasks.difficulty import SOKOBAN_LEVELS
from wan_r1.tasks.skins import SKINS
from wan_r1.tasks.sokoban import SokobanFamily, SokobanState
from wan_r1.tasks.sokoban.generate import draw_walls
from wan_r1.tasks.sokoban.render import draw_objects, follow_boxes
from wan_r1.tasks.sokoban.solve import solution, state_of
from wan_r1.tasks.split import split_of
from wan_r1.types import Path

LEVELS = list(SOKOBAN_LEVELS)


def room(*rows, skin="plain"):
    """The state of a drawn level: A agent, B box, T target, # wall."""
    codes = np.asarray([list(row) for row in rows])
    places = {mark: [(int(r), int(c)) for r, c in np.argwhere(codes == mark)] for mark in "ABT"}
    grid = (codes == "#").astype(np.int8)
    boxes, targets = tuple(places["B"]), tuple(places["T"])
    return SokobanState(grid=grid, start=places["A"][0], boxes=boxes, targets=targets, skin=skin)


def path_of(cells, shape):
    """A path through cells (row, col)."""
    return Path(points=((np.asarray(cells)[:, ::-1] + 0.5) / shape[::-1]).astype(np.float32), unit="image")


def boxes_along(state, cells):
    """Where the boxes are, in cells, while the agent goes from cell to cell."""
    shape = np.asarray(state.grid.shape)
    points = follow_boxes(state, path_of(cells, state.grid.shape).points)
    return np.round(points[..., ::-1] * shape - 0.5, 3)


# ---------------------------------------------------------------------------------------------------- levels


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("num_boxes", [1, 2])
def test_the_same_seed_gives_the_same_bytes(level, num_boxes):
    first, again = (make_task("sokoban", 11, level=level, num_boxes=num_boxes) for _ in range(2))
    assert first.first_frame.tobytes() == again.first_frame.tobytes()
    assert first.solution.points.tobytes() == again.solution.points.tobytes()
    assert (first.prompt, first.objects, first.goals) == (again.prompt, again.objects, again.goals)


@pytest.mark.parametrize(
    ("level", "blocks", "px"), [("tiny", 10, 80), ("easy", 5, 320), ("medium", 8, 512), ("hard", 12, 768)]
)
def test_a_level_has_its_number_of_blocks_and_pixels_and_walls_around(level, blocks, px):
    task = make_task("sokoban", 0, level=level)
    grid = task.state.grid
    assert grid.shape == (blocks, blocks)
    assert task.first_frame.shape == (px, px, 3)
    assert min(grid[0].min(), grid[-1].min(), grid[:, 0].min(), grid[:, -1].min()) == 1


def test_a_tenth_of_the_inner_blocks_are_walls():
    share = np.mean([draw_walls(np.random.default_rng(seed), 12, 0.1)[1:-1, 1:-1].mean() for seed in range(100)])
    assert share == pytest.approx(0.10, abs=0.015)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("num_boxes", [1, 2])
def test_everything_stands_on_floor_of_its_own_and_is_solvable(level, num_boxes):
    for task in make_tasks("sokoban", 3, 3, level=level, num_boxes=num_boxes):
        state = task.state
        cells = [state.start, *state.boxes, *state.targets]
        assert len(set(cells)) == 2 * num_boxes + 1
        assert all(state.grid[cell] == 0 for cell in cells)
        states = solution(state.grid, state_of(state.start, state.boxes), state.targets)
        assert len(states) == len(task.solution.points) > 1
        assert set(states[-1][1]) == set(state.targets)


def test_three_boxes_are_possible():
    task = make_task("sokoban", 0, level="medium", num_boxes=3)
    assert list(task.objects) == ["agent", "box_0", "box_1", "box_2"]
    assert len(task.goals) == 3
    assert "each yellow box" in task.prompt


@pytest.mark.parametrize(("level", "least", "most"), [("tiny", 4, 9), ("tiny_long", 10, 15)])
def test_small_boards_have_solutions_of_every_length(level: str, least: int, most: int) -> None:
    moves = [len(task.solution.points) - 1 for task in make_tasks("sokoban", 0, 60, level=level)]
    assert (min(moves), max(moves)) == (least, most)
    assert min(moves.count(length) for length in range(least, most + 1)) >= 2


def test_a_split_has_layouts_of_its_side_only():
    for split in ("train", "validation", "test"):
        family = SokobanFamily(split=split)
        assert all(split_of(family.layout_key(family.generate(seed))) == split for seed in range(3))


def test_a_rotated_board_has_the_same_layout_key():
    state = room("######", "#A.#.#", "#.B..#", "#...T#", "######")
    family = SokobanFamily(level="easy")
    turned = replace(family.task(state), state=replace(state, grid=np.rot90(state.grid)))
    assert family.layout_key(turned) == family.layout_key(family.task(state))


@pytest.mark.parametrize("skin", list(SKINS))
def test_the_prompt_names_what_the_picture_shows(skin):
    task = make_task("sokoban", 0, skin=skin)
    looks = SKINS[skin].extra
    assert task.prompt.startswith("sokoban: ")
    for name, look in (("wall", SKINS[skin].wall), ("goal", SKINS[skin].goal), ("agent", SKINS[skin].agent)):
        assert looks.get(f"sokoban_{name}", look).word in task.prompt
    assert looks["box"].word in task.prompt


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"level": "giant"}, "level 'giant'.*tiny"),
        ({"skin": "neon"}, "skin 'neon'.*plain"),
        ({"split": "dev"}, "split 'dev'.*validation"),
        ({"num_boxes": 4}, "num_boxes: 4"),
        ({"num_boxes": 0}, "num_boxes: 0"),
        ({"size": 5}, "10 x 10 blocks: 5 x 5 px"),
    ],
)
def test_a_setting_that_does_not_exist_names_those_that_do(wrong, message):
    with pytest.raises(ConfigError, match=message):
        make_task("sokoban", 0, **wrong)


def test_a_level_without_a_solution_is_a_generation_error():
    with pytest.raises(GenerationError, match="cannot be pushed to the targets"):
        SokobanFamily(level="easy").task(room("#####", "#B.A#", "#..T#", "#####"))


def test_a_board_that_no_draw_fits_is_a_generation_error(monkeypatch):
    level = replace(SOKOBAN_LEVELS["tiny"], blocks=3, wall_share=0.0)
    monkeypatch.setitem(SOKOBAN_LEVELS, "impossible", level)
    with pytest.raises(GenerationError, match=r"level 'impossible'.*1000 tries"):
        make_task("sokoban", 0, level="impossible")


# -------------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("skin", ["plain", "brick"])
def test_a_video_begins_with_the_first_frame_and_rests_at_the_end(level, skin):
    task = make_task("sokoban", 2, level=level, skin=skin, size=96)
    video = family_of(task).render(task, task.solution, 17, 96)
    assert video.shape == (17, 96, 96, 3)
    np.testing.assert_array_equal(video[0], task.first_frame)
    np.testing.assert_array_equal(video[-1], video[-2])


def test_the_last_frame_shows_every_box_on_a_target():
    for num_boxes in (1, 2, 3):
        task = make_task("sokoban", 1, level="medium", num_boxes=num_boxes, size=128)
        last = family_of(task).render(task, task.solution, 9, 128)[-1]
        centers = np.asarray([task.solution.points[-1], *[goal.center for goal in task.goals]], np.float32)
        np.testing.assert_array_equal(last, draw_objects(task.state, centers[None], 128)[0])


def test_a_tiny_agent_makes_one_move_in_each_frame_and_the_box_goes_along():
    task = make_task("sokoban", 5, level="tiny")
    video = family_of(task).render(task, task.solution, 17, 80)
    states = solution(task.state.grid, state_of(task.state.start, task.state.boxes), task.state.targets)
    for frame, picture in enumerate(video):
        (row, col), ((box_row, box_col),) = states[min(frame, len(states) - 1)]
        assert picture[8 * row + 4, 8 * col + 4].tolist() == [47, 133, 246]
        assert picture[8 * box_row + 4, 8 * box_col + 4].tolist() == [254, 231, 90]


@pytest.mark.parametrize("num_frames", [1, 2, 5, 7, 49])
def test_boxes_follow_at_any_number_of_frames(num_frames):
    state = room("#######", "#A....#", "#.B...#", "#....T#", "#######")
    task = SokobanFamily(level="easy", size=70).task(state)
    video = family_of(task).render(task, task.solution, num_frames, 70)
    assert len(video) == num_frames
    if num_frames > 2:
        centers = np.asarray([[task.solution.points[-1], task.goals[0].center]], np.float32)
        np.testing.assert_array_equal(video[-1], draw_objects(task.state, centers, 70)[0])


@pytest.mark.parametrize("size", [64, 80, 83, 333])
def test_a_task_can_have_any_size(size):
    task = make_task("sokoban", 1, level="tiny", size=size)
    assert task.first_frame.shape == (size, size, 3)
    assert family_of(task).render(task, task.solution, 3, size).shape == (3, size, size, 3)


def test_an_oblong_board_is_drawn_without_distortion():
    task = SokobanFamily(level="easy", size=90).task(room("#########", "#A.B.T..#", "#.......#", "#########"))
    assert task.first_frame.shape == (40, 90, 3)
    assert family_of(task).render(task, task.solution, 3, 90).shape == (3, 40, 90, 3)


# ---------------------------------------------------------------------------------------------- pushed boxes

STATE = room("########", "#......#", "#.A.B..#", "#.....T#", "########")


def test_a_box_waits_until_the_agent_touches_it_and_then_keeps_one_cell_ahead():
    boxes = boxes_along(STATE, [(2, 2), (2, 3), (2, 3.5), (2, 4), (2, 5)])
    assert boxes[:, 0].tolist() == [[2, 4], [2, 4], [2, 4.5], [2, 5], [2, 6]]


def test_a_push_is_the_same_whether_the_path_names_every_cell_or_its_corners_only():
    task = SokobanFamily(level="easy", size=80).task(STATE)
    dense = family_of(task).render(task, path_of([(2, 2), (2, 3), (2, 4), (2, 5)], (5, 8)), 9, 80)
    sparse = family_of(task).render(task, path_of([(2, 2), (2, 5)], (5, 8)), 9, 80)
    np.testing.assert_array_equal(dense, sparse)


def test_a_box_stays_where_it_was_left():
    boxes = boxes_along(STATE, [(2, 2), (2, 4), (2, 3), (1, 3), (1, 5)])
    assert boxes[:, 0].tolist() == [[2, 4], [2, 5], [2, 5], [2, 5], [2, 5]]


def test_walls_and_other_boxes_stop_a_box():
    assert boxes_along(STATE, [(2, 2), (2, 6)])[-1, 0].tolist() == [2, 6]
    two = room("########", "#AB.B..#", "#....TT#", "########")
    assert boxes_along(two, [(1, 1), (1, 4)])[-1].tolist() == [[1, 3], [1, 4]]


def test_a_box_is_not_pulled_nor_pushed_sideways_by_a_path_across_it():
    assert boxes_along(STATE, [(2, 3), (2, 1)])[-1, 0].tolist() == [2, 4]
    assert boxes_along(STATE, [(1, 3), (3, 6)])[-1, 0].tolist() == [2, 4]


def test_the_family_says_what_its_agent_moves():
    task = SokobanFamily(level="easy").task(STATE)
    family = family_of(task)
    assert isinstance(family, MovesObjects)
    followed = family.follow(task, task.solution)
    assert followed.shape == (len(task.solution.points), 1, 2)
    np.testing.assert_allclose(followed[-1, 0], task.goals[0].center, atol=1e-6)
