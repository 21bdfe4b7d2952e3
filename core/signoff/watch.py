"""A look at newer rows under the active policy: does its precision still hold? Looks add up, and may be repeated."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from core.arrays import FloatArray
from core.engine.protocol import Engine
from core.errors import InputError
from core.holdout.data import Holdout
from core.holdout.exploration import plain
from core.intervals import newcombe, wilson
from core.jobs import Job
from core.signoff.look import SCHEMA, Look, Rate, count_look, of_counts
from core.signoff.population import Population, Shift, count_population, measure_shift, rows_of_policy
from core.signoff.sequence import BernsteinSequence, BinomialSequence, PrecisionSequence
from core.thresholds.apply import total
from core.thresholds.certificate import Counts
from core.thresholds.objective import DECIMALS
from core.thresholds.policy import LevelCounts, Policy
from core.thresholds.policy_file import read_policy
from core.thresholds.precision import Tally
from core.thresholds.shift import shift_prior

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05  # over all looks: of calling a policy broken that is not, of calling one good that is not, of shift alarms
ALARMS = 4  # what the last is shared by: cells, rows outside, base rate now, base rate needed
ONE_LABEL_TARGET = 1 - 1e-6  # above it the break-even base rate is 1
PRECISION = "The precision"

Verdict = Literal["holds", "weakening", "broken"]


@dataclass(frozen=True, slots=True)
class Change:
    """A recall as signed and now, and the difference with its 95 % interval (Newcombe, independent rows)."""

    signed: Rate
    now: Rate
    difference: float
    lo: float
    hi: float

    @classmethod
    def between(cls, signed: Rate, now: Rate) -> "Change":
        """From signed to now."""
        if np.isnan([signed.value, now.value]).any():
            return cls(signed, now, float("nan"), -1.0, 1.0)
        rates, lo, hi = (np.array([getattr(one, name) for one in (signed, now)]) for name in ("value", "lo", "hi"))
        return cls(signed, now, float(rates[1] - rates[0]), *newcombe(rates, lo, hi))


@dataclass(frozen=True, slots=True)
class BaseRate:
    """Whether the share of positives alone would break the target: see :func:`core.thresholds.shift.shift_prior`.

    Attributes
    ----------
    now, lo, hi
        Share of positives in the population now; each end errs with the look's share of alpha.
    break_even, break_even_lo, break_even_hi
        The target is met from this share on, if nothing else changes.
    precision
        What the signed precision becomes at the share of now.
    """

    now: float
    lo: float
    hi: float
    break_even: float
    break_even_lo: float
    break_even_hi: float
    precision: float

    @property
    def below(self) -> bool:
        """Whether the share now is surely below the one that the target needs."""
        return self.hi < self.break_even_lo


@dataclass(frozen=True, slots=True)
class Signed:
    """What watching needs of a submission.

    Attributes
    ----------
    policy, population
        What was signed, and the counts of the rows that it was signed on.
    recall
        As confirmed, or as tuned where nothing was confirmed.
    """

    policy: Policy
    population: Population
    recall: Rate

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> "Signed":
        """Read a submission.

        Raises
        ------
        InputError
            It has no policy or counts, or these cannot be; the policy asks for no precision; its rows have weights and
            none was stated that no row exceeds.
        """
        if not isinstance(payload.get("policy"), Mapping):
            raise InputError("The submission holds no policy.", fix="Verify the ledger.")
        policy = read_policy(json.dumps(payload["policy"]))
        if policy.objective.kind != "precision":
            raise InputError(
                f"The policy asks for a {policy.objective.kind}: it promises no precision that could be watched.",
                fix="Sign a policy with a target precision.",
            )
        if policy.weighted and (policy.confirmed is None or policy.confirmed.largest_weight is None):
            raise InputError(
                "The policy is for rows with weights, and says no largest one.",
                fix="Certify it with the largest weight that the sampling design allows, and sign that.",
            )
        return cls(policy, Population.from_json(payload.get("cube", {})), _signed_recall(policy, payload))

    @property
    def sequence(self) -> PrecisionSequence:
        """The test of the precision."""
        confirmed = self.policy.confirmed
        if self.policy.weighted and confirmed is not None and confirmed.largest_weight is not None:
            return BernsteinSequence(confirmed.largest_weight)
        return BinomialSequence()


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """The answer of a look.

    Attributes
    ----------
    signed
        What was signed.
    look, counted
        This look, and whether it adds to the earlier ones: the same data count once.
    looks
        All that count, oldest first.
    lower, upper
        Bounds of the precision of all accepted rows, in the population, after each of the looks; each holds at all
        looks at once with probability 1 - alpha.
    recall, shift, base_rate
        Of this look against what was signed; ``base_rate`` is None where it cannot be told.
    verdict, rule, reasons
        The answer, the sentence that says which rule decided, and all that speaks against ``holds``.
    """

    signed: Signed
    look: Look
    counted: bool
    looks: tuple[Look, ...]
    lower: FloatArray
    upper: FloatArray
    recall: Change
    shift: Shift
    base_rate: BaseRate | None
    verdict: Verdict
    rule: str
    reasons: tuple[str, ...]

    @property
    def target(self) -> float:
        """Precision that was signed."""
        return self.signed.policy.objective.target

    def frame(self) -> "pd.DataFrame":
        """One line per level, in the order of the policy.

        Columns level, uncertainty_lo, uncertainty_hi, threshold (inf accepts none), then of the signed rows (the
        confirmed ones, or else the tuned ones) signed_rows, signed_accepted, signed_precision, signed_lo, signed_hi,
        then of this look rows, positives, accepted, true_positives, precision, lo, hi. Intervals are Wilson's at 95 %;
        precisions are of the population, NaN where nothing is accepted, and where signed rows had weights.
        """
        import pandas as pd

        policy, signed = self.signed.policy, _signed_counts(self.signed.policy)
        effect = policy.confirmed.design_effect if policy.confirmed else 1.0
        then = Look("", "", signed, of_counts(signed), weighted=False, design_effect=effect)
        columns = _precisions(then.effective, policy)
        hidden = np.full(policy.levels, np.nan)
        return pd.DataFrame(
            {
                "level": np.arange(1, policy.levels + 1),
                "uncertainty_lo": policy.level_edges[:-1],
                "uncertainty_hi": policy.level_edges[1:],
                "threshold": policy.thresholds,
                "signed_rows": [level.rows for level in signed],
                "signed_accepted": [level.accepted for level in signed],
                **{
                    name: hidden if policy.weighted else column
                    for name, column in zip(("signed_precision", "signed_lo", "signed_hi"), columns, strict=True)
                },
                **{name: [getattr(level, name) for level in self.look.levels] for name in LevelCounts.__slots__},
                **dict(zip(("precision", "lo", "hi"), _precisions(self.look.effective, policy), strict=True)),
            }
        )

    def course(self) -> "pd.DataFrame":
        """One line per look that counts.

        Columns look, name, rows, accepted, precision, precision_lo, precision_hi (of this look alone, Wilson at 95 %),
        so_far (the precision of all accepted rows), lower, upper (its bounds).
        """
        import pandas as pd

        policy = self.signed.policy
        each = _stack([look.effective.total() for look in self.looks])
        raw = _stack([look.accepted.total() for look in self.looks])
        precision, lo, hi = _precisions(each, policy)
        return pd.DataFrame(
            {
                "look": np.arange(1, len(self.looks) + 1),
                "name": [look.name for look in self.looks],
                "rows": [total(look.levels).rows for look in self.looks],
                "accepted": [total(look.levels).accepted for look in self.looks],
                "precision": precision,
                "precision_lo": lo,
                "precision_hi": hi,
                "so_far": policy.sampling.in_population(_cumulate(raw).precision),
                "lower": self.lower,
                "upper": self.upper,
            }
        )

    def to_json(self) -> dict[str, Any]:
        """What is recorded; see :class:`Look` for what later looks read of it."""
        now = self.shift.now
        return {
            "schema": SCHEMA,
            "policy_hash": self.signed.policy.hash,
            "data": {"digest": self.look.digest, "name": self.look.name, "rows": int(now.rows.sum()) + now.outside},
            "counted": self.counted,
            "look": self.look.to_json(),
            "alpha": ALPHA,
            "target": self.target,
            "verdict": self.verdict,
            "rule": self.rule,
            "reasons": list(self.reasons),
            "precision": plain(self.course().drop(columns="name").to_dict("records")[-1]),
            "recall": {
                "signed": plain(asdict(self.recall.signed)),
                "now": plain(asdict(self.recall.now)),
                **plain({name: getattr(self.recall, name) for name in ("difference", "lo", "hi")}),
            },
            "shift": self.shift.to_json(),
            "base_rate": None if self.base_rate is None else plain(asdict(self.base_rate)),
        }


def watch(
    payload: Mapping[str, Any],
    holdout: Holdout,
    engine: Engine,
    earlier: Sequence[Mapping[str, Any]],
    *,
    rng: np.random.Generator,
) -> Job[Watch]:
    """Look at the active policy on newer rows.

    Parameters
    ----------
    payload
        Of the submission.
    holdout
        Newer rows, drawn from the population at the policy's sampling rates. Which columns they are read from may
        differ from the signed ones; what they mean may not.
    earlier
        Payloads of the looks since activation, oldest first.
    rng
        Of the deals that say how much of a shift is chance.

    Raises
    ------
    InputError
        The policy or the rows cannot be watched (see :class:`Signed` and
        :func:`core.signoff.population.rows_of_policy`); the rows are those the policy was made on; one side only has
        weights, or groups; a row weighs more than the stated largest weight.

    Notes
    -----
    *Verdict.* ``broken``: "the precision is at least the target" is refuted by all rows since activation. ``holds``:
    "it is at most the target" is refuted, and no shift alarm was raised. Else ``weakening``. Each of the first two is
    wrong with probability at most alpha = 5 % over all looks, however many there are and whenever they come: see
    :mod:`core.signoff.sequence`. Where each level was certified, one refuted level breaks the policy (each at alpha
    over the number of levels), and all must be shown to hold. A target of 1 is never shown to hold.

    *Shift alarms.* Look k spends alpha·6/(π²k²) on cells, rows outside and the base rate, a quarter each; the last
    quarter goes, once, to the break-even base rate. Over all looks that is alpha.

    *Rows count once.* Data that were counted before change no count. Rows that stand in two different files cannot be
    recognised: looks must not overlap. Where groups come again in later looks, their rows are taken as independent of
    their earlier ones. With fewer than 50 effective groups a look is divided by the largest number of accepted rows
    that one group may have, which is exact; otherwise by the estimated design effect, an approximation.

    *Every look counts.* The bounds allow any number of looks, and none to be left out because of what it said: record
    each, also a bad one.

    Recall is reported and decides nothing: what is signed is a precision.
    """
    signed = Signed.from_payload(payload)
    policy = signed.policy
    where = rows_of_policy(policy, holdout)
    _check_rows(policy, holdout)
    known = list({look.digest: look for look in _earlier(earlier, policy)}.values())
    look, recall = yield from count_look(policy, holdout, engine, where)
    now = yield from count_population(policy, holdout, engine, score_edges=signed.population.score_edges)
    counted = look.digest not in {one.digest for one in known}
    looks = (*known, *([look] if counted else []))
    level = ALPHA / ALARMS * 6 / (np.pi * len(looks)) ** 2
    shift = measure_shift(signed.population, now, level=level, rng=rng)
    base_rate = _base_rate(policy, look, now, level=level)
    return _judge(signed, look, looks, recall=Change.between(signed.recall, recall), shift=shift, base_rate=base_rate)


def _judge(
    signed: Signed, look: Look, looks: tuple[Look, ...], *, recall: Change, shift: Shift, base_rate: BaseRate | None
) -> Watch:
    policy, sequence = signed.policy, signed.sequence
    so_far = _cumulate(_stack([one.effective.total() for one in looks]))
    ends = (sequence.lower_bounds(so_far, ALPHA), sequence.upper_bounds(so_far, ALPHA))
    lower, upper = (np.asarray(policy.sampling.in_population(end)) for end in ends)
    refuted, shown = _test(signed, looks)
    reasons = _reasons(
        policy, looks, float(lower[-1]), open_question=not (shown or refuted), shift=shift, base_rate=base_rate
    )
    verdict: Verdict = "broken" if refuted else "weakening" if reasons else "holds"
    told = _tell(looks)
    far = f" (it lies below {upper[-1]:.4g})" if refuted == PRECISION else ""
    rule = {
        "broken": f"{refuted} of {told} is below the target of {policy.objective.target:.6g}{far}. Over all looks, "
        f"however many, that is wrong with probability at most {ALPHA:g}.",
        "holds": f"The precision of {told} is at least {lower[-1]:.4g}, the target is {policy.objective.target:.6g}, "
        "and no shift was found.",
        "weakening": " ".join(reasons),
    }[verdict]
    return Watch(
        signed=signed,
        look=look,
        counted=looks[-1] is look,
        looks=looks,
        lower=lower,
        upper=upper,
        recall=recall,
        shift=shift,
        base_rate=base_rate,
        verdict=verdict,
        rule=rule,
        reasons=tuple(reasons),
    )


def _test(signed: Signed, looks: Sequence[Look]) -> tuple[str, bool]:
    """Name what is refuted to reach the target, nothing if nothing is; and whether all is shown to reach it."""
    policy, sequence = signed.policy, signed.sequence
    every = reduce(_plus, (look.effective for look in looks))
    each = policy.confirmed is not None and policy.confirmed.scope == "each level"
    kept = np.flatnonzero([each and level.accepted > 0 for level in policy.tuned])  # those that were certified
    tested = _at(every, kept) if len(kept) else every.total()
    target = policy.sampling.in_sample(policy.objective).target
    reached = target if policy.sampling.even else target - 10.0**-DECIMALS  # what was rounded up
    against = sequence.against_at_least(tested, reached)
    refuted = np.flatnonzero(against >= -np.log(ALPHA / len(against)))
    shown = bool(np.all(sequence.against_at_most(tested, target) >= -np.log(ALPHA)))
    if not len(refuted):
        return "", shown
    return f"{PRECISION} in level {kept[refuted[0]] + 1}" if len(kept) else PRECISION, shown


def _reasons(
    policy: Policy,
    looks: Sequence[Look],
    lower: float,
    *,
    open_question: bool,
    shift: Shift,
    base_rate: BaseRate | None,
) -> list[str]:
    """All that speaks against ``holds``, as sentences."""
    found, target = [], policy.objective.target
    if not sum(total(look.levels).accepted for look in looks):
        found.append("No row has been accepted since activation, so nothing is known of the precision.")
    elif open_question and policy.confirmed is not None and policy.confirmed.scope == "each level":
        found.append(f"Not every level has been shown to reach the target of {target:.6g} since activation.")
    elif open_question:
        found.append(
            f"The precision of {_tell(looks)} is only known to be above {lower:.4g}; the target is {target:.6g}."
        )
    if np.isnan(shift.index):
        found.append("No row of this look lies in a level of the policy.")
    if shift.moved:
        found.append(
            f"The rows have moved over levels and scores: the stability index is {shift.index:.3g}, and chance alone "
            f"gives {shift.expected:.3g} (p {shift.p_value:.2g})."
        )
    if shift.left:
        found.append(
            f"{100 * shift.now.outside_share:.3g} % of the rows lie outside the signed uncertainty range; when it was "
            f"signed {100 * shift.signed.outside_share:.3g} % did."
        )
    if base_rate is not None and base_rate.below:
        found.append(
            f"The share of positives is {base_rate.now:.3g}; if nothing else changes, the target needs "
            f"{base_rate.break_even:.3g}."
        )
    return found


def _tell(looks: Sequence[Look]) -> str:
    accepted = sum(total(look.levels).accepted for look in looks)
    return f"the {accepted:,} rows accepted in {len(looks)} look{'s' if len(looks) > 1 else ''} since activation"


def _check_rows(policy: Policy, holdout: Holdout) -> None:
    """Refuse rows that say nothing new, or not what the policy's rows said."""
    if holdout.digest == policy.data_digest:
        raise InputError(
            "These are the rows that the policy was made on; they fit it by construction.", fix="Give newer rows."
        )
    lo, hi = holdout.rows.ranges["weight"] if holdout.rows.weighted else (1.0, 1.0)
    if policy.weighted and not holdout.rows.weighted:
        raise InputError("The policy was signed on rows with weights.", fix="Map the weight column of these rows.")
    if not policy.weighted and lo != hi:
        raise InputError(
            "The policy was signed on rows without weights; these weigh differently.",
            fix="Give rows that were sampled as the signed ones were, without a weight column.",
        )
    confirmed = policy.confirmed
    if confirmed is None:
        return
    if policy.weighted and confirmed.largest_weight is not None and hi > confirmed.largest_weight:
        raise InputError(
            f"A row weighs {hi:.6g}; the policy was signed for weights up to {confirmed.largest_weight:.6g}.",
            fix="Give rows of the signed sampling design, or sign a policy for this one.",
        )
    if confirmed.design_effect > 1 and holdout.roles.group is None:
        raise InputError(
            "The policy was signed on rows in groups, and no group column is mapped.",
            fix="Map the column that says whose row it is.",
        )


