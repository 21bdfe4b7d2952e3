"""A policy on files: every row of them gets a decision, in file order."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from core.holdout.load import holdout_store
from core.ingest.load import inspect, parse
from core.ingest.schema import Column
from core.jobs import Job
from core.settings import Settings
from core.thresholds.apply import Applied, apply_policy, check_columns
from core.thresholds.policy import Policy

BATCH_ROWS = 1_000_000


def decide_on_files(policy: Policy, files: Sequence[Path], *, settings: Settings) -> Job[Applied]:
    """Decide on every row of some files; a row without a value is rejected, not left out.

    Raises
    ------
    InputError
        A file has not the columns that the policy reads, or holds something that is no number.
    """
    for file in files:
        check_columns(policy, inspect(file, settings=settings).columns)
    roles = ["score", *(f"uncertainty{i}" for i in range(len(policy.columns.uncertainty)))]
    columns = [Column(role, (name,), "optional") for role, name in zip(roles, policy.columns.names, strict=True)]
    with holdout_store(settings).scratch_folder() as folder:
        target = folder / "rows.parquet"
        yield from parse(files, columns, target=target, metadata={}, settings=settings)
        return _decide(policy, target, roles)


def _decide(policy: Policy, path: Path, roles: Sequence[str]) -> Applied:
    decisions: list[npt.NDArray[np.bool_]] = []
    remarks: Counter[str] = Counter()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=list(roles)):
            score, *uncertainty = (batch.column(role).to_numpy(zero_copy_only=False) for role in roles)
            applied = apply_policy(policy, score, uncertainty)
            decisions.append(applied.decision)
            remarks.update(dict(applied.remarks))
    return Applied(np.concatenate(decisions), tuple(remarks.items()))
