"""The rules of sign-off: by hand, case by case, and by a machine that tries every move in any order."""

import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.errors import InputError
from core.jobs import finish
from core.signoff.audit import audit
from core.signoff.data import Record, StaleRevision
from core.signoff.identity import StaleSignIn
from core.signoff.ledger import Ledger
from core.signoff.submission import NOT_CONFIRMED, Submission
from core.signoff.verify import verify
from core.signoff.workflow import (
    IllegalMove,
    Signing,
    Standing,
    activate,
    approve,
    find_standing,
    list_standings,
    record_watch,
    reject,
    roll_back,
    submit,
    withdraw,
)
from core.thresholds.policy import Policy
from tests.conftest import make_settings
from tests.signoff.acting import (
    ANN,
    BOB,
    CID,
    START,
    Clock,
    a_look,
    find_base,
    make_submission,
    open_ledger,
    person,
    put_in_force,
    seen,
    signed_in,
    signing,
)
from tests.signoff.conftest import make_database
from tests.thresholds.policies import make_policy


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Ledger:
    return open_ledger(tmp_path, clock)


def stand(ledger: Ledger, version: int, policy: str = "clicks") -> Standing:
    with ledger.stream(policy) as stream:
        return find_standing(stream, version)


def refuse(
    ledger: Ledger, act: Any, *arguments: Any, match: str, error: type[Exception] = IllegalMove, **options: Any
) -> None:
    """The act is refused, and nothing is written."""
    before = sum(1 for _ in ledger.read())
    with pytest.raises(error, match=match) as caught:
        act(*arguments, **options)
    assert caught.value.fix
    assert sum(1 for _ in ledger.read()) == before


class TestTheUsualCourse:
    def test_from_submission_to_roll_back(self, ledger: Ledger) -> None:
        made = make_submission()
        first = submit(signing(ledger, ANN), made)
        assert (first.version, first.revision, stand(ledger, 1).state) == (1, 1, "submitted")
        approve(signing(ledger, BOB), 1, seen=seen(ledger), remark="Looks right.")
        assert stand(ledger, 1).state == "approved"
        assert [signer.name for signer in stand(ledger, 1).approvers] == ["Bob"]
        activate(signing(ledger, ANN), 1)
        assert stand(ledger, 1).state == "active"
        put_in_force(ledger, make_policy(seed=2))
        assert [stand(ledger, version).state for version in (1, 2)] == ["superseded", "active"]
        roll_back(signing(ledger, BOB), 1, rationale="Complaints.")
        assert [stand(ledger, version).state for version in (1, 2)] == ["active", "rolled back"]
        roll_back(signing(ledger, BOB), 2, rationale="The complaints were about something else.")
        assert [stand(ledger, version).state for version in (1, 2)] == ["rolled back", "active"]
        put_in_force(ledger, make_policy(seed=3))
        assert [stand(ledger, version).state for version in (1, 2, 3)] == ["rolled back", "superseded", "active"]

    def test_a_rejected_and_a_withdrawn_version_are_final(self, ledger: Ledger) -> None:
        made = make_submission()
        submit(signing(ledger, ANN), made)
        submit(signing(ledger, ANN), made)
        approve(signing(ledger, CID), 1, seen=seen(ledger))
        reject(signing(ledger, BOB), 1, rationale="Too few rows.")
        withdraw(signing(ledger, ANN), 2, rationale="A typing error.")
        assert [stand(ledger, version).state for version in (1, 2)] == ["rejected", "withdrawn"]
        assert "Bob rejected it" in stand(ledger, 1).why
        for version in (1, 2):
            refuse(
                ledger,
                approve,
                signing(ledger, BOB),
                version,
                seen=seen(ledger, version),
                match="so you cannot approve it",
            )
            refuse(ledger, activate, signing(ledger, BOB), version, match="so you cannot activate it")
            refuse(ledger, reject, signing(ledger, BOB), version, rationale="x", match="so you cannot reject it")
            refuse(ledger, withdraw, signing(ledger, ANN), version, rationale="x", match="so you cannot withdraw it")

    def test_a_version_that_is_not_there(self, ledger: Ledger) -> None:
        refuse(ledger, approve, signing(ledger, BOB), 1, seen="0" * 64, match="clicks has no version 1")
        refuse(ledger, activate, signing(ledger, BOB), 7, match="has no version 7")

    def test_policies_do_not_know_each_other(self, ledger: Ledger) -> None:
        put_in_force(ledger)
        put_in_force(ledger, name="sales")
        assert stand(ledger, 1).state == stand(ledger, 1, "sales").state == "active"

    def test_every_act_wants_words_where_it_takes_something_away(self, ledger: Ledger) -> None:
        put_in_force(ledger)
        put_in_force(ledger)
        submit(signing(ledger, ANN), make_submission(base=find_base(ledger)))
        for act, who, version in ((reject, BOB, 3), (withdraw, ANN, 3), (roll_back, BOB, 1)):
            for words in ("", "  \n", "x" * 5_001, "a\x00b", "left \u202e right"):
                refuse(ledger, act, signing(ledger, who), version, rationale=words, match="rationale", error=InputError)


