"""A progress bar on standard error, drawn only on a terminal."""

import sys
from typing import TypeVar

from core.jobs import Job

WIDTH = 30
Result = TypeVar("Result")


def run_with_bar(job: Job[Result]) -> Result:
    """Run a job to its end, drawing its progress."""
    shown = sys.stderr.isatty()
    try:
        while True:
            report = next(job)
            if shown:
                full = round(WIDTH * report.share)
                sys.stderr.write(f"\r{report.note:<26} [{'#' * full}{' ' * (WIDTH - full)}] {report.share:4.0%}")
                sys.stderr.flush()
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        if shown:
            sys.stderr.write("\r\x1b[K")
