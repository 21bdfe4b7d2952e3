"""The sign-off page: every state of a version, what each person may do, drafts, looks, exports, and proof."""

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.settings import Settings
from core.signoff.data import Receipt
from core.signoff.history import read_lines
from core.signoff.ledger import now_utc
from core.thresholds.policy_file import read_policy
from pages import _signoff_view
from pages._signoff_evidence import _tell_single
from pages._signoff_list import PER_PAGE
from pages._signoff_sent import Sent
from tests.pages.desk import LAST_SPRING, POLICY, Desk, Stock, make_stock, open_desk
from tests.pages.drive import charts, go_to, keys, open_app
from tests.pages.drive import words as plain_words

VIEWS = {
    "Review": (["Thresholds, present and proposed"],
               ["csv_submissions", "csv_levels of the submission", "csv_change against the active policy",
                "csv_signatures"]),
    "Draft": ([], []),
    "Watch": (["Precision since activation", "Precision of each level, signed and now", "Where the rows have moved"],
              ["csv_looks at the policy", "csv_levels signed and now", "csv_population shift"]),
    "Export": ([], ["signoff_json", "signoff_sql", "signoff_python", "signoff_lines", "signoff_report"]),
    "Verify": ([], []),
}  # fmt: skip
HOSTILE = '<img src=x onerror=alert(1)> **bold** $\\frac{1}{2}$ =HYPERLINK("x") :red[x] [x](http://x) %{y}'
UNSIGNED = "Nothing was signed."


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    return make_stock(tmp_path_factory.mktemp("stock"))


@pytest.fixture
def desk(home: Path, stock: Stock) -> Iterator[Desk]:
    """The server's own ledger, made last spring, and its holdouts."""
    stock.copy_to(home)
    with open_desk(stock, Settings.from_environment(), clock=lambda: LAST_SPRING):
        pass
    with open_desk(stock, Settings.from_environment()) as desk:
        yield desk


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever signs here never clicks twice by accident, however fast."""
    monkeypatch.setattr(_signoff_view, "DOUBLE_CLICK_SECONDS", 0)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each download button of the page would give, by its key."""
    found, offer = {}, st.download_button

    def note(label: str, data: Any, **options: Any) -> bool:
        found[options["key"]] = data() if callable(data) else data
        return offer(label, data, **options)

    monkeypatch.setattr(st, "download_button", note)
    return found


def words(app: AppTest) -> str:
    """All that the page says, its good news included."""
    return "\n".join([plain_words(app), *(str(one.value) for one in app.success)])


def open_as(name: str, **query: str) -> AppTest:
    """Open the page, and type a name."""
    return type_name(open_app("signoff", **query), name)


def type_name(app: AppTest, name: str) -> AppTest:
    """Say who signs."""
    return app.text_input(key="signoff_name").set_value(name).run()


def show(app: AppTest, view: str) -> AppTest:
    """Open a view; the browser writes it into the address as well."""
    app.session_state["signoff_view"] = app.query_params["signoff_view"] = view
    return app.run()


def acts(app: AppTest) -> list[str]:
    """The acts that are offered on the version in view."""
    return [one.label for one in app.button if (one.key or "").startswith("signoff_act_")]


def press(app: AppTest, act: str, text: str = "") -> AppTest:
    """Type a remark or a rationale, and sign."""
    next(one for one in app.text_area if one.key.startswith("signoff_act")).set_value(text)
    return app.button(key=f"signoff_act_{act.lower().replace(' ', '_')}").click().run()


def draft(app: AppTest, stock: Stock, name: str = "first") -> AppTest:
    """Come from the thresholds page with a draft."""
    made = stock.made[name]
    app.session_state["signoff_sent"] = Sent(made.policy, made.evidence)
    return show(app, "Draft")


def submit(app: AppTest, rationale: str = "More recall.") -> AppTest:
    """Fill the form of the draft in, and send it."""
    app.text_area(key="signoff_submit_rationale").set_value(rationale)
    return find_submit(app).click().run()


def find_submit(app: AppTest) -> Any:
    """The button of that form."""
    return next(one for one in app.button if one.label == "Submit for review")


# --- nothing signed yet, or the ledger is no good ---


@pytest.mark.parametrize("view", VIEWS)
def test_an_empty_ledger_shows_an_invented_one_in_every_view(view: str, desk: Desk) -> None:
    app = open_app("signoff", signoff_view=view)
    figures, downloads = VIEWS[view]
    assert not app.error
    assert [tab.label for tab in app.tabs] == list(VIEWS)
    assert "Invented people and the simulated sample" in words(app)
    assert charts(app) == figures
    assert keys(app, "download_button") == downloads
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))
    assert len(app.dataframe) == sum(key.startswith("csv_") for key in downloads)