class TestTwoSubmissionsAgainstOneActivePolicy:
    def test_the_other_is_void_when_one_is_activated_and_is_told(self, ledger: Ledger) -> None:
        put_in_force(ledger)
        base = find_base(ledger)
        one, other = make_submission(make_policy(seed=2), base=base), make_submission(make_policy(seed=3), base=base)
        submit(signing(ledger, ANN), one)
        submit(signing(ledger, CID), other)
        for version in (2, 3):
            approve(signing(ledger, BOB), version, seen=seen(ledger, version))
        activate(signing(ledger, ANN), 2)
        assert stand(ledger, 3).state == "void"
        assert "Version 2 became active on 2026-03-01, after this one was submitted" in stand(ledger, 3).why
        refuse(ledger, activate, signing(ledger, CID), 3, match="is void, so you cannot activate it. Version 2 became")
        refuse(ledger, approve, signing(ledger, ANN), 3, seen=seen(ledger, 3), match="is void")
        refuse(ledger, submit, signing(ledger, CID), other, match="Another version became active since")
        again = make_submission(make_policy(seed=3), base=find_base(ledger))
        submit(signing(ledger, CID), again)
        assert stand(ledger, 4).state == "submitted"

    def test_a_roll_back_makes_open_versions_void_too(self, ledger: Ledger) -> None:
        put_in_force(ledger)
        put_in_force(ledger)
        submit(signing(ledger, ANN), make_submission(base=find_base(ledger)))
        roll_back(signing(ledger, BOB), 1, rationale="Complaints.")
        assert stand(ledger, 3).state == "void"


