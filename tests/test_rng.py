"""One seed gives the same numbers again, and different streams give different ones."""

import numpy as np

from core.rng import make_generator


def test_same_seed_same_numbers():
    assert np.array_equal(make_generator(3).random(5), make_generator(3).random(5))
    assert np.array_equal(make_generator(3, 1, 2).random(5), make_generator(3, 1, 2).random(5))


def test_seeds_and_streams_differ():
    names = [(0,), (1,), (0, 0), (0, 1), (0, 1, 0), (0, 0, 1), (1, 0)]
    drawn = {tuple(make_generator(*name).random(4)) for name in names}
    assert len(drawn) == len(names)


def test_streams_are_not_correlated():
    one, other = make_generator(0, 1).standard_normal(20_000), make_generator(0, 2).standard_normal(20_000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(20_000)  # four standard errors


def test_nothing_global_is_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is the global state that is looked at
    make_generator(0, 1).random(10)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
