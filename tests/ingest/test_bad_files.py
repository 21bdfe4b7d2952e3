"""Over all kinds of bad files: no case hides another, and none is lost."""

from tests.ingest import (
    test_bad_bombs,
    test_bad_degenerate,
    test_bad_encoding,
    test_bad_magic,
    test_bad_names,
    test_bad_numbers,
    test_bad_structure,
    test_bad_times,
)

KINDS = (
    test_bad_bombs,
    test_bad_degenerate,
    test_bad_encoding,
    test_bad_magic,
    test_bad_names,
    test_bad_numbers,
    test_bad_structure,
    test_bad_times,
)


def test_names_are_unique_and_many() -> None:
    names = [(kind.__name__, case.name) for kind in KINDS for case in kind.CASES]
    assert len(set(names)) == len(names) >= 250
