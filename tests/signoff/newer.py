"""Policies that were signed on a world whose truth is known, and newer rows of it to watch them on."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from core.engine.duck import DuckEngine
from core.holdout.data import Holdout
from core.jobs import finish
from core.signoff.population import count_population, rows_of_policy
from core.signoff.watch import Watch, watch
from core.thresholds.apply import count_stored
from core.thresholds.objective import Objective
from core.thresholds.policy import Columns, Confirmation, Policy, Scope
from core.thresholds.policy_file import write_policy
from core.thresholds.sampling import Sampling
from tests.thresholds.policies import bare_policy

LEVEL_EDGES, THRESHOLDS = [0.0, 0.4, 0.8, 1.0], [0.5, 0.7, math.inf]


def draw_rows(n: int, seed: int, *, worse: float = 0.0) -> pd.DataFrame:
    """Positivity is the score, less ``worse``: precision 0.75 in level one, 0.85 in level two, 0.7875 in all."""
    rng = np.random.default_rng(seed)
    score, uncertainty = rng.random(n), rng.random(n)
    label = rng.random(n) < np.clip(score - worse, 0, 1)
    return pd.DataFrame({"score": score, "uncertainty": uncertainty, "label": label.astype(int)})


@dataclass
class Desk:
    """A signed policy, and the looks at it so far as the ledger would give them back."""

    payload: dict[str, Any]
    engine: DuckEngine
    looks: list[Mapping[str, Any]] = field(default_factory=list)

    def look(
        self,
        holdout: Holdout,
        *,
        earlier: Sequence[Mapping[str, Any]] | None = None,
        sampling: Sampling | None = None,
    ) -> Watch:
        """Look, and record it."""
        before, rng = self.looks if earlier is None else earlier, np.random.default_rng(0)
        found = finish(watch(self.payload, holdout, self.engine, before, rng=rng, sampling=sampling))
        self.looks.append(json.loads(json.dumps(found.to_json(), allow_nan=False)))
        return found


def sign(
    holdout: Holdout,
    engine: DuckEngine,
    *,
    target: float = 0.75,
    scope: Scope = "overall",
    design_effect: float = 1.0,
    largest_weight: float | None = None,
    change: Callable[[Policy], Policy] = lambda policy: policy,
    **fields: Any,
) -> Desk:
    """Sign a policy that was confirmed on this holdout."""
    columns = Columns("score", ("uncertainty",), holdout.roles.uncertainty_kind)
    fields = {"sampling": Sampling(), "objective": Objective("precision", target), **fields}
    thresholds = fields.pop("thresholds", THRESHOLDS)
    bare = bare_policy(LEVEL_EDGES, thresholds, columns=columns, **fields)
    where = rows_of_policy(bare, holdout)
    counts = finish(count_stored(bare, holdout.rows, engine=engine, where=where))
    said = {name: getattr(bare, name) for name in Policy.__slots__}
    confirmed = Confirmation(0.1, "random", counts, scope, design_effect, largest_weight)
    policy = change(Policy(**said | {"tuned": counts, "confirmed": confirmed, "data_digest": holdout.digest}))
    cube = finish(count_population(policy, holdout, engine)).to_json()
    data = {"digest": holdout.digest, "files": list(holdout.files)}
    payload = {"policy": json.loads(write_policy(policy)), "cube": json.loads(json.dumps(cube)), "data": data}
    return Desk(payload, engine)