def test_signing_in_the_demonstration_leaves_the_own_ledger_alone(desk: Desk) -> None:
    app = press(open_as("Edsger"), "Approve")
    assert "Signed and recorded" in words(app)
    assert "It has 1 of 2 approvals." in words(app)
    assert desk.acts() == []


@pytest.mark.parametrize("spoil", ["no database", "cut short", "other tables", "no triggers"])
def test_a_damaged_ledger_is_named_and_the_other_pages_work(spoil: str, home: Path, stock: Stock) -> None:
    file = home / "signoff" / "ledger.db"
    with open_desk(stock, Settings.from_environment()) as desk:
        desk.put_in_force()
    if spoil == "no database":
        file.write_bytes(b"no database at all" * 100)
    elif spoil == "cut short":
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2])
    else:
        with sqlite3.connect(file) as connection:
            if spoil == "other tables":
                connection.execute("ALTER TABLE records RENAME TO others")
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
        connection.close()
    app = open_app("signoff")
    assert str(file) in words(app)
    assert len(app.error) == 1
    assert "What this does not tell" in words(app)
    for word in ("overview", "thresholds", "holdout"):
        assert not go_to(app, word).error
        assert not app.exception


def test_a_setting_that_cannot_be_is_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSCOPE_LEDGER", "mysql://nobody@nowhere/nothing")
    app = open_app("signoff")
    assert "mysql" in words(app)
    assert len(app.error) == 1
    monkeypatch.setenv("RECSCOPE_LEDGER", "")
    monkeypatch.setenv("RECSCOPE_QUORUM", "none")
    assert "RECSCOPE_QUORUM must be a whole number" in words(open_app("signoff"))


# --- a draft ---


def test_the_thresholds_page_sends_a_draft_here(desk: Desk) -> None:
    app = open_app("thresholds", thresholds_view="Export")
    app.button(key="thresholds_open").click().run()
    app.button(key="thresholds_send").click().run()
    assert app.title[0].value == "Sign-off"
    said = words(app)
    assert "Draft of version 1 of thresholds" in said
    assert "With confidence 0.95, the precision of all accepted rows is at least 0.35" in said
    assert "No version is active yet." in said
    assert "Needs 1 approval by other people. Nothing is active yet" in said
    submit(show(type_name(go_to(app, "signoff"), "Ada"), "Draft"))
    assert "Signed and recorded as number 1: submit, version 1." in words(app)
    assert [one[:2] for one in desk.acts()] == [("submit", 1)]
    assert show(app, "Review").subheader[0].value == "thresholds, version 1"


def test_without_a_draft_the_page_says_where_drafts_come_from(desk: Desk) -> None:
    desk.submit()
    app = open_as("Ada", signoff_view="Draft")
    assert "There is no draft." in words(app)
    app.button(key="signoff_go_tune").click().run()
    assert app.title[0].value == "Thresholds"


def test_a_draft_without_a_name_can_be_read_and_not_submitted(desk: Desk, stock: Stock) -> None:
    app = draft(open_app("signoff"), stock)
    button = find_submit(app)
    assert button.disabled
    assert "Type your name above to sign." in words(app)
    button.proto.disabled = False  # as a client may see it that is no browser
    submit(app)
    assert desk.acts() == []


def test_a_draft_is_submitted_once_with_all_that_it_rests_on(desk: Desk, stock: Stock) -> None:
    app = draft(open_as("Ada"), stock)
    submit(app, "  Partners ask\nfor it.  ")
    assert desk.acts() == [("submit", 1, "Ada")]
    record = next(desk.ledger.read(after=0))
    assert record.policy == "thresholds"
    assert record.payload["rationale"] == "Partners ask\nfor it."
    assert record.payload["review_by"] == (now_utc().date() + timedelta(days=90)).isoformat()
    assert record.payload["guarantee"] == stock.made["first"].draft.payload["guarantee"]
    assert "There is no draft." in words(app)
    assert "signoff_go_tune" not in keys(app, "button"), "the second half of a double click would press it"


