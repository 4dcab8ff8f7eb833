"""Build the shipped wan-tiny-games from wan-tiny: one small model of all five games. Resumable.

    python benchmarks/build_games.py --run runs/games            # both stages
    python benchmarks/build_games.py --run runs/games --install  # and put it into wan_r1/assets

Stage 1 trains wan-tiny's autoencoder on, on videos of the games (train side) beside the synthetic mix, and measures it
on held-out videos. Stage 2 is `wan-r1 sft recipes/sft/five_games_tiny.toml`, which goes on from wan-tiny's transformer.
"""

import argparse
import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from build_tiny import NUM_FRAMES, SIZE, SPEC, fine_tune, for_cpu, install, reporter, round_trip

from wan_r1.cli.console import progress, say
from wan_r1.policies.tiny import TinySpec, build_tiny
from wan_r1.policies.wan import WanConfig
from wan_r1.tasks import make_tasks
from wan_r1.tasks.scenes import random_scene
from wan_r1.tasks.skins import SKINS
from wan_r1.training.data import solver_videos
from wan_r1.training.vae import Clip, VAESettings, latent_statistics, train_vae

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "recipes" / "sft" / "five_games_tiny.toml"
START, ASSETS = (ROOT / "wan_r1" / "assets" / name for name in ("wan-tiny", "wan-tiny-games"))
CLIPS = {"maze": 150, "trapfield": 200, "sokoban": 250, "irregular_maze": 350, "maze3d": 350}
"""Videos of each game that the autoencoder trains on; more where pictures are less like blocks of 8 px."""
NUM_CHECKED = 128

CARD = """# wan-tiny-games

wan-tiny after more training on VR-Bench's five games, level `tiny`, skin `plain`: 80 px, 17 frames. Built by
benchmarks/build_games.py, recipe recipes/sft/five_games_tiny.toml. The prompt says which game it is.

* Autoencoder, {checked} held-out solution videos of each game, encoded and decoded:

| game | PSNR (dB) | lowest | judged solved |
|---|---|---|---|
{autoencoder}

* Supervised fine-tuning from wan-tiny's transformer: {demonstrations} demonstrations, the games in turns, by
  demonstrators who err (`wrong_turns` = {wrong_turns}); {steps} steps of {batch} videos,
  {minutes:.0f} minutes on one core. Exact match on validation tasks by step: {curve}.
* Held-out test tasks, one sample, 8 steps with Flow-CPS noise .7 in the first 7:

| game | solved by a shortest way |
|---|---|
{games}

License: Apache-2.0, as the code.
"""


def train_autoencoder(run: Path, settings: VAESettings, start: Path, clips: list[Clip]) -> Any:
    """The autoencoder of the model `start` after training on clips; a log line for every 50 steps."""
    from diffusers import AutoencoderKLWan

    torch.manual_seed(settings.seed)
    vae = AutoencoderKLWan.from_pretrained(start / "vae", torch_dtype=torch.float32)
    for_cpu(vae)
    with progress("autoencoder", settings.steps) as advance:
        report = reporter(run / "vae.jsonl", advance)
        train_vae(vae, settings, run / "vae", resume=True, report=report, games=clips)
    return vae


def build_base(base: Path, spec: TinySpec, vae: Any, prompts: list[str], clips: list[Clip]) -> None:
    """The folder of stage 2: this autoencoder, unit variance over clips, these words, random weights."""
    build_tiny(base, spec, prompts)
    mean, std = latent_statistics(vae, iter(clips))
    vae.register_to_config(latents_mean=mean, latents_std=std)
    vae.save_pretrained(base / "vae")


def videos_of(counts: dict[str, int], seed: int) -> list[Clip]:
    """So many solution videos of each family, of the train side."""
    return [
        video
        for name, count in counts.items()
        for video in solver_videos(make_tasks(name, seed, count, split="train"), NUM_FRAMES, SIZE)
    ]


def check_autoencoder(base: Path) -> dict[str, dict[str, float]]:
    """Round trip of held-out solution videos of each game."""
    policy = WanConfig(path=str(base), train="nothing").load()
    return {name: round_trip(policy, name, NUM_CHECKED) for name in CLIPS}


def write_card(folder: Path, run: Path) -> None:
    """The model card: data, steps, time, success by game."""
    import tomllib

    recipe = tomllib.loads((run / "sft" / "recipe.toml").read_text())
    metrics = [json.loads(line) for line in (run / "sft" / "metrics.jsonl").read_text().splitlines()]
    facts = json.loads((run / "vae_check.json").read_text())
    summary = json.loads((run / "sft" / "summary.json").read_text())
    text = CARD.format(
        checked=NUM_CHECKED,
        autoencoder="\n".join(
            f"| {name} | {row['psnr_mean']:.1f} | {row['psnr_min']:.1f} | {row['same_path']:.2f} |"
            for name, row in facts.items()
        ),
        demonstrations=recipe["num_examples"],
        wrong_turns=", ".join(f"{name} {chance}" for name, chance in recipe["data"]["wrong_turns"].items()),
        steps=metrics[-1]["step"],
        batch=recipe["sft"]["batch_size"],
        minutes=sum(m.get("seconds/step", 0.0) * recipe["sft"]["log_every"] for m in metrics) / 60,
        curve=", ".join(f"{m['validation/em']:.3f} at {m['step']}" for m in metrics if "validation/em" in m),
        games="\n".join(f"| {name} | {share:.3f} |" for name, share in summary["sft"]["em_by_family"].items()),
    )
    (folder / "README.md").write_text(text)


def main() -> int:
    """Both stages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/games"))
    parser.add_argument("--vae-steps", type=int, default=4500)
    parser.add_argument("--vae-only", action="store_true")
    parser.add_argument("--install", action="store_true", help="replace wan_r1/assets/wan-tiny-games")
    parser.add_argument("overrides", nargs="*", help="section.key=value for the recipe of stage 2")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    torch.set_num_threads(1)
    args.run.mkdir(parents=True, exist_ok=True)
    base = args.run / "base"
    if not (args.run / "vae_check.json").exists():
        settings = VAESettings(steps=args.vae_steps, learning_rate=0.01, first_frame_weight=5.0)
        vae = train_autoencoder(args.run, settings, START, videos_of(CLIPS, 7))
        rng = np.random.default_rng(1)
        scenes = [random_scene(rng, NUM_FRAMES, SIZE) for _ in range(32)]
        prompts = [make_tasks(name, 0, 1, skin=skin)[0].prompt for name in CLIPS for skin in SKINS]
        build_base(base, SPEC, vae, prompts, [*videos_of(dict.fromkeys(CLIPS, 32), 2), *scenes])
        shutil.rmtree(base / "transformer")
        shutil.copytree(START / "transformer", base / "transformer")
        (args.run / "vae_check.json").write_text(json.dumps(check_autoencoder(base), indent=1))
        say(f"autoencoder: {args.run / 'vae_check.json'}")
    if args.vae_only:
        return 0
    code = fine_tune(args.run, RECIPE, args.overrides)
    if code == 0 and args.install:
        install(args.run, ASSETS)
        write_card(ASSETS, args.run)
    return code


if __name__ == "__main__":
    sys.exit(main())
