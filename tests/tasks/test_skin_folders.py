"""Skin folders of VR-Bench, read as they are: pictures, colours and words."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from wan_r1.cli.main import main
from wan_r1.errors import ConfigError, DatasetError
from wan_r1.rewards import TrajectoryReward
from wan_r1.tasks import FAMILIES, make_family, make_task
from wan_r1.tasks.draw import look_sprite
from wan_r1.tasks.skin_folders import GAME_FILES, read_skin

WORDS = {
    "player": "white rabbit",
    "goal": "orange carrots",
    "wall": "gray rock",
    "floor": "green grass",
    "box": "wooden crate",
    "trap": "deep hole",
    "start": "golf ball",
    "end": "golf hole",
    "road": "green lawn",
    "start_cube": "wine cube",
    "goal_cube": "teal cube",
    "default_cube": "navy cube",
    "ball": "violet ball",
}
COLORS = {
    "start_pos": "#750725",
    "goal_pos": "#0DC27D",
    "default_cube": "#34495E",
    "ball": "#9C0BD0",
    "ball_edge": "#C40E75",
}
TILES = {"floor": (60, 130, 60), "wall": (90, 90, 100), "road": (40, 140, 60)}
SPRITES = {
    "player": (250, 250, 250),
    "target": (250, 140, 30),
    "goal": (250, 140, 30),
    "box": (150, 90, 40),
    "trap": (30, 20, 20),
    "start": (250, 250, 250),
    "end": (20, 20, 20),
}


def draw_picture(file: Path, name: str, size: tuple[int, int] = (96, 96)) -> None:
    """A tile that fills the picture, or an ellipse on nothing; a .jpg has no opacity."""
    image = Image.new("RGBA", size, (*TILES[name], 255) if name in TILES else (0, 0, 0, 0))
    if name in SPRITES:
        ImageDraw.Draw(image).ellipse((12, 12, size[0] - 13, size[1] - 13), fill=(*SPRITES[name], 255))
    (image.convert("RGB") if file.suffix == ".jpg" else image).save(file)


def make_folder(folder: Path, family: str) -> Path:
    folder.mkdir(parents=True)
    for name in (*GAME_FILES[family], *(("floor",) if "player" in GAME_FILES[family] else ())):
        if name == "colors.json":
            (folder / name).write_text(json.dumps(COLORS))
        else:
            draw_picture(folder / f"{name}{'.jpg' if name == 'wall' else '.png'}", name)
    (folder / "description.json").write_text(json.dumps({"skin_id": "7", "visual_description": WORDS}))
    return folder


@pytest.mark.parametrize("family", list(GAME_FILES))
def test_a_skin_folder_gives_the_looks_and_the_words_of_its_game(family, tmp_path):
    folder = make_folder(tmp_path / "skins of mine" / "7", family)
    task = make_task(family, seed=3, level="easy", size=320, skin=str(folder))
    said = {
        "maze": ("white rabbit", "orange carrots", "gray rock", "green grass"),
        "sokoban": ("white rabbit", "orange carrots", "gray rock", "green grass", "wooden crate"),
        "trapfield": ("white rabbit", "orange carrots", "deep hole", "green grass"),
        "irregular_maze": ("golf ball", "golf hole", "green lawn"),
        "maze3d": ("violet ball", "teal cube", "navy cubes"),
    }[family]
    assert [word for word in said if word not in task.prompt] == []
    x, y = (int(320 * v) for v in task.objects["agent"].center)
    color = (156, 11, 208) if family == "maze3d" else (250, 250, 250)
    assert np.abs(task.first_frame[y, x].astype(int) - color).max() <= 3


@pytest.mark.parametrize("family", list(GAME_FILES))
def test_a_solution_in_a_folders_skin_is_judged_solved(family, tmp_path):
    maker = make_family(family, level="easy", size=320, skin=str(make_folder(tmp_path / "7", family)))
    task = maker.generate(5)
    verdict = TrajectoryReward()(task, maker.render(task, task.solution, 41, 320)).verdict
    assert verdict is not None
    assert (verdict.solved, verdict.optimal) == (True, True)


def test_every_game_but_navigation_has_its_files():
    assert set(GAME_FILES) == set(FAMILIES) - {"navigation"}


def test_a_board_without_a_floor_picture_has_vr_benchs_ground(tmp_path):
    folder = make_folder(tmp_path / "s", "sokoban")
    (folder / "floor.png").unlink()
    task = make_task("sokoban", seed=3, level="easy", skin=str(folder))
    row, col = next(
        cell
        for cell in np.argwhere(task.state.grid == 0).tolist()
        if tuple(cell) not in {task.state.start, *task.state.boxes, *task.state.targets}
    )
    assert task.first_frame[row * 64 + 32, col * 64 + 32].tolist() == [224, 201, 166]


def test_a_picture_that_is_no_square_keeps_its_shape_in_the_middle_of_its_cell(tmp_path):
    folder = make_folder(tmp_path / "m", "maze")
    draw_picture(folder / "player.png", "player", (120, 60))
    sprite = look_sprite(read_skin(str(folder)).agent, 40)
    shown = np.argwhere(sprite.alpha > 0.5)
    (top, left), (bottom, right) = shown.min(axis=0), shown.max(axis=0)
    assert (right - left + 1, bottom - top + 1) == (32, 12)
    assert (left + right, top + bottom) == (39, 39)


def test_the_road_picture_is_tiled_at_its_own_size(tmp_path):
    folder = make_folder(tmp_path / "p", "irregular_maze")
    stripes = np.zeros((16, 64, 3), np.uint8)
    stripes[:, :32] = (200, 40, 40)
    Image.fromarray(stripes).save(folder / "road.png")
    task = make_task("irregular_maze", seed=3, level="easy", skin=str(folder))
    red = (task.first_frame == (200, 40, 40)).all(axis=2)
    columns = np.flatnonzero(red.sum(axis=0) > 40)
    assert set((columns % 64 // 32).tolist()) == {0}


def test_a_folder_without_words_has_plain_ones(tmp_path):
    folder = make_folder(tmp_path / "m", "maze")
    (folder / "description.json").unlink()
    prompt = make_task("maze", seed=0, skin=str(folder)).prompt
    assert prompt == "maze: the player walks on the floor to the goal and never crosses the wall"


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("wall.jpg", None, "no skin folder of maze: wall missing; it needs player.png, target.png, wall.png"),
        ("player.png", b"no picture", r"player\.png: not a readable picture"),
        ("description.json", b"\xff\xfe", r"description\.json: not valid JSON"),
        ("description.json", b"[]", r"description\.json: expected an object"),
        ("description.json", b'{"visual_description": {"player": 3}}', "expected an object of texts"),
        (
            "colors.json",
            b'{"start_pos": "red"}',
            r'start_pos: expected a colour like #FF8C00; got "red"',
        ),
    ],
)
def test_a_damaged_folder_is_one_line_that_names_the_file(file, content, message, tmp_path):
    folder = make_folder(tmp_path / "m", "maze")
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        make_family("maze", skin=str(folder))


def test_a_picture_of_nothing_is_refused(tmp_path):
    folder = make_folder(tmp_path / "m", "maze")
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(folder / "player.png")
    with pytest.raises(DatasetError, match="nothing but transparent pixels"):
        make_family("maze", skin=str(folder))


def test_a_missing_folder_an_empty_folder_and_another_games_folder_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no such skin folder"):
        make_family("maze", skin=str(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no skin folder of VR-Bench"):
        make_family("maze", skin=str(tmp_path / "empty"))
    with pytest.raises(DatasetError, match="no skin folder of sokoban: box missing"):
        make_family("sokoban", skin=str(make_folder(tmp_path / "m", "maze")))
    with pytest.raises(ConfigError, match="'neon': unknown; known skins are plain"):
        make_family("maze", skin="neon")


def test_make_takes_a_skin_folder(tmp_path):
    folder = make_folder(tmp_path / "m", "maze")
    options = ["--level", "easy", "--num", "1", "--frames", "9", "--out", str(tmp_path / "out")]
    assert main(["make", "maze", "--skin", str(folder), *options]) == 0
    assert "white rabbit" in (tmp_path / "out" / "metadata.csv").read_text()
