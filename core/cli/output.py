"""What commands print: one JSON document, to a file where one is named."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def add_json(command: argparse.ArgumentParser) -> None:
    """Add the option that names the file."""
    command.add_argument("--json", type=Path, metavar="OUT", help="write it here instead of to standard output")


def write_json(document: dict[str, Any], path: Path | None) -> None:
    """Write a document to a file, or to standard output where none is named."""
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    if path:
        path.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
