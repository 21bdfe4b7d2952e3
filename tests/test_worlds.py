"""The worlds themselves: where there is no effect, and where there is one."""

import numpy as np
import pandas as pd

from core.holdout.closed_form import BetaWorld
from core.holdout.simulate import simulate_beta_world
from tests.worlds import simulate_null_world


def z_of_evidence_given_score(rows: pd.DataFrame, *, bins: int) -> float:
    """Score test of log evidence within score bins: sum (y - mean y)(x - mean x) over its standard deviation."""
    x, y = np.log(rows["evidence"]), rows["label"]
    bin_of = pd.qcut(rows["score"], bins, labels=False, duplicates="drop")
    x = x - x.groupby(bin_of).transform("mean")
    rate = y.groupby(bin_of).transform("mean")
    return float(((y - rate) * x).sum() / np.sqrt((rate * (1 - rate) * x**2).sum()))


def test_null_world_has_no_effect_at_a_given_score():
    worlds = [simulate_null_world(40_000, rng=np.random.default_rng(seed)) for seed in range(8)]
    z = np.array([z_of_evidence_given_score(rows, bins=200) for rows in worlds])
    # A chi-square of 8 degrees of freedom passes 26.1 with probability 0.001.
    assert (z**2).sum() < 26.1
    # One bin is the naive look at evidence alone: there the score shows through.
    assert all(z_of_evidence_given_score(rows, bins=1) > 20 for rows in worlds)
    assert worlds[0]["score"].corr(np.log(worlds[0]["evidence"]), method="spearman") > 0.6


def test_beta_world_has_an_effect_at_a_given_score():
    rows = simulate_beta_world(40_000, world=BetaWorld(), rng=np.random.default_rng(0))
    assert z_of_evidence_given_score(rows, bins=200) > 5
