"""From files to a stored graph: what is cleaned, what is refused, and what is found again."""

import gzip
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError, TooLarge
from core.export import safe_csv
from core.graph.data import Cleaning, Edges, Graph, swap_digest, swap_direction
from core.graph.load import SAMPLE_EDGES, load_graph, load_sample
from core.graph.roles import EdgeRoles, ItemRoles
from core.graph.stored import find_graph, graph_store
from core.ingest import load as parsing
from core.jobs import finish
from core.plotting import clean_label
from core.settings import Settings
from tests.graph.conftest import EDGES, LoadText

WEIGHTED = EdgeRoles("source", "target", "n")
TIMED = EdgeRoles("source", "target", time="day")
HEAD = "source,target,n,day\n"
DAY = 86_400


def pairs(graph: Graph) -> list[tuple[str, str]]:
    return list(zip(graph.ids[graph.edges.source], graph.ids[graph.edges.target], strict=True))


def same(a: Graph, b: Graph) -> None:
    assert (a.digest, a.cleaning, a.items.categories, a.items.feature_names) == (
        b.digest, b.cleaning, b.items.categories, b.items.feature_names,
    )  # fmt: skip
    for x, y in (
        (a.ids, b.ids), (a.edges.source, b.edges.source), (a.edges.target, b.edges.target), (a.weight, b.weight),
        (a.items.title, b.items.title), (a.items.category, b.items.category), (a.items.listed, b.items.listed),
    ):  # fmt: skip
        assert x.dtype == y.dtype
        assert x.tolist() == y.tolist()
    assert np.array_equal(a.time, b.time, equal_nan=True)
    assert np.array_equal(a.items.features, b.items.features, equal_nan=True)


# --- what a graph is ---


def test_nodes_are_sorted_and_edges_numbered(load: LoadText) -> None:
    graph = load("source,target\nphone,case\nphone,guard\ncase,guard\n")
    assert graph.ids.tolist() == ["case", "guard", "phone"]
    # phone→case is 2→0, phone→guard 2→1, case→guard 0→1; by source, then target
    assert graph.edges.source.tolist() == [0, 2, 2]
    assert graph.edges.target.tolist() == [1, 0, 1]
    assert graph.edges.source.dtype == graph.edges.target.dtype == np.int64
    assert graph.weight.tolist() == [1.0, 1.0, 1.0]
    assert np.isnan(graph.time).all()
    assert graph.items.title.tolist() == graph.ids.tolist()
    assert graph.items.categories == ("(missing)",)
    assert graph.items.features.shape == (3, 0)
    assert not graph.items.listed.any()
    assert graph.cleaning == Cleaning()
    assert graph.edges.source.flags.writeable


def test_duplicates_are_merged_and_self_loops_dropped(load: LoadText) -> None:
    rows = HEAD + "a,b,1,2026-01-01\nb,b,9,2026-01-01\na,b,2.5,2026-01-03\nb,a,4,2026-01-02\na,b,1,2026-01-02\n"
    graph = load(rows, roles=EdgeRoles("source", "target", "n", "day"))
    first = pd.Timestamp("2026-01-01").timestamp()
    assert pairs(graph) == [("a", "b"), ("b", "a")]
    assert graph.weight.tolist() == [4.5, 4.0]  # 1 + 2.5 + 1
    assert graph.time.tolist() == [first + 2 * DAY, first + DAY]  # the latest
    assert (graph.cleaning.duplicates, graph.cleaning.self_loops) == (2, 1)


def test_weights_sum_and_times_stay_unknown_where_only_one_is_mapped(load: LoadText) -> None:
    rows = "source,target,n,day\na,b,1,2026-01-01\na,b,2,2026-01-02\n"
    weighted, timed = load(rows, roles=WEIGHTED), load(rows, roles=TIMED)
    assert (weighted.weight.tolist(), np.isnan(weighted.time).all()) == ([3.0], True)
    assert (timed.weight.tolist(), timed.time.tolist()) == ([1.0], [pd.Timestamp("2026-01-02").timestamp()])


def test_the_order_of_rows_changes_nothing(load: LoadText) -> None:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.integers(0, 12, (200, 2)), columns=["source", "target"]).assign(n=1.0)
    first = load(frame.to_csv(index=False), roles=WEIGHTED)
    second = load(frame.sample(frac=1, random_state=2).to_csv(index=False), roles=WEIGHTED)
    same(first, replace(second, digest=first.digest))
    truth = frame[frame["source"] != frame["target"]].astype({"source": str, "target": str})
    sums = truth.groupby(["source", "target"])["n"].sum()
    assert pairs(first) == sums.index.tolist()
    assert first.weight.tolist() == sums.tolist()


