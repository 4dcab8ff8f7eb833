"""Algorithms by name: one file each."""

from typing import Any

from wan_r1.training.algorithms.algorithm import Algorithm
from wan_r1.training.algorithms.grpo import GRPO
from wan_r1.training.algorithms.nft import NFT

__all__ = ["ALGORITHMS", "GRPO", "NFT", "Algorithm"]

ALGORITHMS: dict[str, Any] = {"grpo": GRPO, "nft": NFT}
"""Every algorithm by the name that recipes use."""