class TestApproval:
    def test_by_as_many_people_as_are_needed(self, ledger: Ledger) -> None:
        made = make_submission(needs=2)
        submit(signing(ledger, ANN), made)
        approve(signing(ledger, BOB), 1, seen=seen(ledger))
        assert (stand(ledger, 1).state, stand(ledger, 1).why) == ("submitted", "It has 1 of 2 approvals. The quorum.")
        refuse(ledger, activate, signing(ledger, ANN), 1, match="is submitted, so you cannot activate it")
        refuse(ledger, approve, signing(ledger, BOB), 1, seen=seen(ledger), match="Bob has already approved")
        approve(signing(ledger, CID), 1, seen=seen(ledger))
        assert stand(ledger, 1).state == "approved"

    @pytest.mark.parametrize(
        "name",
        ["Ann", "ann", "ANN", " Ann ", "Ａｎｎ", "ａＮＮ", "Ａnn", "Ann\u00a0"],
        ids=ascii,
    )
    def test_no_spelling_lets_the_author_approve(self, name: str, ledger: Ledger) -> None:
        made = make_submission()
        submit(signing(ledger, ANN), made)
        refuse(ledger, approve, signing(ledger, person(name)), 1, seen=seen(ledger), match="Ann has submitted")
        refuse(ledger, reject, signing(ledger, person(name)), 1, rationale="x", match="Ann has submitted")
        withdraw(signing(ledger, person(name)), 1, rationale="It is mine.")

    @pytest.mark.parametrize(
        "name", ["Jörg  Weiß", "JO\u0308RG WEISS", "jörg weiss", "Jörg\tWeiß", "Ｊörg Weiß"], ids=ascii
    )
    def test_nor_one_person_count_twice(self, name: str, ledger: Ledger) -> None:
        made = make_submission(needs=2)
        submit(signing(ledger, ANN), made)
        approve(signing(ledger, person("Jörg Weiß")), 1, seen=seen(ledger))
        refuse(ledger, approve, signing(ledger, person(name)), 1, seen=seen(ledger), match="has already approved")

    def test_only_of_the_very_record_that_was_seen(self, ledger: Ledger) -> None:
        soon, late = (
            make_submission(review_by="2026-04-01"),
            make_submission(review_by="2027-12-31", rationale="Later."),
        )
        first, second = (submit(signing(ledger, ANN), made).hash for made in (soon, late))
        for other in (second, "", first.upper()):
            refuse(ledger, approve, signing(ledger, BOB), 1, seen=other, match="not what was submitted")
        refuse(ledger, approve, signing(ledger, BOB), 2, seen=first, match="not what was submitted")
        assert approve(signing(ledger, BOB), 1, seen=first).payload["seen"] == first

    @pytest.mark.parametrize(
        ("changes", "part"),
        [
            ({"guarantee": "With confidence 0.999, the precision is 1."}, "guarantee"),
            ({"evidence_hash": "ab" * 32}, "evidence"),
            ({"earlier": [{"policy": "x", "version": 1, "state": "active", "confirmed": True}]}, "guarantee"),
        ],
    )
    def test_a_submission_that_contradicts_itself_is_refused(
        self, changes: dict[str, Any], part: str, ledger: Ledger
    ) -> None:
        forged = make_submission(**changes)
        refuse(ledger, submit, signing(ledger, ANN), forged, match=f"another {part} than", error=InputError)

    def test_a_policy_that_is_not_that_of_the_evidence_or_of_its_hash_is_refused(self, ledger: Ledger) -> None:
        made, other = make_submission(), make_submission(make_policy(seed=9))
        forged = Submission(made.payload | {"policy": other.payload["policy"]})
        refuse(ledger, submit, signing(ledger, ANN), forged, match="another policy than", error=InputError)
        edited = Submission(made.payload | {"policy": made.payload["policy"] | {"thresholds": [0.1, None, 0.1]}})
        refuse(ledger, submit, signing(ledger, ANN), edited, match="does not fit its own hash", error=InputError)

    def test_says_that_nothing_is_confirmed(self, ledger: Ledger) -> None:
        made = make_submission(make_policy(confirmed=None))
        submit(signing(ledger, ANN), made)
        record = approve(signing(ledger, BOB), 1, seen=seen(ledger))
        assert record.payload["guarantee"] == NOT_CONFIRMED
        assert "confirms no precision" in record.meaning

    def test_repeats_the_guarantee(self, ledger: Ledger) -> None:
        made = make_submission()
        submit(signing(ledger, ANN), made)
        record = approve(signing(ledger, BOB), 1, seen=seen(ledger))
        assert record.payload["guarantee"] == made.payload["guarantee"]
        assert record.payload["guarantee"].startswith("With confidence 0.9, the precision of all accepted rows")
        assert "approve these thresholds for use" in record.meaning


class TestRoles:
    @pytest.mark.parametrize(
        ("act", "roles"),
        [
            ("submit", {"author"}),
            ("approve", {"approver"}),
            ("reject", {"approver"}),
            ("activate", {"author", "approver"}),
            ("roll back", {"approver"}),
            ("watch", {"author", "approver", "auditor"}),
        ],
    )
    @pytest.mark.parametrize("role", ["author", "approver", "auditor", None])
    def test_each_act_takes_its_role(self, act: str, roles: set[str], role: Any, ledger: Ledger) -> None:
        put_in_force(ledger)
        put_in_force(ledger)
        base = find_base(ledger)
        made = make_submission(base=base)
        submit(signing(ledger, ANN), made)
        submit(signing(ledger, ANN), made)
        approve(signing(ledger, BOB), 4, seen=seen(ledger, 4))
        dan = replace(person("Dan"), roles=(role,) if role else ())
        acts = {
            "submit": lambda: submit(signing(ledger, dan), make_submission(base=base)),
            "approve": lambda: approve(signing(ledger, dan), 3, seen=seen(ledger, 3)),
            "reject": lambda: reject(signing(ledger, dan), 3, rationale="No."),
            "activate": lambda: activate(signing(ledger, dan), 4),
            "roll back": lambda: roll_back(signing(ledger, dan), 1, rationale="Back."),
            "watch": lambda: record_watch(signing(ledger, dan), 2, a_look()),
        }
        if role in roles:
            acts[act]()
        else:
            refuse(ledger, acts[act], match="Dan may not ")

    def test_only_the_author_withdraws(self, ledger: Ledger) -> None:
        submit(signing(ledger, ANN), make_submission())
        refuse(ledger, withdraw, signing(ledger, BOB), 1, rationale="x", match="was submitted by Ann")


