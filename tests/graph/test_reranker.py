"""Conditional logit: the gradient vanishes, and the prior stands without data."""

import numpy as np
import pytest

from core.graph.candidates import Candidates
from core.graph.reranker import fit_weights


def some_candidates(seed=0, sources=40, each=12, parts=3):
    rng = np.random.default_rng(seed)
    query = np.repeat(np.arange(sources), each)
    values = rng.standard_normal((sources * each, parts)).astype(np.float32)
    noise = rng.gumbel(size=(sources, each))
    score = (values @ np.array([2.0, -1.0, 0.0])[:parts]).reshape(sources, each) + noise
    positive = (score == score.max(axis=1, keepdims=True)).ravel()
    positive[rng.integers(0, len(positive), 10)] = True
    importance = positive * rng.uniform(0.1, 1, len(positive))
    return Candidates(np.arange(0, sources * each, each), query, positive, values, importance)


def loss(found, weights, prior, strength):
    total = strength / 2 * ((weights - prior) ** 2).sum()
    for query in range(len(found.start)):
        here = found.query == query
        scores = found.values[here].astype(float) @ weights
        importance = found.importance[here]
        total += (importance * (np.log(np.exp(scores).sum()) - scores)).sum()
    return total


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strength", [0.1, 10.0])
def test_no_step_from_the_weights_lowers_the_loss(seed, strength):
    found, prior = some_candidates(seed), np.array([0.5, 0.0, 0.0])
    weights = fit_weights(found, prior=prior, strength=strength)
    least = loss(found, weights, prior, strength)
    for step in 0.02 * np.vstack([np.eye(3), -np.eye(3)]):
        assert loss(found, weights + step, prior, strength) > least


def test_where_the_search_begins_changes_nothing():
    found, prior = some_candidates(), np.zeros(3)
    usual = fit_weights(found, prior=prior, strength=1.0)
    assert fit_weights(found, prior=prior, strength=1.0, start=np.array([5.0, 5.0, -5.0])) == pytest.approx(
        usual, abs=1e-3
    )


def test_the_weights_that_made_the_choices_come_back():
    found = some_candidates(sources=3000)
    weights = fit_weights(found, prior=np.zeros(3), strength=0.01)
    np.testing.assert_allclose(weights, [2, -1, 0], atol=0.15)


def test_a_strong_prior_stands():
    prior = np.array([3.0, 1.0, -2.0])
    np.testing.assert_allclose(fit_weights(some_candidates(), prior=prior, strength=1e8), prior, atol=1e-4)
