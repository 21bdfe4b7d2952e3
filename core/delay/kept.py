"""What the data folder keeps of logs, and its removal with the rows that were prepared from them."""

import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from core.delay.stored import log_store
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored log.

    Attributes
    ----------
    digest, name
        Of the log.
    rows
        How many there are; None where the file cannot be read.
    """

    digest: str
    name: str
    rows: int | None


def list_logs(settings: Settings) -> tuple[Kept, ...]:
    """All stored logs, by digest."""
    store, found = log_store(settings), []
    for digest in store.digests():
        known = store.read_metadata(digest)
        rows = None if known is None else pq.read_metadata(store.path(digest)).num_rows
        found.append(Kept(digest, "" if known is None else known["name"], rows))
    return tuple(found)


def delete_log(digest: str, *, settings: Settings) -> bool:
    """Delete a stored log with the weighted rows prepared from it; tell whether there was one.

    Raises
    ------
    InputError
        The text is no digest.
    """
    was_there = log_store(settings).delete(digest)
    for rows in (settings.home / "delay" / "exports").glob("*.parquet"):
        try:
            known = json.loads((pq.read_metadata(rows).metadata or {})[b"recscope"])
        except (OSError, pa.ArrowInvalid, KeyError):  # damaged, or not yet whole
            continue
        if known["digest"] == digest:
            rows.unlink(missing_ok=True)
    return was_there