class TestSignIn:
    def test_people_are_issuer_and_subject_whatever_they_are_called(self, ledger: Ledger) -> None:
        made = make_submission(needs=2)
        submit(signing(ledger, signed_in("a|1", "author", name="Kim Lee")), made)
        namesake = signed_in("a|2", "approver", name="Kim Lee")
        approve(signing(ledger, namesake), 1, seen=seen(ledger))
        renamed = signed_in("a|1", "approver", name="Somebody Else")
        refuse(ledger, approve, signing(ledger, renamed), 1, seen=seen(ledger), match="Kim Lee has submitted")
        elsewhere = signed_in("a|1", "approver", issuer="https://other.example", name="Kim Lee")
        approve(signing(ledger, elsewhere), 1, seen=seen(ledger))
        assert stand(ledger, 1).state == "approved"

    @pytest.mark.parametrize(
        ("age", "match"),
        [(None, "does not tell when"), (901, "minutes ago; 15 is the limit"), (-61, "61 seconds ahead")],
    )
    def test_a_stale_one_is_refused_for_every_act_but_a_look(self, age: Any, match: str, ledger: Ledger) -> None:
        one, two = signed_in("1", "author", "approver"), signed_in("2", "author", "approver")
        moment = None if age is None else int(START.timestamp()) - age
        made = make_submission()
        submit(signing(ledger, one), made)
        approve(signing(ledger, two), 1, seen=seen(ledger))
        activate(signing(ledger, one), 1)
        later = make_submission(base=find_base(ledger))
        submit(signing(ledger, one), later)
        old_one, old_two = replace(one, auth_time=moment), replace(two, auth_time=moment)
        for act in (
            lambda: submit(signing(ledger, old_one), later),
            lambda: approve(signing(ledger, old_two), 2, seen=seen(ledger, 2)),
            lambda: reject(signing(ledger, old_two), 2, rationale="No."),
            lambda: withdraw(signing(ledger, old_one), 2, rationale="No."),
        ):
            refuse(ledger, act, match=match, error=StaleSignIn)
        approve(signing(ledger, two), 2, seen=seen(ledger, 2))
        refuse(ledger, activate, signing(ledger, old_one), 2, match=match, error=StaleSignIn)
        activate(signing(ledger, one), 2)
        refuse(ledger, roll_back, signing(ledger, old_two), 1, rationale="No.", match=match, error=StaleSignIn)
        record_watch(signing(ledger, old_one), 2, a_look())

    @pytest.mark.parametrize("age", [900, 0, -60])
    def test_a_fresh_one_is_taken(self, age: int, ledger: Ledger) -> None:
        submit(signing(ledger, signed_in("1", "author", auth_time=int(START.timestamp()) - age)), make_submission())

    def test_a_typed_name_does_not_touch_what_was_signed_for_with_a_sign_in(self, ledger: Ledger) -> None:
        one, two = signed_in("1", "author", "approver"), signed_in("2", "approver")
        made = make_submission()
        submit(signing(ledger, one), made)
        typed = "a typed name cannot change it"
        refuse(ledger, approve, signing(ledger, BOB), 1, seen=seen(ledger), match=typed)
        refuse(ledger, reject, signing(ledger, BOB), 1, rationale="x", match=typed)
        approve(signing(ledger, two), 1, seen=seen(ledger))
        refuse(ledger, activate, signing(ledger, BOB), 1, match=typed)
        activate(signing(ledger, one), 1)
        refuse(ledger, submit, signing(ledger, BOB), make_submission(base=find_base(ledger)), match=typed)
        record_watch(signing(ledger, BOB), 1, a_look())

    def test_who_signs_in_cannot_approve_what_was_submitted_with_a_typed_name(self, ledger: Ledger) -> None:
        made = make_submission()
        submit(signing(ledger, ANN), made)
        two = signed_in("2", "approver")
        refuse(ledger, approve, signing(ledger, two), 1, seen=seen(ledger), match="did not sign in alike")
        reject(signing(ledger, two), 1, rationale="Sign in.")