@pytest.mark.parametrize("blank", ["", "  \n "])
def test_a_draft_without_a_reason_is_not_submitted_and_stays(blank: str, desk: Desk, stock: Stock) -> None:
    app = submit(draft(open_as("Ada"), stock), blank)
    assert UNSIGNED in words(app)
    assert "A rationale of 1 to 5,000 characters is needed" in words(app)
    assert desk.acts() == []
    assert "Signed and recorded" in words(submit(app))
    assert UNSIGNED not in words(app)
    assert desk.acts() == [("submit", 1, "Ada")]


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("soon", "'soon' is no day."),
        ("2026-03-01", "The review date has passed."),
        ("2999-12-31", "is more than 2 years ahead"),
    ],
)
def test_a_draft_needs_a_day_of_review_to_come(day: str, told: str, desk: Desk, stock: Stock) -> None:
    app = draft(open_as("Ada"), stock)
    app.text_input(key="signoff_submit_review_by").set_value(day)
    assert told in words(submit(app))
    assert desk.acts() == []
    late = (now_utc().date() + timedelta(days=700)).isoformat()
    app.text_input(key="signoff_submit_review_by").set_value(late)
    submit(app)
    assert next(desk.ledger.read(after=0)).payload["review_by"] == late


def test_a_draft_that_is_not_confirmed_says_so_and_so_does_its_approval(desk: Desk, stock: Stock) -> None:
    app = draft(open_as("Ada"), stock, "unconfirmed")
    assert any("Not confirmed: no precision was shown" in one.value for one in app.warning)
    assert "No other rows were asked." in words(app)
    submit(app)
    press(type_name(show(app, "Review"), "Grace"), "Approve")
    meaning = next(desk.ledger.read(after=1)).meaning
    assert "know that it confirms no precision" in meaning
    assert meaning in app.dataframe[-1].value["meaning"].tolist()


def test_a_name_that_is_no_name_of_a_policy_is_refused_before_anything_is_counted(desk: Desk, stock: Stock) -> None:
    app = draft(open_as("Ada"), stock)
    app.text_input(key="signoff_new_policy_name").set_value("../Clicks").run()
    assert "is no name of a policy" in words(app)
    assert not app.text_area
    app.text_input(key="signoff_new_policy_name").set_value("bids-2.x").run()
    assert "Draft of version 1 of bids-2.x" in words(app)
    submit(app)
    assert desk.ledger.policies() == ["bids-2.x"]
    assert app.selectbox(key="signoff_policy").value == "bids-2.x"


def test_a_new_policy_stays_in_view_once_it_is_submitted(desk: Desk, stock: Stock) -> None:
    desk.submit()
    app = draft(open_as("Ada"), stock)
    app.selectbox(key="signoff_policy").set_value("signoff_new_policy").run()
    submit(app)
    assert desk.ledger.policies() == [POLICY, "thresholds"]
    assert app.selectbox(key="signoff_policy").value == "thresholds"
    assert show(app, "Review").subheader[0].value == "thresholds, version 1"


def test_a_new_version_is_the_one_in_view_once_it_is_submitted(desk: Desk, stock: Stock) -> None:
    desk.put_in_force()
    app = open_as("Ada", signoff_version="1")
    submit(draft(app, stock, "close"))
    assert show(app, "Review").subheader[0].value == f"{POLICY}, version 2"


def test_a_draft_whose_rows_are_gone_is_a_message(desk: Desk, stock: Stock, home: Path) -> None:
    for path in (home / "holdout").iterdir():
        path.unlink()
    app = draft(open_as("Ada"), stock)
    assert "The data of this draft is no longer kept here." in words(app)


def test_a_draft_is_told_of_its_rival_and_shows_the_difference(desk: Desk, stock: Stock) -> None:
    desk.put_in_force()
    desk.submit("Alan", "large")
    app = draft(open_as("Ada"), stock, "close")
    assert any("Version 2, by `Alan`, is submitted against the same active policy." in one.value for one in app.warning)
    assert charts(app) == ["Thresholds, present and proposed"] * 2
    assert "csv_version 2 and this draft" in keys(app, "download_button")
    submit(app)
    assert desk.acts()[-1] == ("submit", 3, "Ada")
    desk.approve("Grace", 3)
    desk.activate("Ada", 3)
    app = open_as("Grace", signoff_version="2")
    assert "Version 3 became active" in words(app)
    assert acts(app) == []


def test_what_is_typed_about_one_version_is_not_signed_for_another(desk: Desk) -> None:
    for name in ("first", "large"):
        desk.submit("Ada", name)
    app, said = open_as("Grace"), []
    for index in (0, 1):  # version 2, then 1
        app.selectbox(key="signoff_version").select_index(index).run()
        (box,) = (one for one in app.text_area if one.key.startswith("signoff_act"))
        said.append(box.value)
        box.set_value("About the first one.").run()
    assert said == ["", ""]


def test_a_single_threshold_is_shown_beside_the_evidence(desk: Desk) -> None:
    desk.submit("Ada")
    baseline = desk.records(1)[0].payload["baseline"]
    said = words(open_as("Grace"))
    for title, half in (("Tuned (hopeful)", "tuned"), ("Confirmed (fresh rows)", "confirmed")):
        counts = baseline[half]
        ends = (f"{counts[f'precision{end}']:.2%}" for end in ("", "_lo", "_hi"))
        assert "{}: precision {} (95 %: {} – {}), recall".format(title, *ends) in said
        assert f"; {counts['accepted']:,} of {counts['n']:,} rows accepted, {counts['tp']:,} of them positive." in said


