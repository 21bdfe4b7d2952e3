"""Looks at an active policy: they add up, they say what decided, and what cannot be watched is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rfc8785
from scipy.special import logsumexp
from scipy.stats import binomtest

from core.engine.duck import DuckEngine
from core.errors import InputError
from core.holdout.data import Holdout
from core.intervals import newcombe, wilson
from core.signoff.look import Look, of_counts
from core.signoff.sequence import BernsteinSequence, BinomialSequence
from core.signoff.watch import (
    ALARMS,
    ALPHA,
    WAYS,
    Signed,
    _add_from,
    _say_at_least,
    _say_below,
    _share_out,
    _surely_below,
    _test,
)
from core.thresholds.apply import count_columns, total
from core.thresholds.clustered import Blocks
from core.thresholds.objective import Objective
from core.thresholds.policy import LevelCounts, Policy
from core.thresholds.precision import Tally
from core.thresholds.sampling import Sampling
from tests.conftest import MakeHoldout
from tests.signoff.newer import Desk, draw_rows, sign

MakeDesk = Callable[..., Desk]


@pytest.fixture(scope="module")
def signed_rows(make_holdout: MakeHoldout) -> Holdout:
    return make_holdout(draw_rows(20_000, 0))


@pytest.fixture
def desk(engine: DuckEngine, make_holdout: MakeHoldout, signed_rows: Holdout) -> MakeDesk:
    def make(frame: pd.DataFrame | None = None, *, group: str | None = None, **options: Any) -> Desk:
        return sign(signed_rows if frame is None else make_holdout(frame, group=group), engine, **options)

    return make


def counts(accepted: float, tp: float) -> Tally:
    n, t = np.array([accepted], dtype=np.float64), np.array([tp], dtype=np.float64)
    return Tally(n, n, t, n, t)


def many(accepted: Any, tp: Any) -> Tally:
    n, t = np.asarray(accepted, dtype=np.float64), np.asarray(tp, dtype=np.float64)
    return Tally(n, n, t, n, t)


def make_look(accepted: int, tp: int, number: int, *, effect: float = 1.0) -> Look:
    levels = (LevelCounts(accepted, int(tp), accepted, int(tp)),)
    return Look(str(number), "", levels, of_counts(levels), False, effect, (), Sampling())


def grouped_look(generator: np.random.Generator, precision: float, correlation: float, number: int) -> Look:
    """60 groups of 21 rows on average, with the design effect that a look measures."""
    alike, rows = 1 / correlation - 1, generator.poisson(20, 60) + 1
    tp = generator.binomial(rows, generator.beta(precision * alike, (1 - precision) * alike, 60))
    n, t = (one.astype(np.float64)[None] for one in (rows, tp))
    blocks = Blocks(n, t, n, t)
    assert blocks.effective_groups[0] > 50
    return make_look(int(rows.sum()), int(tp.sum()), number, effect=float(blocks.design_effects[0]))


def level_of(looks: int) -> float:
    return float(ALPHA / ALARMS * 6 / (np.pi * looks) ** 2)


class TestVerdict:
    def test_holds(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        found = desk().look(make_holdout(draw_rows(8_000, 1)))
        assert (found.verdict, found.reasons, found.counted) == ("holds", (), True)
        assert found.lower[-1] > 0.75
        assert found.rule.startswith("The precision of the ")
        assert "no shift was found" in found.rule

    def test_broken(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        found = desk().look(make_holdout(draw_rows(3_000, 1, worse=0.15)))
        assert found.verdict == "broken"
        assert found.upper[-1] < 0.75
        told = np.ceil(found.upper[0] * 1e4) / 1e4
        assert f"is below the target of 0.75 on average since activation (it lies below {told:.4f})" in found.rule
        assert "Over all recorded looks, however many, that is wrong with probability at most 0.05." in found.rule

    def test_few_rows_neither_prove_nor_refute(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        found = desk().look(make_holdout(draw_rows(100, 1)))
        assert found.verdict == "weakening"
        assert "only known to be above" in found.rule
        assert not found.shift.moved  # although the index is far above 0.1
        assert found.shift.index > 0.1

    def test_is_that_of_the_counts_by_hand(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows, made = draw_rows(2_000, 3), desk()
        found = made.look(make_holdout(rows))
        policy = Signed.from_payload(made.payload).policy
        by_hand = count_columns(policy, rows["score"], [rows["uncertainty"]], rows["label"])
        assert found.look.levels == by_hand
        all_of_it = total(by_hand)
        tally = counts(all_of_it.accepted, all_of_it.true_positives)
        assert found.lower == pytest.approx(BinomialSequence().lower_bounds(tally, ALPHA))
        assert found.upper == pytest.approx(BinomialSequence().upper_bounds(tally, ALPHA / 2))
        then, now = total(policy.confirmed.counts), all_of_it
        pairs = [then.true_positives, now.true_positives], [then.positives, now.positives]
        rates, (lo, hi) = np.array(pairs[0]) / np.array(pairs[1]), wilson(*pairs)
        assert (found.recall.lo, found.recall.hi) == pytest.approx(newcombe(rates, lo, hi))
        assert found.recall.difference == pytest.approx(rates[1] - rates[0])
        line = found.frame().iloc[1]
        assert (line["accepted"], line["true_positives"]) == (by_hand[1].accepted, by_hand[1].true_positives)
        assert line["precision"] == by_hand[1].true_positives / by_hand[1].accepted
        assert (
            line["signed_precision"] == policy.confirmed.counts[1].true_positives / policy.confirmed.counts[1].accepted
        )
        assert np.isnan(found.frame()["precision"].iloc[2])

    def test_a_shift_that_keeps_the_precision_is_weakening(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(40_000, 4)
        found = desk().look(make_holdout(rows[(rows["score"] > 0.6) | (rows.index % 4 == 0)]))
        assert found.lower[-1] > 0.75
        assert found.verdict == "weakening"
        assert any("moved over levels and scores" in reason for reason in found.reasons)

    def test_rows_outside_are_weakening(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(10_000, 5)
        rows.loc[:999, "uncertainty"] += 5
        found = desk().look(make_holdout(rows))
        assert found.verdict == "weakening"
        assert found.reasons == (
            "10 % of the rows lie outside the signed uncertainty range; when it was signed 0 % did.",
        )

    def test_all_rows_outside(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(500, 5)
        rows["uncertainty"] += 5
        found = desk().look(make_holdout(rows))
        assert found.verdict == "weakening"
        assert "No row has been accepted" in found.reasons[0]
        assert "No row of this look lies in a level" in found.reasons[1]
        assert json.dumps(found.to_json(), allow_nan=False)

    def test_a_base_rate_below_the_break_even(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """Two positives of three dropped: the precision falls too, but one small look does not refute it yet."""
        rows = draw_rows(600, 6)
        found = desk().look(make_holdout(rows[(rows["label"] == 0) | (rows.index % 3 == 0)]))
        assert found.base_rate is not None
        assert found.base_rate.below
        assert found.base_rate.hi < found.base_rate.break_even < 0.5
        assert any("the target needs" in reason for reason in found.reasons)
        assert found.base_rate.precision < 0.75

    def test_nothing_accepted(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        found = desk(thresholds=[2.0, np.inf, np.inf]).look(make_holdout(draw_rows(500, 7)))
        assert (found.verdict, found.base_rate) == ("weakening", None)
        assert found.reasons[0].startswith("No row has been accepted")
        assert (found.lower[0], found.upper[0]) == (0, 1)

    def test_no_positives(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(500, 8)
        rows["label"] = 0
        found = desk().look(make_holdout(rows))
        assert found.verdict == "broken"
        assert np.isnan(found.recall.difference)
        assert found.to_json()["recall"]["now"]["value"] is None

    def test_a_target_of_one(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(500, 9)
        assert desk(target=1.0).look(make_holdout(rows)).verdict == "broken"
        rows["label"] = (rows["score"] > 0.3).astype(int)
        found = desk(target=1.0).look(make_holdout(rows))
        assert (found.verdict, found.base_rate) == ("weakening", None)

    def test_each_level(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """Level two is bad and small: overall the precision stays above the target."""
        rows = draw_rows(8_000, 10)
        bad = (rows["uncertainty"] >= 0.4) & (rows["score"] >= 0.7)
        rows = rows[~bad | (rows.index % 4 == 0)].copy()
        rows.loc[(rows["uncertainty"] >= 0.4) & (rows["score"] >= 0.7) & (rows.index % 3 > 0), "label"] = 0
        assert desk(target=0.6).look(make_holdout(rows)).verdict != "broken"
        found = desk(target=0.6, scope="each level").look(make_holdout(rows))
        assert found.verdict == "broken"
        assert found.rule.startswith("The precision in level 2 of ")
        good = desk(target=0.7, scope="each level")
        assert good.look(make_holdout(draw_rows(10_000, 11))).verdict == "holds"
        few = good.look(make_holdout(draw_rows(50, 12)), earlier=[])
        assert few.reasons[0].startswith("Not every level")

    def test_each_level_is_tested_at_its_share_of_alpha(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """Level one of two: evidence between 2/alpha and 4/alpha refutes it alone, not as one of two."""
        tp = next(t for t in range(75, 0, -1) if BinomialSequence().against_at_least(counts(100, t), 0.75) > 3.7)
        assert np.log(40) < BinomialSequence().against_at_least(counts(100, tp), 0.75) < np.log(80)
        one, two = (
            {"score": 0.9, "uncertainty": at, "label": np.arange(100) < good} for at, good in ((0.2, tp), (0.6, 76))
        )
        rows = pd.concat([pd.DataFrame(one), pd.DataFrame(two)]).astype(float)
        rows.loc[0, "score"] = 0.95  # a range of scores
        assert desk(scope="each level").look(make_holdout(rows)).verdict == "weakening"
        alone = desk(scope="each level", thresholds=[0.5, np.inf, np.inf])
        assert alone.look(make_holdout(rows)).verdict == "broken"

    def test_a_base_rate_that_may_suffice_is_no_alarm(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        found = desk().look(make_holdout(draw_rows(40, 13))).base_rate
        assert found is not None
        assert found.lo < found.break_even_lo < found.hi
        assert not found.below


class TestLooks:
    def test_add_up(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        parts, made = [draw_rows(700, seed) for seed in range(20, 26)], desk()
        found = [made.look(make_holdout(part)) for part in parts][-1]
        whole = desk().look(make_holdout(pd.concat(parts)))
        assert (found.lower[-1], found.upper[-1]) == pytest.approx((whole.lower[0], whole.upper[0]))
        course = found.course()
        assert course["accepted"].sum() == total(whole.look.levels).accepted
        assert course["so_far"].iloc[-1] == whole.course()["precision"].iloc[0]
        assert np.all(course["upper"] >= course["so_far"])
        assert list(course["look"]) == [1, 2, 3, 4, 5, 6]

    def test_a_slow_decline_is_found_by_all_of_them(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        made = desk()
        verdicts = [made.look(make_holdout(draw_rows(500, 30 + i, worse=0.1))).verdict for i in range(12)]
        assert verdicts[0] == "weakening"
        assert verdicts[-1] == "broken"

    def test_the_same_data_count_once(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        made, rows = desk(), make_holdout(draw_rows(400, 40))
        first = made.look(rows)
        for _ in range(3):
            again = made.look(rows)
            assert not again.counted
            assert (again.lower.tolist(), again.verdict) == (first.lower.tolist(), first.verdict)
        assert len(made.looks) == 4
        assert made.look(make_holdout(draw_rows(400, 41))).counted
        assert len(made.look(make_holdout(draw_rows(400, 42))).looks) == 3

    def test_a_look_on_record_twice_counts_once(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        made = desk()
        made.look(make_holdout(draw_rows(400, 43)))
        found = made.look(make_holdout(draw_rows(400, 44)), earlier=made.looks * 2)
        assert len(found.looks) == 2

    def test_later_looks_may_spend_less_on_alarms(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        made = desk()
        levels = [made.look(make_holdout(draw_rows(200, 50 + i))).shift.level for i in range(3)]
        assert levels == pytest.approx([ALPHA / 5 * 6 / np.pi**2 / k**2 for k in (1, 2, 3)])

    def test_come_back_from_canonical_json(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(500, 60).assign(weight=np.random.default_rng(0).choice([1.0, 3.0], 500))
        made = desk(draw_rows(5_000, 61).assign(weight=1.5), weighted=True, largest_weight=3.0)
        found = made.look(make_holdout(rows))
        policy = found.signed.policy
        again = Look.from_json(json.loads(rfc8785.dumps(found.to_json())), policy)
        assert again.to_json() == found.look.to_json()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"schema": "recscope-watch/9"}, "not one at this policy"),
            ({"policy_hash": "0" * 64}, "not one at this policy"),
            ({"look": {}}, "damaged"),
            ({"look": {"levels": [], "weights": None, "design_effect": 1}}, "damaged"),
            ({"data": {}}, "damaged"),
        ],
    )
    def test_refuses_damage(
        self, desk: MakeDesk, make_holdout: MakeHoldout, change: dict[str, Any], message: str
    ) -> None:
        made, rows = desk(), make_holdout(draw_rows(100, 62))
        made.look(rows)
        with pytest.raises(InputError, match=message):
            made.look(make_holdout(draw_rows(100, 63)), earlier=[{**made.looks[0], **change}])
        for key, value in (("design_effect", 0.5), ("design_effect", "x"), ("weights", [])):
            with pytest.raises(InputError, match="damaged"):
                made.look(rows, earlier=[{**made.looks[0], "look": {**made.looks[0]["look"], key: value}}])

    def test_the_same_file_counts_once_whatever_is_mapped(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        made, rows = desk(), replace(make_holdout(draw_rows(400, 40)), files=("a" * 64, "b" * 64))
        first = made.look(rows)
        assert made.looks[0]["data"]["files"] == ["a" * 64, "b" * 64]
        again = made.look(replace(rows, digest="e" * 64))
        both = made.look(replace(rows, digest="d" * 64, files=("c" * 64, "b" * 64)))
        assert (again.counted, both.counted) == (False, False)
        assert again.lower.tolist() == both.lower.tolist() == first.lower.tolist()
        on_record = [{**made.looks[0], "data": {**made.looks[0]["data"], "digest": str(i) * 64}} for i in range(3)]
        assert len(made.look(make_holdout(draw_rows(400, 41)), earlier=on_record).looks) == 2

    def test_the_digest_tells_where_files_are_unknown(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        made, rows = desk(), make_holdout(draw_rows(400, 40))
        made.look(rows)
        assert not made.look(rows).counted
        assert made.look(replace(rows, digest="e" * 64)).counted

    def test_signed_files_are_refused_whatever_is_mapped(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        made, again = desk(), replace(make_holdout(draw_rows(400, 40)), files=("a" * 64,))
        made.payload["data"]["files"] = ["b" * 64, "a" * 64]
        with pytest.raises(InputError, match="the rows that the policy was made on"):
            made.look(again)
        with pytest.raises(InputError, match="the rows that the policy was made on"):
            made.look(replace(again, files=("c" * 64, *again.files)))
        del made.payload["data"]["files"]
        assert made.look(again).counted

    def test_a_break_after_a_long_good_run(self, desk: MakeDesk) -> None:
        """Half a year of 0.79, then 0.65: the average stays above the target for months, its alarm does not."""
        signed, generator = Signed.from_payload(desk().payload), np.random.default_rng(1)
        good = [make_look(1_000, t, k) for k, t in enumerate(generator.binomial(1_000, 0.79, 26))]
        bad = [make_look(1_000, t, 26 + k) for k, t in enumerate(generator.binomial(1_000, 0.65, 4))]
        found = [_test(signed, one, [*good, *bad[: k + 1]], level=level_of(27 + k)) for k, one in enumerate(bad)]
        assert all(one.shown for one in found)  # so that the average alone would say "holds"
        assert all(one.alone == "The precision" for one in found)
        assert [bool(one.refuted) for one in found][-2:] == [True, True]
        assert found[-1].since == 27
        before = _test(signed, good[-1], good, level=level_of(26))
        assert (before.refuted, before.shown, before.alone) == ("", True, "")

    def test_says_since_when(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        made = desk()
        weeks = [(3_000, 200 + k, 0.0) for k in range(6)] + [(1_000, 300 + k, 0.12) for k in range(3)]
        found = [made.look(make_holdout(draw_rows(n, seed, worse=worse))) for n, seed, worse in weeks]
        assert [one.verdict for one in found[5:]] == ["holds", "weakening", "broken", "broken"]
        assert "The precision of this look alone lies surely below the target of 0.75." in found[6].reasons
        assert "below the target of 0.75 since look 7 of 9: it has not stayed at the target." in found[8].rule
        assert "rows accepted in 3 looks at this version" in found[8].rule

    def test_a_year_of_looks_at_the_target_errs_at_most_at_alpha(self) -> None:
        """Of being broken in either way, and of the alarm of a look alone; 0.75 at every look."""
        generator, runs, weeks, sequence = np.random.default_rng(2), 400, 52, BinomialSequence()
        tallies = [many(np.full(runs, 100), generator.binomial(100, 0.75, runs)) for _ in range(weeks)]
        broken, alarmed = np.zeros((2, runs), dtype=bool)
        for k in range(1, weeks + 1):
            against = sequence.against_at_least(_add_from(tallies[:k]), 0.75)
            late = logsumexp(_share_out(against), axis=0)
            broken |= np.maximum(against[0], late) >= -np.log(ALPHA / WAYS)
            alarmed |= _surely_below(sequence, tallies[k - 1], 0.75, level=level_of(k))
        assert binomtest(int(broken.sum()), runs, ALPHA, alternative="greater").pvalue > 1e-3
        assert binomtest(int(alarmed.sum()), runs, ALPHA / ALARMS, alternative="greater").pvalue > 1e-3


class TestGroups:
    def test_one_design_effect_for_all_looks(self, desk: MakeDesk) -> None:
        """The largest of the looks, or that of the signed rows."""
        shown = []
        for rows, effect in ((2_000, 1.0), (8_000, 1.0), (8_000, 32.0)):
            looks = [make_look(rows, rows * 4 // 5, k, effect=own) for k, own in enumerate((2.0, 8.0))]
            signed, used = Signed.from_payload(desk(design_effect=effect).payload), max(effect, 8.0)
            shown.append(_test(signed, looks[1], looks, level=level_of(2)).shown)
            evidence = BinomialSequence().against_at_most(counts(2 * rows / used, 1.6 * rows / used), 0.75)[0]
            assert shown[-1] == (evidence >= -np.log(ALPHA))
        assert shown == [False, True, False]
        own = counts(2_000 / 2 + 2_000 / 8, 1_600 / 2 + 1_600 / 8)
        assert BinomialSequence().against_at_most(own, 0.75)[0] >= -np.log(ALPHA)  # each over its own

    def test_precision_near_one_is_not_shown_by_chance(self, desk: MakeDesk) -> None:
        """60 groups of 20 rows a look, precision at the target of 0.97: looks with few negatives have small effects."""
        signed, generator = Signed.from_payload(desk(target=0.97).payload), np.random.default_rng(3)
        runs, weeks, at = 100, 26, (2, 3, 5, 8, 12, 18, 26)
        own_fails = fails = 0
        for _ in range(runs):
            looks = [grouped_look(generator, 0.97, 0.2, k) for k in range(weeks)]
            own = [many(one.effective.w, one.effective.wy) for one in looks]
            sums = [many(sum(x.w for x in own[:k]), sum(x.wy for x in own[:k])) for k in at]
            own_fails += any(BinomialSequence().against_at_most(one, 0.97)[0] >= -np.log(ALPHA) for one in sums)
            fails += any(_test(signed, looks[k - 1], looks[:k], level=level_of(k)).shown for k in at)
        assert binomtest(own_fails, runs, ALPHA, alternative="greater").pvalue < 1e-3
        assert binomtest(fails, runs, ALPHA, alternative="greater").pvalue > 1e-3


class TestSentences:
    def test_bounds_are_rounded_away_from_what_they_claim(self) -> None:
        assert _say_at_least(0.77296, 0.75) == "0.7729"
        assert _say_at_least(0.750049, 0.75003) == "0.750049"
        assert _say_at_least(0.74999999, 0.75) == "0.7499"
        assert _say_at_least(0.0, 0.75) == "0"
        assert _say_below(0.67831, 0.75) == "0.6784"
        assert _say_below(0.750012, 0.75002) == "0.750012"

    def test_holds_never_says_less_than_the_target(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """Bounds under weights lie on a grid of 0.001, between two of which the target lies."""
        made = desk(draw_rows(5_000, 61).assign(weight=1.0), weighted=True, largest_weight=1.0, target=0.7715)
        rows = draw_rows(40_000, 62)
        found = made.look(make_holdout(rows.assign(weight=1.0)))
        told = [float(one.strip(",")) for one in found.rule.split() if one.startswith("0.")]
        assert found.verdict == "holds"
        assert told[0] >= told[1] == 0.7715


class TestRows:
    def test_of_the_filter(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """Rows that the policy is not for are bad, and do not count."""
        devices = np.random.default_rng(0).choice(["web", "tv"], 20_000)
        made = desk(draw_rows(20_000, 70).assign(device=devices), only=(("device", ("web",)),))
        rows = draw_rows(20_000, 71).assign(device=devices[::-1])
        rows.loc[rows["device"] == "tv", "label"] = 0
        found = made.look(make_holdout(rows))
        assert found.verdict == "holds"
        assert total(found.look.levels).rows == (rows["device"] == "web").sum()
        with pytest.raises(InputError, match="not a mapped segment"):
            made.look(make_holdout(draw_rows(100, 72)))

    def test_sampled_by_class(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """Two of three negatives dropped: 0.79 of the rows is 0.56 of the population, below the target of 0.75."""

        def sampled(n: int, seed: int, worse: float) -> pd.DataFrame:
            rows = draw_rows(n, seed, worse=worse)
            return rows[(rows["label"] == 1) | (rows.index % 3 == 0)]

        made = desk(sampled(30_000, 80, 0.0), sampling=Sampling(1.0, 1 / 3))
        good, bad = (made.look(make_holdout(sampled(20_000, 81, worse)), earlier=[]) for worse in (0.0, 0.2))
        assert good.verdict == "holds"
        assert good.course()["so_far"].iloc[0] == pytest.approx(0.7875, abs=0.01)
        assert good.base_rate is not None
        assert good.base_rate.now == pytest.approx(0.5, abs=0.02)
        assert bad.verdict == "broken"
        rows = total(bad.look.levels)
        assert rows.true_positives / rows.accepted > 0.75  # uncorrected, nothing would be seen
        assert bad.lower[0] < bad.course()["so_far"].iloc[0] < bad.upper[0] < 0.75

    def test_weights(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """The same population by weights of 1 and 3 instead of rates."""

        def sampled(n: int, seed: int, worse: float) -> pd.DataFrame:
            rows = draw_rows(n, seed, worse=worse)
            rows = rows[(rows["label"] == 1) | (rows.index % 3 == 0)]
            return rows.assign(weight=np.where(rows["label"] == 1, 1.0, 3.0))

        made = desk(sampled(30_000, 85, 0.0), weighted=True, largest_weight=3.0)
        made.payload["evidence"] = {"evidence": {"confirmed": {"recall": 0.6, "recall_lo": 0.59, "recall_hi": 0.61}}}
        rows = sampled(20_000, 86, 0.0)
        good, bad = made.look(make_holdout(rows)), made.look(make_holdout(sampled(20_000, 87, 0.2)), earlier=[])
        assert (good.verdict, bad.verdict) == ("holds", "broken")
        assert good.course()["so_far"].iloc[0] == pytest.approx(0.7875, abs=0.01)
        policy = good.signed.policy
        taken = rows[policy.decide(rows["score"], rows["uncertainty"])]
        w, y = taken["weight"].to_numpy(), taken["label"].to_numpy()
        sums = [np.array([values.sum()]) for values in (np.ones(len(w)), w, w * y, w * w, w * w * y)]
        assert good.lower == pytest.approx(BernsteinSequence(3.0).lower_bounds(Tally(*sums), ALPHA))
        assert good.recall.now.value == pytest.approx((w * y).sum() / rows["label"].sum())
        assert (good.recall.signed.value, good.base_rate) == (0.6, None)
        assert np.isnan(good.frame()["signed_precision"]).all()

    def test_natural_rows_under_a_policy_of_sampled_ones(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """Signed on one negative in three; at their own rates natural rows hold, at the signed ones they are broken."""
        rows = draw_rows(30_000, 80)
        made = desk(rows[(rows["label"] == 1) | (rows.index % 3 == 0)], sampling=Sampling(1.0, 1 / 3))
        newer = make_holdout(draw_rows(20_000, 81))
        wrong, found = made.look(newer, earlier=[]), made.look(newer, earlier=[], sampling=Sampling())
        assert (wrong.verdict, found.verdict) == ("broken", "holds")
        assert found.course()["so_far"].iloc[0] == pytest.approx(0.7875, abs=0.01)
        assert found.shift.index - found.shift.expected < 0.01
        assert found.base_rate.now == pytest.approx(0.5, abs=0.02)
        assert found.frame()["precision"].iloc[0] == pytest.approx(0.75, abs=0.02)
        assert made.looks[-1]["look"]["sampling"] == {"keep_positives": 1.0, "keep_negatives": 1.0}
        more = make_holdout(draw_rows(2_000, 82))
        first = made.looks[-1:]
        assert len(made.look(more, earlier=first, sampling=Sampling(0.5, 0.5)).looks) == 2
        with pytest.raises(InputError, match=r"of which 1 of the positives and 1 of the negatives were kept"):
            made.look(more, earlier=first)

    def test_rows_with_weights_have_no_rates(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(300, 95).assign(weight=2.0)
        made = desk(draw_rows(500, 97).assign(weight=2.0), weighted=True, largest_weight=2.0)
        with pytest.raises(InputError, match="say their rates already"):
            made.look(make_holdout(rows), sampling=Sampling(1.0, 0.5))

    def test_groups(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """Twenty alike rows a user: counted as rows, chance looks like a fall."""

        def users(n: int, seed: int) -> pd.DataFrame:
            rows = draw_rows(n, seed)
            return pd.concat([rows.assign(user=np.arange(n))] * 20, ignore_index=True)

        made = desk(users(500, 90), group="user", design_effect=20.0)
        found = made.look(make_holdout(users(400, 91), group="user"))
        assert found.look.design_effect == pytest.approx(20, rel=0.1)
        lone = counts(*(total(found.look.levels).accepted / 20, total(found.look.levels).true_positives / 20))
        assert found.lower == pytest.approx(BinomialSequence().lower_bounds(lone, ALPHA), abs=0.02)
        now = total(found.look.levels)
        lo, hi = wilson(now.true_positives / 20, now.positives / 20)
        assert (found.recall.now.lo, found.recall.now.hi) == pytest.approx((float(lo), float(hi)), abs=0.01)
        plain = desk(users(500, 90), group="user").look(make_holdout(users(400, 91), group="user"))
        wide, narrow = (one.base_rate.break_even_hi - one.base_rate.break_even_lo for one in (found, plain))
        assert wide > 3 * narrow

    def test_groups_of_one_level(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        """Alike rows in level two only: where each level was certified, it is that level's design effect."""
        rows = draw_rows(3_000, 99)
        alike = rows[(rows["uncertainty"] >= 0.4) & (rows.index < 1_500)]
        rows = pd.concat([rows[rows["uncertainty"] < 0.4], *[alike] * 10])
        rows["user"] = rows.index
        holdout = make_holdout(rows.reset_index(drop=True), group="user")
        overall, each = (desk(scope=scope).look(holdout).look.design_effect for scope in ("overall", "each level"))
        assert 1 < overall < 9
        assert each == pytest.approx(10, rel=0.15)

    def test_few_groups_count_as_one_row_each_at_most(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(2_000, 92)
        rows["user"] = rows.index % 10
        found = desk().look(make_holdout(rows, group="user"))
        policy = found.signed.policy
        taken = rows[policy.decide(rows["score"], rows["uncertainty"])]
        assert found.look.design_effect == taken.groupby("user").size().max()
        assert found.verdict == "weakening"

    def test_the_nearest_level_takes_rows_outside(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(3_000, 93)
        rows.loc[:299, "uncertainty"] = -1.0
        rows["user"] = rows.index
        made = desk(outside="nearest")
        found = made.look(make_holdout(rows, group="user"))
        policy = found.signed.policy
        assert found.look.levels == count_columns(policy, rows["score"], [rows["uncertainty"]], rows["label"])
        assert found.look.design_effect == pytest.approx(1, abs=0.15)
        assert found.shift.left

    def test_columns_of_other_names(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        holdout = make_holdout(draw_rows(400, 94))
        named = replace(holdout, roles=replace(holdout.roles, score="p", uncertainty=("sigma",)))
        made = desk()
        assert made.look(named).look.levels == made.look(holdout).look.levels

    def test_refuses_what_says_something_else(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        rows = draw_rows(300, 95)
        weighted = rows.assign(weight=np.where(rows["label"] == 1, 1.0, 9.0))
        with pytest.raises(InputError, match="kind std; this holdout has entropy"):
            desk().look(make_holdout(rows, kind="entropy"))
        with pytest.raises(InputError, match="these weigh differently"):
            desk().look(make_holdout(weighted))
        desk().look(make_holdout(rows.assign(weight=2.0)))
        with pytest.raises(InputError, match="signed on rows with weights"):
            desk(weighted, weighted=True, largest_weight=9.0).look(make_holdout(rows))
        heavy = make_holdout(weighted.assign(weight=10.0))
        with pytest.raises(InputError, match="A row weighs 10; the policy was signed for weights up to 9"):
            desk(weighted, weighted=True, largest_weight=9.0).look(heavy)
        with pytest.raises(InputError, match="says no largest one"):
            desk(weighted, weighted=True).look(make_holdout(weighted))
        with pytest.raises(InputError, match="no group column is mapped"):
            desk(design_effect=2.0).look(make_holdout(rows))
        with pytest.raises(InputError, match="the rows that the policy was made on"):
            desk(rows).look(make_holdout(rows))


class TestSigned:
    def test_refuses(self, desk: MakeDesk) -> None:
        payload = desk().payload
        with pytest.raises(InputError, match="holds no policy"):
            Signed.from_payload({"cube": payload["cube"]})
        with pytest.raises(InputError, match="lack parts"):
            Signed.from_payload({"policy": payload["policy"]})
        with pytest.raises(InputError, match="does not fit its own hash"):
            Signed.from_payload({**payload, "policy": {**payload["policy"], "seed": 7}})
        for kind, target in (("recall", 0.5), ("capacity", 10.0), ("cost", 2.0)):
            with pytest.raises(InputError, match=f"asks for a {kind}"):
                Signed.from_payload(desk(objective=Objective(kind, target)).payload)

    def test_without_a_confirmation_the_tuned_counts_are_compared(
        self, desk: MakeDesk, make_holdout: MakeHoldout
    ) -> None:
        def unconfirmed(policy: Policy) -> Policy:
            return replace(policy, confirmed=None)

        made = desk(change=unconfirmed)
        found = made.look(make_holdout(draw_rows(8_000, 96)))
        tuned = total(found.signed.policy.tuned)
        assert found.verdict == "holds"
        assert found.signed.recall.value == tuned.true_positives / tuned.positives

    def test_recall_of_weights_is_unknown_without_its_evidence(self, desk: MakeDesk) -> None:
        payload = desk(draw_rows(500, 97).assign(weight=2.0), weighted=True, largest_weight=2.0).payload
        assert np.isnan(Signed.from_payload(payload).recall.value)
        assert Signed.from_payload({**payload, "evidence": {"evidence": {"confirmed": None}}}).recall.hi == 1

    def test_a_signed_half_of_one_label_has_no_break_even(self, desk: MakeDesk, make_holdout: MakeHoldout) -> None:
        def positives_only(policy: Policy) -> Policy:
            levels = tuple(LevelCounts(one.rows, one.rows, one.accepted, one.accepted) for one in policy.tuned)
            return replace(policy, confirmed=replace(policy.confirmed, counts=levels))

        assert desk(change=positives_only).look(make_holdout(draw_rows(300, 98))).base_rate is None
