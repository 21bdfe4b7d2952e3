"""Data of one's own on the holdout page: uploads, column roles, paths, links, and what may be wrong with them."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.drive import (
    charts,
    choose_upload,
    go_to,
    make_frame,
    open_app,
    show,
    to_csv,
    to_parquet,
    upload,
    use_file,
    widget,
    words,
)

HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "mathjax": "$\\href{javascript:alert(1)}{x}$",
    "formula": "=HYPERLINK(\"http://evil.example\")",
    "image": "![x](http://evil.example/x.png)",
    "directive": ":red[x] `y` **z**",
    "bidi": "abc\u202edcba\u200b",
    "sql": "'; DROP TABLE holdout; --",
    "template": "%{x}{{y}}",
}  # fmt: skip

FORBIDDEN = ("<script", "$", "\\href", "{{y}}", "\u202e", "\\u202e")


def mapped(app: AppTest, role: str) -> Any:
    """What the form says for a role."""
    return widget(app, "selectbox", f"map_{role}_").value


def own(app: AppTest, line: str) -> bool:
    """Whether the page is about the user's own data, described so, and has its figures."""
    said = words(app)
    return "Your data" in said and line in said and "Sample data" not in said and len(charts(app)) == 2


# --- upload and column roles ---


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("mine.csv", to_csv),
        ("mine.csv.gz", lambda frame: gzip.compress(to_csv(frame))),
        ("mine.parquet", to_parquet),
        ("mine.tsv", lambda frame: frame.to_csv(index=False, sep="\t").encode()),
        ("wrong-ending.parquet", to_csv),
    ],
)
def test_a_file_is_mapped_by_guess_and_used(name: str, pack: Callable[[pd.DataFrame], bytes]) -> None:
    frame = make_frame()
    app = upload(open_app("holdout"), pack(frame), name=name)
    assert "Sample data, simulated" in words(app), "nothing changes before the form is sent"
    first = frame.iloc[0]
    assert list(app.dataframe[0].value.iloc[0])[:3] == [str(first[name]) for name in ("score", "evidence", "label")]
    assert (mapped(app, "score"), mapped(app, "label"), mapped(app, "time")) == ("score", "label", "time")
    assert (mapped(app, "kind"), mapped(app, "evidence0"), mapped(app, "weight")) == ("evidence", "evidence", "")
    use_file(app)
    assert own(app, f"{name} · 400 rows, {frame['label'].sum()} positives")
    assert len(app.query_params["data"]) == 64


def test_every_view_works_on_an_uploaded_file() -> None:
    app = upload(open_app("holdout"), to_csv(make_frame()))
    widget(app, "multiselect", "map_segments").set_value(["device"])
    use_file(app)
    for view in ("Slice", "Is it real?", "Why", "Segments and time", "Report"):
        assert "Your data" in words(show(app, view))
        assert not app.error
    assert any("by device" in title for title in charts(show(app, "Segments and time")))


def test_without_segments_and_time_the_view_says_what_to_do() -> None:
    frame = make_frame()[["score", "evidence", "label"]]
    app = show(use_file(upload(open_app("holdout"), to_csv(frame))), "Segments and time")
    assert "No segment column is mapped. Choose some under Columns" in words(app)
    assert "No time column is mapped. Choose one under Columns" in words(app)


def test_an_interval_takes_two_columns() -> None:
    frame = make_frame().drop(columns="evidence")
    frame["ci_low"], frame["ci_high"] = frame["score"] / 2, frame["score"] / 2 + np.linspace(0.01, 0.5, len(frame))
    app = upload(open_app("holdout"), to_csv(frame))
    assert mapped(app, "kind") == "interval"
    assert (mapped(app, "interval0"), mapped(app, "interval1")) == ("ci_low", "ci_high")
    assert own(use_file(app), "400 rows")
    assert "ci_low to ci_high (interval)" in app.get("plotly_chart")[0].proto.spec
    assert "needs an evidence count" in words(show(app, "Why"))


