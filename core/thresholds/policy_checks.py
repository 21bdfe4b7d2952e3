"""Checks of the fields of a policy, whether it was made here or read from a file."""

import math
import re
from contextlib import suppress

import numpy as np

from core.errors import InputError

NAME_LENGTH = 200
LARGEST_COUNT = 2**53 - 1  # beyond it JSON numbers are not exact
EXPORT_AGAIN = "Export the policy again from RecScope."


def check_number(value: object, name: str) -> float:
    """A finite number as a float, never -0."""
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        with suppress(OverflowError):  # a whole number beyond the largest float
            if math.isfinite(value):
                return float(value) + 0.0
    raise refused(f"a {name} that is not a finite number ({str(value)[:40]})")


def check_whole(value: object, name: str) -> int:
    """A whole number from 0 to ``LARGEST_COUNT`` as a plain int."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT:
        return int(value)
    raise refused(f"a {name} that is not a whole number from 0 to {LARGEST_COUNT:,} ({str(value)[:40]})")


def check_choice(value: object, choices: tuple[str, ...], name: str) -> None:
    """Refuse what is none of the choices."""
    if value not in choices:
        raise refused(f"a {name} of {str(value)[:40]!r} instead of {' or '.join(map(repr, choices))}")


def check_pattern(value: object, pattern: str, name: str) -> None:
    """Refuse what is not text of a pattern."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise refused(f"a {name} of {str(value)[:40]!r}")


def check_column_name(value: object) -> None:
    """A column name: not blank, not too long, and text that UTF-8 carries (no half of a surrogate pair)."""
    good = isinstance(value, str) and value.strip() and len(value) <= NAME_LENGTH
    if not good or any("\ud800" <= character <= "\udfff" for character in str(value)):
        raise refused(f"a column name that no file has ({ascii(value)[:40]})")


def refused(what: str) -> InputError:
    """The error that says what is wrong with a policy."""
    return InputError(f"The policy has {what}.", fix=EXPORT_AGAIN)
