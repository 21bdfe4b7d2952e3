"""How long to wait for labels."""

from dataclasses import replace

import numpy as np
import pytest

from core.delay.data import Options
from core.delay.simulate import World
from core.delay.waiting import Waiting, sweep_waiting
from core.errors import InputError
from core.jobs import Progress, finish

WORLD = World(daily=250, covariates=2, campaigns=2)


def sweep(**changes: object) -> Waiting:
    usual: dict[str, object] = {
        "waits": (0.0, 10.0, 30.0), "arms": ("oracle", "naive"), "seeds": (0, 1), "options": Options(),
    }  # fmt: skip
    worlds = {"still": replace(WORLD, walk=0.0), "moving": replace(WORLD, walk=0.15)}
    return finish(sweep_waiting(worlds, **usual | changes))  # type: ignore[arg-type]


def made() -> Waiting:
    # one world, two seeds, waits 0 and 7, arms oracle and naive
    values = np.ones((1, 2, 2, 2, 2))
    values[0, :, :, :, 0] = [[[1, 5], [3, 4]], [[1, 7], [5, 6]]]
    return Waiting(("world",), ("oracle", "naive"), (0.0, 7.0), (0, 1), values)


def test_bias_freshness_and_minimum_are_worked_by_hand() -> None:
    frame = made().frame().set_index(["arm", "wait"])
    assert frame.loc[("naive", 0.0), "regret"] == 6
    assert frame.loc[("naive", 7.0), "regret"] == 5
    assert frame.loc[("naive", 0.0), "bias"] == 5  # 4 and 6
    assert frame.loc[("naive", 7.0), "bias"] == 1
    assert frame.loc[("naive", 7.0), "bias_se"] == 0
    assert frame.loc[("naive", 7.0), "freshness"] == 3  # 2 and 4
    assert frame.loc[("naive", 7.0), "freshness_se"] == pytest.approx(1)
    assert frame.loc[("naive", 7.0), "excess"] == 4  # 3 and 5
    assert frame.loc[("oracle", 0.0), "freshness"] == 0
    best = {line.arm: line for line in made().minima()}
    assert (best["oracle"].wait, best["oracle"].agreement) == (0, 1)
    assert (best["naive"].wait, best["naive"].regret, best["naive"].agreement) == (7, 5, 1)
    assert made().minima_frame()["arm"].tolist() == ["oracle", "naive"]


def test_waiting_pays_in_a_still_world_and_costs_in_a_moving_one() -> None:
    found = sweep()
    frame = found.frame().set_index(["world", "arm", "wait"])
    for world in ("still", "moving"):
        bias = [frame.loc[(world, "naive", wait), "bias"] for wait in (0.0, 10.0, 30.0)]
        assert bias[2] == pytest.approx(0, abs=1e-9)  # labels older than the window are final
        assert frame.loc[(world, "naive", 0.0), "pcoc"] < frame.loc[(world, "oracle", 0.0), "pcoc"]
    assert frame.loc[("moving", "oracle", 30.0), "freshness"] > 5 * abs(
        frame.loc[("still", "oracle", 30.0), "freshness"]
    )
    best = {(line.world, line.arm): line.wait for line in found.minima()}
    assert best["still", "naive"] > best["moving", "naive"]


def test_seeds_reproduce_bytes_and_a_jump_keeps_its_distance() -> None:
    one = sweep(seeds=(3,), waits=(0.0,))
    assert one.values.tobytes() == sweep(seeds=(3,), waits=(0.0,)).values.tobytes()
    assert np.isnan(one.frame()["regret_se"]).all()
    step = next(sweep_waiting({"jump": replace(WORLD, jump=0.6)}, seeds=(0,), options=Options()))
    assert step == Progress(0.0, "wait 0 days, world 1 of 1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, "nothing to sweep"),
        ({"waits": ()}, "nothing to sweep"),
        ({"arms": ("naive",)}, "oracle is missing"),
        ({"waits": (0.0, 70.0)}, "Waiting 70 days needs more than the 70 days"),
        ({"arms": ("oracle", "fnw")}, "fnw has no weight for each row"),
    ],
)
def test_what_cannot_be_swept_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sweep(**changes)


def test_the_window_is_that_of_the_world() -> None:
    short = finish(sweep_waiting({"w": replace(WORLD, window=5.0)}, waits=(0.0, 5.0), arms=("oracle", "naive"),
                                 seeds=(0,), options=Options()))  # fmt: skip
    bias = short.frame().set_index(["arm", "wait"])["bias"]
    assert bias["naive", 5.0] == pytest.approx(0, abs=1e-9)
    assert bias["naive", 0.0] != 0
