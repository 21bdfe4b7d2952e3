"""Long work on a page: a job with a progress bar and a cancel button, and the results that are kept."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass
from functools import partial
from threading import Lock
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from core.jobs import Job
from core.settings import MEBIBYTE
from pages._shell import Stopped

KEPT_BYTES = 256 * MEBIBYTE
SMALLEST = 1024  # bytes that any result counts for
PATIENCE_SECONDS = 0.7
Result = TypeVar("Result")


class Results:
    """Finished results by key, the last ones used; keys are digests and scalars, never frames."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit, self._bytes = limit_bytes, 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
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
        size = SMALLEST + measure(result)
        with self._lock:
            self._bytes += size - self._kept.pop(key, (None, 0))[1]
            self._kept[key] = (result, size)
            while self._bytes > self._limit:
                self._bytes -= self._kept.popitem(last=False)[1][1]


def measure(result: Any) -> int:
    """Bytes of the arrays and tables inside a result."""
    if is_dataclass(result):
        return sum(measure(getattr(result, part.name)) for part in fields(result))
    if isinstance(result, tuple):
        return sum(map(measure, result))
    if isinstance(result, pd.DataFrame):
        return int(result.memory_usage(deep=True).sum())
    return int(getattr(result, "nbytes", 0))


@st.cache_resource
def _results() -> Results:
    return Results(KEPT_BYTES)


def compute(key: Hashable, start: Callable[[], Job[Result]], *, label: str) -> Result:
    """Return the result of a job, from memory where the same key was computed before.

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
        result = run_job(start(), label=label, on_cancel=partial(stopped.add, key))
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


def run_job(job: Job[Result], *, label: str, on_cancel: Callable[[], None] | None = None) -> Result:
    """Run a job to its end; after a moment a progress bar and a cancel button appear.

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
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        job.close()
        slot.empty()
