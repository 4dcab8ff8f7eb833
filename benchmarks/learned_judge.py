"""Train the learned judge: sample videos of a model, let the rules say which are solutions, teach a network to tell.

    python benchmarks/learned_judge.py                                       # mazes by the shipped wan-tiny
    python benchmarks/learned_judge.py --family trapfield --policy runs/sft_trapfield/model --out runs/judge.safetensors

Videos of the train split teach, those of the validation split choose the number of epochs, those of the test split give
the accuracy that is stated in the file and in benchmarks/results/learned_judge.json. Videos are kept in --folder, in
chunks; a second call goes on where the first was stopped.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from wan_r1.cli.console import progress, say
from wan_r1.cli.recipe import shipped_folder
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.wan import WanConfig, WanPolicy
from wan_r1.rewards import ScorePool, TrajectoryReward
from wan_r1.rewards.learned import JudgeShape, judge_input, write_judge
from wan_r1.rollout import collect
from wan_r1.runs import write_json
from wan_r1.training.data import TaskSource
from wan_r1.training.judge import Examples, JudgeSettings, judge_numbers, train_judge

RESULTS = Path(__file__).parent / "results" / "learned_judge.json"
CHUNK = 32
SAMPLER = SamplerSettings(kernel="cps", noise_level=0.7, sde_steps=tuple(range(7)))
"""The sampler of the recipes, so that the judge knows the videos that it will be asked about."""
SEEDS = {"train": 11, "validation": 12, "test": 13}


def chunks(args: argparse.Namespace, split: str, num: int, load: list[WanPolicy]) -> Iterator[Path]:
    """The files of a split, each with CHUNK videos of as many tasks; those that are missing are made."""
    source = TaskSource(
        family=args.family, seed=SEEDS[split], settings={"level": args.level, "skin": args.skin, "split": split}
    )
    for first in range(0, num, CHUNK):
        path = args.folder / f"{args.family}_{args.level}_{args.skin}_{split}_{first:05d}.npz"
        if not path.exists():
            if not load:
                load.append(WanConfig(path=shipped_folder(args.policy), train="nothing").load())
            make_chunk(load[0], source, first, path)
        yield path


def make_chunk(policy: WanPolicy, source: TaskSource, first: int, path: Path) -> None:
    """Sample one video for each of CHUNK tasks, and write videos, conditioning pictures and the rules' verdict."""
    tasks = source.tasks(first, CHUNK)
    with ScorePool(TrajectoryReward(), workers=0) as scorer:
        (batch,) = collect(
            policy, tasks, scorer, SAMPLER, batch_size=CHUNK, seed=source.seed, first_task=first, keep="result"
        )
    verdicts = [score.verdict for score in batch.scores]
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            videos=batch.videos,
            pictures=np.stack([task.first_frame for task in tasks]),
            solved=np.asarray([verdict is not None and verdict.solved for verdict in verdicts]),
        )
    partial.replace(path)


def examples(args: argparse.Namespace, split: str, num: int, load: list[WanPolicy], shape: JudgeShape) -> Examples:
    """What the network sees of the videos of a split, and whether they are solutions."""
    inputs: list[NDArray[np.float32]] = []
    solved: list[NDArray[np.bool_]] = []
    with progress(f"videos of the {split} split", num) as advance:
        for path in chunks(args, split, num, load):
            with np.load(path) as stored:
                videos, pictures = stored["videos"], stored["pictures"]
                solved.append(stored["solved"])
            inputs += [judge_input(picture, video, shape) for picture, video in zip(pictures, videos, strict=True)]
            advance(CHUNK, f"{np.concatenate(solved).mean():.3f} solved")
    return Examples(inputs=torch.from_numpy(np.stack(inputs)), solved=torch.from_numpy(np.concatenate(solved)).float())


def main() -> int:
    """Sample, train, test, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", default="wan-tiny", help="a diffusers folder")
    parser.add_argument("--family", default="maze")
    parser.add_argument("--level", default="tiny")
    parser.add_argument("--skin", default="plain")
    parser.add_argument("--num", type=int, default=2048, help="videos to learn from")
    parser.add_argument("--num-held-out", type=int, default=512, help="videos of the test split; validation takes half")
    parser.add_argument("--epochs", type=int, default=JudgeSettings().epochs)
    parser.add_argument("--no-symmetries", action="store_true", help="for families seen in perspective (maze3d)")
    parser.add_argument("--folder", type=Path, default=Path("runs/learned_judge"))
    parser.add_argument("--out", type=Path, default=Path("runs/learned_judge/judge.safetensors"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--only-videos", action="store_true", help="make the videos and stop")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    shape, load = JudgeShape(), list[WanPolicy]()
    sizes = {"train": args.num, "validation": args.num_held_out // 2, "test": args.num_held_out}
    data = {split: examples(args, split, num, load, shape) for split, num in sizes.items()}
    if args.only_videos:
        return 0
    settings = replace(JudgeSettings(), epochs=args.epochs, symmetries=not args.no_symmetries)
    began = time.process_time()
    with progress("epochs", settings.epochs) as advance:
        network = train_judge(data["train"], data["validation"], shape, settings, advance)
    seconds = time.process_time() - began
    numbers = judge_numbers(network, data["test"])
    facts = {
        "family": args.family,
        "level": args.level,
        "skin": args.skin,
        "num_train": len(data["train"]),
        "share_solved_train": float(data["train"].solved.mean()),
        "held_out": {"split": "test", **numbers},
    }
    write_judge(args.out, network, shape, facts)
    write_json(args.results, {**facts, "epochs": settings.epochs, "cpu_seconds": round(seconds)})
    say(f"{args.out}: {numbers}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
