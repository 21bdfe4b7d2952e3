"""One settings object: every limit, each from an environment variable."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import platformdirs

from core.errors import InputError

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits and places, read once from the environment.

    Attributes
    ----------
    home
        ``RECSCOPE_HOME``: folder of all that RecScope keeps (parsed data). Default: the user's data folder.
    data_root
        ``RECSCOPE_DATA_ROOT``: folder below which the browser may name files by path or glob. Default: none.
    upload_bytes
        ``RECSCOPE_MAX_UPLOAD_MB`` (200): largest file through the browser.
    session_quota_bytes
        ``RECSCOPE_SESSION_QUOTA_MB`` (600): all uploads of one browser session together.
    file_bytes
        ``RECSCOPE_MAX_FILE_MB`` (20480): bytes of a file, or of all files of a glob, after decompression.
    rows
        ``RECSCOPE_MAX_ROWS`` (200000000).
    columns
        ``RECSCOPE_MAX_COLUMNS`` (200).
    segment_values
        ``RECSCOPE_MAX_SEGMENT_VALUES`` (1000): distinct values of one segment column.
    excluded_share
        ``RECSCOPE_MAX_EXCLUDED_PERCENT`` (10): share of rows that missing or infinite values may leave out.
    parse_memory_bytes, parse_cpu_seconds
        ``RECSCOPE_PARSE_MEMORY_MB`` (1024), ``RECSCOPE_PARSE_CPU_S`` (600): limits of the parsing process.
    train_memory_bytes, train_cpu_seconds
        ``RECSCOPE_TRAIN_MEMORY_MB`` (8192), ``RECSCOPE_TRAIN_CPU_S`` (7200): limits of the training process.
    query_memory_bytes, query_seconds
        ``RECSCOPE_QUERY_MEMORY_MB`` (1024), ``RECSCOPE_QUERY_S`` (300): limits of the engine.
    ledger_url
        ``RECSCOPE_LEDGER``: the sign-off ledger, as a database URL. Default: an SQLite file below ``home``.
    quorum
        ``RECSCOPE_QUORUM`` (1): approvals by distinct people that a policy needs, at most 9.
    large_change
        ``RECSCOPE_LARGE_CHANGE_PERCENT`` (10): relative change of the accepted volume against the active policy
        from which at least two approvals are needed, as a share.
    active_folder
        ``RECSCOPE_ACTIVE_FOLDER``: folder to which active policies are published. Default: none.
    role_claim
        ``RECSCOPE_ROLE_CLAIM`` (roles): claim of the identity provider that lists roles; dots step into objects.
    authors, approvers, auditors
        ``RECSCOPE_AUTHORS``, ``RECSCOPE_APPROVERS``, ``RECSCOPE_AUDITORS``: people with that role, comma separated
        subjects or verified e-mail addresses of the identity provider. Default: none.
    """

    home: Path
    data_root: Path | None
    upload_bytes: int
    session_quota_bytes: int
    file_bytes: int
    rows: int
    columns: int
    segment_values: int
    excluded_share: float
    parse_memory_bytes: int
    parse_cpu_seconds: int
    train_memory_bytes: int
    train_cpu_seconds: int
    query_memory_bytes: int
    query_seconds: int
    ledger_url: str = field(repr=False)  # it may hold a password
    quorum: int
    large_change: float
    active_folder: Path | None
    role_claim: str
    authors: tuple[str, ...]
    approvers: tuple[str, ...]
    auditors: tuple[str, ...]

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment.

        Raises
        ------
        InputError
            A variable is not a whole number in its range, or names a folder that cannot exist.
        """
        kept = os.environ.get("RECSCOPE_HOME") or platformdirs.user_data_dir("recscope", appauthor=False)
        home = _folder("RECSCOPE_HOME", kept)
        root = os.environ.get("RECSCOPE_DATA_ROOT")
        published = os.environ.get("RECSCOPE_ACTIVE_FOLDER")
        return cls(
            home=home,
            data_root=_folder("RECSCOPE_DATA_ROOT", root) if root else None,
            upload_bytes=_whole_number("RECSCOPE_MAX_UPLOAD_MB", 200) * MEBIBYTE,
            session_quota_bytes=_whole_number("RECSCOPE_SESSION_QUOTA_MB", 600) * MEBIBYTE,
            file_bytes=_whole_number("RECSCOPE_MAX_FILE_MB", 20_480) * MEBIBYTE,
            rows=_whole_number("RECSCOPE_MAX_ROWS", 200_000_000),
            columns=_whole_number("RECSCOPE_MAX_COLUMNS", 200),
            segment_values=_whole_number("RECSCOPE_MAX_SEGMENT_VALUES", 1_000),
            excluded_share=_whole_number("RECSCOPE_MAX_EXCLUDED_PERCENT", 10, lowest=0, highest=100) / 100,
            parse_memory_bytes=_whole_number("RECSCOPE_PARSE_MEMORY_MB", 1_024) * MEBIBYTE,
            parse_cpu_seconds=_whole_number("RECSCOPE_PARSE_CPU_S", 600),
            train_memory_bytes=_whole_number("RECSCOPE_TRAIN_MEMORY_MB", 8_192) * MEBIBYTE,
            train_cpu_seconds=_whole_number("RECSCOPE_TRAIN_CPU_S", 7_200),
            query_memory_bytes=_whole_number("RECSCOPE_QUERY_MEMORY_MB", 1_024) * MEBIBYTE,
            query_seconds=_whole_number("RECSCOPE_QUERY_S", 300),
            ledger_url=os.environ.get("RECSCOPE_LEDGER") or f"sqlite:///{(home / 'signoff' / 'ledger.db').as_posix()}",
            quorum=_whole_number("RECSCOPE_QUORUM", 1, highest=9),
            large_change=_whole_number("RECSCOPE_LARGE_CHANGE_PERCENT", 10, lowest=0, highest=100) / 100,
            active_folder=_folder("RECSCOPE_ACTIVE_FOLDER", published) if published else None,
            role_claim=os.environ.get("RECSCOPE_ROLE_CLAIM") or "roles",
            authors=_people("RECSCOPE_AUTHORS"),
            approvers=_people("RECSCOPE_APPROVERS"),
            auditors=_people("RECSCOPE_AUDITORS"),
        )


def _whole_number(name: str, default: int, *, lowest: int = 1, highest: int = 1_000_000_000) -> int:
    text = os.environ.get(name, str(default))
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
    if not (digits and lowest <= int(text) <= highest):
        raise InputError(
            f"{name} must be a whole number from {lowest} to {highest:,}; it is {text[:40]!r}.",
            fix=f"Set {name} to a number such as {default}, or unset it.",
        )
    return int(text)


def _people(name: str) -> tuple[str, ...]:
    listed = (part.strip() for part in os.environ.get(name, "").split(","))
    return tuple(dict.fromkeys(filter(None, listed)))


def _folder(name: str, text: str) -> Path:
    try:
        return Path(text).expanduser().resolve()
    except (RuntimeError, OSError, ValueError) as error:
        raise InputError(f"{name} is no folder: {text[:80]!r}.", fix=f"Set {name} to a path, or unset it.") from error
