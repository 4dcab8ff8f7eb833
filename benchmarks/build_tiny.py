"""Build the shipped wan-tiny from nothing: autoencoder, then supervised fine-tuning. Run by `make tiny`; resumable.

    python benchmarks/build_tiny.py --run runs/tiny            # both stages, then the folder runs/tiny/wan-tiny
    python benchmarks/build_tiny.py --run runs/tiny --install  # and put it into wan_r1/assets

Stage 1 trains the autoencoder on synthetic clips (wan_r1/tasks/scenes.py) and measures it on held-out mazes. Stage 2 is
`wan-r1 sft recipes/sft/maze_tiny.toml` on the folder of stage 1. Both leave logs in the run folder.
"""

import argparse
import json
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wan_r1.cli.console import Advance, progress, say
from wan_r1.cli.main import main as wan_r1
from wan_r1.distributed import join_world
from wan_r1.policies.tiny import TinySpec, build_tiny
from wan_r1.policies.wan import WanConfig, WanPolicy
from wan_r1.rewards import TrajectoryReward
from wan_r1.tasks import make_tasks
from wan_r1.tasks.scenes import random_scene
from wan_r1.tasks.skins import SKINS
from wan_r1.training.checkpoint import read_checkpoint, without_prefix
from wan_r1.training.data import solver_videos
from wan_r1.training.vae import VAESettings, latent_statistics, train_vae

RECIPE = Path(__file__).parent.parent / "recipes" / "sft" / "maze_tiny.toml"
ASSETS = Path(__file__).parent.parent / "wan_r1" / "assets" / "wan-tiny"
NUM_FRAMES, SIZE = 17, 80
NUM_CHECKED = 512

CARD = """# wan-tiny

A small Wan (TI2V, `expand_timesteps`) in diffusers format, trained here from random weights: 80 px, 17 frames.
Built by `make tiny` (benchmarks/build_tiny.py), recipe recipes/sft/maze_tiny.toml.

* Autoencoder: {videos} held-out maze videos of the skin `plain`: PSNR {psnr_mean:.1f} dB (lowest {psnr_min:.1f}),
  the same path is read from {same_path:.4f} of them, decoding takes {decode_ms:.0f} cpu-ms per video. Other skins come
  out blurred.
* Supervised fine-tuning: {demonstrations} demonstrations of level `tiny`, skin `plain`, train split, by a demonstrator
  who takes a wrong turn at a junction with chance {wrong_turns} (half of the videos reach the goal); {steps} steps
  of {batch} videos, {optimizer}, {minutes:.0f} minutes on two cores. Exact match on validation mazes
  (ODE of 8 steps) by step: {curve}. What more of it
  brings: docs/results.md, SFT continued.
* Held-out test mazes, one sample, 8 steps with Flow-CPS noise .7 in the first 7: {share:.3f} of {num_tasks} are
  solved by a shortest way.

| moves | solved | share |
|---|---|---|
{rows}

License: Apache-2.0, as the code.
"""

SPEC = TinySpec(vae_base_dim=16, vae_decoder_base_dim=12, dim_mult=(1, 2, 2), num_res_blocks=1)


def train_autoencoder(run: Path, settings: VAESettings) -> dict[str, Any]:
    """Train the autoencoder (or read it back) and return its weights; a log line for every 50 steps."""
    from diffusers import AutoencoderKLWan

    from wan_r1.policies.tiny import tiny_vae_config

    torch.manual_seed(settings.seed)
    vae = AutoencoderKLWan(**tiny_vae_config(SPEC))
    for_cpu(vae)
    with progress("autoencoder", settings.steps) as advance:
        world = join_world("cpu")
        report = reporter(run / "vae.jsonl", advance, is_main=world.is_main)
        train_vae(vae, settings, run / "vae", resume=True, report=report, world=world)
        world.barrier()
    return without_prefix("vae", read_checkpoint(run / "vae")[0])


def for_cpu(vae: torch.nn.Module) -> None:
    """Lay convolution weights out as CPUs like them."""
    for module in vae.modules():
        if isinstance(module, torch.nn.Conv3d):
            module.weight.data = module.weight.data.to(memory_format=torch.channels_last_3d)


