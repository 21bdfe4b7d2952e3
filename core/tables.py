"""A result's frame as a person reads it: an estimate and its interval in one cell, a range in one cell, plain names."""

import math

import pandas as pd

_PLAIN = {
    "rate": "positivity",
    "ece": "ECE",
    "log_loss": "log-loss",
    "brier": "Brier score",
    "p_value": "p",
}
_ESTIMATES = ("rate", "value", "effect")  # their ends may be called just lo and hi
_SHORTEST, _LONGEST = 3, 9  # decimals


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Fold every interval into the cell of its estimate, and every other pair of ends into one range.

    Parameters
    ----------
    frame
        A result's frame. ``x``, ``x_lo``, ``x_hi`` are an estimate and its interval, ``x_lo``, ``x_hi`` alone a range.
        ``lo``, ``hi`` belong to ``rate``, ``value`` or ``effect``, whichever is there.

    Returns
    -------
    DataFrame
        The same rows in the same order. Cost O(rows) in Python: meant for what fits a screen.

    Notes
    -----
    A column shows one digit of half the median width of its intervals. A missing estimate is an empty cell.

    Examples
    --------
    >>> line = {"score_lo": 0.1, "score_hi": 0.25, "rate": 0.1293, "lo": 0.1241, "hi": 0.1352}
    >>> readable(pd.DataFrame([line]))
             score                positivity
    0  0.1 to 0.25  0.129 (0.124 to 0.135)
    """
    columns = list(frame.columns)
    shown: dict[str, object] = {}
    for name in columns:
        stem = name.removesuffix("_lo").removesuffix("_hi")
        ends = _ends(name, columns)
        if ends:
            shown[plain_name(name)] = _estimates(frame[name], frame[ends[0]], frame[ends[1]])
        elif name in ("lo", "hi") and any(estimate in columns for estimate in _ESTIMATES):
            continue
        elif {f"{stem}_lo", f"{stem}_hi"} <= set(columns):
            if name.endswith("_lo") and stem not in columns:
                pairs = zip(frame[f"{stem}_lo"], frame[f"{stem}_hi"], strict=True)
                shown[plain_name(stem)] = [_range(lo, hi) for lo, hi in pairs]
        else:
            shown[plain_name(name)] = frame[name]
    return pd.DataFrame(shown, index=frame.index)


def plain_name(name: str) -> str:
    """A column's name in plain words.

    Examples
    --------
    >>> plain_name("rate"), plain_name("mean_score")
    ('positivity', 'mean score')
    """
    return _PLAIN.get(name, name.replace("_", " "))


def _ends(name: str, columns: list[str]) -> tuple[str, str] | None:
    named = (f"{name}_lo", f"{name}_hi")
    if set(named) <= set(columns):
        return named
    return ("lo", "hi") if name in _ESTIMATES and {"lo", "hi"} <= set(columns) else None


def _estimates(value: "pd.Series[float]", lo: "pd.Series[float]", hi: "pd.Series[float]") -> list[str]:
    half = float(((hi - lo) / 2).median())
    decimals = _SHORTEST
    if math.isfinite(half) and half > 0:
        decimals = min(max(-math.floor(math.log10(half)), _SHORTEST), _LONGEST)
    return [_estimate(*cell, decimals=decimals) for cell in zip(value, lo, hi, strict=True)]


def _estimate(value: float, lo: float, hi: float, *, decimals: int) -> str:
    if math.isnan(value):
        return ""
    if not math.isfinite(hi - lo):
        return f"{value:.4g}"
    return f"{value:.{decimals}f} ({lo:.{decimals}f} to {hi:.{decimals}f})"


def _range(lo: float, hi: float) -> str:
    return "" if math.isnan(lo) else f"{lo:.4g} to {hi:.4g}"
