"""Evaluation of several engines: what it holds, what it must not depend on, and that a leak is seen."""

import json
from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError, TooLarge
from core.graph import evaluate
from core.graph.data import Edges, Fold
from core.graph.engines import Engine
from core.graph.evaluate import evaluate_engines
from core.graph.evaluation import Evaluation
from core.graph.metrics import METRICS
from core.graph.resample import make_clusters
from core.graph.scorers import Product
from core.graph.split import Split, split_graph
from core.jobs import Progress, finish
from tests.graph.tiny_graphs import make_graph, random_graph, random_table, table


def fit_popular(fold, *, rng):
    yield Progress(0.5, "counting")
    return table(np.tile(fold.graph.in_degree.astype(float), (fold.graph.nodes, 1)))


def fit_shared(fold, *, rng):
    """Shared sources: score(u → v) = Σ_x A[u, x] (AᵀA)[x, v]."""
    adjacency = fold.graph.adjacency()
    yield Progress(0.5, "counting")
    return Product(adjacency, (adjacency.T @ adjacency).tocsr())


def fit_chance(fold, *, rng):
    yield Progress(0.0, "drawing")
    return random_table(rng, fold.graph.nodes, values=1_000)


def fit_never(fold, *, rng):
    yield Progress(0.0, "looking")
    raise TooLarge("too many nodes.", fix="Take a sample.")


FITS = {"popular": fit_popular, "shared": fit_shared, "chance": fit_chance, "never": fit_never}


@pytest.fixture(autouse=True)
def engines(monkeypatch):
    monkeypatch.setattr(evaluate, "ENGINES", {name: Engine(name, name.title(), "", fit) for name, fit in FITS.items()})


@pytest.fixture(scope="module")
def split():
    graph = random_graph(np.random.default_rng(0), 40, share=0.15, category=np.arange(40) % 3)
    return split_graph(graph, test=0.3, rng=np.random.default_rng(0))


def evaluated(split, names=("shared", "popular"), seed=0) -> Evaluation:
    return finish(evaluate_engines(split, names, seed=seed))


def values_of(evaluation):
    """All values that do not depend on draws of the bootstrap or on time."""
    direction = evaluation.direction_frame()[["value", "baseline"]].to_numpy().ravel()
    slices = evaluation.breakdown_frame()["value"].to_numpy()
    return np.concatenate([evaluation.frame()["value"], direction, slices])


def test_frames(split):
    evaluation = evaluated(split)
    frame = evaluation.frame()
    assert frame["engine"].tolist() == ["shared"] * 6 + ["popular"] * 6
    assert frame["metric"].tolist() == [*METRICS] * 2
    assert (frame["lo"] <= frame["value"]).all() and (frame["value"] <= frame["hi"]).all()
    queries = len(np.unique(split.test.source))
    assert frame["n"].head(6).tolist() == [len(split.test)] * 4 + [queries] * 2
    assert len(evaluation.direction_frame()) == 6
    assert len(evaluation.breakdown_frame()) == 36
    assert evaluation.lists_frame()[["engine", "queries"]].to_numpy().tolist() == [["shared", 40], ["popular", 40]]
    assert (evaluation.lists_frame()[["seconds_fit", "seconds_rank"]] > 0).all(axis=None)


def test_popularity_is_the_baseline_of_direction(split):
    direction = evaluated(split, ["popular"]).direction_frame().head(2)
    assert direction["value"].tolist() == pytest.approx(direction["baseline"].tolist())
    assert direction["difference"].tolist() == pytest.approx([0, 0])


def test_an_engine_that_refuses_is_named_with_its_reason(split):
    evaluation = evaluated(split, ["never", "popular"])
    assert [(f.name, f.reason, f.fix) for f in evaluation.failed] == [("never", "too many nodes.", "Take a sample.")]
    assert [result.name for result in evaluation.engines] == ["popular"]


def test_all_engines_may_refuse(split):
    evaluation = evaluated(split, ["never"])
    assert evaluation.to_json()["engines"] == {}
    for frame in (
        evaluation.frame(),
        evaluation.direction_frame(),
        evaluation.breakdown_frame(),
        evaluation.lists_frame(),
    ):
        assert len(frame) == 0
        assert "engine" in frame


def test_an_engine_does_not_depend_on_its_company(split):
    alone, among = evaluated(split, ["chance"]), evaluated(split, ["popular", "chance", "shared"])
    assert np.array_equal(alone.engine("chance").ranks, among.engine("chance").ranks)
    assert alone.frame()["lo"].tolist() == among.frame()["lo"][6:12].tolist()


def test_the_seed_decides(split):
    one, same, other = (evaluated(split, ["chance"], seed) for seed in (1, 1, 2))
    assert np.array_equal(one.engine("chance").ranks, same.engine("chance").ranks)
    assert one.frame().equals(same.frame())
    assert not np.array_equal(one.engine("chance").ranks, other.engine("chance").ranks)


def test_progress_rises_to_the_end(split):
    reports = list(evaluate_engines(split, ["popular", "never", "shared"], seed=0))
    shares = [report.share for report in reports]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert {report.note.split(":")[0] for report in reports} == {"popular", "never", "shared"}


def test_a_leaked_test_edge_changes_the_metric(split):
    """Put half of the test edges into training: co-occurrence finds more of what it is then asked."""
    leaked = split.test.take(np.arange(len(split.test)) % 2 == 0)
    training = split.fold.graph.edges
    both = Edges(np.append(training.source, leaked.source), np.append(training.target, leaked.target))
    cheat = replace(split, fold=replace(split.fold, graph=make_graph(both, 40)))
    honest, cheating = (evaluated(one, ["shared"]).frame()["value"][3] for one in (split, cheat))
    assert cheating > honest + 0.05


