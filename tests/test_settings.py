"""Limits from the environment."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError
from core.settings import MEBIBYTE, Settings

VARIABLES = {
    "RECSCOPE_MAX_UPLOAD_MB": "upload_bytes",
    "RECSCOPE_SESSION_QUOTA_MB": "session_quota_bytes",
    "RECSCOPE_MAX_FILE_MB": "file_bytes",
    "RECSCOPE_MAX_ROWS": "rows",
    "RECSCOPE_MAX_COLUMNS": "columns",
    "RECSCOPE_MAX_SEGMENT_VALUES": "segment_values",
    "RECSCOPE_PARSE_MEMORY_MB": "parse_memory_bytes",
    "RECSCOPE_PARSE_CPU_S": "parse_cpu_seconds",
    "RECSCOPE_TRAIN_MEMORY_MB": "train_memory_bytes",
    "RECSCOPE_TRAIN_CPU_S": "train_cpu_seconds",
    "RECSCOPE_QUERY_MEMORY_MB": "query_memory_bytes",
    "RECSCOPE_QUERY_S": "query_seconds",
}
PERCENT = "RECSCOPE_MAX_EXCLUDED_PERCENT"
PERCENTS = {PERCENT: "excluded_share", "RECSCOPE_LARGE_CHANGE_PERCENT": "large_change"}
PEOPLE = {"RECSCOPE_AUTHORS": "authors", "RECSCOPE_APPROVERS": "approvers", "RECSCOPE_AUDITORS": "auditors"}
OTHERS = ("RECSCOPE_HOME", "RECSCOPE_DATA_ROOT", "RECSCOPE_LEDGER", "RECSCOPE_QUORUM", "RECSCOPE_ACTIVE_FOLDER",
          "RECSCOPE_ROLE_CLAIM")  # fmt: skip


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of RecScope is set."""
    for name in (*VARIABLES, *PERCENTS, *PEOPLE, *OTHERS):
        monkeypatch.delenv(name, raising=False)


def test_defaults_are_those_of_the_docstring() -> None:
    settings = Settings.from_environment()
    assert settings.home.is_absolute()
    assert settings.home.name == "recscope"
    assert settings.data_root is None
    assert settings.excluded_share == 0.1
    text = str(Settings.__doc__)
    for variable, attribute in VARIABLES.items():
        unit = MEBIBYTE if variable.endswith("_MB") else 1
        assert f"``{variable}`` ({getattr(settings, attribute) // unit})" in text


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_variable_sets_its_limit(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = MEBIBYTE if variable.endswith("_MB") else 1
    usual = Settings.from_environment()
    monkeypatch.setenv(variable, "7")
    changed = Settings.from_environment()
    assert getattr(changed, VARIABLES[variable]) == 7 * unit
    differing = [name for name in VARIABLES.values() if getattr(usual, name) != getattr(changed, name)]
    assert differing == [VARIABLES[variable]]


BAD = [
    "",
    "0",
    "-1",
    "1.5",
    "1e3",
    "ten",
    " 5",
    "5 ",
    "0x10",
    "1_000",
    "٣",
    "²",
    "1,000",
    "1000000001",
    "9" * 5_000,
    "True",
]


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text[:12]))
def test_what_is_no_limit_is_refused(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(
        InputError, match=f"^{variable} must be a whole number from 1 to 1,000,000,000; it is "
    ) as caught:
        Settings.from_environment()
    assert len(str(caught.value)) < 200
    assert caught.value.fix.startswith(f"Set {variable} to a number such as ")


@pytest.mark.parametrize("variable", PERCENTS)
@pytest.mark.parametrize(("text", "share"), [("0", 0.0), ("1", 0.01), ("100", 1.0)])
def test_percents_are_shares(variable: str, text: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Settings.from_environment()
    monkeypatch.setenv(variable, text)
    assert Settings.from_environment() == replace(usual, **{PERCENTS[variable]: share})


@pytest.mark.parametrize("variable", PERCENTS)
@pytest.mark.parametrize("text", ["101", "1000", "-1", "10%", "0.1", ""])
def test_percents_beyond_their_range(variable: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(InputError, match=f"^{variable} must be a whole number from 0 to 100; it is "):
        Settings.from_environment()


@pytest.mark.parametrize(("text", "quorum"), [("1", 1), ("9", 9)])
def test_quorum(text: str, quorum: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSCOPE_QUORUM", text)
    assert Settings.from_environment().quorum == quorum


@pytest.mark.parametrize("text", ["0", "10", "99", "-1", "two", ""])
def test_quorum_beyond_its_range(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSCOPE_QUORUM", text)
    with pytest.raises(InputError, match=r"^RECSCOPE_QUORUM must be a whole number from 1 to 9; it is "):
        Settings.from_environment()


def test_signoff_is_off_the_network_and_without_people_by_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECSCOPE_HOME", str(tmp_path))
    settings = Settings.from_environment()
    assert settings.ledger_url == f"sqlite:///{tmp_path}/signoff/ledger.db"
    assert (settings.quorum, settings.large_change, settings.role_claim) == (1, 0.1, "roles")
    assert settings.active_folder is None
    assert settings.authors == settings.approvers == settings.auditors == ()


def test_the_ledger_and_the_role_claim_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSCOPE_LEDGER", "postgresql+psycopg://me@db/ledger")
    monkeypatch.setenv("RECSCOPE_ROLE_CLAIM", "realm_access.roles")
    settings = Settings.from_environment()
    assert settings.ledger_url == "postgresql+psycopg://me@db/ledger"
    assert settings.role_claim == "realm_access.roles"


@pytest.mark.parametrize("variable", PEOPLE)
def test_people_are_separated_by_commas(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Settings.from_environment()
    monkeypatch.setenv(variable, " ann@example.com,,b|2 , ann@example.com,")
    assert Settings.from_environment() == replace(usual, **{PEOPLE[variable]: ("ann@example.com", "b|2")})


def test_the_largest_limits_fit_the_system_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSCOPE_PARSE_MEMORY_MB", "1000000000")
    assert Settings.from_environment().parse_memory_bytes < 2**63


def test_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("RECSCOPE_HOME", "~/kept")
    monkeypatch.setenv("RECSCOPE_DATA_ROOT", "scores/../data")
    monkeypatch.setenv("RECSCOPE_ACTIVE_FOLDER", "live")
    settings = Settings.from_environment()
    assert settings.home == tmp_path / "me" / "kept"
    assert settings.data_root == tmp_path / "data"
    assert settings.active_folder == tmp_path / "live"


def test_empty_places_and_people_are_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = Settings.from_environment()
    for variable in (*OTHERS, *PEOPLE):
        if variable != "RECSCOPE_QUORUM":
            monkeypatch.setenv(variable, "")
    assert Settings.from_environment() == usual


@pytest.mark.parametrize("variable", ["RECSCOPE_HOME", "RECSCOPE_DATA_ROOT", "RECSCOPE_ACTIVE_FOLDER"])
def test_the_home_of_nobody(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "~no-such-user-here/x")
    with pytest.raises(InputError, match=f"^{variable} is no folder: ") as caught:
        Settings.from_environment()
    assert caught.value.fix == f"Set {variable} to a path, or unset it."
