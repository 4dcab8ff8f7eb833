"""The final table: with verdicts and without, of one policy and of two, and where no video can be decoded."""

import re
from dataclasses import astuple

import numpy as np
import pytest

from wan_r1.cli.comparison import difference_numbers, print_side, print_summary, save_outcomes, side_numbers
from wan_r1.cli.console import print_json
from wan_r1.evaluation.evaluate import Evaluation
from wan_r1.metrics.target_bench import FAILURE
from wan_r1.reports.page import render_page
from wan_r1.runs import RunFolder, read_json, write_json
from wan_r1.tasks import make_tasks


def evaluation_of(em, value=0.5, *, judged=True, games=(), walks=()):
    """An evaluation with these outcomes [n, k]; every video is worth `value`."""
    em = np.asarray(em, dtype=bool)
    return Evaluation(
        em=em,
        sr=em,
        progress=em.astype(float),
        value=np.full(em.shape, value),
        violations=((),) * len(em),
        judged=judged,
        games=np.asarray(games, dtype=float).reshape(-1, 4),
        walks=np.asarray(walks, dtype=float).reshape(-1, 6),
        rollouts=(),
    )


def summary_of(before, after, tasks):
    sides = {"sft": side_numbers(before, tasks), "rl": side_numbers(after, tasks)}
    return {**sides, "difference": difference_numbers(before, after)}


@pytest.fixture(scope="module")
def mazes():
    return make_tasks("maze", seed=0, num=2, level="tiny")


@pytest.fixture(scope="module")
def rooms():
    return make_tasks("navigation", seed=0, num=2)


def test_where_no_video_is_decoded_the_distances_are_left_out_and_table_json_and_page_are_made(rooms, tmp_path, capsys):
    lost = evaluation_of([[0], [0]], judged=False, walks=[astuple(FAILURE)] * 2)
    summary = summary_of(lost, lost, rooms)
    walks = {key: value for key, value in summary["rl"].items() if key in ("overall", "miss_rate", "ade", "decoded")}
    assert walks == {"overall": 0.0, "miss_rate": 100.0, "decoded": 0.0}
    print_json(summary)
    print_summary(summary)
    assert "ADE" not in capsys.readouterr().out
    run = RunFolder(tmp_path)
    run.start("")
    write_json(run.summary, summary)
    assert "overall score on 2 held-out tasks from 0.000 to 0.000.</p>" in render_page([run])


def test_a_distance_is_the_mean_of_the_videos_that_were_decoded(rooms):
    half = evaluation_of([[0], [0]], judged=False, walks=[astuple(FAILURE), (1.5, 2.5, 0.0, 1.0, 1.0, 0.5)])
    numbers = side_numbers(half, rooms)
    assert (numbers["overall"], numbers["ade"], numbers["fde"], numbers["decoded"]) == (0.25, 1.5, 2.5, 0.5)


def test_without_verdicts_there_is_no_share_of_solved_tasks_and_the_reward_is_compared(mazes, tmp_path, capsys):
    sides = evaluation_of([[0], [0]], 0.25, judged=False), evaluation_of([[0], [0]], 0.75, judged=False)
    summary = summary_of(*sides, mazes)
    for name in ("sft", "rl"):
        assert not {"em", "sr", "progress", "em_ci95", "violations"} & summary[name].keys()
    assert summary["rl"]["value_ci95"] == [0.75, 0.75]
    assert summary["difference"] == {"value": 0.5, "value_ci95": [0.5, 0.5]}
    print_summary(summary)
    shown = capsys.readouterr().out
    assert "solved" not in shown
    assert "failures removed" not in shown
    assert "+0.500 [+0.500, +0.500]" in shown
    run = RunFolder(tmp_path)
    save_outcomes(run, before=sides[0], after=sides[1])
    assert read_json(tmp_path / "outcomes.json") == {}


def test_one_policy_is_shown_with_intervals_pass_at_k_and_the_numbers_of_vr_bench(mazes, capsys):
    judged = evaluation_of([[1, 0], [1, 1]], games=[(1, 0.9, 1, 0.2), (0, 0.7, 0, np.nan)])
    numbers = side_numbers(judged, mazes)
    print_side(numbers)
    head, *lines = capsys.readouterr().out.splitlines()
    cells = {label: values for label, *values in (re.split(r"\s{2,}", line) for line in lines)}
    assert re.split(r"\s{2,}", head.strip()) == ["result", "95 % interval"]
    low, high = numbers["em_ci95"]
    assert cells["solved by a shortest way (em)"] == ["0.750", f"[{low:.3f}, {high:.3f}]"]
    assert cells["reward"] == ["0.500"]
    assert (cells["pass@1"], cells["pass@2"]) == (["0.750"], ["1.000"])
    assert (cells["VR-Bench SR"], cells["VR-Bench PR"], cells["VR-Bench SD"]) == (["0.500"], ["0.800"], ["0.200"])
    assert cells["held-out tasks"] == ["2"]


def test_two_policies_are_shown_beside_each_other_with_their_difference(mazes, capsys):
    print_summary(summary_of(evaluation_of([[0], [0]]), evaluation_of([[1], [1]]), mazes))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["before", "after", "difference"]
    assert lines[1].split("  ")[-1] == "+1.000 [+1.000, +1.000]"
    assert lines[-1] == "failures removed: 100.0%"
