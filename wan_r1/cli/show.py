"""`wan-r1 show`: one task as picture or video, with its solution."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from wan_r1.cli.command import DONE, Command, add_json_option, at_least, positive
from wan_r1.cli.console import print_json, say
from wan_r1.cli.family_options import add_family_options, default_frames, family_settings
from wan_r1.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wan_r1.types import Task

__all__ = ["COMMAND"]

SHOWN_PX = 480
"""Small tasks are enlarged to about this size, so that the solution can be seen."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_family_options(parser)
    parser.add_argument("--index", metavar="I", type=at_least(0), default=0, help="number of the task in the stream")
    parser.add_argument("--out", metavar="FILE", type=Path, default=Path("task.png"), help="a .png or .mp4 file")
    parser.add_argument("--frames", metavar="T", type=positive, help="frames of the video, 4n + 1 (default: by size)")
    parser.add_argument("--no-solution", action="store_true", help="do not draw the solution")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.tasks import make_family, task_seed

    family = make_family(args.family, **family_settings(args))
    task = family.generate(task_seed(args.seed, args.index))
    if args.out.suffix == ".png":
        _write_picture(args, task)
    elif args.out.suffix == ".mp4":
        _write_film(args, task)
    else:
        raise ConfigError(f"--out {args.out}: write a .png or a .mp4 file")
    facts = {
        "out": str(args.out),
        "family": task.family,
        "seed": task.seed,
        "settings": task.settings,
        "prompt": task.prompt,
        "size": list(task.first_frame.shape[:2]),
        "solution_points": len(task.solution.points),
    }
    if args.json:
        print_json(facts)
    else:
        say(f"wrote {args.out}: {task.prompt}")
    return DONE


def _write_picture(args: argparse.Namespace, task: "Task") -> None:
    from wan_r1.reports.overlay import draw_line, enlarge
    from wan_r1.video import write_image

    picture = enlarge(task.first_frame[None], SHOWN_PX)
    if not args.no_solution:
        picture = _beside_map(picture, task) if _on_floor(task) else draw_line(picture, task.solution.points)
    write_image(args.out, picture[0])


def _on_floor(task: "Task") -> bool:
    """Whether the solution lies on a floor that the picture shows from within, so that it cannot be drawn into it."""
    return task.solution.unit == "metre"


def _beside_map(film: "NDArray[np.uint8]", task: "Task") -> "NDArray[np.uint8]":
    """The film [T, H, W, 3] with the floor plan and the solution at its right."""
    import numpy as np

    from wan_r1.tasks.navigation import draw_map

    plan = draw_map(task.state, [task.solution.points], film.shape[1])
    return np.concatenate([film, np.repeat(plan[None], len(film), axis=0)], axis=2)


def _write_film(args: argparse.Namespace, task: "Task") -> None:
    from wan_r1.reports.overlay import draw_line, enlarge
    from wan_r1.tasks import family_of
    from wan_r1.video import check_num_frames, write_video

    size = max(task.first_frame.shape[:2])
    frames = args.frames or default_frames(size)
    check_num_frames(frames, "--frames")
    film = enlarge(family_of(task).render(task, task.solution, frames, size), SHOWN_PX)
    if not args.no_solution:
        film = _beside_map(film, task) if _on_floor(task) else draw_line(film, task.solution.points)
    write_video(args.out, film, fps=8 if frames < 40 else 24)


COMMAND = Command(
    summary="show one task and its solution",
    description="Write one task as a picture (.png) or its solution as a video (.mp4), with the solution drawn as a "
    "line, or on a floor plan beside it (navigation).\nSmall tasks are enlarged. The seed and the index name the same "
    "task as in `wan-r1 make`.",
    examples=(
        "wan-r1 show maze --level hard --seed 3 --out maze.png",
        "wan-r1 show maze --level tiny --index 7 --out maze.mp4",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
