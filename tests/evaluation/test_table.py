"""Groups of results as rows: which videos each number is a mean of, and how the report lists what was wrong."""

from pathlib import Path

import pytest

from wan_r1.evaluation.datasets import Level, Sample
from wan_r1.evaluation.suite import SuiteResult
from wan_r1.evaluation.table import group_rows, markdown, table_rows, video_rows
from wan_r1.evaluation.videos import LevelResult, VideoResult
from wan_r1.metrics.vr_bench import VRBenchResult
from wan_r1.types import Score, Verdict

SOLVED = Score(value=1.0, parts={}, verdict=Verdict(solved=True, optimal=True, progress=1.0, violations=()))


def video(score: Score | None, success: bool = True, deviation: float | None = 0.5) -> VideoResult:
    numbers = VRBenchResult(
        success=success,
        precision=float(success),
        deviation=deviation,
        exact=success,
        reference_length=1.0,
        generated_length=1.0,
        best_reference=0,
    )
    sample = Sample(path=Path("easy_0001.mp4"), label="")
    return VideoResult(sample=sample, num_frames=9, size=(8, 8), numbers=numbers, fidelity=1.0, score=score)


def result(*levels: tuple[tuple[VideoResult, ...], int, bool]) -> SuiteResult:
    """Levels as (videos, how many others failed, whether they have a map)."""
    found = []
    for index, (videos, num_failed, judged) in enumerate(levels):
        level = Level(
            name=f"easy_{index}",
            folders=(),
            game="maze",
            skin="1",
            difficulty="easy",
            state=Path("a.json"),
            image=Path("a.png"),
            solutions=(),
        )
        failed = tuple(str(number) for number in range(num_failed))
        found.append(
            LevelResult(level=level, game="maze", videos=videos, failed=failed, judged=judged, problems=(), notes=())
        )
    return SuiteResult(levels=tuple(found), problems=(), left_out=0)


@pytest.mark.parametrize("has_map", [True, False])
def test_a_group_in_which_every_video_failed_has_zeros(has_map):
    row = group_rows(result(((), 1, has_map), ((), 1, has_map)))[-1]
    assert [row[name]["mean"] for name in ("sr", "em", "pr")] == [0, 0, 0]
    assert [row[name] is None for name in ("solved", "optimal", "progress")] == [not has_map] * 3
    assert (row["sd"], row["mf"]) == (None, None)


def test_solved_and_optimal_are_means_of_the_levels_that_have_a_map():
    row = group_rows(result(((video(SOLVED),), 0, True), ((), 1, True), ((video(None),), 0, False)))[-1]
    assert row["sr"]["mean"] == pytest.approx(2 / 3)
    assert [row[name]["mean"] for name in ("solved", "optimal", "progress")] == [0.5, 0.5, 0.5]
    assert (row["videos"], row["judged"]) == (3, 2)
    assert table_rows([row])[1][-1].endswith("(n = 2)")
    assert "n: videos of levels with a map" in markdown("a", [], [row], [])


def test_samples_of_levels_with_a_map_give_pass_at_k_by_the_rules():
    row = group_rows(result(((video(SOLVED),), 1, True), ((video(None),), 0, False)))[-1]
    assert row["pass_at_k_solved"] == {"1": 0.5, "2": 1.0}
    assert row["pass_at_k_em"] is None


def test_step_deviation_counts_with_success_only():
    found = result(((video(SOLVED, success=False, deviation=0.0), video(SOLVED)), 0, True))
    assert group_rows(found)[-1]["sd"] == {"mean": 0.5, "n": 1}
    assert [row["sd"] for row in video_rows(found)] == [None, 0.5]


def test_notes_stand_below_the_errors_and_are_counted_apart():
    text = markdown("a", [], group_rows(result(((video(SOLVED),), 0, True))), ["video: b"], ["note: c", "note: d"])
    assert text.endswith("\n## Errors: 1\n\n- video: b\n\n## Notes: 2\n\n- note: c\n- note: d\n")
