"""The positivity that a score and its uncertainty should have where world and model are Beta-binomial.

The formula is the known answer against which measured positivity is tested, and the curve that a page draws
behind it.
"""

from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from core.arrays import FloatArray
from core.checks import as_floats, check_between, check_count, check_entries
from core.errors import InputError

Parameter = Literal["a1", "a0", "b1", "b0", "tau"]

PARAMETERS: Final[tuple[Parameter, ...]] = get_args(Parameter)
SMALLEST: Final = 1e-3
LARGEST: Final = 1e6

_DROP = 38.0  # nats below the mode where the integral is cut: exp(-38) = 3e-17
_NODES = 129  # relative error below 1e-10 while a1 and a0 are at least 0.3
_NODES_STEEP = 513  # the same for a1 or a0 down to 0.001, whose tails are hundreds of units long
_BLOCK = 4096  # points integrated at a time, so that memory stays near 10 MB


@dataclass(frozen=True, slots=True)
class BetaWorld:
    """A world in which the answer is known.

    Definition
    ----------
    The true test rate is q ~ Beta(a1, a0). Training keeps every positive and each negative with probability
    1/tau, so that the rate seen in training has odds(r) = tau * odds(q). At a point with evidence n the model
    has seen k ~ Binomial(n, r) positives, has its own prior Beta(b1, b0), and reports the score s = (b1 +
    k)/(b1 + b0 + n).

    Parameters
    ----------
    a1, a0
        Prior counts of the true test rate; the base rate is a1/(a1 + a0).
    b1, b0
        Prior counts of the model.
    tau
        Training keeps a negative with probability 1/tau. Above 1 negatives are thinned (the usual case),
        below 1 positives are.

    Raises
    ------
    InputError
        A parameter is not a number from 0.001 to 1,000,000.

    References
    ----------
    Setting: Arora, Merugu, Saladi, Rastogi, "Leveraging Uncertainty Estimates To Improve Classifier
    Performance", ICLR 2024, arXiv:2311.11723. The closed form of this module is derived afresh for this Beta
    world, not copied.

    Examples
    --------
    >>> BetaWorld().base_rate
    0.1
    """

    a1: float = 1.0
    a0: float = 9.0
    b1: float = 1.0
    b0: float = 1.0
    tau: float = 3.0

    def __post_init__(self) -> None:
        """Check every field."""
        for field in fields(self):
            check_between(getattr(self, field.name), SMALLEST, LARGEST, name=field.name)

    @property
    def base_rate(self) -> float:
        """Share of positives in the test world, a1/(a1 + a0)."""
        return self.a1 / (self.a1 + self.a0)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Positivity against evidence at one score.

    Attributes
    ----------
    score
        The score held fixed.
    evidence
        Shape (points,), increasing; pseudo-count of training rows behind the score.
    positivity
        Shape (points,); expected test positivity at that score and evidence.
    """

    score: float
    evidence: FloatArray
    positivity: FloatArray

    def frame(self) -> pd.DataFrame:
        """Return one row per point: score, evidence, positivity."""
        return pd.DataFrame({"score": self.score, "evidence": self.evidence, "positivity": self.positivity})


def expected_positivity(score: npt.ArrayLike, evidence: npt.ArrayLike, *, world: BetaWorld) -> FloatArray:
    """Compute the test positivity expected at a score and an evidence.

    Definition
    ----------
    With a = a1 + a0, k = s(b1 + b0 + n) - b1, p = a1 + k, p' = a0 + n - k and z = (tau - 1)/tau::

        E[q | s, n] = (1/tau) * p/(p + p') * 2F1(a + 1, p + 1; p + p' + 1; z) / 2F1(a, p; p + p'; z)

    which is the mean of q under a density proportional to q^(p-1) (1-q)^(p'-1) (1 + (tau-1)q)^(-n). For tau =
    1 it is linear in s: s + [a(a1/a - s) - b(b1/b - s)]/(a + n).

    Parameters
    ----------
    score
        Model score in [0, 1]; any shape.
    evidence
        Pseudo-count of training rows behind the score, at least 0; any shape that broadcasts with ``score``.
    world
        The Beta world.

    Returns
    -------
    numpy.ndarray
        Expected positivity in [0, 1]; the broadcast shape.

    Raises
    ------
    InputError
        A score lies outside [0, 1], an evidence is negative, either is not finite, or the shapes do not
        broadcast.

    Notes
    -----
    The model prior allows only scores from b1/(b+n) to (b1+n)/(b+n) at evidence n. A score outside, which the
    mean of a bin can be, is moved to the nearer end (k is clipped into [0, n]); `clipped_share` says how
    often that happens.

    The ratio is not computed from ``scipy.special.hyp2f1``. Compared over 1,380 points (tau 0.05-100, n
    0-1e6, a 0.55 to 330) scipy 1.17 gave NaN or an error above 1e-6 on a quarter of them: on nearly all with
    tau = 0.05 and n >= 300, on some with tau = 0.3 from n = 1 (20 % off at a = (1, 9), n = 30, k = 0.6) and
    on most with tau = 100 and n >= 300. In the log odds u of q the density is log-concave, with exponent p*u
    - n*log(1 + tau*e^u) - a*log(1 + e^u), whose mode solves a quadratic. The trapezoid rule after u = mode +
    c*sinh(t) converges geometrically, needs no special case for large n or extreme tau, and agreed with the
    same integral in extended precision to 2e-13 on all those points (relative); with mpmath's 2F1 to the same
    where n <= 300.

    Cost O(129) per point (O(513) where a1 or a0 is below 0.3).

    References
    ----------
    Euler integral of 2F1: NIST Digital Library of Mathematical Functions, 15.6.1.
    Trapezoid rule after a sinh substitution: Trefethen and Weideman, SIAM Review 56 (2014) 385-458.

    Examples
    --------
    >>> expected_positivity(0.8, [3, 30, 1000], world=BetaWorld()).round(3)
    array([0.255, 0.449, 0.566])
    """
    score, evidence = check_points(score, evidence)
    nodes = _NODES if min(world.a1, world.a0) >= 0.3 else _NODES_STEEP
    flat_score, flat_evidence = score.ravel(), evidence.ravel()
    positivity = np.empty(flat_score.size)
    for first in range(0, flat_score.size, _BLOCK):
        block = slice(first, first + _BLOCK)
        weight, log_odds = integrate_rate(flat_score[block], flat_evidence[block], world=world, nodes=nodes)
        positivity[block] = (weight * expit(log_odds)).sum(axis=1)
    return positivity.reshape(score.shape)


def clipped_share(
    score: npt.ArrayLike, evidence: npt.ArrayLike, *, world: BetaWorld, weights: npt.ArrayLike | None = None
) -> float:
    """Compute the share of points whose score the model prior cannot give at that evidence.

    Definition
    ----------
    The share with k = s(b1 + b0 + n) - b1 below -1/2 or above n + 1/2. Half a count is left for rounded
    scores.

    Parameters
    ----------
    score, evidence
        As for `expected_positivity`.
    world
        The Beta world; only b1 and b0 matter.
    weights
        Rows behind each point, at least 0 with a positive sum; equal weights when left out.

    Returns
    -------
    float
        Share in [0, 1]. Where it is not small, (b1, b0) is not this model's prior, or the evidence is not on the
        scale of counts.

    Raises
    ------
    InputError
        As for `expected_positivity`; or weights are negative, not finite, all zero, or of a shape that does
        not fit.

    Examples
    --------
    >>> clipped_share([0.5, 0.99], [2, 2], world=BetaWorld())
    0.5
    """
    score, evidence = check_points(score, evidence)
    count = score * (world.b1 + world.b0 + evidence) - world.b1
    outside = (count < -0.5) | (count > evidence + 0.5)
    mass = _check_weights(1.0 if weights is None else weights, shape=outside.shape)
    return float(mass[outside].sum() / mass.sum())


def odds_corrected(score: npt.ArrayLike, *, tau: float) -> FloatArray:
    """Undo the thinning of negatives, as if the score were certain.

    Definition
    ----------
    q = s/(s + tau(1 - s)), the limit of `expected_positivity` for large evidence.

    Parameters
    ----------
    score
        Model score in [0, 1]; any shape.
    tau
        Training kept a negative with probability 1/tau.

    Returns
    -------
    numpy.ndarray
        Corrected score in [0, 1]; the shape of ``score``.

    Raises
    ------
    InputError
        A score lies outside [0, 1] or is not finite, or tau is not from 0.001 to 1,000,000.

    Notes
    -----
    Uncertainty plays no part in it. At little evidence it is off by shrinkage towards the true base rate and
    by the bend of the correction itself.

    References
    ----------
    He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, section on
    re-calibration.

    Examples
    --------
    >>> odds_corrected([0.2, 0.6], tau=3.0).round(3)
    array([0.077, 0.333])
    """
    score, _ = check_points(score, 0.0)
    check_between(tau, SMALLEST, LARGEST, name="tau")
    return np.asarray(score / (score + tau * (1.0 - score)), dtype=np.float64)


def positivity_curve(
    score: float, *, evidence_lo: float, evidence_hi: float, world: BetaWorld, points: int = 80
) -> Curve:
    """Compute the expected positivity at one score for a log-spaced range of evidence.

    Parameters
    ----------
    score
        Score held fixed, in [0, 1].
    evidence_lo, evidence_hi
        Ends of the range, 0 < lo < hi.
    world
        The Beta world.
    points
        Number of points, 2 to 10,000.

    Returns
    -------
    Curve
        Both ends included exactly.

    Raises
    ------
    InputError
        The score lies outside [0, 1], the range is empty or not positive, or ``points`` is out of range.

    Examples
    --------
    >>> curve = positivity_curve(0.8, evidence_lo=3, evidence_hi=300, world=BetaWorld(), points=3)
    >>> curve.frame().round(3)
       score  evidence  positivity
    0    0.8       3.0       0.255
    1    0.8      30.0       0.449
    2    0.8     300.0       0.553
    """
    check_count(points, 2, 10_000, name="points")
    if not 0.0 < evidence_lo < evidence_hi < float("inf"):
        raise InputError(
            f"The evidence range must be positive and increasing; it is {evidence_lo:g} to {evidence_hi:g}.",
            fix="Give a low end above 0 and a higher finite end.",
        )
    evidence = np.geomspace(evidence_lo, evidence_hi, points)
    positivity = expected_positivity(score, evidence, world=world)
    for array in (evidence, positivity):
        array.setflags(write=False)
    return Curve(score=float(score), evidence=evidence, positivity=positivity)


def integrate_rate(
    score: FloatArray, evidence: FloatArray, *, world: BetaWorld, nodes: int
) -> tuple[FloatArray, FloatArray]:
    """Return weights (points, nodes) that sum to 1 over the nodes, and the log odds of q at the nodes."""
    n, log_tau, a = evidence, np.log(world.tau), world.a1 + world.a0
    count = np.clip(score * (world.b1 + world.b0 + n) - world.b1, 0.0, n)
    p, p_not = world.a1 + count, world.a0 + (n - count)
    # The mode y = e^u solves p_not*tau*y^2 + middle*y - p = 0; of the two forms of its root take the one
    # that does not subtract.
    middle = n * world.tau + a - p * (1.0 + world.tau)
    root = np.hypot(middle, 2.0 * np.sqrt(p_not * world.tau) * np.sqrt(p))
    above = np.where(middle > 0, 2.0 * p, root - middle)
    mode = np.log(above / np.where(middle > 0, middle + root, 2.0 * p_not * world.tau))
    variance = 1.0 / (n * _slope(mode + log_tau) + a * _slope(mode))
    # The third derivative of the exponent is at most its second in size, so at distance d from the mode it has
    # fallen by at least (e^-d - 1 + d)/variance >= d^2/(2 + d)/variance: at `reach` that bound is _DROP.
    reach = 0.5 * _DROP * variance * (1.0 + np.sqrt(1.0 + 8.0 / (_DROP * variance)))
    scale = np.sqrt(variance / (1.0 + variance / 4.0))
    t = np.arcsinh(reach / scale)[:, None] * np.linspace(-1.0, 1.0, nodes)
    u = mode[:, None] + scale[:, None] * np.sinh(t)
    exponent = p[:, None] * u - n[:, None] * np.logaddexp(0.0, u + log_tau) - a * np.logaddexp(0.0, u)
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True)) * np.cosh(t)
    return weight / weight.sum(axis=1, keepdims=True), u


def _slope(u: FloatArray) -> FloatArray:
    return np.asarray(expit(u) * expit(-u), dtype=np.float64)


def check_points(score: npt.ArrayLike, evidence: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return score and evidence as float64 arrays of one common shape."""
    score, evidence = as_floats(score, name="score"), as_floats(evidence, name="evidence")
    check_entries(score, (score >= 0.0) & (score <= 1.0), rule="score must be in [0, 1]", fix="Give probabilities.")
    check_entries(
        evidence,
        (evidence >= 0.0) & np.isfinite(evidence),
        rule="evidence must be at least 0 and finite",
        fix="Give counts of training rows behind the score.",
    )
    try:
        score, evidence = np.broadcast_arrays(score, evidence)
    except ValueError:
        raise InputError(
            f"score has shape {score.shape}, evidence {evidence.shape}.", fix="Give one evidence per score."
        ) from None
    return score, evidence


def _check_weights(weights: npt.ArrayLike, *, shape: tuple[int, ...]) -> FloatArray:
    array = as_floats(weights, name="weights")
    check_entries(
        array,
        (array >= 0.0) & np.isfinite(array),
        rule="weights must be at least 0 and finite",
        fix="Give row counts.",
    )
    if array.shape not in ((), shape) or not array.sum() > 0.0 or 0 in shape:
        raise InputError(
            f"weights of shape {array.shape} and sum {array.sum():g} cannot weigh points of shape {shape}.",
            fix="Give one weight per point, not all zero.",
        )
    return np.asarray(np.broadcast_to(array, shape), dtype=np.float64)
