"""The command `capstone`: one module a subcommand; exit codes 0 right, 1 wrong, 2 misuse."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from capstone.cli import badge, generate, gradcheck, mutate, train
from capstone.errors import CapstoneError, RankError
from capstone.mpi import is_other_rank

MISUSE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
PIPE_CLOSED = 141  # 128 + SIGPIPE


class OneLineParser(argparse.ArgumentParser):
    """Reports a mistake in one line, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with code 2; of several processes, the first does that."""
        if is_other_rank():
            self.exit()
        self.exit(MISUSE, f"{self.prog}: {message}; see {self.prog} --help\n")


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = OneLineParser(
        prog="capstone",
        description="Verify hand-written backward passes, and train a transformer with them.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (gradcheck, mutate, badge, train, generate):
        name = module.__name__.rpartition(".")[2]
        summary = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `capstone`; those of the process if not given.

    Returns:
        The exit code: 0 right, 1 a gradient is wrong, 2 misuse, 130 interrupted, 141 if nobody
        reads the output to its end.
    """
    _forgive_characters()
    options = make_parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        print(end="", flush=True)
    except RankError as error:
        return _give_up(options.command, error, error.code)
    except CapstoneError as error:
        return _give_up(options.command, error, MISUSE)
    except MemoryError as error:
        return _give_up(options.command, f"not enough memory: {error}", MISUSE)
    except KeyboardInterrupt as interrupt:
        return _give_up(options.command, str(interrupt) or "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader of the pipe has gone: nothing is left to say, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def _give_up(command: str, reason: object, code: int) -> int:
    """Say why, in one line; who complains is said once."""
    words = str(reason).removeprefix(f"{command}: ")
    print(f"capstone {command}: {words}", file=sys.stderr)
    return code


def _forgive_characters() -> None:
    """An output that lacks a character of the text shows `?` in its place."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
