"""Build the shipped wan-tiny-rooms from wan-tiny-games: an autoencoder and words for first-person video. Resumable.

    python benchmarks/build_rooms.py --run runs/rooms            # a quarter of an hour on one core
    python benchmarks/build_rooms.py --run runs/rooms --install  # and put it into wan_r1/assets

Trains the autoencoder of wan-tiny-games on, on walks through rooms (train side), and measures what a decoded walk is
worth by Target-Bench's numbers. The transformer stays that of wan-tiny-games; in the package it is a link to it.
"""

import argparse
import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from build_games import ASSETS as START
from build_games import build_base, train_autoencoder, videos_of
from build_tiny import NUM_FRAMES, SIZE

from wan_r1.cli.console import say
from wan_r1.evaluation.walks import WALK_NUMBERS, walk_results
from wan_r1.policies.wan import WanConfig
from wan_r1.tasks import make_tasks
from wan_r1.training.data import solver_videos
from wan_r1.training.vae import VAESettings

ASSETS = START.parent / "wan-tiny-rooms"
SETTINGS = {"learning_rate": 0.01, "motion_weight": 0.0, "first_frame_weight": 2.0, "games_share": 1.0, "crop_px": 40}
"""All of a walk moves, so what moves has no extra weight; no scenes of sprites."""
NUM_CHECKED = 64

CARD = """# wan-tiny-rooms

What the small models need to learn first-person video, 80 px, 17 frames: an autoencoder and words for walks through
rooms (family `navigation`, level `tiny`), built by benchmarks/build_rooms.py. The transformer is that of
wan-tiny-games, by a link: it has not seen a room, and `wan-r1 sft recipes/sft/navigation_tiny.toml` teaches it to walk.

* Autoencoder, that of wan-tiny-games after {steps} more steps on {rooms} walks of the train side. {videos} held-out
  walks, encoded and decoded: PSNR {psnr_mean:.1f} dB (lowest {psnr_min:.1f}). Camera paths that the pose regressor
  reads, Target-Bench's overall score: {drawn_overall:.3f} of the drawn videos, {decoded_overall:.3f} of the decoded.

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


def install(run: Path, facts: dict[str, float], steps: int, rooms: int) -> None:
    """Replace the shipped model by what was built, in float16, its transformer by a link."""
    shutil.rmtree(ASSETS, ignore_errors=True)
    WanConfig(path=str(run / "base"), train="nothing").load().save(ASSETS, "float16")
    shutil.rmtree(ASSETS / "transformer")
    (ASSETS / "transformer").symlink_to(Path("..") / START.name / "transformer")
    (ASSETS / "README.md").write_text(CARD.format(steps=steps, rooms=rooms, **facts))


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
    base, check = args.run / "base", args.run / "vae_check.json"
    if not check.exists():
        clips = videos_of({"navigation": args.num_rooms}, 7)
        vae = train_autoencoder(args.run, VAESettings(steps=args.vae_steps, **SETTINGS), START, clips)
        prompts = [task.prompt for task in make_tasks("navigation", 0, 200)]
        build_base(base, vae, START, prompts, clips[:128])
        check.write_text(json.dumps(check_autoencoder(base), indent=1))
        say(f"autoencoder: {check.read_text()}")
    if args.install:
        install(args.run, json.loads(check.read_text()), args.vae_steps, args.num_rooms)
    return 0


if __name__ == "__main__":
    sys.exit(main())