class TestTime:
    def test_a_policy_expires_at_the_end_of_its_day(self, ledger: Ledger, clock: Clock) -> None:
        put_in_force(ledger, review_by="2026-03-05")
        clock.now = START.replace(day=5, hour=23, minute=59)
        assert stand(ledger, 1).state == "active"
        clock.now = START.replace(day=6, hour=0)
        assert stand(ledger, 1).state == "expired"
        assert "submit it anew" in stand(ledger, 1).why
        record_watch(signing(ledger, ANN), 1, a_look(verdict="broken"))
        put_in_force(ledger, review_by="2026-03-06")
        assert [stand(ledger, version).state for version in (1, 2)] == ["superseded", "active"]
        refuse(ledger, roll_back, signing(ledger, BOB), 1, rationale="x", match="was to be reviewed by 2026-03-05")

    def test_what_is_past_its_day_is_not_submitted_approved_or_activated(self, ledger: Ledger, clock: Clock) -> None:
        made = make_submission(review_by="2026-03-01")
        submit(signing(ledger, ANN), made)
        submit(signing(ledger, ANN), made)
        approve(signing(ledger, BOB), 2, seen=seen(ledger, 2))
        clock.now = START.replace(day=2)
        refuse(ledger, submit, signing(ledger, ANN), made, match="review date has passed")
        refuse(ledger, submit, signing(ledger, ANN), make_submission(review_by="2028-03-03"), match="2 years ahead")
        submit(signing(ledger, ANN), make_submission(review_by="2028-03-02"))
        refuse(ledger, approve, signing(ledger, BOB), 1, seen=seen(ledger), match="that day has passed")
        refuse(ledger, activate, signing(ledger, ANN), 2, match="that day has passed")


class TestOnce:
    def test_an_act_that_is_sent_twice_is_recorded_once(self, ledger: Ledger) -> None:
        made = make_submission()
        act = signing(ledger, ANN)
        assert submit(act, made).hash == submit(act, made).hash
        act = signing(ledger, BOB)
        assert approve(act, 1, seen=seen(ledger)).seq == approve(act, 1, seen=seen(ledger)).seq == 2
        act = signing(ledger, ANN)
        assert activate(act, 1).seq == activate(act, 1).seq == 3

    def test_who_saw_an_older_state_is_told(self, ledger: Ledger) -> None:
        made = make_submission()
        act = signing(ledger, ANN)
        submit(signing(ledger, CID), made)
        refuse(ledger, submit, act, made, match="in between", error=StaleRevision)


def test_a_look_is_recorded_for_what_is_in_force_only(ledger: Ledger) -> None:
    put_in_force(ledger)
    put_in_force(ledger)
    refuse(ledger, record_watch, signing(ledger, ANN), 1, {}, match="is superseded, so you cannot record a look at it")
    of_another = a_look(make_policy(seed=9))
    for odd in (of_another, a_look() | {"schema": "recscope-watch/0"}, {"verdict": "holds"}):
        refuse(ledger, record_watch, signing(ledger, ANN), 2, odd, match="This is no look at the policy of version 2")
    assert record_watch(signing(ledger, ANN), 2, a_look()).version == 2


def test_lists_are_paged_and_have_the_states_of_single_looks(ledger: Ledger) -> None:
    put_in_force(ledger)
    made = make_submission(base=find_base(ledger), needs=2)
    for _ in range(3):
        submit(signing(ledger, ANN), made)
    approve(signing(ledger, BOB), 2, seen=seen(ledger, 2))
    reject(signing(ledger, BOB), 3, rationale="No.")
    put_in_force(ledger, name="sales")
    every = list_standings(ledger, None, offset=0, limit=100)
    assert [(one.summary.policy, one.summary.version, one.state) for one in every] == [
        ("sales", 1, "active"),
        ("clicks", 4, "submitted"),
        ("clicks", 3, "rejected"),
        ("clicks", 2, "submitted"),
        ("clicks", 1, "active"),
    ]
    page = list_standings(ledger, "clicks", offset=1, limit=2)
    assert [(one.summary.version, one.state) for one in page] == [(3, "rejected"), (2, "submitted")]
    assert list_standings(ledger, "nothing", offset=0, limit=5) == []
    for bad in ({"offset": -1, "limit": 5}, {"offset": 0, "limit": 0}, {"offset": 0, "limit": 1_001}):
        with pytest.raises(InputError, match="must be a whole number"):
            list_standings(ledger, None, **bad)


# --- every move in any order, against a model that keeps states in plain variables ---

PEOPLE = {
    "Ann": ("author", "approver"),
    "Bob": ("author", "approver"),
    "Cid": ("approver",),
    "Dan": ("author",),
    "Eve": ("auditor",),
}
SPELLINGS = (
    str,
    str.upper,
    lambda name: f"  {name.lower()} ",
    lambda name: "".join(chr(ord(c) + 0xFEE0) for c in name),
)
POLICIES = ("one", "two")


