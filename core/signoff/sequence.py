"""Bounds of a precision that hold at every look at once, however often and whenever one looks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaln, logsumexp, xlog1py, xlogy

from core.arrays import FloatArray
from core.checks import check_between
from core.errors import InputError
from core.thresholds.precision import GRID, Tally

HALVINGS = 60
LEAST = 1e-100  # of the incomplete beta function: far below, its floats are coarse, and then 0
STEPS = 200  # of its continued fraction
STAKES = np.geomspace(1e-4, 0.95, 20)  # lambda of the mixture; neighbours differ by a factor of 1.6


@dataclass(frozen=True, slots=True)
class BinomialSequence:
    r"""Rows that weigh alike: a mixture of likelihood ratios.

    Definition
        With t positives among n accepted rows, against H0 "precision >= sigma":

        .. math:: E_n(\sigma) = \frac{1}{\sigma} \int_0^\sigma \frac{q^t (1 - q)^{n - t}}{\sigma^t (1 - \sigma)^{n - t}}
            \, dq = \frac{B(t + 1, n - t + 1)\, I_\sigma(t + 1, n - t + 1)}{\sigma^{t + 1} (1 - \sigma)^{n - t}}

        It is refuted at alpha once E >= 1/alpha. Against H0 "precision <= sigma" positives and negatives swap places,
        and sigma becomes 1 - sigma.

    Notes
    -----
    *Supermartingale.* Let p_i be the probability that row i is positive given all rows before it. One row multiplies
    the ratio of q <= sigma by q/sigma or (1 - q)/(1 - sigma), on average by

    .. math:: p_i \frac{q}{\sigma} + (1 - p_i) \frac{1 - q}{1 - \sigma},

    which is 1 at p_i = sigma and falls as p_i grows, since q/sigma <= 1 <= (1 - q)/(1 - sigma). So under H0, all
    p_i >= sigma, each ratio is a nonnegative supermartingale that starts at 1, and so is their mean over q. Ville's
    inequality: the probability that E *ever* reaches 1/alpha is at most alpha. Looks may come at any times, also such
    that depend on what was seen.

    *Drift.* With q written as the tilt l = logit q - logit sigma <= 0 a ratio is exp(l·t - n·ln(1 + sigma(e^l - 1))).
    The logarithm is concave in the precision and falls in it, so where the *mean* m of the p_i is at least sigma,
    n·ln(1 + sigma(e^l - 1)) >= n·ln(1 + m(e^l - 1)) >= Σ ln(1 + p_i(e^l - 1)). E is then at most
    the mean over l of exp(l·t - Σ ln(1 + p_i(e^l - 1))), a martingale. So for a sigma that was fixed beforehand, with
    any drift, E reaches 1/alpha at a time at which the mean precision so far is at least sigma with probability at most
    alpha. The bounds below, which try every sigma, hold at all times for a precision that stays the same.

    *One bound.* With q = u·sigma, d ln(ratio)/d sigma = (n - t)(1 - u) / ((1 - sigma)(1 - u·sigma)) >= 0: E never falls
    in sigma, so what is refuted is an interval up to 1, and halving finds its end.

    *Groups.* Counts over a design effect f need not be whole. That takes each ratio to the power 1/f. If no group has
    more than f rows, this is again a supermartingale from group to group, since by Hölder's inequality the mean of
    ∏ L_i^(1/f) over the rows of a group is at most ∏ (E L_i)^(1/f) <= 1. With a smaller, estimated f it is an
    approximation, as in :class:`core.thresholds.precision.BinomialTest`.

    References
    ----------
    Robbins (1970), Statistical methods related to the law of the iterated logarithm, Annals of Mathematical Statistics
    41; Howard, Ramdas, McAuliffe & Sekhon (2021), Time-uniform, nonparametric, nonasymptotic confidence sequences,
    Annals of Statistics 49; Ville (1939), Étude critique de la notion de collectif.

    Examples
    --------
    Two negatives against a precision of at least 1/2: the mean over q < 1/2 of (1 - q)² is 7/12, over 1/4.

    >>> two = np.array([2.0])
    >>> none = np.zeros(1)
    >>> float(np.exp(BinomialSequence().against_at_least(Tally(two, two, none, two, none), 0.5)).round(6)[0])
    2.333333
    """

    def against_at_least(self, tally: Tally, target: npt.ArrayLike) -> FloatArray:
        """Logarithm of the evidence of each entry against "precision >= target"."""
        n, t, sigma = np.broadcast_arrays(tally.w, tally.wy, np.asarray(target, dtype=np.float64))
        with np.errstate(divide="ignore", invalid="ignore"):
            share = betainc(t + 1, n - t + 1, sigma)
            found = betaln(t + 1, n - t + 1) + np.log(share) - xlogy(t + 1, sigma) - xlog1py(n - t, -sigma)
        found, far = np.array(found), (share < LEAST) & (sigma > 0)
        if far.any():
            found[far] = _far_below(n[far], t[far], sigma[far])
        return np.asarray(np.where(sigma > 0, found, 0.0))

    def against_at_most(self, tally: Tally, target: npt.ArrayLike) -> FloatArray:
        """Logarithm of the evidence of each entry against "precision <= target"."""
        return self.against_at_least(_swap(tally), 1 - np.asarray(target, dtype=np.float64))

    def upper_bounds(self, tally: Tally, alpha: float) -> FloatArray:
        """Below it the precision lies, at all looks at once with probability 1 - alpha; 1 where nothing is accepted."""
        _check_alpha(alpha)
        low, high = np.zeros(np.shape(tally.w)), np.ones(np.shape(tally.w))
        for _ in range(HALVINGS):  # invariant: low is not refuted, and high is, or is 1
            middle = (low + high) / 2
            refuted = self.against_at_least(tally, middle) >= -np.log(alpha)
            low, high = np.where(refuted, low, middle), np.where(refuted, middle, high)
        return np.asarray(high)

    def lower_bounds(self, tally: Tally, alpha: float) -> FloatArray:
        """Above it the precision lies, likewise; 0 where nothing is accepted."""
        return 1 - self.upper_bounds(_swap(tally), alpha)


@dataclass(frozen=True, slots=True)
class BernsteinSequence:
    r"""Rows of any weights up to a known largest one: an empirical Bernstein supermartingale, from sums alone.

    Definition
        Against H0 "precision >= sigma", by weight: E[w(y - sigma)] >= 0. With x = -w(y - sigma) / (W(1 - sigma)),

        .. math:: E = \frac{1}{K} \sum_{k=1}^{K} \exp\Bigl(\lambda_k \sum x_i - \psi(\lambda_k) \sum x_i^2\Bigr),
            \qquad \psi(\lambda) = -\ln(1 - \lambda) - \lambda

        for K = 20 stakes from 0.0001 to 0.95. Against H0 "precision <= sigma" labels swap places, and sigma becomes
        1 - sigma.

    Attributes
    ----------
    largest
        W: a weight that no row can exceed, known from the sampling design before the rows.

    Notes
    -----
    *Supermartingale.* x >= -1 always, and for such x and 0 <= lambda < 1, exp(lambda·x - psi(lambda)·x²) <= 1 +
    lambda·x. Under H0 x has a mean of at most 0 given all rows before it, so each factor has a mean of at most 1, and
    products and their mean over the fixed stakes are nonnegative supermartingales that start at 1. Howard et al. centre
    the squares at a running mean; here the centre is 0, the mean where H0 ends, so that no order of the rows is needed
    and the sums of w, wy, w², w²y suffice.

    *Drift.* In general each factor over exp(lambda·E[x]) is one of a supermartingale, so where only the sum of all E[x]
    so far is at most 0 (the precision by weight of all rows so far is at least sigma), E is at most that one: a fixed
    sigma may be tested under any drift, as in :class:`BinomialSequence`.

    At sigma = 1 only rows with label 0 speak, and one with weight refutes it.

    Groups: sums over a design effect, as in :class:`BinomialSequence`.

    References
    ----------
    Fan, Grama & Liu (2015), Exponential inequalities for martingales with applications, Electronic Journal of
    Probability 20, section 4; Howard, Ramdas, McAuliffe & Sekhon (2021), Annals of Statistics 49, Theorem 4.
    """

    largest: float

    def __post_init__(self) -> None:
        """Check the largest weight."""
        check_between(self.largest, 1e-300, 1e300, name="largest weight")

    def against_at_least(self, tally: Tally, target: npt.ArrayLike) -> FloatArray:
        """Logarithm of the evidence of each entry against "precision >= target"."""
        sigma = np.asarray(target, dtype=np.float64)
        scale = self.largest * np.where(sigma < 1, 1 - sigma, 1.0)
        x = (sigma * tally.w - tally.wy) / scale
        squares = (tally.w2y * (1 - 2 * sigma) + sigma**2 * tally.w2) / scale**2
        costs = -np.log1p(-STAKES) - STAKES
        found = logsumexp(STAKES * x[..., None] - costs * squares[..., None], axis=-1) - np.log(len(STAKES))
        refuted = np.where(tally.w > tally.wy, np.inf, 0.0)
        return np.asarray(np.where(sigma < 1, found, refuted))

    def against_at_most(self, tally: Tally, target: npt.ArrayLike) -> FloatArray:
        """Logarithm of the evidence of each entry against "precision <= target"."""
        return self.against_at_least(_swap(tally), 1 - np.asarray(target, dtype=np.float64))

    def upper_bounds(self, tally: Tally, alpha: float) -> FloatArray:
        """The smallest precision on a grid of 0.001 from which on every one is refuted; 1 where 1 is not.

        It lies below the true precision only if the last grid value at or below that was refuted, which has
        probability at most alpha over all looks.
        """
        _check_alpha(alpha)
        columns = [np.asarray(getattr(tally, name), dtype=np.float64) for name in Tally.__slots__]
        each = zip(*(np.ravel(column) for column in columns), strict=True)
        found = [self._upper_bound(Tally(*(np.array([value]) for value in one)), alpha) for one in each]
        return np.reshape(found, columns[0].shape)

    def _upper_bound(self, tally: Tally, alpha: float) -> float:
        refuted = self.against_at_least(tally, np.arange(GRID + 1) / GRID) >= -np.log(alpha)
        run = GRID + 1 if refuted.all() else int(np.argmin(refuted[::-1]))
        return min(GRID + 1 - run, GRID) / GRID

    def lower_bounds(self, tally: Tally, alpha: float) -> FloatArray:
        """The largest precision on the grid up to which every one is refuted; 0 where 0 is not."""
        return np.asarray(np.rint((1 - self.upper_bounds(_swap(tally), alpha)) * GRID) / GRID)


PrecisionSequence = BinomialSequence | BernsteinSequence


def _far_below(n: FloatArray, t: FloatArray, sigma: FloatArray) -> FloatArray:
    """Logarithm of the evidence where sigma is so far below t / n that the incomplete beta function fails in floats.

    With a = t + 1, b = n - t + 1, E = (1 - sigma)/a · 1/(1 + d1/(1 + d2/(1 + …))): the continued fraction of Abramowitz
    & Stegun (1964), 26.5.8, from its far end.
    """
    a, b, fraction = t + 1, n - t + 1, np.ones(np.shape(n))
    for m in range(STEPS, -1, -1):
        even = m * (b - m) * sigma / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * sigma / ((a + 2 * m) * (a + 2 * m + 1))
        fraction = 1 + odd / fraction
        fraction = 1 + even / fraction if m else fraction
    return np.asarray(np.log1p(-sigma) - np.log(a) - np.log(fraction))


def _swap(tally: Tally) -> Tally:
    """The sums with labels 0 and 1 exchanged."""
    return Tally(tally.rows, tally.w, tally.w - tally.wy, tally.w2, tally.w2 - tally.w2y)


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 0.5:
        raise InputError(f"Alpha is {alpha!r}.", fix="Give a probability of error above 0 and below 0.5, such as 0.05.")
