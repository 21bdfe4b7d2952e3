"""What a comparison shows, in plain sentences."""

from typing import Final, Literal

import numpy as np
from scipy.special import stdtrit

from core.delay.compare import BOUND, CONFIDENCE, REFERENCE, Comparison, Paired
from core.delay.simulate import World

Drift = Literal["none", "gradual", "up", "down"]
WAITING = "wait"
_MEASURES: Final = {"regret": "regret", "log_loss": "log-loss"}
_SCALE = 1e4  # regret and log-loss are told in ten-thousandths of a nat


def drift_of(world: World) -> Drift:
    """How the conversion probability of a world changes.

    Examples
    --------
    >>> drift_of(World(walk=0.0, jump=-0.6))
    'down'
    """
    if world.jump:
        return "up" if world.jump > 0 else "down"
    return "gradual" if world.walk else "none"


def is_seen(pair: Paired, *, runs: int) -> bool:
    """Whether a paired difference stands out of the noise: |t| beyond the 97.5 % point of Student's t.

    Notes
    -----
    One comparison is meant; of twenty without any effect, one is seen. Where all runs agree exactly there is no t, and
    nothing is seen.
    """
    return runs > 1 and bool(abs(pair.t) > stdtrit(runs - 1, 0.5 + CONFIDENCE / 2))


def state_pair(comparison: Comparison, pair: Paired) -> str:
    """One difference between two arms: which is better and by how much, or that none is seen.

    Examples
    --------
    >>> from core.delay.arms import plan_arm
    >>> from core.delay.data import Options
    >>> plans = tuple(plan_arm(name, options=Options()) for name in ("naive", "wait"))
    >>> values = np.full((3, 2, 6), [[[0.002] * 6, [0.001] * 6]]) + np.array([[[0]], [[0]], [[1e-4]]]) * [[[1], [0]]]
    >>> comparison = Comparison(plans, ("1", "2", "3"), values)
    >>> state_pair(comparison, comparison.paired("wait", "naive"))
    'Wait until labels are final: 10.33 · 10⁻⁴ nats less regret than labels as seen (t = −31.0, 3 runs).'
    """
    runs, titles = len(comparison.runs), _titles(comparison)
    arm, against, measure = titles[pair.arm], _lower(titles[pair.against]), _MEASURES.get(pair.measure, pair.measure)
    if runs < 2:
        return f"{arm} against {against}: one run has no error, so nothing can be said."
    told = f"{runs} runs" if np.isnan(pair.t) else f"t = {pair.t:.1f}, {runs} runs".replace("-", "−")
    if not is_seen(pair, runs=runs):
        return f"{arm} against {against}: no difference in {measure} is seen ({told})."
    more = "less" if pair.difference < 0 else "more"
    return f"{arm}: {abs(pair.difference) * _SCALE:.2f} · 10⁻⁴ nats {more} {measure} than {against} ({told})."


def state_recovery(comparison: Comparison) -> str:
    """Which arm wins back most of what late labels cost, with its interval; or that no cost is seen."""
    gap = comparison.paired(REFERENCE, BOUND)
    runs = len(comparison.runs)
    if not (gap.difference > 0 and is_seen(gap, runs=runs)):
        return "No cost of late labels is seen here: labels as seen are not seen to be worse than final labels."
    others = [plan.name for plan in comparison.plans if plan.name not in (BOUND, REFERENCE)]
    if not others:
        return state_pair(comparison, gap)
    best = max((comparison.recovery(name) for name in others), key=lambda found: found.share)
    return (
        f"Best of the arms shown: {_lower(_titles(comparison)[best.arm])}. It wins back {best.share:.0%} "
        f"({best.lo:.0%} to {best.hi:.0%}) of what late labels cost, the {_MEASURES[comparison.measure]} between "
        "labels as seen and final labels; it was chosen on the same runs."
    )


def explain_comparison(comparison: Comparison, drift: Drift) -> str:
    """Why the arms come out as they do under a drift; what is not seen in these runs is not explained."""
    runs = len(comparison.runs)
    gap = comparison.paired(REFERENCE, BOUND)
    if gap.difference < 0 and is_seen(gap, runs=runs):
        return _WHY_NAIVE_WINS if drift == "down" else _WHY_NAIVE_IS_LUCKY
    if WAITING in comparison.names:
        wait = comparison.paired(WAITING, BOUND)
        if drift == "none" and not (wait.difference > 0 and is_seen(wait, runs=runs)):
            return _WHY_WAITING_WINS
        if drift != "none" and wait.difference > 0 and is_seen(wait, runs=runs):
            return _WHY_WAITING_LOSES
    return _WHY[drift]


_WHY_NAIVE_WINS: Final = (
    "Labels as seen beat even final labels here, and that is no merit. Conversions have just fallen, and a training "
    "window still full of the old days expects too many. Young labels lack conversions, which pulls predictions down "
    "as well: the two errors cancel. After a rise they add up. Look at PCOC, and try the jump the other way."
)
_WHY_NAIVE_IS_LUCKY: Final = (
    "Labels as seen beat even final labels here, and that is no merit: where a model expects too many conversions, as "
    "the PCOC of final labels then says, missing ones pull it down. The two errors cancel; in other worlds they add up."
)
_WHY_WAITING_WINS: Final = (
    "Nothing changes in this world, so old rows are as good as new ones: who waits until labels are final loses "
    "nothing. Corrections can only come close, and a signal has next to nothing to add. Real traffic is seldom like "
    "this: choose a drift."
)
_WHY_WAITING_LOSES: Final = (
    "Waiting makes labels final and the model old: what it learns lies an attribution window behind. A correction "
    "keeps the newest rows and weighs them for the conversions that are still to come."
)
_WHY: Final[dict[Drift, str]] = {
    "none": "Nothing changes in this world, so freshness is worth nothing here, and signals add next to nothing.",
    "gradual": "Customers change a little every day, so the newest rows matter most, and theirs are the youngest "
    "labels.",
    "up": (
        "Conversions have just risen. The training window is full of older days, so that even final labels expect "
        "too few; young labels, which lack conversions, add to it."
    ),
    "down": (
        "Conversions have just fallen. The training window is full of older days and expects too many; missing "
        "conversions of young rows hide a part of that."
    ),
}


def _titles(comparison: Comparison) -> dict[str, str]:
    return {
        plan.name: plan.arm.title + plan.name.removeprefix(plan.arm.name).replace("(", " (")
        for plan in comparison.plans
    }


def _lower(title: str) -> str:
    return title[0].lower() + title[1:]
