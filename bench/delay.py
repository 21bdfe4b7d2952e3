"""Bench of delay: prints one JSON object, each figure with its target, beside a named peer where there is one."""

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SECTIONS = {
    "effects": "_delay_effects.py",
    "speed": "_delay_speed.py",
    "scale": "_delay_scale.py",
    "page": "_delay_page.py",
}


def main() -> None:
    only = _arguments().only
    found: dict[str, Any] = {"machine": _machine()}
    for section in only:
        found[section] = _run(SECTIONS[section])
    print(json.dumps(found, indent=2, ensure_ascii=False))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure delay; prints one JSON object.")
    parser.add_argument("--only", type=_sections, default=[*SECTIONS], metavar="S,…", help=", ".join(SECTIONS))
    return parser.parse_args()


def _sections(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(SECTIONS):
        raise argparse.ArgumentTypeError(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    return names


def _machine() -> dict[str, Any]:
    packages = ("numpy", "scipy", "scikit-learn", "streamlit")
    return {
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in packages},
    }


def _run(script: str) -> Any:
    """Run a script of this folder in a fresh interpreter with an empty data folder, and read the JSON it prints."""
    print("bench:", script, file=sys.stderr, flush=True)
    with TemporaryDirectory(prefix="recscope-bench-") as home:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "RECSCOPE_HOME": home, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, str(HERE / script)], env=environment, stdout=subprocess.PIPE, check=True, text=True
        )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
