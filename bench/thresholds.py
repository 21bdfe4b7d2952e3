"""Bench of the thresholds: prints one JSON object, each figure beside a named peer measured in the same run.

This process imports the standard library only: on Linux a child's peak memory starts from that of its parent.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import mean, median, stdev
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
REPEATS = 3
RECSCOPE = ("recscope", "recscope_mist", "recscope_whole")
MAPIE = ("mapie_holm", "mapie_split")
STUDENT = {9: 2.262, 10: 2.228, 11: 2.201, 14: 2.145, 19: 2.093}  # 97.5 % of t, by degrees of freedom


def main() -> None:
    arguments = _arguments()
    with TemporaryDirectory(prefix="recscope-bench-") as name:
        folder = Path(name)
        found: dict[str, Any] = {"machine": _machine()}
        found["frontiers"] = _bench_frontiers(folder, arguments.rows)
        found["mapie"] = _bench_mapie(folder, arguments.seeds)
        home = folder / "home_recall"
        found["recall"] = {"frappe": {"stopped": "no real data: give --data or set RECSCOPE_DATA"}}
        for world in ("frappe", "simulated") if arguments.data else ("simulated",):
            found["recall"][world] = _run("_thresholds_recall.py", world, str(arguments.data), home=home)
    print(json.dumps(found, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the thresholds; prints one JSON object.")
    data = Path(os.environ["RECSCOPE_DATA"]) if "RECSCOPE_DATA" in os.environ else None
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the frontier bench (default 10,000,000)")
    parser.add_argument("--data", type=Path, default=data, metavar="FOLDER", help="real data (default RECSCOPE_DATA)")
    parser.add_argument("--seeds", type=int, choices=[n + 1 for n in STUDENT], default=10, help="draws against MAPIE")
    return parser.parse_args()


def _machine() -> dict[str, Any]:
    packages = ("numpy", "scipy", "pandas", "duckdb", "pyarrow", "mapie")
    return {
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }


def _bench_frontiers(folder: Path, rows: int) -> dict[str, Any]:
    home = folder / "home_frontiers"
    _run("_cube.py", "generate", str(folder), "--rows", str(rows), home=home)
    _run("_cube.py", "ingest", str(folder), home=home)
    runs = [_run("_thresholds_frontiers.py", "frontiers", home=home) for _ in range(REPEATS)]
    exact = _run("_thresholds_frontiers.py", "exact", home=home)
    seconds = {part: median(run["seconds"][part] for run in runs) for part in runs[0]["seconds"]}
    engine = {part: median(run["engine_seconds"][part] for run in runs) for part in runs[0]["engine_seconds"]}
    ratio = median(sum(run["seconds"].values()) / run["seconds"]["cube"] for run in runs)
    counting = median(sum(run["seconds"].values()) / run["engine_seconds"]["counts"] for run in runs)
    lookups = [run["lookup_milliseconds"] for run in runs]
    slowest = max(lookup["rules_of_all_frontiers_and_bound"]["p95"] for lookup in lookups)
    worst = {size: part["milliseconds"]["worst"] for size, part in exact.items()}
    return {
        "rows": rows,
        "repeats": REPEATS,
        "peer": "the cube pass alone: find the edges, count the cuts",
        "cuts": runs[0]["cuts"],
        "rules": runs[0]["rules"],
        "seconds": {part: round(value, 4) for part, value in seconds.items()},
        "seconds_of_cube": {part: round(value, 3) for part, value in engine.items()},
        "seconds_to_all_frontiers": round(sum(seconds.values()), 3),
        "times_the_cube_pass": round(ratio, 3),
        "times_the_counting_queries_without_the_edges": round(counting, 3),
        "recall_at_target": runs[0]["recall"] | {"exact": runs[0]["exact"]},
        "new_target_milliseconds_of_each_run": lookups,
        "exact": exact,
        "met": {
            "all frontiers within 1.5 times the cube pass": ratio <= 1.5,
            "a new target within 5 ms (p95, every frontier and the bound)": slowest <= 5,
            "exact at 10 x 1,000 within 100 ms (worst)": worst["10x1000"] <= 100,
            "exact at 20 x 5,000 within 1 s (worst)": worst["20x5000"] <= 1_000,
        },
    }


def _bench_mapie(folder: Path, seeds: int) -> dict[str, Any]:
    """The same rows for every contestant, each in a process of its own; a judge who knows the truth comes last."""
    home, options = folder / "home_mapie", (str(folder), "--seeds", str(seeds))
    _run("_thresholds_mapie.py", "draw", *options, home=home)
    runs = {name: _run("_thresholds_mapie.py", name, *options, home=home) for name in (*RECSCOPE, *MAPIE)}
    file = _run("_thresholds_mapie.py", "recscope_file", *options, home=home)
    rules = {name: run["rules"] for name, run in runs.items()}
    truth = _run("_thresholds_mapie.py", "judge", *options, home=home, given=rules)
    found: dict[str, Any] = {
        "seeds": seeds,
        "rows": 100_000,
        "peer": "MAPIE BinaryClassificationController, 1,330 triples of 11 cuts a level set around the true optimum",
        "contestants": {name: _describe_contestant(run, truth[name]) for name, run in runs.items()},
    }
    found["from_a_file"] = {
        "median_seconds": round(median(file["seconds"]), 3),
        "of_which_parsing": round(median(file["parse_seconds"]), 3),
        "peak_mib": file["peak_mib"],
        "peak_mib_of_parser": file["parser_mib"],
    }
    found["against"] = {name: _compare(runs, truth, file, name) for name in MAPIE}
    best = max(MAPIE, key=lambda name: mean(line["recall"] for line in truth[name]))
    found["best_of_mapie"] = best
    found["met"] = {
        f"{text}, against {name}": reached for name in MAPIE for text, reached in _met(found["against"][name]).items()
    }
    return found


def _met(line: dict[str, Any]) -> dict[str, bool]:
    return {
        "at least 100 times as fast": line["speedup"] >= 100,
        "certified recall at least equal (mean over the seeds)": line["recall_difference"]["mean"] >= 0,
        "at most a twentieth of the memory of the process": line["memory_share"] <= 1 / 20,
        "at most a twentieth of the memory above imports": line["memory_share_above_imports"] <= 1 / 20,
    }


def _describe_contestant(run: dict[str, Any], truth: list[dict[str, Any]]) -> dict[str, Any]:
    precisions = [line["precision"] for line in truth if line["precision"] is not None]
    return {
        "median_seconds": round(median(run["seconds"]), 4),
        "seconds_of_each_seed": [round(value, 4) for value in run["seconds"]],
        "true_recall": [round(line["recall"], 4) for line in truth],
        "mean_true_recall": round(mean(line["recall"] for line in truth), 4),
        "refused": len(truth) - len(precisions),
        "true_precision_below_target": sum(precision < 0.3 for precision in precisions),
        "peak_mib": run["peak_mib"],
        "peak_mib_above_imports": round(run["peak_mib"] - run["imports_mib"], 1),
    }


def _compare(runs: dict[str, Any], truth: dict[str, Any], file: dict[str, Any], name: str) -> dict[str, Any]:
    """RecScope as it comes against one option of MAPIE, seed by seed."""
    ours, peer = runs["recscope"], runs[name]
    pairs = zip(truth["recscope"], truth[name], strict=True)
    above = [run["peak_mib"] - run["imports_mib"] for run in (ours, peer)]
    return {
        "speedup": round(median(b / a for a, b in zip(ours["seconds"], peer["seconds"], strict=True)), 1),
        "speedup_with_baseline_and_gain": round(median(peer["seconds"]) / median(runs["recscope_whole"]["seconds"]), 1),
        "speedup_from_a_file": round(median(peer["seconds"]) / median(file["seconds"]), 1),
        "recall_difference": _paired([a["recall"] - b["recall"] for a, b in pairs]),
        "memory_share": round(ours["peak_mib"] / peer["peak_mib"], 4),
        "memory_share_above_imports": round(above[0] / above[1], 4),
    }


def _paired(differences: list[float]) -> dict[str, Any]:
    """Mean and its 95 % interval (Student's t)."""
    n, middle = len(differences), mean(differences)
    half = STUDENT[n - 1] * stdev(differences) / n**0.5
    return {"n": n, "mean": round(middle, 4), "lo": round(middle - half, 4), "hi": round(middle + half, 4)}


def _run(script: str, *arguments: str, home: Path, given: Any = None) -> Any:
    """Run a script of this folder in a fresh interpreter, and read the JSON it prints."""
    print("bench:", script, *arguments[:1], file=sys.stderr, flush=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RECSCOPE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        env=environment,
        input=None if given is None else json.dumps(given),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
