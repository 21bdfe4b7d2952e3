"""Small named validators. Each raises one sentence with its mend."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from core.arrays import FloatArray
from core.errors import InputError


def check_between(value: float, lo: float, hi: float, *, name: str) -> float:
    """Return ``value`` if lo <= value <= hi (NaN is outside).

    Examples
    --------
    >>> check_between(0.5, 0, 1, name="score")
    0.5
    """
    if not lo <= value <= hi:
        raise InputError(
            f"{name} must be between {lo:g} and {hi:g}; it is {value:g}.", fix=f"Choose a {name} in that range."
        )
    return value


def check_count(value: int, lo: int, hi: int, *, name: str) -> int:
    """Return ``value`` if it is a whole number with lo <= value <= hi.

    Examples
    --------
    >>> check_count(5, 1, 100, name="levels")
    5
    """
    if isinstance(value, bool) or not isinstance(value, int) or not lo <= value <= hi:
        raise InputError(
            f"{name} must be a whole number from {lo:,} to {hi:,}; it is {value!r}.",
            fix=f"Choose {name} in that range.",
        )
    return value


def check_edges(edges: tuple[float, ...], *, name: str) -> tuple[float, ...]:
    """Return ``edges`` if there are at least two, all finite and strictly increasing.

    Examples
    --------
    >>> check_edges((0.0, 0.5, 1.0), name="score edges")
    (0.0, 0.5, 1.0)
    """
    finite = all(float("-inf") < edge < float("inf") for edge in edges)
    if len(edges) < 2 or not finite or any(lo >= hi for lo, hi in pairwise(edges)):
        shown = ", ".join(f"{edge:g}" for edge in edges[:8])
        raise InputError(
            f"{name} must be at least two increasing numbers; given: {shown or 'nothing'}.",
            fix="Type them as 0, 0.2, 0.5, 1.",
        )
    return edges


def as_floats(values: npt.ArrayLike, *, name: str) -> FloatArray:
    """Return ``values`` as a float64 array.

    Examples
    --------
    >>> as_floats([1, 2], name="evidence")
    array([1., 2.])
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be numbers.", fix=f"Give {name} as a number or an array of numbers.") from None


def check_entries(array: FloatArray, good: npt.NDArray[np.bool_], *, rule: str, fix: str) -> None:
    """Raise for the first entry of ``array`` that is not good, with the rule it breaks.

    Examples
    --------
    >>> check_entries(np.array([0.5]), np.array([True]), rule="score must be in [0, 1]", fix="Give probabilities.")
    """
    if not np.all(good):
        at = int(np.flatnonzero(~good.ravel())[0])
        raise InputError(f"{rule}; entry {at} has {array.ravel()[at]:g}.", fix=fix)
