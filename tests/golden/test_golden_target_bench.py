"""Our numbers against those of Target-Bench's own metrics.py; see tests/data/target_bench/README.md."""

import math
from typing import Any

import golden_data
import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.metrics.target_bench import (
    DEFAULTS,
    OFFICIAL,
    VIPE,
    Alignment,
    aligned_distances,
    measure,
    miss_rate,
    resample_by_index,
)

CONSTANTS = {
    "python_defaults": DEFAULTS,
    "vggt_config_yaml(official)": OFFICIAL,
    "vipe_config_yaml(unused_by_default)": VIPE,
}
ALIGNMENTS: dict[str, Alignment] = {"gt": "reference", "pred": "predicted", "max": "longer", "min": "shorter"}
FIELDS = {
    "ade": "ade",
    "fde": "fde",
    "miss_rate": "miss_rate",
    "se": "soft_endpoint",
    "ac": "approach_consistency",
    "overall_score": "overall",
}


def points(rows: list[list[Any]]) -> NDArray[np.float64]:
    return np.array([[float(value) for value in row] for row in rows]).reshape(-1, 2)


def gap(ours: float, theirs: Any) -> float:
    theirs = float(theirs)
    same = ours == theirs or (math.isnan(ours) and math.isnan(theirs))
    return 0.0 if same else abs(ours - theirs)


@pytest.mark.parametrize("place", ["core", "full"])
@pytest.mark.parametrize("option_set", list(CONSTANTS))
def test_compat_mode_gives_target_bench_numbers_within_1e_9(place: str, option_set: str) -> None:
    golden = golden_data.rows(golden_data.folder(place) / "target_bench" / "metrics_golden.json")
    for pair in golden["pairs"]:
        predicted, reference, theirs = points(pair["pred"]), points(pair["gt"]), pair["results"][option_set]
        if "error" in theirs:
            with pytest.raises(ConfigError, match="at least 2"):
                measure(predicted, reference, CONSTANTS[option_set], compat=True)
            continue
        ours = measure(predicted, reference, CONSTANTS[option_set], compat=True)
        gaps = {name: gap(getattr(ours, field), theirs[name]) for name, field in FIELDS.items()}
        assert all(value <= 1e-9 for value in gaps.values()), (pair["name"], gaps, ours, theirs)
    assert len(golden["pairs"]) == 30


@pytest.mark.parametrize("place", ["core", "full"])
@pytest.mark.parametrize("mode", list(ALIGNMENTS))
def test_every_alignment_gives_target_bench_ade_and_miss_rate_within_1e_9(place: str, mode: str) -> None:
    golden = golden_data.rows(golden_data.folder(place) / "target_bench" / "metrics_golden.json")
    compared = 0
    for pair in golden["pairs"]:
        theirs = pair["modes"][mode]
        if theirs["ade"] is None:
            continue
        distances = aligned_distances(points(pair["pred"]), points(pair["gt"]), ALIGNMENTS[mode])
        assert gap(float(distances.mean()), theirs["ade"]) <= 1e-9, pair["name"]
        assert gap(miss_rate(distances, 1.0), theirs["mr1"]) <= 1e-9, pair["name"]
        compared += 1
    assert compared == 25


@pytest.mark.parametrize("place", ["core", "full"])
def test_resampling_by_index_equals_target_bench_within_1e_9(place: str) -> None:
    for case in golden_data.rows(golden_data.folder(place) / "target_bench" / "interpolate_golden.json"):
        ours, theirs = resample_by_index(points(case["inp"]), case["num"]), points(case["out"])
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1e-9
