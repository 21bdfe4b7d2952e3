"""Bench of the holdout: prints one JSON object, each figure beside a named peer measured in the same run.

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
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
REPEATS = 5
CONTESTANTS = ("recscope", "pandas", "scikit_learn")
MODULES = {"recscope": "core.holdout.positivity", "torch": "torch", "streamlit": "streamlit"}
IMPORT = """
import json, sys, time
started = time.perf_counter()
import {module}
seconds = time.perf_counter() - started
loaded = [name for name in ("torch", "streamlit") if name in sys.modules]
json.dump({{"seconds": seconds, "loaded": loaded}}, sys.stdout)
"""


def main() -> None:
    arguments = _arguments()
    with TemporaryDirectory(prefix="recscope-bench-") as name:
        folder = Path(name)
        found: dict[str, Any] = {"machine": _machine()}
        found["cube"] = _bench_cube(folder, arguments.rows)
        found["slice"] = _run("_slice.py", home=folder / "home")
        found["null"] = _run("_null.py", home=folder / "home")
        found["import"] = _bench_import(folder)
        if arguments.no_browser:
            found["browser"] = {"stopped": "not asked for (--no-browser)"}
        else:
            found["browser"] = _run("_browser.py", home=folder / "home")
        keep = ["--keep", str(arguments.keep)] if arguments.keep else []
        browser = ["--no-browser"] if arguments.no_browser else []
        found["frappe"] = {"stopped": "no real data: give --data or set RECSCOPE_DATA"}
        if arguments.data:
            found["frappe"] = _run("_frappe.py", str(arguments.data), *keep, *browser, home=folder / "home")
    print(json.dumps(found, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the holdout; prints one JSON object.")
    data = Path(os.environ["RECSCOPE_DATA"]) if "RECSCOPE_DATA" in os.environ else None
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the cube bench (default 10,000,000)")
    parser.add_argument("--data", type=Path, default=data, metavar="FOLDER", help="real data (default RECSCOPE_DATA)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the scored real rows here")
    parser.add_argument("--no-browser", action="store_true", help="leave out what needs Chromium")
    return parser.parse_args()


def _machine() -> dict[str, Any]:
    packages = ("numpy", "pandas", "duckdb", "pyarrow", "scikit-learn", "streamlit")
    return {
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }


def _bench_cube(folder: Path, rows: int) -> dict[str, Any]:
    """Generate and store the rows once; then the contestants in turn, each time in a process of its own."""
    home = folder / "home"
    _run("_cube.py", "generate", str(folder), "--rows", str(rows), home=home)
    ingest = _run("_cube.py", "ingest", str(folder), home=home)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for _ in range(REPEATS):
        for name in CONTESTANTS:
            runs[name].append(_run("_cube.py", name, str(folder), home=home))
    answers = [run["answer"] for name in ("recscope", "pandas") for run in runs[name]]
    assert all(answer == answers[0] for answer in answers), "the contestants disagree"
    return {
        "rows": rows,
        "repeats": REPEATS,
        "cells": answers[0]["cells"],
        "counts_equal_pandas": True,
        "sentence": answers[0]["sentence"],
        **_compare_cubes(runs, ingest),
    }


def _compare_cubes(runs: dict[str, list[dict[str, Any]]], ingest: dict[str, Any]) -> dict[str, Any]:
    seconds, processor, memory = (
        {name: median(run[figure] for run in runs[name]) for name in CONTESTANTS}
        for figure in ("seconds", "processor_seconds", "peak_mib")
    )
    speedup = seconds["pandas"] / seconds["recscope"]
    share = memory["recscope"] / memory["pandas"]
    above = {name: median(run["peak_mib"] - run["imports_mib"] for run in runs[name]) for name in CONTESTANTS}
    curve = seconds["scikit_learn"] / seconds["recscope"]
    with_ingest = seconds["pandas"] / (ingest["seconds"] + seconds["recscope"])
    return {
        "peers": {
            "pandas": "read_parquet, quantile, cut to codes, groupby level and bin, then the same surface and test",
            "scikit_learn": "one precision_recall_curve on rows already in memory",
        },
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "seconds_of_each_run": {name: [round(run["seconds"], 3) for run in runs[name]] for name in CONTESTANTS},
        "processor_seconds": {name: round(value, 3) for name, value in processor.items()},
        "peak_mib_of_process": memory,
        "speedup_vs_pandas": round(speedup, 2),
        "memory_share_of_pandas": round(share, 3),
        "memory_share_of_pandas_above_imports": round(above["recscope"] / above["pandas"], 3),
        "faster_than_precision_recall_curve": round(curve, 2),
        "met": {
            "at least 5 times as fast as pandas": speedup >= 5,
            "at most a fifth of the memory of pandas": share <= 1 / 5,
            "faster than one precision_recall_curve": curve > 1,
        },
        "ingest": {
            "seconds": round(ingest["seconds"], 3),
            "peak_mib_of_parser": ingest["peak_mib_of_parser"],
            "ingest_and_cube_speedup_vs_pandas": round(with_ingest, 2),
        },
    }


def _bench_import(folder: Path) -> dict[str, Any]:
    """Seconds of each import in a fresh interpreter, in turn."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in MODULES}
    for _ in range(REPEATS):
        for name, module in MODULES.items():
            runs[name].append(_run("-c", IMPORT.format(module=module), home=folder / "home"))
    seconds = {name: median(run["seconds"] for run in runs[name]) for name in MODULES}
    loaded = runs["recscope"][0]["loaded"]
    return {
        "module": MODULES["recscope"],
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "share_of_torch": round(seconds["recscope"] / seconds["torch"], 3),
        "share_of_streamlit": round(seconds["recscope"] / seconds["streamlit"], 3),
        "met": {"loads neither torch nor streamlit": not loaded},
    }


def _run(script: str, *arguments: str, home: Path) -> Any:
    """Run a script of this folder, or ``-c``, in a fresh interpreter and read the JSON it prints."""
    program = [script] if script == "-c" else [str(HERE / script)]
    print("bench:", script, *arguments[:1] if script != "-c" else (), file=sys.stderr, flush=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RECSCOPE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, *program, *arguments], env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
