"""Target-Bench's five numbers and their weighted sum: how well a camera's ground track follows the reference path.

Source: arXiv 2511.17792 and evaluation/metrics.py of github.com/TUM-AVS/target-bench (b01f0ae, MIT). Points are [N, 2]
in metres; only distances count, so any ground frame does if both paths share it. The published weights sum to 0.90,
which is the score of a perfect path.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError

__all__ = [
    "DEFAULTS",
    "OFFICIAL",
    "VIPE",
    "Alignment",
    "TargetBenchConstants",
    "TargetBenchResult",
    "aligned_distances",
    "approach_consistency",
    "measure",
    "miss_rate",
    "overall_score",
    "resample_by_index",
    "soft_endpoint",
]

Points = NDArray[np.floating[Any]]
Alignment = Literal["reference", "predicted", "longer", "shorter"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetBenchConstants:
    """The constants of the metrics; the defaults are the official ones, evaluation/config/vggt_config.yaml."""

    miss_threshold_m: float = 1.0
    """A point farther than this from its reference is a miss, metres."""
    endpoint_sigma_m: float = 0.5
    """Width of the Gaussian around the reference's end, metres."""
    num_reference_points: int = 20
    """Points of the reference that the corridor is made of."""
    corridor_min_m: float = 0.5
    """Radius that the corridor tends to far from its middle, metres."""
    corridor_max_m: float = 1.5
    """Radius of the corridor in the middle of the reference, metres."""
    corridor_beta: float = 0.25
    """Width of the wide part, as a share of the reference."""
    coverage_gamma: float = 5.0
    """How fast points outside the corridor cost."""
    tau_ade_m: float = 1.0
    """Scale of the average displacement in the overall score, metres."""
    tau_fde_m: float = 1.0
    """Scale of the final displacement in the overall score, metres."""
    weight_ade: float = 0.05
    weight_fde: float = 0.10
    weight_miss_rate: float = 0.10
    weight_endpoint: float = 0.45
    weight_approach: float = 0.20

    def __post_init__(self) -> None:
        for name in ("endpoint_sigma_m", "corridor_beta", "tau_ade_m", "tau_fde_m"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name}: {getattr(self, name)}; must be > 0")
        if self.num_reference_points < 1:
            raise ConfigError(f"num_reference_points: {self.num_reference_points}; must be at least 1")


OFFICIAL = TargetBenchConstants()
"""The constants of the published tables: vggt_config.yaml."""

DEFAULTS = TargetBenchConstants(
    miss_threshold_m=2.0,
    endpoint_sigma_m=0.6,
    corridor_min_m=0.15,
    corridor_max_m=0.5,
    weight_endpoint=0.35,
    weight_approach=0.30,
)
"""The constants of metrics.md, which are the defaults of the functions of metrics.py."""

