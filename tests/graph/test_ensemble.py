"""The ensemble: learned on validation edges alone, never below its best member there, and safe without them."""

from dataclasses import replace

import numpy as np
import pytest

from core.errors import InputError
from core.graph import candidates, ensemble
from core.graph.chance import fit_random
from core.graph.cocitation import fit_cocitation
from core.graph.data import Edges, Fold
from core.graph.ease_both import fit_ease_both
from core.graph.ensemble import fit_ensemble, list_members
from core.graph.features import make_features
from core.graph.popularity import fit_popularity
from core.graph.ranking import rank_edges
from core.graph.split import split_graph
from core.jobs import Progress, finish
from tests.graph.tiny_graphs import Table, make_edges, make_graph, random_graph

FITS = {"cocitation": fit_cocitation, "popularity": fit_popularity, "random": fit_random}


def rng(seed=0):
    return np.random.default_rng(seed)


def fit(fold, engines=FITS, members=None, seed=0, **options):
    return finish(fit_ensemble(fold, engines=engines, members=members or list(engines), rng=rng(seed), **options))


def always(table):
    def job(fold, *, rng):
        yield Progress(0.0, "looking up")
        return Table(np.asarray(table, dtype=np.float32))

    return job


def refuse(fold, *, rng):
    yield Progress(0.0, "refusing")
    raise InputError("Not this graph.", fix="Take another.")


def groups_graph(seed=0, nodes=60, groups=5):
    """Products lead to products of the next group, mostly to a few popular ones."""
    draw = rng(seed)
    group = np.arange(nodes) % groups
    chance = np.where(group[:, None] == (group[None] - 1) % groups, 0.5, 0.02) * draw.uniform(0.3, 1, nodes)
    there = draw.random((nodes, nodes)) < chance
    np.fill_diagonal(there, False)
    source, target = np.nonzero(there)
    return make_graph(Edges(source, target), nodes)


def groups_split(seed=0):
    return split_graph(groups_graph(seed), validation=0.2, test=0.2, rng=rng(seed))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_chosen_is_the_best_that_was_compared(seed):
    found = fit(groups_split(seed).fold)
    assert found.chosen == found.compared[0]
    assert found.figures[0] == max(found.figures)
    assert set(FITS) <= set(found.compared)


@pytest.mark.parametrize("seed", range(3))
def test_it_ranks_test_edges_at_least_as_well_as_chance_and_popularity(seed):
    split = groups_split(seed)
    known = split.graph.adjacency()
    ranks = {
        name: rank_edges(finish(job(split.fold, rng=rng())), split.test, known=known) for name, job in FITS.items()
    }
    mine = (1 / rank_edges(fit(split.fold), split.test, known=known)).mean()
    assert mine > max((1 / ranks[name]).mean() for name in ("popularity", "random"))


def test_an_engine_that_knows_the_answers_stands_alone_or_leads():
    split = groups_split()
    table = np.zeros((60, 60))
    table[split.fold.validation.source, split.fold.validation.target] = 1
    table[split.test.source, split.test.target] = 1
    found = fit(split.fold, FITS | {"oracle": always(table)})
    ranks = rank_edges(found, split.test, known=split.graph.adjacency())
    assert (ranks == 1).mean() > 0.95


def test_engines_of_equal_figures_leave_the_first_alone():
    flat = np.zeros((60, 60))
    found = fit(Fold(make_graph([], 60), groups_split().fold.validation), {"one": always(flat), "two": always(flat)})
    assert found.figures[found.compared.index("one")] == found.figures[found.compared.index("two")]


def test_the_terms_sum_to_the_score():
    found = fit(groups_split().fold)
    for source, target in ((0, 1), (7, 3), (59, 0)):
        score = found.score_pairs(np.array([source]), np.array([target]))[0]
        assert found.terms(source, target).value.sum() == pytest.approx(score, abs=1e-4)
    rows = found.score_from(np.arange(60))
    np.testing.assert_allclose(found.score_into(np.arange(60)).T, rows, atol=1e-4)


def test_weights_come_from_validation_edges_and_scores_from_training_edges_only():
    split = groups_split()
    there = fit(split.fold, again=False)
    other = fit(Fold(split.fold.graph, split.test), again=False)
    assert {part.name: part.weight for part in there.parts} != {part.name: part.weight for part in other.parts}
    mine, theirs = ({part.name: part.scorer for part in found.parts} for found in (there, other))
    everyone = np.arange(60)
    for name in set(mine) & set(theirs):
        assert (mine[name].score_from(everyone) == theirs[name].score_from(everyone)).all()


