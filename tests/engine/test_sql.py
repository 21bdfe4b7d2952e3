"""The SQL text: plain, without a word from outside, and the join that finds a cell."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cli.main import main
from core.engine import duck, sql
from core.engine.protocol import Among, Axis, Between, CategoryAxis
from core.engine.sql import FEW_CUTS, LARGEST_KEY, LARGEST_LOOKUP, literal, make_key, make_lookup
from tests.oracles import cell_by_search

SCORE = make_key("score", (0.0, 1.0), last=1024)
FEW = Axis("uncertainty", np.array([0.5, 1, 2]))
MANY = Axis("uncertainty", np.linspace(0.5, 2, 18))
AXES = [CategoryAxis("segment0", 3), FEW, Axis("score", np.linspace(0, 1, 101))]
LOOKUPS = {2: make_lookup(AXES[2], (0.0, 1.0))}
WHERE = [Among("segment0", (0, 2)), Between("time", 0.0, 0.1)]
MEASURES = ("rows", "positives", "score", "uncertainty")
ALL_MEASURES = (*MEASURES, "weight", "weight_positives", "weight_squared", "weight_squared_positives", "log_loss",
                "log_loss_squared", "brier", "brier_squared")  # fmt: skip

NESTED = (
    "CASE WHEN t.uncertainty < 1.0e0 THEN CASE WHEN t.uncertainty < 0.5e0 THEN -1 ELSE 0 END "
    "ELSE CASE WHEN t.uncertainty < 2.0000000000000004e0 THEN 1 ELSE 2 END END"
)
BIN = "a2.cell + CASE WHEN t.score < a2.c0 THEN 0 ELSE 1 END"
LEVEL = "a0.cell + CASE WHEN t.uncertainty < a0.c0 THEN 0 ELSE 1 END"
SCORE_KEY = "CAST(FLOOR(SQRT(SQRT((t.score - 0.0e0) * 1.0e0)) * 1024) AS SMALLINT)"
UNCERTAINTY_KEY = "CAST(FLOOR(SQRT(SQRT((t.uncertainty - 0.5e0) * 0.6666666666666666e0)) * 272) AS SMALLINT)"
RULE = (
    "COUNT(*) AS n, CAST(SUM(CAST(t.label AS BIGINT)) AS BIGINT) AS positives, "
    "CAST(SUM(CASE WHEN t.score >= r.threshold THEN 1 ELSE 0 END) AS BIGINT) AS accepted, "
    "CAST(SUM(CASE WHEN t.score >= r.threshold THEN 1 ELSE 0 END * t.label) AS BIGINT) AS true_positives FROM rows t"
)
TEXTS = {
    "count": (
        sql.count_rows("rows", AXES, LOOKUPS, MEASURES, weighted=False, where=WHERE),
        f"SELECT t.segment0 AS i0, {NESTED} AS i1, {BIN} AS i2, COUNT(*) AS rows, "
        "CAST(SUM(CAST(t.label AS BIGINT)) AS BIGINT) AS positives, SUM(t.score) AS score, "
        "SUM(t.uncertainty) AS uncertainty FROM rows t "
        f"JOIN axis2 a2 ON {SCORE_KEY.replace('1024', '1600')} = a2.k "
        f"WHERE t.segment0 IN (0, 2) AND t.time >= 0.0e0 AND t.time < 0.1e0 GROUP BY t.segment0, {NESTED}, {BIN}",
    ),
    "count weighted": (
        sql.count_rows("rows", [], {}, ("weight_squared_positives", "log_loss"), weighted=True, where=[]),
        "SELECT SUM(t.weight * t.weight * t.label) AS weight_squared_positives, "
        "SUM(t.weight * -LN(GREATEST(CASE WHEN t.label = 1 THEN t.score ELSE 1 - t.score END, 1e-15))) AS log_loss "
        "FROM rows t",
    ),
    "keys": (
        sql.count_keys("rows", SCORE, None, {}, where=WHERE[1:]),
        f"SELECT 0 AS i0, {SCORE_KEY} AS k, COUNT(*) AS n FROM rows t "
        f"WHERE t.time >= 0.0e0 AND t.time < 0.1e0 GROUP BY {SCORE_KEY}",
    ),
    "values": (
        sql.count_values("rows", SCORE, None, {}, where=WHERE[1:]),
        f"SELECT 0 AS i0, t.score AS v, COUNT(*) AS n FROM rows t JOIN wanted w ON {SCORE_KEY} = w.k "
        "WHERE t.time >= 0.0e0 AND t.time < 0.1e0 GROUP BY t.score",
    ),
    "keys of a few levels": (
        sql.count_keys("rows", SCORE, FEW, {}, where=[]),
        f"SELECT {NESTED} AS i0, {SCORE_KEY} AS k, COUNT(*) AS n FROM rows t GROUP BY {NESTED}, {SCORE_KEY}",
    ),
    "values of many levels": (
        sql.count_values("rows", SCORE, MANY, {0: make_lookup(MANY, (0.5, 2.0))}, where=[]),
        f"SELECT {LEVEL} AS i0, t.score AS v, COUNT(*) AS n FROM rows t JOIN axis0 a0 ON {UNCERTAINTY_KEY} = a0.k "
        f"JOIN wanted w ON {SCORE_KEY} = w.k AND {LEVEL} = w.i0 GROUP BY {LEVEL}, t.score",
    ),
    "rule": (
        sql.evaluate_rule("rows", FEW, {}, where=[]),
        f"SELECT {NESTED} AS i0, {RULE} JOIN thresholds r ON r.cell = {NESTED} GROUP BY {NESTED}",
    ),
    "rule of many levels": (
        sql.evaluate_rule("rows", MANY, {0: make_lookup(MANY, (0.5, 2.0))}, where=[]),
        f"SELECT {LEVEL} AS i0, {RULE} JOIN axis0 a0 ON {UNCERTAINTY_KEY} = a0.k "
        f"JOIN thresholds r ON r.cell = {LEVEL} GROUP BY {LEVEL}",
    ),
}

# What ANSI SQL, DuckDB and Spark have in common, and no more.
COMMON_WORDS = {
    "SELECT", "FROM", "JOIN", "ON", "AND", "WHERE", "GROUP", "BY", "AS", "IN", "CASE", "WHEN", "THEN", "ELSE", "END",
    "CAST", "BIGINT", "SMALLINT", "FLOOR", "SQRT", "COUNT", "SUM", "LN", "GREATEST",
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_text(name):
    found, golden = TEXTS[name]
    assert found == golden


@pytest.mark.parametrize("weighted", [False, True])
def test_every_measure_is_plain_sql(weighted):
    measures = ALL_MEASURES if weighted else (*MEASURES, *ALL_MEASURES[8:])
    texts = [text for text, _ in TEXTS.values()]
    texts.append(sql.count_rows("rows", AXES, LOOKUPS, measures, weighted=weighted, where=WHERE))
    for text in texts:
        assert set(re.findall(r"\b[A-Z]+\b", text)) <= COMMON_WORDS
        assert re.fullmatch(r"[A-Za-z0-9_ .,()*=<>+-]+", text), "no quotes, casts by ::, lists or comments"
        assert not re.search(r"\b(struct|qualify|filter|exclude|unnest|list)\b|//|--", text, re.IGNORECASE)


def test_no_word_from_outside_enters(monkeypatch, tmp_path):
    marker = "Zq7"
    texts = []

    class Recorded(duck._Call):
        def __init__(self, cursor, text, tables):
            texts.append(text)
            super().__init__(cursor, text, tables)

    monkeypatch.setattr(duck, "_Call", Recorded)
    monkeypatch.setenv("RECSCOPE_HOME", str(tmp_path / "home"))
    names = [f"{marker} score'; --", f'{marker} "std"', f"{marker} label)", f"{marker}, segment"]
    value = f"{marker}' OR 1=1 --"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({names[0]: rng.random(60), names[1]: rng.random(60), names[2]: [0, 1] * 30, names[3]: value})
    path = tmp_path / f"{marker}'.csv"
    frame.to_csv(path, index=False)
    options = ["--score", names[0], "--uncertainty", names[1], "--uncertainty-kind", "std", "--label", names[2]]
    outcome = main(["holdout", "positivity", str(path), *options, "--where", f"{names[3]}={value}", "--json",
                    str(tmp_path / "out.json")])  # fmt: skip
    assert outcome == 0
    assert len(texts) >= 3
    assert not any(marker in text for text in texts)


@pytest.mark.parametrize("code", ["0) OR (1=1", "x"])
def test_a_code_that_is_no_number_raises(code):
    with pytest.raises(ValueError, match="invalid literal"):
        sql.count_keys("rows", SCORE, None, {}, where=[Among("segment0", (code,))])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_literal_is_the_same_float_and_never_a_decimal(value):
    assert float(literal(value)) == value
    assert "e" in literal(value)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_no_literal_of_what_is_no_number(value):
    with pytest.raises(ValueError, match="literal"):
        literal(value)


def cell_of(lookup, value):
    """The cell of a value by the lookup's definition."""
    (line,) = np.flatnonzero(lookup.table["k"] == lookup.key.of(np.array([value]))[0])
    return lookup.table["cell"][line] + sum(lookup.table[cut][line] <= value for cut in lookup.cuts)


