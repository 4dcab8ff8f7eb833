"""Target-Bench's segment folders, written and read."""

import json

import numpy as np
import pytest

from wan_r1.errors import ConfigError, DatasetError, VideoError
from wan_r1.tasks import make_task
from wan_r1.tasks.first_person import anchor_of, reference_video
from wan_r1.tasks.target_bench import list_segments, list_videos, read_segment, read_truth, write_segment
from wan_r1.video import read_video, write_image

TASK = make_task("navigation", seed=5, size=32)


@pytest.fixture
def root(tmp_path):
    write_segment(tmp_path, "tiny_0001", TASK, 9)
    return tmp_path


def file_of(root, ending):
    (folder,) = list_segments(root)
    return folder / f"{folder.name}{ending}"


def test_a_written_segment_reads_back_as_the_same_task(root):
    (folder,) = list_segments(root)
    assert folder.name == "tiny_0001_custom_segment_008_016"
    task = read_segment(folder)
    assert task.prompt == TASK.prompt
    assert (task.first_frame == TASK.first_frame).all()
    assert np.allclose(task.solution.points, TASK.solution.points[::12], atol=1e-4)
    anchor, own = anchor_of(task), anchor_of(TASK)
    assert anchor.distance_m == pytest.approx(own.distance_m)
    assert (anchor.picture == own.picture).all()
    assert reference_video(task, 9, 32, 32).shape == (9, 32, 32, 3)


def test_the_csv_has_x_to_the_right_and_y_forward(root):
    rows = np.loadtxt(file_of(root, "_trajectory.csv"), delimiter=",", skiprows=1)
    assert np.allclose(rows[-1], (-TASK.solution.points[-1, 1], TASK.solution.points[-1, 0]), atol=1e-5)


def test_the_reference_video_has_true_poses_beside_it(root):
    video = list_videos(root)["gt_videos"]["tiny_0001_custom_segment_008_016"]
    assert len(read_video(video)) == len(read_truth(video)) == 9


@pytest.mark.parametrize(
    ("ending", "text", "message"),
    [
        ("_caption.txt", "  \n", "caption is empty"),
        ("_metadata.json", "{", "not valid JSON"),
        ("_metadata.json", "{}", "distance_first_to_current"),
        ("_metadata.json", json.dumps({"distance_first_to_current": {"distance_meters": 0}}), "undefined"),
        ("_metadata.json", json.dumps({"distance_first_to_current": {"distance_meters": 10**400}}), "as a number"),
        ("_trajectory.csv", 'x,y\n0,0\n0,"' + 200_000 * "1", "not valid CSV"),
        ("_trajectory.csv", "x,y\n0,0\n0,nan\n", "line 3"),
        ("_trajectory.csv", "x,y\n0,0\n0,far\n", "'far'"),
        ("_trajectory.csv", "a,b\n0,0\n0,1\n", "column x"),
        ("_trajectory.csv", "x,y\n0,0\n", "at least 2"),
    ],
)
def test_a_wrong_file_is_named_in_the_error(root, ending, text, message):
    file_of(root, ending).write_text(text)
    with pytest.raises(DatasetError, match=message) as caught:
        read_segment(file_of(root, ending).parent)
    assert ending in str(caught.value)


@pytest.mark.parametrize("ending", ["_metadata.json", "_caption.txt", "_current_frame.png", "_trajectory.csv"])
def test_a_missing_file_is_named_in_the_error(root, ending):
    file_of(root, ending).unlink()
    with pytest.raises(DatasetError, match=f"{ending}: missing"):
        read_segment(list_segments(root)[0])


def test_a_horizon_begins_later_and_takes_its_metres_from_the_current_frame(root):
    write_image(file_of(root, "_2s.png"), TASK.first_frame)
    values = {"distance_current_to_2s_meters": 0.4, "horizon_2s_frame_index_relative": 4}
    file_of(root, "_metadata_2s.json").write_text(json.dumps(values))
    whole, later = (read_segment(list_segments(root)[0], horizon) for horizon in (None, "2s"))
    assert np.allclose(later.solution.points, whole.solution.points[4:] - whole.solution.points[4], atol=1e-6)
    assert later.state.anchor.distance_m == 0.4
    assert (later.state.anchor.picture == whole.first_frame).all()


def test_an_empty_folder_says_what_belongs_there(tmp_path):
    with pytest.raises(DatasetError, match="holds no segment folders"):
        list_segments(tmp_path)
    with pytest.raises(DatasetError, match="expected wm_videos/MODEL"):
        list_videos(tmp_path)


def test_folders_that_notebooks_and_archives_leave_are_no_segments_and_no_models(root):
    names = [folder.name for folder in list_segments(root)]
    for folder in ("Benchmark", "wm_videos"):
        for name in (".ipynb_checkpoints", "__MACOSX"):
            (root / folder / name).mkdir()
    (root / "wm_videos/__MACOSX/a.mp4").touch()
    (root / "wm_videos/gt_videos/._a.mp4").touch()
    assert [folder.name for folder in list_segments(root)] == names
    assert list(list_videos(root)) == ["gt_videos"]
    assert list(list_videos(root)["gt_videos"]) == names


def test_only_rooms_can_be_written(tmp_path):
    with pytest.raises(DatasetError, match="maze"):
        write_segment(tmp_path, "a", make_task("maze", seed=1), 9)


def test_a_segment_that_has_changed_is_read_anew(root):
    (folder,) = list_segments(root)
    before = anchor_of(read_segment(folder)).distance_m
    values = json.loads(file_of(root, "_metadata.json").read_text())
    values["distance_first_to_current"]["distance_meters"] *= 10
    file_of(root, "_metadata.json").write_text(json.dumps(values))
    assert anchor_of(read_segment(folder)).distance_m == pytest.approx(10 * before)


@pytest.mark.parametrize(
    ("num_frames", "fps", "error", "message"),
    [(1, 24, ConfigError, "num_frames = 1"), (9, 0, VideoError, "fps: 0"), (9, -1.5, VideoError, "fps: -1.5")],
)
def test_what_is_no_video_is_refused_before_anything_is_written(tmp_path, num_frames, fps, error, message):
    with pytest.raises(error, match=message):
        write_segment(tmp_path, "a", TASK, num_frames, fps=fps)
    assert not list(tmp_path.iterdir())
