"""What leaves the page: the rows of a log with weights and soft labels."""

from pathlib import Path

import streamlit as st

from core.delay.arms import ARMS, plan_arm
from core.delay.data import Options
from core.delay.export import Exported, export_weights, read_exported
from core.errors import InputError
from core.ingest.store import digest_bytes, make_folder
from core.jobs import Job, Progress
from pages._delay_log_view import LogView
from pages._shell_jobs import run_job

FAMILIES = {"snapshot weights": "weights", "soft labels": "soft labels", "stream weights": "weights of a stream"}
FIRST = "is_signal"
KINDS = {
    "snapshot": "Snapshot weights: every row at most once.",
    "stream": (
        "Weights of a stream of arrivals: a row that converts late stands there twice, and the weights answer that. "
        "Train on all its lines."
    ),
}


def show_export(view: LogView) -> None:
    """Prepare the training set of an arm, then download it."""
    st.subheader("Take the weights with you")
    st.markdown(
        "One line per entry of the training set: row (its place in your file, from 1), id if there is one, label (a "
        "fraction is a soft label), weight. Parquet; its metadata says how it was made."
    )
    signals = view.recorded.log.signal_names
    arms = [arm.name for arm in ARMS.values() if arm.family in FAMILIES and (signals or not arm.signals)]
    chosen = st.selectbox(
        "Arm to export", arms, index=arms.index(FIRST) if FIRST in arms else 0, key=f"delay_export_{bool(signals)}",
        format_func=_name_arm, persist_state="session",
    )  # fmt: skip
    if chosen not in arms:
        raise InputError("This arm makes no weights.", fix="Choose one of those shown.")
    st.text(f"Formula: {ARMS[chosen].formula}")
    name = digest_bytes(repr((view.key, chosen)).encode())[:24]
    target = view.settings.home / "delay" / "exports" / f"{name}.parquet"
    if target.exists():
        exported = read_exported(target)
    elif st.button("Prepare the rows", key="delay_prepare", icon=":material/table:"):
        exported = run_job(_export(view, chosen, target), label="Rows")
    else:
        return
    st.text(f"{exported.entries:,} entries of {exported.rows:,} rows. {KINDS[exported.kind]}")
    st.download_button(
        "Download the rows", data=target.read_bytes, file_name=f"recscope_{chosen}.parquet", key="delay_rows",
        mime="application/octet-stream", type="primary", on_click="ignore", icon=":material/download:",
    )  # fmt: skip


def _name_arm(name: str) -> str:
    return f"{ARMS[name].title} ({name}): {FAMILIES.get(ARMS[name].family)}" if name in ARMS else str(name)


def _export(view: LogView, arm: str, target: Path) -> Job[Exported]:
    yield Progress(0.0, f"train {arm}")
    make_folder(target.parent)
    plan = plan_arm(arm, options=Options())
    return export_weights(view.recorded, plan, at=view.at, window=view.window, path=target)
