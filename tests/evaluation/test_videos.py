"""Evaluation of generated videos: good ones, bad ones, damaged files, samples, states without a map."""

import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from wan_r1.errors import DatasetError
from wan_r1.evaluation.datasets import Sample, find_levels
from wan_r1.evaluation.reference import TrackCache
from wan_r1.evaluation.suite import SuiteResult, evaluate_videos
from wan_r1.evaluation.table import group_rows, markdown, video_rows
from wan_r1.evaluation.videos import Job, LevelResult, VideoSettings, evaluate_level
from wan_r1.metrics.vr_bench import CLI, FidelityMeter, maze_fidelity
from wan_r1.tasks import family_of, make_tasks
from wan_r1.tasks.vr_bench import write_state
from wan_r1.types import Task
from wan_r1.video import read_parts, read_video, write_image, write_video

FRAMES = 17
FOLDER = "Spiele \u8ff7\u5bab/candy 1/easy"


def write_level(folder: Path, name: str, task: Task) -> None:
    size = max(task.first_frame.shape[:2])
    write_image(folder / "images" / f"{name}.png", task.first_frame)
    write_state(folder / "states" / f"{name}.json", task)
    write_video(folder / "videos" / f"{name}.mp4", family_of(task).render(task, task.solution, FRAMES, size))


@pytest.fixture(scope="module")
def three_levels(tmp_path_factory):
    """A dataset of three tiny mazes in a folder whose name has spaces and letters that are not Latin."""
    root = tmp_path_factory.mktemp("data")
    for index, task in enumerate(make_tasks("maze", 3, 3, level="tiny")):
        write_level(root / FOLDER, f"easy_000{index + 1}", task)
    return root


@pytest.fixture
def dataset(three_levels, tmp_path):
    """A copy of it, to be damaged."""
    return shutil.copytree(three_levels, tmp_path / "data")


def evaluate_one(root: Path, index: int = 0, settings: VideoSettings | None = None) -> LevelResult:
    """The level's own solution video, evaluated as a generated one."""
    level = find_levels(root)[0][index]
    video = level.state.parent.parent / "videos" / f"{level.stem}.mp4"
    samples = (Sample(path=video, label=""),)
    return evaluate_level(Job(level=level, samples=samples, settings=settings or VideoSettings()))


def test_a_solution_video_is_perfect_by_all_numbers(three_levels):
    result = evaluate_one(three_levels)
    (video,) = result.videos
    assert (result.game, result.problems, result.notes) == ("maze", (), ())
    assert (video.numbers.success, video.numbers.exact, video.numbers.precision) == (True, True, 1.0)
    assert video.score.verdict.optimal
    assert video.fidelity > 0.98
    assert (video.num_frames, video.size) == (FRAMES, (80, 80))


def edit(change):
    def damage(folder: Path) -> None:
        path = folder / "states/easy_0001.json"
        values = json.loads(path.read_text(encoding="utf-8"))
        change(values)
        path.write_text(json.dumps(values), encoding="utf-8")

    return damage


def put(name: str, data: bytes):
    return lambda folder: (folder / name).write_bytes(data)


def other_picture(folder: Path) -> None:
    write_image(folder / "images/easy_0001.png", np.full((48, 48, 3), 255, np.uint8))


def link_out(folder: Path) -> None:
    target = folder.parents[3] / "outside.json"
    shutil.move(folder / "states/easy_0001.json", target)
    (folder / "states/easy_0001.json").symlink_to(target)


def link_to_itself(folder: Path) -> None:
    (folder / "states/easy_0001.json").unlink()
    (folder / "states/easy_0001.json").symlink_to(folder / "states/easy_0001.json")


