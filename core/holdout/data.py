"""Records of the holdout: which columns play which role, and the handle of stored rows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from core.engine.protocol import Histogram, Rows
from core.errors import InputError
from core.ingest.schema import PARTS, Column, Kind, Parsed

UncertaintyKind = Literal["variance", "std", "interval", "entropy", "evidence"]

_STORED_KIND: dict[UncertaintyKind, Kind] = {
    "variance": "nonnegative",
    "std": "nonnegative",
    "interval": "width",
    "entropy": "number",
    "evidence": "nonnegative",
}

_USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "score": ("score", "prediction", "predicted", "pred", "prob", "probability", "p", "p_hat", "y_score", "y_pred",
              "y_prob", "pctr", "pcvr", "mean"),
    "label": ("label", "target", "y", "y_true", "outcome", "clicked", "click", "converted", "conversion", "positive",
              "purchased", "is_positive"),
    "evidence": ("evidence", "n_eff", "pseudo_count", "pseudo_counts", "support", "count_evidence"),
    "variance": ("variance", "var", "score_variance", "pred_var", "uncertainty"),
    "std": ("std", "sd", "stdev", "sigma", "stderr", "score_std", "pred_std", "logit_std"),
    "entropy": ("entropy", "differential_entropy"),
    "low": ("low", "lower", "lo", "lower_bound", "ci_low", "ci_lower", "p_low", "q05", "q025"),
    "high": ("high", "upper", "hi", "upper_bound", "ci_high", "ci_upper", "p_high", "q95", "q975"),
    "weight": ("weight", "sample_weight", "weights"),
    "time": ("time", "timestamp", "event_time", "ts", "date", "datetime"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ColumnRoles:
    """Which source columns of a holdout play which role.

    Attributes
    ----------
    score
        Predicted probability of the positive class, in [0, 1].
    uncertainty
        One column, or for kind ``interval`` the pair (low, high), of which the width is taken.
    uncertainty_kind
        ``variance``, ``std``, ``interval``, ``entropy`` (more means less certain), or ``evidence`` (more means more
        certain: a count of observations behind the score).
    label
        1 for a positive row, 0 otherwise.
    weight, time
        Optional: weight of the row (e.g. the inverse of its sampling rate), time of the event.
    segments
        Any number of columns to filter by and compare across.
    group
        Optional: whose rows stay together where the holdout is split, e.g. the user; never score, uncertainty, label.
    """

    score: str
    uncertainty: tuple[str, ...]
    uncertainty_kind: UncertaintyKind
    label: str
    weight: str | None = None
    time: str | None = None
    segments: tuple[str, ...] = ()
    group: str | None = None

    def __post_init__(self) -> None:
        """Check the kind, the number of uncertainty columns, and that no column plays two roles at odds."""
        if self.uncertainty_kind not in get_args(UncertaintyKind):
            raise InputError(
                f"There is no uncertainty kind {self.uncertainty_kind!r}.",
                fix=f"Choose one of {', '.join(get_args(UncertaintyKind))}.",
            )
        wanted = 2 if self.uncertainty_kind == "interval" else 1
        if len(self.uncertainty) != wanted:
            raise InputError(
                f"Uncertainty of kind {self.uncertainty_kind} needs {wanted} column(s); {len(self.uncertainty)} given.",
                fix="Map low and high for an interval, one column otherwise.",
            )
        single = [self.score, *self.uncertainty, self.label, *filter(None, (self.weight, self.time))]
        for name in single:
            if single.count(name) > 1:
                raise InputError(f"Column {name!r} is mapped to two roles.", fix="Choose a different column for one.")
        measured = {self.score: "score", **dict.fromkeys(self.uncertainty, "uncertainty"), self.label: "label"}
        if self.group in measured:  # a split along it would part the rows by what is to be tested
            raise InputError(
                f"Column {self.group!r} is the {measured[self.group]}, so it cannot be the group as well.",
                fix="Choose as group the column whose rows belong together, such as the user, or none.",
            )

    def columns(self) -> tuple[Column, ...]:
        """The stored columns that these roles ask of a file."""
        wanted = [
            Column("score", (self.score,), "probability"),
            Column("uncertainty", self.uncertainty, _STORED_KIND[self.uncertainty_kind]),
            Column("label", (self.label,), "label"),
        ]
        if self.weight:
            wanted.append(Column("weight", (self.weight,), "nonnegative"))
        if self.time:
            wanted.append(Column("time", (self.time,), "time"))
        wanted += [Column(f"segment{i}", (name,), "category") for i, name in enumerate(self.segments)]
        wanted.append(Column("part", (self.group,) if self.group else (), "part"))
        return tuple(wanted)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the digest and the stored metadata."""
        return {
            "score": self.score, "uncertainty": list(self.uncertainty), "uncertainty_kind": self.uncertainty_kind,
            "label": self.label, "weight": self.weight, "time": self.time, "segments": list(self.segments),
            "group": self.group,
        }  # fmt: skip

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> "ColumnRoles":
        """Rebuild the record from :meth:`to_json`."""
        return cls(**found | {"uncertainty": tuple(found["uncertainty"]), "segments": tuple(found["segments"])})


