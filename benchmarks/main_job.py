"""The longer runs behind docs/results.md: both algorithms, controls, several seeds; resumable, one run at a time.

    python benchmarks/main_job.py                       # every run that is not finished yet, then the table
    python benchmarks/main_job.py --only nft --seeds 1  # a part of it
    python benchmarks/main_job.py --table               # only collect what is there

A run is a folder below runs/main_job; what is collected goes to benchmarks/results/main_job.json.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from wan_r1.cli.console import say
from wan_r1.cli.main import main as wan_r1

ROOT = Path(__file__).parent.parent
RUNS, RESULTS = Path("runs/main_job"), Path(__file__).parent / "results" / "main_job.json"
RL, SFT = ROOT / "recipes" / "rl" / "maze_tiny.toml", ROOT / "recipes" / "sft" / "maze_tiny.toml"
VARIANTS: dict[str, tuple[Path, list[str]]] = {
    "nft": (RL, []),
    "grpo": (RL, ["algorithm.name=grpo"]),
    "nft_shuffled": (RL, ["rl.shuffle_rewards=true"]),
    "sft_continued": (
        SFT,
        [
            "fresh=false",
            "optimizer.decay_share=1.0",
            "sft.evaluate_every=0",
            "test.source.seed=2",
            "test.num_tasks=512",
        ],
    ),
}


def run_one(name: str, seed: int, extra: list[str]) -> int:
    """Run one variant with one seed, or go on with it; nothing if it is finished."""
    folder = RUNS / f"{name}_{seed}"
    if (folder / "summary.json").exists():
        return 0
    recipe, overrides = VARIANTS[name]
    section = "sft" if recipe == SFT else "rl"
    seeds = [f"{section}.seed={seed}"] + ([f"tasks.seed={seed}"] if section == "rl" else [])
    resume = ["--resume"] if (folder / "metrics.jsonl").exists() else []
    say(f"== {folder}")
    return wan_r1([section, str(recipe), f"run={folder}", *overrides, *seeds, *extra, *resume])


def collect() -> list[dict[str, Any]]:
    """The summaries of all finished runs."""
    rows = []
    for file in sorted(RUNS.glob("*/summary.json")):
        variant, seed = file.parent.name.rsplit("_", 1)
        rows.append({"variant": variant, "seed": int(seed), **json.loads(file.read_text())})
    return rows


def main() -> int:
    """Runs, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(VARIANTS), nargs="+", default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--table", action="store_true", help="collect without running")
    parser.add_argument("overrides", nargs="*", help="section.key=value for every run")
    args = parser.parse_args()
    for seed in () if args.table else args.seeds:
        for name in args.only:
            code = run_one(name, seed, args.overrides)
            if code:
                return code
    rows = collect()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        difference = row.get("difference", {})
        after = row.get("rl", row["sft"])
        say(
            f"{row['variant']:14} seed {row['seed']}: em {after['em']:.3f}, "
            f"difference {difference.get('em', float('nan')):+.3f} {difference.get('em_ci95')}, "
            f"failures removed {difference.get('failures_removed', float('nan')):.2f}, {row['seconds']:.0f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