def huge_png() -> bytes:
    """The head of a picture of 20000 x 20000 px, which PIL refuses to open."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


BOMB = huge_png()
STATE, PICTURE = "states/easy_0001.json", "images/easy_0001.png"
DAMAGES = {
    "missing key": (edit(lambda v: v["entities"].pop("player")), "player: missing"),
    "missing box": (edit(lambda v: v["entities"]["goal"].pop("bbox")), "bbox: missing"),
    "missing map and video": (
        lambda f: (edit(lambda v: v.pop("grid"))(f), (f / "videos/easy_0001.mp4").unlink()),
        "grid: missing, and no solution video",
    ),
    "missing rows": (edit(lambda v: v["grid"].pop("data")), "grid.data: missing"),
    "wrong type": (edit(lambda v: v["render"].update(image_width="72")), "image_width: expected a whole number"),
    "wrong type of list": (edit(lambda v: v.update(entities=[])), "entities: expected an object"),
    "unknown game": (edit(lambda v: v.update(game_type="chess")), "game_type: expected one of"),
    "game is a list": (edit(lambda v: v.update(game_type=[1])), "game_type: expected a string"),
    "box outside the board": (
        edit(lambda v: v["entities"]["goal"]["bbox"].update(x=900)),
        "expected a box inside the picture",
    ),
    "cell outside the board": (edit(lambda v: v["entities"]["player"]["grid_pos"].update(row=77)), "inside the grid"),
    "no box at the edge": (
        lambda f: (
            edit(lambda v: v.pop("grid"))(f),
            edit(lambda v: v["entities"]["player"]["bbox"].update(x=v["render"]["image_width"], width=0))(f),
        ),
        "width: expected a whole number",
    ),
    "infinite box": (edit(lambda v: v["entities"]["goal"]["bbox"].update(x=float("inf"))), "expected a whole number"),
    "picture of another size": (other_picture, "48 x 48 px, but render says"),
    "no picture": (lambda f: (f / PICTURE).unlink(), "easy_0001.png"),
    "bomb of a picture": (put(PICTURE, BOMB), "not a readable picture"),
    "garbage picture": (put(PICTURE, b"no picture"), "not a readable picture"),
    "not UTF-8": (put(STATE, b'{"version": "\xff\xfe"}'), "not valid JSON"),
    "not JSON": (put(STATE, b"{"), "not valid JSON"),
    "a list": (put(STATE, b"[1]"), "expected an object"),
    "empty": (put(STATE, b""), "not valid JSON"),
    "long number": (put(STATE, b'{"version": ' + b"1" * 5000 + b"}"), "not valid JSON"),
    "deep": (put(STATE, b"[" * 100_000), "not valid JSON"),
    "link out": (link_out, "a link that leads out"),
    "link to itself": (link_to_itself, "a link that leads out"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_level_is_one_line_that_names_its_file(dataset, name):
    damage, says = DAMAGES[name]
    damage(dataset / FOLDER)
    level = find_levels(dataset)[0][0]
    result = evaluate_level(Job(level=level, samples=(), settings=VideoSettings()))
    assert (result.videos, len(result.problems)) == ((), 1)
    (problem,) = result.problems
    assert problem.kind == "dataset"
    assert says in problem.text
    assert "easy_0001." in problem.text
    assert "\n" not in problem.text


def suite(dataset: Path, output: Path, **options) -> SuiteResult:
    return evaluate_videos(dataset, output, VideoSettings(), **options)


def test_the_rest_of_a_damaged_folder_is_evaluated_and_nothing_is_dropped(dataset, tmp_path):
    folder, output = dataset / FOLDER, tmp_path / "out"
    shutil.copytree(folder / "videos", output)
    (folder / STATE).write_bytes(b"\xff")
    (output / "easy_0002.mp4").write_bytes((output / "easy_0002.mp4").read_bytes()[:700])
    (output / "easy_0077.mp4").write_bytes(b"")
    result = suite(dataset, output)
    problems = [*result.problems, *(problem for level in result.levels for problem in level.problems)]
    assert [(problem.kind, problem.path.name) for problem in problems] == [
        ("unmatched", "easy_0077.mp4"),
        ("dataset", "easy_0001.json"),
        ("video", "easy_0002.mp4"),
    ]
    (row,) = group_rows(result)
    assert [row[name] for name in ("game", "levels", "videos", "errors", "dataset_errors")] == ["maze", 3, 2, 1, 1]
    assert row["em"]["mean"] == row["optimal"]["mean"] == 0.5
    assert row["mf"]["n"] == 1


def test_a_level_without_a_video_is_a_failure_unless_only_given_ones_count(dataset, tmp_path):
    shutil.copytree(dataset / FOLDER / "videos", tmp_path / "out")
    (tmp_path / "out/easy_0003.mp4").unlink()
    result = suite(dataset, tmp_path / "out")
    assert "easy_0003.mp4: no such video" in result.levels[2].problems[0].text
    assert group_rows(result)[-1]["sr"]["mean"] == pytest.approx(2 / 3)
    given = suite(dataset, tmp_path / "out", given_only=True)
    assert (given.left_out, group_rows(given)[-1]["sr"]["mean"]) == (1, 1.0)


def test_samples_give_pass_at_k_and_one_that_is_missing_is_a_failure(dataset, tmp_path):
    videos = dataset / FOLDER / "videos"
    for level, good in (("easy_0001", (1, 0)), ("easy_0002", (1, 1)), ("easy_0003", (0,))):
        for sample, is_good in enumerate(good):
            video = read_video(videos / f"{level}.mp4")
            write_video(tmp_path / "out" / f"{sample}" / f"{level}.mp4", video if is_good else video[:1].repeat(5, 0))
    result = suite(dataset, tmp_path / "out")
    assert [level.failed for level in result.levels] == [(), (), ("1",)]
    row = group_rows(result)[-1]
    assert (row["videos"], row["errors"], row["em"]["mean"]) == (6, 1, 0.5)
    assert row["pass_at_k_em"] == {"1": 0.5, "2": pytest.approx(2 / 3)}
    assert row["em"]["low"] <= 0.5 <= row["em"]["high"]


@pytest.mark.parametrize("suffix", ["", "_0", "_s0"], ids=["no number", "number", "s and number"])
def test_a_missing_sample_is_a_failure_however_samples_are_named(dataset, tmp_path, suffix):
    (tmp_path / "out").mkdir()
    samples = {"easy_0001": (suffix, "_s1"), "easy_0002": ("_s1",), "easy_0003": (suffix, "_s1")}
    for level, suffixes in samples.items():
        for each in suffixes:
            shutil.copy(dataset / FOLDER / "videos" / f"{level}.mp4", tmp_path / "out" / f"{level}{each}.mp4")
    result = suite(dataset, tmp_path / "out")
    assert [level.failed for level in result.levels] == [(), (suffix.replace("_s", "s"),), ()]
    assert [problem.text.partition(":")[2] for problem in result.levels[1].problems] == [
        " no such video among the generated ones"
    ]


def test_several_solutions_of_one_level_are_all_evaluated_and_the_best_is_the_reference(dataset):
    videos = dataset / FOLDER / "videos"
    (videos / "easy_0001.mp4").rename(videos / "easy_0001_1.mp4")
    direct = read_video(videos / "easy_0001_1.mp4")
    write_video(videos / "easy_0001_0.mp4", np.concatenate([direct[:8], direct[7::-1], direct]))
    result = suite(dataset, dataset)
    first = result.levels[0]
    assert [(video.sample.label, video.numbers.exact) for video in first.videos] == [("_0", True), ("_1", True)]
    assert [video.numbers.best_reference for video in first.videos] == [0, 1]
    assert [level.failed for level in result.levels] == [(), (), ()]


def test_workers_give_the_same_numbers(dataset):
    one, two = (suite(dataset, dataset, workers=workers) for workers in (1, 2))
    assert video_rows(one) == video_rows(two)
    assert len(video_rows(one)) == 3


def test_names_that_are_not_utf_8_are_evaluated_or_named(dataset, tmp_path):
    folder = tmp_path / os.fsdecode(b"out \xff")
    shutil.copytree(dataset / FOLDER / "videos", folder)
    shutil.copy(folder / "easy_0001.mp4", folder / os.fsdecode(b"easy_\xfe.mp4"))
    result = suite(dataset, folder)
    assert [len(level.videos) for level in result.levels] == [1, 1, 1]
    assert ["easy_\\xfe.mp4" in problem.text for problem in result.problems] == [True]
    assert "out \\xff" in markdown("a", [], group_rows(result), [row["file"] for row in video_rows(result)])


def test_nothing_to_evaluate_is_refused(dataset, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="no video there belongs to a level"):
        suite(dataset, tmp_path / "empty")


def test_a_state_without_a_map_takes_the_way_of_its_solution_video(dataset):
    edit(lambda values: values.pop("grid"))(dataset / FOLDER)
    with_map, without = evaluate_one(dataset, 1), evaluate_one(dataset, 0)
    (video,) = without.videos
    assert (without.judged, with_map.judged) == (False, True)
    assert "easy_0001.json: no map in this state" in without.notes[0]
    assert (without.game, video.numbers.success, video.numbers.exact, video.score) == ("maze", True, True, None)
    assert with_map.videos[0].score is not None


def test_a_frozen_solution_video_shows_no_way_for_a_state_without_a_map(dataset):
    edit(lambda values: values.pop("grid"))(dataset / FOLDER)
    path = dataset / FOLDER / "videos/easy_0001.mp4"
    write_video(path, read_video(path)[:1].repeat(5, 0))
    result = evaluate_one(dataset)
    assert "the agent does not move" in result.problems[0].text


@pytest.mark.parametrize("damage", ["missing", "broken"])
def test_without_a_solution_video_the_solver_is_the_reference_and_a_line_says_so(dataset, tmp_path, damage):
    path = dataset / FOLDER / "videos/easy_0001.mp4"
    shutil.copy(path, tmp_path / "easy_0001.mp4")
    path.write_bytes(b"no video") if damage == "broken" else path.unlink()
    level = find_levels(dataset)[0][0]
    samples = (Sample(path=tmp_path / "easy_0001.mp4", label=""),)
    result = evaluate_level(Job(level=level, samples=samples, settings=VideoSettings()))
    assert result.videos[0].numbers.exact
    assert len(result.notes) == 1
    assert "easy_0001.mp4" in result.notes[0]
    assert "is the reference" in result.notes[0]


@pytest.mark.parametrize("family", ["maze", "sokoban"])
@pytest.mark.parametrize(
    "damage",
    [lambda v: v[:1], lambda v: v[:1].repeat(17, 0), lambda v: v[:3], np.zeros_like],
    ids=["one frame", "still", "cut off", "black"],
)
def test_a_solution_video_that_reaches_no_goal_is_no_reference_and_a_line_says_so(tmp_path, family, damage):
    (task,) = make_tasks(family, 3, 1, level="tiny")
    write_level(tmp_path / "data", "easy_0001", task)
    path = tmp_path / "data/videos/easy_0001.mp4"
    shutil.copytree(path.parent, tmp_path / "out")
    write_video(path, damage(read_video(path)))
    (level,) = suite(tmp_path / "data", tmp_path / "out").levels
    assert level.videos[0].numbers.exact
    (note,) = level.notes
    assert f"{path}: nothing reaches the goal in this solution video" in note
    assert "is the reference" in note


def test_a_generated_video_of_one_frame_is_a_failure_that_is_listed(dataset, tmp_path):
    shutil.copytree(dataset / FOLDER / "videos", tmp_path / "out")
    write_video(tmp_path / "out/easy_0001.mp4", read_video(tmp_path / "out/easy_0001.mp4")[:1])
    result = suite(dataset, tmp_path / "out")
    assert result.levels[0].failed == ("",)
    assert "easy_0001.mp4: one frame; a way needs at least 2" in result.levels[0].problems[0].text
    row = group_rows(result)[-1]
    assert (row["errors"], row["sd"]["n"], row["mf"]["n"]) == (1, 2, 2)


def test_a_dataset_of_which_no_level_can_be_found_is_what_the_message_names(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / f"data/{name}/images/easy_0001.png", np.zeros((8, 8, 3), np.uint8))
        (tmp_path / f"data/{name}/videos").mkdir()
    write_video(tmp_path / "out/easy_0001.mp4", np.zeros((5, 8, 8, 3), np.uint8))
    with pytest.raises(DatasetError, match=r"no level can be read; the first problem: .*a/images.*and 1 more problems"):
        suite(tmp_path / "data", tmp_path / "out")


def test_tracks_of_solution_videos_are_kept_and_read_again(dataset, tmp_path):
    settings = VideoSettings(cache=TrackCache(folder=tmp_path / "cache"))
    before = evaluate_one(dataset, settings=settings)
    (kept,) = (tmp_path / "cache").iterdir()
    points = np.load(kept)
    np.save(kept, points[::-1].copy())
    assert evaluate_one(dataset, settings=settings).videos[0].numbers.precision < 0.5
    kept.write_bytes(b"broken")
    assert evaluate_one(dataset, settings=settings).videos == before.videos
    assert np.array_equal(np.load(kept), points)


def test_the_report_shows_every_group_and_every_error(dataset, tmp_path):
    (dataset / FOLDER / STATE).write_bytes(b"\xff")
    result = suite(dataset, dataset)
    errors = [problem.text for level in result.levels for problem in level.problems]
    text = markdown("Evaluation", ["tracker: sprite"], group_rows(result), errors)
    assert "| maze | candy 1 | easy | 3 | 2 | 1 | 1.000 [0.342, 1.000] |" in text
    assert "## Errors: 1" in text
    assert "easy_0001.json: not valid JSON" in text


def test_a_video_in_parts_gives_the_frames_and_fidelity_of_the_whole(tmp_path):
    video = np.random.default_rng(0).integers(0, 256, (70, 40, 56, 3), dtype=np.uint8)
    write_video(tmp_path / "a.mp4", video, crf=0)
    parts = list(read_parts(tmp_path / "a.mp4"))
    assert [len(part) for part in parts] == [32, 32, 6]
    assert np.array_equal(np.concatenate(parts), video)
    agent, box = np.full((70, 2), 0.5), make_tasks("maze", 0, 1)[0].goals[0]
    meter = FidelityMeter(agent, box, box, (56, 40))
    for index in range(0, 70, CLI.fidelity_frame_step):
        meter.add(index, video[index])
    assert meter.fidelity == maze_fidelity(video, agent, box, box, (56, 40))
    assert 0 < meter.fidelity < 0.1


def test_tracks_of_other_code_of_the_trackers_are_not_read(dataset, tmp_path, monkeypatch):
    settings = VideoSettings(cache=TrackCache(folder=tmp_path / "cache"))
    evaluate_one(dataset, settings=settings)
    monkeypatch.setattr("wan_r1.evaluation.reference._trackers_code", lambda: "other")
    evaluate_one(dataset, settings=settings)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_linked_folders_of_samples_are_evaluated_and_links_back_end(dataset, tmp_path):
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "run1").symlink_to(dataset / FOLDER / "videos")
    (tmp_path / "output" / "back").symlink_to(tmp_path / "output")
    result = suite(dataset, tmp_path / "output")
    assert [len(level.videos) for level in result.levels] == [1, 1, 1]
    assert not result.levels[0].problems


def test_a_folder_called_as_the_sums_is_counted_once(dataset, tmp_path):
    shutil.move(dataset / FOLDER, (dataset / FOLDER).with_name("all"))
    result = suite(dataset, dataset)
    assert {row["levels"] for row in group_rows(result)} == {3}
