"""The command `capstone`: one module a subcommand; exit codes 0 right, 1 wrong, 2 misuse."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from capstone.cli import generate, gradcheck, train
from capstone.errors import CapstoneError

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class OneLineParser(argparse.ArgumentParser):
    """Reports a mistake in one line, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = OneLineParser(
        prog="capstone",
        description="Verify hand-written backward passes, and train a transformer with them.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (gradcheck, train, generate):
        name = module.__name__.rpartition(".")[2]
        summary = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `capstone`; those of the process if not given.

    Returns:
        The exit code: 0 right, 1 a gradient is wrong, 2 misuse, 130 interrupted.
    """
    options = make_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except CapstoneError as error:
        print(f"capstone {options.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"capstone {options.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has gone: nothing is left to say
        sys.stderr.close()
        return 0
    return code