@pytest.mark.parametrize(
    ("baseline", "told"),
    [
        (None, ["None meets the target."]),
        ({"refused": {"reason": "Too few rows."}}, ["It is not confirmed: Too few rows."]),
    ],
)
def test_without_a_confirmed_single_threshold_it_says_why(baseline: Any, told: list[str]) -> None:
    assert list(_tell_single(baseline)) == told


def test_a_void_rival_is_not_told_of(desk: Desk, stock: Stock) -> None:
    desk.submit("Alan", "large")
    desk.put_in_force("first")
    app = draft(open_as("Ada"), stock, "close")
    assert not app.warning


def test_a_draft_that_was_compared_with_an_older_version_is_not_submitted(desk: Desk, stock: Stock) -> None:
    app = draft(open_as("Ada"), stock)
    app.text_input(key="signoff_new_policy_name").set_value(POLICY).run()
    desk.put_in_force("large")
    submit(app)
    assert UNSIGNED in words(app)
    assert "Somebody signed clicks in between: it is at revision 4, not 0." in words(app)
    assert len(desk.acts()) == 4
    app.selectbox(key="signoff_policy").set_value(POLICY).run()
    assert "Draft of version 2 of clicks" in words(app)
    assert "Needs 2 approvals" in words(app)
    submit(app)
    assert desk.acts()[-1] == ("submit", 2, "Ada")


# --- states, and who may do what ---


def expired(desk: Desk) -> None:
    """In force since last spring; its review was due a month later."""
    with open_desk(desk.stock, Settings.from_environment(), clock=lambda: LAST_SPRING) as then:
        then.put_in_force(review_by="2026-04-01")


def reach(state: str, desk: Desk) -> None:
    """Bring version 1 into a state."""
    if state == "expired":
        return expired(desk)
    if state == "void":
        desk.submit()
        desk.put_in_force("close")
        return None
    steps: dict[str, list[Callable[[], Any]]] = {
        "submitted": [desk.submit],
        "approved": [desk.submit, desk.approve],
        "rejected": [desk.submit, desk.reject],
        "withdrawn": [desk.submit, desk.approve, desk.withdraw],
        "active": [desk.put_in_force],
        "superseded": [desk.put_in_force, lambda: desk.put_in_force("close")],
        "rolled back": [desk.put_in_force, lambda: desk.put_in_force("close"), desk.roll_back,
                        lambda: desk.roll_back(version=2)],
    }  # fmt: skip
    for step in steps[state]:
        step()
    return None


