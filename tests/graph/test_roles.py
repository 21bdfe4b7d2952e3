"""Roles guessed from column names."""

import pytest

from core.errors import InputError
from core.graph.roles import EdgeGuess, EdgeRoles, ItemGuess, ItemRoles, guess_edge_roles, guess_item_roles
from core.ingest.schema import Column, Table


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("source", "target"), ("source", "target", None, None)),
        (("weight", "dst", "src", "timestamp"), ("src", "dst", "weight", "timestamp")),
        ((" From ", "TO", "Count"), (" From ", "TO", "Count", None)),
        (("query_id", "candidate_id", "rank"), ("query_id", "candidate_id", None, None)),
        (("asin", "also_bought"), ("asin", "also_bought", None, None)),
        (("left", "right"), ("left", "right", None, None)),
        (("item_id", "target"), ("item_id", "target", None, None)),
        (("left", "middle", "right"), (None, None, None, None)),
    ],
)
def test_edges_are_guessed_from_usual_names(columns: tuple[str, ...], expected: tuple[str | None, ...]) -> None:
    assert guess_edge_roles(columns) == EdgeGuess(*expected)


def test_a_whole_guess_settles_into_roles() -> None:
    assert guess_edge_roles(("src", "dst", "n")).settle() == EdgeRoles("src", "dst", "n")
    with pytest.raises(InputError, match="No column looks like the source"):
        guess_edge_roles(("a", "b", "c")).settle()
    with pytest.raises(InputError, match="No column looks like the target"):
        guess_edge_roles(("source", "b", "c")).settle()
    assert ItemGuess("i", None, "c", ("n",), ()).settle() == ItemRoles("i", category="c", numbers=("n",))
    with pytest.raises(InputError, match="No column looks like the id"):
        ItemGuess(None, None, None, (), ()).settle()


def test_items_are_guessed_from_names_and_first_rows() -> None:
    columns = ("product_id", "name", "category", "price", "stock", "Brand", "note", "store_id", "empty")
    rows = (("1", "A", "x", "2.5", "", "Orla", "hm", "7", ""), ("2", "B", "y", "1e3", "4", "Tavi", "3", "8", ""))
    assert guess_item_roles(Table(columns, rows)) == ItemGuess(
        "product_id", "name", "category", ("price", "stock"), ("Brand",)
    )


def test_a_name_is_used_once() -> None:
    assert guess_item_roles(Table(("item", "label"), (("1", "2"),))) == ItemGuess("item", "label", None, (), ())
    assert guess_item_roles(Table(("product",), (("1",),))) == ItemGuess("product", None, None, (), ())


def test_roles_ask_for_stored_columns_without_user_text() -> None:
    assert EdgeRoles("a", "b", "w", "t").columns() == (
        Column("source", ("a",), "id"), Column("target", ("b",), "id"), Column("weight", ("w",), "positive"),
        Column("time", ("t",), "time"),
    )  # fmt: skip
    assert ItemRoles("i", "t", "c", ("n",), ("c",)).columns() == (
        Column("id", ("i",), "id"), Column("row", (), "row"), Column("title", ("t",), "title"),
        Column("category", ("c",), "category"), Column("number0", ("n",), "optional"),
        Column("word0", ("c",), "category"),
    )  # fmt: skip
