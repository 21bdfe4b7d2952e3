"""Damaged files are parsed or refused in a sentence; never a crash, a hang or a wrong row.

2,000 seeded mutants of valid files go through the parsing code in processes with its limits, a batch per process; 42 of
them once more through the real parsing process. Run as a script, this file is such a process.
"""

import contextlib
import gzip
import io
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from core.holdout.data import ColumnRoles
from core.ingest import child

ROOT = Path(__file__).resolve().parents[2]
MUTANTS, BATCH = 2_000, 250
LONGEST_SECONDS = 25
ROWS = 300
ROLES = ColumnRoles("score", ("low", "high"), "interval", "label", weight="weight", time="time", segments=("city",))


def make_table() -> pa.Table:
    """Good rows of every kind."""
    rng = np.random.default_rng(20)
    score = rng.random(ROWS).round(4)
    return pa.table(
        {
            "score": score,
            "low": (score * 0.9).round(4),
            "high": (score * 1.1).round(4),
            "label": rng.integers(0, 2, ROWS),
            "weight": rng.integers(1, 4, ROWS),
            "time": pa.array(1_770_000_000 + np.arange(ROWS) * 60).cast(pa.timestamp("s", "UTC")),
            "city": pa.array(np.array(["Bern", "São Paulo", "東京", 'the "old" town, x'])[rng.integers(0, 4, ROWS)]),
        }
    )


def make_originals() -> list[bytes]:
    """CSV, CSV with quotes and CRLF, csv.gz, and Parquet in several encodings."""
    table = make_table()
    frame = table.to_pydict()
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in frame["time"]]
    cities = ['"' + city.replace('"', '""') + '"' for city in frame["city"]]
    plain = zip(
        frame["score"], frame["low"], frame["high"], frame["label"], frame["weight"], times, cities, strict=True
    )
    lines = [",".join(table.column_names), *(",".join(map(str, row)) for row in plain)]
    return [
        "\n".join([*lines, ""]).encode(),
        b"\xef\xbb\xbf" + "\r\n".join(lines).replace("São Paulo", "two\nlines").encode(),
        gzip.compress("\n".join(lines).encode(), mtime=0),
        write_parquet(table, row_group_size=100, compression="snappy"),
        write_parquet(table, use_dictionary=False, compression="none", data_page_version="2.0"),
        write_parquet(table, compression="zstd", write_page_checksum=True, store_schema=False),
    ]


def write_parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One mutant: byte edits, a truncation, two blocks swapped, bytes inserted, a block lost, or a block doubled."""
    way = rng.integers(0, 10)
    at, to = sorted(int(i) for i in rng.integers(0, len(data) + 1, 2))
    if way < 5:  # most mutants: 1 to 16 bytes, anywhere or in the last 600, where Parquet keeps its footer
        lowest = 0 if rng.random() < 0.6 else max(0, len(data) - 600)
        edited, donor = bytearray(data), rng.bytes(256) if rng.random() < 0.5 else data
        for place in rng.integers(lowest, len(data), 2 ** rng.integers(0, 5)):
            edited[place] = donor[rng.integers(0, len(donor))]
        return bytes(edited)
    if way == 5:
        return data[:at]
    if way == 6:
        size = int(rng.integers(1, 200))
        return data[:at] + data[to : to + size] + data[at + size : to] + data[at : at + size] + data[to + size :]
    if way == 7:
        return data[:at] + rng.bytes(int(rng.integers(1, 40))) + data[at:]
    if way == 8:
        return data[:at] + data[min(to, at + 64) :]
    return data[:to] + data[at:]


def make_mutant(originals: list[bytes], seed: int) -> bytes:
    return mutate(originals[seed % len(originals)], np.random.default_rng(seed))


def try_mutant(content: bytes, folder: Path) -> str:
    """``ok`` or the kind of error; anything else is raised."""
    (folder / "upload").write_bytes(content)
    reply = child.serve(
        {
            "task": "parse",
            "paths": [str(folder / "upload")],
            "target": str(folder / "part.parquet"),
            "columns": [{"role": c.role, "names": c.names, "kind": c.kind} for c in ROLES.columns()],
            "metadata": {},
            "rows_cap": 1_000_000,
            "categories_cap": 1_000,
            "excluded_share": 0.1,
            "bytes_cap": 2**30,
            "columns_cap": 200,
            "memory": 2**30,
        }
    )
    json.dumps(reply)
    if "error" in reply:
        assert reply["error"]["message"].endswith((".", "…")), reply
        assert reply["error"]["fix"].endswith("."), reply
        return str(reply["error"]["type"])
    check_rows(pq.read_table(folder / "part.parquet"), reply["result"])
    return "ok"


def check_rows(table: pa.Table, found: dict[str, Any]) -> None:
    """What was kept obeys every rule, whatever was done to the file."""
    score, width, weight = (table.column(name).to_numpy() for name in ("score", "uncertainty", "weight"))
    assert len(score) == found["rows"] > 0
    assert ((score >= 0) & (score <= 1)).all()
    assert ((width >= 0) & np.isfinite(width)).all()
    assert ((weight >= 0) & np.isfinite(weight)).all()
    assert set(table.column("label").to_pylist()) <= {0, 1}
    times = table.column("time").to_numpy()
    assert ((times >= 0) & (times < 4_102_444_800)).all()
    assert set(table.column("segment0").to_pylist()) == set(range(len(found["categories"]["segment0"])))


def main() -> None:
    """Try a batch of mutants under the limits of the parsing process; a line per mutant."""
    first, count = map(int, sys.argv[1:])
    child.limit_process(memory=2**30, cpu=200)
    originals = make_originals()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            signal.alarm(LONGEST_SECONDS)  # ends this process
            with contextlib.redirect_stdout(io.StringIO()):
                outcome = try_mutant(make_mutant(originals, seed), Path(folder))
            print(json.dumps([seed, outcome]), flush=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mutants_are_parsed_or_refused() -> None:
    outcomes: Counter[str] = Counter()
    for first in range(0, MUTANTS, BATCH):
        command = [sys.executable, __file__, str(first), str(BATCH)]
        worker = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
        seeds = [json.loads(line) for line in worker.stdout.splitlines()]
        assert worker.returncode == 0, f"seed {first + len(seeds)}: {worker.returncode}\n{worker.stderr}"
        outcomes.update(outcome for _, outcome in seeds)
    assert outcomes.total() == MUTANTS
    assert set(outcomes) <= {"ok", "InputError", "TooLarge"}
    assert min(outcomes["ok"], outcomes["InputError"]) > MUTANTS // 20, outcomes  # the run has power


@pytest.mark.slow
def test_mutants_through_the_real_process(load: Any, leftovers: Any, subtests: pytest.Subtests) -> None:
    originals = make_originals()
    for original in originals:
        assert load(original, ROLES).rows.count == ROWS
    stored = set(leftovers())
    for seed in range(10_000, 10_042):
        with subtests.test(seed=seed):
            try:
                load(make_mutant(originals, seed), ROLES)
            except InputError as error:
                assert error.fix
            stored |= {path for path in leftovers() if path.suffix == ".parquet" and path.parent.name == "holdout"}
            assert set(leftovers()) == stored  # nothing in the scratch folder


if __name__ == "__main__":
    main()
