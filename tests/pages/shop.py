"""A small shop for the graph page, and what a reader does there."""

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from tests.pages.drive import widget

PHONES, CASES = 12, 48


def make_edges(*, seed: int = 5) -> pd.DataFrame:
    """Phones lead to their cases, cases rarely to phones."""
    rng = np.random.default_rng(seed)
    phones, cases = [f"p{i:02d}" for i in range(PHONES)], [f"c{i:02d}" for i in range(CASES)]
    pairs = [(phone, case) for phone in phones for case in rng.choice(cases, 14, replace=False)]
    pairs += [(rng.choice(cases), rng.choice(phones)) for _ in range(12)]
    pairs += [tuple(rng.choice(cases, 2, replace=False)) for _ in range(60)]
    frame = pd.DataFrame(pairs, columns=["source", "target"]).drop_duplicates(ignore_index=True)
    return frame.assign(weight=rng.integers(1, 9, len(frame)))


def make_items() -> pd.DataFrame:
    """Titles and categories of all of them, and of one that nobody bought."""
    ids = [*(f"p{i:02d}" for i in range(PHONES)), *(f"c{i:02d}" for i in range(CASES)), "new"]
    kind = ["Phones"] * PHONES + ["Cases"] * (CASES + 1)
    return pd.DataFrame({"id": ids, "title": [f"{k[:-1]} number {i}" for i, k in zip(ids, kind, strict=True)],
                         "category": kind, "price": np.arange(len(ids), dtype=float)})  # fmt: skip


def give_edges(app: AppTest, data: bytes, *, name: str = "pairs.csv") -> AppTest:
    """Give a file of edges; the form of its columns is open then."""
    app.radio(key="graph_source").set_value("Upload").run()
    return app.file_uploader(key="graph_edges_file").upload(name, data, "application/octet-stream").run()


def give_items(app: AppTest, data: bytes, *, name: str = "items.csv") -> AppTest:
    """Give a file of items too."""
    return app.file_uploader(key="graph_items_file").upload(name, data, "application/octet-stream").run()


def use_files(app: AppTest) -> AppTest:
    """Send the form of the columns."""
    return widget(app, "button", "map_submit").click().run()


def show(app: AppTest, view: str) -> AppTest:
    """Open a view of the graph page; the browser writes it into the address as well."""
    app.session_state["graph_view"] = app.query_params["graph_view"] = view
    return app.run()