def test_a_swapped_interval_is_an_error_that_names_the_row() -> None:
    frame = make_frame().drop(columns="evidence")
    frame["low"], frame["high"] = 0.6, np.linspace(0.5, 0.9, len(frame))
    app = use_file(upload(open_app("holdout"), to_csv(frame)))
    assert "'low' must not be above 'high'; row 1 has 0.6 above 0.5." in words(app)
    assert "Swap the two columns of the interval" in words(app)


@pytest.mark.parametrize("kind", ["variance", "std", "entropy"])
def test_the_kind_of_uncertainty_can_be_changed(kind: str) -> None:
    app = upload(open_app("holdout"), to_csv(make_frame()))
    widget(app, "selectbox", "map_kind").set_value(kind).run()
    assert mapped(app, f"{kind}0") is None, "the guess was for another kind"
    widget(app, "selectbox", f"map_{kind}0").set_value("evidence")
    assert own(use_file(app), "400 rows")
    assert f"evidence ({kind})" in app.get("plotly_chart")[0].proto.spec


def test_a_guess_can_be_changed() -> None:
    frame = make_frame().rename(columns={"label": "outcome"})
    frame["label"] = 1 - frame["outcome"]
    app = upload(open_app("holdout"), to_csv(frame))
    assert mapped(app, "label") == "label"
    widget(app, "selectbox", "map_label").set_value("outcome")
    assert own(use_file(app), f"400 rows, {frame['outcome'].sum()} positives")
    widget(app, "selectbox", "map_label").set_value("label")
    assert own(use_file(app), f"400 rows, {frame['label'].sum()} positives"), "another mapping, another holdout"


def test_an_optional_role_can_be_taken_away() -> None:
    app = upload(open_app("holdout"), to_csv(make_frame()))
    assert mapped(app, "time") == "time"
    widget(app, "selectbox", "map_time").set_value("")
    use_file(app)
    assert "No time column is mapped" in words(show(app, "Segments and time"))


def test_without_a_guess_the_form_asks_and_says_what_is_missing() -> None:
    frame = make_frame().rename(columns={"score": "s1", "evidence": "e1", "label": "l1"})
    app = upload(open_app("holdout"), to_csv(frame))
    assert mapped(app, "score") is None
    assert widget(app, "selectbox", "map_score").proto.placeholder == "Choose a column"
    for role, column in (("score", "s1"), ("uncertainty", "e1"), ("label", "l1")):
        use_file(app)
        assert f"No column is chosen for the {role}." in words(app)
        assert "Choose one in the form." in words(app)
        key = "variance0" if role == "uncertainty" else role
        widget(app, "selectbox", f"map_{key}").set_value(column)
    assert own(use_file(app), "400 rows")


def test_one_column_cannot_play_two_roles() -> None:
    app = upload(open_app("holdout"), to_csv(make_frame()))
    widget(app, "selectbox", "map_label").set_value("score")
    assert "'score' is mapped to two roles" in words(use_file(app))


def test_the_label_cannot_be_the_group() -> None:
    app = upload(open_app("holdout"), to_csv(make_frame()))
    widget(app, "selectbox", "map_group").set_value("label")
    said = words(use_file(app))
    assert "Column 'label' is the label, so it cannot be the group as well." in said
    assert "Choose as group the column whose rows belong together, such as the user, or none." in said
    widget(app, "selectbox", "map_group").set_value("device")
    assert own(use_file(app), "400 rows")


def test_weights_are_used() -> None:
    frame = make_frame()
    frame["weight"] = np.where(frame["label"] == 1, 1.0, 3.0)
    app = use_file(upload(open_app("holdout"), to_csv(frame)))
    assert own(app, "400 rows")
    weighted = app.dataframe[1].value if len(app.dataframe) > 1 else app.dataframe[0].value
    widget(app, "selectbox", "map_weight").set_value("")
    use_file(app)
    assert not app.dataframe[-1].value.equals(weighted)


