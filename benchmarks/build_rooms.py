"""Build the shipped wan-tiny-rooms, a small model of first-person video. Resumable.

    python benchmarks/build_rooms.py --run runs/rooms            # three stages, 45 minutes on one core
    python benchmarks/build_rooms.py --run runs/rooms --install  # and put it into wan_r1/assets

Stage 1 trains the autoencoder of wan-tiny-games on, on walks through rooms (train side), and measures what a decoded
walk is worth by Target-Bench's numbers. Stage 2 teaches a narrow transformer of random weights to walk, by reference
walks; stage 3 is recipes/sft/navigation_tiny.toml as it is: it goes on with a demonstrator who errs.
"""

import argparse
import json
import sys
import tomllib
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from build_games import ASSETS as START
from build_games import ROOT, build_base, train_autoencoder, videos_of
from build_tiny import NUM_FRAMES, SIZE, SPEC, fine_tune, install

from wan_r1.cli.console import say
from wan_r1.evaluation.walks import WALK_NUMBERS, walk_results
from wan_r1.policies.wan import WanConfig
from wan_r1.tasks import make_tasks
from wan_r1.training.data import solver_videos
from wan_r1.training.vae import VAESettings

ASSETS = START.parent / "wan-tiny-rooms"
RECIPE = ROOT / "recipes" / "sft" / "navigation_tiny.toml"
NARROW = replace(SPEC, num_heads=2, num_layers=4, ffn_dim=256)
"""A fifth of wan-tiny's transformer: in the same minutes it takes four times as many steps, and walks as well."""
WALKS = ["fresh=true", "data.wrong_turns=0.0", "num_examples=4000", "data.seed=0", "sft.seed=1"]
"""What stage 2 changes in the recipe: from random weights, faultless walks."""
SETTINGS = {"learning_rate": 0.01, "motion_weight": 0.0, "first_frame_weight": 2.0, "games_share": 1.0, "crop_px": 40}
"""All of a walk moves, so what moves has no extra weight; no scenes of sprites."""
NUM_CHECKED = 64

CARD = """# wan-tiny-rooms

A small model of first-person video, 80 px, 17 frames: walks through rooms (family `navigation`, level `tiny`), built by
benchmarks/build_rooms.py. The prompt names the piece of furniture to walk to.

* Autoencoder, that of wan-tiny-games after {steps} more steps on {rooms} walks of the train side. {videos} held-out
  walks, encoded and decoded: PSNR {psnr_mean:.1f} dB (lowest {psnr_min:.1f}). Camera paths that the pose regressor
  reads, Target-Bench's overall score: {drawn_overall:.3f} of the drawn videos, {decoded_overall:.3f} of the decoded.
* Supervised fine-tuning of a narrow transformer (2 heads of 32, 4 layers) from random weights, on one core: {sft}.
* Held-out test rooms ({rooms_judged}), one sample, 8 steps with Flow-CPS noise .7 in the first 7: {judged}.

License: Apache-2.0, as the code.
"""


def check_autoencoder(base: Path) -> dict[str, float]:
    """Round trip of walks through held-out rooms: PSNR, and Target-Bench's numbers before and after."""
    policy = WanConfig(path=str(base), train="nothing").load()
    tasks = make_tasks("navigation", 3, NUM_CHECKED, split="test")
    videos = solver_videos(tasks, NUM_FRAMES, SIZE)
    decoded = np.concatenate(
        [policy.decode(policy.encode_video(videos[at : at + 16])) for at in range(0, len(videos), 16)]
    )
    error = ((decoded.astype(np.float64) - videos) ** 2).mean(axis=(1, 2, 3, 4))
    psnr = 10 * np.log10(255**2 / error)
    facts = {"videos": len(tasks), "psnr_mean": float(psnr.mean()), "psnr_min": float(psnr.min())}
    for name, shown in (("drawn", videos), ("decoded", decoded)):
        means = walk_results(tasks, list(shown)).mean(axis=0)
        facts |= {f"{name}_{number}": float(mean) for number, mean in zip(WALK_NUMBERS, means, strict=True)}
    return facts


def write_card(run: Path, steps: int, rooms: int) -> None:
    """The model card: data, steps, time, and Target-Bench's numbers after both stages of imitation."""
    facts = json.loads((run / "vae_check.json").read_text())
    stages = []
    for folder, name in ((run / "walks" / "sft", "reference walks"), (run / "sft", "a demonstrator who errs")):
        metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        recipe = tomllib.loads((folder / "recipe.toml").read_text())
        minutes = sum(m.get("seconds/step", 0.0) * recipe["sft"]["log_every"] for m in metrics) / 60
        share = f" in {recipe['data']['wrong_turns']:.0%} of the walks" if recipe["data"].get("wrong_turns") else ""
        stages.append(
            f"{name}{share} ({recipe['num_examples']} videos, {metrics[-1]['step']} steps of "
            f"{recipe['sft']['batch_size']}, {minutes:.0f} minutes)"
        )
    numbers = [json.loads((run / at / "summary.json").read_text())["sft"] for at in ("walks/sft", "sft")]
    judged = ", ".join(f"{name} {numbers[1][name]:.3f}" for name in WALK_NUMBERS)
    text = CARD.format(
        steps=steps,
        rooms=rooms,
        sft=", then ".join(stages),
        rooms_judged=numbers[1]["n"],
        judged=f"{judged} (overall after reference walks alone {numbers[0]['overall']:.3f})",
        **facts,
    )
    (ASSETS / "README.md").write_text(text)


def main() -> int:
    """Train, check, install."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/rooms"))
    parser.add_argument("--vae-steps", type=int, default=1800)
    parser.add_argument("--num-rooms", type=int, default=800, help="walks that the autoencoder trains on")
    parser.add_argument("--install", action="store_true", help="replace wan_r1/assets/wan-tiny-rooms")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    torch.set_num_threads(1)
    args.run.mkdir(parents=True, exist_ok=True)
    base, check, walks = args.run / "base", args.run / "vae_check.json", args.run / "walks"
    if not check.exists():
        clips = videos_of({"navigation": args.num_rooms}, 7)
        vae = train_autoencoder(args.run, VAESettings(steps=args.vae_steps, **SETTINGS), START, clips)
        prompts = [task.prompt for task in make_tasks("navigation", 0, 200)]
        build_base(base, NARROW, vae, prompts, clips[:128])
        check.write_text(json.dumps(check_autoencoder(base), indent=1))
        say(f"autoencoder: {check.read_text()}")
    for run, start, changes in ((walks, base, WALKS), (args.run, walks / "sft" / "model", [])):
        if not (run / "sft" / "summary.json").exists():
            code = fine_tune(run, RECIPE, [f"policy.path={start}", *changes])
            if code:
                return code
    if args.install:
        install(args.run, ASSETS)
        write_card(args.run, args.vae_steps, args.num_rooms)
    return 0


if __name__ == "__main__":
    sys.exit(main())
