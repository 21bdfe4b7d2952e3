"""What the parts of the view about a log share: the log, the as-of date and the attribution window."""

from collections.abc import Hashable
from dataclasses import dataclass

import streamlit as st

from core.checks import check_between
from core.delay.data import Snapshot
from core.delay.dates import day_of, read_day, suggest_as_of
from core.delay.laws import DAY
from core.delay.recorded import RecordedLog, count_later, end_log
from core.delay.snapshot import observe, show_time
from core.plotting import clean_label
from core.settings import Settings
from pages._delay_controls import KEPT
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
    left, middle, right = st.columns(3)
    with middle:
        window = float(
            st.number_input(
                "Attribution window, days", *WINDOW_ENDS, value=WINDOW, key=f"delay_log_window_{mark}", **KEPT
            )
        )
        check_between(window, *WINDOW_ENDS, name="attribution window")
    with right:
        until = st.text_input("Recorded up to (optional)", key=f"delay_until_{mark}", placeholder="2026-03-31", **KEPT)
    if until:
        end = read_day(until)
        recorded = keep(("delay ended", recorded.digest, end), lambda: end_log(recorded, end))
        log = recorded.log
    with left:  # typed: the parts of a date input are too small to hit
        suggested = day_of(suggest_as_of(log, window=window * DAY, days=SCORED_DAYS))
        day = st.text_input("As-of date", suggested.isoformat(), key=f"delay_as_of_{mark}", **KEPT)
    view = LogView(recorded, read_day(day), window * DAY, settings)
    _describe(view, is_sample=is_sample)
    return view


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
