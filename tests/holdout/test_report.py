"""The report stands alone, escapes what came from outside, and holds no row."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from core.holdout.exploration import explore
from core.holdout.positivity import Binning
from core.holdout.reliability import measure_reliability
from core.holdout.report import ReportParts, build_report
from core.holdout.segments import filter_rows
from core.holdout.slices import slice_at_score
from core.holdout.time_course import positivity_over_time
from core.holdout.verdict import state_verdict
from core.jobs import finish
from core.rng import make_generator

HOSTILE = "<img src=x onerror=alert(1)>"
MARKER = 0.917384621547


@pytest.fixture(scope="module")
def frame(world):
    named = world.rename(columns={"device": HOSTILE})
    named[HOSTILE] = named[HOSTILE].replace("web", f"</script>{HOSTILE}")
    named.loc[17, "score"] = MARKER  # its level's only row in its bin, or nearly
    return named


@pytest.fixture(scope="module")
def parts(engine, make_holdout, frame):
    holdout = make_holdout(frame, name=f"{HOSTILE}.csv")
    where = [filter_rows(holdout, HOSTILE, [f"</script>{HOSTILE}", "ios"])]
    levels, bins = Binning("equal_weight", 4), Binning("equal_width", 10)
    exploration = finish(explore(holdout, engine, levels=levels, bins=bins, where=where))
    reliability = finish(
        measure_reliability(exploration.surface(), holdout, engine, where=where, rng=make_generator(0))
    )
    course = finish(positivity_over_time(holdout, engine, where=where))
    cut = slice_at_score(exploration.cube, score=0.3, half_width=0.1)
    return ReportParts(exploration, minimum_rows=30, score_slice=cut, reliability=reliability, course=course)


@pytest.fixture(scope="module")
def html(parts):
    return build_report(parts)


class Tags(HTMLParser):
    """Every tag with its attributes, and the text outside scripts."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words = [], []
        self._script = False
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script"

    def handle_endtag(self, tag):
        self._script = self._script and tag != "script"

    def handle_data(self, data):
        if not self._script:
            self.words.append(data)


@pytest.fixture(scope="module")
def page(html):
    return Tags(html)


def test_needs_no_network(page):
    loading = {"src", "href", "srcset", "action", "data", "poster", "background", "xlink:href"}
    assert not [(tag, attrs) for tag, attrs in page.tags if loading & set(attrs)]
    assert not {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "link", "base", "form", "img", "a"}
    assert not re.search(r"url\(|@import", page.text)
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


def test_carries_the_library_once(html):
    assert html.count("Plotly.newPlot(") >= 5
    assert 3_000_000 < len(html) < 8_000_000


def test_hostile_names_are_plain_text(html):
    assert HOSTILE not in html
    assert html.count("<script") == html.count("</script>")  # no name could close one


def test_holds_no_row(html, frame):
    assert (frame["score"] == MARKER).sum() == 1
    assert str(MARKER)[2:8] not in html
    arrays = re.findall(r'"dtype":"f8","bdata":"([^"]+)"', html)  # how plotly writes numbers
    numbers = np.concatenate(
        [np.frombuffer(base64.b64decode(text.encode().decode("unicode_escape"))) for text in arrays]
    )
    assert len(numbers) > 300
    assert not np.isclose(numbers, MARKER, rtol=1e-9).any()
    clocks = {str(pd.Timestamp(t, unit="s"))[11:] for t in frame["time"]} - {"00:00:00"}
    beyond_the_library = "".join(html.split("<figure")[2:])
    assert not clocks & set(re.findall(r"\d\d:\d\d:\d\d", beyond_the_library))


def test_says_what_it_rests_on(page, parts, frame):
    exploration = parts.exploration
    kept = frame[frame[HOSTILE] != "tv"]
    assert exploration.holdout.digest in page.text
    assert f"rows used {len(kept):,} " in re.sub(r"\s+", " ", page.text)
    assert f"positives used {kept['label'].sum():,} " in page.text
    assert "filter img src=x onerror=alert(1) in /scriptimg src=x onerror=alert(1), ios " in page.text
    assert state_verdict(exploration.test) in page.text
    assert "What this does not tell" in page.text


def test_each_figure_has_its_table(html, parts):
    assert html.count("<details>") == html.count('<figure role="group" aria-label="') == 5
    first = parts.exploration.surface(minimum_rows=30).frame().iloc[0]
    assert f"<td>{first['rate']:.4g}</td>" in html
    assert f"<td>{first['rows']:.0f}</td>" in html


def test_one_level_and_no_time(engine, make_holdout, frame):
    holdout = make_holdout(frame.drop(columns="time"))
    levels, bins = Binning("equal_weight", 1), Binning("equal_width", 10)
    exploration = finish(explore(holdout, engine, levels=levels, bins=bins))
    reliability = finish(measure_reliability(exploration.surface(), holdout, engine, rng=make_generator(0)))
    cut = slice_at_score(exploration.cube, score=0.999, half_width=0.001)
    html = build_report(ReportParts(exploration, 30, cut, reliability, None))
    assert "nothing can be compared" in html
    assert html.count("<details>") == 3
    assert not np.isin(["nan", "NaN"], re.findall(r"<td>(.*?)</td>", html)).any()


def test_is_the_same_twice_but_for_the_names_of_its_boxes(parts, html):
    def plain(text):
        return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "", text)

    assert plain(build_report(parts)) == plain(html)
