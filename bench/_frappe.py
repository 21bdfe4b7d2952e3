"""The real-data bench, run by ``bench/holdout.py``: Frappe, the use of mobile apps in context. Prints JSON.

Bagged logistic regression learns the train split and scores the holdout split. These rows then go through the
library, the command line and, unless told not to, the upload of the page.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from bench._browser import NO_CHROMIUM, serving, visiting
from core.engine.duck import DuckEngine
from core.holdout.data import ColumnRoles, UncertaintyKind
from core.holdout.exploration import Exploration, explore
from core.holdout.load import load_holdout
from core.holdout.positivity import BINS, LEVELS
from core.holdout.reliability import measure_reliability
from core.jobs import finish
from core.rng import make_generator
from core.settings import Settings
from tests.browser.drive import wait_ready

ROOT = Path(__file__).resolve().parents[1]
FIELDS = [f"f{i}" for i in range(10)]
MEMBERS, SEED = 10, 20_260_105
KINDS: dict[UncertaintyKind, str] = {"std": "logit_std", "evidence": "evidence"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--no-browser", action="store_true")
    arguments = parser.parse_args()
    source = arguments.data / "frappe.parquet"
    if not source.is_file():
        text = "there is no frappe.parquet in the data folder; name the folder with --data or RECSCOPE_DATA"
        json.dump({"stopped": text}, sys.stdout)
        return
    scored, single = score_rows(pd.read_parquet(source))
    with TemporaryDirectory(prefix="recscope-bench-") as name:
        folder = arguments.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "frappe_scored.parquet"
        scored.to_parquet(path, index=False)
        found = _describe_model(scored, single) | _explore(path, Path(name))
        found["page"] = {"stopped": "not asked for (--no-browser)"} if arguments.no_browser else _upload(path, found)
    json.dump(found, sys.stdout)


def score_rows(rows: pd.DataFrame) -> tuple[pd.DataFrame, Any]:
    """Score, two uncertainties and label of the holdout split, and the scores of a single model.

    Evidence is 1 / Σ 1/(1 + n_f) over the fields f of a row, with n_f the training rows that share its value there: the
    variance of a sum of weights, each learnt from n_f rows, goes like Σ 1/n_f. The rarest value counts most.
    """
    train, holdout = rows[rows["split"] == "train"], rows[rows["split"] == "holdout"]
    size = int(rows[FIELDS].to_numpy().max()) + 1
    x, y = _one_hot(train, size), train["label"].to_numpy()
    x_holdout = _one_hot(holdout, size)
    rng = np.random.default_rng(SEED)
    logits = []
    for _ in range(MEMBERS):
        drawn = rng.integers(0, len(train), len(train))
        logits.append(_fit(x[drawn], y[drawn]).decision_function(x_holdout))
    seen = np.asarray(x.sum(axis=0)).ravel()[holdout[FIELDS].to_numpy()]
    scored = pd.DataFrame(
        {
            "score": expit(logits).mean(axis=0),
            "logit_std": np.std(logits, axis=0, ddof=1),
            "evidence": 1 / np.sum(1 / (1 + seen), axis=1),
            "label": holdout["label"].to_numpy().astype(np.int8),
        }
    )
    return scored, _fit(x, y).predict_proba(x_holdout)[:, 1]


def _one_hot(rows: pd.DataFrame, size: int) -> Any:
    """Sparse indicators: the ids of the fields do not overlap."""
    ids = rows[FIELDS].to_numpy()
    starts = np.arange(0, ids.size + 1, len(FIELDS))
    return csr_matrix((np.ones(ids.size), ids.ravel(), starts), shape=(len(rows), size))


def _fit(x: Any, y: Any) -> LogisticRegression:
    return LogisticRegression(solver="liblinear", random_state=SEED).fit(x, y)


def _describe_model(scored: pd.DataFrame, single: Any) -> dict[str, Any]:
    label = scored["label"]
    bagged = {"auc": roc_auc_score(label, scored["score"]), "log_loss": log_loss(label, scored["score"])}
    alone = {"auc": roc_auc_score(label, single), "log_loss": log_loss(label, single)}
    return {
        "model": f"{MEMBERS} logistic regressions on bootstrap samples, mean probability",
        "n": len(scored),
        "positives": int(label.sum()),
        "bagged": {name: round(value, 4) for name, value in bagged.items()},
        "peer": "one logistic regression on all training rows",
        "single": {name: round(value, 4) for name, value in alone.items()},
        "auc_times_the_peer": round(bagged["auc"] / alone["auc"], 4),
        "log_loss_times_the_peer": round(bagged["log_loss"] / alone["log_loss"], 4),
    }


def _explore(path: Path, home: Path) -> dict[str, Any]:
    """Both kinds of uncertainty through the library, and through the command line in a home of its own."""
    settings = Settings.from_environment()
    engine = DuckEngine(settings)
    found = {}
    for kind, column in KINDS.items():
        roles = ColumnRoles("score", (column,), kind, "label")
        holdout = finish(load_holdout([path], roles, name=path.name, settings=settings))
        exploration = finish(explore(holdout, engine, levels=LEVELS, bins=BINS))
        result = exploration.to_json()
        found[column] = {
            **result["tests"]["uncertainty_given_score"],
            "ece_by_level": _calibration(exploration, engine),
            "command_line_equal": result == _command_line(path, kind, column, home),
        }
    return found


def _calibration(exploration: Exploration, engine: DuckEngine) -> list[dict[str, Any]]:
    surface = exploration.surface()
    reliability = finish(measure_reliability(surface, exploration.holdout, engine, rng=make_generator(0)))
    names = [*exploration.cube.level_names(), "all"]
    lines = reliability.frame()[["rows", "ece", "ece_lo", "ece_hi"]].round(4).to_dict("records")
    return [{"level": name} | line for name, line in zip(names, lines, strict=True)]


def _command_line(path: Path, kind: str, column: str, home: Path) -> Any:
    command = [sys.executable, "-m", "core", "holdout", "positivity", str(path), "--score", "score", "--label", "label"]
    out = home / f"{column}.json"
    options = ["--uncertainty", column, "--uncertainty-kind", kind, "--json", str(out)]
    environment = {**os.environ, "RECSCOPE_HOME": str(home / "command_line")}
    subprocess.run([*command, *options], cwd=ROOT, env=environment, check=True)
    return json.loads(out.read_text(encoding="utf-8"))


def _upload(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """Upload the rows in Chromium, take the guessed columns, and read the page."""
    with serving() as served:
        if served is None:
            return {"stopped": NO_CHROMIUM}
        url, browser = served
        with visiting(browser) as page:
            page.goto(f"{url}/holdout")
            wait_ready(page)
            page.locator(".st-key-holdout_source").get_by_text("Upload").first.click()
            page.locator(".st-key-holdout_file input[type=file]").set_input_files(path)
            page.get_by_role("button", name="Use this file").click()
            shown = page.get_by_text(f"{path.name} · {found['n']:,} rows").first
            shown.wait_for()
            wait_ready(page)
            text = page.locator("[data-testid=stMain]").inner_text()
            return {
                "shows": shown.inner_text(),
                "row_count_equal": f"{found['n']:,} rows" in text,
                "sentence_equal": found["evidence"]["sentence"] in text,
            }


if __name__ == "__main__":
    main()
