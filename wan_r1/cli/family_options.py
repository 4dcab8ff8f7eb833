"""The options that pick a task: family, level, skin, size, split, seed, and what one family alone has."""

import argparse
from typing import Any

from wan_r1.cli.command import at_least

__all__ = ["SHORT_FRAMES", "add_family_options", "default_frames", "family_settings"]

SETTINGS = ("level", "skin", "size", "split", "num_boxes", "prompts")
SHORT_FRAMES = 17
"""Frames of a video for the small levels: what the shipped tiny model makes."""
LONG_FRAMES = 81
"""Frames for the levels of full size: what Wan makes by default."""
SHORT_LEVEL_PX = 128


def add_family_options(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    """Add FAMILY and the options of its settings; what is not given keeps the default of the family."""
    from wan_r1.tasks import FAMILIES

    parser.add_argument(
        "family",
        metavar="FAMILY",
        choices=list(FAMILIES),
        nargs="?" if optional else None,
        help=f"one of: {', '.join(FAMILIES)}",
    )
    parser.add_argument("--level", metavar="L", help="difficulty, for example tiny, easy, medium, hard")
    parser.add_argument("--skin", metavar="NAME", help="theme of colours and shapes, or a skin folder of VR-Bench")
    parser.add_argument(
        "--size", metavar="PX", type=at_least(8, 8192), help="longer side in pixels (default: of the level)"
    )
    parser.add_argument("--split", choices=["train", "validation", "test"], help="only layouts of this side")
    parser.add_argument("--num-boxes", metavar="B", type=at_least(1), help="sokoban: boxes and targets (default: 1)")
    parser.add_argument("--prompts", metavar="KIND", help="navigation: explicit, implicit or mixed (default)")
    parser.add_argument("--seed", metavar="S", type=at_least(0), default=0, help="seed of the stream of tasks")


def family_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given on the command line."""
    return {name: getattr(args, name) for name in SETTINGS if getattr(args, name) is not None}


def default_frames(size_px: int) -> int:
    """Frames of a video [T, H, W, 3] whose longer side is `size_px`, where the user gives none."""
    return SHORT_FRAMES if size_px <= SHORT_LEVEL_PX else LONG_FRAMES