def test_rows_left_out_are_counted_by_reason() -> None:
    frame = make_frame().astype({"evidence": float})
    frame.loc[[1, 5, 9], "score"] = np.nan
    frame.loc[[2], "evidence"] = np.inf
    app = use_file(upload(open_app("holdout"), to_csv(frame)))
    assert own(app, "396 rows")
    assert "Rows left out: score is missing: 3; evidence is infinite: 1" in words(app)


def test_a_corrected_file_shows_new_numbers() -> None:
    frame = make_frame()
    app = use_file(upload(open_app("holdout"), to_csv(frame)))
    before = app.get("plotly_chart")[0].proto.spec
    frame["label"] = 1 - frame["label"]
    use_file(upload(app, to_csv(frame)))
    assert f"400 rows, {frame['label'].sum()} positives" in words(app)
    assert app.get("plotly_chart")[0].proto.spec != before


# --- bad files ---

BAD_FILES = {
    "empty": (b"", "The file is empty."),
    "header only": (b"score,evidence,label\n", "The file has a header but no rows."),
    "not text": (bytes(range(256)) * 40, "The file is not text."),
    "utf-16": ("score,label\n1,1\n".encode("utf-16"), "The file is UTF-16 text."),
    "zip": (b"PK\x03\x04" + b"x" * 100, "zip archive or a spreadsheet"),
    "cut-off gzip": (gzip.compress(to_csv(make_frame()))[:-40], "The gzip file is damaged"),
    "cut-off parquet": (to_parquet(make_frame())[:-200], "The Parquet file cannot be read"),
    "twice a name": (b"score,score,label\n1,2,0\n", "stands twice"),
    "no name": (b"score,,label\n1,2,0\n", "Column 2 has no name."),
    "ragged": (b"score,evidence,label\n0.5,1,0\n0.5,1,0,9\n", "fields"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_a_message_and_a_good_one_works_right_after(case: str) -> None:
    data, complaint = BAD_FILES[case]
    app = upload(open_app("holdout"), data)
    assert complaint in words(app)
    assert len(app.error) == 1
    assert "Sample data, simulated" in words(app)
    assert len(charts(app)) == 2, "the page goes on with the sample"
    use_file(upload(app, to_csv(make_frame()), name="good.csv"))
    assert own(app, "good.csv · 400 rows")
    assert not app.error


BAD_VALUES = {
    "score outside": ("score", 1.3),
    "label two": ("label", 2),
    "negative evidence": ("evidence", -4),
    "not a time": ("time", "soon"),
}


@pytest.mark.parametrize("case", BAD_VALUES)
def test_a_bad_value_is_named_with_column_and_row_and_nothing_is_stored(case: str, home: Path) -> None:
    column, value = BAD_VALUES[case]
    frame = make_frame().astype({column: object})
    frame.loc[17, column] = value
    before = sorted(path.name for path in home.rglob("*.parquet"))
    app = use_file(upload(open_app("holdout"), to_csv(frame)))
    assert re.search(f"'{column}' must .*row 18 has '?{value}", words(app))
    assert sorted(path.name for path in home.rglob("*.parquet")) == before
    assert list((home / "scratch").iterdir()) == []
    frame.loc[17, column] = frame.loc[16, column]
    assert own(use_file(upload(app, to_csv(frame))), "400 rows")


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [("label", 0, "every row is negative"), ("evidence", 7, "is 7 in every row")],
)
def test_a_file_that_can_answer_nothing_is_refused(column: str, value: int, complaint: str) -> None:
    frame = make_frame()
    frame[column] = value
    assert complaint in words(use_file(upload(open_app("holdout"), to_csv(frame))))


def test_a_file_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSCOPE_MAX_UPLOAD_MB", "1")
    app = upload(open_app("holdout"), b"score,label\n" + b"0.5,1\n" * 200_000)
    assert "The file has 1,200,012 bytes." in words(app)
    assert "RECSCOPE_MAX_UPLOAD_MB" in words(app)


# --- paths below the data root ---


def choose_path(app: AppTest) -> AppTest:
    """Choose to name files on the server."""
    return app.radio(key="holdout_source").set_value("Path").run()


def test_without_a_data_root_the_page_says_how_to_have_one() -> None:
    app = choose_path(open_app("holdout"))
    assert "RECSCOPE_DATA_ROOT" in app.info[0].value
    assert not app.error
    assert len(app.text_input) == 0


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files, and a secret beside it with a link to it."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.csv").write_bytes(to_csv(make_frame(300, seed=1)))
    (root / "b.csv").write_bytes(to_csv(make_frame(200, seed=2)))
    (tmp_path / "secret.csv").write_bytes(to_csv(make_frame(100, seed=3)))
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    monkeypatch.setenv("RECSCOPE_DATA_ROOT", str(root))
    return root