STATES = {  # state: what its author, and what another person may do
    "submitted": (["Withdraw"], ["Approve", "Reject"]),
    "approved": (["Activate", "Withdraw"], ["Activate", "Reject"]),
    "rejected": ([], []),
    "withdrawn": ([], []),
    "active": ([], []),
    "superseded": (["Roll back to this"], ["Roll back to this"]),
    "expired": ([], []),
    "rolled back": (["Roll back to this"], ["Roll back to this"]),
    "void": ([], []),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_says_what_it_is_and_offers_what_may_be_done(state: str, desk: Desk) -> None:
    reach(state, desk)
    app = open_app("signoff", signoff_version="1")
    assert app.subheader[0].value == f"{POLICY}, version 1"
    assert any(one.value.endswith(f"{state.capitalize()}]") for one in app.markdown)
    assert f"1 · {state} · Ada" in app.selectbox(key="signoff_version").options[-1]
    assert acts(app) == [], "nobody has said who they are"
    for name, offered in zip(("ADA", "Edsger"), STATES[state], strict=True):
        type_name(app, name)
        assert not app.error
        assert acts(app) == offered
    assert app.dataframe[0].value["state"].tolist()[-1] == state
    records = desk.records(1)
    assert app.dataframe[-1].value["hash"].tolist() == [one.hash for one in records]
    assert app.dataframe[-1].value["by"].tolist() == [one.signer.name for one in records]


def test_from_submission_to_a_roll_back_by_buttons(desk: Desk) -> None:
    desk.submit()
    app = press(open_as("Grace"), "Approve", "Looks right.")
    assert "Signed and recorded as number 2: approve, version 1." in words(app)
    assert press(app, "Activate").text
    assert "It is in force" in words(app)
    desk.put_in_force("close")
    app = press(open_as("Edsger", signoff_version="1"), "Roll back to this", "Complaints.")
    assert "It is in force" in words(app)
    assert desk.acts()[1:3] == [("approve", 1, "Grace"), ("activate", 1, "Grace")]
    assert desk.acts()[-1] == ("roll_back", 1, "Edsger")
    assert [one.payload.get("remark") for one in desk.records(1)][1] == "Looks right."
    assert app.dataframe[-1].value["said"].tolist() == ["More recall.", "Looks right.", "", "Complaints."]


@pytest.mark.parametrize(
    ("state", "act", "name"),
    [("submitted", "Reject", "Grace"), ("submitted", "Withdraw", "Ada"), ("superseded", "Roll back to this", "Grace")],
)
def test_an_act_that_needs_a_reason_is_not_signed_without(state: str, act: str, name: str, desk: Desk) -> None:
    reach(state, desk)
    before = desk.acts()
    app = press(open_as(name, signoff_version="1"), act)
    assert UNSIGNED in words(app)
    assert "A rationale of 1 to 5,000 characters is needed" in words(app)
    assert desk.acts() == before
    press(app, act, "A reason.")
    assert "Signed and recorded" in words(app)
    assert desk.acts()[-1] == (act.split()[0].lower() if act != "Roll back to this" else "roll_back", 1, name)


def test_a_large_change_needs_two_people(desk: Desk) -> None:
    desk.put_in_force()
    desk.submit("Ada", "large")
    app = press(open_as("Grace"), "Approve")
    assert "It has 1 of 2 approvals. The accepted volume changes by -5" in words(app)
    assert "Activate" not in acts(app)
    assert acts(app) == ["Reject"], "nobody approves twice"
    press(type_name(app, "Edsger"), "Approve")
    assert acts(app) == ["Activate", "Reject"]
    assert app.dataframe[0].value["approvals"].tolist() == ["2 of 2", "1 of 1"]


def test_a_quorum_of_the_server_holds(desk: Desk, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSCOPE_QUORUM", "3")
    app = open_as("Ada")
    assert "Invented people" in words(app)
    assert not app.error
    assert "Needs 3 approvals by other people." in words(draft(app, stock))


@pytest.mark.parametrize(
    ("between", "told"),
    [
        (lambda desk: desk.withdraw(), "Withdrawn"),
        (lambda desk: desk.approve("Edsger"), "Approved"),
        (lambda desk: desk.submit("Alan", "large"), "Submitted"),
    ],
)
def test_what_was_signed_in_between_is_told_and_nothing_is_written(
    between: Callable[[Desk], Any], told: str, desk: Desk
) -> None:
    desk.submit()
    app = open_as("Grace", signoff_version="1")
    between(desk)
    before = desk.acts()
    press(app, "Approve")
    assert UNSIGNED in words(app)
    assert "Somebody signed clicks in between: it is at revision 2, not 1." in words(app)
    assert desk.acts() == before
    assert any(one.value.endswith(f"{told}]") for one in app.markdown), "the page shows the present state"
    app.button(key="signoff_close").click().run()
    assert UNSIGNED not in words(app)


def test_nobody_signs_under_the_name_that_was_typed_before(desk: Desk) -> None:
    """A click right after typing is one of the page as it was drawn for the earlier name."""
    desk.submit()
    app = open_as("Grace")
    app.text_input(key="signoff_name").set_value("Edsger")
    press(app, "Approve")
    assert UNSIGNED in words(app)
    assert "The name was changed just now." in words(app)
    assert len(desk.acts()) == 1
    press(app, "Approve")
    assert desk.acts()[-1] == ("approve", 1, "Edsger")


def test_the_second_half_of_a_double_click_signs_nothing_else(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is approved, the button that activates stands where that which approves stood."""
    monkeypatch.setattr(_signoff_view, "DOUBLE_CLICK_SECONDS", 60)
    desk.submit()
    app = press(open_as("Grace"), "Approve")
    press(app, "Activate")
    assert desk.acts() == [("submit", 1, "Ada"), ("approve", 1, "Grace")]
    assert "Signed and recorded as number 2" in words(app)
    assert UNSIGNED not in words(app)


def test_a_receipt_is_offered_and_goes_when_it_is_closed(desk: Desk, downloads: dict[str, Any]) -> None:
    desk.submit()
    app = press(open_as("Grace"), "Approve")
    receipt = Receipt.from_json(json.loads(downloads["signoff_receipt"]))
    assert receipt == Receipt.of(desk.records(1)[1], ledger_id=desk.ledger.id)
    app.button(key="signoff_close").click().run()
    assert "signoff_receipt" not in keys(app, "download_button")


def test_activation_publishes_and_a_folder_that_cannot_be_written_is_told(
    desk: Desk, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSCOPE_ACTIVE_FOLDER", str(home / "served"))
    desk.submit()
    desk.approve()
    assert "not replaced" not in words(press(open_as("Grace"), "Activate"))
    served = json.loads((home / "served" / "clicks.json").read_text())
    assert served["version"] == 1
    version = desk.submit("Ada", "close")
    desk.approve("Grace", version)
    (home / "file").touch()
    monkeypatch.setenv("RECSCOPE_ACTIVE_FOLDER", str(home / "file"))
    app = press(open_as("Grace"), "Activate")
    assert "It is recorded, but the file for the serving system was not replaced." in words(app)
    assert desk.acts()[-1] == ("activate", 2, "Grace")


# --- addresses and long histories ---


def test_a_link_names_policy_and_version(desk: Desk) -> None:
    desk.put_in_force()
    desk.submit("Ada", "close")
    assert open_app("signoff", signoff_policy=POLICY, signoff_version="1").subheader[0].value == "clicks, version 1"
    for odd in ("0", "3", "x", "-1", "1" * 30, "١"):
        assert open_app("signoff", signoff_version=odd).subheader[0].value == "clicks, version 2"
    app = open_app("signoff", signoff_policy="nobody", signoff_version="1")
    assert app.selectbox(key="signoff_policy").value == POLICY
    assert not app.error


def test_many_submissions_are_shown_a_page_at_a_time(desk: Desk) -> None:
    for _ in range(PER_PAGE + 3):
        version = desk.submit("Alan", "close")
        desk.withdraw("Alan", version)
    app = open_app("signoff")
    assert app.subheader[0].value == f"clicks, version {PER_PAGE + 3}"
    assert len(app.selectbox(key="signoff_version").options) == len(app.dataframe[0].value) == PER_PAGE
    app.number_input(key="signoff_page").set_value(2).run()
    assert app.dataframe[0].value["version"].tolist() == [3, 2, 1]
    assert app.subheader[0].value == "clicks, version 3"
    app.selectbox(key="signoff_version").set_value(1).run()
    assert app.subheader[0].value == "clicks, version 1"
    app = open_app("signoff", signoff_version="2")
    assert app.subheader[0].value == "clicks, version 2", "a link leads to its page of the list"


# --- looks at newer rows ---


def watch(desk: Desk, verdict: str, name: str = "Grace") -> AppTest:
    """Look at newer rows that are kept here."""
    return open_as(name, signoff_view="Watch", data=desk.stock.newer[verdict].digest)


@pytest.mark.parametrize("verdict", ["holds", "weakening", "broken"])
def test_a_look_says_its_verdict_and_its_rule(verdict: str, desk: Desk) -> None:
    desk.put_in_force()
    app = watch(desk, verdict)
    kind = {"holds": app.success, "weakening": app.warning, "broken": app.error}[verdict]
    assert any(one.value.startswith(f"{verdict.capitalize()}. The precision of the") for one in kind)
    assert charts(app) == VIEWS["Watch"][0]
    assert keys(app, "download_button") == VIEWS["Watch"][1]
    assert len(app.metric) == 4
    assert f"{verdict}.csv" in words(app)


def test_a_look_is_recorded_once_and_later_ones_build_on_it(desk: Desk) -> None:
    desk.put_in_force()
    app = watch(desk, "weakening")
    app.button(key="signoff_record").click().run()
    assert "Signed and recorded as number 4: watch, version 1." in words(app)
    assert desk.acts()[-1] == ("watch", 1, "Grace")
    assert "This file has been looked at before; the same rows count once." in words(app)
    assert app.button(key="signoff_record").disabled
    again = watch(desk, "weakening", "Ada")
    assert again.button(key="signoff_record").disabled
    assert len(again.dataframe[0].value) == 1
    other = watch(desk, "broken", "Ada")
    assert other.dataframe[0].value["look"].tolist() == [1, 2]
    other.button(key="signoff_record").click().run()
    assert [one.payload["verdict"] for one in desk.records(1) if one.kind == "watch"] == ["weakening", "broken"]


def test_a_look_needs_a_name_to_be_recorded(desk: Desk) -> None:
    desk.put_in_force()
    app = watch(desk, "holds", "")
    assert app.button(key="signoff_record").disabled
    app.button(key="signoff_record").proto.disabled = False  # as a client may see it that is no browser
    app.button(key="signoff_record").click().run()
    assert len(desk.acts()) == 3


def test_the_signed_rows_themselves_are_no_newer_rows(desk: Desk) -> None:
    desk.put_in_force()
    app = open_as("Grace", signoff_view="Watch", data=desk.stock.holdout.digest)
    assert "These are the rows that the policy was made on" in words(app)
    assert "signoff_record" not in keys(app, "button")


def test_nothing_is_watched_where_nothing_is_active(desk: Desk) -> None:
    desk.submit()
    assert "No version of this policy is active, so there is nothing to watch." in words(watch(desk, "holds"))


def test_an_expired_version_can_still_be_watched(desk: Desk) -> None:
    expired(desk)
    app = watch(desk, "holds")
    assert charts(app) == VIEWS["Watch"][0]
    app.button(key="signoff_record").click().run()
    assert desk.acts()[-1] == ("watch", 1, "Grace")


def test_looks_before_a_roll_back_still_count_after_it(desk: Desk) -> None:
    desk.put_in_force()
    desk.look("weakening")
    desk.put_in_force("close")
    desk.roll_back()
    app = watch(desk, "weakening")
    assert app.button(key="signoff_record").disabled
    assert "This file has been looked at before; the same rows count once." in words(app)
    assert watch(desk, "holds").dataframe[0].value["look"].tolist() == [1, 2]


# --- exports ---


def test_exports_decide_as_the_policy_and_hold_the_whole_history(desk: Desk, downloads: dict[str, Any]) -> None:
    desk.put_in_force()
    desk.look("weakening")
    app = open_app("signoff", signoff_view="Export")
    policy = desk.stock.made["first"].policy
    document = json.loads(downloads["signoff_json"])
    assert (document["name"], document["version"]) == (POLICY, 1)
    assert read_policy(json.dumps(document["policy"])) == policy
    assert policy.hash in downloads["signoff_sql"]
    assert policy.hash in downloads["signoff_python"]
    records = list(read_lines(downloads["signoff_lines"].splitlines()))
    assert [one.hash for one in records] == [one.hash for one in desk.ledger.read()]
    report = downloads["signoff_report"]
    assert all(text in report for text in ("<h2>clicks</h2>", "Ada", "Grace", records[-1].hash, desk.ledger.id))
    assert "python -m core signoff active --policy clicks --to json" in app.code[0].value
    before = downloads["signoff_sql"]
    app.selectbox(key="signoff_dialect").set_value("bigquery").run()
    assert downloads["signoff_sql"] != before


@pytest.mark.parametrize(("state", "told"), [("submitted", "No version of clicks is active."), ("expired", "expired")])
def test_without_an_active_version_only_the_history_is_exported(
    state: str, told: str, desk: Desk, downloads: dict[str, Any]
) -> None:
    reach(state, desk)
    app = open_app("signoff", signoff_view="Export")
    assert told in words(app)
    assert keys(app, "download_button") == ["signoff_lines", "signoff_report"]
    assert "Ada" in downloads["signoff_report"]


# --- proof ---


def verify(app: AppTest, **receipts: bytes) -> str:
    """Give receipts, verify, and read the answer."""
    if receipts:
        app.file_uploader(key="signoff_receipts").set_value(
            [(f"{name}.json", content, "application/json") for name, content in receipts.items()]
        )
    app.button(key="signoff_verify").click().run()
    return words(app)


def receipts_of(desk: Desk) -> dict[str, bytes]:
    """A receipt of every record."""
    records = list(desk.ledger.read(after=0))
    return {f"r{one.seq}": json.dumps(Receipt.of(one, ledger_id=desk.ledger.id).to_json()).encode() for one in records}


def test_a_sound_ledger_is_verified_with_and_without_receipts(desk: Desk) -> None:
    desk.put_in_force()
    app = open_app("signoff", signoff_view="Verify")
    assert "Nothing is wrong" not in words(app), "it is asked for first"
    said = verify(app)
    assert "Nothing is wrong. 4 records and 0 receipts compared." in said
    assert "says nothing about records that were removed from the end" in said
    said = verify(app, **receipts_of(desk))
    assert "Nothing is wrong. 4 records and 3 receipts compared." in said
    assert desk.ledger.id in said


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff\xfe", b"[]", b"{}", b"no receipt", b"[" * 90_000, b'{"seq": NaN}', b"1" * 9_000,
        b'{"ledger_id": 1}', b"\x00" * 200_000,
    ],
)  # fmt: skip
def test_what_is_no_receipt_is_a_message(content: bytes, desk: Desk) -> None:
    desk.put_in_force()
    app = open_app("signoff", signoff_view="Verify")
    verify(app)
    said = verify(app, bad=content)
    assert len(app.error) == 1
    assert "receipt" in app.text[-1].value
    assert "Nothing is wrong" not in said
    assert "Nothing is wrong" not in words(app.run()), "an earlier answer was not about this receipt"


def test_a_receipt_of_another_ledger_is_told(desk: Desk, home: Path) -> None:
    desk.put_in_force()
    with open_desk(desk.stock, Settings.from_environment()) as same:
        receipt = json.loads(receipts_of(same)["r1"]) | {"ledger_id": "0" * 32}
    said = verify(open_app("signoff", signoff_view="Verify"), other=json.dumps(receipt).encode())
    assert "The ledger is not as it was written." in said


def owner_runs(home: Path, *statements: str) -> None:
    """Change the file behind the back of its triggers."""
    with sqlite3.connect(home / "signoff" / "ledger.db") as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, text in triggers:
            connection.execute(text)
    connection.close()


def test_a_ledger_that_was_rewritten_is_found_out(desk: Desk, home: Path) -> None:
    desk.put_in_force()
    app = open_app("signoff", signoff_view="Verify")
    assert "Nothing is wrong" in verify(app)
    owner_runs(home, "UPDATE records SET payload = replace(payload, 'More recall.', 'Less recall.') WHERE seq = 1")
    said = verify(app)
    assert "The ledger is not as it was written." in said
    assert app.dataframe[0].value[["seq", "kind"]].to_numpy().tolist() == [[1, "payload"]]
    assert keys(app, "download_button") == ["csv_findings"]


def test_only_a_receipt_shows_that_the_end_was_cut_off(desk: Desk, home: Path) -> None:
    desk.put_in_force()
    receipts = receipts_of(desk)
    owner_runs(home, "DELETE FROM records WHERE seq = 3")
    app = open_app("signoff", signoff_view="Verify")
    assert "Nothing is wrong" in verify(app)
    assert "The ledger is not as it was written." in verify(app, **receipts)
    assert app.dataframe[0].value["kind"].tolist() == ["receipt"]


def test_an_answer_about_the_demonstration_is_not_taken_for_one_about_the_own_ledger(desk: Desk) -> None:
    app = open_app("signoff", signoff_view="Verify")
    assert "Nothing is wrong" in verify(app)
    desk.put_in_force()
    assert "Nothing is wrong" not in words(app.run())


# --- text from outside ---


@pytest.mark.parametrize("view", VIEWS)
def test_text_from_outside_is_shown_as_text(
    view: str, desk: Desk, downloads: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.signoff.workflow.check_payload", lambda payload: None)  # as who writes past RecScope
    version = desk.submit(HOSTILE, rationale=HOSTILE, guarantee=HOSTILE, not_compared=HOSTILE)
    desk.approve("Grace", version)
    desk.activate(HOSTILE, version)
    desk.submit(HOSTILE, "close", rationale=HOSTILE)
    app = draft(open_as("Grace"), desk.stock, "large") if view == "Draft" else open_as("Grace", signoff_view=view)
    assert not app.exception
    assert not any(one.allow_html for one in app.markdown)
    formatted = [app.markdown, app.caption, app.success, app.warning, app.error, app.info, app.subheader]
    for one in (one for kind in formatted for one in kind):
        seen = re.sub("`[^`]*`", "", one.value)  # in code nothing has a meaning
        assert not any(part in seen for part in ("<img", "$\\frac", "**bold**", ":red[x]", "[x](")), one.value
    for chart in app.get("plotly_chart"):
        assert "<img" not in chart.proto.spec
    if view == "Review":
        assert HOSTILE in [one.value for one in app.text]
    if view == "Export":
        assert "<img" not in downloads["signoff_report"]


def test_a_table_for_a_spreadsheet_holds_no_formula(desk: Desk, downloads: dict[str, Any]) -> None:
    desk.submit("=1+1", rationale="=HYPERLINK(1)")
    open_app("signoff")
    assert "'=1+1" in downloads["csv_submissions"].decode("utf-8-sig")
    assert "'=HYPERLINK(1)" in downloads["csv_signatures"].decode("utf-8-sig")


def test_a_name_of_characters_that_are_not_seen_is_a_message(desk: Desk) -> None:
    desk.submit()
    app = open_as("\u202eada")
    assert "The name holds characters that are not seen." in words(app)
    assert acts(app) == []


# --- the tour ---


def test_the_tour_is_about_the_demonstration_also_where_the_ledger_has_records(desk: Desk) -> None:
    desk.put_in_force()
    app = open_as("Ada")
    app.button(key="signoff_tour_start").click().run()
    for number, view in enumerate(("Draft", "Review", "Watch", "Verify"), start=1):
        assert f"**{number} of 4 · " in words(app)
        assert app.session_state["signoff_view"] == view
        assert "Invented people" in words(app)
        assert not app.error
        if number < 4:
            app.button(key="signoff_tour_next").click().run()
    app.button(key="signoff_tour_end").click().run()
    assert "Invented people" not in words(app)
    assert app.selectbox(key="signoff_policy").value == POLICY
