"""The loop of all learned engines: the best state, patience, and closing."""

import numpy as np
import pytest
import torch

from core.graph.data import Fold
from core.graph.scorers import Factors
from core.graph.training import draw_batches, make_torch_generator, one_thread, train_epochs
from core.jobs import finish
from tests.graph.tiny_graphs import make_edges, make_graph


class Scripted:
    """A training whose state after each epoch ranks the validation edge 0 → 1 as told."""

    def __init__(self, good):
        self.good, self.epoch = good, 0

    def run_epoch(self):
        self.epoch += 1
        return 1 / self.epoch

    def embed(self):
        target = np.zeros((30, 1), np.float32)
        target[1] = 1 if self.good[self.epoch - 1] else -1
        target[2] = self.epoch / 100
        return Factors(np.ones((30, 1), np.float32), target)


def train(good, *, validation=((0, 1),), every=1, patience=2):
    script = Scripted(good)
    fold = Fold(make_graph([(0, 3)], 30), make_edges(list(validation)))
    options = {"epochs": len(good), "every": every, "patience": patience, "rng": np.random.default_rng(0)}
    return script, train_epochs(fold, network="taught", run_epoch=script.run_epoch, embed=script.embed, **options)


def test_returns_the_first_of_the_best_states():
    _, job = train([False, True, True, False], patience=9)
    assert finish(job).target[2, 0] == pytest.approx(0.02)


def test_stops_when_patience_is_over():
    script, job = train([True, False, False, True, True])
    reports = list(job)
    assert script.epoch == len(reports) == 3
    assert [report.hit_rate for report in reports] == [1, 0, 0]


def test_without_validation_the_last_state_and_no_rate():
    script, job = train([True, False], validation=())
    assert all(np.isnan(report.hit_rate) for report in job)
    assert script.epoch == 2
    assert finish(train([True, False], validation=())[1]).target[2, 0] == pytest.approx(0.02)


def test_the_last_epoch_is_measured_whatever_the_rhythm():
    rates = [report.hit_rate for report in train([True] * 5, every=3)[1]]
    np.testing.assert_array_equal(np.isnan(rates), [True, True, False, True, False])


def test_a_closed_job_trains_no_further():
    script, job = train([True] * 5)
    next(job)
    job.close()
    assert script.epoch == 1


def test_threads_are_given_back_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), one_thread():
        assert torch.get_num_threads() == 1
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_generator_follows_the_seed():
    draws = [torch.rand(3, generator=make_torch_generator(np.random.default_rng(seed))) for seed in (0, 0, 1)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_batches_cover_everything_once():
    batches = list(draw_batches(10, 4, rng=np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches).tolist()) == list(range(10))
    assert not list(draw_batches(0, 4, rng=np.random.default_rng(0)))
