"""Column roles, their guesses, and the handle of a stored holdout."""

from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.holdout.data import _USUAL_NAMES, ColumnRoles, Guess, Holdout, Segment, guess_roles
from core.ingest.schema import Column, Parsed

ROLES = ColumnRoles("s", ("u",), "std", "y", weight="w", time="t", segments=("a", "b"))

# columns → score, uncertainty, kind, label, weight, time
GUESSES: dict[tuple[str, ...], tuple[Any, ...]] = {
    (): (None, (), "variance", None, None, None),
    ("a", "b"): (None, (), "variance", None, None, None),
    ("score", "variance", "label"): ("score", ("variance",), "variance", "label", None, None),
    ("Prediction", "logit_std", "clicked"): ("Prediction", ("logit_std",), "std", "clicked", None, None),
    (" Score ", "VAR", "Y"): (" Score ", ("VAR",), "variance", "Y", None, None),
    ("pctr", "n_eff", "click", "weight", "ts"): ("pctr", ("n_eff",), "evidence", "click", "weight", "ts"),
    ("p", "ci_low", "ci_high", "outcome"): ("p", ("ci_low", "ci_high"), "interval", "outcome", None, None),
    ("p", "q95", "q05", "y_true"): ("p", ("q05", "q95"), "interval", "y_true", None, None),
    ("p", "low", "y"): ("p", (), "variance", "y", None, None),
    ("p", "entropy", "y", "date"): ("p", ("entropy",), "entropy", "y", None, "date"),
    ("p", "entropy", "low", "high", "y"): ("p", ("low", "high"), "interval", "y", None, None),
    ("p", "low", "high", "variance", "y"): ("p", ("variance",), "variance", "y", None, None),
    ("p", "variance", "std", "y"): ("p", ("std",), "std", "y", None, None),
    ("p", "std", "evidence", "y"): ("p", ("evidence",), "evidence", "y", None, None),
    ("p", "uncertainty", "y"): ("p", ("uncertainty",), "variance", "y", None, None),
    ("mean", "pred", "score", "y"): ("score", (), "variance", "y", None, None),
    ("Score", "score"): ("Score", (), "variance", None, None, None),
    ("score", "evidence", "variance", "label", "time", "device", "country"): (
        "score", ("evidence",), "evidence", "label", None, "time"),
}  # fmt: skip


@pytest.mark.parametrize("columns", GUESSES, ids=",".join)
def test_guess(columns: tuple[str, ...]) -> None:
    assert guess_roles(columns) == Guess(*GUESSES[columns])


def test_no_usual_name_stands_for_two_roles() -> None:
    names = [name for usual in _USUAL_NAMES.values() for name in usual]
    assert len(names) == len(set(names))
    assert all(name == name.strip().lower() for name in names)


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("variance", "nonnegative"), ("std", "nonnegative"), ("evidence", "nonnegative"), ("entropy", "number"),
    ],
)  # fmt: skip
def test_columns_of_one_uncertainty_column(kind: Any, stored: Any) -> None:
    assert ColumnRoles("s", ("u",), kind, "y").columns() == (
        Column("score", ("s",), "probability"),
        Column("uncertainty", ("u",), stored),
        Column("label", ("y",), "label"),
        Column("part", (), "part"),
    )


