"""The active policy: as text that decides alike, and as a file that is never half written."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from core.errors import InputError
from core.signoff import active as module
from core.signoff.active import NoActivePolicy, find_active, find_latest, publish, write_active
from core.signoff.ledger import Ledger
from core.signoff.workflow import approve, roll_back, submit
from core.thresholds.policy import Policy
from core.thresholds.policy_file import read_policy
from tests.signoff.acting import ANN, BOB, Clock, make_submission, open_ledger, put_in_force, seen, signing
from tests.thresholds.policies import POLICIES, make_policy, odd_rows


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return open_ledger(tmp_path, clock)


class TestFind:
    def test_nothing_is_active_at_first_nor_once_it_is_approved(self, ledger: Ledger) -> None:
        made = make_submission()
        submit(signing(ledger, ANN), made)
        approve(signing(ledger, BOB), 1, seen=seen(ledger))
        with pytest.raises(NoActivePolicy, match="No version of clicks is active") as caught:
            find_active(ledger, "clicks")
        assert caught.value.fix
        with ledger.stream("clicks") as stream:
            assert find_latest(stream) is None

    def test_what_was_activated_or_rolled_back_to_last(self, ledger: Ledger) -> None:
        put_in_force(ledger, make_policy(seed=1))
        put_in_force(ledger, make_policy(seed=2))
        found = find_active(ledger, "clicks")
        assert (found.submission.version, found.policy) == (2, make_policy(seed=2))
        record = roll_back(signing(ledger, BOB), 1, rationale="Back.")
        found = find_active(ledger, "clicks")
        assert (found.submission.version, found.policy) == (1, make_policy(seed=1))
        assert found.activation.hash == record.hash
        assert found.document()["record"] == {"seq": record.seq, "hash": record.hash}

    def test_not_past_its_day(self, ledger: Ledger, clock: Clock) -> None:
        put_in_force(ledger, review_by="2026-03-02")
        clock.now += timedelta(days=1)
        assert find_active(ledger, "clicks").review_by == "2026-03-02"
        clock.now += timedelta(days=1)
        with pytest.raises(NoActivePolicy, match="to be reviewed by 2026-03-02 and has expired") as caught:
            find_active(ledger, "clicks")
        assert "later review date" in caught.value.fix

    @pytest.mark.parametrize("name", ["", "../clicks", "a/b", "Clicks", "x" * 65])
    def test_no_name(self, name: str, ledger: Ledger) -> None:
        with pytest.raises(InputError, match="no name of a policy"):
            find_active(ledger, name)


class TestExport:
    @pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
    def test_every_form_decides_as_the_policy(self, policy: Policy, ledger: Ledger) -> None:
        put_in_force(ledger, policy)
        found = find_active(ledger, "clicks")
        scores, values = odd_rows(policy)
        expected = policy.decide(np.array(scores, dtype=float), np.array(values, dtype=float)).tolist()
        again = read_policy(write_active(found, "json"))
        assert again == policy
        assert again.decide(np.array(scores, dtype=float), np.array(values, dtype=float)).tolist() == expected
        space: dict[str, object] = {}
        exec(write_active(found, "python"), space)  # noqa: S102
        assert [space["decide"](s, v) for s, v in zip(scores, values, strict=True)] == expected
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE t (i INTEGER, score DOUBLE, evidence DOUBLE)")
            rows = [(i, s, v) for i, (s, v) in enumerate(zip(scores, values, strict=True))]
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
            sql = write_active(found, "sql", dialect="duckdb")
            decided = connection.sql(f"SELECT {sql} FROM t ORDER BY i").fetchall()  # noqa: S608
        assert [one for (one,) in decided] == expected

    def test_no_such_form(self, ledger: Ledger) -> None:
        put_in_force(ledger)
        with pytest.raises(InputError, match="no form 'yaml'"):
            write_active(find_active(ledger, "clicks"), "yaml")


class TestPublish:
    def test_the_file_says_what_is_active_since_when_and_until_when(self, ledger: Ledger, tmp_path: Path) -> None:
        record = put_in_force(ledger)
        path = publish(ledger, "clicks", folder=tmp_path / "deep" / "live")
        assert path == tmp_path / "deep" / "live" / "clicks.json"
        found = json.loads(path.read_text())
        assert read_policy(json.dumps(found.pop("policy"))) == make_policy()
        assert found == {
            "schema": "recscope-active/1",
            "name": "clicks",
            "version": 1,
            "active_since": "2026-03-01T12:00:00.000000Z",
            "review_by": "2026-12-31",
            "guarantee": make_submission().payload["guarantee"],
            "record": {"seq": record.seq, "hash": record.hash},
        }
        assert [one.name for one in path.parent.iterdir()] == ["clicks.json"]
        assert path.stat().st_mode & 0o777 == 0o644

    def test_an_expired_policy_leaves_the_file_as_it_is(self, ledger: Ledger, clock: Clock, tmp_path: Path) -> None:
        put_in_force(ledger, review_by="2026-03-02")
        path = publish(ledger, "clicks", folder=tmp_path / "live")
        before = path.read_bytes()
        clock.now += timedelta(days=9)
        with pytest.raises(NoActivePolicy):
            publish(ledger, "clicks", folder=tmp_path / "live")
        assert path.read_bytes() == before

    def test_where_nothing_can_be_written(self, ledger: Ledger, tmp_path: Path) -> None:
        put_in_force(ledger)
        (tmp_path / "file").write_text("")
        with pytest.raises(InputError, match="cannot be written"):
            publish(ledger, "clicks", folder=tmp_path / "file" / "live")
        (tmp_path / "live" / "clicks.json").mkdir(parents=True)
        with pytest.raises(InputError, match="cannot be written"):
            publish(ledger, "clicks", folder=tmp_path / "live")
        assert [one.name for one in (tmp_path / "live").iterdir()] == ["clicks.json"]

    def test_who_writes_late_does_not_leave_the_older_version(
        self, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put_in_force(ledger, make_policy(seed=1))
        replace_file, turns = module._replace_file, []

        def interrupted(*arguments: object) -> Path:
            if not turns:  # between reading the ledger and writing the file, somebody activates and publishes
                turns.append(put_in_force(ledger, make_policy(seed=2)))
                publish(ledger, "clicks", folder=tmp_path / "live")
            return replace_file(*arguments)

        monkeypatch.setattr(module, "_replace_file", interrupted)
        path = publish(ledger, "clicks", folder=tmp_path / "live")
        assert json.loads(path.read_text())["version"] == 2

    def test_a_reader_never_sees_half_a_file(self, ledger: Ledger, tmp_path: Path) -> None:
        many, none = tuple(np.linspace(0, 1e6, 201).tolist()), make_policy().tuned[1]
        wide = {"level_edges": many, "thresholds": (float("inf"),) * 200, "tuned": (none,) * 200}
        put_in_force(ledger, make_policy(**wide, confirmed=None))
        put_in_force(ledger)
        path = publish(ledger, "clicks", folder=tmp_path / "live")
        stop, seen, faults = threading.Event(), set[int](), list[str]()

        def look() -> None:
            while not stop.wait(0.0005):
                try:
                    found = json.loads(path.read_bytes())
                    seen.add(found["version"])
                    assert len(found["policy"]["thresholds"]) == (200 if found["version"] == 1 else 3)
                except (OSError, ValueError, KeyError, AssertionError) as error:
                    faults.append(repr(error))

        reader = threading.Thread(target=look)
        reader.start()
        for turn in range(60):
            roll_back(signing(ledger, BOB), turn % 2 + 1, rationale="To and fro.")
            publish(ledger, "clicks", folder=tmp_path / "live")
        stop.set()
        reader.join()
        assert faults == []
        assert seen == {1, 2}
