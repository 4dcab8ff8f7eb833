"""`wan-r1 evaluate paths`: Target-Bench's folders judged; bad input is said and left out."""

import json
import os

import numpy as np
import pytest

from wan_r1.cli.main import main
from wan_r1.errors import DatasetError
from wan_r1.evaluation.paths import evaluate_paths
from wan_r1.metrics.target_bench import VIPE
from wan_r1.tasks import make_tasks
from wan_r1.tasks.target_bench import list_segments, write_segment
from wan_r1.trackers.camera import OracleDecoder
from wan_r1.video import write_video


@pytest.fixture
def root(tmp_path):
    for index, task in enumerate(make_tasks("navigation", 4, 3, size=32), start=1):
        write_segment(tmp_path, f"tiny_{index:04d}", task, 9)
    return tmp_path


def test_reference_videos_have_the_best_score_with_the_oracle(root):
    (row,) = evaluate_paths(root, root, OracleDecoder()).rows()
    assert row.num_videos == 3
    assert row.num_failed == 0
    assert row.overall.mean >= 0.89
    assert row.compatible == pytest.approx(row.overall.mean, abs=1e-9)


def test_missing_and_short_videos_count_zero_and_are_skipped_in_the_compatible_column(root):
    first, second, _ = sorted((root / "wm_videos" / "gt_videos").glob("*.mp4"))
    first.unlink()
    write_video(second, np.zeros((1, 32, 32, 3), np.uint8))
    found = evaluate_paths(root, root, OracleDecoder())
    (row,) = found.rows()
    assert row.num_failed == 2
    assert row.overall.mean == pytest.approx(row.compatible / 3)
    assert [result.failure is None for result in found.results] == [False, False, True]
    assert "1 frame" in found.results[1].failure


def test_what_is_wrong_in_the_data_set_is_one_line_each_and_the_rest_is_judged(root, capsys):
    broken, empty, _ = list_segments(root)
    (broken / f"{broken.name}_metadata.json").unlink()
    (empty / f"{empty.name}_caption.txt").write_text("")
    out = root / "out"
    code = main(["evaluate", "paths", str(root), str(root), "--decoder", "oracle", "--json", "--out", str(out)])
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert code == 0
    assert len(result["segments"]) == 1
    assert result["models"][0]["overall"]["mean"] >= 0.89
    lines = [line for line in printed.err.splitlines() if "left out" in line]
    assert len(lines) == 2
    assert any("_metadata.json: missing" in line for line in lines)
    assert any("caption is empty" in line for line in lines)
    assert len(list(out.glob("*.png"))) == 1


def test_the_tables_name_models_segments_and_failures(root, capsys):
    next((root / "wm_videos" / "gt_videos").glob("*.mp4")).unlink()
    assert main(["evaluate", "paths", str(root), str(root / "wm_videos"), "--decoder", "oracle"]) == 0
    printed = capsys.readouterr()
    assert "gt_videos" in printed.out
    assert "compatible" in printed.out
    assert "failed" in printed.out
    assert "no video" in printed.err


def test_a_data_set_without_one_usable_segment_is_an_error(root):
    for folder in list_segments(root):
        (folder / f"{folder.name}_caption.txt").write_text("")
    with pytest.raises(DatasetError, match="no segment can be used"):
        evaluate_paths(root, root, OracleDecoder())


def test_make_navigation_writes_what_evaluate_paths_reads(tmp_path):
    out = tmp_path / "rooms"
    assert main(["make", "navigation", "--num", "2", "--size", "32", "--frames", "9", "--out", str(out)]) == 0
    rows = (out / "metadata.csv").read_text().splitlines()
    assert rows[0] == "video,prompt,input_image"
    assert all((out / part).is_file() for part in (rows[1].split(",")[0], rows[1].rsplit(",", 1)[1]))
    assert evaluate_paths(out, out, OracleDecoder()).rows()[0].overall.mean >= 0.89


def test_the_compatible_column_has_the_constants_of_the_other(root):
    (row,) = evaluate_paths(root, root, OracleDecoder(), constants=VIPE).rows()
    assert row.overall.mean == pytest.approx(1.0, abs=1e-6)
    assert row.compatible == pytest.approx(1.0, abs=1e-6)


def test_true_poses_of_another_length_are_a_failure_of_that_video_only(root):
    poses = sorted((root / "wm_videos" / "gt_videos").glob("*_poses.csv"))[0]
    poses.write_text("\n".join(poses.read_text().splitlines()[:-1]))
    found = evaluate_paths(root, root, OracleDecoder())
    assert [result.failure is None for result in found.results] == [False, True, True]
    assert "8 true poses for a video of 9 frames" in found.results[0].failure


@pytest.mark.parametrize("suffix", [".MP4", ".mkv"])
def test_videos_of_every_usual_ending_are_judged(root, suffix):
    for video in sorted((root / "wm_videos" / "gt_videos").glob("*.mp4")):
        video.rename(video.with_suffix(suffix))
    (row,) = evaluate_paths(root, root, OracleDecoder()).rows()
    assert (row.num_videos, row.num_failed) == (3, 0)


def test_a_folder_without_videos_is_a_line_and_no_model(root):
    (root / "wm_videos" / "other").mkdir()
    (root / "wm_videos" / "other" / "tiny_0001.gif").touch()
    found = evaluate_paths(root, root, OracleDecoder())
    assert [row.model for row in found.rows()] == ["gt_videos"]
    (problem,) = found.problems
    assert "wm_videos/other: no video in it (.mp4, " in problem


def test_links_that_lead_out_of_the_data_set_are_problems(root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    whole, part, inner = list_segments(root)
    whole.rename(outside / whole.name)
    whole.symlink_to(outside / whole.name)
    for folder, place in ((part, outside), (inner, root)):
        caption = folder / f"{folder.name}_caption.txt"
        caption.rename(place / caption.name)
        caption.symlink_to(place / caption.name)
    found = evaluate_paths(root, root, OracleDecoder())
    assert [result.segment for result in found.results] == [inner.name]
    assert ["leads out of the data set" in problem for problem in found.problems[:2]] == [True, True]


def test_a_model_may_have_any_name(root, tmp_path):
    odd = root / "wm_videos" / os.fsdecode(b"a$\\q$_\xff")
    (root / "wm_videos" / "gt_videos").rename(odd)
    out = tmp_path / "plots"
    assert main(["evaluate", "paths", str(root), str(root), "--decoder", "oracle", "--out", str(out)]) == 0
    assert len(list(out.glob("*.png"))) == 3
