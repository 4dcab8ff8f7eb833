"""3D mazes: layouts, pictures, and where matplotlib's camera would show them."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks import family_of, make_task, make_tasks
from wan_r1.tasks.difficulty import MAZE3D_LEVELS
from wan_r1.tasks.maze3d import Ladder, Maze3DFamily, Maze3DState
from wan_r1.tasks.maze3d.generate import build_maze, canonical_maze, is_hidden
from wan_r1.tasks.maze3d.solve import road_of, shortest_path
from wan_r1.tasks.maze3d.view import depths, project, standing
from wan_r1.tasks.skins import SKINS
from wan_r1.tasks.split import split_of

LEVELS = list(MAZE3D_LEVELS)
VR_BENCH = ["easy", "medium", "hard"]
seeds = st.integers(0, 2**63 - 1)


def maze_of(seed: int, level: str) -> Maze3DState:
    rng = np.random.default_rng(seed)
    return next(state for state in iter(lambda: build_maze(rng, MAZE3D_LEVELS[level], "plain"), 0) if state)


@pytest.mark.parametrize("grid", [(6, 6, 5), (8, 8, 7), (10, 10, 9), (5, 5, 4)])
def test_points_appear_where_matplotlib_shows_them(grid):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d import proj3d

    figure = Figure(figsize=(8, 8), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(projection="3d")
    axes.view_init(elev=20, azim=45)
    axes.set_box_aspect(np.asarray(grid) / max(grid))
    axes.set(xlim=(0, grid[0]), ylim=(0, grid[1]), zlim=(0, grid[2]))
    figure.subplots_adjust(0, 0, 1, 1)
    axes.apply_aspect()
    points = np.random.default_rng(0).uniform(0, grid, (20, 3))
    x, y, depth = proj3d.proj_transform(*points.T, axes.get_proj())
    display = axes.transData.transform(np.stack([x, y], axis=1))
    shown = np.stack([display[:, 0] - 30, 770 - display[:, 1]], axis=1)  # VR-Bench's cut of 30 px on each side
    np.testing.assert_allclose(project(grid, points) * 740, shown, atol=0.01)
    assert (np.argsort(depths(grid, points)) == np.argsort(depth)).all()


@pytest.mark.parametrize(
    ("grid", "cube", "pixel"),
    [
        ((6, 6, 5), (5, 5, 0), (380, 562)),
        ((6, 6, 5), (1, 1, 3), (380, 158)),
        ((8, 8, 7), (7, 7, 0), (380, 602)),
        ((8, 8, 7), (5, 1, 3), (206, 294)),
    ],
)
def test_balls_stand_where_vr_benchs_states_say(grid, cube, pixel):
    np.testing.assert_allclose(project(grid, standing(np.asarray(cube))) * 740, pixel, atol=1.5)


@given(seeds, st.sampled_from(VR_BENCH))
@settings(max_examples=40, deadline=None)
def test_a_main_way_goes_from_the_near_corner_up_and_away_only(seed, level):
    state = maze_of(seed, level)
    width, depth, _ = MAZE3D_LEVELS[level].grid
    assert state.start == (width - 1, depth - 1, 0)
    way = shortest_path(state)
    moves = {tuple(np.subtract(b, a).tolist()) for a, b in pairwise(way)}
    assert moves <= {(-1, 0, 0), (0, -1, 0), (0, 0, 1)}
    assert len(way) - 1 == sum(abs(a - b) for a, b in zip(state.start, state.goal, strict=True))
    climbs = abs(state.goal[2] - state.start[2]) // 3
    assert 5 <= (len(way) - 1 - 3 * climbs) / 2 + climbs <= 7


@given(seeds, st.sampled_from(LEVELS))
@settings(max_examples=60, deadline=None)
def test_cubes_and_ladders_form_a_tree_inside_the_grid(seed, level):
    state = maze_of(seed, level)
    road, cubes = road_of(state), set(state.cubes)
    assert all(0 <= v < size for cube in cubes for v, size in zip(cube, state.grid_size, strict=True))
    assert {state.start, state.goal} <= cubes
    assert all({ladder.base, (*ladder.base[:2], ladder.base[2] + 3)} <= cubes for ladder in state.ladders)
    assert np.isfinite(road.away).all()
    assert len(road.steps) == len(road.places) - 1


def test_tiny_ways_have_4_to_13_steps_and_fit_into_17_frames_with_rest():
    steps = Counter(len(shortest_path(maze_of(seed, "tiny"))) - 1 for seed in range(100))
    assert min(steps) >= 4
    assert max(steps) <= 13
    assert len(steps) >= 7


def test_the_goal_of_a_tiny_maze_is_in_sight():
    for seed in range(40):
        state = maze_of(seed, "tiny")
        assert not is_hidden(state.grid_size, state.goal, set(state.cubes))
    assert is_hidden((5, 5, 4), (0, 0, 0), {(0, 0, 0), (4, 4, 3)})
    assert not is_hidden((5, 5, 4), (4, 4, 3), {(0, 0, 0), (4, 4, 3)})


small_mazes = st.tuples(
    st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from([0, 2])), min_size=2, max_size=12),
    st.data(),
)


@given(small_mazes)
@settings(max_examples=80, deadline=None)
def test_a_shortest_path_is_legal_and_as_short_as_brute_force_finds(maze):
    cubes, data = maze
    towers = sorted(cube for cube in cubes if cube[2] == 0 and (cube[0], cube[1], 2) in cubes)
    bases = data.draw(st.sets(st.sampled_from(towers))) if towers else set()
    start, goal = (data.draw(st.sampled_from(sorted(cubes))) for _ in range(2))
    state = Maze3DState(
        grid_size=(3, 3, 3),
        cubes=tuple(sorted(cubes)),
        ladders=tuple(Ladder(base=base, height=2) for base in sorted(bases)),
        start=start,
        goal=goal,
        skin="plain",
    )

    def around(place):
        x, y, z = place
        beside = {(x + 1, y, z), (x - 1, y, z), (x, y + 1, z), (x, y - 1, z)} & cubes if place in cubes else set()
        rungs = {(x, y, z + d) for d in (-1, 1) if 0 <= z + d <= 2} if (x, y, 0) in bases else set()
        return beside | rungs

    reached, lengths = [{start}], {}
    while reached[-1]:
        lengths |= {place: len(reached) - 1 for place in reached[-1]}
        reached.append({p for place in reached[-1] for p in around(place)} - set(lengths))
    way = shortest_path(state)
    if goal not in lengths:
        assert way == []
        return
    assert (way[0], way[-1], len(way) - 1) == (start, goal, lengths[goal])
    assert all(b in around(a) for a, b in pairwise(way))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("skin", ["plain", "meadow"])
def test_a_video_begins_with_the_first_frame_and_rests_at_the_goal(level, skin):
    task = make_task("maze3d", 2, level=level, skin=skin, size=160)
    video = family_of(task).render(task, task.solution, 17, 160)
    assert video.shape == (17, 160, 160, 3)
    np.testing.assert_array_equal(video[0], task.first_frame)
    np.testing.assert_array_equal(video[-1], video[-2])
    assert (video[-1] != video[0]).any()


def test_a_tiny_ball_goes_one_cube_in_each_frame():
    task = make_task("maze3d", 5)
    video, points = family_of(task).render(task, task.solution, 17, 80), task.solution.points
    assert len(points) - 1 < 16
    for frame, picture in enumerate(video):
        x, y = points[min(frame, len(points) - 1)] * 80
        assert np.abs(picture[int(y), int(x)].astype(int) - (255, 215, 0)).max() < 30


@pytest.mark.parametrize("size", [64, 80, 333, 740])
def test_a_task_can_have_any_size_and_its_ball_is_wide_enough(size):
    task = make_task("maze3d", 1, size=size)
    assert task.first_frame.shape == (size, size, 3)
    assert task.objects["agent"].width * size >= 6
    assert family_of(task).render(task, task.solution, 3, size).shape == (3, size, size, 3)


@pytest.mark.parametrize("num_frames", [1, 5, 49])
def test_a_solution_video_can_have_any_number_of_frames(num_frames):
    task = make_task("maze3d", 1, level="easy", size=120)
    assert len(family_of(task).render(task, task.solution, num_frames, 120)) == num_frames


@pytest.mark.parametrize("skin", list(SKINS))
def test_the_prompt_names_what_the_picture_shows(skin):
    task = make_task("maze3d", 0, skin=skin)
    assert task.prompt.startswith("maze3d: ")
    for name in ("cube", "ladder", "goal_cube"):
        assert SKINS[skin].extra[name].word in task.prompt


@pytest.mark.parametrize("level", LEVELS)
def test_the_second_goal_box_shows_the_goal_cube(level):
    for seed in range(3):
        task = make_task("maze3d", seed, level=level, size=370)
        box = task.goals[1]
        left, top, side = (int(np.ceil(v * 370)) for v in (box.x, box.y, box.width))
        red, green, _ = np.median(task.first_frame[top : top + side - 1, left : left + side - 1], axis=(0, 1))
        assert red - green > 100


def test_boxes_are_vr_benchs_balls_at_start_and_goal():
    task = make_task("maze3d", 3, level="easy")
    start, goal = (project((6, 6, 5), standing(np.asarray(c))) for c in (task.state.start, task.state.goal))
    np.testing.assert_allclose([*task.objects["agent"].center, *task.goals[0].center], [*start, *goal], atol=1e-6)
    assert task.goals[0].width * 740 == pytest.approx(64.2, abs=0.1)


def test_the_key_of_a_layout_is_that_of_its_mirror_image_and_of_no_other():
    task = make_task("maze3d", 4)
    state = task.state
    mirrored = replace(
        state,
        cubes=tuple(sorted((y, x, z) for x, y, z in state.cubes)),
        ladders=tuple(replace(each, base=(each.base[1], each.base[0], each.base[2])) for each in state.ladders),
    )
    assert family_of(task).layout_key(task) == canonical_maze(state) == canonical_maze(mirrored)
    assert canonical_maze(state) != canonical_maze(replace(state, ladders=()))
    assert len({canonical_maze(maze_of(seed, "tiny")) for seed in range(50)}) > 45


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_has_only_layouts_of_its_side(split):
    tasks = make_tasks("maze3d", 0, 5, split=split)
    assert {split_of(canonical_maze(task.state)) for task in tasks} == {split}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"level": "giant"}, "level 'giant'.*tiny"),
        ({"skin": "neon"}, "skin 'neon'.*plain"),
        ({"split": "dev"}, "split 'dev'.*validation"),
        ({"size": 5}, "5 x 5 px are too few"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_setting_that_does_not_exist_names_those_that_do(wrong, message):
    with pytest.raises(ConfigError, match=message):
        make_task("maze3d", 0, **wrong)


def test_a_goal_that_cannot_be_reached_is_a_generation_error():
    state = Maze3DState(
        grid_size=(5, 5, 4), cubes=((0, 0, 0), (4, 4, 0)), ladders=(), start=(4, 4, 0), goal=(0, 0, 0), skin="plain"
    )
    with pytest.raises(GenerationError, match=r"no way from \(4, 4, 0\) to \(0, 0, 0\)"):
        Maze3DFamily().task(state)
    with pytest.raises(GenerationError, match=r"no way from \(4, 4, 0\) to \(9, 9, 9\)"):
        Maze3DFamily().task(replace(state, goal=(9, 9, 9)))


def test_false_ways_and_scenes_are_not_those_of_the_task():
    task = next(t for t in make_tasks("maze3d", 1, 20) if family_of(t).false_ways(t))
    flight = family_of(task).false_ways(task)["flight"].points
    assert np.hypot(*np.diff(flight, axis=0).T).sum() < np.hypot(*np.diff(task.solution.points, axis=0).T).sum()
    np.testing.assert_allclose(flight[[0, -1]], task.solution.points[[0, -1]], atol=1e-6)
    for scene in family_of(task).false_scenes(task).values():
        assert np.abs(scene.astype(int) - task.first_frame).max() > 60