@pytest.mark.parametrize(("pattern", "rows"), [("a.csv", 300), ("*.csv", 500), ("**/b.csv", 200)])
def test_files_below_the_data_root_are_read_as_one(data_root: Path, pattern: str, rows: int) -> None:
    app = choose_path(open_app("holdout"))
    app.text_input(key="holdout_path").set_value(pattern).run()
    assert own(use_file(app), f"{rows} rows")


@pytest.mark.parametrize(
    "pattern",
    [
        "nothing.csv",
        "../secret.csv",
        "/etc/passwd",
        "link.csv",
        "a\x00.csv",
        ".",
        "..",
        "a**",
        "[",
        "~/x.csv",
        " ",
        "//",
    ],
)
def test_a_path_that_leads_nowhere_or_outside_is_a_message(data_root: Path, pattern: str) -> None:
    app = choose_path(open_app("holdout"))
    app.text_input(key="holdout_path").set_value(pattern).run()
    assert len(app.error) == 1
    assert "secret" not in " ".join(table.value.to_csv() for table in app.dataframe)
    assert "Sample data, simulated" in words(app)
    app.text_input(key="holdout_path").set_value("a.csv").run()
    assert own(use_file(app), "300 rows")


# --- links, visits and the store ---


def stored(frame: pd.DataFrame) -> str:
    """The digest of a holdout that some session has stored."""
    return str(use_file(upload(open_app("holdout"), to_csv(frame))).query_params["data"])


def test_a_link_shows_the_data_in_another_session() -> None:
    digest = stored(make_frame())
    app = open_app("holdout", data=digest)
    assert own(app, "mine.csv · 400 rows")
    assert app.radio(key="holdout_source").value == "Upload"


@pytest.mark.parametrize(
    ("digest", "complaint"),
    [
        ("0" * 64, "The data of this link is no longer kept here."),
        ("zz", "That is not a data digest."),
        ("../../../../etc/passwd", "That is not a data digest."),
        ("A" * 64, "That is not a data digest."),
        ("0" * 63 + "\n", "That is not a data digest."),
        ("<script>" * 100, "That is not a data digest."),
    ],
)
def test_a_bad_link_is_a_message_and_the_sample_is_shown(digest: str, complaint: str) -> None:
    app = open_app("holdout", data=digest)
    assert complaint in words(app)
    assert len(app.error) == 1
    assert "Sample data, simulated" in words(app)
    app.radio(key="holdout_source").set_value("Sample").run()
    assert not app.error
    assert "data" not in app.query_params


def test_another_session_without_the_link_sees_the_sample() -> None:
    stored(make_frame())
    assert "Sample data, simulated" in words(open_app("holdout"))


def test_the_data_stay_while_another_page_is_visited() -> None:
    app = use_file(upload(open_app("holdout"), to_csv(make_frame())))
    digest = app.query_params["data"]
    go_to(app, "overview")
    del app.query_params["data"]  # the navigation does not carry it
    go_to(app, "holdout")
    assert own(app, "mine.csv · 400 rows")
    assert app.query_params["data"] == digest


