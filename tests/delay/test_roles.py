"""Column roles of a conversion log, and guesses at them."""

import pytest

from core.delay.data import SignalServed
from core.delay.roles import LogRoles, guess_log_roles
from core.errors import InputError
from core.ingest.schema import Table


def test_a_signal_is_no_feature_and_the_reason_is_told() -> None:
    for roles in ({"numbers": ("cart",)}, {"words": ("cart",)}, {"segment": "cart"}):
        with pytest.raises(SignalServed, match="'cart' is mapped as feature and as signal: a signal comes after"):
            LogRoles("t", "c", signals=("cart",), **roles)  # type: ignore[arg-type]


def test_no_column_plays_two_roles() -> None:
    with pytest.raises(InputError, match="Column 'c' is mapped to two roles"):
        LogRoles("t", "c", numbers=("c",))
    with pytest.raises(InputError, match="Column 't' is mapped"):
        LogRoles("t", "t")


def test_columns_are_asked_for_by_kind() -> None:
    roles = LogRoles("t", "c", ("s",), ("n",), ("w",), "g", "i")
    assert [(column.role, column.names, column.kind) for column in roles.columns()] == [
        ("time", ("t",), "time"), ("conversion", ("c",), "moment"), ("signal0", ("s",), "moment"),
        ("number0", ("n",), "optional"), ("word0", ("w",), "category"), ("segment", ("g",), "category"),
        ("id", ("i",), "id"), ("row", (), "row"),
    ]  # fmt: skip


def test_roles_are_guessed_from_names_and_first_rows() -> None:
    columns = ("Click_ID", "click_time", "conversion_time", "cart_time", "clip_at", "bid", "device", "label", "user_id",
               "note", "channel")  # fmt: skip
    rows = (("a", "2026-01-01", "", "", "", "1.5", "web", "0", "7", "x", "ads"),)
    guess = guess_log_roles(Table(columns, rows))
    assert guess.settle() == LogRoles(
        "click_time", "conversion_time", ("cart_time", "clip_at"), ("bid",), ("device",), "channel", "Click_ID"
    )


@pytest.mark.parametrize(("columns", "what"), [(("a", "purchase_time"), "event"), (("time", "b"), "conversion")])
def test_what_cannot_be_guessed_is_asked_for(columns: tuple[str, ...], what: str) -> None:
    with pytest.raises(InputError, match=f"looks like the time of the {what}"):
        guess_log_roles(Table(columns, (("", ""),))).settle()
