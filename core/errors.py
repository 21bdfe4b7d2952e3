"""Error types. Each carries the mend, so that a page, a command line and a log can all say what to do."""


class RecScopeError(Exception):
    """Base of every error that RecScope raises on purpose.

    Parameters
    ----------
    message
        What was found, and where (column, row, file).
    fix
        What the reader can do about it, as one sentence.

    Examples
    --------
    >>> try:
    ...     raise InputError("label must be 0 or 1; row 17 has 2.", fix="Map your positive class to 1.")
    ... except ValueError as error:
    ...     print(error.fix)
    Map your positive class to 1.
    """

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class InputError(RecScopeError, ValueError):
    """Something from outside (a file, a column, a setting) is not what it must be."""


class TooLarge(InputError):
    """An input or a request is beyond a stated limit; the message names the limit and its setting."""


class QueryStopped(RecScopeError, RuntimeError):
    """A query was stopped because it overran its time."""


class InfeasibleTarget(RecScopeError, ValueError):
    """No rule reaches the target; ``best`` is the best value that can be reached."""

    def __init__(self, message: str, *, fix: str, best: float) -> None:
        super().__init__(message, fix=fix)
        self.best = best
