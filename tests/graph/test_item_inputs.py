"""Items as numbers."""

from dataclasses import replace

import numpy as np

from core.graph.item_inputs import MOST_CATEGORIES, encode_items
from tests.graph.tiny_graphs import make_graph


def items(features, category):
    features = np.array(features, dtype=float).reshape(len(category), -1)
    names = tuple(f"f{i}" for i in range(features.shape[1]))
    return replace(make_graph([], len(category), category=category).items, features=features, feature_names=names)


def test_by_hand():
    # 1, 3 and unknown: mean 2, deviation 1; a constant and an infinite value say nothing
    found = encode_items(items([[1, 7, np.inf], [3, 7, 5], [np.nan, 7, 5]], [0, 1, 0]))
    np.testing.assert_array_equal(found, [[-1, 0, 0, 1, 0], [1, 0, 0, 0, 1], [0, 0, 0, 1, 0]])
    assert found.dtype == np.float32


def test_no_features():
    assert encode_items(items(np.zeros((3, 0)), [0, 0, 1])).shape == (3, 2)


def test_a_missing_category_says_nothing():
    known = replace(items(np.zeros((3, 0)), [0, 1, 0]), categories=("(missing)", "phones"))
    np.testing.assert_array_equal(encode_items(known), [[0], [1], [0]])


def test_a_category_of_all_items_says_nothing():
    assert encode_items(items(np.zeros((3, 0)), [0, 0, 0])).shape == (3, 0)


def test_a_feature_of_which_nothing_is_known():
    assert not encode_items(items([[np.nan], [np.nan]], [0, 0]))[:, 0].any()


def test_only_frequent_categories_have_a_column():
    category = [*range(MOST_CATEGORIES + 10), *range(10, MOST_CATEGORIES + 10)]
    found = encode_items(items(np.zeros((len(category), 0)), category))
    assert found.shape[1] == MOST_CATEGORIES
    np.testing.assert_array_equal(found.sum(axis=0), 2)
