"""Page: who approved which thresholds, on what evidence, and what is live now."""

from dataclasses import replace
from functools import partial

import streamlit as st

from core.settings import Settings
from core.signoff.data import check_policy_name
from core.signoff.demonstration import build_demonstration
from core.signoff.ledger import Ledger
from pages._shell import Step, get_engine, guarded, open_page, touring
from pages._shell_jobs import compute
from pages._shell_show import show_limits
from pages._signoff_draft import show_draft
from pages._signoff_export import show_export
from pages._signoff_review import show_review
from pages._signoff_sent import find_sent
from pages._signoff_verify import show_verify
from pages._signoff_view import POLICY, VERSION, View, get_ledger, show_outcome
from pages._signoff_watch import show_watch
from pages._signoff_who import find_signer

SECTIONS = {
    "Review": show_review, "Draft": show_draft, "Watch": show_watch, "Export": show_export, "Verify": show_verify,
}  # fmt: skip
NEW = "signoff_new_policy"
FIRST_NAME = "thresholds"
STEPS = (
    Step(
        "Two people, one policy",
        "One person tunes thresholds and submits them with a reason; another looks at the evidence and approves. "
        "Nobody approves their own.",
        {"signoff_view": "Draft"},
    ),
    Step(
        "Bound to what was seen",
        "An approval names the exact thresholds, evidence and the policy they would replace. If any of it changes, the "
        "approval does not count any more.",
        {"signoff_view": "Review"},
    ),
    Step(
        "Does it still hold?",
        "Give newer rows with their labels. The bounds allow for looking again every week: a policy is called broken "
        "only when that is shown, however often you look.",
        {"signoff_view": "Watch"},
    ),
    Step(
        "Nothing can be rewritten unseen",
        "Every record carries the fingerprint of the one before it, and every signer takes a receipt home. Verify "
        "compares them all.",
        {"signoff_view": "Verify"},
    ),
)
NOT_TOLD = (
    "What this does not tell: whether a typed name is who it says (configure an identity provider for that), and "
    "whether the database was replaced as a whole, unless somebody compares a receipt that was kept elsewhere."
)


def choose_policy(ledger: Ledger) -> str:
    """The name of the policy: one of the ledger, or a new one for a draft."""
    names = ledger.policies()
    wanted = st.query_params.get(POLICY)
    if POLICY not in st.session_state and wanted in names:
        st.session_state[POLICY] = wanted
    options = [*names, NEW] if find_sent() is not None or not names else names
    chosen = st.selectbox(
        "Policy", options, format_func=lambda name: "A new policy" if name == NEW else str(name), key=POLICY, width=320
    )
    if chosen != NEW:
        check_policy_name(chosen)
        if st.query_params.get(POLICY, chosen) != chosen:  # a version is one of its policy
            st.query_params.pop(VERSION, None)
            st.session_state.pop(VERSION, None)
        if st.query_params.get(POLICY) != chosen:
            st.query_params[POLICY] = chosen
        return str(chosen)
    name = st.text_input(
        "Name of the new policy", FIRST_NAME, key=f"{NEW}_name", max_chars=64, width=320,
        help="Small letters, digits, points, dashes and underlines: a serving system asks for it by this name.",
    )  # fmt: skip
    check_policy_name(name)
    return name


def show_demonstration(settings: Settings) -> Ledger:
    """An invented story on the sample, in a ledger that is thrown away."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge("Demonstration", icon=":material/science:", color="blue")
        st.text(
            "Invented people and the simulated sample, in a ledger that all visitors share and that is thrown away."
        )
    job = partial(build_demonstration, get_engine(settings), replace(settings, quorum=1))  # one approver is invented
    return compute(("demonstration", settings.large_change), job, label="Demonstration")


def sign_off(settings: Settings) -> None:
    """Who signs, which policy, and the chosen view of it."""
    own = get_ledger(settings)
    demonstration = touring("signoff") or (find_sent() is None and not own.policies())
    ledger = show_demonstration(settings) if demonstration else own
    if demonstration:  # what serving reads is never written from an invented story
        settings = replace(settings, active_folder=None)
    left, right = st.columns(2, vertical_alignment="top")
    with left:
        signer = find_signer(settings)
    with right:
        policy = choose_policy(ledger)
    show_outcome()
    with ledger.stream(policy) as stream:
        view = View(ledger, settings, signer, policy, stream.revision)
    tabs = st.tabs(list(SECTIONS), key="signoff_view", bind="query-params")
    for tab, show in zip(tabs, SECTIONS.values(), strict=True):
        if tab.open:
            with tab, guarded("signoff_section"):
                show(view)


open_page(
    "signoff",
    "Submit thresholds with their evidence, have a second person approve them, and watch whether they hold.",
    STEPS,
)
with guarded("signoff"):
    sign_off(Settings.from_environment())
show_limits(NOT_TOLD)
