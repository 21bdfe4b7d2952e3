"""Which submissions were tuned or confirmed on the same rows: a half that is asked often proves less each time."""

from collections.abc import Mapping
from typing import Any

from core.holdout.data import Holdout
from core.signoff.data import Record
from core.signoff.ledger import Ledger
from core.signoff.workflow import find_standing

MOST = 100


def find_earlier(ledger: Ledger, holdout: Holdout) -> list[dict[str, Any]]:
    """Submissions of all policies on rows of the same files, or of the same data where files are not known.

    Returns
    -------
    list
        One entry each of the newest 100, by name and version: policy, version, state, and confirmed, whether its
        precision was.

    Notes
    -----
    The database looks for the hashes in the texts: O(bytes), and no payload is parsed but those found. Other files may
    hold the same rows; that cannot be told.
    """
    texts = [*holdout.files, holdout.digest]
    found = []
    for name, version in sorted(ledger.find_mentions(texts, limit=MOST)):
        with ledger.stream(name) as stream:
            submission = stream.of_version(version)[0]
            if _overlaps(submission.payload.get("data", {}), holdout):
                found.append(_describe(submission, find_standing(stream, version).state))
    return found


def _overlaps(data: Mapping[str, Any], holdout: Holdout) -> bool:
    if data.get("files") and holdout.files:
        return not set(holdout.files).isdisjoint(data["files"])
    return bool(data.get("digest") == holdout.digest)


def _describe(submission: Record, state: str) -> dict[str, Any]:
    return {
        "policy": submission.policy,
        "version": submission.version,
        "state": state,
        "confirmed": submission.payload.get("confirmed") is not None,
    }
