"""Drive the pages through AppTest, and make small holdouts for them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from streamlit.testing.v1 import AppTest

APP = Path(__file__).resolve().parents[2] / "app.py"
TIMEOUT = 60


def open_app(word: str = "overview", **query: str) -> AppTest:
    """Open a page as a link with these parameters does."""
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT)
    for name, value in query.items():
        app.query_params[name] = value
    return go_to(app, word)


def go_to(app: AppTest, word: str) -> AppTest:
    """Visit a page by the navigation."""
    return app.switch_page(f"pages/{word}.py").run()


def show(app: AppTest, view: str) -> AppTest:
    """Open a view of the holdout page; the browser writes it into the address as well."""
    app.session_state["holdout_view"] = app.query_params["holdout_view"] = view
    return app.run()


def widget(app: AppTest, kind: str, prefix: str) -> Any:
    """The one widget of a kind whose key begins so."""
    found = [one for one in getattr(app, kind) if (one.key or "").startswith(prefix)]
    assert len(found) == 1, [one.key for one in getattr(app, kind)]
    return found[0]


def keys(app: AppTest, kind: str) -> list[str]:
    """Keys of all widgets of a kind."""
    return [one.key for one in getattr(app, kind)]


def words(app: AppTest) -> str:
    """Everything that the page says, errors with their mend included."""
    assert not app.exception, [one.value for one in app.exception]
    kinds = ("title", "subheader", "markdown", "caption", "text", "error", "info", "warning")
    return "\n".join(str(one.value) for kind in kinds for one in getattr(app, kind))


def charts(app: AppTest) -> list[str]:
    """Titles of the figures."""
    return [json_title(chart.proto.spec) for chart in app.get("plotly_chart")]


def json_title(spec: str) -> str:
    """Title of a figure in JSON."""
    import plotly.io

    return str(plotly.io.from_json(spec).layout.title.text)


def choose_upload(app: AppTest) -> AppTest:
    """Choose to give a file."""
    return app.radio(key="holdout_source").set_value("Upload").run()


def upload(app: AppTest, data: bytes, *, name: str = "mine.csv") -> AppTest:
    """Give a file; the form of its columns is open then."""
    choose_upload(app)
    return app.file_uploader(key="holdout_file").upload(name, data, "application/octet-stream").run()


def use_file(app: AppTest) -> AppTest:
    """Send the form of the columns."""
    return widget(app, "button", "map_submit").click().run()


def make_frame(rows: int = 400, *, seed: int = 7) -> pd.DataFrame:
    """A holdout with score, evidence, label, device and time; labels follow the score."""
    rng = np.random.default_rng(seed)
    score = rng.random(rows).round(4)
    return pd.DataFrame(
        {
            "score": score,
            "evidence": rng.integers(1, 500, rows),
            "label": (rng.random(rows) < score).astype(int),
            "device": rng.choice(["web", "ios"], rows),
            "time": pd.date_range("2026-01-01", periods=rows, freq="h").strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )


def to_csv(frame: pd.DataFrame) -> bytes:
    """A frame as CSV."""
    return frame.to_csv(index=False).encode()


def to_parquet(frame: pd.DataFrame) -> bytes:
    """A frame as Parquet."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
