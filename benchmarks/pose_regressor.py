"""Train the shipped pose regressor on drawn rooms and state its error on rooms of the test side.

    python benchmarks/pose_regressor.py                     # -> wan_r1/assets/pose_regressor.safetensors and results
    python benchmarks/pose_regressor.py --num 200 --epochs 2 --out runs/pose_regressor.safetensors

Rooms of the train side teach, those of the validation side choose the epoch. Half of the clips follow the reference
path, the others a way beside it: shifted, stretched in time, turned. Error: ADE of the nine frames that count as a
share of the path's length, on clips as they are drawn and after the autoencoder of a model (--policy).
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wan_r1.cli.console import progress, say
from wan_r1.metrics.target_bench import measure
from wan_r1.policies.wan import WanConfig
from wan_r1.runs import write_json
from wan_r1.tasks import make_family, task_seed
from wan_r1.tasks.navigation import path_length
from wan_r1.tasks.navigation.render import draw_views
from wan_r1.tasks.navigation.room import clearance
from wan_r1.trackers.camera import decoded_frames
from wan_r1.trackers.pose_regressor import PoseRegressor, RegressorShape, add_up, write_regressor
from wan_r1.training.pose import Pairs, RegressorSettings, pairs_of, train_regressor

HERE = Path(__file__).parent
SHIPPED = HERE.parent / "wan_r1" / "assets" / "pose_regressor.safetensors"
SIZE_PX, NUM_FRAMES = 80, 17
SEEDS = {"train": 51, "validation": 52, "test": 53}
CLIPS = {"train": 1.0, "validation": 0.1}
BAR = 0.06


def clip(seed: int, split: str, *, beside: bool) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A video [T, H, W, 3] and its poses [T, 3] in a room of a split."""
    family = make_family("navigation", level="tiny", split=split, size=SIZE_PX)
    task = family.generate(seed)
    poses = family.poses(task, task.solution, NUM_FRAMES)
    if beside:
        poses = vary(poses, np.random.default_rng(seed))
        if clearance(task.state, poses[:, :2]).min() < 0.05:
            return clip(seed, split, beside=False)
    return draw_views(task.state, poses, SIZE_PX), poses


def vary(poses: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The way shifted by up to 0.3 m, walked at another pace that may turn round, with a heading that sways."""
    pace = np.clip(np.cumsum(rng.uniform(-0.3, 1.5, len(poses))), 0, len(poses) - 1)
    columns = [np.interp(pace, np.arange(len(poses)), column) for column in poses.T]
    sway = rng.uniform(0, 0.5) * np.sin(np.linspace(0, rng.uniform(1, 6), len(poses)) + rng.uniform(0, 6))
    return np.stack(columns, axis=1) + np.concatenate(
        [np.tile(rng.uniform(-0.3, 0.3, 2), (len(poses), 1)), sway[:, None]], 1
    )


def pairs(split: str, num: int, shape: RegressorShape) -> Pairs:
    """Pairs of `num` clips of a split."""
    found = []
    with progress(f"clips of the {split} side", num) as advance:
        for index in range(num):
            found.append(clip(task_seed(SEEDS[split], index), split, beside=index % 2 == 1))
            advance(1)
    return pairs_of([video for video, _ in found], [poses for _, poses in found], shape)


def test(decoder: PoseRegressor, num: int, policy: str) -> dict[str, dict[str, float]]:
    """Errors on the reference videos of test rooms, as drawn and after the autoencoder."""
    model = WanConfig(path=policy, train="nothing").load()
    family, frames = make_family("navigation", level="tiny", split="test", size=SIZE_PX), decoded_frames(NUM_FRAMES)
    rows: dict[str, list[tuple[float, float]]] = {"drawn": [], "after the autoencoder": []}
    for index in range(num):
        task = family.generate(task_seed(SEEDS["test"], index))
        video = family.render(task, task.solution, NUM_FRAMES, SIZE_PX)
        truth = task.solution.points[np.linspace(0, len(task.solution.points) - 1, NUM_FRAMES).astype(int)]
        decoded = model.decode(model.encode_video(video[None]))[0]
        for name, shown in (("drawn", video), ("after the autoencoder", decoded)):
            points = add_up(decoder.motions(shown))
            error = float(np.hypot(*(points - truth)[frames].T).mean()) / path_length(truth)
            rows[name].append((error, measure(points[frames], task.solution.points).overall))
    return {name: summary(np.asarray(values)) for name, values in rows.items()}


def summary(values: NDArray[np.float64]) -> dict[str, float]:
    """Numbers of clips; values [N, 2]: error, overall score of the reference walk."""
    errors, overall = values.T
    return {
        "clips": len(values),
        "median_error": round(float(np.median(errors)), 4),
        "share_within_6_percent": round(float((errors <= BAR).mean()), 3),
        "worst_error": round(float(errors.max()), 4),
        "overall_mean": round(float(overall.mean()), 3),
    }


def main() -> int:
    """Draw, train, test, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=3000, help="clips to learn from")
    parser.add_argument("--epochs", type=int, default=RegressorSettings().epochs)
    parser.add_argument("--num-test", type=int, default=100)
    parser.add_argument("--policy", default=str(HERE.parent / "wan_r1" / "assets" / "wan-tiny-games"))
    parser.add_argument("--out", type=Path, default=SHIPPED)
    args = parser.parse_args()
    torch.set_num_threads(1)
    shape, settings = RegressorShape(), RegressorSettings(epochs=args.epochs)
    data = {split: pairs(split, max(20, int(share * args.num)), shape) for split, share in CLIPS.items()}
    began = time.process_time()
    with progress("epochs", settings.epochs) as advance:
        network = train_regressor(data["train"], data["validation"], shape, settings, advance)
    facts = {"level": "tiny", "num_clips": args.num, "epochs": args.epochs}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_regressor(args.out, network, shape, facts)
    tested = test(PoseRegressor(path=str(args.out)), args.num_test, args.policy)
    write_regressor(args.out, network, shape, {**facts, "held_out": tested})
    results = {**facts, "cpu_seconds_training": round(time.process_time() - began), "held_out": tested}
    if args.out == SHIPPED:
        write_json(HERE / "results" / "pose_regressor.json", results)
    say(f"{args.out}: {json.dumps(tested)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
