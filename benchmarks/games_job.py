"""Reinforcement learning on each of the five games: the runs behind "Five games" in docs/results.md.

    python benchmarks/games_job.py                              # all that is not finished; two at a time, one core each
    python benchmarks/games_job.py --games sokoban --only rl    # a part of it
    python benchmarks/games_job.py --table                      # only collect what is there

`rl` and `sft` start from wan-tiny-games: recipes/rl/GAME_tiny.toml, and the control, imitation of that game alone for
the same time. `rl_after` and `sft_after` do the same once more from what `sft` left (seed 1), where imitation of the
game has little left to give; sokoban's from 30 more minutes of it (`sft_long`). A run is a folder below runs/games_job
and goes on where it was stopped. Finished runs are collected in benchmarks/results/games_job.json, and docs/results.md
shows them; what the file holds of the same wan-tiny-games is not run again, so days and machines can share the work.
"""

import argparse
import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from main_job import RESULTS, ROOT, fill, interval, wan_r1
from record import at_once, curves, read_record, write_record

from wan_r1.cli.console import say
from wan_r1.metrics.statistics import paired_difference

RUNS, RECORD = ROOT / "runs" / "games_job", RESULTS / "games_job.json"
GAMES = ("maze", "trapfield", "sokoban", "irregular_maze", "maze3d")
KINDS = ("rl", "sft", "rl_after", "sft_after")
MODEL = "policy.path=wan-tiny-games"
MINUTES = 20
LONG = {"sokoban": (30, 1024)}
"""Minutes and test tasks of the runs after SFT of a game alone, where 20 and 256 could not tell RL from its control."""
CONTROL = ["sft.batch_size=16", "sft.steps=5000", "optimizer.learning_rate=0.01", "optimizer.decay_share=1.0"]
"""Imitation goes on for 20 minutes, with a rate that falls to 0 once more."""
HARDER = {
    "maze": "tiny_long",
    "trapfield": "tiny_long",
    "sokoban": "tiny_long",
    "maze3d": "easy",
}
"""A level above `tiny` whose ways fit 17 frames; the irregular maze has none that can be read at 80 px."""
SKINS = ("candy", "slate")
"""Looks that are held out in every family."""
OUTSIDE = ["--num-tasks", "128"]


def recipe_of(game: str, kind: str) -> str:
    """The recipe of a run."""
    continued = "_continued" if (game, kind) == ("maze", "sft") else ""
    return f"recipes/{kind}/{game}_tiny{continued}.toml"


def start_of(game: str, kind: str) -> tuple[str, str, int] | None:
    """The run whose model a run starts from; None for wan-tiny-games."""
    if kind == "sft_long" or (kind.endswith("_after") and game not in LONG):
        return game, "sft", 1
    return (game, "sft_long", 2) if kind.endswith("_after") else None


def folder_of(run: tuple[str, str, int]) -> Path:
    """The folder of a run: game, kind and seed."""
    return RUNS / "_".join(map(str, run))


def run_one(game: str, kind: str, seed: int) -> None:
    """Run, or go on with, one game and seed; nothing if it is finished."""
    folder, (command, *later) = folder_of((game, kind, seed)), kind.split("_")
    if (folder / "summary.json").exists():
        return
    seeds = [f"{command}.seed={seed}", *([f"tasks.seed={seed}"] if command == "rl" else CONTROL)]
    resume = ["--resume"] if (folder / "metrics.jsonl").exists() else []
    folder.mkdir(parents=True, exist_ok=True)
    say(f"{folder.name}: begins")
    source = start_of(game, kind)
    start = f"policy.path={folder_of(source) / 'model'}" if source else MODEL
    minutes, tasks = LONG.get(game, (MINUTES, 256)) if later else (MINUTES, 256)
    fixed = [f"run={folder}", start, f"max_minutes={minutes}", f"test.num_tasks={tasks}"]
    arguments = [command, recipe_of(game, command), *fixed, *seeds, *resume]
    wan_r1(arguments, folder.with_suffix(".log"))
    say(f"{folder.name}: done")


def evaluate_one(trained: str, game: str, name: str, options: list[str]) -> None:
    """Judge the model that learned one game (or none: "sft"), of the first seed that is here, on tasks of a game."""
    models, file = sorted(RUNS.glob(f"{trained}_rl_[0-9]*/model")), RUNS / f"{name}.json"
    if file.exists() or (trained != "sft" and not models):
        return
    chosen = [MODEL] if trained == "sft" else [MODEL, "--checkpoint", str(models[0])]
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


def collect(record: dict[str, Any]) -> None:
    """Add the finished runs and evaluations below RUNS to the record, and write it."""
    for game, kind in product(GAMES, KINDS):
        for file in sorted(RUNS.glob(f"{game}_{kind}_[0-9]*/summary.json")):
            folder = file.parent
            record["runs"][folder.name] = {
                "game": game,
                "kind": kind,
                "seed": int(folder.name.rsplit("_", 1)[1]),
                **json.loads(file.read_text()),
                "curves": curves(folder, ("rollout/em", "validation/em")),
                "solved": [row[0] for row in json.loads((folder / "outcomes.json").read_text())["after"]],
            }
    for file in sorted(RUNS.glob("*.json")):
        record["evaluations"][file.stem] = json.loads(file.read_text())
    write_record(RECORD, record)