@dataclass
class Version:
    """What the model knows of a version."""

    author: str
    needs: int
    review_by: str
    seen: str
    policy: Policy
    turn: int  # how many versions had been active when it was submitted
    approvals: set[str] = field(default_factory=set)
    ended: str = ""  # rejected, withdrawn, superseded, rolled back
    was_active: bool = False


@dataclass
class Model:
    """What the model knows of a policy."""

    versions: list[Version] = field(default_factory=list)
    active: int = 0  # its number, or 0
    turn: int = 0
    base: str | None = None
    revision: int = 0

    def state(self, number: int, today: str) -> str:
        version = self.versions[number - 1]
        if number == self.active:
            return "expired" if today > version.review_by else "active"
        if version.ended:
            return version.ended
        if version.turn != self.turn:
            return "void"
        return "approved" if len(version.approvals) >= version.needs else "submitted"


class SignoffMachine(RuleBasedStateMachine):
    """Anybody tries anything; what the rules allow happens, and nothing else does."""

    server: str | None = None  # URL of a PostgreSQL server; else the ledger is a file
    folder: Path
    url: str
    ledger: Ledger

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.models = {name: Model() for name in POLICIES}
        self.last: tuple[Any, Any, Record] | None = None
        self.records = 1

    def open(self) -> Ledger:
        return Ledger.open(self.url, make_settings(self.folder), clock=self.clock)

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="signoff"))
        self.url = make_database(self.server) if self.server else f"sqlite:///{self.folder}/ledger.db"
        self.ledger = self.open()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.ledger.close()
            shutil.rmtree(self.folder)

    @property
    def today(self) -> str:
        return self.clock.now.date().isoformat()

    def act(self, policy: str, who: int, how: int, do: Any, may: Any) -> tuple[str, Record] | None:
        """Everybody who may not do it tries, and leaves no trace; then one of those who may does it."""
        able = [name for name in PEOPLE if may(name)]
        for name in PEOPLE:
            if name not in able:
                with pytest.raises(IllegalMove):
                    do(self.move(policy, name, how))
        if not able:
            return None
        name = able[who % len(able)]
        move = self.move(policy, name, how)
        record = do(move)
        self.models[policy].revision += 1
        self.records += 1
        self.last = move, do, record
        assert record.revision == self.models[policy].revision
        return name, record

    def move(self, policy: str, name: str, how: int) -> Signing:
        """What a person of that name, spelled somehow, signs with."""
        move = signing(self.ledger, person(SPELLINGS[how](name), *PEOPLE[name]), policy)
        assert move.expected == self.models[policy].revision
        return move

    def choose(self, policy: str, pick: int, *states: str) -> tuple[Model, int, Version | None, str]:
        """Mostly a version in one of these states; else any, or one that is not there. Below 0: minus its number."""
        model = self.models[policy]
        numbers = range(1, len(model.versions) + 1)
        fitting = [number for number in numbers if model.state(number, self.today) in states]
        number = fitting[pick % len(fitting)] if fitting and pick % 4 else pick % (len(numbers) + 1) + 1
        number = number if pick >= 0 else -pick
        if number > len(model.versions):
            return model, number, None, "none"
        return model, number, model.versions[number - 1], model.state(number, self.today)

    who = st.integers(0, 9)
    how = st.integers(0, len(SPELLINGS) - 1)
    where = st.sampled_from([*POLICIES, POLICIES[0], POLICIES[0]])
    pick = st.integers(0, 99)

    @rule(policy=where, who=who, how=how, needs=st.integers(1, 2), days=st.integers(-1, 9), seed=st.integers(0, 3),
          fresh=st.sampled_from([True] * 7 + [False]))  # fmt: skip
    def submit(self, policy: str, who: int, how: int, needs: int, days: int, seed: int, fresh: bool) -> None:
        model = self.models[policy]
        review_by = (self.clock.now + timedelta(days=days)).date().isoformat()
        base = model.base if fresh else "0" * 64
        made = make_submission(make_policy(seed=seed), base=base, needs=needs, review_by=review_by)

        def may(name: str) -> bool:
            return "author" in PEOPLE[name] and fresh and days >= 0

        done = self.act(policy, who, how, lambda move: submit(move, made), may)
        if done is not None:
            model.versions.append(Version(done[0], needs, review_by, done[1].hash, make_policy(seed=seed), model.turn))
            assert done[1].version == len(model.versions)

    @precondition(lambda self: self.records > 1)
    @rule(policy=where, who=who, how=how, pick=pick)
    def approve(self, policy: str, who: int, how: int, pick: int) -> None:
        _, number, version, state = self.choose(policy, pick, "submitted")
        what = version.seen if version else "f" * 64
        self.act(policy, who, how, lambda move: approve(move, number, seen="f" * 64), lambda name: False)

        def may(name: str) -> bool:
            open_for = state == "submitted" and self.today <= version.review_by
            return open_for and "approver" in PEOPLE[name] and name not in {version.author, *version.approvals}

        done = self.act(policy, who, how, lambda move: approve(move, number, seen=what), may)
        if done is not None:
            version.approvals.add(done[0])

    @precondition(lambda self: self.records > 1)
    @rule(policy=where, who=who, how=how, pick=pick)
    def reject(self, policy: str, who: int, how: int, pick: int) -> None:
        _, number, version, state = self.choose(policy, pick, "submitted", "approved")

        def may(name: str) -> bool:
            return state in ("submitted", "approved") and "approver" in PEOPLE[name] and name != version.author

        if self.act(policy, who, how, lambda move: reject(move, number, rationale="No."), may):
            version.ended = "rejected"

    @precondition(lambda self: self.records > 1)
    @rule(policy=where, who=who, how=how, pick=pick)
    def withdraw(self, policy: str, who: int, how: int, pick: int) -> None:
        _, number, version, state = self.choose(policy, pick, "submitted", "approved")

        def may(name: str) -> bool:
            return state in ("submitted", "approved") and name == version.author

        if self.act(policy, who, how, lambda move: withdraw(move, number, rationale="Mine."), may):
            version.ended = "withdrawn"

    @precondition(lambda self: self.records > 1)
    @rule(policy=where, who=who, how=how, pick=pick)
    def activate(self, policy: str, who: int, how: int, pick: int) -> None:
        model, number, version, state = self.choose(policy, pick, "approved")

        def may(name: str) -> bool:
            return state == "approved" and name != "Eve" and self.today <= version.review_by

        done = self.act(policy, who, how, lambda move: activate(move, number), may)
        if done is not None:
            self.turn(model, number, done[1], left="superseded")

    @precondition(lambda self: self.records > 1)
    @rule(policy=where, who=who, how=how, pick=pick)
    def roll_back(self, policy: str, who: int, how: int, pick: int) -> None:
        model, number, version, _ = self.choose(policy, pick, "superseded", "rolled back")

        def may(name: str) -> bool:
            was_active = version is not None and version.was_active and number != model.active
            return was_active and "approver" in PEOPLE[name] and self.today <= version.review_by

        done = self.act(policy, who, how, lambda move: roll_back(move, number, rationale="Back."), may)
        if done is not None:
            self.turn(model, number, done[1], left="rolled back")

    @staticmethod
    def turn(model: Model, number: int, record: Record, *, left: str) -> None:
        if model.active:
            model.versions[model.active - 1].ended = left
        model.active, model.turn, model.base = number, model.turn + 1, record.hash
        model.versions[number - 1].was_active = True

    @rule(policy=where, who=who, needs=st.integers(1, 2), many=st.integers(1, 3))
    def put_forward(self, policy: str, who: int, needs: int, many: int) -> None:
        """Submissions for the others to act on."""
        for seed in range(many):
            self.submit(policy, who + seed, 0, needs, 9, seed, fresh=True)

    @rule(policy=where, who=who, days=st.integers(2, 9), seed=st.integers(0, 3))
    def put_in_force(self, policy: str, who: int, days: int, seed: int) -> None:
        """The usual course, since moves at random seldom get there."""
        self.submit(policy, who, 0, 1, days, seed, fresh=True)
        last = len(self.models[policy].versions)
        self.approve(policy, who, 0, -last)
        self.activate(policy, who, 0, -last)

    @precondition(lambda self: self.records > 1)
    @rule(policy=where, who=who, how=how, pick=pick)
    def watch(self, policy: str, who: int, how: int, pick: int) -> None:
        model, number, version, _ = self.choose(policy, pick, "active", "expired")
        self.act(
            policy,
            who,
            how,
            lambda move: record_watch(move, number, a_look(version.policy if version else None)),
            lambda name: version is not None and number == model.active,
        )

    @precondition(lambda self: self.last is not None)
    @rule()
    def send_again(self) -> None:
        move, do, record = self.last
        assert do(replace(move, ledger=self.ledger)).hash == record.hash

    @rule(policy=where, back=st.sampled_from([-1, 1]))
    def sign_what_is_stale(self, policy: str, back: int) -> None:
        move = signing(self.ledger, person("Ann"), policy)
        made = make_submission(base=self.models[policy].base, review_by="2099-01-01")
        with pytest.raises(StaleRevision) as caught:
            submit(replace(move, expected=move.expected + back), made)
        assert caught.value.revision == self.models[policy].revision

    @rule()
    def reopen_and_audit(self) -> None:
        self.ledger.close()
        self.ledger = self.open()
        found = finish(audit(self.ledger, []))
        assert (found.ok, found.records) == (True, self.records)

    @rule(days=st.integers(1, 3))
    def time_passes(self, days: int) -> None:
        self.clock.now += timedelta(days=days)

    @precondition(lambda self: self.records > 1 and self.server is None)
    @rule(pick=st.integers(0, 10**6), column=st.sampled_from(["head", "payload", "hash", "kind", "at", "version"]))
    def tamper_and_verify(self, pick: int, column: str) -> None:
        copy = self.folder / "copy.db"
        shutil.copy(self.folder / "ledger.db", copy)
        seq = pick % (self.records - 1) + 1
        tamper(copy, seq, column)
        found = finish(verify(f"sqlite:///{copy}", []))
        assert not found.ok
        assert seq in [finding.seq for finding in found.findings]
        copy.unlink()

    @invariant()
    def what_is_derived_is_what_the_model_says(self) -> None:
        for policy, model in self.models.items():
            expected = {n: model.state(n, self.today) for n in range(1, len(model.versions) + 1)}
            with self.ledger.stream(policy) as stream:
                found = {n: find_standing(stream, n) for n in expected}
                assert stream.revision == model.revision
            assert {n: standing.state for n, standing in found.items()} == expected
            listed = list_standings(self.ledger, policy, offset=0, limit=1_000)
            assert {one.summary.version: one.state for one in listed} == expected
            assert sum(state in ("active", "expired") for state in expected.values()) == (model.turn > 0)
            for n, standing in found.items():
                self.check_version(model.versions[n - 1], standing)

    @staticmethod
    def check_version(version: Version, standing: Standing) -> None:
        names = {signer.subject.casefold() for signer in standing.approvers}
        assert len(standing.approvers) == len(version.approvals) == len(names)
        assert not any(signer.same_person(standing.author) for signer in standing.approvers)
        if version.was_active:
            assert len(standing.approvers) >= version.needs
        for record in standing.records:
            if record.kind == "approve":
                assert record.payload["seen"] == standing.submission.hash == version.seen

    @invariant()
    def revisions_have_no_gap(self) -> None:
        records = list(self.ledger.read())
        assert [record.seq for record in records] == list(range(self.records))
        for policy, model in self.models.items():
            revisions = [record.revision for record in records if record.policy == policy]
            assert revisions == list(range(1, model.revision + 1))


