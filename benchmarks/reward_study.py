"""The study of rewards behind docs/rewards_study.md: the same model, time and tasks, other rewards.

    python benchmarks/reward_study.py                                   # all that is not finished; two at a time
    python benchmarks/reward_study.py --games maze --rewards learned    # a part of it
    python benchmarks/reward_study.py --vlm base_url=http://localhost:8000/v1 model=Qwen/Qwen2.5-VL-7B-Instruct
    python benchmarks/reward_study.py --table                           # only collect what is there

A run is a folder below runs/reward_study and goes on where it was stopped: 17 iterations of recipes/rl/GAME_tiny.toml,
10 to 15 minutes on one core, with one thing changed. The learned judges are trained first, from videos of the model
that the runs start from. Numbers go to benchmarks/results/reward_study.json, tables and figures to docs/; a run that
the file holds of the same models is not run again, so days and machines can share the work.
"""

import argparse
import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from games_job import recipe_of
from main_job import RESULTS, ROOT, fill, interval, python, wan_r1
from record import at_once, curves, read_record, write_record

from wan_r1.cli.console import say
from wan_r1.metrics.statistics import paired_difference
from wan_r1.rewards.learned import read_judge
from wan_r1.runs import RunFolder, VideoEntry
from wan_r1.video import read_video

RUNS, PAGE = ROOT / "runs" / "reward_study", ROOT / "docs" / "rewards_study.md"
RECORD = RESULTS / "reward_study.json"
CURVES = ("reward/mean", "rollout/em", "validation/em", "validation/value", "part/fidelity")
MODELS = {"maze": "wan-tiny", "trapfield": "wan-tiny-games", "sokoban": "wan-tiny-games"}
"""What the runs of a game start from."""
REWARDS = ("trajectory", "sparse", "paper", "learned", "shuffled")
NO_PARTS = {
    "no_progress": "{progress = 0.0, goal = 0.4, exact = 0.4, efficiency = 0.2}",
    "no_goal": "{progress = 0.625, goal = 0.0, exact = 0.25, efficiency = 0.125}",
    "no_exact": "{progress = 0.625, goal = 0.25, exact = 0.0, efficiency = 0.125}",
    "no_efficiency": "{progress = 0.5556, goal = 0.2222, exact = 0.2222, efficiency = 0.0}",
}
"""Weights of the trajectory reward without one part, the others in the same proportion."""
CHANGES: dict[str, list[str]] = {
    "trajectory": ["reward.name=trajectory"],
    "sparse": ["reward.name=sparse"],
    "paper": ["reward.name=paper", "reward.tracker=ncc"],
    "shuffled": ["rl.shuffle_rewards=true"],
    "no_gate": ["reward.fidelity_power=0.0", "reward.continuity_power=0.0"],
    "flip_10": ["reward.name=flipped_verdicts:FlippedVerdicts", "reward.share=0.1"],
    "flip_30": ["reward.name=flipped_verdicts:FlippedVerdicts", "reward.share=0.3"],
}
"""What each run changes in its recipe."""
ABLATIONS = (*NO_PARTS, "no_gate", "flip_10", "flip_30")
BUDGET = ["rl.iterations=17", "max_minutes=60", "test.num_tasks=256"]
"""Of a run: so many iterations, 10 to 15 minutes on one core, whatever else the machine does."""
JUDGE_VIDEOS = ["--num", "1024", "--num-held-out", "256"]


def changes_of(game: str, reward: str, vlm: list[str]) -> list[str]:
    """The overrides of a run."""
    if reward == "learned":
        return ["reward.name=learned", f"reward.path={judge_of(game)}"]
    if reward == "vlm":
        return ["reward.name=vlm", *(f"reward.{setting}" for setting in vlm)]
    if reward in NO_PARTS:
        weights = NO_PARTS[reward].strip("{}").split(", ")
        return [f"reward.{weight.replace(' ', '')}" for weight in weights]
    return CHANGES[reward]


def judge_of(game: str) -> Path:
    """The file of a game's learned judge."""
    return RUNS / f"judge_{game}.safetensors"


def train_judge(game: str) -> None:
    """Sample videos of the model that the runs start from and teach a judge; nothing if that is done."""
    if judge_of(game).exists():
        return
    say(f"judge of {game}: begins")
    folders = ["--folder", RUNS / "judge_videos", "--out", judge_of(game), "--results", RUNS / f"judge_{game}.json"]
    shape = ["--policy", MODELS[game], "--family", game, *JUDGE_VIDEOS]
    python(["benchmarks/learned_judge.py", *shape, *map(str, folders)], RUNS / f"judge_{game}.log")


