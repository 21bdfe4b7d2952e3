"""Long work as generators: each step yields a Progress, the end returns the result.

A page draws the reports and can stop between two of them; a command line draws a bar; a test stops after one step.
"""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes
    ----------
    share
        Done so far, between 0 and 1.
    note
        What is being done, in a few words.
    """

    share: float
    note: str


Job: TypeAlias = Generator[Progress, None, Result]


def finish(job: Job[Result]) -> Result:
    """Run a job to its end and return its result.

    Examples
    --------
    >>> def count():
    ...     yield Progress(0.5, "half way")
    ...     return 42
    >>> finish(count())
    42
    """
    while True:
        try:
            next(job)
        except StopIteration as end:
            result: Result = end.value
            return result


def between(start: float, end: float, job: Job[Result], *, prefix: str = "") -> Job[Result]:
    """A job as a part of a larger one: its shares fill the range from start to end; ``prefix`` stands before its notes.

    Examples
    --------
    >>> def half():
    ...     yield Progress(0.5, "half way")
    >>> next(between(0.8, 1.0, half(), prefix="ranking: "))
    Progress(share=0.9, note='ranking: half way')
    """
    with closing(job):
        while True:
            try:
                step = next(job)
            except StopIteration as done:
                result: Result = done.value
                return result
            yield replace(step, share=start + (end - start) * step.share, note=prefix + step.note)
