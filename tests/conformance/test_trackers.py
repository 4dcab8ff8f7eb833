"""Every tracker answers the same questions."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from wan_r1.errors import TrackingError
from wan_r1.tasks import family_of, make_task
from wan_r1.trackers import TRACKERS

TASK = make_task("maze", seed=2, level="easy")
VIDEO = family_of(TASK).render(TASK, TASK.solution, 9, 210)


@pytest.mark.parametrize("name", TRACKERS)
def test_a_track_has_a_point_or_nan_for_each_frame(name: str) -> None:
    track = TRACKERS[name]()(VIDEO, TASK)
    assert track.objects == ("agent",)
    assert track.points.shape == (1, 9, 2)
    assert track.points.dtype == np.float32
    assert np.isfinite(track.points[track.seen]).all()
    assert np.isnan(track.points[~track.seen]).all()


@pytest.mark.parametrize("name", TRACKERS)
def test_the_agent_is_found_where_it_starts(name: str) -> None:
    track = TRACKERS[name]()(VIDEO, TASK)
    assert track.of("agent")[0] == pytest.approx(TASK.objects["agent"].center, abs=0.01)


@pytest.mark.parametrize("name", TRACKERS)
def test_the_same_video_gives_the_same_track_and_nothing_is_changed(name: str) -> None:
    tracker, before = TRACKERS[name](), VIDEO.copy()
    tracks = [tracker(VIDEO, TASK), pickle.loads(pickle.dumps(tracker))(VIDEO, TASK)]
    assert np.array_equal(tracks[0].points, tracks[1].points, equal_nan=True)
    assert (before == VIDEO).all()


@pytest.mark.parametrize("name", TRACKERS)
def test_a_video_in_parts_gives_the_track_of_the_whole(name: str) -> None:
    whole, parts = TRACKERS[name]()(VIDEO, TASK), TRACKERS[name]().track([VIDEO[:1], VIDEO[1:4], VIDEO[4:]], TASK)
    assert np.array_equal(whole.points, parts.points, equal_nan=True)
    assert np.array_equal(whole.scores, parts.scores)


@pytest.mark.parametrize("name", TRACKERS)
def test_a_video_without_frames_or_a_task_without_objects_is_refused(name: str) -> None:
    with pytest.raises(TrackingError, match="needs at least one frame"):
        TRACKERS[name]().track([], TASK)
    with pytest.raises(TrackingError, match="no objects"):
        TRACKERS[name]()(VIDEO, replace(TASK, objects={}))
