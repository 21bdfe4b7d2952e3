"""What the parts of the view about a log share: the log, the as-of date and the attribution window."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date

import streamlit as st

from core.checks import check_between
from core.delay.data import Snapshot
from core.delay.dates import day_of, start_of, suggest_as_of
from core.delay.laws import DAY
from core.delay.recorded import RecordedLog, count_later, end_log
from core.delay.snapshot import observe, show_time
from core.errors import InputError
from core.plotting import clean_label
from core.settings import Settings
from pages._shell_jobs import keep

WINDOW, WINDOW_ENDS = 30.0, (1.0, 365.0)
SCORED_DAYS = 5


@dataclass(frozen=True, slots=True, eq=False)
class LogView:
    """A log as of a date."""

    recorded: RecordedLog
    at: float
    window: float
    settings: Settings

    @property
    def key(self) -> Hashable:
        """Tells this log at this date from any other."""
        return self.recorded.digest, self.recorded.log.until, self.at, self.window

    def observe(self) -> Snapshot:
        """What was known at the date."""
        return keep(("delay observed", self.key), lambda: observe(self.recorded.log, self.at, window=self.window))


def choose_date(recorded: RecordedLog, settings: Settings, *, is_sample: bool) -> LogView:
    """The as-of date, the window, and up to when the log was recorded; then a line about the log."""
    log, mark = recorded.log, recorded.digest[:8]
    first, last = day_of(float(log.time[0])), day_of(log.until)
    left, middle, right = st.columns(3)
    with middle:
        window = float(
            st.number_input(
                "Attribution window, days", *WINDOW_ENDS, value=WINDOW, key=f"delay_log_window_{mark}",
                bind="query-params", persist_state="session",
            )
        )  # fmt: skip
        check_between(window, *WINDOW_ENDS, name="attribution window")
    with right:
        until = _pick_day(
            "Recorded up to (blank: the latest time in the file)", None, (first, last), key=f"delay_until_{mark}"
        )
    if until is not None:
        recorded = keep(("delay ended", recorded.digest, until), lambda: end_log(recorded, start_of(until)))
        log = recorded.log
    with left:
        suggested = day_of(suggest_as_of(log, window=window * DAY, days=SCORED_DAYS))
        day = _pick_day(
            "As-of date: only what was known then is used", suggested, (first, last), key=f"delay_as_of_{mark}"
        )
    if day is None:
        raise InputError("There is no as-of date.", fix="Choose one.")
    view = LogView(recorded, start_of(day), window * DAY, settings)
    _describe(view, is_sample=is_sample)
    return view


def _pick_day(title: str, value: date | None, ends: tuple[date, date], *, key: str) -> date | None:
    lo, hi = ends
    kept = st.session_state.get(key)
    if isinstance(kept, date) and not lo <= kept <= hi:
        del st.session_state[key]
    day: date | None = st.date_input(
        title, value, lo, hi, key=key, format="YYYY-MM-DD", bind="query-params", persist_state="session"
    )
    return day


def _describe(view: LogView, *, is_sample: bool) -> None:
    recorded, log = view.recorded, view.recorded.log
    with st.container(horizontal=True, vertical_alignment="center", key="delay_log_in_use"):
        if is_sample:
            st.badge("Sample data, simulated", icon=":material/science:", color="blue")
        else:
            st.badge("Your data", icon=":material/database:", color="green")
        st.text(
            f"{clean_label(recorded.name)} · {len(log):,} rows, {int((log.delay >= 0).sum()):,} conversions · "
            f"{show_time(log.time[0])} to {show_time(log.until)}"
        )
    for remark in recorded.cleaning.remarks():
        st.text(clean_label(remark))
    later = count_later(log, view.at)
    st.text(
        f"As of {show_time(view.at)}: {later.rows:,} later rows, and {later.conversions:,} conversions and "
        f"{later.signals:,} signals that came later, are hidden from every arm."
    )
