"""The view that hands the rule over: as JSON, SQL and Python, and with its evidence."""

import json
from dataclasses import asdict, replace
from typing import Any, get_args

import pandas as pd
import streamlit as st

from core.errors import InputError
from core.thresholds.evidence import make_policy
from core.thresholds.export_python import to_python
from core.thresholds.export_sql import DIALECTS, Dialect, to_sql
from core.thresholds.policy import Policy
from core.thresholds.policy_file import write_policy
from core.thresholds.proof_log import FurtherLook, build_bundle
from core.thresholds.rule import Rule
from pages._shell_show import show_table
from pages._signoff_sent import send
from pages._thresholds_view import View

NEVER = {"on_click": "ignore", "icon": ":material/download:"}


def show_export(view: View) -> None:
    """The rule as files."""
    look = _choose_look(view)
    policy = make_export(view, look)
    name = policy.hash[:12]
    if policy.confirmed is None:
        st.warning("This rule is not confirmed: its precision was only seen on the rows it was tuned on.")
    else:
        st.success(
            f"This rule is confirmed, with a probability of error of at most {policy.confirmed.delta:g}.",
            icon=":material/verified:",
        )
    st.text(f"Policy {policy.hash}")
    if view.counted.counting.where:
        st.info("The rule was found on the filtered rows only. The policy names them, but decides on any row.")
    bundle = build_bundle(policy, view.evidence, view.log, counted=_describe_counting(view))
    if st.button("Send to sign-off", key="thresholds_send", type="primary", icon=":material/approval:"):
        send(policy, bundle)
    st.download_button(
        "Download the evidence for sign-off", data=json.dumps(bundle, indent=2, allow_nan=False),
        file_name=f"recscope_evidence_{name}.json", mime="application/json", key="thresholds_bundle", **NEVER,
    )  # fmt: skip
    st.caption("Policy, counts on both halves, bound, gain and every look in one file. It holds sums, never a row.")
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        _offer("Policy as JSON", write_policy(policy), f"recscope_policy_{name}.json", key="thresholds_json")
        _offer("Python function", to_python(policy), f"recscope_policy_{name}.py", key="thresholds_python")
    with right:
        dialect = st.selectbox(
            "SQL dialect", list(DIALECTS), format_func=lambda one: DIALECTS.get(one, str(one)),
            key="thresholds_dialect", persist_state="session",
        )  # fmt: skip
        if dialect not in get_args(Dialect):
            raise InputError("There is no such dialect.", fix="Choose one of those shown.")
        sql = to_sql(policy, dialect)
        _offer("SQL expression", sql, f"recscope_policy_{name}_{dialect}.sql", key="thresholds_sql")
    st.code(sql, language="sql", wrap_lines=True)
    show_table(_tabulate(view, look, confirmed=policy.confirmed is not None), name="what is exported")


def make_export(view: View, look: FurtherLook | None) -> Policy:
    """The rule in view, or one that a look certified; confirmed only where the rows were opened for the first time."""
    evidence, holdout, log = view.evidence, view.counted.holdout, view.log
    where = view.counted.counting.where
    first = log is not None and log.opened == 1
    if look is not None and first:
        return log.policy_of(look, holdout, where=where)
    if evidence.proof is not None and (first or evidence.cuts is None):
        return evidence.policy(holdout, where=where)
    return make_policy(replace(evidence, proof=None), view.rule.cuts, holdout, where=where)


def _tabulate(view: View, look: FurtherLook | None, *, confirmed: bool) -> pd.DataFrame:
    """The counts that the policy carries: one line per level and half."""
    counted, sampling = view.counted, view.evidence.sampling
    cuts = view.rule.cuts if look is None else look.verdict.cuts
    halves = {"tuned": counted.tuned} | ({"confirmed": counted.confirm} if confirmed else {})
    frames = (Rule(of, cuts, sampling).frame().assign(half=half) for half, of in halves.items())
    return pd.concat(frames).drop(columns="fewer_than_30").set_index("half").reset_index()


def _choose_look(view: View) -> FurtherLook | None:
    """Which rule: that in view, or one of the looks that passed."""
    looks = () if view.log is None else view.log.looks
    passed = {f"look {i}: {look.origin}": look for i, look in enumerate(looks, start=1) if look.verdict.certified}
    if not passed:
        return None
    chosen = st.selectbox("Rule", ["the rule in view", *passed], key="thresholds_export_rule")
    return passed.get(chosen)


def _offer(title: str, text: str, file: str, *, key: str) -> None:
    st.download_button(title, data=text, file_name=file, mime="text/plain", key=key, width="stretch", **NEVER)


def _describe_counting(view: View) -> dict[str, Any]:
    counting, holdout = view.counted.counting, view.counted.holdout
    return {
        "digest": holdout.digest,
        "rows": holdout.rows.count,
        "levels": asdict(counting.levels),
        "bins": counting.bins,
        "split": None if counting.split is None else asdict(counting.split),
        "sampling": asdict(counting.sampling),
        "filter": [asdict(one) for one in counting.where],
    }
