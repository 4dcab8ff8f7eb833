"""Intervals behind the numbers of a table: proportions, means, paired differences, pass@k. All at 95 % unless told.

Several samples of one task are not independent: give the task of each value as `clusters`, and whole tasks are drawn.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError

__all__ = ["Interval", "mean_interval", "paired_difference", "pass_at_k", "proportion"]

CONFIDENCE = 0.95
NUM_RESAMPLES = 10_000  # the limits of a 95 % interval then repeat to about 2 % of its width
CHUNK = 1_000  # resamples drawn at a time: 8 MB for 1024 tasks

Values = NDArray[np.floating[Any]] | NDArray[np.integer[Any]] | NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """An estimate and its confidence limits: low <= mean <= high."""

    mean: float
    low: float
    high: float


def proportion(successes: int, num_trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Share of successes with Wilson's score interval (https://doi.org/10.1080/01621459.1927.10502953).

    With p the share, n the trials and z the normal quantile, the limits are
    (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n): sound for 0 and n successes as well.
    """
    _check_confidence(confidence)
    if num_trials < 1 or not 0 <= successes <= num_trials:
        raise ConfigError(
            f"proportion: {successes} of {num_trials}; needs 0 <= successes <= num_trials, num_trials >= 1"
        )
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / num_trials
    shrink = 1 + z * z / num_trials
    center = (share + z * z / (2 * num_trials)) / shrink
    reach = z * math.sqrt(share * (1 - share) / num_trials + z * z / (4 * num_trials**2)) / shrink
    return Interval(mean=share, low=min(share, max(0.0, center - reach)), high=max(share, min(1.0, center + reach)))


def mean_interval(
    values: Values,
    *,
    seed: int,
    clusters: NDArray[Any] | None = None,
    confidence: float = CONFIDENCE,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval:
    """Mean of values [n] with the percentile bootstrap interval.

    Args:
        values: [n] numbers or booleans.
        seed: of the resampling.
        clusters: [n] labels; values of one label are drawn together. None: each value by itself.
        confidence: share of the resampled means that the interval holds.
        num_resamples: bootstrap samples.
    """
    _check_confidence(confidence)
    values = _checked("values", values)
    if num_resamples < 100:
        raise ConfigError(f"num_resamples: {num_resamples}; the limits need at least 100, for example {NUM_RESAMPLES}")
    sums, sizes = _cluster_sums(values, clusters)
    rng = np.random.default_rng(seed)
    means = np.concatenate(
        [
            _resampled_means(sums, sizes, rng, min(CHUNK, num_resamples - start))
            for start in range(0, num_resamples, CHUNK)
        ]
    )
    low, high = np.quantile(means, [0.5 - confidence / 2, 0.5 + confidence / 2])
    mean = float(values.mean())
    return Interval(mean=mean, low=min(float(low), mean), high=max(float(high), mean))


def paired_difference(
    before: Values,
    after: Values,
    *,
    seed: int,
    clusters: NDArray[Any] | None = None,
    confidence: float = CONFIDENCE,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval:
    """Mean of after - before, both [n] on the same tasks in the same order, with the paired bootstrap interval.

    Pairs are drawn whole, so what a task contributes to both sides cancels. Arguments as in `mean_interval`.
    """
    before, after = _checked("before", before), _checked("after", after)
    if before.shape != after.shape:
        raise ConfigError(
            f"paired difference: before has {len(before)} values and after {len(after)}; they must be pairs"
        )
    return mean_interval(
        after - before, seed=seed, clusters=clusters, confidence=confidence, num_resamples=num_resamples
    )


def pass_at_k(successes: NDArray[np.integer[Any]], num_samples: int, k: int) -> NDArray[np.float64]:
    """Chance that at least one of k samples of a task succeeds, [n] float64: unbiased, one value for each task.

    1 - C(num_samples - c, k) / C(num_samples, k) for c successes in num_samples tries: Chen et al. 2021,
    https://arxiv.org/abs/2107.03374. Its mean over tasks is pass@k; `mean_interval` of it gives the interval.
    """
    counts = np.asarray(successes)
    if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer):
        raise ConfigError(f"successes: must be [n] whole numbers; got {counts.shape} {counts.dtype}")
    if not 1 <= k <= num_samples:
        raise ConfigError(f"k: {k}; must be between 1 and num_samples = {num_samples}")
    if counts.size and (counts.min() < 0 or counts.max() > num_samples):
        raise ConfigError(f"successes: {counts.min()} to {counts.max()}; must be between 0 and {num_samples}")
    chances = [1 - math.comb(num_samples - count, k) / math.comb(num_samples, k) for count in range(num_samples + 1)]
    return np.array(chances, dtype=np.float64)[counts]


def _resampled_means(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], rng: np.random.Generator, num: int
) -> NDArray[np.float64]:
    """Means [num] of as many clusters as there are, drawn with replacement."""
    drawn = rng.integers(len(sums), size=(num, len(sums)))
    means: NDArray[np.float64] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return means


def _cluster_sums(
    values: NDArray[np.float64], clusters: NDArray[Any] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum and number of the values of each cluster."""
    if clusters is None:
        return values, np.ones(len(values))
    if np.shape(clusters) != values.shape:
        raise ConfigError(f"clusters: {np.shape(clusters)} labels for {values.shape} values; one label for each value")
    _, index = np.unique(clusters, return_inverse=True)
    return np.bincount(index, weights=values).astype(np.float64), np.bincount(index).astype(np.float64)


def _checked(name: str, values: Values) -> NDArray[np.float64]:
    checked = np.asarray(values, dtype=np.float64)
    if checked.ndim != 1 or len(checked) == 0 or not np.isfinite(checked).all():
        raise ConfigError(f"{name}: must be [n] finite numbers with n >= 1; got {checked.shape}")
    return checked


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence: {confidence}; must lie between 0 and 1, for example {CONFIDENCE}")