@dataclass(frozen=True, slots=True)
class Guess:
    """Roles guessed from usual column names; None where nothing fits."""

    score: str | None
    uncertainty: tuple[str, ...]
    uncertainty_kind: UncertaintyKind
    label: str | None
    weight: str | None
    time: str | None


def guess_roles(columns: tuple[str, ...]) -> Guess:
    """Guess the roles from the names. Evidence goes first, then standard deviation, variance, interval, entropy.

    Examples
    --------
    >>> guess_roles(("Prediction", "logit_std", "clicked"))
    Guess(score='Prediction', uncertainty=('logit_std',), uncertainty_kind='std', label='clicked',
          weight=None, time=None)
    """
    named = {role: _first(columns, names) for role, names in _USUAL_NAMES.items()}
    candidates: tuple[UncertaintyKind, ...] = ("evidence", "std", "variance", "interval", "entropy")
    for kind in candidates:
        ends = (named["low"], named["high"]) if kind == "interval" else (named[kind],)
        found = tuple(end for end in ends if end is not None)
        if len(found) == len(ends):
            return Guess(named["score"], found, kind, named["label"], named["weight"], named["time"])
    return Guess(named["score"], (), "variance", named["label"], named["weight"], named["time"])


def _first(columns: tuple[str, ...], names: tuple[str, ...]) -> str | None:
    lowered = {column.strip().lower(): column for column in reversed(columns)}
    return next((lowered[name] for name in names if name in lowered), None)


@dataclass(frozen=True, slots=True)
class Segment:
    """A mapped segment column: its name and its values in code order."""

    name: str
    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Holdout:
    """Handle of a stored holdout: what is known of it without reading its rows.

    Attributes
    ----------
    digest
        SHA-256 of the files' bytes and the column roles.
    name
        File name for display.
    roles
        Column roles.
    rows
        Stored rows for the engine: path, count, ranges.
    positives
        Number of rows with label 1.
    excluded
        (reason, rows left out).
    segments
        Mapped segment columns.
    files
        SHA-256 of the bytes of each file, the same whatever the roles; none where it is not known.
    """

    digest: str
    name: str
    roles: ColumnRoles
    rows: Rows
    positives: int
    excluded: tuple[tuple[str, int], ...]
    segments: tuple[Segment, ...]
    files: tuple[str, ...] = ()

    @property
    def more_is_certain(self) -> bool:
        """Whether a larger uncertainty value means a more certain score (evidence)."""
        return self.roles.uncertainty_kind == "evidence"

    def segment(self, name: str) -> Segment:
        """Return the mapped segment of that name.

        Raises
        ------
        InputError
            There is none.
        """
        for segment in self.segments:
            if segment.name == name:
                return segment
        raise InputError(f"{name[:80]!r} is not a mapped segment.", fix="Map it as a segment when you give the file.")

    @classmethod
    def from_parsed(cls, digest: str, path: Path, metadata: dict[str, Any], parsed: Parsed) -> "Holdout":
        """Build the handle from what the parsing process found."""
        roles = ColumnRoles.from_json(metadata["roles"])
        ranges = parsed.ranges | {"part": (0.0, PARTS - 1.0)}
        histograms = {role: Histogram(*map(np.array, found)) for role, found in parsed.histograms.items()}
        return cls(
            digest=digest,
            files=tuple(metadata.get("files", ())),
            name=metadata["name"],
            roles=roles,
            rows=Rows(path, parsed.rows, ranges, weighted=roles.weight is not None, histograms=histograms),
            positives=round(parsed.totals["label"]),
            excluded=parsed.excluded,
            segments=tuple(
                Segment(name, f"segment{i}", parsed.categories[f"segment{i}"]) for i, name in enumerate(roles.segments)
            ),
        )