def run_one(game: str, reward: str, seed: int, vlm: list[str]) -> None:
    """Run one reward on one game with one seed, or go on with it; nothing if it is finished."""
    folder = RUNS / f"{game}_{reward}_{seed}"
    if (folder / "summary.json").exists():
        return
    resume = ["--resume"] if (folder / "metrics.jsonl").exists() else []
    folder.mkdir(parents=True, exist_ok=True)
    say(f"{folder.name}: begins")
    fixed = [f"run={folder}", f"policy.path={MODELS[game]}", *BUDGET, f"rl.seed={seed}", f"tasks.seed={seed}"]
    arguments = ["rl", recipe_of(game, "rl"), *fixed, *changes_of(game, reward, vlm), *resume]
    wan_r1(arguments, folder.with_suffix(".log"))
    say(f"{folder.name}: done")


def collect(record: dict[str, Any]) -> None:
    """Add the finished runs to the record: curves of the reward trained on and of true success, and both sides."""
    for file in sorted(RUNS.glob("*/summary.json")):
        folder = file.parent
        game_reward, seed = folder.name.rsplit("_", 1)
        game = next(each for each in MODELS if game_reward.startswith(each))
        outcomes = json.loads((folder / "outcomes.json").read_text())
        record["runs"][folder.name] = {
            "game": game,
            "reward": game_reward.removeprefix(f"{game}_"),
            "seed": int(seed),
            "curves": curves(folder, CURVES),
            "solved": {side: [row[0] for row in outcomes[side]] for side in ("before", "after")},
            **json.loads(file.read_text()),
        }
    for game in MODELS:
        if judge_of(game).exists():
            record["evaluations"][f"judge_{game}"] = read_judge(judge_of(game))[2]
    write_record(RECORD, record)


