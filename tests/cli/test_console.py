"""What is printed for people and for programs."""

import math

import pytest

from wan_r1.cli.console import format_seconds, print_json, print_rows, progress, time_left


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_a_duration_in_words(seconds, text):
    assert format_seconds(seconds) == text


def test_json_goes_to_stdout_on_one_line(capsys):
    print_json({"a": [1, 2]})
    assert capsys.readouterr().out == '{"a": [1, 2]}\n'


def test_rows_are_aligned(capsys):
    print_rows([("", "before"), ("em", "0.355")])
    assert capsys.readouterr().out == "    before\nem  0.355\n"


def test_without_a_terminal_progress_is_a_plain_line_on_stderr(capsys):
    with progress("making tasks", 4) as advance:
        for _ in range(4):
            advance(1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "making tasks: 4/4 in 0 s\n"


def test_progress_that_is_not_to_be_shown_is_silent(capsys):
    with progress("making tasks", 1, shown=False) as advance:
        advance(1, "done")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("done", "seconds", "limit_s", "share", "left"),
    [
        (10, 30.0, math.inf, 0.1, 270.0),
        (10, 30.0, 120.0, 0.25, 90.0),
        (50, 30.0, 120.0, 0.5, 30.0),
        (100, 30.0, 120.0, 1.0, 0.0),
        (0, 5.0, math.inf, 0.0, math.inf),
        (3, 130.0, 120.0, 1.0, 0.0),
    ],
)
def test_work_ends_after_its_steps_or_its_time_whichever_comes_first(done, seconds, limit_s, share, left):
    assert time_left(done, 100, seconds, limit_s) == pytest.approx((share, left))


def test_the_time_left_of_resumed_work_is_told_by_the_steps_of_this_session():
    assert time_left(110, 200, 20.0, begun=100) == pytest.approx((0.55, 180.0))
    assert time_left(100, 200, 0.5, begun=100) == pytest.approx((0.5, float("inf")))
