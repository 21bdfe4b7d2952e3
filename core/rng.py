"""One seed → independent generators. Nothing draws from a global one."""

import numpy as np


def make_generator(seed: int, *stream: int) -> np.random.Generator:
    """Make the generator of a named stream of a seed; different streams are independent.

    Examples
    --------
    >>> bool(make_generator(0, 1).random() == make_generator(0, 1).random())
    True
    >>> bool(make_generator(0, 1).random() == make_generator(0, 2).random())
    False
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=stream))
