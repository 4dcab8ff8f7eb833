"""Run folders: names, JSON lines, whole writes, videos."""

import json
import subprocess
import sys

import numpy as np
import pytest

from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.runs import RunFolder, read_json, write_bytes, write_json, write_text
from wan_r1.types import Score, Verdict, Violation
from wan_r1.video import read_video


def test_start_saves_the_recipe_and_where_the_run_came_from(tmp_path):
    run = RunFolder(tmp_path / "runs" / "a")
    run.start("x = 1\n")
    provenance = read_json(run.provenance)
    assert run.recipe.read_text() == "x = 1\n"
    assert provenance["version"] == "0.1.0"
    assert set(provenance) == {"version", "commit", "command", "started", "python", "platform", "resumed"}


def test_start_refuses_a_folder_with_a_run_unless_it_resumes(tmp_path):
    run = RunFolder(tmp_path)
    run.start("x = 1\n")
    run.append_metrics(1, {"reward/mean": 0.5})
    with pytest.raises(ConfigError, match="already holds a run; pass --resume"):
        run.start("x = 1\n")
    run.start("x = 1\n", resume=True)
    assert len(read_json(run.provenance)["resumed"]) == 1
    assert len(run.read_metrics()) == 1


def test_metrics_come_back_line_by_line(tmp_path):
    run = RunFolder(tmp_path)
    run.append_metrics(1, {"reward/mean": 0.25})
    run.append_metrics(2, {"reward/mean": np.float32(0.5), "loss/policy": float("nan")})
    assert run.read_metrics() == [
        {"step": 1, "reward/mean": 0.25},
        {"step": 2, "reward/mean": 0.5, "loss/policy": None},
    ]


def test_a_run_without_metrics_has_no_lines(tmp_path):
    assert RunFolder(tmp_path).read_metrics() == []


def test_a_line_that_a_crash_cut_short_is_left_out_and_then_replaced(tmp_path):
    run = RunFolder(tmp_path)
    run.append_metrics(1, {"loss": 3.0})
    with run.metrics.open("a") as file:
        file.write('{"step": 2, "lo')
    assert [line["step"] for line in run.read_metrics()] == [1]
    run.append_metrics(2, {"loss": 2.0})
    assert run.metrics.read_text() == '{"step": 1, "loss": 3.0}\n{"step": 2, "loss": 2.0}\n'


def test_a_broken_line_in_the_middle_is_an_error_with_its_number(tmp_path):
    run = RunFolder(tmp_path)
    run.metrics.write_text('{"step": 1}\nxx\n{"step": 3}\n')
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl:2: not a JSON line"):
        run.read_metrics()


def test_resuming_drops_the_lines_after_the_checkpoint(tmp_path):
    run = RunFolder(tmp_path)
    for step in range(5):
        run.append_metrics(step, {"loss": 1.0})
    run.drop_metrics_after(2)
    assert [line["step"] for line in run.read_metrics()] == [0, 1, 2]


def test_json_is_written_without_nan_and_with_numpy_numbers(tmp_path):
    write_json(tmp_path / "a.json", {"x": np.float32(0.5), "y": [np.int64(3), float("inf")], "z": np.zeros(2)})
    assert read_json(tmp_path / "a.json") == {"x": 0.5, "y": [3, None], "z": [0.0, 0.0]}


@pytest.mark.parametrize("content", [None, "", "{"])
def test_a_missing_or_broken_json_file_is_an_error_of_ours(tmp_path, content):
    path = tmp_path / "summary.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CheckpointError, match=r"summary\.json: not a readable JSON file"):
        read_json(path)


def test_writing_leaves_no_other_file_behind(tmp_path):
    write_text(tmp_path / "a.txt", "one")
    write_bytes(tmp_path / "a.txt", b"two")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "two"


FULL_DISK = """
import resource, sys
from wan_r1.errors import CheckpointError
from wan_r1.runs import RunFolder, write_bytes
run = RunFolder(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for action in (lambda: write_bytes(run.summary, b"x" * 2000), lambda: run.append_metrics(2, {"a" * 2000: 1.0})):
    try:
        action()
    except CheckpointError as error:
        print(error)
"""


def test_a_full_disk_is_named_and_leaves_the_previous_files_intact(tmp_path):
    run = RunFolder(tmp_path)
    write_text(run.summary, "before")
    run.append_metrics(1, {"loss": 1.0})
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert f"{run.summary}: cannot be written (File too large); what was there is unchanged" in result.stdout
    assert f"{run.metrics}: cannot be written (File too large)" in result.stdout
    assert run.summary.read_text() == "before"
    assert run.read_metrics() == [{"step": 1, "loss": 1.0}]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.jsonl", "summary.json"]


def test_a_path_that_cannot_be_a_folder_is_an_error_of_ours(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot make the folder"):
        RunFolder(tmp_path / "file" / "run").start("")


def video(value):
    return np.full((5, 16, 16, 3), value, dtype=np.uint8)


def test_a_video_is_saved_with_its_verdict_and_track(tmp_path):
    run = RunFolder(tmp_path)
    track = np.array([[0.1, 0.2], [np.nan, np.nan], [0.3, 0.4], [0.3, 0.4], [0.3, 0.4]], dtype=np.float32)
    verdict = Verdict(
        solved=False, optimal=False, progress=0.5, violations=(Violation(kind="teleport", frame=2, point=(0.3, 0.4)),)
    )
    score = Score(value=0.15, parts={"progress": 0.5}, verdict=verdict)
    entry = run.add_video(video(200), group="before", task="003", score=score, track=track)
    assert run.read_videos() == [entry]
    assert entry.track[:3] == [[0.1, 0.2], None, [0.3, 0.4]]
    assert entry.verdict == {
        "solved": False,
        "optimal": False,
        "progress": 0.5,
        "violations": [{"kind": "teleport", "frame": 2, "point": [0.3, 0.4]}],
    }
    assert abs(int(read_video(run.videos / entry.file).mean()) - 200) <= 2


def test_the_same_task_and_group_is_replaced(tmp_path):
    run = RunFolder(tmp_path)
    for value, group in ((0.1, "before"), (0.9, "after"), (0.2, "before")):
        run.add_video(video(0), group=group, task="003", score=Score(value=value, parts={}))
    assert [(entry.group, entry.value) for entry in run.read_videos()] == [("after", 0.9), ("before", 0.2)]


def test_a_video_of_an_unknown_group_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='group "during": expected one of before, after'):
        RunFolder(tmp_path).add_video(video(0), group="during", task="1", score=Score(value=0.0, parts={}))


def test_an_index_with_other_keys_is_an_error_of_ours(tmp_path):
    run = RunFolder(tmp_path)
    run.videos.mkdir()
    (run.videos / "index.json").write_text(json.dumps([{"name": "x"}]))
    with pytest.raises(CheckpointError, match=r"index\.json: not a list of videos"):
        run.read_videos()


def test_the_log_keeps_its_lines(tmp_path):
    run = RunFolder(tmp_path)
    run.write_log("one")
    run.write_log("two\n")
    assert run.log.read_text() == "one\ntwo\n"


def test_a_resumed_run_names_what_its_recipe_changes(tmp_path):
    run = RunFolder(tmp_path)
    assert run.start("x = 1\n[rl]\nseed = 1\nsize = 3\n") == []
    changed = run.start("x = 1\n[rl]\nseed = 2\nnew = true\n", resume=True)
    assert changed == ["rl.seed: 1 -> 2", "rl.size: 3 -> None", "rl.new: None -> True"]
    assert read_json(run.provenance)["resumed"][0]["changed"] == changed
