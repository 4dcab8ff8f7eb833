"""`wan-r1 evaluate videos`: tables, pictures and errors as the user sees them."""

import json
import shutil

import pytest

from wan_r1.cli.main import main
from wan_r1.video import read_image


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two tiny mazes with solution videos, as `wan-r1 make` writes them."""
    folder = tmp_path_factory.mktemp("made") / "data"
    assert main(["make", "maze", "--level", "tiny", "--num", "2", "--seed", "5", "--out", str(folder)]) == 0
    return folder


def evaluate(*arguments):
    return main(["evaluate", "videos", *map(str, arguments)])


def test_tables_pictures_and_errors_are_written(made, tmp_path, capsys):
    output = shutil.copytree(made / "videos", tmp_path / "my videos")
    (output / "tiny_0002.mp4").write_bytes(b"no video")
    assert evaluate(made, output, "--cache", tmp_path / "cache", "--pictures") == 0
    said = capsys.readouterr()
    assert "SR" in said.out.splitlines()[0]
    assert "video: " in said.err
    assert "tiny_0002.mp4: not a readable video" in said.err
    record = json.loads((output / "evaluation/evaluation.json").read_text())
    assert record["settings"]["tracker"] == "sprite"
    assert (record["settings"]["threshold"], record["settings"]["samples"]) == (0.05, 1000)
    assert [(video["level"], video["em"], video["verdict"]["optimal"]) for video in record["videos"]] == [
        ("tiny_0001", True, True)
    ]
    assert record["groups"][0]["em"]["mean"] == 0.5
    assert [error["kind"] for error in record["errors"]] == ["video"]
    table = (output / "evaluation/evaluation.md").read_text()
    assert "| maze | - | tiny | 2 | 2 | 1 | 0.500" in table
    assert "tiny_0002.mp4: not a readable video" in table
    picture = read_image(output / "evaluation/pictures/tiny_0001.png")
    assert picture.shape == (480, 480, 3)
    assert (abs(picture.astype(int) - (200, 30, 200)).sum(axis=2) < 30).sum() > 100


def test_notes_are_no_errors(made, tmp_path, capsys):
    dataset = shutil.copytree(made, tmp_path / "data")
    (dataset / "videos/tiny_0001.mp4").unlink()
    assert evaluate(dataset, made / "videos", "--cache", tmp_path / "cache", "--out", tmp_path / "out") == 0
    said = capsys.readouterr().err
    assert "note: " in said
    assert "evaluation.md (1 note)" in said
    table = (tmp_path / "out/evaluation.md").read_text()
    assert "## Errors" not in table
    assert "## Notes: 1\n\n- note: " in table


@pytest.mark.parametrize("tracker", ["ncc", "csrt", "optical_flow"])
def test_vr_bench_trackers_and_options_can_be_chosen(made, tmp_path, capsys, tracker):
    options = ["--tracker", tracker, "--options", "cli", "--samples", "50", "--json"]
    assert evaluate(made, made, "--out", tmp_path / "out", "--cache", tmp_path / "cache", *options) == 0
    result = json.loads(capsys.readouterr().out)
    settings = result["settings"]
    assert (settings["tracker"], settings["threshold"], settings["samples"]) == (tracker, 0.01, 50)
    row = result["groups"][0]
    assert (row["levels"], row["videos"], row["errors"], row["pr"]["mean"]) == (2, 2, 0, 1.0)
    assert row["optimal"] is None
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "nowhere"], "nowhere: no such folder"),
        (["states", "states"], "no states/*.json below it"),
        (["", "images"], "no video there belongs to a level"),
        (["", "videos", "--threshold", "-1"], "threshold: -1.0; must be >= 0"),
    ],
)
def test_wrong_input_is_one_line_and_code_2(made, capsys, arguments, says):
    dataset, output, *options = arguments
    assert evaluate(made / dataset, made / output, *options) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert says in errors[0]
