"""A look at newer rows under the active policy: does its precision still hold? Looks add up, and may be repeated."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import isclose
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from core.arrays import FloatArray
from core.engine.protocol import Engine
from core.errors import InputError
from core.holdout.data import Holdout
from core.holdout.exploration import plain
from core.intervals import newcombe
from core.jobs import Job
from core.signoff.look import SCHEMA, Look, Rate, count_look, of_counts
from core.signoff.population import Population, Shift, bound_share, count_population, measure_shift, rows_of_policy
from core.signoff.sequence import BernsteinSequence, BinomialSequence, PrecisionSequence
from core.thresholds.apply import total
from core.thresholds.certificate import Counts
from core.thresholds.objective import DECIMALS
from core.thresholds.policy import LevelCounts, Policy
from core.thresholds.policy_file import read_policy
from core.thresholds.precision import Tally
from core.thresholds.sampling import Sampling
from core.thresholds.shift import shift_prior

if TYPE_CHECKING:
    import pandas as pd

ALPHA = 0.05  # over all looks: of calling a policy broken that is not, of calling one good that is not, of shift alarms
WAYS = 2  # of being broken, which share alpha: on average since activation, and since some look
ALARMS = 5  # what alpha of the alarms is shared by: this look alone, cells, rows outside, base rate now, and needed
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
    files
        SHA-256 of the bytes of each file that it was signed on; none where it is not known.
    """

    policy: Policy
    population: Population
    recall: Rate
    files: tuple[str, ...]

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
        population, recall = Population.from_json(payload.get("cube", {})), _signed_recall(policy, payload)
        return cls(policy, population, recall, tuple(payload.get("data", {}).get("files", ())))

    @property
    def design_effect(self) -> float:
        """How many signed rows tell as much as an independent one."""
        return self.policy.confirmed.design_effect if self.policy.confirmed else 1.0

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
        This look, and whether it adds to the earlier ones: the same files count once.
    looks
        All that count, oldest first.
    lower, upper
        Bounds of the precision of all accepted rows, in the population, after each of the looks. The lower ones err at
        any look with probability at most alpha, the upper ones with half of it: the other half finds a late fall.
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
        columns = _precisions(_over(of_counts(signed), self.signed.design_effect), policy.sampling)
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
                **dict(
                    zip(("precision", "lo", "hi"), _precisions(self.look.effective, self.look.sampling), strict=True)
                ),
            }
        )

    def course(self) -> "pd.DataFrame":
        """One line per look that counts.

        Columns look, name, rows, accepted, precision, precision_lo, precision_hi (of this look alone, Wilson at 95 %),
        so_far (the precision of all accepted rows), lower, upper (its bounds).
        """
        import pandas as pd

        sampling = self.look.sampling
        each = _stack([look.effective.total() for look in self.looks])
        raw = _stack([look.accepted.total() for look in self.looks])
        precision, lo, hi = _precisions(each, sampling)
        return pd.DataFrame(
            {
                "look": np.arange(1, len(self.looks) + 1),
                "name": [look.name for look in self.looks],
                "rows": [total(look.levels).rows for look in self.looks],
                "accepted": [total(look.levels).accepted for look in self.looks],
                "precision": precision,
                "precision_lo": lo,
                "precision_hi": hi,
                "so_far": sampling.in_population(_cumulate(raw).precision),
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
            "data": {
                "digest": self.look.digest,
                "files": list(self.look.files),
                "name": self.look.name,
                "rows": int(now.rows.sum()) + now.outside,
            },
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
    sampling: Sampling | None = None,
) -> Job[Watch]:
    """Look at the active policy on newer rows.

    Parameters
    ----------
    payload
        Of the submission.
    holdout
        Newer rows, drawn from the population. Which columns they are read from may differ from the signed ones; what
        they mean may not.
    earlier
        Payloads of the looks at this version, over all its activations, oldest first.
    rng
        Of the deals that say how much of a shift is chance.
    sampling
        At which rates the newer rows were drawn; where not given, at those of the policy.

    Raises
    ------
    InputError
        The policy or the rows cannot be watched (see :class:`Signed` and
        :func:`core.signoff.population.rows_of_policy`); the rows are those the policy was made on; one side only has
        weights, or groups; a row weighs more than the stated largest weight; rows with weights have rates too, or the
        classes were drawn at other rates than in the first look.

    Notes
    -----
    *Verdict.* ``broken``, in two ways that have half of alpha = 5 % each. *On average*: "the precision is at least the
    target" is refuted by all accepted rows since activation. *Since a look*: with E_j the evidence against the same
    from the rows of looks j, j + 1, … alone, Σ_j 6/(π²j²)·E_j reaches 2/alpha. Each E_j starts at 1 when its look
    comes, so where the precision reaches the target at every look, the sum (with the looks to come) is a nonnegative
    supermartingale that starts at 1: a fall after a long good run is found by its own rows. ``holds``: "the precision
    is on average at most the target" is refuted, and nothing is alarmed. Else ``weakening``. The first two are wrong
    with probability at most alpha each, over all looks on record, however many there are and whenever they come: see
    :mod:`core.signoff.sequence`. Where each level was certified, one refuted level breaks the policy (each at its share
    of alpha), and all must be shown to hold. A target of 1 is never shown to hold.

    *Alarms.* Look k spends alpha·6/(π²k²) on its own precision being below the target, cells, rows outside and the base
    rate, a fifth each; the last fifth goes, once, to the break-even base rate. Over all looks that is alpha.

    *Rows count once.* A look that shares a file with one that was counted changes no count. Rows that stand in two
    different files cannot be recognised: looks must not overlap.

    *Groups.* The sums of all looks are divided by one design effect, the largest so far of the looks and the signed
    rows. Were each look divided by its own, looks with few negatives would count for more, since their labels also make
    their design effect small; "holds" would then be wrong far too often at precisions near 1. With fewer than 50
    effective groups a look's design effect is the largest number of accepted rows that one group may have, which is
    exact; otherwise an estimate. Where groups come again in later looks, their rows are taken as independent of their
    earlier ones, and the probabilities above do not hold.

    *Rates.* Where classes were sampled the target is carried over to the newer rows by their own rates. All looks have
    the same ratio of rates, so that their sums can be tested as one. Against the signed cells a positive is counted for
    as many rows as makes both alike.

    *Every look counts.* The bounds allow any number of looks, and none to be left out because of what it said: record
    each, also a bad one.

    Recall is reported and decides nothing: what is signed is a precision.
    """
    signed = Signed.from_payload(payload)
    policy = signed.policy
    sampling = sampling or policy.sampling
    where = rows_of_policy(policy, holdout)
    _check_rows(signed, holdout)
    known = _earlier(earlier, policy)
    _check_sampling(policy, sampling, known)
    look, recall = yield from count_look(policy, holdout, engine, where, sampling)
    edges, worth = signed.population.score_edges, 1.0
    if not _alike(sampling, policy.sampling):
        worth = _odds(policy.sampling) / _odds(sampling)
    now = yield from count_population(policy, holdout, engine, score_edges=edges, worth=worth)
    looks = (*known, *([] if any(look.overlaps(one) for one in known) else [look]))
    level = ALPHA / ALARMS * 6 / (np.pi * len(looks)) ** 2
    shift = measure_shift(signed.population, now, level=level, rng=rng)
    base_rate = _base_rate(policy, look, now, level=level)
    return _judge(signed, look, looks, recall=Change.between(signed.recall, recall), shift=shift, base_rate=base_rate)


def _judge(
    signed: Signed, look: Look, looks: tuple[Look, ...], *, recall: Change, shift: Shift, base_rate: BaseRate | None
) -> Watch:
    policy, sequence = signed.policy, signed.sequence
    effects = np.maximum.accumulate([max(one.design_effect, signed.design_effect) for one in looks])
    so_far = _over(_cumulate(_stack([one.accepted.total() for one in looks])), effects)
    ends = (sequence.lower_bounds(so_far, ALPHA), sequence.upper_bounds(so_far, ALPHA / WAYS))
    lower, upper = (np.asarray(look.sampling.in_population(end)) for end in ends)
    tests = _test(signed, look, looks, level=shift.level)
    reasons = _reasons(policy, looks, tests, lower=float(lower[-1]), shift=shift, base_rate=base_rate)
    verdict: Verdict = "broken" if tests.refuted else "weakening" if reasons else "holds"
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
        rule=_say_rule(verdict, policy, looks, tests, reasons, lower=float(lower[-1]), upper=float(upper[-1])),
        reasons=tuple(reasons),
    )


