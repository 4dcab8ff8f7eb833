"""`wan-r1 make --layout vr-bench`: one folder for each skin and level, as VR-Bench's data lie."""

import csv
import filecmp
import json

import pytest
from PIL import Image

from wan_r1.cli.main import main
from wan_r1.tasks import FAMILIES, make_task, task_seed
from wan_r1.tasks.vr_bench import read_state
from wan_r1.tasks.vr_bench.timing import solution_frames
from wan_r1.video import read_video

SMALL = ["--size", "112", "--frames", "9", "--layout", "vr-bench"]


def rows_of(folder):
    with (folder / "metadata.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "navigation"])
def test_every_game_is_written_and_read_again(family, tmp_path, capsys):
    size = ["--size", "320"] if family == "irregular_maze" else []
    options = ["--level", "easy", "--num", "1", "--skin", "night", *SMALL, *size, "--out", str(tmp_path)]
    assert main(["make", family, *options, "--json"]) == 0
    folder = tmp_path / "night" / "easy"
    assert json.loads(capsys.readouterr().out)["folder"] == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["images", "states", "videos"]
    row = rows_of(tmp_path)[0]
    assert (row["video"], row["input_image"]) == (
        "night/easy/videos/easy_0001.mp4",
        "night/easy/images/easy_0001.png",
    )
    task = make_task(family, task_seed(0, 0), level="easy", skin="night", size=320 if size else 112)
    assert row["prompt"] == task.prompt
    again = read_state(folder / "states" / "easy_0001.json")
    assert (again.first_frame == task.first_frame).all()
    assert len(again.solution.points) == len(task.solution.points)
    assert read_video(folder / "videos" / "easy_0001.mp4").shape[0] == 9


def test_several_skins_and_levels_share_one_table_and_making_one_again_changes_nothing(tmp_path):
    for skin, level in (("plain", "easy"), ("night", "easy"), ("plain", "medium"), ("plain", "easy")):
        options = ["--level", level, "--skin", skin, "--num", "2", *SMALL, "--out", str(tmp_path)]
        assert main(["make", "maze", *options]) == 0
    videos = sorted(row["video"] for row in rows_of(tmp_path))
    groups = ("night/easy/videos/easy", "plain/easy/videos/easy", "plain/medium/videos/medium")
    assert videos == [f"{group}_000{number}.mp4" for group in groups for number in (1, 2)]


def test_any_number_of_workers_writes_the_same_files(tmp_path):
    for workers in ("1", "2"):
        options = ["--level", "easy", "--num", "2", *SMALL, "--workers", workers, "--out", str(tmp_path / workers)]
        assert main(["make", "maze", *options]) == 0
    names = [str(path.relative_to(tmp_path / "1")) for path in (tmp_path / "1").rglob("*.*")]
    assert len(names) == 7
    assert filecmp.cmpfiles(tmp_path / "1", tmp_path / "2", names, shallow=False) == (names, [], [])


def test_without_frames_the_motion_is_as_slow_as_vr_benchs_and_a_rest_follows(tmp_path):
    options = ["--level", "easy", "--num", "1", "--layout", "vr-bench", "--out", str(tmp_path)]
    assert main(["make", "maze", *options]) == 0
    task = read_state(tmp_path / "plain" / "easy" / "states" / "easy_0001.json")
    frames = len(read_video(tmp_path / "plain" / "easy" / "videos" / "easy_0001.mp4"))
    assert frames % 4 == 1
    assert solution_frames(task) <= 0.85 * frames + 1 < solution_frames(task) + 5


def test_a_table_of_something_else_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "metadata.csv").write_text("video,prompt\na.mp4,go\n")
    options = ["--level", "easy", "--num", "1", *SMALL, "--out", str(tmp_path)]
    assert main(["make", "maze", *options]) == 2
    assert "metadata.csv: expected columns video,prompt,input_image only" in capsys.readouterr().err
    assert (tmp_path / "metadata.csv").read_text() == "video,prompt\na.mp4,go\n"
    assert [path.name for path in tmp_path.iterdir()] == ["metadata.csv"]


def test_another_game_is_not_written_into_the_same_folder(tmp_path, capsys):
    options = ["--level", "easy", "--num", "1", "--size", "112", "--layout", "vr-bench", "--out", str(tmp_path)]
    assert main(["make", "maze", *options]) == 0
    assert main(["make", "trapfield", *options]) == 2
    assert "holds tasks of maze already" in capsys.readouterr().err


def skin_folder(folder, player):
    folder.mkdir(parents=True)
    for name, color in (("player", player), ("target", "red"), ("wall", "black"), ("floor", "white")):
        Image.new("RGB", (32, 32), color).save(folder / f"{name}.png")
    return str(folder)


def test_a_skin_in_which_the_agent_cannot_be_seen_is_refused(tmp_path, capsys):
    skin = skin_folder(tmp_path / "skin", player="white")
    assert main(["make", "maze", "--level", "easy", "--num", "1", "--skin", skin, "--out", str(tmp_path / "out")]) == 2
    assert f"{skin}: its first picture shows only floor at the player's cell" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_another_skin_of_the_same_name_is_not_written_over_the_first(tmp_path, capsys, monkeypatch):
    first, second = (skin_folder(tmp_path / name / "7", name) for name in ("blue", "green"))
    options = ["make", "maze", "--level", "easy", "--num", "1", *SMALL, "--out", str(tmp_path / "out"), "--skin"]
    assert main([*options, first]) == 0
    assert main([*options, second]) == 2
    assert f"holds tasks of the skin {first} already" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert main([*options, "blue/7"]) == 0


def test_rows_of_levels_that_stay_in_the_folder_stay_in_the_table(tmp_path):
    options = ["--level", "easy", "--size", "112", "--layout", "vr-bench", "--out", str(tmp_path)]
    assert main(["make", "trapfield", "--num", "3", *options]) == 0
    assert main(["make", "trapfield", "--num", "1", *options]) == 0
    assert sorted(row["video"][-8:-4] for row in rows_of(tmp_path)) == ["0001", "0002", "0003"]
