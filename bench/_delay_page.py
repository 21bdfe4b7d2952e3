"""The first run of the delay page at its default size, run by ``bench/delay.py``. Prints JSON.

The peer is the comparison alone, without a page around it.
"""

import json
import sys
import time
from dataclasses import replace

from bench._delay_checks import at_most
from core.delay.compare import Schedule, compare_arms
from core.delay.data import Options
from core.delay.simulate import PRESETS
from core.jobs import finish
from tests.pages.drive import go_to, open_app

MOST_SECONDS, PATIENCE = 10, 600


def main() -> None:
    app = open_app("holdout")  # the server is warm: what its first page loads has no part in this one
    app.default_timeout = PATIENCE
    started, spent = time.perf_counter(), time.process_time()
    go_to(app, "delay")
    seconds, spent = time.perf_counter() - started, time.process_time() - spent
    assert not app.error and not app.exception
    state = app.session_state
    world = replace(PRESETS[state["delay_preset"]].world, daily=state["delay_daily"])
    started = time.perf_counter()
    finish(compare_arms(world, seeds=range(state["delay_seeds"]), schedule=Schedule(), options=Options()))
    json.dump(
        {
            "what": "seconds from a click on Delay to the last figure of its first view, nothing kept from before",
            "worlds": state["delay_seeds"],
            "impressions_a_day": state["delay_daily"],
            "seconds": round(seconds, 2),
            "processor_seconds": round(spent, 2),
            "peer": "the same comparison without a page",
            "peer_seconds": round(time.perf_counter() - started, 2),
            "checks": [at_most("seconds of a page run at default size", seconds, MOST_SECONDS)],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
