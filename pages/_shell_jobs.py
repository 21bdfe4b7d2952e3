"""Long work on a page: a job with a progress bar and a cancel button, and the results that are kept."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from core.jobs import Job, Progress
from core.settings import MEBIBYTE
from pages._shell import Stopped

KEPT_BYTES = 256 * MEBIBYTE
SMALLEST = 1024  # bytes that any result counts for
PATIENCE_SECONDS = 0.7
Result = TypeVar("Result")


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
                self._release(*self._kept.pop(key))
            self._kept[key] = (result, parts)
            self._bytes += SMALLEST + sum(size for part, size in parts.items() if not self._holders[part])
            self._holders.update(dict.fromkeys(parts, 1))
            while self._bytes > self._limit:
                self._release(*self._kept.popitem(last=False)[1])

    def _release(self, _: Any, parts: dict[int, int]) -> None:
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


@st.cache_resource
def _results() -> Results:
    return Results(KEPT_BYTES)


def compute(
    key: Hashable, start: Callable[[], Job[Result]], *, label: str, watch: Callable[[Progress], None] | None = None
) -> Result:
    """Return the result of a job, from memory where the same key was computed before; ``watch`` sees each report.

    Raises :class:`Stopped` where the user has cancelled this key; the rest of the page goes on.
    """
    slot = st.empty()  # also where nothing is to do: what follows keeps its place on the page, and so its focus
    known: Result | None = _results().get(key)
    if known is not None:
        return known
    stopped = st.session_state.setdefault("stopped_jobs", set())
    if key in stopped:
        fix = "Try again, or choose something smaller."
        raise Stopped(f"{label}: stopped before it was done.", fix=fix, again=partial(stopped.discard, key))
    with slot.container():
        result = run_job(start(), label=label, on_cancel=partial(stopped.add, key), watch=watch)
    slot.empty()
    _results().put(key, result)
    return result


def keep(key: Hashable, make: Callable[[], Result]) -> Result:
    """Return what ``make`` returns, for what takes a moment only; from memory where the same key was made before."""
    known: Result | None = _results().get(key)
    if known is None:
        known = make()
        _results().put(key, known)
    return known


def run_job(
    job: Job[Result],
    *,
    label: str,
    on_cancel: Callable[[], None] | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Result:
    """Run a job to its end; after a moment a progress bar and a cancel button appear. ``watch`` sees each report.

    Cancelling, leaving or changing an input starts another run of the page, which closes the job.
    """
    slot, bar, started = st.empty(), None, time.monotonic()
    try:
        while True:
            report = next(job)
            if bar is None and time.monotonic() - started > PATIENCE_SECONDS:
                with slot.container(border=True):
                    bar = st.progress(0.0)
                    st.button("Cancel", key=f"cancel_{label}", on_click=on_cancel, icon=":material/cancel:")
            if bar is not None:
                bar.progress(min(max(report.share, 0.0), 1.0), text=f"{label}: {report.note}, {report.share:.0%}")
            if watch is not None:
                watch(report)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        job.close()
        slot.empty()
