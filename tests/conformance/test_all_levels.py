"""Every game and level: solvable, and judged solved on its own solution video at every size that shows it.

The check is that of benchmarks/all_levels.py, which runs it on 10,000 tasks; here it runs on the first ones of them.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "all_levels.py"
CASES = 20  # games x levels


@pytest.fixture(scope="module")
def program() -> Any:
    spec = spec_from_file_location("all_levels", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("num", [CASES, pytest.param(8 * CASES, marks=pytest.mark.slow)])
def test_tasks_of_every_game_and_level_are_solved_where_they_can_be_seen_and_refused_where_not(program, num):
    outcomes = [program.check(job) for job in islice(program.jobs(), num)]
    record = program.summary(outcomes)
    assert record["failures"] == []
    assert [row["tasks"] for row in record["rows"]] == [num // CASES] * CASES
    by_size = [row["by_size_px"] for row in record["rows"]]
    assert all(set(sizes["512"]) == {"solved"} for sizes in by_size)
    assert sum(sizes["64"].get("refused", 0) for sizes in by_size) > 0


def test_a_task_that_is_not_solved_is_reported(program, monkeypatch):
    monkeypatch.setattr(program, "NUM_FRAMES", 2)  # from start to goal in one step
    outcome = program.check(("maze", "hard", 0))
    assert outcome.by_size[512] == "failed"
    assert "maze hard 0 plain 512 px: sprite" in outcome.notes[-1]


def test_a_layout_on_two_sides_is_reported(program):
    outcomes = [
        program.Outcome(
            game="maze",
            level="easy",
            layout="ab",
            sides=(None, side),
            by_size=dict.fromkeys((64, 256, 512), "solved"),
            notes=[],
        )
        for side in ("train", "test")
    ]
    assert program.summary(outcomes)["failures"] == ["maze easy ab: on the sides ['test', 'train']"]