def together(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The paired difference of em over all seeds of a run: the mean of each test task over the seeds."""
    sides = [np.mean([run["solved"][side] for run in runs], axis=0).tolist() for side in ("before", "after")]
    change = paired_difference(*sides, seed=0)
    return {"em": change.mean, "em_ci95": [change.low, change.high]}


def study_table(rows: list[dict[str, Any]], rewards: tuple[str, ...]) -> str:
    """One line for each game and reward: true success and the reward's own value before and after, violations after."""
    lines = ["| game | reward | seeds | em before -> after | difference, seeds together | own value | most frequent |"]
    lines.append("|---|---|---|---|---|---|---|")
    for game, reward in product(MODELS, rewards):
        runs = [row for row in rows if (row["game"], row["reward"]) == (game, reward)]
        if not runs:
            continue
        em, value = (
            " -> ".join(f"{np.mean([run[side][name] for run in runs]):.3f}" for side in ("sft", "rl"))
            for name in ("em", "value")
        )
        broken = {kind for run in runs for kind in run["rl"]["violations"]}
        shares = {kind: np.mean([run["rl"]["violations"].get(kind, 0.0) for run in runs]) for kind in broken}
        worst = ", ".join(f"{kind} {share:.2f}" for kind, share in sorted(shares.items(), key=lambda x: -x[1])[:3])
        seeds = ", ".join(str(run["seed"]) for run in runs)
        lines.append(
            f"| {game} | {reward} | {seeds} | {em} | {interval(together(runs))} | {value} | {worst or 'none'} |"
        )
    return "\n".join(lines)


def draw_curves(rows: list[dict[str, Any]], game: str) -> None:
    """A picture for a game: true success and the reward's own value against the iteration, a panel for each reward."""
    from matplotlib.figure import Figure

    names = [reward for reward in REWARDS if any((r["game"], r["reward"]) == (game, reward) for r in rows)]
    if not names:
        return
    figure = Figure(figsize=(2.6 * len(names), 2.7), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for panel, reward in zip(panels, names, strict=True):
        for row in (r for r in rows if (r["game"], r["reward"]) == (game, reward)):
            for name, colour, label in (
                ("reward/mean", "#d97706", "the reward itself"),
                ("rollout/em", "#0f9488", "true success"),
            ):
                steps, values = zip(*row["curves"][name], strict=True)
                panel.plot(steps, values, color=colour, linewidth=1.6, label=label if row["seed"] == 1 else None)
        panel.set(title=reward, xlabel="iteration", ylim=(0, 1))
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(ROOT / "docs" / "images" / f"study_{game}.png", dpi=110)


def _is_exact(entry: VideoEntry) -> bool:
    verdict = entry.verdict or {}
    return bool(verdict["solved"] and verdict["optimal"])


def draw_videos(game: str) -> None:
    """A picture for a game: from each reward's first run, what it pays best of what the rules call unsolved.

    Beside each row stand the reward and what it pays; without an unsolved video, the best paid one. Nothing is drawn of
    runs whose folders are elsewhere.
    """
    from matplotlib.figure import Figure

    shown = []
    for reward in REWARDS:
        run = RunFolder(RUNS / f"{game}_{reward}_1")
        after = [entry for entry in run.read_videos() if entry.group == "after" and entry.verdict]
        ranked = sorted(after, key=lambda each: (_is_exact(each), -each.value))
        shown += [(reward, entry, read_video(run.videos / entry.file)) for entry in ranked[:1]]
    if not shown:
        return
    figure = Figure(figsize=(9, 1.5 * len(shown)), layout="constrained")
    panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
    for panel, (reward, entry, video) in zip(panels, shown, strict=True):
        frames = video[np.linspace(0, len(video) - 1, 6).round().astype(int)]
        panel.imshow(np.concatenate(list(np.pad(frames, ((0, 0), (0, 0), (1, 1), (0, 0)))), axis=1))
        broken = ", ".join(sorted({each["kind"] for each in (entry.verdict or {})["violations"]}))
        panel.set_ylabel(f"{reward}\n{entry.value:.2f}", rotation=0, ha="right", va="center")
        panel.set_title(broken or ("solved" if _is_exact(entry) else "not there or a detour"), fontsize=8, loc="left")
        panel.set(xticks=[], yticks=[])
    figure.savefig(ROOT / "docs" / "images" / f"study_videos_{game}.png", dpi=110)


def judges_table(found: dict[str, Any]) -> str:
    """How often each learned judge is right on held-out videos of the model that it was trained on."""
    lines = ["| game | videos to learn from | share solved | accuracy | always the more frequent answer | ROC area |"]
    lines.append("|---|---|---|---|---|---|")
    for game in (each for each in MODELS if f"judge_{each}" in found):
        facts = found[f"judge_{game}"]
        held = facts["held_out"]
        lines.append(
            f"| {game} | {facts['num_train']} | {facts['share_solved_train']:.3f} | "
            f"{held['accuracy']:.3f} | {held['majority']:.3f} | {held['roc_area']:.3f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Judges, runs, then tables and figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", choices=list(MODELS), nargs="+", default=list(MODELS))
    parser.add_argument("--rewards", choices=REWARDS, nargs="*", default=list(REWARDS))
    parser.add_argument("--ablations", choices=ABLATIONS, nargs="*", default=list(ABLATIONS), help="on mazes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--vlm", metavar="KEY=VALUE", nargs="+", default=[], help="settings of a VLM reward to add")
    parser.add_argument("--workers", type=int, default=2, help="runs at a time")
    parser.add_argument("--table", action="store_true", help="collect without running")
    args = parser.parse_args()
    RUNS.mkdir(parents=True, exist_ok=True)
    record = read_record(RECORD, sorted(set(MODELS.values())))
    if not args.table:
        jobs = [(game, reward, seed) for seed, reward, game in product(args.seeds, args.rewards, args.games)]
        jobs += [(game, "vlm", seed) for seed, game in product(args.seeds, args.games) if args.vlm]
        jobs += [("maze", name, args.seeds[0]) for name in args.ablations if "maze" in args.games]
        left = [job for job in jobs if "{}_{}_{}".format(*job) not in record["runs"]]
        at_once(args.workers, train_judge, sorted({(game,) for game, reward, _ in left if reward == "learned"}))
        at_once(args.workers, run_one, [(*job, args.vlm) for job in left])
    collect(record)
    rows = sorted(record["runs"].values(), key=lambda row: row["seed"])
    for game in MODELS:
        draw_curves(rows, game)
        draw_videos(game)
    fill("study", study_table(rows, (*REWARDS, "vlm")), PAGE)
    fill("ablations", study_table(rows, ABLATIONS), PAGE)
    fill("judges", judges_table(record["evaluations"]), PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
