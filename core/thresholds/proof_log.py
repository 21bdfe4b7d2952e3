"""What was asked of a confirmation half: the automatic test first, then every further rule, each counted."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from core.engine.protocol import Among
from core.errors import InputError
from core.holdout.data import Holdout
from core.holdout.exploration import plain
from core.thresholds.data import Cuts
from core.thresholds.evidence import Evidence, Proof, make_policy
from core.thresholds.looks import EditVerdict, LookCounter, check_edit
from core.thresholds.objective import Objective
from core.thresholds.policy import Policy
from core.thresholds.policy_file import write_policy
from core.thresholds.rule import Rule
from core.thresholds.sampling import Sampling
from core.thresholds.tuning import Method

SCHEMA = "recscope-evidence/1"


@dataclass(frozen=True, slots=True, eq=False)
class FurtherLook:
    """A rule that was tested after the first one: where it came from, its target, and the answer."""

    origin: str
    target: float
    verdict: EditVerdict


@dataclass(frozen=True, slots=True, eq=False)
class ProofLog:
    """The question with which the confirmation half was opened, and all that was tested since.

    Attributes
    ----------
    first, proof
        Fixed before the half was opened, and what the half said.
    counter
        How the probability of error is spent.
    opened
        How often these rows have been opened; the guarantee is that of the first time.
    looks
        Further tests, in order.
    """

    first: Evidence
    proof: Proof
    counter: LookCounter
    opened: int = 1
    looks: tuple[FurtherLook, ...] = ()

    @classmethod
    def open(cls, first: Evidence, *, delta: float, opened: int = 1) -> "ProofLog":
        """Begin with the automatic test, made at ``LookCounter(delta, …).automatic``.

        Raises
        ------
        InputError
            There is no proof, or it spent another error.
        """
        if first.proof is None or first.proof.delta != LookCounter(delta, candidates=0).automatic:
            raise InputError("The automatic test did not spend half of delta.", fix="Prove at LookCounter.automatic.")
        return cls(first, first.proof, LookCounter(delta, candidates=first.proof.outcome.candidates), opened)

    @property
    def objective(self) -> Objective:
        """The first question."""
        return self.first.objective

    @property
    def method(self) -> Method:
        """The method of the first question."""
        return self.first.tuning.method

    def find(self, cuts: tuple[int, ...], *, target: float) -> FurtherLook | None:
        """The look at a rule and a target, if there was one: the same question has the same answer."""
        found = (look for look in self.looks if look.verdict.cuts == cuts and look.target == target)
        return next(found, None)

    def test(self, cuts: tuple[int, ...], *, target: float, origin: str) -> "ProofLog":
        """Test one more rule, at the error that is left for rules chosen with counts of this half in sight.

        Raises
        ------
        InputError
            A cut does not exist; the target is out of range; rows come from too few groups.

        Notes
        -----
        The level is that of *all* rules on these cuts at once, so that the rule and the target may have been chosen in
        any way: if no rule's exact lower bound errs, none does at any target.
        """
        if self.find(cuts, target=target) is not None:
            return self
        if self.proof.groups is not None and self.proof.groups.few:
            raise InputError(
                "The accepted rows come from too few groups for a further test at so small an error.",
                fix="Keep the certified rule, or bring fresh rows of more groups.",
            )
        asked = self.first.sampling.in_sample(Objective("precision", target)).target
        verdict = check_edit(
            self.proof.confirm,
            cuts,
            target=asked,
            looks=self.counter,
            scope=self.proof.outcome.scope,
            test=self.proof.test,
        )
        return replace(self, counter=verdict.looks, looks=(*self.looks, FurtherLook(origin, target, verdict)))

    def frame(self) -> pd.DataFrame:
        """One line per look: look, origin, target, thresholds, accepted, tp, precision, p_value, level, certified."""
        names = ["look", "origin", "target", "thresholds", "accepted", "tp", "precision", "p_value", "level",
                 "certified"]  # fmt: skip
        confirm = self.proof.confirm
        return pd.DataFrame(
            [_line(i, look, confirm, self.first.sampling) for i, look in enumerate(self.looks, start=1)], columns=names
        )

    def policy_of(self, look: FurtherLook, holdout: Holdout, *, where: Sequence[Among] = ()) -> Policy:
        """A rule that a look certified, as a policy; its delta is the whole one.

        Raises
        ------
        InputError
            The look did not certify its rule.
        """
        if not look.verdict.certified:
            raise InputError("This rule was tested and not certified.", fix="Choose a certified rule.")
        policy, proof = (
            make_policy(replace(self.first, proof=None), look.verdict.cuts, holdout, where=where),
            self.proof,
        )
        return replace(
            policy,
            objective=Objective("precision", look.target),
            method="by-hand",
            seed=proof.split.seed,
            confirmed=proof.confirmation(look.verdict.cuts, delta=self.counter.delta),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values: how often opened, how the error was spent, the first question with its answer, every look."""
        return {
            "opened": self.opened,
            "delta": self.counter.delta,
            "delta_automatic": self.counter.automatic,
            "objective": self.objective.kind,
            "target": self.objective.target,
            **self.first.to_json(),
            "looks": [plain(look) for look in self.frame().to_dict("records")],
        }


def build_bundle(
    policy: Policy, evidence: Evidence, log: ProofLog | None, *, counted: dict[str, Any]
) -> dict[str, Any]:
    """The policy and what it rests on as plain values; ``counted`` says how the rows were counted."""
    return {
        "schema": SCHEMA,
        "policy_hash": policy.hash,
        "policy": json.loads(write_policy(policy)),
        "counted": counted,
        "evidence": evidence.to_json(),
        "confirmation": None if log is None else log.to_json(),
    }


def _line(number: int, look: FurtherLook, confirm: Cuts, sampling: Sampling) -> tuple[Any, ...]:
    verdict = look.verdict
    thresholds = " · ".join(f"{one:.4g}" for one in Rule(confirm, verdict.cuts).thresholds)
    counts = verdict.confirmed
    accepted, tp = (confirm.amount(np.array(units)).item() for units in (counts.accepted, counts.tp))
    precision = sampling.in_population(counts.precision) if counts.accepted else None
    return (
        number, look.origin, look.target, thresholds.replace("inf", "none"), accepted, tp, precision,
        verdict.p_value, verdict.level, verdict.certified,
    )  # fmt: skip
