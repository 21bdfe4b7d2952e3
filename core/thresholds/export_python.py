"""A policy as Python source that needs nothing but Python."""

import math

from core.thresholds.policy import Policy

_SOURCE = '''\
"""Decision rule of a RecScope policy.

policy {hash}
data   {digest}
"""

from bisect import bisect_right
from math import isfinite

POLICY_HASH = "{hash}"
DATA_DIGEST = "{digest}"
SCORE_COLUMN = {score}
UNCERTAINTY_COLUMNS = {uncertainty}  # {meaning}
# Level i is LEVEL_EDGES[i] <= uncertainty < LEVEL_EDGES[i + 1]; the last one holds its upper edge too.
LEVEL_EDGES = ({edges})
# Accept where score >= the threshold of the level; None accepts none.
THRESHOLDS = ({thresholds})


def decide(score, uncertainty):
    """Whether a row is accepted. None, NaN and infinities are missing: such a row is rejected.
{outside}
    """
    if score is None or uncertainty is None:
        return False
    score, uncertainty = float(score), float(uncertainty)
    if not (isfinite(score) and isfinite(uncertainty)):
        return False
{check}    level = min(max(bisect_right(LEVEL_EDGES, uncertainty) - 1, 0), len(THRESHOLDS) - 1)
    threshold = THRESHOLDS[level]
    return threshold is not None and score >= threshold
'''

_REJECT = """\
    if not LEVEL_EDGES[0] <= uncertainty <= LEVEL_EDGES[-1]:
        return False
"""

_OUTSIDE = {
    "reject": ("    An uncertainty outside the levels is rejected.", _REJECT),
    "nearest": ("    An uncertainty outside the levels counts to the nearest level.", ""),
}


def to_python(policy: Policy) -> str:
    """The policy as the source of a module with ``decide(score, uncertainty)``; the same text for the same policy.

    Column names stand in it as ASCII literals, so that no name can be code.
    """
    outside, check = _OUTSIDE[policy.outside]
    interval = policy.columns.uncertainty_kind == "interval"
    return _SOURCE.format(
        hash=policy.hash,
        digest=policy.data_digest,
        score=ascii(policy.columns.score),
        uncertainty=ascii(policy.columns.uncertainty),
        meaning="uncertainty is the second minus the first" if interval else policy.columns.uncertainty_kind,
        edges=", ".join(map(repr, policy.level_edges)),
        thresholds="".join(f"{None if value == math.inf else value!r}, " for value in policy.thresholds).rstrip(" "),
        outside=outside,
        check=check,
    )