def _earlier(payloads: Sequence[Mapping[str, Any]], policy: Policy) -> list[Look]:
    return [Look.from_json(one, policy) for one in payloads if one.get("counted")]


def _base_rate(policy: Policy, look: Look, now: Population, *, level: float) -> BaseRate | None:
    """None where rows have weights, the target is 1, or the signed rows lack a label or an accepted row."""
    signed, counts, target = _signed_effective(policy), total(look.levels), policy.objective.target
    told = 0 < signed.positives < signed.rows and signed.accepted and counts.rows and target <= ONE_LABEL_TARGET
    if policy.weighted or not told:
        return None
    share, rows = counts.positives / counts.rows, max(now.effective_rows, 1.0)
    ends = wilson(share * rows, rows, confidence=1 - 2 * level)
    rate, lo, hi = (float(policy.sampling.in_population(float(one))) for one in (share, *ends))
    prior = shift_prior(signed, np.array([rate]), target=target, confidence=1 - ALPHA / ALARMS)
    even = prior.break_even, prior.break_even_lo, prior.break_even_hi
    return BaseRate(rate, lo, hi, *even, float(prior.precision[0]))


def _signed_effective(policy: Policy) -> Counts:
    """Signed counts of all levels over the design effect, rounded where they are independent."""
    counts, effect = total(_signed_counts(policy)), policy.confirmed.design_effect if policy.confirmed else 1.0
    tp, accepted, positives = counts.true_positives, counts.accepted, counts.positives
    cells = tp, accepted - tp, positives - tp, counts.rows - positives - accepted + tp
    hit, false, missed, rest = (round(one / effect) for one in cells)
    return Counts(hit + false + missed + rest, hit + missed, hit + false, hit)


