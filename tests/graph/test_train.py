"""Models and evaluations of a stored graph: made in this process, and kept by digest and settings."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.graph import process
from core.graph.arrays_file import write_arrays
from core.graph.blade import fit_blade
from core.graph.data import Graph, swap_direction
from core.graph.engines import ENGINES, Engine
from core.graph.evaluation import Failure
from core.graph.evaluation_file import read_evaluation, write_evaluation
from core.graph.neighbourhoods import Mode
from core.graph.ranking import rank_edges
from core.graph.split import hold_out, split_graph
from core.graph.stored import store_graph
from core.graph.train import (
    Recipe,
    Trial,
    evaluate,
    evaluate_trial,
    evaluation_path,
    model_path,
    train,
    train_model,
)
from core.jobs import finish
from core.rng import make_generator
from core.settings import Settings
from tests.graph.tiny_graphs import make_graph, random_graph

DIGEST = "ab" * 32


@pytest.fixture
def graph() -> Graph:
    made = random_graph(np.random.default_rng(3), 60, share=0.15, category=np.arange(60) % 3)
    return replace(made, digest=DIGEST)


@pytest.fixture
def stored(graph: Graph, settings: Settings) -> Graph:
    store_graph(graph, settings=settings)
    return graph


def test_a_model_is_fitted_and_measured_on_pairs_that_it_did_not_see(graph: Graph) -> None:
    model = finish(train_model(graph, Recipe("cocitation")))
    assert (model.engine, model.settings, model.seed) == ("cocitation", {}, 0)
    assert model.graph is graph
    fold = hold_out(graph, validation=0.05, rng=make_generator(0, 16))
    assert model.validation["n"] == len(fold.validation) > 0
    assert (model.scorer.left.toarray() == fold.graph.adjacency().toarray()).all()
    ranks = rank_edges(model.scorer, fold.validation, known=graph.adjacency())
    assert model.validation["HR@10"] == (ranks <= 10).mean()
    assert model.validation["MRR@20"] == pytest.approx(np.where(ranks <= 20, 1 / ranks, 0).mean())
    assert model.validation["HR@10_lo"] <= model.validation["HR@10"] <= model.validation["HR@10_hi"]


def test_options_reach_the_engine_and_seeds_part_differently(graph: Graph) -> None:
    usual, other = (finish(train_model(graph, Recipe("ease", options))) for options in ((), (("regularisation", 5.0),)))
    assert not np.array_equal(usual.scorer.right, other.scorer.right)
    assert other.settings == {"regularisation": 5.0}
    again = finish(train_model(graph, Recipe("ease")))
    assert np.array_equal(usual.scorer.right, again.scorer.right)
    assert not np.array_equal(usual.scorer.right, finish(train_model(graph, Recipe("ease", seed=1))).scorer.right)


def test_of_one_pair_nothing_is_held_out_and_nothing_measured() -> None:
    model = finish(train_model(make_graph([(0, 1)], 2), Recipe("popularity")))
    assert model.validation == {}


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (Recipe("oracle"), "There is no engine called 'oracle'"),
        (Recipe("ease", (("rng", 1),)), "has no option 'rng'"),
        (Recipe("ease", (("fold", 1),)), "has no option 'fold'"),
        (Recipe("ease", (("regularisation", -1.0),)), "regularisation must be between"),
        (Recipe("ease", seed=-1), "seed must be a whole number"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(graph: Graph, recipe: Recipe, message: str) -> None:
    with pytest.raises(InputError, match=message):
        finish(train_model(graph, recipe))


def test_holding_out_keeps_pairs_together_and_loses_nothing(graph: Graph) -> None:
    fold = hold_out(graph, validation=0.2, rng=np.random.default_rng(0))
    kept, held = fold.graph.edges.keys(graph.nodes), fold.validation.keys(graph.nodes)
    assert sorted([*kept, *held]) == sorted(graph.edges.keys(graph.nodes))
    assert not np.isin(fold.validation.reversed().keys(graph.nodes), kept).any()
    assert len(hold_out(graph, validation=0.0, rng=np.random.default_rng(0)).validation) == 0
    with pytest.raises(InputError, match="validation share"):
        hold_out(graph, validation=0.6, rng=np.random.default_rng(0))


def test_names_tell_graphs_directions_engines_options_and_seeds_apart(graph: Graph, settings: Settings) -> None:
    recipes = [
        (graph, Recipe("ease")),
        (swap_direction(graph), Recipe("ease")),
        (graph, Recipe("cocitation")),
        (graph, Recipe("ease", (("regularisation", 5.0),))),
        (graph, Recipe("ease", seed=1)),
    ]
    names = [model_path(of, recipe, settings=settings).name for of, recipe in recipes]
    assert len({*names}) == len(names)
    assert all(len(name) == 64 for name in names)
    trials = [
        Trial("pair", ("ease",)),
        Trial("edge", ("ease",)),
        Trial("pair", ("ease", "ppr")),
        Trial("pair", ("ease",), 1),
    ]
    assert len({evaluation_path(graph, trial, settings=settings) for trial in trials}) == len(trials)


# --- kept ---


def test_a_trained_model_is_read_the_second_time(
    stored: Graph, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = finish(train(stored, Recipe("cocitation"), settings=settings))
    here = finish(train_model(stored, Recipe("cocitation")))
    assert first.validation == here.validation
    assert (first.scorer.right.toarray() == here.scorer.right.toarray()).all()
    monkeypatch.setattr(process, "_COMMAND", ("/no/such/program",))
    again = finish(train(stored, Recipe("cocitation"), settings=settings))
    assert again.validation == first.validation
    with pytest.raises(InputError, match="cannot be started"):
        finish(train(stored, Recipe("popularity"), settings=settings))


def test_a_damaged_model_is_made_again(stored: Graph, settings: Settings) -> None:
    path = model_path(stored, Recipe("popularity"), settings=settings)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no model")
    assert finish(train(stored, Recipe("popularity"), settings=settings)).engine == "popularity"


def test_an_evaluation_comes_back_as_it_was_made(
    stored: Graph, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial("pair", ("cocitation", "popularity"))
    first = finish(evaluate(stored, trial, settings=settings))
    here = finish(evaluate_trial(stored, trial))
    for frame in ("frame", "direction_frame", "breakdown_frame"):
        pd.testing.assert_frame_equal(getattr(first, frame)(), getattr(here, frame)())
    mine, theirs = (one.compare("cocitation", "popularity").frame() for one in (first, here))
    pd.testing.assert_frame_equal(mine, theirs)
    assert first.split.kind == "pair"
    assert first.split.fold.graph.edges.keys(60).tolist() == here.split.fold.graph.edges.keys(60).tolist()
    monkeypatch.setattr(process, "_COMMAND", ("/no/such/program",))
    pd.testing.assert_frame_equal(finish(evaluate(stored, trial, settings=settings)).frame(), here.frame())


def test_an_evaluation_file_keeps_failures_and_refuses_other_files(graph: Graph, tmp_path: Path) -> None:
    split = split_graph(graph, rng=np.random.default_rng(0))
    evaluation = finish(evaluate_trial(graph, Trial("pair", ("popularity",))))
    failed = (Failure("ease", "too large", "take less"),)
    write_evaluation(replace(evaluation, failed=failed), tmp_path / "kept")
    found = read_evaluation(tmp_path / "kept", split)
    assert [(one.name, one.reason, one.fix) for one in found.failed] == [("ease", "too large", "take less")]
    assert math.isnan(found.engines[0].lists.reciprocal) == math.isnan(evaluation.engines[0].lists.reciprocal)
    write_arrays({"format": "recscope-graph-evaluation"}, {}, tmp_path / "empty")
    with pytest.raises(InputError, match="a part is missing"):
        read_evaluation(tmp_path / "empty", split)
    (tmp_path / "other").write_bytes(b"PK")
    with pytest.raises(InputError, match="cannot be used"):
        read_evaluation(tmp_path / "other", split)


# --- engines that are loaded late, and their neighbourhoods ---


def test_the_options_of_a_late_engine_are_those_of_what_it_loads(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit_late(fold, *, rng, **options):
        return (yield from fit_blade(fold, rng=rng, **options))

    monkeypatch.setitem(ENGINES, "blade", Engine("blade", "Blade", "", fit_late))
    model = finish(train_model(graph, Recipe("blade", (("epochs", 2), ("dimensions", 8)))))
    assert model.scorer.source.shape == (60, 8)
    with pytest.raises(InputError, match="has no option 'own_vector'"):
        finish(train_model(graph, Recipe("blade", (("own_vector", 1.0),))))
    with pytest.raises(InputError, match="neighbourhood cannot be 'all'"):
        finish(evaluate_trial(graph, Trial("pair", ("blade/all",))))


def test_neighbourhoods_are_compared_as_engines_of_their_own(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit_short(fold, *, neighbourhood: Mode = "full", rng):
        return (yield from fit_blade(fold, epochs=2, dimensions=8, neighbourhood=neighbourhood, budget=3, rng=rng))

    monkeypatch.setitem(ENGINES, "blade", Engine("blade", "Blade", "", fit_short))
    found = finish(evaluate_trial(graph, Trial("pair", ("blade", "blade/uniform", "blade/adaptive"))))
    assert [result.name for result in found.engines] == ["blade", "blade/uniform", "blade/adaptive"]
    assert found.engine("blade/uniform").title == "Blade: uniform"
    assert found.compare("blade/adaptive", "blade/uniform").differences[0].metric == "HR@5"
    with pytest.raises(InputError, match="named twice"):
        finish(evaluate_trial(graph, Trial("pair", ("blade/ppr", "blade/ppr"))))
