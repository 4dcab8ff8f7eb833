"""`wan-r1 demo`: the main job on the shipped model, in minutes."""

import argparse
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from wan_r1.cli.command import FAULT, INTERRUPTED, SAID_NO, Command, add_json_option, at_least
from wan_r1.cli.console import say
from wan_r1.errors import ConfigError

if TYPE_CHECKING:
    from wan_r1.runs import RunFolder

__all__ = ["COMMAND"]

PROCESSES = 2
GAMES = ("maze", "trapfield", "sokoban", "irregular_maze", "maze3d")
RECIPES = ("demo.toml", "demo_quick.toml")
"""Files of wan_r1/assets: the demo of games, and the smaller one of --quick."""
ROOMS = "demo_rooms.toml"
"""The demo of first-person video."""
QUICK = ("max_minutes=0.5", "validation.num_tasks=16", "test.num_tasks=32")
"""What --quick changes in it."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="smaller numbers: about two minutes")
    parser.add_argument("--seed", metavar="S", type=at_least(0), default=1, help="seed of the training")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("runs/demo"), help="run folder; written anew")
    parser.add_argument(
        "--family",
        choices=(*GAMES, "navigation"),
        default=GAMES[0],
        help="maze trains wan-tiny, the other games wan-tiny-games, which knows all five; navigation trains "
        "wan-tiny-rooms, which walks through rooms, by the embedding reward (about ten minutes)",
    )
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.cli.recipe import load_any
    from wan_r1.runs import RunFolder, make_folder

    run = RunFolder(args.out)
    if run.path.is_dir() and any(run.path.iterdir()) and not _is_demo(run):
        raise ConfigError(f"--out {args.out}: a folder with other files, no earlier demo; choose another one")
    (name, overrides), assets = _recipe(args), Path(str(files("wan_r1"))) / "assets"
    load_any(assets / name, overrides)  # a fault is told before anything is removed
    shutil.rmtree(run.path, ignore_errors=True)
    make_folder(run.path)
    return _launch(["rl", str(assets / name), *overrides, *(["--json"] if args.json else [])])


def _recipe(args: argparse.Namespace) -> tuple[str, list[str]]:
    """The file of wan_r1/assets that the demo of a family runs, and what is changed in it."""
    common = [f"run={_toml(args.out)}", f"rl.seed={args.seed}", f"tasks.seed={args.seed}"]
    if args.family not in GAMES:
        say("wan-r1 demo: reinforcement learning with the embedding reward on walks through rooms, from wan-tiny-rooms")
        return ROOMS, [*common, *(QUICK if args.quick else ())]
    model = "wan-tiny" if args.family == GAMES[0] else "wan-tiny-games"
    say(f"wan-r1 demo: reinforcement learning with a verifiable reward on {args.family}, from {model} after SFT")
    sections = ("tasks", "validation.source", "test.source")
    families = [f"{section}.family={args.family}" for section in sections]
    return RECIPES[args.quick], [*common, f"policy.path={model}", *families]


def _is_demo(run: "RunFolder") -> bool:
    """Whether the folder was written by a demo, which a new one may replace."""
    from wan_r1.runs import read_json

    command = read_json(run.provenance).get("command", []) if run.provenance.exists() else []
    if len(command) < 3 or command[1] != "rl":
        return False
    recipe = Path(command[2])  # _run gives the whole path; a relative one was typed by a person
    return recipe.is_absolute() and recipe.parts[-3:-1] == ("wan_r1", "assets") and recipe.name in (ROOMS, *RECIPES)


def _launch(arguments: list[str]) -> int:
    """`wan-r1` in processes of one thread each: two on a CPU, where they beat one of two threads; one on a GPU."""
    import torch

    alone = (os.cpu_count() or 1) < PROCESSES or torch.cuda.is_available()
    launcher = [] if alone else ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={PROCESSES}"]
    settings = {"OMP_NUM_THREADS": "1", "TORCHELASTIC_LOG_LEVEL": "ERROR"}
    command = [sys.executable, *launcher, "-m", "wan_r1", *arguments]
    code = _wait_for(subprocess.Popen(command, env=os.environ | settings))
    # The launcher ends with 1 whatever its processes end with; they have said what was wrong.
    return FAULT if launcher and code == SAID_NO else code


def _wait_for(process: "subprocess.Popen[bytes]") -> int:
    """The exit code of a process. Ctrl-C reaches it too: it is left to stop, since its own processes outlive a kill."""
    interrupted = False
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            interrupted = True
        else:
            return INTERRUPTED if interrupted else code


def _toml(path: Path) -> str:
    text = str(path)
    if "'" in text or "\n" in text:
        raise ConfigError(f"--out {text!r}: choose a folder without quotes and line breaks")
    return f"'{text}'"


COMMAND = Command(
    summary="see RL beat SFT on held-out tasks, in minutes",
    description="The main job on the shipped small model: judge it on held-out mazes, train it with the trajectory\n"
    "reward, judge it again, print the table and write a run folder with report.html. Needs two cores and no network.",
    examples=(
        "wan-r1 demo",
        "wan-r1 demo --quick",
        "wan-r1 demo --family sokoban --seed 2 --out runs/demo2",
        "wan-r1 demo --family navigation",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
