"""`wan-r1 rl`: reinforcement learning by a recipe, and the table of before and after."""

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_r1.cli.command import DONE, INTERRUPTED, Command, add_json_option
from wan_r1.cli.console import print_json, say

if TYPE_CHECKING:
    from torch import Tensor

    from wan_r1.cli.recipe import RLRecipe
    from wan_r1.cli.tracking import Tracking
    from wan_r1.distributed import World
    from wan_r1.evaluation.evaluate import Evaluation
    from wan_r1.policies.wan import WanPolicy
    from wan_r1.rewards import ScorePool
    from wan_r1.runs import RunFolder

__all__ = ["COMMAND", "run_recipe"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", type=Path, help="a TOML file")
    parser.add_argument(
        "overrides", metavar="section.key=value", nargs="*", help="settings in place of the recipe's; values are TOML"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint of the run folder")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.cli.recipe import RLRecipe, load_recipe

    return run_recipe(load_recipe(args.recipe, RLRecipe, args.overrides), resume=args.resume, as_json=args.json)


def run_recipe(recipe: "RLRecipe", *, resume: bool = False, as_json: bool = False) -> int:
    """Train by a recipe, write run folder, table and report, and print the table; the exit code."""
    import torch

    from wan_r1.cli.comparison import print_summary
    from wan_r1.cli.tracking import tracking
    from wan_r1.cli.wiring import load_policy, save_model, say_changes, stop_on_interrupt, stopped
    from wan_r1.config import dump
    from wan_r1.distributed import join_world
    from wan_r1.reports.page import write_page
    from wan_r1.rewards import ScorePool
    from wan_r1.runs import RunFolder
    from wan_r1.training.state import can_go_on

    began = time.monotonic()
    torch.set_num_threads(recipe.threads)
    world, run = join_world(recipe.device), RunFolder(Path(recipe.run))
    if resume:
        can_go_on(run, recipe.rl.checkpoint_every)  # refused before anything is written
    if world.is_main:
        say_changes(run.start(dump(recipe), resume=resume))
    with tracking(recipe.log_with, run, world) as trackers, ScorePool(recipe.reward, recipe.score_workers) as scorer:
        policy = load_policy(recipe.policy, None, world.device)
        before = _judge(recipe, policy, scorer, world, "before training")
        with stop_on_interrupt() as asked:
            weights = _train(recipe, policy, scorer, run, world, trackers, asked, resume)
        if stopped(asked, run, world):
            return INTERRUPTED
        with policy.weights(_chosen(recipe, run, world, weights)):
            after = _judge(recipe, policy, scorer, world, "after training")
            save_model(policy, run, world)
        if not world.is_main:
            return DONE
    summary = _finish(recipe, run, before, after, time.monotonic() - began)
    write_page(run.report, [run])
    if as_json:
        print_json(summary)
    elif summary:
        print_summary(summary)
    say(f"report: {run.report}; model: {run.path / 'model'}")
    return DONE


def _judge(
    recipe: "RLRecipe", policy: "WanPolicy", scorer: "ScorePool", world: "World", when: str
) -> "Evaluation | None":
    from wan_r1.cli.wiring import evaluate_with

    if not recipe.test.num_tasks:
        return None
    if world.is_main:
        say(f"evaluating {when} on {recipe.test.num_tasks} held-out tasks")
    result = evaluate_with(policy, scorer, recipe.test, keep=recipe.num_videos, measure=True, world=world)
    if world.is_main:
        shown = ("em", "sr") if result.judged else ("value",)
        say(f"{when}: {', '.join(f'{name} {result.numbers[name]:.3f}' for name in shown)}")
    return result


def _train(
    recipe: "RLRecipe",
    policy: "WanPolicy",
    scorer: "ScorePool",
    run: "RunFolder",
    world: "World",
    trackers: "Tracking",
    asked: Callable[[], bool],
    resume: bool,
) -> "dict[str, Tensor]":
    """Train, and return the average of the weights."""
    from wan_r1.cli.wiring import evaluation_of, reporter
    from wan_r1.training.rl import RLTrainer

    if recipe.policy.train == "full" and recipe.algorithm.kl_weight:
        policy.keep_reference()
    max_minutes = recipe.max_minutes or math.inf
    with reporter("training", recipe.rl.iterations, run, trackers, world, max_minutes) as report:
        return RLTrainer(
            policy=policy,
            tasks=recipe.tasks,
            scorer=scorer,
            algorithm=recipe.algorithm,
            settings=recipe.rl,
            optimizer=recipe.optimizer,
            run=run,
            world=world,
            evaluate=evaluation_of(scorer, recipe.validation, world, trackers),
            report=report,
        ).train(resume=resume, until=asked, max_minutes=max_minutes)


def _chosen(recipe: "RLRecipe", run: "RunFolder", world: "World", average: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """The weights that the recipe wants to be judged and saved: the best by validation, or the last average."""
    from wan_r1.policies.sharding import part_of
    from wan_r1.training.checkpoint import has_checkpoint, read_checkpoint

    if recipe.final == "last":
        return average
    best = run.checkpoints / "best"
    if not has_checkpoint(best):
        if world.is_main:
            say(f'final = "best": no evaluation has left {best}; the last average of the weights is taken')
        return average
    tensors, _ = read_checkpoint(best)
    return {name: part_of(tensors[name], value) for name, value in average.items()}


def _finish(
    recipe: "RLRecipe", run: "RunFolder", before: "Evaluation | None", after: "Evaluation | None", seconds: float
) -> dict[str, Any]:
    """Write summary.json and the videos; returns the summary, which is empty without test tasks."""
    from wan_r1.cli.comparison import difference_numbers, plain_sampler, save_outcomes, save_videos, side_numbers
    from wan_r1.cli.wiring import training_seconds
    from wan_r1.runs import write_json
    from wan_r1.training.algorithms import ALGORITHMS

    if before is None or after is None:
        return {}
    tasks = recipe.test.source.tasks(0, recipe.test.num_tasks)
    names = {member: name for name, member in ALGORITHMS.items()}
    summary = {
        "algorithm": names.get(type(recipe.algorithm), type(recipe.algorithm).__name__),
        "sampler": plain_sampler(recipe.test.sampler),
        "sft": side_numbers(before, tasks),
        "rl": side_numbers(after, tasks),
        "difference": difference_numbers(before, after),
        **training_seconds(run),
        "seconds": seconds,
    }
    for group, evaluation in (("before", before), ("after", after)):
        save_videos(run, group, evaluation.rollouts)
    save_outcomes(run, before=before, after=after)
    write_json(run.summary, summary)
    return summary


COMMAND = Command(
    summary="train with a verifiable reward",
    description="Reinforcement learning by a recipe: sample groups of videos, score what they show, move towards the\n"
    "better half. The policy is judged before and after on held-out tasks with one fixed sampler; the run folder gets\n"
    "the resolved recipe, metrics, checkpoints, summary.json, a diffusers folder (model/) and report.html.\n"
    "Ctrl-C stops after a checkpoint; several processes: torchrun --nproc-per-node N -m wan_r1 rl RECIPE",
    examples=(
        "wan-r1 rl recipes/rl/maze_tiny.toml",
        "wan-r1 rl recipes/rl/maze_tiny_grpo.toml run=runs/grpo rl.seed=2",
        "wan-r1 rl recipes/rl/maze_tiny.toml --resume",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
