"""Reinforcement learning on each of the five games: the runs behind "Five games" in docs/results.md.

    python benchmarks/games_job.py                              # all that is not finished; two at a time, one core each
    python benchmarks/games_job.py --games sokoban --only rl    # a part of it
    python benchmarks/games_job.py --table                      # only collect what is there

All runs start from wan-tiny-games. `rl` is recipes/rl/GAME_tiny.toml and `sft` the control: imitation of that game
alone goes on for the same time. A run is a folder below runs/games_job and goes on where it was stopped;
benchmarks/results/games_job.json collects all of them, docs/results.md shows them.
"""

import argparse
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import numpy as np
from main_job import RESULTS, ROOT, compare, fill, interval, wan_r1

from wan_r1.cli.console import say

RUNS = ROOT / "runs" / "games_job"
GAMES = ("maze", "trapfield", "sokoban", "irregular_maze", "maze3d")
KINDS = ("rl", "sft")
MODEL = "policy.path=wan-tiny-games"
MINUTES = "max_minutes=12"
CONTROL = ["sft.batch_size=16", "sft.steps=5000", "optimizer.learning_rate=0.01", "optimizer.decay_share=1.0"]
"""Imitation goes on for 12 minutes, with a rate that falls to 0 once more."""
HARDER = {
    "maze": "tiny_long",
    "trapfield": "medium",
    "sokoban": "tiny_long",
    "irregular_maze": "easy",
    "maze3d": "easy",
}
"""A level above `tiny` whose ways fit 17 frames."""
SKINS = ("candy", "slate")
"""Looks that are held out in every family."""
OUTSIDE = ["--num-tasks", "128"]


def recipe_of(game: str, kind: str) -> str:
    """The recipe of a run."""
    continued = "_continued" if (game, kind) == ("maze", "sft") else ""
    return f"recipes/{kind}/{game}_tiny{continued}.toml"


def run_one(game: str, kind: str, seed: int) -> None:
    """Run, or go on with, one game and seed; nothing if it is finished."""
    folder = RUNS / f"{game}_{kind}_{seed}"
    if (folder / "summary.json").exists():
        return
    seeds = [f"{kind}.seed={seed}", *([f"tasks.seed={seed}"] if kind == "rl" else CONTROL)]
    resume = ["--resume"] if (folder / "metrics.jsonl").exists() else []
    folder.mkdir(parents=True, exist_ok=True)
    say(f"{folder.name}: begins")
    fixed = [f"run={folder}", MODEL, MINUTES, "test.num_tasks=256"]
    arguments = [kind, recipe_of(game, kind), *fixed, *seeds, *resume]
    wan_r1(arguments, folder.with_suffix(".log"))
    say(f"{folder.name}: done")


def evaluate_one(trained: str, game: str, name: str, options: list[str]) -> None:
    """Judge the model that learned one game (or none: "sft") on tasks of a game."""
    model, file = RUNS / f"{trained}_rl_1" / "model", RUNS / f"{name}.json"
    if file.exists() or (trained != "sft" and not model.exists()):
        return
    chosen = [MODEL] if trained == "sft" else [MODEL, "--checkpoint", str(model)]
    file.write_text(wan_r1(["evaluate", "policy", recipe_of(game, "rl"), *options, *OUTSIDE, *chosen, "--json"]))


def evaluations() -> list[tuple[str, str, str, list[str]]]:
    """Arguments of `evaluate_one`: every game by every model, and each game's held-out looks and harder level."""
    found = [(trained, game, f"transfer_{trained}_{game}", []) for trained, game in product(("sft", *GAMES), GAMES)]
    for game, skin in product(GAMES, SKINS):
        for trained in ("sft", game):
            option = f"test.source.settings.skin={skin}"
            found.append((trained, game, f"skin_{skin}_{game}_{'sft' if trained == 'sft' else 'rl'}", [option]))
    for game, level in HARDER.items():
        for trained in ("sft", game):
            option = f"test.source.settings.level={level}"
            found.append((trained, game, f"harder_{game}_{'sft' if trained == 'sft' else 'rl'}", [option]))
    return found