def test_columns_of_every_role() -> None:
    roles = ColumnRoles("s", ("lo", "hi"), "interval", "y", weight="w", time="t", segments=("a", "b"), group="g")
    assert roles.columns()[1:] == (
        Column("uncertainty", ("lo", "hi"), "width"),
        Column("label", ("y",), "label"),
        Column("weight", ("w",), "nonnegative"),
        Column("time", ("t",), "time"),
        Column("segment0", ("a",), "category"),
        Column("segment1", ("b",), "category"),
        Column("part", ("g",), "part"),
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"uncertainty_kind": "range"}, r"^There is no uncertainty kind 'range'\.$"),
        ({"uncertainty_kind": ""}, r"^There is no uncertainty kind ''\.$"),
        ({"uncertainty_kind": "interval"}, r"^Uncertainty of kind interval needs 2 column\(s\); 1 given\.$"),
        ({"uncertainty": ("u", "v")}, r"^Uncertainty of kind std needs 1 column\(s\); 2 given\.$"),
        ({"uncertainty": ()}, r"^Uncertainty of kind std needs 1 column\(s\); 0 given\.$"),
        ({"uncertainty": ("s",)}, r"^Column 's' is mapped to two roles\.$"),
        ({"label": "s"}, r"^Column 's' is mapped to two roles\.$"),
        ({"label": "u"}, r"^Column 'u' is mapped to two roles\.$"),
        ({"weight": "y"}, r"^Column 'y' is mapped to two roles\.$"),
        ({"time": "w"}, r"^Column 'w' is mapped to two roles\.$"),
        ({"uncertainty": ("u", "u"), "uncertainty_kind": "interval"}, r"^Column 'u' is mapped to two roles\.$"),
        ({"group": "s"}, r"^Column 's' is the score, so it cannot be the group as well\.$"),
        ({"group": "y"}, r"^Column 'y' is the label, so it cannot be the group as well\.$"),
        ({"group": "u"}, r"^Column 'u' is the uncertainty, so it cannot be the group as well\.$"),
        (
            {"group": "v", "uncertainty": ("u", "v"), "uncertainty_kind": "interval"},
            r"^Column 'v' is the uncertainty, so it cannot be the group as well\.$",
        ),
    ],
)
def test_roles_that_cannot_be(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ColumnRoles.from_json(ROLES.to_json() | changed)
    assert caught.value.fix.endswith(".")


def test_a_column_may_be_a_segment_beside_its_role() -> None:
    assert ColumnRoles("s", ("u",), "std", "y", segments=("s", "y")).columns()[-2].names == ("y",)


@pytest.mark.parametrize("group", ["g", "a", "t"])
def test_a_group_may_be_a_segment_or_the_time(group: str) -> None:
    assert ColumnRoles.from_json(ROLES.to_json() | {"group": group}).columns()[-1].names == (group,)


def test_roles_survive_json() -> None:
    assert ColumnRoles.from_json(ROLES.to_json()) == ROLES
    interval = ColumnRoles("s", ("lo", "hi"), "interval", "y")
    assert ColumnRoles.from_json(interval.to_json()) == interval
    assert hash(interval) == hash(ColumnRoles.from_json(interval.to_json()))


def test_handle_from_what_was_parsed() -> None:
    parsed = Parsed(
        rows=10,
        excluded=(("s is missing", 2),),
        ranges={"score": (0.0, 1.0), "uncertainty": (0.5, 2.0), "label": (0.0, 1.0)},
        totals={"score": 5.0, "uncertainty": 9.0, "label": 4.0},
        categories={"segment0": ("x", "y"), "segment1": ("z",)},
        histograms={"score": ((0.0, 0.5), (6, 4))},
    )
    holdout = Holdout.from_parsed("d" * 64, Path("p"), {"name": "n.csv", "roles": ROLES.to_json()}, parsed)
    assert (holdout.name, holdout.positives, holdout.rows.count, holdout.rows.weighted) == ("n.csv", 4, 10, True)
    assert holdout.excluded == (("s is missing", 2),)
    assert holdout.segments == (Segment("a", "segment0", ("x", "y")), Segment("b", "segment1", ("z",)))
    assert holdout.rows.ranges["uncertainty"] == (0.5, 2.0)
    assert holdout.rows.histograms["score"].starts.tolist() == [0.0, 0.5]
    assert holdout.rows.histograms["score"].rows.tolist() == [6, 4]
    assert not holdout.more_is_certain


@pytest.mark.parametrize(
    ("kind", "more_is_certain"), [("evidence", True), ("std", False), ("variance", False), ("entropy", False)]
)
def test_only_evidence_grows_with_certainty(kind: Any, more_is_certain: bool) -> None:
    roles = ColumnRoles("s", ("u",), kind, "y")
    parsed = Parsed(1, (), {}, {"label": 1.0})
    found = Holdout.from_parsed("d", Path("p"), {"name": "n", "roles": roles.to_json()}, parsed)
    assert found.more_is_certain is more_is_certain
    assert not found.rows.weighted


def test_a_segment_is_found_by_name(make_holdout, world):
    holdout = make_holdout(world)
    assert holdout.segment("device").column == "segment0"
    with pytest.raises(InputError, match="'score' is not a mapped segment"):
        holdout.segment("score")