def control_of(row: dict[str, Any], runs: dict[str, Any]) -> dict[str, Any] | None:
    """SFT continued with the same seed as a run of RL, or with seed 1; None if neither is finished."""
    kind = row["kind"].replace("rl", "sft")
    names = (f"{row['game']}_{kind}_{seed}" for seed in (row["seed"], 1))
    return next((runs[name] for name in names if name in runs), None)


def runs_table(runs: dict[str, Any], kind: str) -> str:
    """One line for each run of a kind of RL: before, after, the difference, the control."""
    chosen = sorted((each for each in runs.values() if each["kind"] == kind), key=in_order)
    if not chosen:
        return "Not run yet."
    lines = [
        "| game | seed | tasks | em before | em after | paired difference | removed | SFT continued | against it |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in chosen:
        control, against, beside = control_of(row, runs), "not run yet", "not run yet"
        if control is not None:
            against = difference([control["solved"]], [row["solved"]])
            beside = f"{control['sft']['em']:.3f} (seed {control['seed']})"
        change, sides = row["difference"], [row[side]["em"] for side in ("sft", "rl")]
        lines.append(
            f"| {row['game']} | {row['seed']} | {len(row['solved'])} | {sides[0]:.3f} | {sides[1]:.3f} | "
            f"{interval(change)} | {change['failures_removed']:.2f} | {beside} | {against} |"
        )
    for game in GAMES:
        mine = [row for row in chosen if row["game"] == game]
        controls = [row for row in runs.values() if row["game"] == game and row["kind"] == kind.replace("rl", "sft")]
        if len(mine) > 1 and controls:
            outcomes = [[row["solved"] for row in rows] for rows in (controls, mine)]
            shared = min(map(len, outcomes[0] + outcomes[1]))
            means = [np.mean([run[:shared] for run in runs]) for runs in outcomes]
            lines.append(
                f"| {game} | together | {shared} | | {means[1]:.3f} | | | {means[0]:.3f} ({len(controls)}) | "
                f"{difference(*outcomes)} |"
            )
        own = [runs.get(f"{game}_{kind.replace('rl', 'sft')}_{row['seed']}") for row in mine]
        if len(mine) > 1 and kind.endswith("_after") and all(own):
            sides = [[task for row in rows if row for task in row["solved"]] for rows in (own, mine)]
            change = difference(*[[side] for side in sides])
            lines.append(f"| {game} | all runs and tasks | {len(sides[0])} | | | | | | {change} |")
    removed = [row["difference"]["failures_removed"] for row in chosen]
    lines.append(f"| mean of {len(removed)} runs | | | | | | {np.mean(removed):.2f} | | |")
    return "\n".join(lines)


def difference(before: list[list[int]], after: list[list[int]]) -> str:
    """The paired difference of em with its interval on the tasks of all runs, each a mean over the runs of its side."""
    shared = min(map(len, [*before, *after]))
    sides = [np.mean([run[:shared] for run in runs], axis=0) for runs in (before, after)]
    change = paired_difference(*sides, seed=0)
    return interval({"em": change.mean, "em_ci95": [change.low, change.high]})


def in_order(row: dict[str, Any]) -> tuple[int, int]:
    """The place of a run in the table."""
    return GAMES.index(row["game"]), row["seed"]


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
            cells.append(" -> ".join(numbers) + (f" (`{HARDER.get(game)}`)" if name.startswith("harder") else ""))
        if game not in HARDER:
            cells[-1] = "none that 80 px can show"
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
    record = read_record(RECORD, ["wan-tiny-games"])
    if not args.table:
        names = product(args.seeds, args.only, args.games)
        runs = [(game, kind, seed) for seed, kind, game in names if f"{game}_{kind}_{seed}" not in record["runs"]]
        first: list[tuple[str, str, int]] = []
        for game, kind, _ in runs:
            before = start_of(game, kind)
            while before and not (folder_of(before) / "model").exists():
                first, before = [before, *first], start_of(*before[:2])
        for length in ("sft", "sft_long"):
            at_once(args.workers, run_one, [run for run in dict.fromkeys(first) if run[1] == length])
        at_once(args.workers, run_one, runs)
        collect(record)
        wanted = [] if args.no_evaluations else evaluations()
        at_once(args.workers, evaluate_one, [each for each in wanted if each[2] not in record["evaluations"]])
    collect(record)
    fill("games_job", runs_table(record["runs"], "rl"))
    fill("games_after", runs_table(record["runs"], "rl_after"))
    fill("games_transfer", transfer_table(record["evaluations"]))
    fill("games_outside", outside_table(record["evaluations"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
