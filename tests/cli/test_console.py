"""What is printed for people and for programs."""

import pytest

from wan_r1.cli.console import format_seconds, print_json, print_rows, progress


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
