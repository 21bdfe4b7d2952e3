"""What a word asks of a file: which columns, of which kind, under which stored name."""

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "probability", "label", "nonnegative", "positive", "number", "width", "category", "time", "part", "optional",
    "id", "title", "row", "moment",
]  # fmt: skip

MISSING_CATEGORY = "(missing)"
PARTS = 32_768  # a part is a whole number below this


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column and where it comes from.

    Attributes
    ----------
    role
        Stored name; letters, digits and underscores only. User text never becomes a stored name.
    names
        Source column; for kind ``width`` the pair (low, high), stored as high - low.
    kind
        ``probability`` in [0, 1]; ``label`` 0/1 or false/true; ``nonnegative``; ``positive``; ``number``; ``width``;
        ``category`` (stored as an int32 code); ``time`` (stored as UTC seconds since 1970); ``part`` (int16, the
        part of a random split: of the group that the column names, or of the row itself where no column is named);
        ``optional`` (any number, stored as NaN where it is missing or infinite: no row is left out for it);
        ``id`` (text that names something, never missing); ``title`` (text to show, null where it is missing); ``row``
        (of no source column: the place of the row among all that were read, from 1); ``moment`` (a time that may be
        missing: float64 UTC seconds, NaN where there is none; no row is left out for it).
    """

    role: str
    names: tuple[str, ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """A file as its header shows it, before any mapping.

    Attributes
    ----------
    columns
        Column names in file order.
    preview
        First rows as text, one tuple per row.
    """

    columns: tuple[str, ...]
    preview: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the parsing process found while it wrote the rows.

    Attributes
    ----------
    rows
        Rows kept.
    excluded
        (reason, rows left out for it), in column order; a row counts once, for its first reason.
    ranges
        role → (smallest, largest) kept value of every numeric role.
    totals
        role → sum of the kept values of every numeric role.
    categories
        role → values in code order.
    histograms
        role → (where each range of values starts, its rows), for roles of numbers other than labels and times.
    cut
        role → titles that were cut to their longest length, where there are any.
    zoneless
        Roles whose times name no zone, and were read as UTC.
    """

    rows: int
    excluded: tuple[tuple[str, int], ...]
    ranges: dict[str, tuple[float, float]]
    totals: dict[str, float]
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    histograms: dict[str, tuple[tuple[float, ...], tuple[int, ...]]] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    zoneless: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "Parsed":
        """Rebuild the record from what crossed the process boundary."""
        return cls(
            rows=int(found["rows"]),
            excluded=tuple((str(reason), int(count)) for reason, count in found["excluded"]),
            ranges={role: (float(lo), float(hi)) for role, (lo, hi) in found["ranges"].items()},
            totals={role: float(total) for role, total in found["totals"].items()},
            categories={role: tuple(values) for role, values in found["categories"].items()},
            histograms={
                role: (tuple(starts), tuple(rows)) for role, (starts, rows) in found.get("histograms", {}).items()
            },
            cut={role: int(count) for role, count in found.get("cut", {}).items()},
            zoneless=tuple(found.get("zoneless", ())),
        )
