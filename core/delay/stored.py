"""Recorded logs in the data folder, ``delay/<digest>.parquet``, found again by digest."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.arrays import FloatArray
from core.delay.data import Log
from core.delay.recorded import LogCleaning, RecordedLog
from core.ingest.store import Store
from core.settings import Settings

GROUP_ROWS = 1 << 20


def log_store(settings: Settings) -> Store:
    """Where logs are kept."""
    return Store(settings.home, word="delay")


def store_log(recorded: RecordedLog, *, settings: Settings) -> None:
    """Keep a log, as it was read, under its digest."""
    log = recorded.log
    known = {
        "name": recorded.name,
        "feature_names": log.feature_names,
        "signal_names": log.signal_names,
        "segment_names": log.segment_names,
        "until": log.until,
        "cleaning": asdict(recorded.cleaning),
    }
    columns: dict[str, Any] = {"time": log.time, "delay": log.delay, "segment": log.segment, "row": recorded.row}
    columns |= {f"signal{i}": log.signal_delay[:, i] for i in range(len(log.signal_names))}
    columns |= {f"feature{i}": log.features[:, i] for i in range(len(log.feature_names))}
    if recorded.id is not None:
        columns["id"] = pa.array(recorded.id, pa.string())
    table = pa.table(columns).replace_schema_metadata({"recscope": json.dumps(known)})
    with log_store(settings).publishing(recorded.digest) as part:
        pq.write_table(table, part, compression="lz4", row_group_size=GROUP_ROWS)


def find_log(digest: str, *, settings: Settings) -> RecordedLog | None:
    """The stored log of a digest, or None.

    Raises
    ------
    InputError
        The text is no digest.
    """
    store = log_store(settings)
    known: dict[str, Any] | None = store.read_metadata(digest)
    if known is None:
        return None
    table = pq.read_table(store.path(digest))
    features, signals, segments = (tuple(known[f"{kind}_names"]) for kind in ("feature", "signal", "segment"))
    log = Log(
        time=table["time"].to_numpy().copy(),
        delay=table["delay"].to_numpy().copy(),
        signal_delay=_stack(table, "signal", len(signals)),
        features=_stack(table, "feature", len(features)),
        segment=table["segment"].to_numpy().copy(),
        feature_names=features,
        signal_names=signals,
        segment_names=segments,
        until=float(known["until"]),
    )
    ids = table["id"].to_numpy(zero_copy_only=False) if "id" in table.column_names else None
    cleaning = LogCleaning.from_json(known["cleaning"])
    return RecordedLog(digest, known["name"], log, table["row"].to_numpy(), ids, cleaning)


def _stack(table: pa.Table, kind: str, count: int) -> FloatArray:
    found = np.empty((len(table), count))
    for i in range(count):
        found[:, i] = table[f"{kind}{i}"].to_numpy()
    return found
