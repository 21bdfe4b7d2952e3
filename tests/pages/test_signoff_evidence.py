"""What a reviewer and an auditor read: earlier submissions on the same rows, and acts that no rule allows."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.signoff.verify import Finding, Verification
from pages._signoff_evidence import _list_earlier
from pages._signoff_verify import _show


def answer(*kinds: Any) -> str:
    """What the page says of findings of these kinds."""

    def page(show, found):  # type: ignore[no-untyped-def]
        show(found, 0)

    findings = tuple(Finding(1, kind, "Record 1 is odd.") for kind in kinds)
    app = AppTest.from_function(page, args=(_show, Verification("0" * 32, 2, not kinds, findings, "f" * 64))).run()
    return " ".join(one.value for one in (*app.error, *app.success, *app.caption))


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ((), "nothing about records that were removed from the end, or rewritten from any point on"),
        (("rule",), "The ledger holds acts that no rule allows."),
        (("rule", "payload"), "The ledger is not as it was written."),
    ],
)
def test_a_forged_act_is_told_from_a_changed_record(kinds: tuple[str, ...], told: str) -> None:
    assert told in answer(*kinds)


def test_of_many_earlier_submissions_the_latest_are_named() -> None:
    earlier = [{"policy": "clicks", "version": n, "state": "rejected"} for n in range(1, 8)]
    assert _list_earlier(earlier[:2]) == "clicks 1 (rejected), clicks 2 (rejected)"
    assert _list_earlier(earlier).startswith("clicks 3 (rejected), ")
    assert _list_earlier(earlier).endswith("clicks 7 (rejected) and 2 more")