class TestLookup:
    def test_by_hand(self, monkeypatch):
        # k = ⌊x^¼·4⌋ over [0, 1]: keys 0 … 4 start at (k/4)⁴ = 0, 1/256, 1/16, 81/256, 1. The edge 1/16 starts key 2,
        # .3 lies inside it; the edge after 1 lies beyond the range, so key 4 (just x = 1) is cell 2 as a whole.
        monkeypatch.setattr(sql, "KEYS_PER_CELL", 4 / 3)
        lookup = make_lookup(Axis("score", np.array([0.0, 1 / 16, 0.3, 1.0])), (0.0, 1.0))
        inf = float("inf")
        assert {name: column.tolist() for name, column in lookup.table.items()} == {
            "k": [0, 1, 2, 3, 4],
            "cell": [0, 0, 0, 2, 2],
            "c0": [inf, inf, 1 / 16, inf, inf],
            "c1": [inf, inf, 0.3, inf, inf],
        }

    @settings(max_examples=200, deadline=None)
    @given(
        values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
        edges=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12, unique=True).map(sorted),
        few=st.integers(0, 2),
        largest=st.integers(20, 60),
    )
    def test_finds_the_cell_of_every_value_with_any_key(self, values, edges, few, largest):
        if any(lo >= hi for lo, hi in pairwise(edges)):
            return  # -0.0 and 0.0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sql, "FEW_CUTS", few)
            patch.setattr(sql, "LARGEST_LOOKUP", largest)
            lookup = make_lookup(Axis("score", np.array(edges)), (min(values), max(values)))
        for value in values:
            expected = cell_by_search(value, edges)
            if expected is None:
                expected = -1 if value < edges[0] else len(edges) - 1
            assert cell_of(lookup, value) == expected

    @pytest.mark.parametrize(
        ("edges", "both_ends", "cuts"),
        [
            (np.linspace(0, 1, 1_001), False, (1, 1)),
            (np.geomspace(1e-6, 1, 1_001), False, (1, FEW_CUTS)),
            (1 - np.geomspace(1e-6, 1, 1_001)[::-1], True, (1, FEW_CUTS)),
            (0.3 + np.arange(1_001) * 1e-9, True, (1_000, 1_001)),
        ],
        ids=["spread", "crowded at the lower end", "crowded at the upper end", "crowded inside"],
    )
    def test_takes_a_key_that_few_edges_share_and_stays_small(self, edges, both_ends, cuts):
        lookup = make_lookup(Axis("score", edges), (0.0, 1.0))
        assert lookup.key.both_ends == both_ends
        assert cuts[0] <= len(lookup.cuts) <= cuts[1]
        assert len(lookup.cuts) * len(lookup.table["k"]) <= LARGEST_LOOKUP


