"""``python -m core holdout``: the JSON contract, every option, and how it fails."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli.bar import run_with_bar
from core.intervals import wilson
from core.jobs import Progress

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample_data" / "holdout.csv"
KEYS = {"digest", "n", "positives", "excluded", "outside_edges", "uncertainty_kind", "level_order", "edge_rule",
        "levels", "cells", "tests"}  # fmt: skip
TEST_KEYS = {"deviance", "df", "p_value", "effect", "effect_lo", "effect_hi", "effect_unit", "effect_rows", "rows",
             "supported", "sentence", "bands"}  # fmt: skip


@pytest.fixture(scope="module")
def sample():
    return pd.read_csv(SAMPLE)


@pytest.fixture
def table(tmp_path):
    """Write a frame as CSV."""

    def write(frame, name="made.csv"):
        frame.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


def make_frame(n=400, seed=0):
    rng = np.random.default_rng(seed)
    score = rng.random(n).round(3)
    return pd.DataFrame(
        {
            "score": score,
            "std": rng.gamma(2, 1, n).round(3),
            "label": (rng.random(n) < score).astype(int),
            "low": score - 0.1,
            "high": score + rng.random(n).round(3),
            "w": rng.integers(1, 4, n),
            "when": pd.date_range("2026-01-01", periods=n, freq="h").strftime("%Y-%m-%dT%H:%M:%SZ"),
            "device": rng.choice(["web", "ios", "a=b"], n),
            "city": rng.choice(["Rome", "Oslo"], n),
        }
    )


def recount(frame, level_edges, score_edges, *, uncertainty="evidence"):
    """(level from the lowest value, bin) → (n, positives), by pandas, with the last cell of each axis closed."""
    cuts = [(uncertainty, level_edges), ("score", score_edges)]
    closed = [frame[c].clip(upper=np.nextafter(e[-1], -np.inf)).where(frame[c] <= e[-1]) for c, e in cuts]
    at = [pd.cut(c, e, right=False, labels=False) for c, (_, e) in zip(closed, cuts, strict=True)]
    found = frame["label"].groupby(at).agg(["size", "sum"])
    return {tuple(map(int, key)): (int(n), int(k)) for key, (n, k) in found.iterrows()}


def counts_of(result, *, evidence):
    """The same from the JSON; level 1 is the least uncertain, so for evidence the one with the highest values."""
    levels = [line["level"] for line in result["levels"]]
    edges = sorted({cell["score_lo"] for cell in result["cells"]})
    counted = {}
    for cell in result["cells"]:
        level = levels[-1] - cell["level"] if evidence else cell["level"] - 1
        if cell["n"]:
            counted[level, edges.index(cell["score_lo"])] = (cell["n"], cell["positives"])
    return counted


class TestContract:
    @pytest.fixture
    def result(self, call):
        outcome = call("positivity", SAMPLE)
        assert outcome.status == 0
        assert outcome.err == ""  # no bar without a terminal
        return outcome.json

    def test_keys(self, result):
        assert set(result) == KEYS
        assert re.fullmatch(r"[0-9a-f]{64}", result["digest"])
        assert result["excluded"] == {}
        assert result["edge_rule"] == "[lo, hi), the last one closed"
        assert result["level_order"] == "1 is the least uncertain"
        assert result["uncertainty_kind"] == "evidence"
        for line in result["levels"]:
            assert set(line) == {"level", "lo", "hi", "n", "positives"}
        for cell in result["cells"]:
            assert set(cell) == {"level", "score_lo", "score_hi", "n", "positives", "rate", "lo", "hi"}
        assert set(result["tests"]) == {"uncertainty_given_score"}
        assert set(result["tests"]["uncertainty_given_score"]) == TEST_KEYS

    def test_counts_are_what_pandas_counts(self, result, sample):
        level_edges = [line["lo"] for line in reversed(result["levels"])] + [result["levels"][0]["hi"]]
        expected = recount(sample, level_edges, [i / 20 for i in range(21)])
        assert counts_of(result, evidence=True) == expected
        assert result["n"] == sum(n for n, _ in expected.values()) == len(sample) == 2_000
        assert result["positives"] == sample.label.sum()
        assert result["outside_edges"] == 0

    def test_levels_are_cut_at_exact_quantiles_and_add_up(self, result, sample):
        ranked = np.sort(sample.evidence)
        cuts = [ranked[rank - 1] for rank in (400, 800, 1200, 1600)]  # 20 % of 2,000 rows is rank 400
        assert [line["lo"] for line in reversed(result["levels"])] == [ranked[0], *cuts]
        assert result["levels"][0]["hi"] == ranked[-1]
        assert [line["level"] for line in result["levels"]] == [1, 2, 3, 4, 5]
        for line in result["levels"]:
            cells = [cell for cell in result["cells"] if cell["level"] == line["level"]]
            assert len(cells) == 20
            assert sum(cell["n"] for cell in cells) == line["n"]
            assert sum(cell["positives"] for cell in cells) == line["positives"]

    def test_rates_have_wilson_intervals_and_empty_cells_are_null(self, result):
        empty = 0
        for cell in result["cells"]:
            ends = [cell["rate"], cell["lo"], cell["hi"]]
            if cell["n"] == 0:
                assert ends == [None, None, None]
                empty += 1
            else:
                lo, hi = map(float, wilson(cell["positives"], cell["n"]))
                assert ends == pytest.approx([cell["positives"] / cell["n"], lo, hi])
        assert empty > 0

    def test_the_test(self, result):
        test = result["tests"]["uncertainty_given_score"]
        assert test["deviance"] > 0
        assert test["df"] >= 1
        assert 0 <= test["p_value"] <= 1
        assert test["effect_lo"] <= test["effect"] <= test["effect_hi"]
        assert 0 < test["effect_rows"] <= 2_000
        assert f"deviance {test['deviance']:.1f} on {test['df']} df" in test["sentence"]
        assert [set(band) for band in test["bands"]] == [
            {"scores", "score_lo", "score_hi", "rows", "effect", "lo", "hi"}
        ] * 3
        assert test["effect_unit"] == "probability"
        assert isinstance(test["supported"], bool)

    def test_a_file_instead_of_standard_output(self, call, result, tmp_path):
        out = tmp_path / "out.json"
        outcome = call("positivity", SAMPLE, "--json", out)
        assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
        assert json.loads(out.read_text()) == result

    def test_excluded_rows_are_told_by_reason(self, call, table):
        frame = make_frame()
        frame.loc[3:5, "score"] = np.nan
        frame.loc[7, "label"] = np.nan
        result = call("positivity", table(frame)).json
        assert sum(result["excluded"].values()) == 4
        assert sorted(result["excluded"].values()) == [1, 3]
        assert all(isinstance(reason, str) for reason in result["excluded"])
        assert result["n"] == 396


class TestOptions:
    def test_columns_are_guessed_from_usual_names(self, call, table):
        frame = make_frame()[["score", "std", "label"]].rename(columns={"score": "Prediction", "label": "clicked"})
        result = call("positivity", table(frame)).json
        assert result["uncertainty_kind"] == "std"
        assert result["n"] == 400

    def test_named_columns(self, call, table):
        frame = make_frame().rename(columns={"score": "a b", "std": "c", "label": "d"})
        options = ["--score", "a b", "--uncertainty", "c", "--uncertainty-kind", "entropy", "--label", "d"]
        result = call("positivity", table(frame), *options).json
        assert result["uncertainty_kind"] == "entropy"
        assert result["n"] == 400

    def test_the_kind_follows_the_named_column(self, call, table):
        frame = make_frame().assign(evidence=range(1, 401))
        assert call("positivity", table(frame)).json["uncertainty_kind"] == "evidence"
        assert call("positivity", table(frame), "--uncertainty", "std").json["uncertainty_kind"] == "std"

    def test_a_name_that_tells_no_kind_is_not_guessed(self, call, table):
        """Evidence taken for a variance would turn the levels round."""
        path = table(make_frame().assign(n_obs=range(1, 401)))
        outcome = call("positivity", path, "--uncertainty", "n_obs")
        assert outcome.status == 2
        assert outcome.out == ""
        assert "--uncertainty-kind" in outcome.err
        told = call("positivity", path, "--uncertainty", "n_obs", "--uncertainty-kind", "evidence")
        assert told.json["uncertainty_kind"] == "evidence"

    @pytest.mark.parametrize("names", [("low", "high"), ("from", "to")])
    def test_two_columns_are_an_interval(self, call, table, names):
        frame = make_frame().rename(columns=dict(zip(("low", "high"), names, strict=True)))
        result = call("positivity", table(frame), "--uncertainty", names[0], "--uncertainty", names[1]).json
        width = frame[names[1]] - frame[names[0]]
        assert result["uncertainty_kind"] == "interval"
        assert result["levels"][0]["lo"] == pytest.approx(width.min())
        assert result["levels"][-1]["hi"] == pytest.approx(width.max())

    def test_typed_edges(self, call, table):
        frame = make_frame()
        outcome = call("positivity", table(frame), "--level-edges", "0.5,1; 4", "--score-edges", "0.25, 0.5,0.75")
        result = outcome.json
        assert [(line["lo"], line["hi"]) for line in result["levels"]] == [(0.5, 1), (1, 4)]
        expected = recount(frame, [0.5, 1, 4], [0.25, 0.5, 0.75], uncertainty="std")
        assert counts_of(result, evidence=False) == expected
        inside = frame[frame["std"].between(0.5, 4) & frame["score"].between(0.25, 0.75)]
        assert result["n"] == len(inside)
        assert result["outside_edges"] == 400 - len(inside)

    def test_methods_and_numbers(self, call, table):
        frame = make_frame()
        result = call("positivity", table(frame), "--levels", 3, "--level-method", "equal-width", "--bins", 4,
                      "--bin-method", "equal-weight").json  # fmt: skip
        lo, hi = frame["std"].min(), frame["std"].max()
        assert [line["lo"] for line in result["levels"]] == pytest.approx([lo, lo + (hi - lo) / 3, hi - (hi - lo) / 3])
        ranked = np.sort(frame["score"])
        edges = sorted({cell["score_lo"] for cell in result["cells"]})
        assert edges == [0, ranked[99], ranked[199], ranked[299]]  # quarters of 400 rows

    def test_weights(self, call, table):
        frame = make_frame()
        result = call("positivity", table(frame), "--weight", "w", "--levels", 1, "--bins", 1).json
        (cell,) = result["cells"]
        assert cell["n"] == 400
        assert cell["rate"] == pytest.approx(np.average(frame["label"], weights=frame["w"]))
        rate, w = cell["rate"], frame["w"]
        variance = (w**2 * (frame["label"] - rate) ** 2).sum() / w.sum() ** 2
        n = rate * (1 - rate) / variance  # rows at which a binomial rate has this variance
        assert [cell["lo"], cell["hi"]] == pytest.approx([float(end) for end in wilson(cell["rate"] * n, n)])
        assert result["tests"]["uncertainty_given_score"] is None  # one level: nothing to compare

    def test_conditions(self, call, table):
        frame = make_frame()
        path = table(frame)
        result = call("positivity", path, "--where", "device=web", "--where", "city=Oslo").json
        kept = frame[(frame.device == "web") & (frame.city == "Oslo")]
        assert (result["n"], result["positives"]) == (len(kept), kept.label.sum())
        either = call("positivity", path, "--where", "device=web", "--where", "device=a=b").json
        assert either["n"] == frame.device.isin(["web", "a=b"]).sum()

    def test_time_and_segments_change_the_digest_but_no_count(self, call, table):
        path = table(make_frame())
        plain = call("positivity", path).json
        mapped = call("positivity", path, "--time", "when", "--segment", "device", "--segment", "city").json
        assert mapped["digest"] != plain["digest"]
        assert mapped["cells"] == plain["cells"]

    def test_several_files_are_one_holdout(self, call, table):
        frame = make_frame()
        parts = [table(frame[:150], "a.csv"), table(frame[150:], "b.csv")]
        whole = call("positivity", table(frame)).json
        both = call("positivity", *parts).json
        assert both["n"] == 400
        assert both["cells"] == whole["cells"]
        assert both["levels"] == whole["levels"]

    def test_help_needs_no_file(self, call):
        outcome = call("--help")
        assert outcome.status == 0
        assert all(name in outcome.out for name in ("positivity", "report", "list", "delete"))


FAILURES = {
    "missing file": (["positivity", "nowhere.csv"], "nowhere.csv cannot be read", "Check that the file is there"),
    "one of two files missing": (["positivity", "{file}", "x.csv"], "x.csv cannot be read", "Check that the file"),
    "folder": (["positivity", "."], "is not a file", "Name a CSV"),
    "missing column": (["positivity", "{file}", "--score", "scoer"], "There is no column 'scoer'", "Choose one of"),
    "missing segment": (["positivity", "{file}", "--segment", "x"], "There is no column 'x'", "Choose one of"),
    "one column, two roles": (["positivity", "{file}", "--label", "score"], "two roles", "different column"),
    "the label as group": (["positivity", "{file}", "--group", "label"], "cannot be the group", "such as the user"),
    "three uncertainties": (["positivity", "{file}", *["--uncertainty", "std"] * 3], "3 given", "Map low and high"),
    "bad value": (["positivity", "{file}", "--label", "std"], "std", ""),
    "bad edges": (["positivity", "{file}", "--level-edges", "1,0"], "increasing", "Type them as"),
    "edges that are words": (["positivity", "{file}", "--score-edges", "a,b"], "score edges must be numbers", "Type"),
    "empty edges": (["positivity", "{file}", "--level-edges", ""], "at least two increasing", "Type them as"),
    "edges beyond all rows": (["positivity", "{file}", "--level-edges", "800,900"], "No row lies inside", "Widen"),
    "no levels": (["positivity", "{file}", "--levels", "0"], "levels must be a whole number from 1 to 100", "Choose"),
    "too many levels": (["positivity", "{file}", "--levels", "101"], "from 1 to 100; it is 101", "Choose levels"),
    "too many bins": (["positivity", "{file}", "--bins", "10001"], "from 1 to 10,000; it is 10001", "Choose bins"),
    "unknown value": (["positivity", "{file}", "--where", "device=tv"], "'device' has no value 'tv'", "Choose among"),
    "no equals sign": (["positivity", "{file}", "--where", "device"], "must be COLUMN=VALUE", "device=web"),
    "the same file twice": (["positivity", "{file}", "{file}"], "same bytes", "Leave one of them out"),
    "slice beyond 1": (
        ["report", "{file}", "--score-slice", "1.5", "--html", "{out}"],
        "score must be between",
        "Choose",
    ),
    "no such folder": (["positivity", "{file}", "--json", "nowhere/x.json"], "No such file", "Give a path"),
    "bad digest": (["delete", "../../etc"], "not a data digest", "64 hexadecimal digits"),
    "unknown digest": (["delete", "0" * 64], "no stored holdout 000000000000", "list"),
}
MISUSES = {
    "no command": [],
    "unknown command": ["positivitee"],
    "no file": ["positivity"],
    "unknown option": ["positivity", "{file}", "--colour", "red"],
    "unknown kind": ["positivity", "{file}", "--uncertainty-kind", "doubt"],
    "unknown method": ["positivity", "{file}", "--bin-method", "magic"],
    "levels that are no number": ["positivity", "{file}", "--levels", "many"],
    "report without a target": ["report", "{file}"],
    "delete of nothing": ["delete"],
    "delete of one and all": ["delete", "0" * 64, "--all"],
}


class TestFailures:
    @pytest.fixture(autouse=True)
    def here(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)

    def arguments(self, texts, table, tmp_path):
        path = table(make_frame())
        return [text.format(file=path, out=tmp_path / "out.html") for text in texts]

    @pytest.mark.parametrize("case", FAILURES)
    def test_says_what_was_found_and_what_to_do(self, call, table, tmp_path, case):
        texts, found, mend = FAILURES[case]
        outcome = call(*self.arguments(texts, table, tmp_path))
        assert (outcome.status, outcome.out) == (2, "")
        error, fix = outcome.err.splitlines()
        assert re.search(rf"^error: .*{re.escape(found)}", error)
        assert re.search(rf"^  mend: \w.*{re.escape(mend)}|^  mend: {re.escape(mend)}\w*", fix)
        assert not (tmp_path / "out.html").exists()

    @pytest.mark.parametrize("case", MISUSES)
    def test_misuse_shows_the_usage(self, call, table, tmp_path, case):
        outcome = call(*self.arguments(MISUSES[case], table, tmp_path))
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("usage: python -m core")

    @pytest.mark.parametrize("missing", ["score", "std", "label"])
    def test_nothing_to_guess(self, call, table, missing):
        role = {"std": "uncertainty"}.get(missing, missing)
        outcome = call("positivity", table(make_frame()[["score", "std", "label"]].rename(columns={missing: "x"})))
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err == f"error: No column looks like the {role}.\n  mend: Name it with --{role}.\n"

    def test_a_setting_that_is_no_number(self, call, monkeypatch):
        monkeypatch.setenv("RECSCOPE_QUERY_S", "soon")
        outcome = call("positivity", SAMPLE)
        assert (outcome.status, outcome.out) == (2, "")
        assert "RECSCOPE_QUERY_S must be a whole number" in outcome.err


class TestStored:
    def test_list_and_delete(self, call, table, home):
        path = table(make_frame(), "it's\x1b[31m.csv")
        digests = sorted(call("positivity", p).json["digest"] for p in (path, SAMPLE))
        lines = call("list").out.splitlines()
        assert [line.split()[0] for line in lines] == digests
        assert any("2,000 rows  'holdout.csv'" in line for line in lines)
        assert "\x1b" not in "".join(lines)  # a name cannot steer the terminal
        outcome = call("delete", digests[0])
        assert (outcome.status, outcome.out) == (0, f"deleted {digests[0]}\n")
        assert call("delete", digests[0]).status == 2
        assert [line.split()[0] for line in call("list").out.splitlines()] == digests[1:]
        assert call("delete", "--all").out == f"deleted {digests[1]}\n"
        assert (call("list").out, call("delete", "--all").out) == ("", "")
        assert not list(home.rglob("*.parquet"))

    def test_the_same_content_is_stored_once(self, call, table):
        path = table(make_frame())
        assert call("positivity", path).out == call("positivity", path, "--label", "label").out
        assert len(call("list").out.splitlines()) == 1

    def test_a_broken_stored_file_does_not_stop_the_list(self, call, home):
        (home / "holdout").mkdir(parents=True)
        (home / "holdout" / f"{'0' * 64}.parquet").write_bytes(b"PAR1 no more")
        outcome = call("list")
        assert (outcome.status, outcome.out) == (0, f"{'0' * 64}  cannot be read\n")
        assert call("delete", "0" * 64).status == 0


def test_the_report_stands_alone(call, table, tmp_path):
    out = tmp_path / "report.html"
    frame = make_frame().assign(device="<b>web</b>")
    outcome = call("report", table(frame), "--time", "when", "--where", "device=<b>web</b>", "--score-slice", 0.5,
                   "--half-width", 0.1, "--html", out)  # fmt: skip
    assert (outcome.status, outcome.out, outcome.err) == (0, "", "")
    html = out.read_text(encoding="utf-8")
    tags = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)  # plotly's own code speaks of links
    assert not re.search(r"\b(src|href)\s*=|url\(|@import", tags)
    assert not re.search(r"<script[^>]*\bsrc", html)
    assert "<b>web" not in html
    assert "At score 0.5" in html
    assert "by hour" in html or "by day" in html


class TestBar:
    class Terminal(io.StringIO):
        def __init__(self, tty):
            super().__init__()
            self.tty = tty

        def isatty(self):
            return self.tty

    def work(self):
        yield Progress(0, "Reading")
        yield Progress(0.5, "Reading")
        return 42

    def test_is_drawn_on_a_terminal_and_wiped(self, monkeypatch):
        screen = self.Terminal(tty=True)
        monkeypatch.setattr(sys, "stderr", screen)
        assert run_with_bar(self.work()) == 42
        text = screen.getvalue()
        assert f"[{'#' * 15}{' ' * 15}]  50%" in text
        assert text.endswith("\r\x1b[K")

    def test_is_silent_elsewhere(self, monkeypatch):
        screen = self.Terminal(tty=False)
        monkeypatch.setattr(sys, "stderr", screen)
        assert run_with_bar(self.work()) == 42
        assert screen.getvalue() == ""

    def test_is_wiped_before_an_error_is_told(self, monkeypatch):
        def broken():
            yield Progress(0.1, "Reading")
            raise KeyError("x")

        screen = self.Terminal(tty=True)
        monkeypatch.setattr(sys, "stderr", screen)
        with pytest.raises(KeyError):
            run_with_bar(broken())
        assert screen.getvalue().endswith("\r\x1b[K")

    def test_keeps_standard_output_clean(self, call, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        outcome = call("positivity", SAMPLE)
        assert outcome.json["n"] == 2_000
        assert "Reading and checking rows" in outcome.err


def test_as_a_process_of_its_own(home, call):
    command = [sys.executable, "-m", "core", "holdout", "positivity"]
    good = subprocess.run([*command, str(SAMPLE)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout == call("positivity", SAMPLE).out
    bad = subprocess.run([*command, "nowhere.csv"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "mend: " in bad.stderr
