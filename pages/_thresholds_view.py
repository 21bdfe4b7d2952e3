"""What the parts of the thresholds page share: the counted rows, the question, and results found once."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from core.errors import InputError
from core.rng import make_generator
from core.thresholds.certificate import Certificate
from core.thresholds.evidence import Evidence, Proof, tune_all
from core.thresholds.halves import Halves
from core.thresholds.methods import Comparison, compare_methods
from core.thresholds.objective import Objective
from core.thresholds.proof_log import FurtherLook, ProofLog
from core.thresholds.prove import prove
from core.thresholds.rule import Rule
from core.thresholds.tuning import Method
from pages._shell_jobs import compute, keep
from pages._thresholds_counted import Counted

LOGS = "thresholds_logs"


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Rows, question, the rule found on the tuning rows, and what the other half has been asked so far.

    ``log`` is None until the confirmation half is opened; ``evidence`` has a proof where it was opened with this
    very question.
    """

    counted: Counted
    objective: Objective
    method: Method
    evidence: Evidence
    log: ProofLog | None

    @property
    def rule(self) -> Rule:
        """The rule in view, on the tuning rows: the certified one, or the tuned one."""
        cuts = self.evidence.cuts or self.evidence.tuning.cuts
        return Rule(self.counted.tuned, cuts, self.evidence.sampling)

    @property
    def certificate(self) -> Certificate | None:
        """The certificate of the rule in view."""
        proof = self.evidence.proof
        return proof.outcome if proof is not None and isinstance(proof.outcome, Certificate) else None

    @property
    def look(self) -> FurtherLook | None:
        """The answer to the rule in view, where it was tested after the first question."""
        return None if self.log is None else self.log.find(self.rule.cuts, target=self.objective.target)


def find_view(counted: Counted, objective: Objective, method: Method) -> View:
    """Tune, and prove where the half was opened with this question."""
    log = find_log(counted)
    if log is not None and (log.objective, log.method) == (objective, method):
        return View(counted, objective, method, log.first, log)
    sampling = counted.counting.sampling
    key = ("tuning", *counted.key, objective, method, sampling)
    evidence = keep(key, lambda: tune_all(counted.tuned, objective, method=method, sampling=sampling))
    return View(counted, objective, method, evidence, log)


def find_log(counted: Counted) -> ProofLog | None:
    """What the confirmation half has been asked in this session, under this setting."""
    return st.session_state.get(LOGS, {}).get(_key(counted))


def keep_log(counted: Counted, log: ProofLog) -> None:
    """Remember it for the session."""
    st.session_state.setdefault(LOGS, {})[_key(counted)] = log


def _key(counted: Counted) -> tuple[Any, ...]:
    """Under another setting the same rows are opened anew, which is counted."""
    return *counted.key, counted.counting.proof_key


def times_opened(counted: Counted) -> int:
    """How often rows of this holdout have been opened in this session, under any setting."""
    return sum(key[0] == counted.holdout.digest for key in st.session_state.get(LOGS, {}))


def open_half(counted: Counted, objective: Objective, method: Method) -> None:
    """Ask the confirmation half the question for which it was kept."""
    first, delta = _prove(counted, objective, method), counted.counting.delta
    keep_log(counted, ProofLog.open(first, delta=delta, opened=times_opened(counted) + 1))


def _prove(counted: Counted, objective: Objective, method: Method) -> Evidence:
    """Tune, and test on the other half, at the error that leaves something for later looks."""
    confirm, counting = counted.confirm, counted.counting
    if confirm is None or counting.split is None:
        raise InputError("All rows were used for tuning.", fix="Choose to tune on one half.")
    return compute(
        ("proof", *counted.key, objective, method, counting.proof_key),
        lambda: prove(
            counted.holdout, counted.engine, Halves(counted.tuned, confirm), objective,
            method=method, split=counting.split, delta=counted.spent, rng=make_generator(counting.split.seed),
            sampling=counting.sampling, scope=counting.scope, largest_weight=counting.largest_weight,
            where=counting.where,
        ),
        label="Proof",
    )  # fmt: skip


def compare(counted: Counted, objective: Objective, *, proven: bool) -> Comparison:
    """All methods at one question; ``proven``: with what the opened half says, each by itself."""
    sampling, log = counted.counting.sampling, find_log(counted) if proven else None
    how, test = ({}, None) if log is None else (_describe_test(log.proof), log.proof.test)
    comparison = keep(
        ("methods", *counted.key, objective, counted.counting.proof_key, test),
        lambda: compare_methods(counted.tuned, objective, sampling=sampling, **how),
    )
    return comparison if log is None else comparison.settle(log.method, log.proof.outcome)


def _describe_test(proof: Proof) -> dict[str, Any]:
    """To prove other rules as the first ones were."""
    return {"confirm": proof.confirm, "delta": proof.delta, "scope": proof.outcome.scope, "test": proof.test}