def test_items_are_joined_to_nodes(load: LoadText) -> None:
    items = "item,title,category,price,brand\nb,The B,Cases,2.5,Orla\na,,Phones,,Orla\nz,Zed,Cases,7,\ny,Why,,1,Tavi\n"
    roles = ItemRoles("item", "title", "category", ("price",), ("brand",))
    graph = load("source,target\na,b\na,c\n", items, item_roles=roles)
    assert graph.ids.tolist() == ["a", "b", "c", "y", "z"]
    assert graph.items.title.tolist() == ["a", "The B", "c", "Why", "Zed"]
    assert graph.items.categories == ("Cases", "Phones", "(missing)")
    assert graph.items.category.tolist() == [1, 0, 2, 2, 0]
    assert graph.items.listed.tolist() == [True, True, False, True, True]
    assert graph.items.feature_names == ("price", "brand = Orla", "brand = Tavi")
    nan = np.nan
    expected = [[nan, 1, 0], [2.5, 1, 0], [nan, nan, nan], [1, 0, 1], [7, nan, nan]]
    assert np.array_equal(graph.items.features, expected, equal_nan=True)
    assert graph.cleaning == Cleaning(unlisted=1)
    assert (graph.out_degree + graph.in_degree).tolist() == [2, 1, 1, 0, 0]


def test_no_category_is_missing_where_all_are_known(load: LoadText) -> None:
    assert load("source,target\na,b\n", "item,title,category\na,A,x\nb,B,x\n").items.categories == ("x",)


def test_rare_words_get_no_feature_of_their_own(load: LoadText) -> None:
    items = "item,brand\n" + "".join(f"p{i},brand{i % 40}\n" for i in range(200 + 5))
    graph = load("source,target\np0,p1\n", items, item_roles=ItemRoles("item", words=("brand",)))
    assert graph.items.feature_names == tuple(f"brand = brand{i}" for i in range(32))  # five of 40 stand 6 times
    assert graph.items.features.sum(axis=0).tolist() == [6.0] * 5 + [5.0] * 27


def test_several_files_are_one_graph(settings: Settings, tmp_path: Path, serve_here: Callable[[], None]) -> None:
    serve_here()
    csv, zipped, parquet = tmp_path / "a.csv", tmp_path / "b.gz", tmp_path / "c.parquet"
    csv.write_text("source,target\n1,2\n")
    zipped.write_bytes(gzip.compress(b"target;source\n3;2\n"))
    pq.write_table(pa.table({"source": [3.0, np.nan, 1.0] + [4.0] * 20, "target": [1, 5, 2] + [5] * 20}), parquet)
    graph = finish(load_graph([csv, zipped, parquet], EDGES, name="x", settings=settings))
    assert pairs(graph) == [("1", "2"), ("2", "3"), ("3", "1"), ("4", "5")]
    assert graph.cleaning == Cleaning(duplicates=20, excluded=(("source is missing", 1),))


# --- what is stored ---


