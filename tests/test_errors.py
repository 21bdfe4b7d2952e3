"""Errors say what was found and what to do, and are caught by their usual built-in names."""

import pytest

from core.errors import InputError, QueryStopped, RecScopeError, TooLarge


@pytest.mark.parametrize(
    ("kind", "parents"),
    [
        (InputError, (RecScopeError, ValueError)),
        (TooLarge, (InputError, RecScopeError, ValueError)),
        (QueryStopped, (RecScopeError, RuntimeError)),
    ],
)
def test_kinds(kind, parents):
    error = kind("row 17 has 2.", fix="Map it to 1.")
    assert isinstance(error, parents)
    assert (str(error), error.fix) == ("row 17 has 2.", "Map it to 1.")


def test_an_error_without_a_mend_cannot_be_raised():
    with pytest.raises(TypeError, match="fix"):
        InputError("row 17 has 2.")


def test_a_stopped_query_is_no_fault_of_the_input():
    assert not issubclass(QueryStopped, ValueError)
