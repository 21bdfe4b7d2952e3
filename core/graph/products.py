"""What is known of some products, as the first columns of a table."""

import numpy as np
import pandas as pd

from core.arrays import IntArray
from core.graph.data import Graph


def describe_products(graph: Graph, nodes: IntArray) -> pd.DataFrame:
    """One line per position of ``nodes``: node, id, title, category."""
    items = graph.items
    category = np.array(items.categories, dtype=object)[items.category[nodes]]
    return pd.DataFrame({"node": nodes, "id": graph.ids[nodes], "title": items.title[nodes], "category": category})
