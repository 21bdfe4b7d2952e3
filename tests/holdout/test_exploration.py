"""The whole first answer: what one counting pass tells, and its JSON."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.holdout.effect import deviance_test
from core.holdout.exploration import explore, plain
from core.holdout.positivity import Binning
from core.holdout.segments import filter_rows
from core.holdout.verdict import state_verdict
from core.jobs import Progress, finish

LEVELS, BINS = Binning("equal_weight", 5), Binning("equal_width", 20)


def test_is_its_parts(engine, make_holdout, world):
    exploration = finish(explore(make_holdout(world), engine, levels=LEVELS, bins=BINS))
    again = deviance_test(exploration.cube)
    assert exploration.test == again
    assert exploration.where == ()
    surface = exploration.surface(minimum_rows=7)
    assert surface.minimum_rows == 7
    assert np.array_equal(surface.cube.score_edges, exploration.bin_edges)
    assert surface.cube.rows == exploration.cube.rows == len(world)


def test_json_holds_no_more_than_json_can(engine, make_holdout, world):
    text = json.dumps(finish(explore(make_holdout(world), engine, levels=LEVELS, bins=BINS)).to_json(), allow_nan=False)
    found = json.loads(text)
    assert found["n"] == len(world)
    assert found["positives"] == world["label"].sum()
    assert sum(line["n"] for line in found["levels"]) == len(world)
    assert len(found["cells"]) == 5 * 20


def test_counts_outside_the_edges_are_told(engine, make_holdout, world):
    exploration = finish(explore(make_holdout(world), engine, levels=Binning.typed("0.1,0.2,0.3", name="x"), bins=BINS))
    found = exploration.to_json()
    inside = world["uncertainty"].between(0.1, 0.3)
    assert found["n"] == inside.sum()
    assert found["outside_edges"] == (~inside).sum()


def test_one_level_has_no_test(engine, make_holdout, world):
    exploration = finish(explore(make_holdout(world), engine, levels=Binning("equal_weight", 1), bins=BINS))
    assert exploration.test is None
    assert exploration.to_json()["tests"] == {"uncertainty_given_score": None}


def test_rows_in_one_of_two_levels_have_no_test(engine, make_holdout, world):
    levels = Binning.typed("0,50,100", name="x")
    assert finish(explore(make_holdout(world), engine, levels=levels, bins=BINS)).test is None


@pytest.mark.parametrize("labels", [[1], [0], [0, 1], [1, 1, 1], [0] * 40])
def test_few_rows_are_no_error(engine, make_holdout, labels):
    n = len(labels)
    frame = pd.DataFrame({"score": np.linspace(0, 1, n), "uncertainty": np.arange(n) + 0.5, "label": labels})
    levels = Binning.typed(f"0,{n / 2},{n}", name="x")
    exploration = finish(explore(make_holdout(frame), engine, levels=levels, bins=BINS))
    if exploration.test is not None:
        assert exploration.test.p_value == 1  # these rows cannot tell
        assert "cannot tell" in state_verdict(exploration.test)
    json.dumps(exploration.to_json(), allow_nan=False)


def test_constant_scores_are_no_error(engine, make_holdout):
    frame = pd.DataFrame({"score": 0.5, "uncertainty": np.arange(400.0), "label": [0] * 200 + [1] * 200})
    exploration = finish(explore(make_holdout(frame), engine, levels=LEVELS, bins=BINS))
    assert exploration.test.supported  # the score says nothing, the uncertainty everything
    assert exploration.test.overall.effect == pytest.approx(1)
    assert exploration.surface().shown.sum() == 5


def test_a_filter_is_remembered(engine, make_holdout, world):
    holdout = make_holdout(world)
    where = [filter_rows(holdout, "device", ["ios"])]
    exploration = finish(explore(holdout, engine, levels=LEVELS, bins=BINS, where=where))
    assert exploration.where == tuple(where)
    assert exploration.to_json()["n"] == (world["device"] == "ios").sum()


def test_can_be_stopped_and_refuses(engine, make_holdout, world, monkeypatch):
    with pytest.raises(InputError, match="levels must be"):
        finish(explore(make_holdout(world), engine, levels=Binning("equal_weight", 500), bins=BINS))
    monkeypatch.setattr("core.engine.sql.count_keys", lambda *_, **__: "SELECT SUM(a.range * b.range) AS n "
                        "FROM range(10000000) a, range(10000000) b")  # fmt: skip
    job = explore(make_holdout(world), engine, levels=LEVELS, bins=BINS)
    assert isinstance(next(job), Progress)
    job.close()


def test_plain():
    assert plain({"a": math.nan, 1: math.inf, "c": -0.5, "d": "nan", "e": None}) == {
        "a": None, "1": None, "c": -0.5, "d": "nan", "e": None,
    }  # fmt: skip
