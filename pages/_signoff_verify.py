"""Whether the ledger is as it was written: the chain recomputed, compared with receipts, and held against the rules."""

import streamlit as st

from core.signoff.audit import audit
from core.signoff.data import Receipt
from core.signoff.verify import Verification
from pages._shell_jobs import run_job
from pages._shell_show import show_table
from pages._signoff_view import View

FOUND = "signoff_verification"
TELLS = (
    "The chain shows a record that was changed, inserted or removed while those behind it were left. It cannot show "
    "that records at the end were removed, or rewritten from any point on: only a receipt of one of them, kept "
    "elsewhere, shows that. Ask signers for theirs. Where the chain is sound, every act is held against the rules: who "
    "may sign what, and in which state."
)


def show_verify(view: View) -> None:
    """Recompute on demand: a page that did so by itself would be trusted without being read."""
    st.markdown(TELLS)
    files = st.file_uploader("Receipts (JSON), as many as you have", accept_multiple_files=True, key="signoff_receipts")
    if st.button("Verify the ledger", key="signoff_verify", type="primary", icon=":material/policy:"):
        st.session_state.pop(FOUND, None)
        receipts = [Receipt.read(file.getvalue(), name=file.name) for file in files]
        found = run_job(audit(view.ledger, receipts), label="Ledger")
        st.session_state[FOUND] = (view.ledger.id, found, len(receipts))
    asked, *answer = st.session_state.get(FOUND, (None,))
    if asked == view.ledger.id:  # that of the demonstration says nothing about one's own
        _show(*answer)


def _show(found: Verification, receipts: int) -> None:
    told = f"{found.records:,} records and {receipts:,} receipt{'' if receipts == 1 else 's'} compared."
    if found.ok:
        st.success(f"Nothing is wrong. {told}", icon=":material/verified:")
        if not receipts:
            st.caption(
                "Without a receipt this says nothing about records that were removed from the end, or rewritten from "
                "any point on."
            )
    else:
        intact = all(finding.kind == "rule" for finding in found.findings)
        what = "holds acts that no rule allows" if intact else "is not as it was written"
        st.error(f"The ledger {what}. {told}", icon=":material/gpp_bad:")
        show_table(found.frame(), name="findings", opened=True)
    st.text(f"Ledger {found.ledger_id}\nHead   {found.head}")