def test_one_leaked_edge_is_enough_to_change_it(split):
    first = split.test.take(np.array([0]))
    training = split.fold.graph.edges
    both = Edges(np.append(training.source, first.source), np.append(training.target, first.target))
    cheat = replace(split, fold=replace(split.fold, graph=make_graph(both, 40)))
    assert evaluated(split, ["shared"]).frame()["value"][3] != evaluated(cheat, ["shared"]).frame()["value"][3]


def relabelled(split, new):
    """The same split with node i called new[i]."""
    move = lambda edges: Edges(new[edges.source], new[edges.target])  # noqa: E731
    category = np.empty_like(split.graph.items.category)
    category[new] = split.graph.items.category
    whole, training = (
        make_graph(move(graph.edges), split.graph.nodes, category=category) for graph in (split.graph, split.fold.graph)
    )
    return Split(
        split.kind, whole, Fold(training, move(split.fold.validation)), move(split.test), split.reverse_in_train
    )


def test_names_of_nodes_do_not_matter(split):
    new = np.random.default_rng(5).permutation(40)
    assert values_of(evaluated(relabelled(split, new))) == pytest.approx(values_of(evaluated(split)), nan_ok=True)


def test_order_of_edges_does_not_matter(split):
    order = np.random.default_rng(6).permutation(len(split.test))
    shuffled = replace(split, test=split.test.take(order))
    assert values_of(evaluated(shuffled)) == pytest.approx(values_of(evaluated(split)), nan_ok=True)


def test_an_isolated_node_changes_only_the_number_of_candidates(split):
    """Popularity gives it 0, as no test target has in this graph, so that nothing stands behind it."""
    wider = relabelled(split, np.arange(40))
    graphs = [make_graph(graph.edges, 41) for graph in (wider.graph, wider.fold.graph)]
    wider = replace(wider, graph=graphs[0], fold=replace(wider.fold, graph=graphs[1]))
    assert split.fold.graph.in_degree[split.test.target].min() > 0
    before, after = (evaluated(one, ["popular"]).engine("popular").ranks for one in (split, wider))
    assert np.array_equal(before, after)


def test_comparisons_are_paired(split):
    evaluation = evaluated(split)
    frame = evaluation.compare("shared", "popular").frame()
    both = evaluation.frame().pivot_table(index="metric", columns="engine", values="value", sort=False)
    assert frame["difference"].to_numpy() == pytest.approx((both["shared"] - both["popular"]).to_numpy())
    assert len(evaluation.compare_slices("shared", "popular").differences) == 18
    with pytest.raises(InputError, match="ease was not evaluated"):
        evaluation.compare("shared", "ease")


def test_json_is_what_a_pipeline_reads(split):
    told = json.loads(json.dumps(evaluated(split, ["shared", "popular", "never"]).to_json(), allow_nan=False))
    assert (told["split"], told["seed"], told["n_test"], told["reverse_in_train"]) == ("pair", 0, len(split.test), 0)
    assert list(told["engines"]) == ["shared", "popular"]
    shared = told["engines"]["shared"]
    assert {*METRICS, "direction_auc", "direction_accuracy", "seconds", "lists"} <= set(shared)
    assert set(shared["HR@10"]) == set(shared["direction_auc"]) == {"value", "lo", "hi"}
    assert isinstance(shared["seconds"], float)
    assert shared["lists"]["queries"] == 40
    assert isinstance(shared["lists"]["queries"], int)
    assert set(told["in_degree"]) == {"direction_auc", "direction_accuracy"}
    assert {row["against"] for row in told["comparisons"]} == {"popular"}
    assert told["failed"]["never"]["reason"] == "too many nodes."


def test_what_is_not_known_is_null():
    """All edges are reciprocal: no direction to tell."""
    pairs = [(u, v) for u in range(6) for v in range(6) if u != v]
    split = split_graph(make_graph(pairs, 6), validation=0, rng=np.random.default_rng(0))
    told = evaluated(split, ["popular"]).to_json()
    assert told["engines"]["popular"]["direction_auc"] == {"value": None, "lo": None, "hi": None}


def test_of_many_queries_some_are_drawn_with_all_their_edges(split, monkeypatch):
    monkeypatch.setattr(evaluate, "most_queries", lambda nodes: 10)
    evaluation = evaluated(split, ["popular"])
    drawn = np.unique(evaluation.split.test.source)
    assert len(drawn) == 10
    assert len(evaluation.split.test) == np.isin(split.test.source, drawn).sum()
    told = evaluation.to_json()
    assert (told["n_test"], told["n_test_all"]) == (len(evaluation.split.test), len(split.test))
    assert evaluation.frame()["n"].tolist() == [len(evaluation.split.test)] * 4 + [10] * 2


@pytest.mark.parametrize(
    ("names", "match"), [([], "No engine"), (["magic"], "no engine called 'magic'"), (["shared"] * 2, "named twice")]
)
def test_bad_names(split, names, match):
    with pytest.raises(InputError, match=match):
        evaluated(split, names)


def test_clusters_are_the_sources(split):
    evaluation = evaluated(split, ["popular"])
    expected = make_clusters(split.test.source, rng=np.random.default_rng(0))
    assert np.array_equal(evaluation.clusters.member, expected.member)
