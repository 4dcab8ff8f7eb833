"""Numbers on arrays: the benchmarks' metrics by name, and the statistics of tables."""

from collections.abc import Callable
from typing import Any

from wan_r1.metrics import target_bench, vr_bench

__all__ = ["METRICS"]

METRICS: dict[str, Callable[..., Any]] = {"vr_bench": vr_bench.measure, "target_bench": target_bench.measure}
"""Every suite's `measure` by the suite's name; each takes a path and its reference and returns a frozen record."""
