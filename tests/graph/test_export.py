"""All lists in one file: equal to brute force, in groups, atomic; and the approximate search."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from core.graph import approximate, export
from core.graph.approximate import build_index, has_faiss, measure_recall
from core.graph.export import export_recommendations, read_exported
from core.graph.scorers import Factors
from core.jobs import Progress, finish
from tests.graph.tiny_graphs import make_graph, random_graph, random_table, table

needs_faiss = pytest.mark.skipif(not has_faiss(), reason="faiss-cpu is not installed")
quiet = pytest.mark.filterwarnings("ignore:builtin type .* has no __module__ attribute:DeprecationWarning")


def write(graph, scorer, path, **options):
    given = {"k": 4, "rng": np.random.default_rng(0)} | options
    return finish(export_recommendations(graph, scorer, target=path, **given))


def list_slowly(graph, scorer, k, *, with_known):
    known = set(zip(graph.edges.source.tolist(), graph.edges.target.tolist(), strict=True))
    lines = []
    for u in range(graph.nodes):
        out = [v for v in range(graph.nodes) if v != u and (with_known or (u, v) not in known)]
        if len({float(scorer.scores[u, v]) for v in out}) < 2:
            continue
        best = sorted(out, key=lambda v: (-scorer.scores[u, v], v))[:k]
        lowest = min(scorer.scores[u, v] for v in out)
        if any(scorer.scores[u, v] == lowest for v in out if v not in best):
            best = [v for v in best if scorer.scores[u, v] > lowest]
        lines += [(f"n{u}", i + 1, f"n{v}", scorer.scores[u, v], (u, v) in known) for i, v in enumerate(best)]
    return pd.DataFrame(lines, columns=["source", "rank", "target", "score", "known"])


@pytest.mark.parametrize("with_known", [True, False])
@pytest.mark.parametrize("group", [1, 10, 1 << 17])
def test_the_file_equals_brute_force(tmp_path, monkeypatch, with_known, group):
    monkeypatch.setattr(export, "GROUP_ROWS", group)
    monkeypatch.setattr(export, "rows_at_a_time", lambda nodes: 3)
    rng = np.random.default_rng(1)
    graph, scorer = random_graph(rng, 20), random_table(rng, 20)
    scorer.scores[4] = 1  # nothing is known of 4
    found = write(graph, scorer, tmp_path / "recs.parquet", with_known=with_known)
    frame, slow = pd.read_parquet(tmp_path / "recs.parquet"), list_slowly(graph, scorer, 4, with_known=with_known)
    assert frame.to_dict("list") == slow.to_dict("list")
    assert (found.rows, found.method, found.recall) == (len(slow), "exact", 1)
    assert read_exported(tmp_path / "recs.parquet") == found
    assert found.sources == slow["source"].nunique() == 19
    groups = pq.read_metadata(tmp_path / "recs.parquet").num_row_groups
    assert groups == {1: 7, 10: 6, 1 << 17: 1}[group]  # three products give 12 rows; those around 4 only 8


def test_columns_are_narrow(tmp_path):
    write(make_graph([(0, 1)], 3), table([[0, 2, 1]] * 3), tmp_path / "recs.parquet")
    kinds = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "recs.parquet")}
    assert kinds == {"source": "string", "rank": "int32", "target": "string", "score": "float", "known": "bool"}


def test_nothing_to_recommend_is_an_empty_table(tmp_path):
    found = write(make_graph([], 1), table([[1]]), tmp_path / "recs.parquet")
    assert (found.rows, found.sources) == (0, 0)
    assert len(pd.read_parquet(tmp_path / "recs.parquet")) == 0


def test_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "rows_at_a_time", lambda nodes: 2)
    job = export_recommendations(
        make_graph([(0, 1)], 5), table(np.eye(5)), k=1, target=tmp_path / "a", rng=np.random.default_rng(0)
    )
    assert list(job) == [Progress(share, "recommending") for share in (0.4, 0.8, 1.0)]


def test_a_stopped_job_leaves_the_old_file(tmp_path):
    path = tmp_path / "recs.parquet"
    path.write_text("old")
    job = export_recommendations(
        make_graph([(0, 1)], 5), table(np.eye(5)), k=1, target=path, rng=np.random.default_rng(0)
    )
    next(job)
    assert len(list(tmp_path.iterdir())) == 2
    job.close()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "number of recommendations"),
        ({"method": "guess"}, "no method 'guess'"),
        ({"method": "faiss"}, "this engine has none"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        write(make_graph([(0, 1)], 3), table(np.eye(3)), tmp_path / "a", **options)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write(make_graph([(0, 1)], 3), table(np.eye(3)), tmp_path / "none" / "a")


def random_vectors(nodes, d=8):
    rng = np.random.default_rng(3)
    return Factors(*(rng.standard_normal((nodes, d)).astype(np.float32) for _ in range(2)))


def test_without_faiss_the_reader_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(approximate, "has_faiss", lambda: False)
    with pytest.raises(InputError, match="FAISS is not installed"):
        write(make_graph([(0, 1)], 3), random_vectors(3), tmp_path / "a", method="faiss")


@pytest.mark.parametrize(("installed", "limit", "faiss"), [(True, 49, True), (True, 50, False), (False, 49, False)])
def test_faiss_is_taken_where_it_pays(monkeypatch, installed, limit, faiss):
    monkeypatch.setattr(export, "APPROXIMATE_ABOVE", limit)
    monkeypatch.setattr(export, "has_faiss", lambda: installed)
    assert export._pays(random_vectors(50)) is faiss
    assert not export._pays(table(np.eye(50)))


class EveryCell:
    """Stands in for an index of FAISS that probes all cells: the best nodes, -1 where there are no more."""

    def __init__(self, vectors):
        self.vectors = vectors

    def search(self, queries, wanted):
        scores = queries @ self.vectors.T
        scores = np.hstack([scores, np.full_like(scores, -np.inf)])
        node = np.argsort(-scores, axis=1, kind="stable")[:, :wanted]
        found = np.take_along_axis(scores, node, axis=1)
        return found, np.where(np.isfinite(found), node, -1)


@pytest.mark.parametrize("with_known", [True, False])
def test_an_index_that_misses_nothing_equals_the_exact_search(with_known):
    graph, factors = random_graph(np.random.default_rng(2), 40), random_vectors(40)
    index, known = approximate.Index(factors, EveryCell(factors.target)), graph.adjacency()
    some = np.array([7, 3, 30])
    options = {"k": 6, "known": known[some], "with_known": with_known}
    found, exact = index.retrieve(some, **options), approximate.retrieve(factors, some, **options)
    for part in ("row", "rank", "node", "known"):
        assert getattr(found, part).tolist() == getattr(exact, part).tolist()
    assert found.score == pytest.approx(exact.score, rel=1e-5)
    options = {"k": 6, "known": known, "with_known": with_known, "rng": np.random.default_rng(0)}
    assert measure_recall(index, **options) == 1
    factors.source[3] = 0  # of node 3 the engine knows nothing
    asked = {"k": 6, "known": known[some], "with_known": with_known}
    found, exact = index.retrieve(some, **asked), approximate.retrieve(factors, some, **asked)
    assert found.row.tolist() == exact.row.tolist() == [0] * 6 + [2] * 6
    lazy = approximate.Index(factors, EveryCell(np.zeros_like(factors.target)))
    assert measure_recall(lazy, **options) < 0.5


@needs_faiss
@quiet
def test_faiss_finds_most_of_it(tmp_path):
    factors = random_vectors(4000)
    graph = random_graph(np.random.default_rng(4), 4000, share=0.001)
    index = build_index(factors, rng=np.random.default_rng(0))
    options = {"k": 10, "known": graph.adjacency(), "with_known": False, "rng": np.random.default_rng(0)}
    assert measure_recall(index, **options) > 0.9
    found = write(graph, factors, tmp_path / "recs.parquet", k=10, method="faiss", with_known=False)
    assert found.method == "faiss"
    assert found.recall > 0.9
    assert found.rows == 40_000
    assert not pd.read_parquet(tmp_path / "recs.parquet")["known"].any()
