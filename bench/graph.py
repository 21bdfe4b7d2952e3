"""Bench of the graph: prints one JSON object, each figure beside a named peer measured in the same run.

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
SIZES = (100_000, 1_000_000, 10_000_000)
REPEATS = {100_000: 5, 1_000_000: 3, 10_000_000: 1}
MOST_MINUTES, MOST_GB, MOST_TIMES = 15, 8, 2
NEEDS_DATA = ("quality", "neighbourhoods")


def main() -> None:
    arguments = _arguments()
    found: dict[str, Any] = {"machine": _machine()}
    with TemporaryDirectory(prefix="recscope-bench-") as name:
        home = Path(name) / "home"
        for section in arguments.only:
            if section in NEEDS_DATA and not (arguments.data / "amazon_photo_edges.csv").is_file():
                found[section] = {"stopped": "there is no amazon_photo_edges.csv: name its folder with --data"}
            else:
                found[section] = SECTIONS[section](arguments.data, home)
    print(json.dumps(found, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the graph; prints one JSON object.")
    data = Path(os.environ.get("RECSCOPE_DATA", ROOT.parent / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=data, metavar="FOLDER", help="real data (default RECSCOPE_DATA)")
    parser.add_argument("--only", type=_sections, default=[*SECTIONS], metavar="S,…", help=", ".join(SECTIONS))
    return parser.parse_args()


def _sections(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(SECTIONS):
        raise argparse.ArgumentTypeError(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    return names


def _machine() -> dict[str, Any]:
    packages = ("numpy", "scipy", "torch")
    return {
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }


def _quality(data: Path, home: Path) -> Any:
    return _run("_graph_quality.py", "photo", str(data), home=home)


def _neighbourhoods(data: Path, home: Path) -> Any:
    return _run("_graph_neighbourhoods.py", str(data), home=home)


def _others(_: Path, home: Path) -> Any:
    return _run("_graph_quality.py", "others", home=home)


def _scale(_: Path, home: Path) -> dict[str, Any]:
    """One epoch of the dual network on graphs of ten edges a node, each time in a process of its own."""
    runs = {edges: [_run("_graph_scale.py", str(edges), home=home) for _ in range(REPEATS[edges])] for edges in SIZES}
    lines = {edges: _describe_size(found) for edges, found in runs.items()}
    costs = [line["microseconds_per_edge"] for line in lines.values()]
    largest, times = lines[SIZES[-1]], max(costs) / min(costs)
    return {
        "what": "one epoch of blade in a process that has run a tiny one, last embedding included; medians",
        "note": "one thread; costs per edge are of processor time, so that other work on the machine does not count",
        "peer": "the products of a sparse and a thin matrix that the epoch cannot do without, timed alone",
        "sizes": {f"{edges:,}": line for edges, line in lines.items()},
        "checks": [
            _check("minutes of one epoch, 10,000,000 edges", largest["seconds"] / 60, at_most=MOST_MINUTES),
            _check("GB of memory at its peak, 10,000,000 edges", largest["peak_gb"], at_most=MOST_GB),
            _check("largest cost per edge / smallest, 10^5 to 10^7 edges", times, at_most=MOST_TIMES),
        ],
    }


def _describe_size(runs: list[dict[str, Any]]) -> dict[str, Any]:
    spent = median(run["processor_seconds"] for run in runs)
    return {
        "nodes": runs[0]["nodes"],
        "edges": runs[0]["edges"],
        "repeats": len(runs),
        "seconds": round(median(run["seconds"] for run in runs), 3),
        "processor_seconds": round(spent, 3),
        "microseconds_per_edge": round(1e6 * spent / runs[0]["edges"], 3),
        "times_the_peer": round(median(run["processor_seconds"] / run["peer_processor_seconds"] for run in runs), 2),
        "peak_gb": round(max(run["peak_mib"] for run in runs) * 2**20 / 1e9, 3),
    }


def _check(what: str, value: float, *, at_most: float) -> dict[str, Any]:
    return {"what": what, "value": round(value, 3), "target": f"at most {at_most}", "met": value <= at_most}


def _retrieval(_: Path, home: Path) -> Any:
    return _run("_graph_retrieval.py", home=home)


SECTIONS = {
    "quality": _quality,
    "neighbourhoods": _neighbourhoods,
    "others": _others,
    "scale": _scale,
    "retrieval": _retrieval,
}


def _run(script: str, *arguments: str, home: Path) -> Any:
    """Run a script of this folder in a fresh interpreter, and read the JSON it prints."""
    print("bench:", script, *arguments[:1], file=sys.stderr, flush=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RECSCOPE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