def _signed_counts(policy: Policy) -> tuple[LevelCounts, ...]:
    return policy.tuned if policy.confirmed is None else policy.confirmed.counts


def _signed_recall(policy: Policy, payload: Mapping[str, Any]) -> Rate:
    """From counts of rows; with weights, which these do not show, from the evidence where it is of the same rule."""
    counts, confirmed = total(_signed_counts(policy)), policy.confirmed
    effect = confirmed.design_effect if confirmed else 1.0
    if not policy.weighted:
        return Rate.of(counts.true_positives, counts.positives, counts.positives / effect)
    try:
        found = payload["evidence"]["evidence"]["confirmed"]
        values = tuple(float(found[name]) for name in ("recall", "recall_lo", "recall_hi"))
    except (KeyError, TypeError, ValueError):
        values = ()
    known = len(values) == 3 and policy.method != "by-hand"
    return Rate(*values) if known else Rate(float("nan"), 0.0, 1.0)


def _precisions(effective: Tally, policy: Policy) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Precision of each entry in the population, with its 95 % interval."""
    lo, hi = effective.interval()
    value, low, high = (policy.sampling.in_population(one) for one in (effective.precision, lo, hi))
    return value, low, high


def _stack(tallies: Sequence[Tally]) -> Tally:
    return Tally(*(np.concatenate([getattr(one, name) for one in tallies]) for name in Tally.__slots__))


def _cumulate(tally: Tally) -> Tally:
    return Tally(*(np.cumsum(getattr(tally, name)) for name in Tally.__slots__))


def _at(tally: Tally, kept: Any) -> Tally:
    return Tally(*(getattr(tally, name)[kept] for name in Tally.__slots__))


def _plus(one: Tally, other: Tally) -> Tally:
    return Tally(*(getattr(one, name) + getattr(other, name) for name in Tally.__slots__))
