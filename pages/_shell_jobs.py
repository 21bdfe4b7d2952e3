"""Long work on a page: a job with a progress bar and a cancel button, and the results that are kept."""

import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import TypeVar

import streamlit as st

from core.jobs import Job, Progress
from core.settings import MEBIBYTE
from pages._shell import Stopped
from pages._shell_results import Results

KEPT_BYTES = 256 * MEBIBYTE
PATIENCE_SECONDS = 0.7
Result = TypeVar("Result")


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
    with slot.container():
        result = run_unless_stopped(key, start, label=label, watch=watch)
    slot.empty()
    _results().put(key, result)
    return result


def run_unless_stopped(
    key: Hashable, start: Callable[[], Job[Result]], *, label: str, watch: Callable[[Progress], None] | None = None
) -> Result:
    """Run a job; raise :class:`Stopped` where the user has cancelled this key, until they let it run again."""
    stopped = st.session_state.setdefault("stopped_jobs", set())
    if key in stopped:
        fix = "Try again, or choose something smaller."
        raise Stopped(f"{label}: stopped before it was done.", fix=fix, again=partial(stopped.discard, key))
    return run_job(start(), label=label, on_cancel=partial(stopped.add, key), watch=watch)


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
