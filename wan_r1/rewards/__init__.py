"""What a video is worth: rewards by name."""

from typing import Any

from wan_r1.rewards.reward import Reward
from wan_r1.rewards.trajectory import TrajectoryReward

__all__ = ["REWARDS", "Reward", "TrajectoryReward"]

REWARDS: dict[str, Any] = {"trajectory": TrajectoryReward}
"""Every reward by the name that recipes and the command line use; calling an entry makes the reward."""
