"""What is known of the items as numbers: standardised features, and one column per category."""

import numpy as np

from core.arrays import FloatArray
from core.graph.data import Items
from core.graph.scorers import ScoreArray
from core.ingest.schema import MISSING_CATEGORY

MOST_CATEGORIES = 256


def encode_items(items: Items) -> ScoreArray:
    """Features with mean 0 and variance 1, then a 0/1 column for each of the most frequent categories.

    Parameters
    ----------
    items
        Of a graph.

    Returns
    -------
    float32 of shape (nodes, columns).

    Notes
    -----
    An unknown feature becomes 0, the mean; a feature that does not vary becomes 0 for all. Infinite values count as
    unknown. An unknown category has no column, nor has one that all items share; beyond 256 the rarer ones have none.
    """
    standard = standardise_features(items)
    frequency = np.bincount(items.category, minlength=len(items.categories))
    telling = (np.array(items.categories, dtype=object) != MISSING_CATEGORY) & (frequency < len(items.category))
    by_frequency = np.argsort(-frequency, kind="stable")
    columns = np.sort(by_frequency[telling[by_frequency]][:MOST_CATEGORIES])
    one_hot = items.category[:, None] == columns[None, :]
    return np.hstack([standard, one_hot]).astype(np.float32)


def standardise_features(items: Items) -> FloatArray:
    """Features with mean 0 and variance 1 over the items that have them, float64 of shape (nodes, features).

    What is unknown or infinite becomes 0, and so does a feature that does not vary.
    """
    known = np.isfinite(items.features)
    count = np.maximum(known.sum(axis=0), 1)
    values = np.where(known, items.features, 0.0)
    centred = np.where(known, values - values.sum(axis=0) / count, 0.0)
    deviation = np.sqrt((centred**2).sum(axis=0) / count)
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0))