def tamper(file: Path, seq: int, column: str) -> None:
    """Change a column of a record behind the ledger's back."""
    changes = {
        "head": """UPDATE records SET head = replace(head, '"revision":', '"revision":1') WHERE seq = ?""",
        "payload": """UPDATE records SET payload = payload || ' ' WHERE seq = ?""",
        "hash": """UPDATE records SET hash = substr(hash, 2) || 'x' WHERE seq = ?""",
        "kind": """UPDATE records SET kind = CASE kind WHEN 'watch' THEN 'approve' ELSE 'watch' END WHERE seq = ?""",
        "at": """UPDATE records SET at = replace(at, '2026', '2036') WHERE seq = ?""",
        "version": """UPDATE records SET version = version + 1 WHERE seq = ?""",
    }
    with sqlite3.connect(file) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(changes[column], [seq])
    connection.close()


def run_machine(machine: type[SignoffMachine], *, examples: int, steps: int) -> None:
    checks = list(HealthCheck)
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks)
    run_state_machine_as_test(machine, settings=chosen)


def test_every_move_in_any_order() -> None:
    run_machine(SignoffMachine, examples=20, steps=30)


def test_every_move_in_any_order_on_a_server(server: str) -> None:
    class OnServer(SignoffMachine):
        pass

    OnServer.server = server
    run_machine(OnServer, examples=5, steps=20)