def test_sample_and_own_data_change_places_by_one_click() -> None:
    app = use_file(upload(open_app("holdout"), to_csv(make_frame())))
    app.radio(key="holdout_source").set_value("Sample").run()
    assert "Sample data, simulated" in words(app)
    assert "data" not in app.query_params
    assert own(choose_upload(app), "400 rows")


def test_the_tour_is_about_the_sample_and_gives_the_data_back() -> None:
    app = use_file(upload(open_app("holdout"), to_csv(make_frame())))
    app.button(key="holdout_tour_start").click().run()
    assert "Sample data, simulated" in words(app)
    assert "n = 200,000" in words(app)
    app.button(key="holdout_tour_end").click().run()
    assert own(app, "400 rows")


def test_data_deleted_from_the_store_can_be_given_again(home: Path) -> None:
    app = use_file(upload(open_app("holdout"), to_csv(make_frame())))
    (home / "holdout" / f"{app.query_params['data']}.parquet").unlink()
    assert "no longer kept here" in words(app.run())
    assert own(use_file(app), "400 rows")


# --- text from outside ---


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_names_and_values_are_shown_as_text_only(kind: str) -> None:
    bad = HOSTILE[kind]
    frame = make_frame().rename(columns={"device": f"{bad} device", "evidence": f"{bad} evidence"})
    frame[f"{bad} device"] = np.where(np.arange(len(frame)) % 2, bad, "plain")
    app = upload(open_app("holdout"), to_csv(frame), name=f"{bad[:40]}.csv")
    widget(app, "selectbox", "map_kind").set_value("variance").run()
    widget(app, "selectbox", "map_variance0").set_value(f"{bad} evidence")
    widget(app, "multiselect", "map_segments").set_value([f"{bad} device"])
    use_file(app)
    assert own(app, "400 rows")
    chosen = widget(app, "multiselect", "holdout_filters")
    chosen.set_value([f"{bad} device"]).run()
    keep = widget(app, "multiselect", "holdout_keep")
    keep.set_value([bad.strip()]).run()
    assert "The filter keeps 200 of 400 rows." in words(app)
    for view in ("Surface", "Slice", "Segments and time", "Report"):
        show(app, view)
        assert not app.error
        for chart in app.get("plotly_chart"):
            for part in FORBIDDEN:
                assert part not in chart.proto.spec
                assert part not in chart.proto.alt
        for one in [*app.selectbox, *app.multiselect, *app.expander]:
            assert bad.strip("'")[:8] not in re.sub("`[^`]*`", "", one.label), (
                "markdown labels quote what is from outside"
            )
        assert not any("evil.example" in one.value for one in [*app.markdown, *app.caption])


def test_columns_that_look_alike_are_told_apart() -> None:
    frame = make_frame().rename(columns={"label": "y<"})
    frame["y>"] = 1 - frame["y<"]
    app = upload(open_app("holdout"), to_csv(frame))
    select = widget(app, "selectbox", "map_label")
    assert len(set(select.options)) == len(select.options)
    for column in ("y<", "y>"):
        widget(app, "selectbox", "map_label").set_value(column)
        assert own(use_file(app), f"400 rows, {frame[column].sum()} positives")


def test_a_column_called_none_is_a_column() -> None:
    frame = make_frame()
    frame["(none)"] = 2.0
    app = upload(open_app("holdout"), to_csv(frame))
    widget(app, "selectbox", "map_weight").set_value("(none)")
    assert own(use_file(app), "400 rows")
    assert mapped(app, "weight") == "(none)"


def test_an_error_with_hostile_text_is_plain_text() -> None:
    frame = make_frame().astype({"label": object})
    frame.loc[3, "label"] = "![x](http://evil.example/x.png)"
    app = use_file(upload(open_app("holdout"), to_csv(frame)))
    assert [one.value for one in app.error] == ["This did not work."]
    assert any("evil.example" in one.value for one in app.text)
    assert not any("evil.example" in one.value for one in [*app.markdown, *app.caption, *app.info])
