"""The command `wan-r1`: picks the sub-command, turns our errors into one clear line."""

import argparse
import os
import sys
import traceback
from collections.abc import Sequence

from wan_r1 import __version__
from wan_r1.cli import audit, demo, evaluate, generate, make, report, rl, score, sft, show
from wan_r1.cli.command import FAULT, INTERRUPTED, WRONG_INPUT, Command, examples_text
from wan_r1.cli.console import say
from wan_r1.errors import WanR1Error

__all__ = ["COMMANDS", "build_parser", "main"]

COMMANDS: dict[str, Command] = {
    "demo": demo.COMMAND,
    "make": make.COMMAND,
    "show": show.COMMAND,
    "generate": generate.COMMAND,
    "score": score.COMMAND,
    "sft": sft.COMMAND,
    "rl": rl.COMMAND,
    "evaluate": evaluate.COMMAND,
    "audit": audit.COMMAND,
    "report": report.COMMAND,
}
"""Name -> sub-command; one file and one line here each."""

DESCRIPTION = """\
Verifiable reinforcement learning for video reasoning with Wan models.

A video model is shown the first picture of a task (a maze, say) and makes a video of its solution. wan-r1 makes such
tasks, reads from a video what really happens in it, scores that by the rules of the task, and trains the model on the
score."""

EPILOG = """\
exit codes:  0 done   1 the check said no   2 wrong input (one line on stderr says what)   3 a fault of wan-r1
             130 interrupted
WAN_R1_DEBUG=1 shows the traceback of an error.
wan-r1 COMMAND --help explains a command, with examples."""


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The argument parser; only the chosen sub-command gets its options, so that the others need not be imported."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="wan-r1", description=DESCRIPTION, epilog=EPILOG, formatter_class=layout, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"wan-r1 {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        sub = subparsers.add_parser(
            name,
            help=command.summary,
            description=command.description,
            epilog=examples_text(command.examples),
            formatter_class=_HelpFormatter,
            allow_abbrev=False,
        )
        if name == chosen:
            command.add_arguments(sub)
            sub.set_defaults(refuse=sub.error)  # with the usage of the command, not of wan-r1
    return parser


def _parse(arguments: list[str]) -> argparse.Namespace:
    """Parse, and allow overrides (section.key=value) behind options, where argparse has closed its list of them."""
    parser = build_parser(arguments[0] if arguments else None)
    args, rest = parser.parse_known_args(arguments)
    if rest and hasattr(args, "overrides") and not any(word.startswith("-") for word in rest):
        args.overrides = [*args.overrides, *rest]
    elif rest:
        getattr(args, "refuse", parser.error)(f"unrecognized arguments: {' '.join(rest)}")
    return args


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of examples and shows defaults, except of options that have none."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, []) or "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parse(arguments)
    try:
        return COMMANDS[args.command].run(args)
    except KeyboardInterrupt:
        say("wan-r1: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, say) has left; Python would complain once more when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return INTERRUPTED
    except (WanR1Error, OSError) as error:
        if os.environ.get("WAN_R1_DEBUG"):
            raise
        text = str(error)
        if isinstance(error, OSError):
            text = f"{error.filename or 'standard output'}: {error.strerror or error}"
        say(f"wan-r1: error: {' '.join(text.split())}")
        return WRONG_INPUT
    except Exception:
        traceback.print_exc()
        say("wan-r1: this is a fault of wan-r1 or of code that it was given, not of the command; please report it")
        return FAULT
