"""``list`` and ``delete`` of a word: what its data folder keeps, and its removal."""

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from core.errors import InputError
from core.settings import Settings

Tell: TypeAlias = Callable[[Settings], Iterable[tuple[str, str]]]
Delete: TypeAlias = Callable[[str, Settings], bool]


def register_stored(commands: Any, word: str, thing: str, *, also: str = "", tell: Tell, delete: Delete) -> None:
    """Add both commands.

    Parameters
    ----------
    commands
        Of the word.
    word, thing
        The command group, and one of what it keeps, such as holdout and graph.
    also
        What goes with it, for the help.
    tell
        Digest and description of each thing kept.
    delete
        Deletes that of a digest; tells whether there was one.
    """

    def run_list(_: argparse.Namespace) -> None:
        for digest, about in tell(Settings.from_environment()):
            sys.stdout.write(f"{digest}  {about}\n")

    def run_delete(arguments: argparse.Namespace) -> None:
        settings = Settings.from_environment()
        digests = [digest for digest, _ in tell(settings)] if arguments.all else [arguments.digest]
        for digest in digests:
            if not delete(digest, settings):
                raise InputError(f"There is no stored {thing} {digest[:12]}….", fix=f"See `{word} list`.")
            sys.stdout.write(f"deleted {digest}\n")

    commands.add_parser("list", help=f"stored {thing}s").set_defaults(run=run_list)
    command = commands.add_parser("delete", help=f"delete stored {thing}s{also}")
    which = command.add_mutually_exclusive_group(required=True)
    which.add_argument("digest", nargs="?", help="data digest, as list prints it")
    which.add_argument("--all", action="store_true", help=f"every stored {thing}")
    command.set_defaults(run=run_delete)
