"""`wan-r1 demo`: the main job on the shipped model, in minutes."""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from wan_r1.cli.command import DONE, Command, add_json_option, at_least
from wan_r1.cli.console import say
from wan_r1.errors import ConfigError

if TYPE_CHECKING:
    from wan_r1.runs import RunFolder

__all__ = ["COMMAND"]

PROCESSES = 2
GAMES = ("maze", "trapfield", "sokoban", "irregular_maze", "maze3d")
RECIPES = ("demo.toml", "demo_quick.toml")
"""Files of wan_r1/assets: the demo, and the smaller one of --quick."""
ROOMS = ("demo_rooms_sft.toml", "demo_rooms.toml")
"""The two stages of the demo of first-person video: imitation, then reward."""
QUICK = {"sft": ("num_examples=400", "max_minutes=0.5"), "rl": ("max_minutes=0.5", "test.num_tasks=32")}
"""What --quick changes in them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stage:
    """One command of the demo: `wan-r1 sft` or `rl`, a recipe of wan_r1/assets, and what is changed in it."""

    command: str
    recipe: str
    overrides: tuple[str, ...]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="smaller numbers: about two minutes, four for navigation")
    parser.add_argument("--seed", metavar="S", type=at_least(0), default=1, help="seed of the training")
    parser.add_argument("--out", metavar="DIR", type=Path, default=Path("runs/demo"), help="run folder; written anew")
    parser.add_argument(
        "--family",
        choices=(*GAMES, "navigation"),
        default=GAMES[0],
        help="maze trains wan-tiny, the other games wan-tiny-games, which knows all five; navigation first teaches "
        "wan-tiny-rooms to walk by imitation, then by the embedding reward (two stages, less than 15 minutes)",
    )
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.cli.recipe import load_any
    from wan_r1.runs import RunFolder, make_folder

    run = RunFolder(args.out)
    if run.path.is_dir() and any(run.path.iterdir()) and not _is_demo(run):
        raise ConfigError(f"--out {args.out}: a folder with other files, no earlier demo; choose another one")
    stages, assets = _stages(args), Path(str(files("wan_r1"))) / "assets"
    for stage in stages:  # a fault is told before anything is removed
        load_any(assets / stage.recipe, list(stage.overrides))
    shutil.rmtree(run.path, ignore_errors=True)
    make_folder(run.path)
    for stage in stages:
        last = stage is stages[-1]
        arguments = [stage.command, str(assets / stage.recipe), *stage.overrides, *(["--json"] * (args.json and last))]
        code = _launch(arguments, quiet=args.json and not last)
        if code != DONE:
            return code
    return DONE


def _stages(args: argparse.Namespace) -> list[_Stage]:
    """What the demo of a family runs, one after the other."""
    seeds = (f"rl.seed={args.seed}", f"tasks.seed={args.seed}")
    if args.family in GAMES:
        model = "wan-tiny" if args.family == GAMES[0] else "wan-tiny-games"
        say(f"wan-r1 demo: reinforcement learning with a verifiable reward on {args.family}, from {model} after SFT")
        sections = ("tasks", "validation.source", "test.source")
        families = (f"{section}.family={args.family}" for section in sections)
        overrides = (f"run={_toml(args.out)}", *seeds, f"policy.path={model}", *families)
        return [_Stage(command="rl", recipe=RECIPES[args.quick], overrides=overrides)]
    say("wan-r1 demo: walks through rooms, first by imitation, then by the embedding reward")
    imitation = (f"run={_toml(args.out / 'sft')}", f"sft.seed={args.seed}")
    reward = (f"run={_toml(args.out)}", *seeds, f"policy.path={_toml(args.out / 'sft' / 'model')}")
    smaller = QUICK if args.quick else {"sft": (), "rl": ()}
    return [
        _Stage(command="sft", recipe=ROOMS[0], overrides=(*imitation, *smaller["sft"])),
        _Stage(command="rl", recipe=ROOMS[1], overrides=(*reward, *smaller["rl"])),
    ]


def _is_demo(run: "RunFolder") -> bool:
    """Whether the folder was written by a demo, which a new one may replace."""
    from wan_r1.runs import RunFolder, read_json

    for file in (run.provenance, RunFolder(run.path / "sft").provenance):
        command = read_json(file).get("command", []) if file.exists() else []
        if any(Path(word).name in ("demo", *RECIPES, *ROOMS) for word in command):
            return True
    return False


def _launch(arguments: list[str], quiet: bool) -> int:
    """`wan-r1` in processes of one thread each: two on a CPU, where they beat one of two threads; one on a GPU."""
    import torch

    alone = (os.cpu_count() or 1) < PROCESSES or torch.cuda.is_available()
    launcher = [] if alone else ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={PROCESSES}"]
    settings = {"OMP_NUM_THREADS": "1", "TORCHELASTIC_LOG_LEVEL": "ERROR"}
    command = [sys.executable, *launcher, "-m", "wan_r1", *arguments]
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, env=os.environ | settings, check=False, stdout=output).returncode


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
