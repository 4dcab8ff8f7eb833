"""Reinforcement learning on walks through rooms: the runs behind "What was learned" in docs/navigation.md.

    python benchmarks/rooms_job.py                                      # all that is not finished; two at a time
    python benchmarks/rooms_job.py --only shuffled --seeds 1 2 3 4      # runs differ by more than rooms tell
    python benchmarks/rooms_job.py --table                              # only collect what is there

All runs start from wan-tiny-rooms, which imitation of a demonstrator who errs in half of his walks has taught
(benchmarks/build_rooms.py). `rl` is recipes/rl/navigation_tiny.toml, `shuffled` the same with rewards that are shuffled
inside the iteration, and `sft` the control, recipes/sft/navigation_tiny.toml: imitation goes on for the same time. All
are judged in the same 256 held-out rooms by Target-Bench's numbers of the decoded camera path, which the reward does
not see; beside them stands wan-tiny-games, which has seen games only. A run is a folder below runs/rooms_job and goes
on where it was stopped; benchmarks/results/rooms_job.json keeps what is finished.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from main_job import RESULTS, ROOT, fill, interval, wan_r1
from record import at_once, curves, read_record, write_record
from scipy.stats import t

from wan_r1.cli.console import say
from wan_r1.evaluation.walks import WALK_NUMBERS
from wan_r1.metrics.statistics import paired_difference

RUNS, RECORD = ROOT / "runs" / "rooms_job", RESULTS / "rooms_job.json"
PAGE = ROOT / "docs" / "navigation.md"
RECIPES = {"rl": "recipes/rl/navigation_tiny.toml", "sft": "recipes/sft/navigation_tiny.toml"}
KINDS = {"rl": "SFT, then RL", "sft": "SFT continued", "shuffled": "RL, shuffled rewards"}
MODEL, BASE = "policy.path=wan-tiny-rooms", "policy.path=wan-tiny-games"
LONG_PROMPTS = "policy.max_sequence_length=512"
"""Words of rooms are many tokens for a model that has not learned them."""
MINUTES = "max_minutes=12"
"""Of training, for RL and for its control."""
NUM_ROOMS = 256
CONTROL = ["optimizer.learning_rate=0.01", "optimizer.decay_share=1.0"]
"""Imitation goes on with a rate that falls to 0 once more."""


def run_one(kind: str, seed: int) -> None:
    """Run, or go on with, one kind and seed; nothing if it is finished."""
    folder, command = RUNS / f"{kind}_{seed}", "sft" if kind == "sft" else "rl"
    if (folder / "summary.json").exists():
        return
    changes = [f"{command}.seed={seed}", *(CONTROL if command == "sft" else [f"tasks.seed={seed}"])]
    changes += ["rl.shuffle_rewards=true"] if kind == "shuffled" else []
    resume = ["--resume"] if (folder / "metrics.jsonl").exists() else []
    folder.mkdir(parents=True, exist_ok=True)
    say(f"{folder.name}: begins")
    fixed = [f"run={folder}", MODEL, MINUTES, f"test.num_tasks={NUM_ROOMS}"]
    wan_r1([command, RECIPES[command], *fixed, *changes, *resume], folder.with_suffix(".log"))
    say(f"{folder.name}: done")


def judge_base() -> None:
    """Judge a model that has seen games only."""
    file = RUNS / "base.json"
    if not file.exists():
        RUNS.mkdir(parents=True, exist_ok=True)
        options = ["--num-tasks", str(NUM_ROOMS), BASE, LONG_PROMPTS]
        file.write_text(wan_r1(["evaluate", "policy", RECIPES["rl"], *options, "--json"]))


def collect(record: dict[str, Any]) -> None:
    """Add the finished runs below RUNS to the record, and write it."""
    for kind in KINDS:
        for file in sorted(RUNS.glob(f"{kind}_[0-9]*/summary.json")):
            folder, outcomes = file.parent, json.loads((file.parent / "outcomes.json").read_text())
            record["runs"][folder.name] = {
                "kind": kind,
                "seed": int(folder.name.rsplit("_", 1)[1]),
                **json.loads(file.read_text()),
                "curves": curves(folder, ("rollout/value", "validation/value")),
                **{side: outcomes[side] for side in ("before_overall", "after_overall") if side in outcomes},
            }
    if (RUNS / "base.json").exists():
        record["evaluations"]["base"] = json.loads((RUNS / "base.json").read_text())
    write_record(RECORD, record)


def table(record: dict[str, Any]) -> str:
    """The paper's Figure 3 as a table: a line for each model, and the differences in overall."""
    runs = record["runs"]
    lines = [
        f"| model | {' | '.join(WALK_NUMBERS)} | reward | overall against SFT | against SFT continued |",
        "|---" * (len(WALK_NUMBERS) + 4) + "|",
    ]
    before = next((run for run in runs.values() if "before_overall" in run), None)
    if "base" in record["evaluations"]:
        lines.append(line("base: wan-tiny-games", record["evaluations"]["base"], "", ""))
    if before is not None:
        lines.append(line("SFT", before["sft"], "", ""))
    controls = [run["after_overall"] for run in runs.values() if run["kind"] == "sft"]
    for name, kind in ((name, run["kind"]) for name, run in runs.items()):
        run, after = runs[name], runs[name]["after_overall"]
        change = difference([before["before_overall"]], [after]) if before else ""
        against = difference(controls, [after]) if controls and kind != "sft" else ""
        lines.append(line(f"{KINDS[kind]} (seed {run['seed']})", run.get("rl", run["sft"]), change, against))
    return "\n".join(lines)


