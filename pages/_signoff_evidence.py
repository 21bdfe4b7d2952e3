"""What a reviewer sees of a submission: the guarantee, the counts on both halves, and what would change."""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import pandas as pd
import streamlit as st

from core.plotting import clean_label
from core.signoff.comparison import Comparison
from core.signoff.figures import cutoffs_figure
from core.signoff.submission import NOT_CONFIRMED
from pages._shell_show import show_figure, show_table

RATES = ("precision", "recall")
LEVEL = [
    "low", "high", "threshold", "rows", "positives", "accepted", "tp",
    *(f"{rate}{end}" for rate in RATES for end in ("", "_lo", "_hi")),
]  # fmt: skip
HALVES = {"tuned": "Tuned (hopeful)", "confirmed": "Confirmed (fresh rows)"}
Payload = Mapping[str, Any]


def show_evidence(payload: Payload) -> None:
    """Guarantee, totals of both halves with intervals, a single threshold beside them, and the tables behind."""
    if payload["guarantee"] == NOT_CONFIRMED:
        st.warning(payload["guarantee"], icon=":material/warning:")
    else:
        st.success("This was confirmed on fresh rows.", icon=":material/verified:")
        st.text(payload["guarantee"])  # it may name columns
    for column, (name, title) in zip(st.columns(2), HALVES.items(), strict=True):
        with column.container(border=True, height="stretch"):
            _show_total(title, payload[name])
    st.text("\n".join(("One threshold for all levels instead:", *_tell_single(payload["baseline"]))))
    data = payload["data"]
    st.text(f"{data['name']} · {data['rows']:,} rows, {data['positives']:,} positives · {data['digest'][:16]}…")
    if payload["earlier"]:
        st.text(f"Earlier submissions on rows of this data: {_list_earlier(payload['earlier'])}.")
    show_table(_tabulate(payload), name="levels of the submission", opened=True)
    with st.expander("All that is recorded", icon=":material/data_object:", key="fold_recorded"):
        st.json({key: value for key, value in payload.items() if key != "cube"}, expanded=1)


def _list_earlier(earlier: Sequence[Payload]) -> str:
    shown = [f"{one['policy']} {one['version']} ({one['state']})" for one in earlier[-5:]]
    return ", ".join(shown) if len(earlier) <= 5 else f"{', '.join(shown)} and {len(earlier) - 5} more"


def _show_total(title: str, half: Payload | None) -> None:
    st.markdown(f"**{title}**")
    if half is None:
        st.text("No other rows were asked.")
        return
    total = half["total"]
    for column, name in zip(st.columns(2), RATES, strict=True):
        column.metric(name.capitalize(), percent(total[name]))
        column.caption(f"95 %: {_interval(total, name)}")
    st.caption(f"{total['accepted']:,} of {total['rows']:,} rows accepted, {total['tp']:,} of them positive.")


def _tell_single(baseline: Payload | None) -> Iterator[str]:
    """A line per half of what a single threshold does there, and why it is not confirmed."""
    if baseline is None:
        yield "None meets the target."
        return
    for name, title in HALVES.items():
        if name in baseline:
            counts = baseline[name]
            rates = (f"{rate} {percent(counts[rate])} (95 %: {_interval(counts, rate)})" for rate in RATES)
            accepted = f"{counts['accepted']:,} of {counts['n']:,} rows accepted, {counts['tp']:,} of them positive"
            yield f"{title}: {', '.join(rates)}; {accepted}."
    if "refused" in baseline:
        yield f"It is not confirmed: {baseline['refused']['reason']}"


def _interval(counts: Payload, rate: str) -> str:
    return f"{percent(counts[f'{rate}_lo'])} – {percent(counts[f'{rate}_hi'])}"


def percent(share: float | None) -> str:
    """A share as it is read; None and NaN are unknown."""
    return "unknown" if share is None or isnan(share) else f"{share:.2%}"


def _tabulate(payload: Payload) -> pd.DataFrame:
    """One line per half and level."""
    frames = [pd.DataFrame(payload[name]["levels"])[LEVEL].assign(half=name) for name in HALVES if payload[name]]
    return pd.concat(frames).set_index("half").reset_index()


def show_comparison(payload: Payload) -> None:
    """What changes against the policy that was active when it was submitted, on the same rows."""
    st.subheader("Against the active policy", anchor=False)
    if payload["comparison"] is None:
        st.text(payload["not_compared"])
        return
    comparison = Comparison.from_json(payload["comparison"])
    show_figure(cutoffs_figure(comparison, unit=name_uncertainty(payload)), key="figure_cutoffs")
    st.text(_tell(comparison))
    show_table(comparison.frame(), name="change against the active policy", opened=True)
    which = "of the half that was not tuned on" if comparison.half == "confirmation" else "of all"
    st.caption(f"{comparison.rows:,} rows {which}, {comparison.positives:,} positives. {comparison.method}")


def name_uncertainty(payload: Payload) -> str:
    """What the uncertainty of a policy is called on an axis."""
    return clean_label(" to ".join(payload["policy"]["columns"]["uncertainty"]))


def _tell(comparison: Comparison) -> str:
    """Each change with its interval, or that none is seen."""
    said = []
    for name, change in (("Accepted", comparison.volume), ("Precision", comparison.precision),
                         ("Recall", comparison.recall)):  # fmt: skip
        if change.value is None or change.lo is None or change.hi is None:
            said.append(f"{name}: cannot be told.")
        else:
            seen = "" if change.lo > 0 or change.hi < 0 else " No change is seen."
            unit = "%" if name == "Accepted" else "points"
            value, lo, hi = (f"{100 * end:+.2f}" for end in (change.value, change.lo, change.hi))
            said.append(f"{name}: {value} {unit} (95 %: {lo} to {hi}).{seen}")
    return "\n".join(said)