def _say_rule(
    verdict: Verdict,
    policy: Policy,
    looks: Sequence[Look],
    tests: "_Tests",
    reasons: Sequence[str],
    *,
    lower: float,
    upper: float,
) -> str:
    """The sentence that says what decided."""
    target = policy.objective.target
    if verdict == "weakening":
        return " ".join(reasons)
    if verdict == "holds":
        return (
            f"The precision of {_tell(looks)} is at least {_say_at_least(max(lower, target), target)} on average since "
            f"activation, the target is {target:.6g}, and no shift was found."
        )
    told, when = _tell(looks, tests.since), " on average since activation"
    if tests.since:
        when = f" since look {tests.since} of {len(looks)}: it has not stayed at the target"
    elif tests.refuted == PRECISION:
        when += f" (it lies below {_say_below(min(upper, target), target)})"
    return (
        f"{tests.refuted} of {told} is below the target of {target:.6g}{when}. Over all recorded looks, however many, "
        f"that is wrong with probability at most {ALPHA:g}."
    )


@dataclass(frozen=True, slots=True)
class _Tests:
    """What the tests of the precision say.

    Attributes
    ----------
    refuted
        What is refuted to reach the target, as the subject of a sentence; empty where nothing is.
    since
        From which look on, counted from 1; 0 where it is on average over all.
    shown
        Whether all is shown to reach the target on average.
    alone
        What is surely below the target in this look alone; empty where nothing is.
    """

    refuted: str
    since: int
    shown: bool
    alone: str


