"""Weights of a sum of parts, learned so that it ranks the true targets first among the candidates of their source."""

import numpy as np
from scipy.optimize import minimize

from core.arrays import FloatArray
from core.graph.candidates import Candidates

_ROUNDS = 200


def fit_weights(
    candidates: Candidates, *, prior: FloatArray, strength: float, start: FloatArray | None = None
) -> FloatArray:
    r"""Conditional logit with a normal prior.

    Definition
        .. math:: \min_w \sum_{u \to v} -\iota_{uv} \log
            \frac{e^{w \cdot \varphi_{uv}}}{\sum_{c \in C_u} e^{w \cdot \varphi_{uc}}}
            + \frac{\kappa}{2} \|w - w_0\|^2

        McFadden (1974), each validation edge, of importance ι, a choice among the candidates C_u of its source; the
        listwise loss of Cao et al. (2007) at list length one.

    Parameters
    ----------
    candidates
        φ, sources, and ι of each positive.
    prior
        w₀ of shape (parts,): where the weights stay without data.
    strength
        κ > 0. Parts should be of about equal spread.
    start
        Where the search begins, of shape (parts,); None takes the prior. The minimum is the same.

    Returns
    -------
    float64 of shape (parts,).

    Notes
    -----
    Convex; L-BFGS. O(candidates · parts) per round.

    References
    ----------
    McFadden (1974), Conditional logit analysis of qualitative choice behavior; Cao et al. (2007), Learning to rank:
    from pairwise approach to listwise approach, ICML.
    """
    values, query, first = candidates.values, candidates.query, candidates.start
    importance = candidates.importance
    chosen = (importance.astype(np.float32) @ values).astype(np.float64)
    choices = np.bincount(query, weights=importance, minlength=len(first))

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        scores = (values @ weights.astype(np.float32)).astype(np.float64)
        highest = np.maximum.reduceat(scores, first)
        odds = np.exp(scores - highest[query])
        total = np.add.reduceat(odds, first)
        expected = (odds * (choices / total)[query]).astype(np.float32)
        away = weights - prior
        fit = float(choices @ (np.log(total) + highest)) - float(chosen @ weights)
        slope = (expected @ values).astype(np.float64) - chosen
        return fit + strength / 2 * float(away @ away), slope + strength * away

    begin = prior if start is None else start
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": _ROUNDS})
    return np.asarray(found.x, dtype=np.float64)
