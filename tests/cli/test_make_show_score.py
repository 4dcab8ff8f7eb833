"""From a task to files and from files to a score, by the command line."""

import csv
import filecmp
import json
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from wan_r1.cli.main import main
from wan_r1.tasks import family_of, frames_needed, make_task, make_tasks, task_seed
from wan_r1.video import read_image, read_video, write_video

MAKE = ["make", "maze", "--level", "tiny", "--num", "3", "--seed", "5"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    assert main([*MAKE, "--out", str(folder)]) == 0
    return folder


def test_make_writes_the_layout_of_vr_bench(made):
    with (made / "metadata.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["video"] for row in rows] == [f"videos/tiny_000{i}.mp4" for i in (1, 2, 3)]
    assert [row["input_image"] for row in rows] == [f"images/tiny_000{i}.png" for i in (1, 2, 3)]
    assert rows[0]["prompt"] == make_task("maze", task_seed(5, 0), level="tiny").prompt
    assert read_video(made / "videos/tiny_0001.mp4").shape == (17, 80, 80, 3)
    assert sorted(path.name for path in made.glob("states/*")) == ["tiny_0001.json", "tiny_0002.json", "tiny_0003.json"]


def test_the_first_picture_is_the_first_frame_of_the_task(made):
    task = make_task("maze", task_seed(5, 1), level="tiny")
    assert np.array_equal(read_image(made / "images/tiny_0002.png"), task.first_frame)


def test_any_number_of_workers_writes_the_same_files(made, tmp_path, capsys):
    assert main([*MAKE, "--workers", "2", "--out", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["num"] == 3
    names = [str(path.relative_to(made)) for path in made.rglob("*.*")]
    assert len(names) == 10
    assert filecmp.cmpfiles(made, tmp_path, names, shallow=False) == (names, [], [])


def test_settings_of_one_family_are_options(tmp_path, capsys):
    assert main(["make", "sokoban", "--level", "tiny", "--num-boxes", "2", "--num", "1", "--out", str(tmp_path)]) == 0
    state = json.loads((tmp_path / "states/tiny_0001.json").read_text())
    assert len(state["entities"]["boxes"]) == 2
    show = ["show", "navigation", "--size", "32", "--out", str(tmp_path / "a.png"), "--json", "--prompts"]
    capsys.readouterr()
    assert main([*show, "implicit"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["prompts"] == "implicit"
    assert main(["make", "maze", "--num-boxes", "2", "--out", str(tmp_path)]) == 2
    assert "unknown setting 'num_boxes'" in capsys.readouterr().err


def score(capsys, *argv):
    assert main(["score", *map(str, argv), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_solver_video_scores_as_solved(made, capsys):
    result = score(capsys, made / "videos/tiny_0001.mp4", "--state", made / "states/tiny_0001.json")
    assert result["value"] >= 0.95
    assert result["verdict"] == {"solved": True, "optimal": True, "progress": 1.0, "violations": []}


def test_a_video_of_another_task_is_not_solved(made, capsys):
    image = made / "images/tiny_0001.png"
    state = made / "states/tiny_0001.json"
    result = score(capsys, made / "videos/tiny_0002.mp4", "--state", state, "--image", image)
    assert result["value"] <= 0.3
    assert result["verdict"]["solved"] is False


def test_a_violation_is_printed_with_kind_and_frame(made, tmp_path, capsys):
    video = read_video(made / "videos/tiny_0001.mp4")
    write_video(tmp_path / "cut.mp4", np.concatenate([video[:2], video[-15:][::-1][:1].repeat(15, axis=0)]))
    result = score(capsys, tmp_path / "cut.mp4", "--state", made / "states/tiny_0001.json")
    assert set(result["verdict"]["violations"][0]) == {"kind", "frame"}


def test_the_reward_can_be_chosen_by_name_and_from_own_code(made, capsys):
    pair = (made / "videos/tiny_0001.mp4", "--state", made / "states/tiny_0001.json")
    assert score(capsys, *pair, "--reward", "sparse")["value"] == 1.0
    assert score(capsys, *pair, "--reward", "wan_r1.rewards:TrajectoryReward")["value"] >= 0.95
    assert main(["score", *map(str, pair), "--reward", "math:pi"]) == 2
    assert 'reward.name = "math:pi": is 3.14' in capsys.readouterr().err
    assert main(["score", *map(str, pair), "--reward", "operator:is_"]) == 2
    assert "reward is_: returned False" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 50, "truncated"])
def test_a_broken_video_is_one_clear_line_and_code_2(made, tmp_path, capsys, content):
    whole = (made / "videos/tiny_0001.mp4").read_bytes()
    (tmp_path / "bad.mp4").write_bytes(whole[: len(whole) // 2] if content == "truncated" else content)
    assert main(["score", str(tmp_path / "bad.mp4"), "--state", str(made / "states/tiny_0001.json")]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("wan-r1: error: ")
    assert "bad.mp4" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("change", [{"entities": {}}, {"entities": 3}, {"grid": {"data": "x"}}, None])
def test_a_broken_state_is_one_clear_line_and_code_2(made, tmp_path, capsys, change):
    state = json.loads((made / "states/tiny_0001.json").read_text())
    text = "{" if change is None else json.dumps({**state, **change})
    (tmp_path / "state.json").write_text(text)
    image, video = made / "images/tiny_0001.png", made / "videos/tiny_0001.mp4"
    assert main(["score", str(video), "--state", str(tmp_path / "state.json"), "--image", str(image)]) == 2
    errors = capsys.readouterr().err
    assert "state.json" in errors
    assert errors.count("\n") == 1


def test_a_missing_picture_is_one_clear_line_and_code_2(made, tmp_path, capsys):
    (tmp_path / "lonely.json").write_bytes((made / "states/tiny_0001.json").read_bytes())
    assert main(["score", str(made / "videos/tiny_0001.mp4"), "--state", str(tmp_path / "lonely.json")]) == 2
    assert "lonely.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--frames", "80"], "--frames: 80 frames; Wan needs 4n + 1, for example 77 or 81"),
        (["--level", "tiny", "--frames", "5"], "--frames 5: the solution of tiny_0001 takes"),
        (["--level", "huge"], "level 'huge': unknown"),
        (["--skin", "velvet"], "velvet"),
    ],
)
def test_a_wrong_option_of_make_is_one_clear_line_and_code_2(tmp_path, capsys, options, message):
    assert main(["make", "maze", "--num", "1", "--out", str(tmp_path), *options]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_show_writes_a_picture_with_the_solution(tmp_path, capsys):
    assert main(["show", "maze", "--out", str(tmp_path / "a.png"), "--json"]) == 0
    assert main(["show", "maze", "--out", str(tmp_path / "b.png"), "--no-solution"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["family"] == "maze"
    assert read_image(tmp_path / "a.png").shape == (480, 480, 3)
    assert not np.array_equal(read_image(tmp_path / "a.png"), read_image(tmp_path / "b.png"))


def test_show_writes_a_video(tmp_path):
    assert main(["show", "maze", "--out", str(tmp_path / "a.mp4"), "--frames", "9"]) == 0
    assert read_video(tmp_path / "a.mp4").shape == (9, 480, 480, 3)


def test_show_refuses_another_kind_of_file(tmp_path, capsys):
    assert main(["show", "maze", "--out", str(tmp_path / "a.txt")]) == 2
    assert "write a .png or a .mp4 file" in capsys.readouterr().err


def test_make_does_not_write_over_tasks_of_another_game(tmp_path, capsys):
    out = str(tmp_path / "mix")
    assert main(["make", "maze", "--level", "tiny", "--num", "1", "--frames", "17", "--out", out]) == 0
    assert main(["make", "trapfield", "--level", "tiny", "--num", "1", "--frames", "17", "--out", out]) == 2
    assert "holds tasks of maze already; choose another folder" in capsys.readouterr().err


def test_a_second_level_keeps_the_rows_of_the_first(tmp_path):
    out = tmp_path / "levels"
    for level in ("tiny", "easy", "tiny"):
        assert main(["make", "maze", "--level", level, "--num", "2", "--frames", "17", "--out", str(out)]) == 0
    rows = (out / "metadata.csv").read_text().splitlines()[1:]
    assert sorted(row.split(",")[0] for row in rows) == sorted(
        f"videos/{level}_000{number}.mp4" for level in ("tiny", "easy") for number in (1, 2)
    )


@pytest.mark.parametrize("family", ["maze", "trapfield", "sokoban", "irregular_maze", "maze3d"])
def test_as_many_frames_as_a_solution_takes_show_it_and_one_less_does_not(family):
    for task in make_tasks(family, 3, 3, level="tiny"):
        last = [family_of(task).render(task, task.solution, frames_needed(task) + more, 80)[-1] for more in (-1, 0, 9)]
        assert np.array_equal(last[1], last[2])
        assert not np.array_equal(last[0], last[1])


def test_a_worker_that_is_killed_is_one_clear_line(tmp_path, capsys, monkeypatch):
    def broken(self, *arguments, **options):
        raise BrokenProcessPool("a process was terminated abruptly")

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor.map", broken)
    assert main(["make", "maze", "--level", "tiny", "--num", "2", "--workers", "2", "--out", str(tmp_path)]) == 2
    assert "take fewer --workers" in capsys.readouterr().err
