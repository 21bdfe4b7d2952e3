"""Files named by path or glob, below a folder that the operator has opened for it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from core.errors import InputError, TooLarge

FILES_CAP = 10_000
ENTRIES_CAP = 1_000_000


def find_files(pattern: str, *, root: Path | None) -> tuple[Path, ...]:
    """Files that a path or glob names, sorted, each once; all of them below ``root`` once links are followed.

    Raises
    ------
    InputError
        No root is configured; the pattern is absolute, climbs out or is malformed; no file matches.
    TooLarge
        More than 10,000 files match, or more than 1,000,000 entries of any kind (folders, links that lead out).
    """
    if root is None:
        raise InputError(
            "No data root is configured, so files cannot be named by path.",
            fix="Start RecScope with RECSCOPE_DATA_ROOT set to the folder that holds your files.",
        )
    shown = repr(pattern[:80])
    parts = Path(pattern).parts  # none for "." and "./"
    if not pattern.strip() or "\x00" in pattern or not parts or Path(pattern).is_absolute() or ".." in parts:
        raise InputError(
            f"{shown} is not a path below the data root.", fix="Give it relative to the data root, without '..'."
        )
    try:
        inside = sorted(islice(_inside(pattern, root.resolve()), FILES_CAP + 1))
    except TooLarge:
        raise
    except (ValueError, OSError, RuntimeError) as error:  # a malformed glob, a name too long
        raise InputError(f"{shown} cannot be looked up.", fix="Use * within one name, ** for whole folders.") from error
    if not inside:
        raise InputError(f"No file below the data root matches {shown}.", fix="Check the name; * matches any part.")
    if len(inside) > FILES_CAP:
        raise TooLarge(f"More than {FILES_CAP:,} files match.", fix="Choose a narrower pattern.")
    return tuple(inside)


def _inside(pattern: str, root: Path) -> Iterator[Path]:
    """Each file once, though links may lead to it by several names."""
    seen = {root}
    literal = root / pattern  # a name may itself hold brackets
    entries = iter([literal]) if literal.is_file() else root.glob(pattern)
    for path in islice(entries, ENTRIES_CAP):
        target = path.resolve() if path.is_file() else root  # a link in a circle is no file
        if target.is_relative_to(root) and target not in seen:
            seen.add(target)
            yield target
    if next(entries, None) is not None:
        raise TooLarge(f"More than {ENTRIES_CAP:,} files and folders match.", fix="Choose a narrower pattern.")