@given(
    value_range=st.tuples(st.floats(-1e9, 1e9), st.floats(0, 1e9)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    shares=st.lists(st.floats(0, 1), min_size=2, max_size=30).map(sorted),
    last=st.integers(1, LARGEST_KEY),
    both_ends=st.booleans(),
)
def test_keys_never_decrease_and_fit_a_smallint(value_range, shares, last, both_ends):
    key = make_key("score", value_range, last=last, both_ends=both_ends)
    lo, hi = value_range
    values = np.clip(lo + np.array([0.0, *shares, 0.5, np.nextafter(0.5, 0), 1.0]) * (hi - lo), lo, hi)
    keys = key.of(np.sort(values))
    assert np.all(np.diff(keys) >= 0)
    assert keys[0] >= 0
    assert keys[-1] <= key.last <= LARGEST_KEY


@pytest.mark.parametrize("value_range", [(0, 1), (-3, 1e9), (0.3, np.nextafter(0.3, 1)), (5, 5), (0, 5e-324),
                                         (-1.7e308, 1.7e308), (1e-308, 1e-305)])  # fmt: skip
def test_keys_stay_in_their_range(value_range):
    key = make_key("score", value_range)
    first, last = key.of(np.array(value_range, dtype=np.float64))
    assert first == 0
    assert 0 <= last <= LARGEST_KEY
