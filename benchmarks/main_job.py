"""The runs behind docs/results.md: both algorithms and the controls, three seeds, then the models elsewhere.

    python benchmarks/main_job.py                         # all that is not finished; two at a time, one core each
    python benchmarks/main_job.py --only nft --seeds 1    # a part of it
    python benchmarks/main_job.py --table                 # only collect what is there

A run is a folder below runs/main_job and goes on where it was stopped; summaries, curves and paired comparisons with
SFT continued go to benchmarks/results/main_job.json, evaluations to benchmarks/results/main_job_evaluations.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from wan_r1.cli.console import say
from wan_r1.metrics.statistics import paired_difference

ROOT, HERE = Path(__file__).parent.parent, Path(__file__).parent
SHIPPED = ROOT / "wan_r1" / "assets" / "wan-tiny"
RUNS, RESULTS = Path("runs/main_job"), HERE / "results"
RL = "recipes/rl/maze_tiny.toml"
VARIANTS: dict[str, list[str]] = {
    "nft": ["rl", RL],
    "grpo": ["rl", "recipes/rl/maze_tiny_grpo.toml"],
    "nft_shuffled": ["rl", RL, "rl.shuffle_rewards=true"],
    "sft_continued": ["sft", "recipes/sft/maze_tiny_continued.toml"],
}
"""Sub-command, recipe and what is changed in it."""
EVALUATIONS: dict[str, list[str]] = {
    "pass_at_k": ["--num-samples", "16", "--num-tasks", "128"],
    "tiny_long": ["test.source.settings.level=tiny_long", "--num-tasks", "256"],
    "skin_night": ["test.source.settings.skin=night", "--num-tasks", "256"],
    "skin_candy": ["test.source.settings.skin=candy", "--num-tasks", "256"],
    "skin_slate": ["test.source.settings.skin=slate", "--num-tasks", "256"],
}
"""Options of `wan-r1 evaluate policy`."""
BASE = RUNS / "base"
"""The shipped folder with random transformer weights."""
MODELS = {"base": [f"policy.path={BASE}"], "sft": [], "nft": ["--checkpoint", str(RUNS / "nft_1" / "model")]}


def wan_r1(arguments: Sequence[str], log: Path | None = None) -> str:
    """Run the command in a process of one thread; its standard output. A failure ends the program."""
    return python(["-m", "wan_r1", *arguments], log)


def python(arguments: Sequence[str], log: Path | None = None) -> str:
    """Run Python in a process of one thread that finds the modules of this folder; its standard output."""
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, *arguments]
    errors = log.open("a") if log else None
    done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}; see {log}")
    return done.stdout


def run_one(name: str, seed: int, extra: Sequence[str]) -> None:
    """Run one variant with one seed, or go on with it; nothing if it is finished."""
    folder = ROOT / RUNS / f"{name}_{seed}"
    if (folder / "summary.json").exists():
        return
    section, recipe, *changes = VARIANTS[name]
    seeds = [f"{section}.seed={seed}"] + ([f"tasks.seed={seed}"] if section == "rl" else [])
    resume = ["--resume"] if (folder / "metrics.jsonl").exists() else []
    folder.mkdir(parents=True, exist_ok=True)
    say(f"{folder.name}: begins")
    wan_r1([section, recipe, f"run={folder}", *changes, *seeds, *extra, *resume], folder.with_suffix(".log"))
    say(f"{folder.name}: done")


def make_base() -> None:
    """Write the folder of the untrained model."""
    import torch
    from diffusers import WanTransformer3DModel

    if (ROOT / BASE).exists():
        return
    torch.manual_seed(0)
    random = WanTransformer3DModel.from_config(WanTransformer3DModel.load_config(SHIPPED / "transformer"))
    shutil.copytree(SHIPPED, ROOT / BASE)
    random.save_pretrained(ROOT / BASE / "transformer")


def evaluate_one(name: str, model: str) -> None:
    """Judge one model on one set of tasks."""
    file = ROOT / RUNS / f"evaluation_{name}_{model}.json"
    if not file.exists():
        printed = wan_r1(["evaluate", "policy", RL, *EVALUATIONS[name], *MODELS[model], "--json"])
        file.write_text(printed)


def collect() -> list[dict[str, Any]]:
    """Summaries and curves of all finished runs, each beside SFT continued with the same seed."""
    rows = []
    for file in sorted((ROOT / RUNS).glob("*/summary.json")):
        variant, seed = file.parent.name.rsplit("_", 1)
        metrics = [json.loads(line) for line in (file.parent / "metrics.jsonl").read_text().splitlines()]
        curve = [[m["step"], m["validation/em"]] for m in metrics if "validation/em" in m]
        row = {"variant": variant, "seed": int(seed), **json.loads(file.read_text()), "validation_em": curve}
        control = file.parent.parent / f"sft_continued_{seed}" / "outcomes.json"
        if variant in ("nft", "grpo") and control.exists():
            row["against_sft_continued"] = compare(control, file.parent / "outcomes.json")
        rows.append(row)
    return rows


def compare(before: Path, after: Path) -> dict[str, Any]:
    """The paired difference in em between two runs on the same test mazes."""
    sides = [[row[0] for row in json.loads(file.read_text())["after"]] for file in (before, after)]
    change = paired_difference(*sides, seed=0)
    return {"em": change.mean, "em_ci95": [change.low, change.high]}


def describe(row: dict[str, Any]) -> str:
    """One line about a run."""
    change, against = row.get("difference", {}), row.get("against_sft_continued", {})
    numbers = f"em {row.get('rl', row['sft'])['em']:.3f}"
    if change:
        numbers += f", change {change['em']:+.3f} {change['em_ci95']}, removed {change['failures_removed']:.2f}"
    if against:
        numbers += f", against SFT continued {against['em']:+.3f} {against['em_ci95']}"
    return f"{row['variant']:14} seed {row['seed']}: {numbers}, {row['seconds']:.0f} s"


LABELS = {"nft_shuffled": "control: nft with shuffled rewards", "sft_continued": "control: SFT continued"}
NAMES = {"base": "base (random weights)", "sft": "SFT", "nft": "SFT, then RL (nft, seed 1)"}


def runs_table(rows: Sequence[dict[str, Any]], pools: dict[str, Any]) -> str:
    """The runs as a Markdown table; after each variant its seeds together."""
    lines = ["| run | seed | em after | paired difference | failures removed | against SFT continued, same seed |"]
    lines.append("|---|---|---|---|---|---|")
    for name in VARIANTS:
        for row in (each for each in rows if each["variant"] == name):
            change, against = row.get("difference", {}), row.get("against_sft_continued", {})
            removed = f"{change['failures_removed']:.2f}" if change else ""
            lines.append(
                f"| {LABELS.get(name, name)} | {row['seed']} | {row.get('rl', row['sft'])['em']:.3f} | "
                f"{interval(change)} | {removed} | {interval(against)} |"
            )
        if name in pools:
            lines.append(f"| {LABELS.get(name, name)} | all {pools[name]['seeds']} | | {interval(pools[name])} | | |")
    return "\n".join(lines)


def interval(numbers: dict[str, Any]) -> str:
    """A difference in em with its 95 % interval; empty where there is none."""
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(numbers["em"], *numbers["em_ci95"]) if numbers else ""


def pooled(name: str) -> dict[str, Any]:
    """The paired difference of a variant's em over all its seeds: the mean of each test maze over the seeds."""
    runs = [json.loads(file.read_text()) for file in sorted((ROOT / RUNS).glob(f"{name}_[0-9]*/outcomes.json"))]
    sides = [np.mean([[row[0] for row in run[side]] for run in runs], axis=0).tolist() for side in ("before", "after")]
    change = paired_difference(*sides, seed=0)
    return {"seeds": len(runs), "em": change.mean, "em_ci95": [change.low, change.high]}


