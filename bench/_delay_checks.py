"""One checked figure of the delay bench: what, value, target, met."""

from typing import Any


def at_most(what: str, value: float, most: float) -> dict[str, Any]:
    """A figure that must not be above its target."""
    return {"what": what, "value": _short(value), "target": f"at most {most:g}", "met": bool(value <= most)}


def at_least(what: str, value: float, least: float) -> dict[str, Any]:
    """A figure that must not be below its target."""
    return {"what": what, "value": _short(value), "target": f"at least {least:g}", "met": bool(value >= least)}


def within(what: str, value: float, lo: float, hi: float) -> dict[str, Any]:
    """A figure that must lie between two ends."""
    return {"what": what, "value": _short(value), "target": f"{lo:g} to {hi:g}", "met": bool(lo <= value <= hi)}


def _short(value: float) -> float:
    return float(f"{value:.4g}")
