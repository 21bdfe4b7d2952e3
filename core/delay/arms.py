"""The arms by name, and how one is trained."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from core.delay.correction import fit_label_correction, fit_label_correction_signal, fit_ulc
from core.delay.data import FittedRule, Log, Options, Snapshot, Training
from core.delay.dfm import fit_dfm
from core.delay.entire_space import fit_entire_space
from core.delay.importance import fit_fsiw, fit_is_signal, fit_is_snapshot
from core.delay.learner import Served, fit_served
from core.delay.plain import fit_drop_last, fit_naive, fit_oracle, fit_wait
from core.delay.streams import fit_defer, fit_defuse, fit_es_dfm, fit_fnc, fit_fnw
from core.errors import InputError

Family = Literal["plain", "snapshot weights", "soft labels", "stream weights", "own loss"]
Fit = Callable[..., Training]


@dataclass(frozen=True, slots=True)
class Arm:
    """A way to train on late labels.

    Attributes
    ----------
    name
        As typed, e.g. ``is_signal``.
    title
        In plain words.
    family
        What it makes of the log.
    fit
        (snapshot, *, options) → training set or rule; None for the oracle, which needs the log.
    formula
        Its labels and weights.
    signals
        Whether it uses signals.
    twin
        The same arm without signals.
    setting
        The option that a number in brackets sets, in days, as in ``drop_last(7)``.
    """

    name: str
    title: str
    family: Family
    fit: Fit | None
    formula: str
    signals: bool = False
    twin: str | None = None
    setting: str | None = None


_ALL: Final = (
    Arm("oracle", "Final labels (not known in practice)", "plain", None, "label y, weight 1"),
    Arm("naive", "Labels as seen", "plain", fit_naive, "label v, weight 1"),
    Arm("drop_last", "Leave out the youngest days", "plain", fit_drop_last, "label v, weight 1, age ≥ w",
        setting="drop"),
    Arm("wait", "Wait until labels are final", "plain", fit_wait, "label v, weight 1, age ≥ window", setting="wait"),
    Arm("dfm", "Delayed feedback model (exponential delay)", "own loss", fit_dfm,
        "−log p − log λ + λd, or −log(1 − p + p·S(e))"),
    Arm("fnw", "Fake negative weights", "stream weights", fit_fnw, "w₊ = 1 + p, w₋ = (1 − p)(1 + p)"),
    Arm("fnc", "Fake negative calibration", "stream weights", fit_fnc, "weight 1, serve b/(1 − b)"),
    Arm("fsiw", "Feedback shift weights", "snapshot weights", fit_fsiw,
        "w₊ = 1/P(S = 1 | C = 1, x, e), w₋ = P(C = 0 | S = 0, x, e)", setting="deadline"),
    Arm("es_dfm", "Elapsed-time sampling", "stream weights", fit_es_dfm, "w₊ = 1 + p_dp, w₋ = (1 + p_dp)·p_rn",
        setting="observation"),
    Arm("defer", "Real negatives, every row twice", "stream weights", fit_defer,
        "w₊ = p/(p − ½p_dp), w₋ = (1 − p)/(1 − p + ½p_dp)", setting="observation"),
    Arm("defuse", "Four kinds of arrivals", "stream weights", fit_defuse,
        "seen at once 1 + p_dp, late 1, negative z·p_dp as positive and (1 − z)(1 + p_dp) as negative",
        setting="observation"),
    Arm("ulc", "Label correction", "soft labels", fit_ulc, "label v + (1 − v)·P(y = 1 | x, e, v = 0)",
        setting="deadline"),
    Arm("is_snapshot", "Importance weights", "snapshot weights", fit_is_snapshot,
        "w₊ = 1/F(e | x), w₋ = P(y = 0 | x, e, v = 0)"),
    Arm("is_signal", "Importance weights with signals", "snapshot weights", fit_is_signal,
        "w₊ = 1/F(e | x), w₋ = P(y = 0 | x, s, e, v = 0)", signals=True, twin="is_snapshot"),
    Arm("label_correction", "Label correction by the delay law", "soft labels", fit_label_correction,
        "label v + (1 − v)·P(y = 1 | x, e, v = 0)"),
    Arm("label_correction_signal", "Label correction with signals", "soft labels", fit_label_correction_signal,
        "label v + (1 − v)·P(y = 1 | x, s, e, v = 0)", signals=True, twin="label_correction"),
    Arm("entire_space", "Signal × conversion given signal", "own loss", fit_entire_space,
        "P(s | x)·P(y = 1 | s, x) + P(not s | x)·P(y = 1 | not s, x)", signals=True, twin="is_snapshot"),
)  # fmt: skip
ARMS: Final[Mapping[str, Arm]] = MappingProxyType({arm.name: arm for arm in _ALL})
DEFAULT_ARMS: Final = ("oracle", "naive", "drop_last", "wait", "ulc", "is_snapshot", "is_signal",
                       "label_correction", "label_correction_signal")  # fmt: skip
_TYPED = re.compile(r"([a-z_]+)(?:\((\d+(?:\.\d+)?)\))?")


@dataclass(frozen=True, slots=True)
class Plan:
    """An arm with its options, as typed.

    Attributes
    ----------
    name
        As typed, e.g. ``drop_last(3)``.
    arm
        Its registry entry.
    options
        With what the brackets set.
    """

    name: str
    arm: Arm
    options: Options


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What training an arm gives: its training set or rule, and the model that is served."""

    training: Training
    model: Served | FittedRule


def plan_arm(typed: str, *, options: Options) -> Plan:
    """Read an arm as typed.

    Raises
    ------
    InputError
        There is no such arm, or it takes no number.

    Examples
    --------
    >>> plan_arm("drop_last(3)", options=Options()).options.drop
    3.0
    """
    match = _TYPED.fullmatch(typed.strip())
    arm = ARMS.get(match[1]) if match else None
    if match is None or arm is None:
        raise InputError(f"There is no arm {typed.strip()[:80]!r}.", fix=f"Choose among {', '.join(ARMS)}.")
    if match[2] is None:
        return Plan(arm.name, arm, options)
    if arm.setting is None:
        raise InputError(f"{arm.name} takes no number.", fix=f"Type {arm.name} alone.")
    return Plan(f"{arm.name}({match[2]})", arm, replace(options, **{arm.setting: float(match[2])}))


def train_arm(plan: Plan, snapshot: Snapshot, *, log: Log | None = None) -> Trained:
    """Train an arm on what a snapshot knows. Only the oracle is given the log behind it.

    Raises
    ------
    InputError
        As the arm raises; or the oracle is asked for without a log.
    """
    if plan.arm.fit is not None:
        training = plan.arm.fit(snapshot, options=plan.options)
    elif log is not None:
        training = fit_oracle(snapshot, log, options=plan.options)
    else:
        raise InputError("The oracle needs the log with its final labels.", fix="Give the log, or leave it out.")
    return Trained(training, fit_served(snapshot, training, ridge=plan.options.ridge))