def pass_table(found: dict[str, Any]) -> str:
    """pass@k of the models."""
    models = {name: found.get(f"pass_at_k_{name}", {}).get("pass_at_k") for name in MODELS}
    ks = list(next(each for each in models.values() if each))
    lines = [f"| model | {' | '.join(f'pass@{k}' for k in ks)} |", "|---" * (len(ks) + 1) + "|"]
    for name, numbers in models.items():
        cells = [f"{numbers[k]:.3f}" if numbers else "not measured yet" for k in ks]
        lines.append(f"| {NAMES[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def outside_table(found: dict[str, Any]) -> str:
    """em on mazes that no stage has trained on."""
    lines = ["| mazes | em, SFT | em after RL (nft, seed 1) |", "|---|---|---|"]
    for name in (each for each in EVALUATIONS if each != "pass_at_k"):
        sides = [found.get(f"{name}_{model}") for model in ("sft", "nft")]
        cells = ["{em:.3f} [{em_ci95[0]:.3f}, {em_ci95[1]:.3f}]".format(**side) if side else "" for side in sides]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def fill(section: str, text: str, page: Path = ROOT / "docs" / "results.md") -> None:
    """Put a table between its marks in a page."""
    before, rest = page.read_text().split(f"<!-- {section} -->\n")
    after = rest.split(f"<!-- /{section} -->")[1]
    page.write_text(f"{before}<!-- {section} -->\n{text}\n<!-- /{section} -->{after}")


def main() -> int:
    """Runs, evaluations, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(VARIANTS), nargs="+", default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    parser.add_argument("--table", action="store_true", help="collect without running")
    parser.add_argument("--no-evaluations", action="store_true", help="leave out the evaluations after the runs")
    parser.add_argument("--set", dest="overrides", nargs="+", default=[], help="section.key=value for every run")
    args = parser.parse_args()
    if not args.table:
        with ThreadPoolExecutor(args.workers) as pool:
            for seed in args.seeds:
                for name in args.only:
                    pool.submit(run_one, name, seed, args.overrides).add_done_callback(lambda run: run.result())
        make_base()
        with ThreadPoolExecutor(args.workers) as pool:
            for name in () if args.no_evaluations else EVALUATIONS:
                for model in MODELS:
                    pool.submit(evaluate_one, name, model).add_done_callback(lambda run: run.result())
    rows = collect()
    RESULTS.mkdir(exist_ok=True)
    pools = {name: pooled(name) for name in VARIANTS if name != "sft_continued"}
    (RESULTS / "main_job.json").write_text(json.dumps({"runs": rows, "pooled": pools}, indent=1) + "\n")
    found = {
        f.stem.removeprefix("evaluation_"): json.loads(f.read_text()) for f in sorted((ROOT / RUNS).glob("*.json"))
    }
    (RESULTS / "main_job_evaluations.json").write_text(json.dumps(found, indent=1) + "\n")
    for row in rows:
        say(describe(row))
    fill("main_job", runs_table(rows, pools))
    if any(name.startswith("pass_at_k") for name in found):
        fill("pass_at_k", pass_table(found))
        fill("outside", outside_table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
