"""The cost per row of every arm from 10,000 to 1,000,000 impressions, run by ``bench/delay.py``. Prints JSON.

Processor seconds, so that other work on the machine does not count; the peer is the smallest size of the same run.
"""

import json
import sys
from dataclasses import replace
from time import process_time
from typing import Any

from bench._delay_checks import at_most
from bench._delay_speed import HUNDRED_THOUSAND, run_arms
from core.delay.simulate import simulate_log
from core.rng import make_generator

DAILY = (100, 1_000, 10_000)
REPEATS = {100: 7, 1_000: 3, 10_000: 1}
DRAWS = 5
FLAT = 1.5


def main() -> None:
    lines = {daily: _measure(daily) for daily in DAILY}
    costs = [line["microseconds_per_row"] for line in lines.values()]
    simulated = [line["simulate_microseconds_per_row"] for line in lines.values()]
    json.dump(
        {
            "what": "processor microseconds per impression, least of the repeats: all arms, and the simulation",
            "sizes": {f"{100 * daily:,}": line for daily, line in lines.items()},
            "checks": [
                at_most("all arms: cost per row at 10^6 / at 10^4", costs[-1] / costs[0], FLAT),
                at_most("simulation: cost per row at 10^6 / at 10^4", simulated[-1] / simulated[0], FLAT),
            ],
        },
        sys.stdout,
    )


def _measure(daily: int) -> dict[str, Any]:
    print("bench:", f"{100 * daily:,} impressions", file=sys.stderr, flush=True)
    world = replace(HUNDRED_THOUSAND, daily=daily)
    simulated = []
    for _ in range(DRAWS):
        started = process_time()
        log = simulate_log(world, rng=make_generator(0))
        simulated.append(process_time() - started)
    arms = [run_arms(log) for _ in range(REPEATS[daily])]
    rows = world.rows
    by_arm = {name: 1e6 * min(run[name]["processor_seconds"] for run in arms) / rows for name in arms[0]}
    return {
        "repeats": REPEATS[daily],
        "simulate_microseconds_per_row": round(1e6 * min(simulated) / rows, 3),
        "microseconds_per_row": round(sum(by_arm.values()), 3),
        "by_arm": {name: round(cost, 3) for name, cost in by_arm.items()},
    }


if __name__ == "__main__":
    main()
