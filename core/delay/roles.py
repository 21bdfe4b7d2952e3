"""Which columns of a conversion log play which role, and a guess at it from names and first rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.delay.data import WHY_NO_SIGNAL, SignalServed
from core.errors import InputError
from core.ingest.schema import Column, Table

_USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "time": ("event_time", "impression_time", "click_time", "issue_time", "issued_at", "shown_at", "clicked_at",
             "click_ts", "event_timestamp", "time", "timestamp", "ts", "datetime", "date", "created_at"),
    "conversion": ("conversion_time", "converted_at", "conversion_ts", "conversion_timestamp", "conversion_date",
                   "purchase_time", "purchased_at", "order_time", "redemption_time", "redeemed_at", "install_time"),
    "segment": ("campaign", "segment", "channel", "device", "country", "placement", "group", "campaign_id"),
    "id": ("id", "event_id", "impression_id", "click_id", "issue_id", "coupon_id", "request_id", "row_id"),
}  # fmt: skip
_TIME_ENDINGS = ("_time", "_at", "_ts", "_timestamp")
_USUAL_WORDS = ("campaign", "segment", "channel", "device", "country", "placement", "browser", "os", "category",
                "brand", "region", "language", "gender")  # fmt: skip
_OUTCOMES = ("label", "y", "converted", "conversion", "conversions", "is_converted", "redeemed", "purchased", "sale",
             "delay", "conversion_delay", "time_to_conversion", "revenue", "weight")  # fmt: skip
_IDS = ("_id", "uuid", "userid")


@dataclass(frozen=True, slots=True)
class LogRoles:
    """Which columns play which role.

    Attributes
    ----------
    time
        When the impression, click or issue happened.
    conversion
        When it converted; blank where it did not, or not yet.
    signals
        Times of what may happen between the two, such as adding to the cart; blank where it did not.
    numbers, words
        Features known at ``time``: numbers as they are, words as a column per frequent value.
    segment
        Optional: column by which results are split, and a feature too.
    id
        Optional: tells impressions apart; of rows with the same id the first of the file counts.

    Raises
    ------
    SignalServed
        A signal is mapped as a feature too.
    InputError
        A column plays two other roles.
    """

    time: str
    conversion: str
    signals: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    segment: str | None = None
    id: str | None = None

    def __post_init__(self) -> None:
        """Check that no column plays two roles."""
        served = (*self.numbers, *self.words, *filter(None, [self.segment]))
        both = [name for name in self.signals if name in served]
        if both:
            raise SignalServed(
                f"{both[0][:80]!r} is mapped as feature and as signal: {WHY_NO_SIGNAL}.", fix="Map it as signal only."
            )
        given = [self.time, self.conversion, *self.signals, *served, *filter(None, [self.id])]
        twice = [name for name in given if given.count(name) > 1]
        if twice:
            raise InputError(
                f"Column {twice[0][:80]!r} is mapped to two roles.", fix="Choose a different column for one."
            )

    def columns(self) -> tuple[Column, ...]:
        """The stored columns that these roles ask of a file."""
        wanted = [Column("time", (self.time,), "time"), Column("conversion", (self.conversion,), "moment")]
        wanted += [Column(f"signal{i}", (name,), "moment") for i, name in enumerate(self.signals)]
        wanted += [Column(f"number{i}", (name,), "optional") for i, name in enumerate(self.numbers)]
        wanted += [Column(f"word{i}", (name,), "category") for i, name in enumerate(self.words)]
        if self.segment:
            wanted.append(Column("segment", (self.segment,), "category"))
        if self.id:
            wanted.append(Column("id", (self.id,), "id"))
        return (*wanted, Column("row", (), "row"))

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the digest and the stored metadata."""
        return {
            "time": self.time, "conversion": self.conversion, "signals": list(self.signals),
            "numbers": list(self.numbers), "words": list(self.words), "segment": self.segment, "id": self.id,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LogGuess:
    """Roles guessed; None where nothing fits."""

    time: str | None
    conversion: str | None
    signals: tuple[str, ...]
    numbers: tuple[str, ...]
    words: tuple[str, ...]
    segment: str | None
    id: str | None

    def settle(self) -> LogRoles:
        """The guess as roles.

        Raises
        ------
        InputError
            The time of the event or of the conversion could not be guessed.
        """
        if self.time is None or self.conversion is None:
            missing = "event" if self.time is None else "conversion"
            raise InputError(
                f"No column looks like the time of the {missing}.",
                fix="Say which column holds the time of the event, and which that of the conversion.",
            )
        return LogRoles(self.time, self.conversion, self.signals, self.numbers, self.words, self.segment, self.id)


def guess_log_roles(table: Table) -> LogGuess:
    """Guess roles: names tell times, segment and id; other times are signals, other numbers are features.

    A column that is named as an id, or speaks of the outcome (label, delay, revenue …), is no feature.

    Examples
    --------
    >>> table = Table(("event_time", "conversion_time", "cart_time", "price", "campaign"), ((*"abc", "9.5", "x"),))
    >>> guess = guess_log_roles(table)
    >>> guess.signals, guess.numbers, guess.segment
    (('cart_time',), ('price',), 'campaign')
    """
    conversion = _first(table.columns, "conversion")
    time = _first([column for column in table.columns if column != conversion], "time")
    segment, id_ = _first(table.columns, "segment"), _first(table.columns, "id")
    rest = [
        (name, [row[at] for row in table.preview])
        for at, name in enumerate(table.columns)
        if name not in (time, conversion, segment, id_)
    ]
    signals = tuple(name for name, _ in rest if name.strip().lower().endswith(_TIME_ENDINGS))
    rest = [(name, shown) for name, shown in rest if name not in signals and _may_be_feature(name)]
    numbers = tuple(name for name, shown in rest if any(shown) and all(map(_is_number, filter(None, shown))))
    words = tuple(name for name, _ in rest if name not in numbers and name.strip().lower() in _USUAL_WORDS)
    return LogGuess(time, conversion, signals, numbers, words, segment, id_)


def _first(columns: Sequence[str], role: str) -> str | None:
    lowered = {column.strip().lower(): column for column in reversed(columns)}
    return next((lowered[name] for name in _USUAL_NAMES[role] if name in lowered), None)


def _may_be_feature(name: str) -> bool:
    plain = name.strip().lower()
    return plain not in _OUTCOMES and not plain.endswith(_IDS)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
