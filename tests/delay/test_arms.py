"""The registry of arms."""

import pytest

from core.delay.arms import ARMS, DEFAULT_ARMS, plan_arm, train_arm
from core.delay.data import FittedRule, Options, SnapshotWeights, StreamWeights
from core.delay.laws import DAY
from core.delay.simulate import START
from core.delay.snapshot import observe
from core.errors import InputError
from tests.delay.populations import small_log


def test_the_registry_holds_every_arm() -> None:
    assert set(ARMS) == {
        "oracle", "naive", "drop_last", "wait", "dfm", "fnw", "fnc", "fsiw", "es_dfm", "defer", "defuse", "ulc",
        "is_snapshot", "is_signal", "label_correction", "label_correction_signal", "entire_space",
    }  # fmt: skip
    assert set(DEFAULT_ARMS) <= set(ARMS)
    for name, arm in ARMS.items():
        assert arm.name == name
        assert arm.twin is None or (arm.signals and not ARMS[arm.twin].signals)


@pytest.mark.parametrize("name", ARMS)
def test_the_family_says_what_an_arm_makes(name: str) -> None:
    kinds = {
        "plain": SnapshotWeights, "snapshot weights": SnapshotWeights, "soft labels": SnapshotWeights,
        "stream weights": StreamWeights, "own loss": FittedRule,
    }  # fmt: skip
    log = small_log()
    trained = train_arm(plan_arm(name, options=Options()), observe(log, START + 62 * DAY, window=30 * DAY), log=log)
    assert isinstance(trained.training, kinds[ARMS[name].family])
    served = trained.model.predict(log.features[-9:], log.segment[-9:])
    assert served.shape == (9,)
    assert served.min() >= 0
    assert served.max() <= 1


def test_brackets_set_days() -> None:
    for typed, field, value in (("drop_last(3)", "drop", 3.0), (" wait(2.5) ", "wait", 2.5), ("ulc(7)", "deadline", 7)):
        plan = plan_arm(typed, options=Options())
        assert getattr(plan.options, field) == value
        assert plan.name == typed.strip()


@pytest.mark.parametrize("typed", ["", "is", "drop_last(", "drop_last(-1)", "drop_last(1)(2)", "Naive"])
def test_an_unknown_arm_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match="There is no arm") as caught:
        plan_arm(typed, options=Options())
    assert "is_signal" in caught.value.fix


def test_a_number_for_an_arm_without_one_is_refused() -> None:
    with pytest.raises(InputError, match="naive takes no number"):
        plan_arm("naive(3)", options=Options())


def test_the_oracle_needs_the_log() -> None:
    snapshot = observe(small_log(), START + 62 * DAY, window=30 * DAY)
    with pytest.raises(InputError, match="oracle needs the log"):
        train_arm(plan_arm("oracle", options=Options()), snapshot)
