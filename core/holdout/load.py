"""Files and column roles → a stored holdout. The same content and roles are parsed once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.holdout.data import ColumnRoles, Holdout
from core.ingest.load import parse
from core.ingest.schema import Parsed
from core.ingest.store import Store, check_different, digest_content, digest_files, read_stamp
from core.jobs import Job
from core.settings import Settings

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "holdout.parquet"
SAMPLE_ROLES = ColumnRoles(
    score="score",
    uncertainty=("evidence",),
    uncertainty_kind="evidence",
    label="label",
    time="time",
    segments=("device", "country"),
)


def holdout_store(settings: Settings) -> Store:
    """Where holdouts are kept."""
    return Store(settings.home, word="holdout")


def load_holdout(files: Sequence[Path], roles: ColumnRoles, *, name: str, settings: Settings) -> Job[Holdout]:
    """Parse, check and store a holdout; what is stored already is not parsed again.

    Parameters
    ----------
    files
        CSV, csv.gz or Parquet files, read in this order as one holdout.
    roles
        Column roles.
    name
        For display only.
    settings
        Limits and places.

    Raises
    ------
    InputError
        A file, a column or a row is not what it must be; the message names it. Nothing is stored then.
    """
    stamps = [read_stamp(file) for file in files]
    digests = yield from digest_files(files)
    check_different(files, digests)
    digest = digest_content(digests, roles.to_json())
    known = find_holdout(digest, settings=settings)
    if known is not None:
        return replace(known, name=name)
    metadata = {"name": name, "roles": roles.to_json(), "files": digests}
    store = holdout_store(settings)
    with store.publishing(digest) as part:
        parsed = yield from parse(files, roles.columns(), target=part, metadata=metadata, settings=settings)
        _check_usable(parsed, roles)
        if stamps != [read_stamp(file) for file in files]:
            raise InputError("The file changed while it was read.", fix="Try again once it is no longer written to.")
    return Holdout.from_parsed(digest, store.path(digest), metadata, parsed)


def load_sample(settings: Settings) -> Job[Holdout]:
    """Load the sample that ships with RecScope."""
    return (yield from load_holdout([SAMPLE], SAMPLE_ROLES, name=SAMPLE.name, settings=settings))


def find_holdout(digest: str, *, settings: Settings) -> Holdout | None:
    """Return the stored holdout of a digest, or None.

    Raises
    ------
    InputError
        The text is no digest.
    """
    store = holdout_store(settings)
    metadata: dict[str, Any] | None = store.read_metadata(digest)
    if metadata is None:
        return None
    return Holdout.from_parsed(digest, store.path(digest), metadata, Parsed.from_json(metadata["parsed"]))


def _check_usable(parsed: Parsed, roles: ColumnRoles) -> None:
    positives = round(parsed.totals["label"])
    if positives in (0, parsed.rows):
        only = "negative" if positives == 0 else "positive"
        raise InputError(
            f"{roles.label!r} is {min(positives, 1)} in all {parsed.rows:,} rows: every row is {only}.",
            fix="Give a holdout with both classes, or map another label column.",
        )
    lo, hi = parsed.ranges["uncertainty"]
    if lo == hi:
        raise InputError(
            f"{' to '.join(map(repr, roles.uncertainty))} is {lo:g} in every row: there is nothing to compare.",
            fix="Map the column that holds the uncertainty of the score.",
        )
    if roles.weight and parsed.totals["weight"] <= 0:
        raise InputError(f"{roles.weight!r} is zero in every row.", fix="Map another weight column, or none.")
