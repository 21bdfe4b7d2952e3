"""Hand edits after the confirmation half was opened: each is another test, and each is counted."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import comb, pi
from typing import Literal

import numpy as np

from core.errors import InputError
from core.thresholds.certificate import Counts
from core.thresholds.data import Cuts
from core.thresholds.policy import Scope
from core.thresholds.precision import BINOMIAL, PrecisionTest, Tally, check_delta, check_half, check_target

Seen = Literal["verdicts", "counts"]


@dataclass(frozen=True, slots=True)
class LookCounter:
    r"""How the probability of error is spent on the automatic sequence and on hand edits after it.

    Definition
        The automatic sequence gets delta/2. Edits made knowing only *verdicts* of B (which rule was certified, which
        edits passed) share delta/4, the i-th after s passes among i - 1 edits getting

        .. math:: \delta_i = \frac{\delta}{4} \cdot \frac{6}{\pi^2 i^2} \cdot \frac{1}{a\, i\, \binom{i-1}{s}}

        with a the number of answers the automatic sequence could have given. Edits made after *counts* of B were shown
        share the other delta/4, each getting delta/4 divided by the number of all rules on the cuts.

    Attributes
    ----------
    delta
        All of it, between 0 and 0.5.
    candidates
        Rules in the automatic sequence.
    looks, passes
        Edits tested so far, and how many of them passed.

    Notes
    -----
    *Verdicts.* Which rule is the i-th edit depends on B only through the answers so far: it is one rule per history.
    Before edit i there are a·C(i-1, s) histories with s passes, and each one's test errs with probability at most
    delta_i. Summed: delta/4 · Σ_i 6/(π² i²) · Σ_s 1/i = delta/4, as s is one of 0 … i-1 and Σ 1/i² = π²/6. (Dividing by
    i² alone would forget that an edit replies to the verdicts before it.) A sequence of m rules answers with how many
    passed and which of those is best, or refuses: a = 1 + m(m + 1)/2.

    *Counts.* A reader of B's counts can pick the edit that looks best on B, and no count of looks pays for that. What
    does is to have tested all (bins + 1)^levels rules at once: delta/4 in all by Bonferroni, for any number of looks.
    That level is small; coarser cuts, or fresh confirmation rows, are the better way.

    Together at most delta/2 + delta/4 + delta/4 = delta. Decide before opening B: a `certify` at the whole delta leaves
    nothing for edits.

    Examples
    --------
    >>> looks = LookCounter(0.1, candidates=1)
    >>> looks.automatic, round(looks.level(), 5), round(looks.after(passed=False).level(), 5)
    (0.05, 0.0076, 0.00095)
    """

    delta: float
    candidates: int
    looks: int = 0
    passes: int = 0

    def __post_init__(self) -> None:
        """Check the numbers."""
        check_delta(self.delta)
        if not 0 <= self.passes <= self.looks or self.candidates < 0:
            raise InputError(
                f"{self.passes} of {self.looks} edits passed, of {self.candidates} rules.", fix="Count them again."
            )

    @property
    def automatic(self) -> float:
        """Delta of the automatic sequence."""
        return self.delta / 2

    @property
    def answers(self) -> int:
        """How many answers the automatic sequence could have given."""
        return 1 + self.candidates * (self.candidates + 1) // 2

    def level(self) -> float:
        """Delta of the next edit where only verdicts of B are known."""
        i, histories = self.looks + 1, self.answers * comb(self.looks, self.passes)
        return float(Fraction(self.delta / 4 * 6 / (pi * i) ** 2) / (i * histories))

    def level_among(self, rules: int) -> float:
        """Delta of any edit where counts of B are known; ``rules`` is how many there are to choose from."""
        return float(Fraction(self.delta / 4) / rules)

    def after(self, *, passed: bool) -> "LookCounter":
        """The counter after one more edit was tested."""
        return replace(self, looks=self.looks + 1, passes=self.passes + passed)


@dataclass(frozen=True, slots=True)
class EditVerdict:
    """Whether a hand edit is certified, at which level, and the counter after it.

    Showing ``confirmed`` or ``p_value`` turns every later edit into one that has seen counts; ``certified`` and
    ``reason`` of an edit that knew verdicts only do not.
    """

    certified: bool
    reason: str
    cuts: tuple[int, ...]
    confirmed: Counts
    p_value: float
    level: float
    seen: Seen
    looks: LookCounter


def check_edit(
    confirm: Cuts,
    cuts: tuple[int, ...],
    *,
    target: float,
    looks: LookCounter,
    seen: Seen = "counts",
    scope: Scope = "overall",
    test: PrecisionTest = BINOMIAL,
) -> EditVerdict:
    """Test one rule set by hand on the confirmation half, at the level that is left for it.

    Parameters
    ----------
    confirm
        Cuts of the confirmation half.
    cuts
        Cut per level.
    target
        Precision to exceed.
    looks
        The counter before this edit.
    seen
        What of B the editor knew: only ``verdicts``, or ``counts``. Any figure of B counts as counts: live counts, a
        certificate's confirmed precision, a refusal's best certifiable precision.
    scope, test
        As in :func:`core.thresholds.certify.certify`; of each level, those that accept rows of the confirmation half.

    Raises
    ------
    InputError
        A cut is not one of the candidates; the target is out of range; the half is weighted, and the test is not.
    """
    check_target(target)
    check_half(confirm, test)
    if len(cuts) != confirm.levels or not all(0 <= cut <= confirm.bins for cut in cuts):
        raise InputError(f"The cuts are {cuts[:20]}.", fix=f"Give {confirm.levels} cuts from 0 to {confirm.bins}.")
    level = looks.level() if seen == "verdicts" else looks.level_among((confirm.bins + 1) ** confirm.levels)
    tally = Tally.of_rules(confirm, [cuts])
    tested = tally if scope == "each level" else tally.total()
    p = float(np.where(tested.rows > 0, test.p_values(tested, target), 0.0).max()) if tested.rows.any() else 1.0
    certified = p <= level
    figures = f"{test.describe(tally.total())}: p is {p:.3g}, "
    reason = (
        f"Look {looks.looks + 1}: {figures if seen == 'counts' else 'p is '}"
        f"{'at most' if certified else 'more than'} the {level:.3g} left for it."
        f"{'' if certified else ' Bring fresh confirmation rows, or keep the certified rule.'}"
    )
    return EditVerdict(
        certified, reason, cuts, Counts.of_rule(confirm, cuts), p, level, seen, looks.after(passed=certified)
    )
