"""Finished results that a server keeps, up to a number of bytes."""

from collections import Counter, OrderedDict
from collections.abc import Hashable
from dataclasses import fields, is_dataclass
from threading import Lock
from typing import Any

import pandas as pd

SMALLEST = 1024  # bytes that any result counts for


class Results:
    """Finished results by key, the last ones used; keys are digests and scalars, never frames.

    An array that several results share, such as those of the graph they are about, counts once.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit, self._bytes = limit_bytes, 0
        self._kept: OrderedDict[Hashable, tuple[Any, dict[int, int]]] = OrderedDict()
        self._holders: Counter[int] = Counter()
        self._lock = Lock()

    def get(self, key: Hashable) -> Any | None:
        """The result of a key, or None."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, result: Any) -> None:
        """Keep a result, and let go of those used longest ago until all fit."""
        parts = measure(result)
        with self._lock:
            if key in self._kept:
                self._release(self._kept.pop(key)[1])
            self._kept[key] = (result, parts)
            self._bytes += SMALLEST + sum(size for part, size in parts.items() if not self._holders[part])
            self._holders.update(dict.fromkeys(parts, 1))
            while self._bytes > self._limit:
                self._release(self._kept.popitem(last=False)[1][1])

    def _release(self, parts: dict[int, int]) -> None:
        self._holders.subtract(dict.fromkeys(parts, 1))
        gone = [part for part in parts if not self._holders[part]]
        self._bytes -= SMALLEST + sum(parts[part] for part in gone)
        for part in gone:
            del self._holders[part]


def measure(result: Any) -> dict[int, int]:
    """Bytes of each array and table inside a result, by its identity; it is kept, so no other takes that over."""
    if is_dataclass(result):
        parts = [getattr(result, part.name) for part in fields(result)]
    elif hasattr(result, "indptr"):  # a sparse matrix
        parts = [result.data, result.indices, result.indptr]
    elif isinstance(result, pd.DataFrame):
        return {id(result): int(result.memory_usage(deep=True).sum())}
    elif not isinstance(result, tuple):
        return {id(result): result.nbytes} if hasattr(result, "nbytes") else {}
    else:
        parts = list(result)
    return {identity: size for part in parts for identity, size in measure(part).items()}