def _test(signed: Signed, look: Look, looks: Sequence[Look], *, level: float) -> _Tests:
    """Test the precision on average, since each look, and in this look, whose error is at most the level."""
    policy, sequence = signed.policy, signed.sequence
    effect = max(signed.design_effect, look.design_effect, *(one.design_effect for one in looks))
    each = policy.confirmed is not None and policy.confirmed.scope == "each level"
    kept = np.flatnonzero([each and one.accepted > 0 for one in policy.tuned])  # those that were certified
    tested = [_at(one, kept) if len(kept) else one.total() for one in (part.over(effect) for part in (*looks, look))]
    names = [f"{PRECISION} in level {one + 1}" for one in kept] or [PRECISION]
    since = _add_from(tested[:-1])
    target = look.sampling.in_sample(policy.objective).target
    reached = target if look.sampling.even else target - 10.0**-DECIMALS  # what was rounded up
    against = sequence.against_at_least(since, reached)  # shape (looks, tested)
    shares = _share_out(against)
    limit = -np.log(ALPHA / WAYS / len(names))
    on_average, late = np.flatnonzero(against[0] >= limit), np.flatnonzero(logsumexp(shares, axis=0) >= limit)
    first = [*on_average, *late][:1]
    alone = _surely_below(sequence, tested[-1], reached, level=level / len(names))
    shown = sequence.against_at_most(_at(since, 0), target) >= -np.log(ALPHA)
    return _Tests(
        refuted="".join(names[one] for one in first),
        since=0 if len(on_average) or not len(late) else int(np.argmax(shares[:, late[0]])) + 1,
        shown=bool(np.all(shown)),
        alone="".join(names[one] for one in np.flatnonzero(alone)[:1]),
    )


def _surely_below(sequence: PrecisionSequence, tally: Tally, target: float, *, level: float) -> npt.NDArray[np.bool_]:
    """Whether the precision of each entry is below a target, wrongly with probability at most the level, at one look.

    With weights by the evidence, otherwise by the Clopper-Pearson bound: it asks for less, as it need hold only once.
    """
    if isinstance(sequence, BernsteinSequence):
        return np.asarray(sequence.against_at_least(tally, target) >= -np.log(level))
    each = zip(np.nan_to_num(tally.precision), tally.w, strict=True)
    return np.array([bound_share(float(share), float(rows), level)[1] < target for share, rows in each])


def _share_out(against: FloatArray) -> FloatArray:
    """Logarithms of what the evidence since each look, shape (looks, tested), adds to the sum over looks."""
    return np.asarray(against + np.log(6 / (np.pi * np.arange(1.0, len(against) + 1)) ** 2)[:, None])


def _add_from(tallies: Sequence[Tally]) -> Tally:
    """Sums from each look to the last; shape (looks, tested)."""
    sums = (np.stack([getattr(one, name) for one in tallies]) for name in Tally.__slots__)
    return Tally(*(np.cumsum(one[::-1], axis=0)[::-1] for one in sums))


def _reasons(
    policy: Policy,
    looks: Sequence[Look],
    tests: _Tests,
    *,
    lower: float,
    shift: Shift,
    base_rate: BaseRate | None,
) -> list[str]:
    """All that speaks against ``holds``, as sentences."""
    found, target = [], policy.objective.target
    if not tests.refuted and not tests.shown:
        found.append(_say_open(policy, looks, lower=lower))
    if tests.alone:
        found.append(f"{tests.alone} of this look alone lies surely below the target of {target:.6g}.")
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
            f"The share of positives is {base_rate.now:.4g}; if nothing else changes, the target needs "
            f"{base_rate.break_even:.4g}."
        )
    return found


def _say_open(policy: Policy, looks: Sequence[Look], *, lower: float) -> str:
    """That the precision is neither refuted nor shown to reach the target."""
    target = policy.objective.target
    if not sum(total(one.levels).accepted for one in looks):
        return "No row has been accepted in looks at this version, so nothing is known of the precision."
    if policy.confirmed is not None and policy.confirmed.scope == "each level":
        return (
            f"Not every level has been shown to reach the target of {target:.6g} on average since activation, in "
            f"{_count(looks)} at this version."
        )
    known = _say_at_least(min(lower, target - 10.0**-DECIMALS), target)
    return (
        f"The precision of {_tell(looks)} is only known to be above {known} on average since activation; the target is "
        f"{target:.6g}."
    )


