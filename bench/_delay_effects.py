"""What late labels do and what corrections win back, in every preset, run by ``bench/delay.py``. Prints JSON.

Peers are the arms without correction in the same worlds, that is final labels (oracle), labels as seen (naive) and
waiting; and for an arm with signals the same arm without.
"""

import json
import sys
from dataclasses import replace
from typing import Any

from bench._delay_checks import at_least, at_most, within
from core.delay.arms import ARMS, DEFAULT_ARMS
from core.delay.compare import Comparison, Schedule, compare_arms
from core.delay.data import Options
from core.delay.simulate import PRESETS
from core.delay.wording import drift_of, is_seen
from core.jobs import finish

SEEDS = 20
NEAR, FAR = 1.10, 1.40  # of the oracle's regret
CLOSE_NATS = 1e-4  # what counts as the oracle's regret where nothing changes, and that regret is near 0 itself
T_SEEN = 3.0
RECOVERED = 0.8
WALKS = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05)
SIGNAL_ARMS = tuple(name for name in DEFAULT_ARMS if ARMS[name].signals)


def main() -> None:
    compared = {name: _compare(name) for name in PRESETS}
    checks = [
        *_check_stationary(compared["stationary"]),
        *_check_gradual(compared["gradual"]),
        *_check_jumps(compared["jump_up"], compared["jump_down"]),
    ]
    for name, comparison in compared.items():
        if drift_of(PRESETS[name].world) != "none":
            checks += _check_recovery(name, comparison)
    json.dump(
        {
            "what": f"{SEEDS} worlds per preset, trained on day 60, scored on the next against the true probability",
            "peer": "oracle, naive and wait in the same worlds; arms with signals: the same arm without",
            "presets": {name: _describe(comparison) for name, comparison in compared.items()},
            "gradual_by_walk": [_vary_walk(walk) for walk in WALKS],
            "checks": checks,
        },
        sys.stdout,
    )


def _vary_walk(walk: float) -> dict[str, Any]:
    """How the effects of gradual drift depend on how fast it is: regrets over that of the oracle."""
    preset, arms = PRESETS["gradual"], ("oracle", "naive", "wait", "is_snapshot", "is_signal")
    print("bench: walk", walk, file=sys.stderr, flush=True)
    world = replace(preset.world, walk=walk)
    found = finish(compare_arms(world, arms=arms, seeds=range(SEEDS), schedule=Schedule(), options=Options()))
    oracle = _regret(found, "oracle")
    ratios = {arm: round(_regret(found, arm) / oracle, 3) for arm in arms[1:]}
    return {"walk": walk, "is_preset": walk == preset.world.walk, "regret_over_oracle": ratios}


def _compare(name: str) -> Comparison:
    print("bench:", name, file=sys.stderr, flush=True)
    return finish(
        compare_arms(PRESETS[name].world, arms=DEFAULT_ARMS, seeds=range(SEEDS), schedule=Schedule(), options=Options())
    )


def _regret(comparison: Comparison, arm: str) -> float:
    return float(comparison.of(arm, "regret").mean())


def _check_stationary(found: Comparison) -> list[dict[str, Any]]:
    naive = float(found.of("naive", "pcoc").mean())
    arms = ("wait", "is_snapshot", "is_signal")
    return [
        within("no drift: PCOC of naive", naive, 0.87, 0.91),
        *(
            at_most(f"no drift: regret of {arm} − oracle, nats", found.paired(arm, "oracle").difference, CLOSE_NATS)
            for arm in arms
        ),
    ]


def _check_gradual(found: Comparison) -> list[dict[str, Any]]:
    oracle = _regret(found, "oracle")
    others = max(_regret(found, arm) for arm in found.names if arm != "wait")
    return [
        at_least("gradual: regret of wait / largest of the others", _regret(found, "wait") / others, 1.0),
        *(at_most(f"gradual: regret of {arm} / oracle", _regret(found, arm) / oracle, NEAR)
          for arm in ("is_snapshot", "is_signal")),
        at_least("gradual: regret of naive / oracle", _regret(found, "naive") / oracle, FAR),
    ]  # fmt: skip


def _check_jumps(up: Comparison, down: Comparison) -> list[dict[str, Any]]:
    naive = down.paired("naive", "oracle")
    return [
        *(at_most(f"jump up: paired t of {arm} − {ARMS[arm].twin}", up.paired(arm, str(ARMS[arm].twin)).t, -T_SEEN)
          for arm in SIGNAL_ARMS),
        at_most("jump down: paired t of naive − oracle", naive.t, -T_SEEN),
    ]  # fmt: skip


def _check_recovery(name: str, found: Comparison) -> list[dict[str, Any]]:
    gap = found.paired("naive", "oracle")
    if not (gap.difference > 0 and is_seen(gap, runs=SEEDS)):
        return []
    best = max((found.recovery(arm) for arm in SIGNAL_ARMS), key=lambda line: line.share)
    check = at_least(f"{name}: share of naive − oracle that {best.arm} wins back", best.share, RECOVERED)
    return [check | {"interval": [round(best.lo, 3), round(best.hi, 3)], "n": SEEDS}]


def _describe(found: Comparison) -> dict[str, Any]:
    plain = found.to_json()
    return {"arms": plain["arms"], "paired": plain["paired"], "recovery": plain["recovery"]}


if __name__ == "__main__":
    main()
