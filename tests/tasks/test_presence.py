"""Lost and doubled objects: how often and how long is too much."""

import numpy as np
import pytest

from wan_r1.tasks.presence import doubled, first_lasting, gap_cap, lost, own_pace

STANDING = np.zeros((17, 2))


def flags(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text])


@pytest.mark.parametrize(
    ("seen", "frame"),
    [
        ("xxxxxxxxxxxxxxxxx", None),
        ("xx..xxxxxxxxxxxxx", None),  # a blink
        ("xx..xxxxxxx.xxxxx", None),  # three frames of 17 in all
        ("xx...xxxxxxxxxxxx", 2),
        ("x.x.x.x.x.x.x.x.x", 1),
        ("x..x..x..x..x..xx", 1),
        ("xxxxxxxxxxxxxxxx.", 16),
        (".................", 0),
    ],
)
def test_a_long_gap_or_many_short_ones_lose_the_agent(seen: str, frame: int | None) -> None:
    found = [violation.frame for violation in lost(flags(seen), STANDING)]
    assert found == ([] if frame is None else [frame])


@pytest.mark.parametrize(
    ("seen", "places", "frame"),
    [
        ("xx..xxxx", [0, 0, 9, 9, 3, 3, 3, 3], 2),  # moves while it is not seen only
        ("xx..xxxx", [0, 0, 9, 9, 2, 2, 2, 2], None),  # two steps
        ("xx..xxxx", [0, 1, 9, 9, 4, 5, 6, 7], None),  # less than half of the way
        ("x.x.xxxx", [0, 9, 0, 9, 3, 3, 3, 3], 3),  # not in the first gap
    ],
)
def test_most_of_the_way_must_be_seen(seen: str, places: list[float], frame: int | None) -> None:
    points = np.stack([np.asarray(places, float), np.zeros(len(places))], axis=1)
    found = [violation.frame for violation in lost(flags(seen), points)]
    assert found == ([] if frame is None else [frame])


def test_a_short_video_may_blink_too() -> None:
    assert list(lost(flags("xx.xx"), STANDING)) == []
    assert [violation.frame for violation in lost(flags("x.x.x.x.x"), STANDING)] == [1]


def test_a_flag_lasts_in_a_run_or_by_its_share() -> None:
    assert first_lasting(flags("..xx.............xx.."), 3) is None
    assert first_lasting(flags("..xxx................"), 3) == 2
    assert first_lasting(flags("..x..x..x..x..x......"), 3) == 2


def test_a_ghost_of_one_frame_is_forgiven_and_two_are_an_extra_agent() -> None:
    assert list(doubled(np.array([1, 1, 2, 1, 1]))) == []
    assert [violation.frame for violation in doubled(np.array([1, 2, 2, 1, 1]))] == [1]
    assert [violation.frame for violation in doubled(np.array([1, 1, 1, 1, 2]))] == [4]  # the end has no ghosts


def test_the_pace_is_that_of_moves_that_are_seen() -> None:
    along = np.cumsum([0, 0, 0, 0.4, 0.4, 0.4, 0.4, 0, 5, 0, 0])  # rest, four moves, a hop that is not seen
    steps, seen = np.diff(along), np.ones(11, bool)
    seen[8] = False
    assert own_pace(seen, steps) == pytest.approx(0.4)
    assert gap_cap(3.0, seen, steps) == pytest.approx(0.6)
    assert gap_cap(0.5, seen, steps) == 0.5


def test_a_very_slow_agent_has_a_slow_pace_and_a_few_frames_have_none() -> None:
    assert own_pace(np.ones(13, bool), np.full(12, 0.05)) == pytest.approx(0.1)
    assert own_pace(np.ones(4, bool), np.full(3, 0.05)) == np.inf