def _say_at_least(bound: float, target: float) -> str:
    """A lower bound rounded down, with as many digits as keep it on its side of the target."""
    value = Decimal(repr(float(bound)))
    for digits in (4, DECIMALS):
        told = value.quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR)
        if (told >= Decimal(repr(target))) == (bound >= target):
            break
    return f"{told.normalize():f}"


def _say_below(bound: float, target: float) -> str:
    """An upper bound rounded up, likewise."""
    value = Decimal(repr(float(bound)))
    for digits in (4, DECIMALS):
        told = value.quantize(Decimal(1).scaleb(-digits), ROUND_CEILING)
        if told <= Decimal(repr(target)):
            break
    return f"{told.normalize():f}"


def _tell(looks: Sequence[Look], since: int = 0) -> str:
    """Accepted rows of looks; from one of them on, which is counted from 1."""
    looks = looks[max(since - 1, 0) :]
    accepted = sum(total(look.levels).accepted for look in looks)
    return f"the {accepted:,} rows accepted in {_count(looks)} at this version"


def _count(looks: Sequence[Look]) -> str:
    return f"{len(looks)} look{'s' if len(looks) > 1 else ''}"


def _check_rows(signed: Signed, holdout: Holdout) -> None:
    """Refuse rows that say nothing new, or not what the policy's rows said."""
    policy = signed.policy
    if holdout.digest == policy.data_digest or not set(signed.files).isdisjoint(holdout.files):
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


def _check_sampling(policy: Policy, sampling: Sampling, known: Sequence[Look]) -> None:
    """Refuse rates beside weights, and looks whose sums cannot be tested as one."""
    if policy.weighted and not sampling.even:
        raise InputError(
            "Rows with weights say their rates already; these have rates of the classes too.",
            fix="Leave the rates out.",
        )
    if any(not _alike(look.sampling, sampling) for look in known):
        first = known[0].sampling
        raise InputError(
            f"The first look at this version had rows of which {first.keep_positives:.6g} of the positives and "
            f"{first.keep_negatives:.6g} of the negatives were kept; these were sampled otherwise.",
            fix="Give rows that were sampled as those of the first look, with their rates.",
        )


def _alike(one: Sampling, other: Sampling) -> bool:
    """Whether rates multiply odds alike."""
    return isclose(_odds(one), _odds(other))


def _odds(sampling: Sampling) -> float:
    """By what sampling multiplies the odds of a positive."""
    return sampling.keep_positives / sampling.keep_negatives


def _earlier(payloads: Sequence[Mapping[str, Any]], policy: Policy) -> list[Look]:
    """Looks that count, each data once."""
    found: list[Look] = []
    for payload in payloads:
        look = Look.from_json(payload, policy) if payload.get("counted") else None
        if look is not None and not any(look.overlaps(one) for one in found):
            found.append(look)
    return found


def _base_rate(policy: Policy, look: Look, now: Population, *, level: float) -> BaseRate | None:
    """None where rows have weights, the target is 1, or the signed rows lack a label or an accepted row."""
    signed, counts, target = _signed_effective(policy), total(look.levels), policy.objective.target
    told = 0 < signed.positives < signed.rows and signed.accepted and counts.rows and target <= ONE_LABEL_TARGET
    if policy.weighted or not told:
        return None
    share, rows = counts.positives / counts.rows, max(now.effective_rows, 1.0)
    ends = bound_share(share, rows, level)
    rate, lo, hi = (float(look.sampling.in_population(one)) for one in (share, *ends))
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


def _precisions(effective: Tally, sampling: Sampling) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Precision of each entry in the population, with its 95 % interval."""
    lo, hi = effective.interval()
    value, low, high = (sampling.in_population(one) for one in (effective.precision, lo, hi))
    return value, low, high


def _stack(tallies: Sequence[Tally]) -> Tally:
    return Tally(*(np.concatenate([getattr(one, name) for one in tallies]) for name in Tally.__slots__))


def _cumulate(tally: Tally) -> Tally:
    return Tally(*(np.cumsum(getattr(tally, name)) for name in Tally.__slots__))


def _at(tally: Tally, kept: Any) -> Tally:
    return Tally(*(getattr(tally, name)[kept] for name in Tally.__slots__))


def _over(tally: Tally, effects: FloatArray | float) -> Tally:
    return Tally(*(getattr(tally, name) / effects for name in Tally.__slots__))
