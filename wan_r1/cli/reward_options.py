"""The options by which a command takes a reward, with its settings."""

import argparse
from typing import Any

__all__ = ["add_reward_options", "chosen_reward"]


def add_reward_options(
    parser: argparse.ArgumentParser, default: str | None = "trajectory", default_words: str = "trajectory"
) -> None:
    """Add --reward NAME and --set KEY=VALUE."""
    parser.add_argument(
        "--reward",
        metavar="NAME",
        default=default,
        help=f"a reward, or your own module:function (default: {default_words})",
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="reward_settings",
        help="a setting of the reward, as in [reward] of a recipe; may come several times",
    )


def chosen_reward(args: argparse.Namespace) -> Any:
    """The reward that the options name; ConfigError if there is none, or a setting is wrong."""
    from wan_r1.config import override, pick
    from wan_r1.rewards import REWARDS

    table = override({"name": args.reward}, args.reward_settings)
    return pick(REWARDS, table, "reward", own_code=True)