VIPE = TargetBenchConstants(
    miss_threshold_m=2.0,
    endpoint_sigma_m=1.0,
    tau_ade_m=5.0,
    tau_fde_m=8.0,
    weight_ade=0.25,
    weight_fde=0.25,
    weight_miss_rate=0.20,
    weight_endpoint=0.15,
    weight_approach=0.15,
)
"""The constants of vipe_config.yaml, which no evaluation takes by default; these weights sum to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetBenchResult:
    """ade and fde in metres, miss_rate in percent, soft_endpoint and approach_consistency in [0, 1], overall."""

    ade: float
    fde: float
    miss_rate: float
    soft_endpoint: float
    approach_consistency: float
    overall: float


FAILURE = TargetBenchResult(
    ade=math.inf, fde=math.inf, miss_rate=100.0, soft_endpoint=0.0, approach_consistency=0.0, overall=0.0
)


def measure(
    predicted: Points, reference: Points, constants: TargetBenchConstants = OFFICIAL, compat: bool = False
) -> TargetBenchResult:
    """All numbers of a predicted path [N, 2] against a reference [M, 2], both in metres.

    A prediction that is empty, holds NaN or infinity, or has one point for a longer reference is a failure: overall 0.
    A reference like that raises ConfigError. With `compat` such input gives what metrics.py gives: NaN points count as
    hits and make ade and overall NaN, an infinite ade only loses its term, an empty path is a failure on either side,
    and one point for a longer reference raises ConfigError (there a ValueError, which ConfigError is).
    """
    predicted, reference = _as_points("predicted", predicted), _as_points("reference", reference)
    if not compat:
        if len(reference) == 0 or not np.isfinite(reference).all():
            raise ConfigError(f"reference: needs finite points [M, 2] with M >= 1; got {reference.shape} or NaN inside")
        if not np.isfinite(predicted).all() or (len(predicted) == 1 and len(reference) > 1):
            return FAILURE
    if len(predicted) == 0 or len(reference) == 0:
        return FAILURE
    distances = aligned_distances(predicted, reference)
    ade, fde = float(distances.mean()), float(np.linalg.norm(predicted[-1] - reference[-1]))
    missed = miss_rate(distances, constants.miss_threshold_m)
    endpoint = soft_endpoint(fde, constants.endpoint_sigma_m)
    approach = approach_consistency(predicted, reference, constants)
    return TargetBenchResult(
        ade=ade,
        fde=fde,
        miss_rate=missed,
        soft_endpoint=endpoint,
        approach_consistency=approach,
        overall=overall_score(ade, fde, missed, endpoint, approach, constants),
    )


def resample_by_index(points: Points, num_points: int) -> NDArray[np.float64]:
    """`num_points` points [num_points, 2] evenly spaced in *index*, not in length, so that timing counts."""
    points = _as_points("points", points)
    if len(points) == num_points:
        return points
    if len(points) < 2 <= num_points:
        raise ConfigError(f"points: {len(points)} cannot be spread over {num_points}; at least 2 are needed")
    places = np.linspace(0.0, 1.0, num_points)
    given = np.linspace(0.0, 1.0, len(points))
    return np.stack([np.interp(places, given, points[:, axis]) for axis in (0, 1)], axis=1)


def aligned_distances(predicted: Points, reference: Points, alignment: Alignment = "reference") -> NDArray[np.float64]:
    """Distances of corresponding points, in metres; their mean is the average displacement.

    The other path is resampled to the number of points of "reference" (what all tables use), "predicted" or the
    "longer" of both; "shorter" cuts the longer one instead.
    """
    counts = {"reference": len(reference), "predicted": len(predicted), "longer": max(len(predicted), len(reference))}
    if alignment == "shorter":
        num_points = min(len(predicted), len(reference))
        pair = predicted[:num_points], reference[:num_points]
    elif alignment in counts:
        pair = resample_by_index(predicted, counts[alignment]), resample_by_index(reference, counts[alignment])
    else:
        raise ConfigError(f"alignment: {alignment!r}; must be one of {', '.join(counts)}, shorter")
    with np.errstate(invalid="ignore"):
        return np.asarray(np.linalg.norm(pair[0] - pair[1], axis=1), dtype=np.float64)


def miss_rate(distances: NDArray[np.float64], threshold_m: float) -> float:
    """Percentage of distances [N] beyond the threshold; NaN is not beyond it."""
    return float(np.mean(distances > threshold_m)) * 100.0


def soft_endpoint(final_displacement: float, sigma_m: float) -> float:
    """exp(-FDE^2 / (2 sigma^2)), in [0, 1]."""
    return math.exp(-(final_displacement**2) / (2 * sigma_m**2))


def approach_consistency(predicted: Points, reference: Points, constants: TargetBenchConstants = OFFICIAL) -> float:
    """exp(-gamma u), where u is the share of predicted points outside the corridor around the reference.

    The corridor is a chain of discs with radius min + (max - min) exp(-(q - 1/2)^2 / 2 beta^2) at progress q in [0, 1].
    Neither order nor time counts, so a path that never leaves the start gets 1: it is of use only times soft_endpoint.
    """
    last = len(reference) - 1
    if len(reference) < constants.num_reference_points:
        indices = np.arange(len(reference))
    else:
        indices = np.linspace(0, last, constants.num_reference_points, dtype=int)
    progress = indices / max(last, 1)
    bulge = np.exp(-((progress - 0.5) ** 2) / (2 * constants.corridor_beta**2))
    radii = constants.corridor_min_m + (constants.corridor_max_m - constants.corridor_min_m) * bulge
    distances = np.linalg.norm(predicted[:, None] - reference[indices][None], axis=2)
    outside = ~(distances <= radii).any(axis=1)
    return math.exp(-constants.coverage_gamma * float(outside.mean()))


def overall_score(
    ade: float,
    fde: float,
    missed: float,
    endpoint: float,
    approach: float,
    constants: TargetBenchConstants = OFFICIAL,
) -> float:
    """w_ade e^(-ade/tau) + w_fde e^(-fde/tau) + w_mr (1 - missed/100) + (w_se + w_ac) endpoint * approach."""
    return (
        constants.weight_ade * math.exp(-ade / constants.tau_ade_m)
        + constants.weight_fde * math.exp(-fde / constants.tau_fde_m)
        + constants.weight_miss_rate * (1.0 - missed / 100.0)
        + (constants.weight_endpoint + constants.weight_approach) * endpoint * approach
    )


def _as_points(name: str, points: Points) -> NDArray[np.float64]:
    array = np.asarray(points, dtype=np.float64)
    if array.size == 0:
        return np.zeros((0, 2))
    if array.ndim != 2 or array.shape[1] != 2:
        raise ConfigError(f"{name}: must be [N, 2] in metres; got {array.shape}")
    return array