def line(name: str, numbers: dict[str, Any], change: str, against: str) -> str:
    """One model's line."""
    cells = [f"{numbers[each]:.3f}" for each in (*WALK_NUMBERS, "value")]
    return f"| {name} | {' | '.join(cells)} | {change} | {against} |"


def difference(before: Sequence[Sequence[float]], after: Sequence[Sequence[float]]) -> str:
    """The paired difference of overall with its interval, each room a mean over the runs of its side."""
    change = paired_difference(np.mean(before, axis=0), np.mean(after, axis=0), seed=0)
    return interval({"em": change.mean, "em_ci95": [change.low, change.high]})


def changes(runs: dict[str, Any]) -> str:
    """Each run of RL against SFT, number by number, on the rooms where both paths could be decoded."""
    lines = ["| run | " + " | ".join(WALK_NUMBERS) + " |", "|---" * (len(WALK_NUMBERS) + 1) + "|"]
    for run in (each for each in runs.values() if "difference" in each):
        cells = [
            interval({"em": run["difference"][each], "em_ci95": run["difference"][f"{each}_ci95"]})
            for each in WALK_NUMBERS
        ]
        lines.append(f"| {KINDS[run['kind']]} (seed {run['seed']}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def over_seeds(runs: dict[str, Any]) -> str:
    """The change of overall over the seeds of a kind: what differs from run to run, which rooms do not tell.

    The interval is Student's, of the runs' means; with two runs it says nothing and is left out.
    """
    lines = ["| runs | seeds | mean change of overall | least | most | 95 % interval over seeds |", "|---" * 6 + "|"]
    for kind in KINDS:
        found = [run["difference"]["overall"] for run in runs.values() if run["kind"] == kind and "difference" in run]
        if not found:
            continue
        half = float(t.ppf(0.975, len(found) - 1) * np.std(found, ddof=1) / len(found) ** 0.5) if len(found) > 2 else 0
        limits = f"[{np.mean(found) - half:+.3f}, {np.mean(found) + half:+.3f}]" if half else ""
        numbers = f"{np.mean(found):+.3f} | {min(found):+.3f} | {max(found):+.3f}"
        lines.append(f"| {KINDS[kind]} | {len(found)} | {numbers} | {limits} |")
    return "\n".join(lines)


def main() -> int:
    """Runs, then the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    parser.add_argument("--table", action="store_true", help="collect without running")
    args = parser.parse_args()
    record = read_record(RECORD, ["wan-tiny-rooms"])
    if not args.table:
        wanted = [(kind, seed) for seed, kind in product(args.seeds, args.only)]
        at_once(args.workers, run_one, [each for each in wanted if "{}_{}".format(*each) not in record["runs"]])
        judge_base()
    collect(record)
    fill("rooms_job", table(record), PAGE)
    fill("rooms_changes", changes(record["runs"]), PAGE)
    fill("rooms_seeds", over_seeds(record["runs"]), PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
