"""Over all kinds of bad files: no case hides another, and none is lost."""

from importlib import import_module
from pathlib import Path

HERE = Path(__file__)
KINDS = [import_module(f"tests.ingest.{one.stem}") for one in sorted(HERE.parent.glob("test_bad_*.py")) if one != HERE]


def test_names_are_unique_and_many() -> None:
    names = [(kind.__name__, case.name) for kind in KINDS for case in kind.CASES]
    assert len(set(names)) == len(names) >= 250
