"""Files that a reader sees as they were or as they will be, never half written."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import InputError


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path in the target's folder to write to; it becomes the target if the block ends without an error.

    Raises
    ------
    InputError
        The folder is not there, or cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        os.close(handle)
        part = Path(name)
        try:
            yield part
            with part.open("r+b") as file:
                os.fsync(file.fileno())
            part.chmod(0o644)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{target.name} cannot be written: {error.strerror}.", fix="Give a path in a folder that you may write to."
        ) from error
