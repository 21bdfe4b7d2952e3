"""A training set with weights and soft labels, as Parquet for training elsewhere."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.delay.arms import Plan, train_arm
from core.delay.data import FittedRule, SnapshotWeights, StreamWeights
from core.delay.recorded import RecordedLog
from core.delay.snapshot import observe, show_time
from core.errors import InputError
from core.publish import replacing

ROW_GROUP = 100_000


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes
    ----------
    entries
        Lines of the file.
    rows
        Rows of the log among them.
    kind
        ``snapshot``: every row at most once; ``stream``: a row that converts late stands there more often.
    """

    entries: int
    rows: int
    kind: Literal["snapshot", "stream"]


def export_weights(recorded: RecordedLog, plan: Plan, *, at: float, window: float, path: Path) -> Exported:
    """Train an arm as of a date and write its training set; the file appears whole or not at all.

    The file has one line per entry: ``row`` (place in the source files, from 1), ``id`` where the log has one,
    ``label`` (0 to 1) and ``weight``. Its metadata ``recscope`` tells arm, formula, kind, as-of date, window, options
    and the digest of the log.

    Parameters
    ----------
    at, window
        As-of date (UTC seconds), attribution window (seconds).
    path
        Parquet file; what was there is replaced.

    Raises
    ------
    InputError
        The arm makes no weights, or cannot be trained.
    """
    snapshot = observe(recorded.log, at, window=window)
    training = train_arm(plan, snapshot, log=recorded.log).training
    if isinstance(training, FittedRule):
        raise InputError(
            f"{plan.name} minimises a loss of its own and makes no weights.",
            fix="Choose an arm with weights or soft labels, such as is_signal.",
        )
    kind: Literal["snapshot", "stream"] = "stream" if isinstance(training, StreamWeights) else "snapshot"
    known = {
        "arm": plan.name, "title": plan.arm.title, "formula": plan.arm.formula, "kind": kind,
        "serve": "b/(1 − b)" if isinstance(training, StreamWeights) and training.odds else "b",
        "as_of": show_time(at), "window_days": window / 86_400, "options": asdict(plan.options),
        "digest": recorded.digest,
    }  # fmt: skip
    write_whole(_as_table(recorded, training, known), path)
    return Exported(len(training.rows), len(set(training.rows.tolist())), kind)


def read_exported(path: Path) -> Exported:
    """What :func:`export_weights` wrote into a file."""
    row = pq.read_table(path, columns=["row"])
    known = json.loads(row.schema.metadata[b"recscope"])
    return Exported(len(row), pc.count_distinct(row["row"]).as_py(), known["kind"])


def _as_table(recorded: RecordedLog, training: SnapshotWeights | StreamWeights, known: dict[str, Any]) -> pa.Table:
    columns: dict[str, Any] = {"row": recorded.row[training.rows]}
    if recorded.id is not None:
        columns["id"] = pa.array(recorded.id[training.rows], pa.string())
    columns |= {"label": training.label, "weight": training.weight}
    return pa.table(columns).replace_schema_metadata({"recscope": json.dumps(known)})


def write_whole(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet that a reader sees as it was or as it will be, never half written.

    Raises
    ------
    InputError
        The folder is not there, or cannot be written.
    """
    with replacing(path) as part:
        pq.write_table(table, part, compression="zstd", row_group_size=ROW_GROUP)
