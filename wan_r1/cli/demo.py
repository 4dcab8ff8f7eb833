"""`wan-r1 demo`: the main job on the shipped model, in minutes."""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from wan_r1.cli.command import Command, add_json_option, at_least
from wan_r1.cli.console import say
from wan_r1.errors import ConfigError

if TYPE_CHECKING:
    from wan_r1.runs import RunFolder

__all__ = ["COMMAND"]

PROCESSES = 2
GAMES = ("maze", "trapfield", "sokoban", "irregular_maze", "maze3d")
RECIPES = ("demo.toml", "demo_quick.toml")
"""Files of wan_r1/assets: the demo, and the smaller one of --quick."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="smaller numbers, under two minutes")
    parser.add_argument("--seed", metavar="S", type=at_least(0), default=1, help="seed of the training")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("runs/demo"), help="run folder; written anew")
    parser.add_argument(
        "--family",
        choices=GAMES,
        default=GAMES[0],
        help="which game; maze trains wan-tiny, the others wan-tiny-games, which knows all five",
    )
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from importlib.resources import as_file, files

    import torch

    from wan_r1.cli.recipe import RLRecipe, load_recipe
    from wan_r1.cli.rl import run_recipe
    from wan_r1.runs import RunFolder, make_folder

    run = RunFolder(args.out)
    if run.path.is_dir() and any(run.path.iterdir()) and not _is_demo(run):
        raise ConfigError(f"--out {args.out}: a folder with other files, no earlier demo; choose another one")
    model = "wan-tiny" if args.family == GAMES[0] else "wan-tiny-games"
    say(f"wan-r1 demo: reinforcement learning with a verifiable reward on {args.family}, from {model} after SFT")
    overrides = [f"run={_toml(args.out)}", f"rl.seed={args.seed}", f"tasks.seed={args.seed}", f"policy.path={model}"]
    overrides += [f"{section}.family={args.family}" for section in ("tasks", "validation.source", "test.source")]
    with as_file(files("wan_r1") / "assets" / RECIPES[args.quick]) as recipe:
        loaded = load_recipe(recipe, RLRecipe, overrides)
        shutil.rmtree(run.path, ignore_errors=True)
        make_folder(run.path)
        if (os.cpu_count() or 1) < PROCESSES or torch.cuda.is_available():  # processes cannot share one GPU
            return run_recipe(loaded, as_json=args.json)
        return _run_with_processes([str(recipe), *overrides, *(["--json"] if args.json else [])])


def _is_demo(run: "RunFolder") -> bool:
    """Whether the folder was written by a demo, which a new one may replace."""
    from wan_r1.runs import read_json

    command = read_json(run.provenance).get("command", []) if run.provenance.exists() else []
    return any(Path(word).name in ("demo", *RECIPES) for word in command)


def _run_with_processes(arguments: list[str]) -> int:
    """`wan-r1 rl` on two processes of one thread each: on a CPU that is faster than one process of two threads."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={PROCESSES}"]
    quiet = {"OMP_NUM_THREADS": "1", "TORCHELASTIC_LOG_LEVEL": "ERROR"}
    return subprocess.run([*launch, "-m", "wan_r1", "rl", *arguments], env=os.environ | quiet, check=False).returncode


def _toml(path: Path) -> str:
    text = str(path)
    if "'" in text or "\n" in text:
        raise ConfigError(f"--out {text!r}: choose a folder without quotes and line breaks")
    return f"'{text}'"


COMMAND = Command(
    summary="see RL beat SFT on held-out mazes, in minutes",
    description="The main job on the shipped small model: judge it on held-out mazes, train it with the trajectory\n"
    "reward, judge it again, print the table and write a run folder with report.html. Needs two cores and no network.",
    examples=("wan-r1 demo", "wan-r1 demo --quick", "wan-r1 demo --family sokoban --seed 2 --out runs/demo2"),
    add_arguments=_add_arguments,
    run=_run,
)
