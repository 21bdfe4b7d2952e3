"""The active policy on newer rows: does what was signed still hold?"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from core.rng import make_generator
from core.signoff.active import Active, find_latest
from core.signoff.data import Record
from core.signoff.demonstration import load_newer_sample
from core.signoff.watch import Watch, watch
from core.signoff.workflow import Signing, record_watch
from core.thresholds.sampling import LEAST_RATE, Sampling
from pages._holdout_input import pick_holdout
from pages._shell import get_engine
from pages._shell_jobs import compute
from pages._signoff_answer import show_answer
from pages._signoff_view import View, sign_by

SEED = 0
NOT_TOLD = (
    "What a look does not tell: whether two different files hold some of the same rows (only the same file counts "
    "once), and whether labels that are still to come would change the answer."
)


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """The active version, and all looks at it."""

    active: Active
    earlier: tuple[Record, ...]


def show_watch(view: View) -> None:
    """Choose newer rows, look, record the look."""
    watched = _find(view)
    if watched is None:
        st.info("No version of this policy is active, so there is nothing to watch.")
        return
    active = watched.active
    ended = f" Its review date, {active.review_by}, has passed: it has expired." if active.expired else ""
    st.markdown(f"Version {active.submission.version} has been active since {active.activation.at[:10]}.{ended}")
    holdout = pick_holdout(view.settings, word="signoff", load=load_newer_sample)
    sampling = _choose_sampling(active.policy.sampling)
    payloads = [record.payload for record in watched.earlier]
    found = compute(
        ("watch", active.activation.hash, holdout.digest, sampling, tuple(record.hash for record in watched.earlier)),
        lambda: watch(
            active.submission.payload, holdout, get_engine(view.settings), payloads, rng=make_generator(SEED),
            sampling=sampling,
        ),
        label="Look",
    )  # fmt: skip
    show_answer(found)
    _offer_to_record(view, active, found)
    st.caption(NOT_TOLD)


def _find(view: View) -> Watched | None:
    with view.ledger.stream(view.policy) as stream:
        active = find_latest(stream)
        looks = [] if active is None else stream.watches(active.submission.version)
    if active is None:
        return None
    return Watched(active, tuple(looks))


def _choose_sampling(signed: Sampling) -> Sampling:
    """The rates of these rows; asked for where the signed rows were sampled by class."""
    if signed.even:
        return signed
    st.markdown(
        "The policy was signed on rows that were sampled by class. Check at which rates *these* rows were drawn: with "
        "wrong rates the verdict is wrong."
    )
    kept = [
        column.number_input(
            f"Share of the {name} that the file holds", LEAST_RATE, 1.0, getattr(signed, f"keep_{name}"), format="%.4g",
            key=f"signoff_keep_{name}",
        )
        for column, name in zip(st.columns(2), ("positives", "negatives"), strict=True)
    ]  # fmt: skip
    return Sampling(*map(float, kept))


def _offer_to_record(view: View, active: Active, found: Watch) -> None:
    st.button(
        "Record this look", key="signoff_record", icon=":material/bookmark_add:", type="primary",
        disabled=view.signer is None or not found.counted,
        on_click=sign_by(view, "signoff_watch", partial(_record, active.submission.version, found)),
    )  # fmt: skip
    if not found.counted:
        st.caption("This file has been looked at before; the same rows count once.")
    else:
        st.caption(
            "Recorded looks at this version add up: the bounds on the page are of the average since activation, and "
            "hold at all recorded looks at once."
        )


def _record(version: int, found: Watch, signing: Signing) -> Any:
    return record_watch(signing, version, found.to_json())
