"""A small log of one's own for the delay page, and what a reader does there."""

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

from core.delay.simulate import World, log_frame, simulate_log
from tests.pages.drive import open_app, widget

SMALL = {"delay_seeds": "2", "delay_daily": "100", "delay_scored": "2"}
WORLD = World(days=75, daily=60, covariates=2, campaigns=2)


def make_log(*, seed: int = 3) -> pd.DataFrame:
    """75 days of 60 impressions with price, campaign and an id."""
    frame = log_frame(simulate_log(WORLD, rng=np.random.default_rng(seed)))
    return frame.assign(id=[f"i{number}" for number in range(len(frame))])


def open_delay(view: str = "Simulate", **query: str) -> AppTest:
    """Open a view of the delay page with small worlds, as a link does."""
    return open_app("delay", **{"delay_view": view, **SMALL, **query})


def give_log(app: AppTest, data: bytes, *, name: str = "mine.csv") -> AppTest:
    """Give a log; the form of its columns is open then."""
    app.radio(key="delay_source").set_value("Upload").run()
    return app.file_uploader(key="delay_file").upload(name, data, "application/octet-stream").run()


def use_log(app: AppTest) -> AppTest:
    """Send the form of the columns."""
    return widget(app, "button", "map_submit").click().run()
