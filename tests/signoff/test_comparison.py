"""Two policies on the same rows: counts as row by row, and intervals that cover."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.data import Holdout
from core.ingest.parts import parts_of_groups, parts_of_places
from core.ingest.schema import PARTS
from core.intervals import newcombe, wilson
from core.jobs import finish
from core.rng import make_generator
from core.signoff.chain import canonical, read_json
from core.signoff.comparison import Comparison, Regions, _compare, compare_policies
from core.thresholds.policy import Columns, Confirmation, LevelCounts, Policy
from core.thresholds.sampling import Sampling
from tests.conftest import MakeHoldout
from tests.thresholds.policies import bare_policy

STD = Columns("score", ("uncertainty",), "std")


def std_policy(edges: list[float], thresholds: list[float], **changes: Any) -> Policy:
    return bare_policy(edges, thresholds, **({"columns": STD} | changes))


PRESENT = std_policy([0.0, 0.15, 0.4, 2.0], [0.4, 0.5, math.inf])
PROPOSED = std_policy([0.0, 0.1, 0.3, 1.0], [0.3, 0.55, 0.7])


def count_slowly(policy: Policy, frame: pd.DataFrame, weight: Any = 1.0) -> tuple[float, float]:
    """Accepted, and true positives."""
    kept = policy.decide(frame["score"], frame["uncertainty"]) * np.asarray(weight)
    return float(kept.sum()), float((kept * frame["label"]).sum())


class TestCounts:
    @pytest.mark.parametrize("outside", ["reject", "nearest"])
    def test_they_are_those_of_the_rows(
        self, outside: Any, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine
    ) -> None:
        frame = world[["score", "uncertainty", "label"]]
        # rows exactly on a level edge and on a threshold, above and below all levels
        odd = pd.DataFrame(
            {"score": [0.55, 0.55, 0.4, 0.7, 1.0], "uncertainty": [1.0, 2.0, 0.15, 0.3, 2.5], "label": 1}
        )
        frame = pd.concat([frame, odd], ignore_index=True)
        present, proposed = replace(PRESENT, outside=outside), replace(PROPOSED, outside=outside)
        found = finish(compare_policies(present, proposed, make_holdout(frame), engine))
        assert (found.rows, found.positives) == (len(frame), frame["label"].sum())
        for policy, side in zip((present, proposed), found.sides, strict=True):
            accepted, tp = count_slowly(policy, frame)
            assert (side.accepted, side.true_positives) == (accepted, tp)
            assert side.precision.value == tp / accepted
            assert side.recall.value == pytest.approx(tp / frame["label"].sum())
            lo, hi = wilson(tp, accepted)
            assert (side.precision.lo, side.precision.hi) == pytest.approx((float(lo), float(hi)))
            assert (side.policy_hash, side.thresholds) == (policy.hash, policy.thresholds)
        assert found.volume.value == pytest.approx(found.proposed.accepted / found.present.accepted - 1)
        assert found.precision.value == found.proposed.precision.value - found.present.precision.value
        for change in (found.precision, found.recall, found.volume):
            assert change.lo < change.value < change.hi

    def test_weights(self, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine) -> None:
        frame = world[["score", "uncertainty", "label"]].assign(weight=np.arange(len(world)) % 5 + 0.5)
        present, proposed = (replace(policy, weighted=True) for policy in (PRESENT, PROPOSED))
        found = finish(compare_policies(present, proposed, make_holdout(frame), engine))
        for policy, side in zip((present, proposed), found.sides, strict=True):
            assert (side.accepted, side.true_positives) == pytest.approx(count_slowly(policy, frame, frame["weight"]))

    def test_a_sample_by_class_is_carried_to_the_population(
        self, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine
    ) -> None:
        frame = world[["score", "uncertainty", "label"]]
        sampling = Sampling(1.0, 0.1)
        proposed = replace(PROPOSED, sampling=sampling)
        found = finish(compare_policies(PRESENT, proposed, make_holdout(frame), engine))
        accepted, tp = count_slowly(proposed, frame)
        assert found.proposed.accepted == pytest.approx(tp + 10 * (accepted - tp))
        assert found.proposed.precision.value == pytest.approx(sampling.in_population(tp / accepted))
        lo, hi = (sampling.in_population(float(end)) for end in wilson(tp, accepted))
        assert (found.proposed.precision.lo, found.proposed.precision.hi) == pytest.approx((lo, hi), abs=0.01)
        assert found.proposed.recall.value == pytest.approx(tp / frame["label"].sum())

    def test_filtered_rows(self, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine) -> None:
        only = (("device", ("web", "tv")),)
        present, proposed = (replace(policy, only=only) for policy in (PRESENT, PROPOSED))
        frame = world[["score", "uncertainty", "label", "device"]]
        found = finish(compare_policies(present, proposed, make_holdout(frame), engine))
        kept = frame[frame["device"] != "ios"]
        assert found.rows == len(kept)
        assert found.proposed.accepted == count_slowly(proposed, kept)[0]
        with pytest.raises(InputError, match="differently filtered"):
            finish(compare_policies(PRESENT, proposed, make_holdout(frame), engine))

    def test_the_order_of_filters_does_not_matter(
        self, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine
    ) -> None:
        present = replace(PRESENT, only=(("device", ("web", "tv")), ("country", ("NL",))))
        proposed = replace(PROPOSED, only=(("country", ("NL",)), ("device", ("tv", "web"))))
        holdout = make_holdout(world[["score", "uncertainty", "label", "device", "country"]])
        found = finish(compare_policies(present, proposed, holdout, engine))
        assert found.rows == ((world["device"] != "ios") & (world["country"] == "NL")).sum()

    def test_other_columns_are_refused(
        self, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine
    ) -> None:
        holdout = make_holdout(world[["score", "uncertainty", "label"]])
        for columns in (Columns("other", ("uncertainty",), "std"), Columns("score", ("uncertainty",), "variance")):
            with pytest.raises(InputError, match="reads other columns"):
                finish(compare_policies(replace(PRESENT, columns=columns), PROPOSED, holdout, engine))

    def test_a_policy_against_itself(self, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine) -> None:
        found = finish(
            compare_policies(PRESENT, PRESENT, make_holdout(world[["score", "uncertainty", "label"]]), engine)
        )
        for change in (found.precision, found.recall, found.volume):
            assert change.value == 0
            assert change.lo == pytest.approx(-change.hi, rel=0.01)  # never nought: half a row in each region
            assert 0 < change.hi < 0.01

    def test_nothing_accepted(self, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine) -> None:
        none = std_policy([0.0, 1.0], [math.inf])
        holdout = make_holdout(world[["score", "uncertainty", "label"]])
        found = finish(compare_policies(none, PROPOSED, holdout, engine))
        assert found.present.precision.value is found.precision.value is found.volume.value is None
        assert found.recall.value == found.proposed.recall.value
        both = finish(compare_policies(none, none, holdout, engine))
        assert (both.volume.value, both.precision.value, both.recall.value) == (0.0, None, 0.0)

    def test_rows_without_positives(self, make_holdout: MakeHoldout, engine: DuckEngine) -> None:
        frame = pd.DataFrame({"score": [0.1, 0.9, 0.6], "uncertainty": [0.1, 0.2, 0.2], "label": 0})
        found = finish(compare_policies(PRESENT, PROPOSED, make_holdout(frame), engine))
        assert found.present.recall.value is found.recall.value is None
        assert (found.present.precision.value, found.present.precision.lo) == (0.0, 0.0)


class TestHalf:
    """Rows that the proposed policy was not tuned on, where there are such."""

    @staticmethod
    def confirm(policy: Policy, holdout: Holdout, split: Any, seed: int = 0) -> Policy:
        proof = Confirmation(0.1, split, (LevelCounts(0, 0, 0, 0),) * policy.levels)
        return replace(policy, confirmed=proof, seed=seed, data_digest=holdout.digest)

    @pytest.mark.parametrize("split", ["random", "time", "group"])
    @pytest.mark.parametrize("seed", range(3))
    def test_a_confirmed_policy_is_compared_on_the_other_half(
        self, split: Any, seed: int, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine
    ) -> None:
        frame = world[["score", "uncertainty", "label"]]
        if split == "time":
            frame = world[["score", "uncertainty", "label", "time"]]
            kept = frame["time"] >= np.quantile(frame["time"], 0.5, method="inverted_cdf")
        elif split == "group":
            frame = frame.assign(user=np.arange(len(frame)) // 3)
        holdout = make_holdout(frame, group="user" if split == "group" else None)
        ranges = holdout.rows.ranges | {"part": (0.0, PARTS - 1.0)}
        holdout = replace(holdout, rows=replace(holdout.rows, ranges=ranges))
        found = finish(compare_policies(PRESENT, self.confirm(PROPOSED, holdout, split, seed), holdout, engine))
        if split != "time":
            part = parts_of_places(0, len(frame))
            if split == "group":
                part = parts_of_groups(pa.array(frame["user"]), name="user")
            start = int(make_generator(seed).integers(0, PARTS // 2 + 1))
            kept = ~((part >= start) & (part < start + PARTS // 2))
        assert found.half == "confirmation"
        assert (found.rows, found.positives) == (kept.sum(), frame.loc[kept, "label"].sum())
        assert 0.4 < found.rows / len(frame) < 0.6
        for policy, side in zip((PRESENT, PROPOSED), found.sides, strict=True):
            assert (side.accepted, side.true_positives) == count_slowly(policy, frame[kept])
        assert "tuned on" not in found.method

    def test_which_policy_was_tuned_on_these_rows_is_told(
        self, world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine
    ) -> None:
        holdout = make_holdout(world[["score", "uncertainty", "label"]])
        tuned = replace(PROPOSED, data_digest=holdout.digest)
        halved = self.confirm(PROPOSED, holdout, "random", 1)
        optimistic = "; optimistic: the proposed thresholds were tuned on these rows"
        flattered = "; flattering the present thresholds, which were tuned on some of these rows"
        here = {"confirmed": None, "data_digest": holdout.digest}
        for present, proposed, half, told in (
            (PRESENT, tuned, "all", optimistic),
            (PRESENT, halved, "confirmation", ""),
            (replace(PRESENT, **here), halved, "confirmation", flattered),
            (self.confirm(PRESENT, holdout, "random", 2), halved, "confirmation", flattered),
            (self.confirm(PRESENT, holdout, "random", 1), halved, "confirmation", ""),
            (replace(PRESENT, **here), tuned, "all", optimistic + flattered),
            (PRESENT, PROPOSED, "all", ""),
        ):
            found = finish(compare_policies(present, proposed, holdout, engine))
            assert found.half == half
            assert found.method.endswith(f"(Agresti and Min 2005){told}.")


def test_tables_and_plain_values(world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine) -> None:
    found = finish(compare_policies(PRESENT, PROPOSED, make_holdout(world[["score", "uncertainty", "label"]]), engine))
    frame = found.frame().set_index("measure")
    assert frame.loc["accepted", "present"] == found.present.accepted
    assert frame.loc["accepted", "change"] == found.volume.value
    assert frame.loc["recall", "proposed_hi"] == found.proposed.recall.hi
    assert frame.loc["precision", "change_lo"] == found.precision.lo
    assert found.cutoffs()["threshold"].tolist() == [*PRESENT.thresholds, *PROPOSED.thresholds]
    assert found.cutoffs()["high"].tolist() == [0.15, 0.4, 2.0, 0.1, 0.3, 1.0]
    plain = found.to_json()
    assert plain["present"]["thresholds"] == [0.4, 0.5, None]
    assert plain["precision"] == {"value": found.precision.value, "lo": found.precision.lo, "hi": found.precision.hi}
    assert "paired" in plain["method"]
    assert Comparison.from_json(read_json(canonical(plain))) == found


class TestIntervals:
    """Rows of eight kinds (accepted by which policy, label); 2,000 draws of 400 rows; 95 % ± 1.6 points."""

    SHARES = np.array([[0.55, 0.05], [0.03, 0.05], [0.05, 0.06], [0.06, 0.15]])  # (region, label)
    DRAWS, ROWS = 2_000, 400

    def truth(self) -> tuple[float, float]:
        """Differences of precision and of recall in the population."""
        one, two = (self.SHARES[at].sum(axis=0) for at in ([1, 3], [2, 3]))
        return two[1] / two.sum() - one[1] / one.sum(), (two[1] - one[1]) / self.SHARES[:, 1].sum()

    @staticmethod
    def compare(counts: Any, *, blocks: Any = None) -> Comparison:
        weight = np.asarray(counts if blocks is None else blocks, dtype=float).reshape(4, 2, -1)
        regions = Regions(weight, weight, int(weight.sum()), grouped=blocks is not None)
        return _compare(regions, PRESENT, PROPOSED, positives=0, half="all", cautions=[])

    def test_they_cover_and_ignoring_the_pairs_is_wasteful(self) -> None:
        rng = np.random.default_rng(3)
        precision, recall = self.truth()
        inside, widths, unpaired = np.zeros(2), np.zeros(2), np.zeros(2)
        for counts in rng.multinomial(self.ROWS, self.SHARES.ravel(), size=self.DRAWS):
            found = self.compare(counts)
            for i, (change, true) in enumerate(((found.precision, precision), (found.recall, recall))):
                inside[i] += change.lo <= true <= change.hi
                widths[i] += change.hi - change.lo
            sides = [(side.precision, side.recall) for side in found.sides]
            for i in (0, 1):
                rates, lo, hi = (np.array([getattr(side[i], name) for side in sides]) for name in ("value", "lo", "hi"))
                ends = newcombe(rates, lo, hi)
                unpaired[i] += ends[1] - ends[0]
        assert np.all(np.abs(inside / self.DRAWS - 0.95) < 0.016), inside / self.DRAWS
        assert np.all(unpaired > 1.05 * widths)

    def test_groups_widen_them_and_ignoring_groups_covers_too_little(self) -> None:
        rng = np.random.default_rng(4)
        precision, recall = self.truth()
        inside, naive = np.zeros(2), np.zeros(2)
        for _ in range(600):
            kinds = rng.multinomial(1, self.SHARES.ravel(), size=100)  # 100 groups, each of 4 rows of one kind
            blocks = 4 * kinds.T.astype(float)
            found, plain = self.compare(None, blocks=blocks), self.compare(blocks.sum(axis=1))
            for i, true in enumerate((precision, recall)):
                change, other = ((one.precision, one.recall)[i] for one in (found, plain))
                inside[i] += change.lo <= true <= change.hi
                naive[i] += other.lo <= true <= other.hi
        assert np.all(inside / 600 > 0.91), inside / 600
        assert np.all(naive / 600 < 0.80), naive / 600


def test_groups_reach_the_engine(world: pd.DataFrame, make_holdout: MakeHoldout, engine: DuckEngine) -> None:
    frame = world[["score", "uncertainty", "label"]]
    thrice = pd.concat([frame.assign(user=np.arange(len(frame)))] * 3, ignore_index=True)
    alone = finish(compare_policies(PRESENT, PROPOSED, make_holdout(frame), engine))
    holdout = make_holdout(thrice, group="user")
    rows = replace(holdout.rows, ranges=holdout.rows.ranges | {"part": (0.0, PARTS - 1.0)})
    tripled = finish(compare_policies(PRESENT, PROPOSED, replace(holdout, rows=rows), engine))
    for name in ("precision", "recall", "volume"):
        one, other = getattr(alone, name), getattr(tripled, name)
        assert other.value == pytest.approx(one.value)
        assert other.hi - other.lo == pytest.approx(one.hi - one.lo, rel=0.25)
    assert "blocks of whole groups" in tripled.method
