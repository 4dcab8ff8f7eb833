"""Which files make a level, and which generated video belongs to which level; only names matter here."""

import errno
import os
from pathlib import Path

import pytest

from wan_r1.errors import DatasetError
from wan_r1.evaluation.datasets import Level, find_levels, find_samples, shown


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def level_files(folder: str, stem: str) -> tuple[str, ...]:
    return f"{folder}states/{stem}.json", f"{folder}images/{stem}.png", f"{folder}videos/{stem}.mp4"


def found(root: Path) -> list[Level]:
    levels, problems = find_levels(root)
    assert problems == []
    return levels


@pytest.mark.parametrize(
    ("below", "folder", "expected"),
    [
        ("", "maze/candy/easy/", ("maze", "candy", "easy")),
        ("", "candy/easy/", ("-", "candy", "easy")),
        ("candy", "easy/", ("-", "candy", "easy")),
        ("candy/easy", "", ("-", "candy", "easy")),
        ("train", "", ("-", "-", "easy")),
        ("", "sokoban/easy/", ("sokoban", "-", "easy")),
        ("maze", "easy/", ("maze", "-", "easy")),
        ("maze", "maze/easy/", ("maze", "maze", "easy")),
    ],
)
def test_folders_name_game_skin_and_difficulty(tmp_path, below, folder, expected):
    touch(tmp_path / below, *level_files(folder, "easy_0001"))
    (level,) = found(tmp_path / below)
    assert (level.game, level.skin, level.difficulty) == expected
    assert level.image == (tmp_path / below / folder / "images/easy_0001.png").resolve()
    assert [path.name for path in level.solutions] == ["easy_0001.mp4"]


def test_several_solutions_of_the_released_data_take_the_place_of_the_one(tmp_path):
    touch(tmp_path, *level_files("", "easy_0001"), "videos/easy_0001_0.mp4", "videos/easy_0001_1.mp4")
    touch(tmp_path, *level_files("", "easy_0002"))
    several, one = found(tmp_path)
    assert [path.name for path in several.solutions] == ["easy_0001_0.mp4", "easy_0001_1.mp4"]
    assert [path.name for path in one.solutions] == ["easy_0002.mp4"]


def test_hidden_files_and_other_files_are_no_levels(tmp_path):
    touch(tmp_path, *level_files("", "easy_0001"), "states/._easy_0001.json", "results.json", "states/readme.txt")
    assert [level.name for level in found(tmp_path)] == ["easy_0001"]


def test_a_picture_without_a_state_is_a_problem_that_names_it(tmp_path):
    touch(tmp_path, *level_files("1/easy/", "easy_0001"), "1/easy/images/easy_0002.png")
    levels, problems = find_levels(tmp_path)
    assert len(levels) == 1
    assert [(problem.kind, problem.path.name) for problem in problems] == [("dataset", "easy_0002.png")]
    assert "no ../states/easy_0002.json" in problems[0].text


def test_links_that_lead_out_of_the_dataset_are_problems(tmp_path):
    touch(tmp_path / "out", "a.png", *level_files("2/easy/", "easy_0001"))
    root = touch(tmp_path / "data", *level_files("1/easy/", "easy_0001"), *level_files("1/easy/", "easy_0002"))
    (root / "1/easy/images/easy_0001.png").unlink()
    (root / "1/easy/images/easy_0001.png").symlink_to(tmp_path / "out/a.png")
    (root / "2").symlink_to(tmp_path / "out/2")
    levels, problems = find_levels(root)
    assert [level.problem is None for level in levels] == [False, True]
    assert "easy_0001.png: a link that leads out" in levels[0].problem.text
    assert [problem.path.name for problem in problems] == ["2"]


def test_a_link_inside_the_dataset_is_fine(tmp_path):
    touch(tmp_path, *level_files("1/easy/", "easy_0001"), "shared.png")
    (tmp_path / "1/easy/images/easy_0001.png").unlink()
    (tmp_path / "1/easy/images/easy_0001.png").symlink_to(tmp_path / "shared.png")
    assert found(tmp_path)[0].problem is None


def test_endings_may_be_written_in_capitals(tmp_path):
    touch(tmp_path, "states/easy_0001.JSON", "images/easy_0001.PNG", "videos/easy_0001.MP4")
    (level,) = found(tmp_path)
    assert (level.state.name, level.image.name) == ("easy_0001.JSON", "easy_0001.PNG")
    assert [path.name for path in level.solutions] == ["easy_0001.MP4"]


@pytest.fixture
def close(monkeypatch):
    """Makes folders whose path ends so unreadable; permissions themselves do not stop a superuser."""

    def start(name: str) -> None:
        for function in ("listdir", "scandir"):
            original = getattr(os, function)

            def refuse(path, original=original):
                if str(path).endswith(name):
                    raise PermissionError(errno.EACCES, "Permission denied", str(path))
                return original(path)

            monkeypatch.setattr(os, function, refuse)

    return start


