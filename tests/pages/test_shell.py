"""What pages share: the register of pages, jobs and kept results, labels, tables, errors."""

import ast
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from streamlit.testing.v1 import AppTest

from core.errors import InputError
from core.settings import Settings
from pages._shell import PAGES, get_engine
from pages._shell_results import SMALLEST, Results, measure
from pages._shell_show import quoted, tell_apart
from tests.pages.drive import keys, open_app, words

FOLDER = Path(__file__).resolve().parents[2] / "pages"

# --- the register ---


def test_the_register_and_the_folder_name_the_same_pages() -> None:
    public = {path.stem for path in FOLDER.glob("*.py") if not path.name.startswith("_")}
    assert {page.word for page in PAGES} == public
    assert [page.word for page in PAGES if page.default] == ["overview"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.word)
def test_every_page_opens_with_its_title_and_a_tour(page: object) -> None:
    app = open_app(page.word)
    assert app.title[0].value == page.title
    assert f"{page.word}_tour_start" in keys(app, "button")
    assert not app.exception


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.word)
def test_a_page_comes_in_through_app_before_it_shows_anything(page: object) -> None:
    body = ast.parse((FOLDER / f"{page.word}.py").read_text(encoding="utf-8")).body
    calls = [node for node in body if isinstance(node, ast.Expr | ast.With) and not isinstance(node, ast.Constant)]
    first = next(node.value for node in calls if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
    assert first.func.id == "open_page"
    assert first.args[0].value == page.word


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_file_of_pages_is_read_in_one_look(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 135


def test_every_widget_has_a_key_of_its_own() -> None:
    widgets = {"button", "download_button", "selectbox", "multiselect", "slider", "number_input", "text_input", "radio",
               "file_uploader", "form_submit_button", "tabs", "dataframe", "plotly_chart", "expander"}  # fmt: skip
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in widgets:
                names = {keyword.arg for keyword in node.keywords}
                assert "key" in names, f"{path.name}:{node.lineno}"


# --- the engine ---


def test_the_data_folder_is_made_for_its_owner_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSCOPE_HOME", str(home / "new"))
    get_engine(Settings.from_environment())
    assert stat.S_IMODE((home / "new").stat().st_mode) == 0o700


def test_a_data_folder_that_cannot_be_made_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").touch()
    monkeypatch.setenv("RECSCOPE_HOME", str(home / "file" / "new"))
    with pytest.raises(InputError, match="data folder cannot be used") as caught:
        get_engine(Settings.from_environment())
    assert "RECSCOPE_HOME" in caught.value.fix


# --- jobs ---


def page_with_a_job() -> None:
    import streamlit as st

    from core.jobs import Progress
    from pages import _shell_jobs
    from pages._shell import guarded

    _shell_jobs.PATIENCE_SECONDS = -1.0

    def job(steps: int):  # type: ignore[no-untyped-def]
        st.session_state["started"] = st.session_state.get("started", 0) + 1
        try:
            for step in range(steps):
                yield Progress(step / steps, "counting")
            return steps
        finally:
            st.session_state["closed"] = st.session_state.get("closed", 0) + 1

    with guarded("job"):
        st.text(f"result {_shell_jobs.compute(('three',), lambda: job(3), label='Count')}")
    st.text("the rest of the page")


def test_a_result_is_computed_once_and_its_progress_is_gone() -> None:
    app = AppTest.from_function(page_with_a_job, default_timeout=60).run()
    assert [one.value for one in app.text] == ["result 3", "the rest of the page"]
    app.run()
    assert (app.session_state["started"], app.session_state["closed"]) == (1, 1)
    assert len(app.get("progress")) == 0
    assert keys(app, "button") == []


def test_a_stopped_job_leaves_the_rest_of_the_page_and_can_run_again() -> None:
    app = AppTest.from_function(page_with_a_job, default_timeout=60)
    app.session_state["stopped_jobs"] = {("three",)}
    app.run()
    assert "Count: stopped before it was done." in app.info[0].value
    assert [one.value for one in app.text] == ["the rest of the page"]
    assert "started" not in app.session_state
    app.button(key="job_again").click().run()
    assert [one.value for one in app.text] == ["result 3", "the rest of the page"]
    assert not app.info


# --- kept results ---


def test_results_used_longest_ago_go_first() -> None:
    results = Results(3 * (SMALLEST + 800))
    for name in "abc":
        results.put(name, np.zeros(100))
    assert results.get("a") is not None
    results.put("d", np.zeros(100))
    assert results.get("b") is None
    assert all(results.get(name) is not None for name in "acd")


def test_a_result_put_again_counts_once() -> None:
    results = Results(2 * (SMALLEST + 800))
    for _ in range(10):
        results.put("a", np.zeros(100))
    results.put("b", np.zeros(100))
    assert results.get("a") is not None


def test_a_result_beyond_the_limit_is_not_kept_and_drops_the_others() -> None:
    results = Results(10_000)
    results.put("small", 1)
    results.put("large", np.zeros(10_000))
    assert results.get("large") is None
    results.put("small", 1)
    assert results.get("small") == 1


def test_measure_sees_arrays_inside_records() -> None:
    @dataclass(frozen=True)
    class Inner:
        table: pd.DataFrame

    @dataclass(frozen=True)
    class Outer:
        array: np.ndarray
        inner: Inner
        several: tuple[np.ndarray, ...]
        name: str = "x"

    table = pd.DataFrame({"x": np.zeros(1000)})
    result = Outer(np.zeros(100), Inner(table), (np.zeros(10), np.zeros(10)))
    assert sum(measure(result).values()) == 800 + 80 + 80 + int(table.memory_usage(deep=True).sum())


def test_measure_sees_sparse_matrices() -> None:
    assert sum(measure(csr_array(np.eye(5))).values()) == 5 * 8 + 5 * 4 + 6 * 4, "values, columns, row starts"


def test_an_array_that_results_share_counts_once_and_as_long_as_one_holds_it() -> None:
    shared = np.zeros(100)
    results = Results(3 * SMALLEST + 800 + 80)
    for name in "ab":
        results.put(name, (shared, name))
    results.put("c", np.zeros(10))
    assert all(results.get(name) is not None for name in "abc")
    results.put("a", 1)
    results.put("b", 1)
    results.put("d", np.zeros(80))
    assert results.get("c") is None, "four results are one too many"
    assert results.get("d") is not None, "and the shared array is gone"


# --- text from outside ---


def test_quoted_text_cannot_leave_its_quotes() -> None:
    assert quoted("a `b` **c** ![x](y)") == "`a b **c** ![x](y)`"
    assert quoted("``") == "` `"


def test_labels_are_safe_and_different() -> None:
    labels = tell_apart(["a<", "a>", "a", "a (no. 2)", " ", "\u202e", "(none)"], reserved=["(none)"])
    assert len(set(labels.values())) == len(labels) == 7
    assert labels["a<"] == "a"
    assert "(none)" not in labels.values()
    assert not any(set(label) & set("<>\u202e") for label in labels.values())


# --- tables ---


def page_with_tables() -> None:
    import pandas as pd

    from pages._shell_show import show_table

    frame = pd.DataFrame({"rows": range(3_000), "rate": 0.5, "lo": 0.4, "hi": 0.6})
    show_table(frame, name="long")
    show_table(frame.head(0), name="empty")
    show_table(pd.DataFrame({"gap": [0.1, None], "rows": pd.array([1, None], dtype="Int64")}), name="gaps")


def test_a_long_table_is_cut_and_says_so() -> None:
    app = AppTest.from_function(page_with_tables, default_timeout=60).run()
    assert not app.exception
    assert [len(table.value) for table in app.dataframe] == [2_000, 0, 2]
    assert app.dataframe[0].value["positivity"].iloc[0] == "0.500 (0.400 to 0.600)"
    assert "The first 2,000 of 3,000 rows; the CSV has all of them." in words(app)
    assert keys(app, "download_button") == ["csv_long", "csv_empty", "csv_gaps"]


def test_a_missing_value_is_an_empty_cell() -> None:
    app = AppTest.from_function(page_with_tables, default_timeout=60).run()
    table = app.dataframe[2]
    assert table.value.isna().sum().tolist() == [1, 1]
    assert table.proto.HasField("placeholder"), "without one the browser says None"
    assert table.proto.placeholder == ""
