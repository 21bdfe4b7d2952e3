"""The command line: one group of commands per word."""

import argparse
import os
import sys
from collections.abc import Sequence

from core.cli import delay, graph, holdout, signoff, thresholds
from core.errors import RecScopeError
from core.version import VERSION

FAILED = 2


def main(arguments: Sequence[str]) -> int:
    """Run one command; errors go to standard error, with the mend, and exit status 2.

    A command whose answer may be bad news returns its own status.
    """
    parser = argparse.ArgumentParser(prog="python -m core", description="RecScope on the command line.")
    parser.add_argument("--version", action="version", version=VERSION)
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    holdout.register(words)
    thresholds.register(words)
    signoff.register(words)
    graph.register(words)
    delay.register(words)
    chosen = parser.parse_args(arguments)
    try:
        return chosen.run(chosen) or 0
    except RecScopeError as error:
        sys.stderr.write(f"error: {error}\n  mend: {error.fix}\n")
        return FAILED
    except BrokenPipeError:  # whoever reads the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.stderr.write(f"error: {error.strerror}: {error.filename}\n  mend: Give a path that you may write to.\n")
        return FAILED
    return 0