def test_with_the_weights_fixed_members_in_closed_form_learn_from_validation_edges_too():
    split = groups_split()
    before, after = fit(split.fold, again=False), fit(split.fold)
    assert [(part.name, part.weight, part.scale) for part in before.parts] == [
        (part.name, part.weight, part.scale) for part in after.parts
    ]
    train, held = split.fold.graph.edges, split.fold.validation
    every = Edges(*(np.concatenate(ends) for ends in ((train.source, held.source), (train.target, held.target))))
    joined = Fold(make_graph(every, 60), make_edges([]))
    known, kept = ({part.name: part.scorer for part in found.parts} for found in (after, before))
    everyone = np.arange(60)
    expected = {
        "cocitation": finish(fit_cocitation(joined, rng=rng())),
        "edges of the target": finish(fit_ease_both(joined)).of_target,
        "random": kept["random"],  # as a network, it stays
    } | {name: scorer for name, scorer, _ in make_features(joined.graph)}
    assert set(expected) <= set(known)
    for name, scorer in expected.items():
        np.testing.assert_allclose(known[name].score_from(everyone), scorer.score_from(everyone), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, ensemble._FEWEST - 1])
def test_with_few_validation_edges_the_first_engine_stands_alone(count):
    split = groups_split()
    some = split.fold.validation.take(np.arange(count))
    found = fit(Fold(split.fold.graph, some))
    alone = finish(fit_ease_both(split.fold)).of_source
    order = [np.argsort(-scorer.score_from(np.array([3]))[0], kind="stable").tolist() for scorer in (found, alone)]
    assert found.chosen == "edges of the source"
    assert order[0] == order[1]


def test_a_member_that_refuses_is_left_out():
    found = fit(groups_split().fold, FITS | {"never": refuse})
    assert "never" not in found.compared
    assert "cocitation" in found.compared


def test_where_all_members_refuse_so_does_the_ensemble(monkeypatch):
    monkeypatch.setattr(ensemble, "BOTH_LIMIT", 10)
    with pytest.raises(InputError, match="Not this graph"):
        fit(groups_split().fold, {"never": refuse})


@pytest.mark.parametrize("members", [["nothing"], ["random", "random"]])
def test_members_must_be_known_and_distinct(members):
    with pytest.raises(InputError, match="cannot be made") as caught:
        fit(groups_split().fold, members=members)
    assert "cocitation" in caught.value.fix


def test_one_seed_one_result():
    one, other = fit(groups_split().fold, seed=4), fit(groups_split().fold, seed=4)
    assert [part.weight for part in one.parts] == [part.weight for part in other.parts]


def test_relabelled_nodes_give_relabelled_scores(monkeypatch):
    monkeypatch.setattr(candidates, "AT_RANDOM", 0)
    monkeypatch.setattr(
        ensemble, "_cross_validate", lambda *_, **__: 1.0
    )  # which sources share a fold depends on the order
    engines = {name: FITS[name] for name in ("cocitation", "popularity")}
    fold, order = groups_split().fold, rng(9).permutation(60)

    def rename(edges):
        return Edges(order[edges.source], order[edges.target])

    renamed = Fold(make_graph(rename(fold.graph.edges), 60), rename(fold.validation))
    here, there = fit(fold, engines), fit(renamed, engines)
    assert here.chosen == there.chosen
    scores = there.score_from(np.arange(60))[np.ix_(order, order)]
    np.testing.assert_allclose(scores, here.score_from(np.arange(60)), rtol=2e-2, atol=2e-2)


def test_larger_graphs_get_engines_that_they_can_afford(monkeypatch):
    assert "strap" in list_members(100_000)
    assert "strap" not in list_members(100_001)
    assert list_members(1_000_000) == ("cocitation", "blade", "lightgcn", "popularity")
    monkeypatch.setattr(ensemble, "BOTH_LIMIT", 10)
    assert "edges of the source" not in fit(groups_split().fold).compared


def test_a_graph_without_training_edges():
    fold = Fold(make_graph([], 30), make_edges([(node, node + 1) for node in range(25)]))
    assert np.isfinite(fit(fold).score_from(np.arange(30))).all()


def test_features_of_items_are_weighed_too():
    split = groups_split()
    graph = split.fold.graph
    features = np.eye(5)[np.arange(60) % 5]
    items = replace(graph.items, features=features, feature_names=tuple("abcde"), category=np.arange(60) % 5)
    items = replace(items, categories=tuple("abcde"))
    found = fit(Fold(replace(graph, items=items), split.fold.validation))
    assert {"likeness of the items", "category to category"} <= {part.name for part in found.parts}


def test_reports_go_forward():
    reports = list(fit_ensemble(groups_split().fold, engines=FITS, members=list(FITS), rng=rng()))
    shares = [report.share for report in reports]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
    assert any(report.note.startswith("cocitation: ") for report in reports)


def test_isolated_nodes_are_scored():
    graph = random_graph(rng(), 30, share=0.2)
    more = make_graph(graph.edges, 32)
    split = split_graph(more, validation=0.2, test=0.1, rng=rng())
    assert np.isfinite(fit(split.fold).score_from(np.array([31]))).all()
