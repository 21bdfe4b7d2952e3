"""Files and column roles → a recorded log. The same content and roles are parsed once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from core.delay.recorded import BUILD, RecordedLog, record_log
from core.delay.roles import LogRoles
from core.delay.stored import find_log, log_store, store_log
from core.errors import InputError
from core.ingest.load import parse
from core.ingest.store import check_different, digest_content, digest_files, read_stamp
from core.jobs import Job, Progress, between
from core.settings import Settings

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "delay.parquet"
SAMPLE_ROLES = LogRoles(
    "event_time", "conversion_time", ("cart_time",), ("x0", "x1", "x2", "x3", "hour_sin", "hour_cos"),
    segment="campaign",
)  # fmt: skip


def load_log(files: Sequence[Path], roles: LogRoles, *, name: str, settings: Settings) -> Job[RecordedLog]:
    """Parse, check, clean and store a log; what is stored already is not parsed again.

    Parameters
    ----------
    files
        CSV, csv.gz or Parquet files, read in this order as one.
    roles
        Column roles.
    name
        For display only.
    settings
        Limits and places.

    Raises
    ------
    InputError
        A file, a column or a row is not what it must be; times with and without a zone are mixed; nothing converts.
        Nothing is stored then.
    """
    stamps = [read_stamp(file) for file in files]
    digests = yield from between(0.0, 0.05, digest_files(files))
    check_different(files, digests)
    digest = digest_content(digests, {"build": BUILD, "log": roles.to_json()})
    known = find_log(digest, settings=settings)
    if known is not None:
        return replace(known, name=name)
    with log_store(settings).scratch_folder() as folder:
        rows = folder / "rows.parquet"
        job = parse(files, roles.columns(), target=rows, metadata={}, settings=settings)
        parsed = yield from between(0.05, 0.9, job)
        yield Progress(0.9, "Putting the log in order")
        recorded = record_log(pq.read_table(rows), roles, parsed=parsed, digest=digest, name=name)
        if stamps != [read_stamp(file) for file in files]:
            raise InputError("The file changed while it was read.", fix="Try again once it is no longer written to.")
    store_log(recorded, settings=settings)
    return recorded


def load_sample(settings: Settings) -> Job[RecordedLog]:
    """Load the sample that ships with RecScope."""
    return (yield from load_log([SAMPLE], SAMPLE_ROLES, name="sample", settings=settings))
