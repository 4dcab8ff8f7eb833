"""What a video is worth: rewards by name, and a pool of processes that scores batches of videos."""

from typing import Any

from wan_r1.rewards.embedding import EmbeddingReward
from wan_r1.rewards.learned import LearnedReward
from wan_r1.rewards.mix import MixReward
from wan_r1.rewards.pool import ScorePool, score_all
from wan_r1.rewards.pose import NavigationReward, PoseReward
from wan_r1.rewards.reward import Reward
from wan_r1.rewards.trajectory import SparseReward, TrajectoryReward
from wan_r1.rewards.vlm import VLMReward
from wan_r1.rewards.vr_bench import PaperReward

__all__ = [
    "REWARDS",
    "EmbeddingReward",
    "LearnedReward",
    "MixReward",
    "NavigationReward",
    "PaperReward",
    "PoseReward",
    "Reward",
    "ScorePool",
    "SparseReward",
    "TrajectoryReward",
    "VLMReward",
    "score_all",
]

REWARDS: dict[str, Any] = {
    "trajectory": TrajectoryReward,
    "sparse": SparseReward,
    "paper": PaperReward,
    "embedding": EmbeddingReward,
    "pose": PoseReward,
    "navigation": NavigationReward,
    "vlm": VLMReward,
    "learned": LearnedReward,
}
"""Every reward by the name that recipes and the command line use; calling an entry makes the reward."""