def reporter(log: Path, advance: Advance, is_main: bool = True) -> Callable[[dict[str, float]], None]:
    """What the training of an autoencoder reports to: the progress line, and the means of every 50 steps in a file."""
    sums: dict[str, float] = {}

    def report(numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            sums[name] = sums.get(name, 0.0) + value / 50
        advance(1, f"psnr {numbers['psnr']:.1f} dB")
        if (int(numbers["step"]) + 1) % 50 == 0 and is_main:
            with log.open("a") as file:
                file.write(json.dumps(sums | {"step": numbers["step"] + 1}) + "\n")
            sums.clear()

    return report


def build_base(run: Path, weights: dict[str, Any]) -> Path:
    """The folder runs/tiny/base: trained autoencoder with latents of unit variance, random transformer."""
    from diffusers import AutoencoderKLWan

    base = run / "base"
    prompts = [make_tasks("maze", 0, 1, skin=skin)[0].prompt for skin in SKINS]
    build_tiny(base, SPEC, prompts)
    vae = AutoencoderKLWan.from_pretrained(base / "vae")
    vae.load_state_dict(weights)
    rng = np.random.default_rng(1)
    mazes = solver_videos(make_tasks("maze", 2, 128, split="train"), NUM_FRAMES, SIZE)
    clips = [*mazes, *(random_scene(rng, NUM_FRAMES, SIZE) for _ in range(32))]
    mean, std = latent_statistics(vae, iter(clips))
    vae.register_to_config(latents_mean=mean, latents_std=std)
    vae.save_pretrained(base / "vae")
    return base


def check_autoencoder(base: Path) -> dict[str, float]:
    """Round trip of held-out maze videos."""
    return round_trip(WanConfig(path=str(base), train="nothing").load(), "maze", NUM_CHECKED)


def round_trip(policy: WanPolicy, family: str, num: int) -> dict[str, float]:
    """Held-out solution videos, encoded and decoded: PSNR, share that is still judged solved, milliseconds."""
    reward, tasks = TrajectoryReward(), make_tasks(family, 3, num, split="test")
    psnr, same, decode_s = [], [], 0.0
    for first in range(0, num, 32):
        chosen = tasks[first : first + 32]
        videos = solver_videos(chosen, NUM_FRAMES, SIZE)
        latents = policy.encode_video(videos)
        began = time.process_time()
        decoded = policy.decode(latents)
        decode_s += time.process_time() - began
        error = ((decoded.astype(np.float64) - videos) ** 2).mean(axis=(1, 2, 3, 4))
        psnr += (10 * np.log10(255**2 / error)).tolist()
        verdicts = [reward(task, video).verdict for task, video in zip(chosen, decoded, strict=True)]
        same += [v is not None and v.optimal for v in verdicts]
    return {
        "videos": num,
        "psnr_mean": float(np.mean(psnr)),
        "psnr_min": float(np.min(psnr)),
        "same_path": float(np.mean(same)),
        "decode_ms": 1000 * decode_s / num,
    }


def success_by_length(exact: list[int]) -> dict[int, tuple[int, int]]:
    """(solved, all) for each number of moves; exact: 1 or 0 for each task of the recipe's test section."""
    table: dict[int, tuple[int, int]] = {}
    for task, hit in zip(make_tasks("maze", 2, len(exact), split="test"), exact, strict=True):
        moves = len(task.solution.points) - 1
        solved, count = table.get(moves, (0, 0))
        table[moves] = (solved + hit, count + 1)
    return dict(sorted(table.items()))


def write_card(folder: Path, run: Path) -> None:
    """The model card: data, steps, time, success by length of the way."""
    import tomllib

    recipe = tomllib.loads((run / "sft" / "recipe.toml").read_text())
    metrics = [json.loads(line) for line in (run / "sft" / "metrics.jsonl").read_text().splitlines()]
    vae = json.loads((run / "vae_check.json").read_text())
    evaluations = [m for m in metrics if "validation/em" in m]
    exact = [row[0] for row in json.loads((run / "sft" / "outcomes.json").read_text())["after"]]
    table = success_by_length(exact)
    curve = ", ".join(f"{m['validation/em']:.3f} at {m['step']}" for m in evaluations)
    rows = "\n".join(f"| {moves} | {hit} of {count} | {hit / count:.2f} |" for moves, (hit, count) in table.items())
    text = CARD.format(
        demonstrations=recipe["num_examples"],
        wrong_turns=recipe["data"]["wrong_turns"],
        minutes=sum(m.get("seconds/step", 0.0) * recipe["sft"]["log_every"] for m in metrics) / 60,
        steps=metrics[-1]["step"],
        batch=recipe["sft"]["batch_size"],
        optimizer=recipe["optimizer"]["name"],
        curve=curve,
        num_tasks=len(exact),
        share=sum(exact) / len(exact),
        rows=rows,
        **vae,
    )
    (folder / "README.md").write_text(text)


def main() -> int:
    """Both stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/tiny"))
    parser.add_argument("--vae-steps", type=int, default=VAESettings().steps)
    parser.add_argument("--vae-only", action="store_true")
    parser.add_argument("--install", action="store_true", help="replace wan_r1/assets/wan-tiny")
    parser.add_argument("overrides", nargs="*", help="section.key=value for the recipe of stage 2")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    torch.set_num_threads(1)
    args.run.mkdir(parents=True, exist_ok=True)
    base = args.run / "base"
    if not (base / "model_index.json").exists():
        weights = train_autoencoder(args.run, VAESettings(steps=args.vae_steps))
        if int(os.environ.get("RANK", "0")):
            return 0
        build_base(args.run, weights)
        facts = check_autoencoder(base)
        (args.run / "vae_check.json").write_text(json.dumps(facts, indent=1))
        say(f"autoencoder: {facts}")
    if args.vae_only:
        return 0
    code = fine_tune(args.run, RECIPE, args.overrides)
    if code == 0 and args.install:
        install(args.run, ASSETS)
        write_card(ASSETS, args.run)
    return code


def fine_tune(run: Path, recipe: Path, overrides: list[str]) -> int:
    """Stage 2, or what is left of it."""
    sft = run / "sft"
    resume = ["--resume"] if (sft / "metrics.jsonl").exists() else []
    return wan_r1(["sft", str(recipe), f"policy.path={run / 'base'}", f"run={sft}", *overrides, *resume])


def install(run: Path, assets: Path) -> None:
    """Replace a shipped model by that of stage 2, in float16."""
    shutil.rmtree(assets, ignore_errors=True)
    WanConfig(path=str(run / "sft" / "model"), train="full").load().save(assets, "float16")


if __name__ == "__main__":
    sys.exit(main())
