"""Which columns of the files play which role, and a guess at it from their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.ingest.schema import Column, Table

_USUAL_NAMES: dict[str, tuple[str, ...]] = {
    "source": ("source", "src", "from", "query", "u", "head", "asin", "product", "item", "source_id", "src_id",
               "from_id", "query_id", "source_item", "query_item", "product_id", "item_id", "fromnodeid"),
    "target": ("target", "dst", "dest", "destination", "to", "related", "v", "tail", "candidate", "next", "target_id",
               "dst_id", "dest_id", "to_id", "candidate_id", "target_item", "related_id", "related_item", "also_bought",
               "recommended", "next_item", "tonodeid"),
    "weight": ("weight", "count", "counts", "n", "cnt", "freq", "frequency", "support", "orders", "co_purchases"),
    "time": ("time", "timestamp", "event_time", "ts", "date", "datetime", "last_time"),
    "id": ("id", "item", "item_id", "asin", "product", "product_id", "sku", "node", "node_id", "parent_asin"),
    "title": ("title", "name", "product_name", "product_title", "item_name", "label", "description"),
    "category": ("category", "main_category", "product_category", "category_name", "class", "group", "department",
                 "product_type", "type"),
}  # fmt: skip
_USUAL_FEATURES = ("brand", "manufacturer", "vendor", "maker", "store", "color", "colour", "size", "material", "gender")


@dataclass(frozen=True, slots=True)
class EdgeRoles:
    """Which columns of the edges play which role.

    Attributes
    ----------
    source, target
        Ids of the two ends: the target is bought after the source.
    weight
        Optional: a number above 0, e.g. how many customers did so.
    time
        Optional: when it was seen last.
    """

    source: str
    target: str
    weight: str | None = None
    time: str | None = None

    def __post_init__(self) -> None:
        """Check that no column plays two roles."""
        _check_once((self.source, self.target, self.weight, self.time))

    def columns(self) -> tuple[Column, ...]:
        """The stored columns that these roles ask of a file."""
        wanted = [Column("source", (self.source,), "id"), Column("target", (self.target,), "id")]
        if self.weight:
            wanted.append(Column("weight", (self.weight,), "positive"))
        if self.time:
            wanted.append(Column("time", (self.time,), "time"))
        return tuple(wanted)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the digest and the stored metadata."""
        return {"source": self.source, "target": self.target, "weight": self.weight, "time": self.time}


@dataclass(frozen=True, slots=True)
class ItemRoles:
    """Which columns of the items play which role.

    Attributes
    ----------
    id
        The id that the edges use; each once.
    title, category
        Optional.
    numbers, words
        Any number of columns that become features: numbers as they are, words as a column per frequent value.
    """

    id: str
    title: str | None = None
    category: str | None = None
    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that no column plays two roles; id may be the title too, and category a feature."""
        _check_once((self.id, *self.numbers, *self.words))
        _check_once((self.title, self.category))

    def columns(self) -> tuple[Column, ...]:
        """The stored columns that these roles ask of a file."""
        wanted = [Column("id", (self.id,), "id"), Column("row", (), "row")]
        if self.title:
            wanted.append(Column("title", (self.title,), "title"))
        if self.category:
            wanted.append(Column("category", (self.category,), "category"))
        wanted += [Column(f"number{i}", (name,), "optional") for i, name in enumerate(self.numbers)]
        wanted += [Column(f"word{i}", (name,), "category") for i, name in enumerate(self.words)]
        return tuple(wanted)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the digest and the stored metadata."""
        return {
            "id": self.id, "title": self.title, "category": self.category,
            "numbers": list(self.numbers), "words": list(self.words),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class EdgeGuess:
    """Roles of the edges guessed from usual column names; None where nothing fits."""

    source: str | None
    target: str | None
    weight: str | None
    time: str | None

    def settle(self) -> EdgeRoles:
        """The guess as roles.

        Raises
        ------
        InputError
            Source or target could not be guessed.
        """
        if self.source is None or self.target is None:
            missing = "source" if self.source is None else "target"
            raise InputError(
                f"No column looks like the {missing} of the edges.",
                fix="Say which column holds the source and which the target.",
            )
        return EdgeRoles(self.source, self.target, self.weight, self.time)


@dataclass(frozen=True, slots=True)
class ItemGuess:
    """Roles of the items guessed from column names and first rows; None where nothing fits."""

    id: str | None
    title: str | None
    category: str | None
    numbers: tuple[str, ...]
    words: tuple[str, ...]

    def settle(self) -> ItemRoles:
        """The guess as roles.

        Raises
        ------
        InputError
            The id could not be guessed.
        """
        if self.id is None:
            raise InputError("No column looks like the id of the items.", fix="Say which column holds the id.")
        return ItemRoles(self.id, self.title, self.category, self.numbers, self.words)


def guess_edge_roles(columns: Sequence[str]) -> EdgeGuess:
    """Guess the roles of the edges from their names; two columns without usual names are source and target.

    Examples
    --------
    >>> guess_edge_roles(("Query", "related", "count"))
    EdgeGuess(source='Query', target='related', weight='count', time=None)
    >>> guess_edge_roles(("a", "b"))
    EdgeGuess(source='a', target='b', weight=None, time=None)
    """
    target = _first(columns, "target")
    source = _first([column for column in columns if column != target], "source")
    if len(columns) == 2 and None in (source, target):
        source, target = columns
    return EdgeGuess(source, target, _first(columns, "weight"), _first(columns, "time"))


def guess_item_roles(table: Table) -> ItemGuess:
    """Guess the roles of the items: names tell id, title, category; other columns of numbers are features.

    Of columns of text only those of usual names (brand, colour, …) are guessed as features, and no column whose name
    ends in id.

    Examples
    --------
    >>> guess_item_roles(Table(("asin", "Title", "price", "brand"), (("B1", "A case", "9.5", "Orla"),)))
    ItemGuess(id='asin', title='Title', category=None, numbers=('price',), words=('brand',))
    """
    item = _first(table.columns, "id")
    title = _first([column for column in table.columns if column != item], "title")
    category = _first([column for column in table.columns if column not in (item, title)], "category")
    rest = [
        (name, [row[at] for row in table.preview])
        for at, name in enumerate(table.columns)
        if name not in (item, title, category) and not name.lower().endswith("id")
    ]
    numbers = tuple(name for name, shown in rest if any(shown) and all(map(_is_number, filter(None, shown))))
    words = tuple(name for name, _ in rest if name not in numbers and name.strip().lower() in _USUAL_FEATURES)
    return ItemGuess(item, title, category, numbers, words)


def _first(columns: Sequence[str], role: str) -> str | None:
    lowered = {column.strip().lower(): column for column in reversed(columns)}
    return next((lowered[name] for name in _USUAL_NAMES[role] if name in lowered), None)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_once(names: Sequence[str | None]) -> None:
    given = [name for name in names if name is not None]
    for name in given:
        if given.count(name) > 1:
            raise InputError(f"Column {name!r} is mapped to two roles.", fix="Choose a different column for one.")