@pytest.mark.parametrize("name", ["1/easy/states", "1/easy/images", "1/easy", "1"])
def test_a_folder_that_cannot_be_read_is_a_problem_and_the_rest_is_found(tmp_path, close, name):
    touch(tmp_path, *level_files("1/easy/", "easy_0001"), *level_files("2/easy/", "easy_0002"))
    close(name)
    levels, problems = find_levels(tmp_path)
    assert [level.name for level in levels] == ["2/easy/easy_0002"]
    assert [(problem.kind, problem.path) for problem in problems] == [("dataset", tmp_path / name)]
    assert f"{name}: cannot be read (Permission denied)" in problems[0].text


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_a_dataset_that_is_none_is_refused(tmp_path, name):
    touch(tmp_path, "file", "empty/a.txt")
    with pytest.raises(DatasetError, match="no such folder"):
        find_levels(tmp_path / name)
    with pytest.raises(DatasetError, match=r"no states/\*.json below it"):
        find_levels(tmp_path / "empty")


@pytest.fixture
def two_skins(tmp_path):
    names = [level_files(f"maze/{skin}/easy/", f"easy_000{k}") for skin in "12" for k in (1, 2)]
    return found(touch(tmp_path / "data", *(name for each in names for name in each)))


def labels(levels: list[Level], root: Path) -> dict[str, list[str]]:
    samples, problems = find_samples(root, levels)
    assert problems == []
    return {name: [sample.label for sample in each] for name, each in samples.items() if each}


@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        (["maze/1/easy/easy_0001.mp4"], {"maze/1/easy/easy_0001": [""]}),
        (["1/easy/videos/easy_0001.mp4"], {"maze/1/easy/easy_0001": [""]}),
        (["2/easy_0001_s0.mp4", "2/easy_0001_s1.mp4"], {"maze/2/easy/easy_0001": ["s0", "s1"]}),
        (["2/easy/easy_0002_3.webm"], {"maze/2/easy/easy_0002": ["_3"]}),
        (["seed/regular_maze/1/easy/easy_0001.mp4"], {"maze/1/easy/easy_0001": ["seed"]}),
        (["a/1/easy/easy_0001.mp4", "b/1/easy/easy_0001.mp4"], {"maze/1/easy/easy_0001": ["a", "b"]}),
        (
            ["1/easy/seed 1/easy_0001.mp4", "1/easy/seed 2/easy_0001.mp4"],
            {"maze/1/easy/easy_0001": ["seed 1", "seed 2"]},
        ),
    ],
)
def test_a_video_finds_its_level_by_name_and_folders(two_skins, tmp_path, videos, expected):
    assert labels(two_skins, touch(tmp_path / "out", *videos)) == expected


def test_the_folder_that_is_given_may_name_the_skin(two_skins, tmp_path):
    assert labels(two_skins, touch(tmp_path / "out/2", "easy/easy_0001.mp4")) == {"maze/2/easy/easy_0001": [""]}


def test_without_folders_a_name_that_one_level_has_is_enough(tmp_path):
    levels = found(touch(tmp_path / "data", *level_files("1/easy/", "easy_0001")))
    assert labels(levels, touch(tmp_path / "out", "easy_0001.mp4")) == {"1/easy/easy_0001": [""]}


@pytest.mark.parametrize(
    ("video", "why"),
    [
        ("easy_0001.mp4", "cannot tell its level"),
        ("3/easy/easy_0001.mp4", "cannot tell its level"),
        ("trapfield/1/easy/easy_0001.mp4", "cannot tell its level"),
        ("1/easy/easy_0009.mp4", "no level of this name"),
        ("1/easy/film.mp4", "no level of this name"),
    ],
)
def test_a_video_that_belongs_to_no_level_is_a_problem_that_names_it(two_skins, tmp_path, video, why):
    samples, problems = find_samples(touch(tmp_path / "out", video), two_skins)
    assert not any(samples.values())
    assert [problem.kind for problem in problems] == ["unmatched"]
    assert why in problems[0].text
    assert video in problems[0].text


def test_two_videos_that_would_be_the_same_sample_are_not_mixed(two_skins, tmp_path):
    root = touch(tmp_path / "out", "1/easy/easy_0001.mp4", "1/easy/videos/easy_0001.mp4")
    samples, problems = find_samples(root, two_skins)
    assert [sample.label for sample in samples["maze/1/easy/easy_0001"]] == [""]
    assert "another video is this sample" in problems[0].text


def test_a_folder_of_videos_that_cannot_be_read_is_a_problem(two_skins, tmp_path, close):
    root = touch(tmp_path / "out", "1/easy/easy_0001.mp4", "closed/2/easy/easy_0001.mp4")
    close("closed")
    samples, problems = find_samples(root, two_skins)
    assert [len(each) for each in samples.values()] == [1, 0, 0, 0]
    assert [(problem.kind, problem.path) for problem in problems] == [("unmatched", root / "closed")]


def test_names_that_are_not_utf_8_can_be_shown():
    assert shown("a\udcff/b\nc") == "a\\xff/b c"