def collect() -> list[dict[str, Any]]:
    """Summaries and curves of the finished runs, RL beside SFT continued with the same seed (or with seed 1)."""
    rows = []
    for game, kind in product(GAMES, KINDS):
        for file in sorted(RUNS.glob(f"{game}_{kind}_[0-9]*/summary.json")):
            folder, seed = file.parent, file.parent.name.rsplit("_", 1)[1]
            metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
            curve = [[m["step"], m["validation/em"]] for m in metrics if "validation/em" in m]
            row = {
                "game": game,
                "kind": kind,
                "seed": int(seed),
                **json.loads(file.read_text()),
                "validation_em": curve,
            }
            controls = [RUNS / f"{game}_sft_{number}" / "outcomes.json" for number in (seed, 1)]
            control = next((path for path in controls if path.exists()), None)
            if kind == "rl" and control is not None:
                row["control_seed"] = int(control.parent.name.rsplit("_", 1)[1])
                row["against_sft_continued"] = compare(control, folder / "outcomes.json")
            rows.append(row)
    return rows


def runs_table(rows: list[dict[str, Any]]) -> str:
    """One line for each run of RL: before, after, the difference, the control."""
    lines = [
        "| game | seed | em before | em after | paired difference | failures removed | SFT continued | against it |"
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    controls = {(row["game"], row["seed"]): row["sft"]["em"] for row in rows if row["kind"] == "sft"}
    removed = []
    for row in (each for each in rows if each["kind"] == "rl"):
        change, against = row["difference"], row.get("against_sft_continued", {})
        removed.append(change["failures_removed"])
        control = controls.get((row["game"], row.get("control_seed")))
        beside = "not run yet" if control is None else f"{control:.3f} (seed {row['control_seed']})"
        lines.append(
            f"| {row['game']} | {row['seed']} | {row['sft']['em']:.3f} | {row['rl']['em']:.3f} | {interval(change)} | "
            f"{removed[-1]:.2f} | {beside} | {interval(against)} |"
        )
    lines.append(f"| mean of {len(removed)} runs | | | | | {np.mean(removed) if removed else 0:.2f} | | |")
    return "\n".join(lines)


def transfer_table(found: dict[str, Any]) -> str:
    """em of each game (columns) after RL on one game (rows)."""
    lines = [f"| learned by reward | {' | '.join(GAMES)} |", "|---" * (len(GAMES) + 1) + "|"]
    for trained in ("sft", *GAMES):
        numbers = [found.get(f"transfer_{trained}_{game}") for game in GAMES]
        cells = [f"{number['em']:.3f}" if number else "not run yet" for number in numbers]
        lines.append(
            f"| {'nothing (each game after its SFT)' if trained == 'sft' else trained} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def outside_table(found: dict[str, Any]) -> str:
    """em before and after RL on the game itself, in looks and at a level that no stage has trained on."""
    lines = ["| game | candy | slate | harder level |", "|---|---|---|---|"]
    for game in GAMES:
        cells = []
        for name in (f"skin_{SKINS[0]}_{game}", f"skin_{SKINS[1]}_{game}", f"harder_{game}"):
            sides = [found.get(f"{name}_{kind}") for kind in ("sft", "rl")]
            numbers = [f"{side['em']:.3f}" if side else "not run yet" for side in sides]
            cells.append(" -> ".join(numbers) + (f" (`{HARDER[game]}`)" if name.startswith("harder") else ""))
        lines.append(f"| {game} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Runs, evaluations, then the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", choices=GAMES, nargs="+", default=list(GAMES))
    parser.add_argument("--only", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    parser.add_argument("--table", action="store_true", help="collect without running")
    parser.add_argument("--no-evaluations", action="store_true", help="leave out the evaluations after the runs")
    args = parser.parse_args()
    if not args.table:
        with ThreadPoolExecutor(args.workers) as pool:
            for job in ((game, kind, seed) for seed, kind, game in product(args.seeds, args.only, args.games)):
                pool.submit(run_one, *job).add_done_callback(lambda run: run.result())
        with ThreadPoolExecutor(args.workers) as pool:
            for arguments in [] if args.no_evaluations else evaluations():
                pool.submit(evaluate_one, *arguments).add_done_callback(lambda run: run.result())
    rows = collect()
    found = {file.stem: json.loads(file.read_text()) for file in sorted(RUNS.glob("*.json"))}
    (RESULTS / "games_job.json").write_text(json.dumps({"runs": rows, "evaluations": found}, indent=1) + "\n")
    fill("games_job", runs_table(rows))
    fill("games_transfer", transfer_table(found))
    fill("games_outside", outside_table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