def test_a_graph_is_found_again_without_reading_files(
    load: LoadText, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = "item,title,category,price\na,Ä,x,1\nc,,y,\n"
    roles = ItemRoles("item", "title", "category", ("price",))
    rows = "source,target,n\na,b,2\nb,a,1\na,a,1\n"
    graph = load(rows, items, roles=WEIGHTED, item_roles=roles)
    found = find_graph(graph.digest, settings=settings)
    assert found is not None
    same(found, graph)
    assert found.name == "shop"
    assert graph_store(settings).digests() == [graph.digest]
    monkeypatch.setattr(parsing, "_start_child", None)
    same(load(rows, items, roles=WEIGHTED, item_roles=roles, real=True), graph)


def test_a_swapped_graph_is_found_by_its_own_digest(load: LoadText, settings: Settings) -> None:
    graph = load("source,target\na,b\na,c\n")
    found = find_graph(swap_digest(graph.digest), settings=settings)
    assert found is not None
    same(found, swap_direction(graph))


def test_half_a_graph_is_not_found(load: LoadText, settings: Settings) -> None:
    graph = load("source,target\na,b\n")
    (settings.home / "graph" / "edges" / f"{graph.digest}.parquet").unlink()
    assert find_graph(graph.digest, settings=settings) is None
    same(load("source,target\na,b\n"), graph)
    assert find_graph(graph.digest, settings=settings) is not None


def test_what_is_not_stored_is_not_found(settings: Settings) -> None:
    assert find_graph("0" * 64, settings=settings) is None
    with pytest.raises(InputError, match="not a data digest"):
        find_graph("../../etc/passwd", settings=settings)


def test_digests_tell_roles_and_files_apart(load: LoadText) -> None:
    rows, items = "source,target,n\na,b,2\n", "item,title,category\na,A,x\n"
    found = {
        load(rows).digest,
        load(rows, roles=WEIGHTED).digest,
        load(rows, roles=EdgeRoles("target", "source")).digest,
        load(rows, items).digest,
        load(rows, items, item_roles=ItemRoles("item")).digest,
        load(rows + "b,a,1\n").digest,
    }
    assert len(found) == 6


def test_a_job_that_is_closed_stores_nothing(settings: Settings) -> None:
    job = load_sample(settings)
    step = next(job)
    assert 0 <= step.share < 0.8
    job.close()
    assert [path for path in settings.home.rglob("*") if path.is_file()] == []


def test_progress_rises(settings: Settings) -> None:
    shares = [step.share for step in load_sample(settings)]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1


# --- what is refused, and what is left out ---

GOOD = "".join(f"p{i},q{i},1,2026-01-01\n" for i in range(20))


@pytest.mark.parametrize(
    ("rows", "roles", "message"),
    [
        ("a,a,1,\n", EDGES, r"No edge is left: each of the 1 rows leads from the one product 'a' to itself\."),
        ("a,a,1,\nb,b,1,\n", EDGES, r"No edge is left: each of the 2 rows leads from a product to itself\."),
        ("", EDGES, r"The file has a header but no rows\."),
        (",b,1,\n", EDGES, r"1 of 1 rows would be left out, most because 'source' is missing \(1 rows\)"),
        ("a,b,-2,\n", WEIGHTED, r"'n' must be a number above 0, at most 1e100; row 1 has -2\.0\."),
        (GOOD + "a,b,0,\n", WEIGHTED, r"'n' must be a number above 0, at most 1e100; row 21 has 0\.0\."),
        ("a,b,many,\n", WEIGHTED, r"'n' must be a number above 0, at most 1e100; row 1 has 'many'\."),
        ("a,b,1,soon\n", TIMED, r"'day' must be a time; row 1 has 'soon'\."),
        (GOOD + "a,b,1,99999\n", TIMED, r"'day' "),
        ("x" * 201 + ",b,1,\n", EDGES, r"'source' has an identifier of 201 characters in row 1; the limit is 200\."),
        ("a,b,1\n", EDGES, r"Row 1 has 3 fields; the header has 4\."),
        ('a,"b,1,\n', EDGES, r"Row 1 has 2 fields; the header has 4\."),
    ],
)
def test_bad_edges_are_refused(load: LoadText, settings: Settings, rows: str, roles: EdgeRoles, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}") as caught:
        load(HEAD + rows, roles=roles)
    assert caught.value.fix.endswith(".")
    assert graph_store(settings).digests() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file is empty"),
        ("source,target\nä,b\n".encode("latin-1"), "Row 1 is not UTF-8"),
        ("source,target\na,b\n".encode("utf-16"), "The file is UTF-16 text"),
        (b"<?xml version='1.0'?><graphml/>", "The file is XML"),
        (b"from,to\na,b\n", "There is no column 'source'; the file has 'from', 'to'"),
    ],
)
def test_what_is_no_table_of_edges_is_refused(load: LoadText, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(content, real=True)


def test_one_column_cannot_be_both_ends() -> None:
    with pytest.raises(InputError, match="Column 'a' is mapped to two roles"):
        EdgeRoles("a", "a")
    with pytest.raises(InputError, match="Column 'n' is mapped to two roles"):
        EdgeRoles("a", "b", "n", "n")
    with pytest.raises(InputError, match="Column 'id' is mapped to two roles"):
        ItemRoles("id", numbers=("id",))


def test_rows_without_an_id_a_weight_or_a_time_are_counted(load: LoadText) -> None:
    rows = HEAD + GOOD + GOOD.replace("p", "r") + ",b,1,2026-01-01\na,NA,1,2026-01-01\na,b,nan,2026-01-01\na,b,1,\n"
    roles = EdgeRoles("source", "target", "n", "day")
    with pytest.raises(InputError, match=r"4 of 44 rows would be left out"):
        load(rows, roles=roles, excluded_share=0.05)
    graph = load(rows, roles=roles)
    assert len(graph.edges) == 40
    assert sorted(graph.cleaning.excluded) == [
        ("day is missing", 1), ("n is missing", 1), ("source is missing", 1), ("target is missing", 1),
    ]  # fmt: skip


def test_ids_that_are_numbers_in_one_place_and_text_in_another_meet(load: LoadText) -> None:
    graph = load("source,target\n1.0,2\n2,x9\n 1,3\n", "item,title,category\n1,One,x\n2.0,Two,x\nx9,Nine,x\n3,T,x\n")
    assert graph.ids.tolist() == ["1", "2", "3", "x9"]
    assert graph.cleaning.unlisted == 0


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ("a,A,x\nb,B,x\n a,A2,x\n", r"The items name 'a' twice, in rows 1 and 3; 1 id is repeated\."),
        ("b,B,x\n1,A,x\nb,B,x\n1.0,A2,x\nb,B,x\n", r"The items name '1' twice, in rows 2 and 4; 2 ids are repeated\."),
        (",A,x\n", r"Items: 1 of 1 rows would be left out, most because 'item' is missing"),
        ("a,A\n", r"Items: Row 1 has 2 fields; the header has 3\."),
    ],
)
def test_bad_items_are_refused(load: LoadText, items: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load("source,target\na,b\n1,b\n", "item,title,category\n" + items)


def test_too_many_categories_are_refused(load: LoadText) -> None:
    with pytest.raises(TooLarge, match="Items: 'category' has more than 2 different values"):
        load("source,target\na,b\n", "item,title,category\na,A,x\nb,B,y\nc,C,z\n", segment_values=2)


def test_the_row_of_a_repeated_item_counts_rows_that_are_left_out(load: LoadText) -> None:
    items = "item,title,category\n" + "".join(f"p{i},t,c\n" for i in range(20)) + ",t,c\np3,t,c\n"
    with pytest.raises(InputError, match="'p3' twice, in rows 4 and 22;"):
        load("source,target\na,b\n", items)


def test_hostile_titles_are_data(load: LoadText) -> None:
    titles = ["<script>alert(1)</script>", "=HYPERLINK(1)", "${x}", "%{y}", "a\x00b", "\u202eabc", "x" * 10**6]
    items = pd.DataFrame({"item": [f"p{i}" for i in range(7)], "title": titles, "category": "<b>=1+1"})
    graph = load("source,target\np0,p1\n", items.to_csv(index=False), real=True)
    assert graph.items.title.tolist() == [*titles[:4], "ab", "abc", "x" * 200]
    assert graph.cleaning.titles_cut == 1
    assert "<" not in clean_label(graph.items.title[0])
    assert b"'=HYPERLINK" in safe_csv(pd.DataFrame({"title": graph.items.title}))


def test_a_file_given_twice_is_refused(settings: Settings, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("source,target\na,b\n")
    with pytest.raises(InputError, match="hold the same bytes"):
        finish(load_graph([tmp_path / "a.csv", tmp_path / "b.csv"], EDGES, name="x", settings=settings))
    with pytest.raises(InputError, match="No file is given"):
        finish(load_graph([], EDGES, name="x", settings=settings))


def test_a_file_that_changes_is_refused(settings: Settings, tmp_path: Path, serve_here: Callable[[], None]) -> None:
    serve_here()
    file = tmp_path / "a.csv"
    file.write_text("source,target\na,b\n")
    job = load_graph([file], EDGES, name="x", settings=settings)
    next(job)
    file.write_text("source,target\na,c\n")
    with pytest.raises(InputError, match="changed while it was read"):
        finish(job)


# --- real files ---


def test_the_sample_is_the_shop(settings: Settings) -> None:
    graph = finish(load_sample(settings))
    frame = pd.read_csv(SAMPLE_EDGES)
    assert pairs(graph) == list(zip(frame["source"], frame["target"], strict=True))
    assert graph.weight.tolist() == frame["weight"].tolist()
    assert graph.cleaning == Cleaning()
    assert graph.items.listed.all()
    assert "(missing)" not in graph.items.categories
    assert graph.items.feature_names[0] == "price"


def test_amazon_photo(settings: Settings, serve_here: Callable[[], None]) -> None:
    folder = Path(os.environ.get("RECSCOPE_DATA", "../shared/data"))
    edges, items = folder / "amazon_photo_edges.csv", folder / "amazon_photo_items.csv"
    if not edges.exists():
        pytest.skip("the public data is not here")
    serve_here()
    known = ([items], ItemRoles("item", category="category"))
    graph = finish(load_graph([edges], EDGES, items=known, name="photo", settings=settings))
    assert (graph.nodes, len(graph.edges), len(graph.items.categories)) == (7_650, 143_662, 8)


def test_a_large_graph_is_merged_by_sorting(load: Any) -> None:
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 2_000, 50_000), rng.integers(0, 2_000, 50_000)
    graph = load(pd.DataFrame({"source": source, "target": target}).to_csv(index=False))
    number = graph.ids.astype(np.int64)
    found = Edges(number[graph.edges.source], number[graph.edges.target]).keys(2_000)
    assert np.array_equal(np.sort(found), np.unique((source * 2_000 + target)[source != target]))
