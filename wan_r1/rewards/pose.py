"""The pose reward of first-person videos: decode the camera's path and compare it as Target-Bench does."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.metrics.target_bench import OFFICIAL, measure, soft_endpoint
from wan_r1.rewards.embedding import EmbeddingReward
from wan_r1.tasks import FAMILIES, family_of
from wan_r1.tasks.first_person import anchor_of
from wan_r1.trackers import DECODERS
from wan_r1.trackers.camera import Clip, decoded_points
from wan_r1.types import Score, Task, Track, Verdict
from wan_r1.video import check_video

__all__ = ["NavigationReward", "PoseReward"]

ORACLE = "oracle"


@dataclass(frozen=True, kw_only=True, slots=True)
class PoseReward:
    """nearness and approach, weighted, on the decoded path; 0 if the video cannot be decoded.

    nearness = 1 - (distance to the reference's end) / (the same for a camera that stays), at least 0.
    approach is SE * AC, Target-Bench's numbers with its official constants, above what a camera that stays has.
    """

    nearness: float = 0.5
    """Weight of how much nearer to the end the camera is: gives a slope where SE is flat."""
    approach: float = 0.5
    """Weight of SE * AC."""
    decoder: str = "visual_odometry"
    """What reads the path, by its name in trackers.DECODERS, but not the oracle; pose_regressor for 64 to 80 px."""

    def __post_init__(self) -> None:
        known = ", ".join(name for name in DECODERS if name != ORACLE)
        if self.decoder == ORACLE:
            raise ConfigError(
                f'decoder: "{ORACLE}" passes on true poses, and a video to be scored has none; take one of {known}'
            )
        if self.decoder not in DECODERS:
            raise ConfigError(f'decoder: "{self.decoder}" is unknown; known decoders are {known}')
        if min(self.nearness, self.approach) < 0 or abs(self.nearness + self.approach - 1) > 1e-9:
            raise ConfigError(f"weights {self.nearness}, {self.approach}: must be >= 0 and add to 1")

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        """Score of video [T, H, W, 3] uint8 of a first-person task."""
        check_video(video)
        track = DECODERS[self.decoder]()(Clip(video=video, anchor=anchor_of(task)))
        return self.score(task, track)

    def score(self, task: Task, track: Track) -> Score:
        """Score of a camera's track; the verdict is that of the room's rules, None for segments read from files."""
        points = decoded_points(track)
        verdict: Verdict | None = family_of(task).judge(task, track) if task.family in FAMILIES else None
        if points is None:
            return Score(value=0.0, parts={"decoded": 0.0, "nearness": 0.0, "approach": 0.0}, verdict=verdict)
        end = task.solution.points[-1]
        result = measure(points, task.solution.points)
        near = float(np.clip(1 - result.fde / max(float(np.hypot(*end)), 1e-6), 0, 1))
        stays = soft_endpoint(float(np.hypot(*end)), OFFICIAL.endpoint_sigma_m)
        above = result.soft_endpoint * result.approach_consistency - stays
        approach = float(np.clip(above / max(1 - stays, 1e-6), 0, 1))
        value = self.nearness * near + self.approach * approach
        parts = {"decoded": 1.0, "nearness": near, "approach": approach}
        return Score(value=float(np.clip(value, 0, 1)), parts=parts, verdict=verdict)


@dataclass(frozen=True, kw_only=True, slots=True)
class NavigationReward:
    """The embedding reward and the pose reward, mixed; a way that the pictures do not show does not count.

    value = (1 - w) embedding + w pose gate, with w = pose_weight and the gate of the embedding reward.
    """

    pose_weight: float = 0.5
    """Share of the pose reward, in [0, 1]."""
    embedding: EmbeddingReward = field(default_factory=EmbeddingReward)
    pose: PoseReward = field(default_factory=PoseReward)

    def __post_init__(self) -> None:
        if not 0 <= self.pose_weight <= 1:
            raise ConfigError(f"pose_weight: {self.pose_weight}; must lie in [0, 1]")

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        """Score of video [T, H, W, 3] uint8 of a first-person task; the parts carry the name of their reward, and the
        gate stands beside those of both."""
        scores = {"embedding": self.embedding(task, video), "pose": self.pose(task, video)}
        parts = {f"{name}.{part}": value for name, score in scores.items() for part, value in score.parts.items()}
        parts["pose.gate"] = parts["embedding.gate"]
        pose = scores["pose"].value * parts["pose.gate"]
        value = (1 - self.pose_weight) * scores["embedding"].value + self.pose_weight * pose
        return Score(value=value, parts=parts, verdict=scores["pose"].verdict)
