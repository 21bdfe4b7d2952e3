"""A GraphML file of unknown honesty → two Parquet files, of its edges and of its nodes, all text.

Runs inside the limited child process only. No declaration of a document type or an entity is accepted, so that nothing
can expand; depth, attributes and unfinished tags are capped, and the text of an attribute is kept only as far as it is
looked at later.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NoReturn
from xml.parsers import expat

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError, TooLarge
from core.ingest.columns import shorten
from core.ingest.streams import Meter, open_text

BLOCK_BYTES: Final = 256 * 1024
TAG_BYTES: Final = 1024 * 1024  # of an unfinished tag, comment or the like
DEPTH: Final = 32
ATTRIBUTES: Final = 64
ATTRIBUTE_LENGTH: Final = 2_000
TEXT_LENGTH: Final = 4_000
BATCH_ROWS: Final = 65_536

_ROLES: Final[dict[str, dict[str, tuple[str, ...]]]] = {  # what an attribute's name says; an earlier one wins
    "node": {"title": ("title", "label", "name"), "category": ("category", "class", "group", "type")},
    "edge": {"weight": ("weight",)},
}
_COLUMNS: Final = {"edge": ("source", "target", "weight"), "node": ("id", "title", "category")}


class GraphmlReader:
    """Handlers for what a parser finds; rows go to two Parquet files.

    Parameters
    ----------
    edges, nodes
        Files to write.
    rows_cap
        Largest number of edges and nodes together.
    """

    def __init__(self, edges: Path, nodes: Path, *, rows_cap: int) -> None:
        self._files = {"edge": _TextFile(edges, _COLUMNS["edge"]), "node": _TextFile(nodes, _COLUMNS["node"])}
        self._rows_cap, self._rows, self.undirected = rows_cap, 0, 0
        self._stack: list[str] = []
        self._undirected_default = [False]
        self._roles: dict[str, dict[str, tuple[int, str]]] = {"edge": {}, "node": {}}  # key → (rank, role)
        self._defaults: dict[str, dict[str, tuple[int, str]]] = {"edge": {}, "node": {}}  # role → (rank, text)
        self._open: list[dict[str, Any]] = []  # nodes and edges that are not finished: a node may hold a graph
        self._key, self._target, self._text = "", "", ""
        self._starts = {"graph": self._start_graph, "key": self._start_key, "node": self._start_row,
                        "edge": self._start_row, "data": self._start_text, "default": self._start_text}  # fmt: skip
        self._ends = {"graph": self._end_graph, "node": self._end_row, "edge": self._end_row, "data": self._end_data,
                      "default": self._end_default}  # fmt: skip

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        tag = name.rpartition(":")[2]
        _check_root(tag, first=not self._stack)
        self._stack.append(tag)
        if len(self._stack) > DEPTH:
            raise TooLarge(f"Elements stand more than {DEPTH} deep in each other.", fix="Write a flat GraphML file.")
        if len(attributes) > ATTRIBUTES or any(len(value) > ATTRIBUTE_LENGTH for value in attributes.values()):
            raise TooLarge(
                f"An element {shorten(tag)} has more than {ATTRIBUTES} attributes, or one of more than "
                f"{ATTRIBUTE_LENGTH:,} characters.",
                fix="Put long texts into data elements, and keep ids short.",
            )
        if tag in self._starts:
            self._starts[tag](tag, attributes)

    def end(self, _: str) -> None:
        """An element ends."""
        tag = self._stack.pop()
        if tag in self._ends:
            self._ends[tag](tag)

    def text(self, text: str) -> None:
        """A piece of text between tags."""
        if self._stack[-1] in ("data", "default") and len(self._text) < TEXT_LENGTH:
            self._text += text[: TEXT_LENGTH - len(self._text)]

    def _start_graph(self, _: str, attributes: dict[str, str]) -> None:
        self._undirected_default.append(attributes.get("edgedefault", "directed") == "undirected")

    def _end_graph(self, _: str) -> None:
        self._undirected_default.pop()

    def _start_key(self, _: str, attributes: dict[str, str]) -> None:
        self._key, self._target = attributes.get("id", ""), attributes.get("for", "all")
        named = attributes.get("attr.name", self._key).strip().lower()
        for target in _ROLES if self._target == "all" else {self._target} & _ROLES.keys():
            for role, names in _ROLES[target].items():
                if named in names:
                    self._roles[target][self._key] = (names.index(named), role)

    def _start_text(self, _: str, attributes: dict[str, str]) -> None:
        self._text = ""
        self._key = attributes.get("key", self._key)

    def _end_default(self, _: str) -> None:
        for target, roles in self._roles.items():
            if self._key in roles:
                rank, role = roles[self._key]
                _put(self._defaults[target], role, rank, self._text)

    def _start_row(self, tag: str, attributes: dict[str, str]) -> None:
        self._rows += 1
        if self._rows > self._rows_cap:
            raise TooLarge(
                f"There are more than {self._rows_cap:,} nodes and edges.",
                fix="Give fewer, or raise RECSCOPE_MAX_ROWS.",
            )
        self._open.append({"tag": tag, "attributes": attributes, "found": {}})

    def _end_data(self, _: str) -> None:
        if self._open and self._stack[-1] == self._open[-1]["tag"]:
            rank, role = self._roles[self._open[-1]["tag"]].get(self._key, (0, ""))
            if role:
                _put(self._open[-1]["found"], role, rank, self._text)

    def _end_row(self, tag: str) -> None:
        row = self._open.pop()
        given = row["attributes"]
        found = {role: text for role, (_, text) in (self._defaults[tag] | row["found"]).items()}
        if tag == "node":
            self._files[tag].add({"id": given.get("id")} | found)
            return
        ends = (given.get("source"), given.get("target"))
        self._files[tag].add({"source": ends[0], "target": ends[1]} | found)
        directed = given.get("directed", "false" if self._undirected_default[-1] else "true")
        if directed.strip().lower() in ("false", "0"):
            self.undirected += 1
            self._files[tag].add({"source": ends[1], "target": ends[0]} | found)

    def finish(self) -> dict[str, Any]:
        """Write what is left, and tell what was found: rows of each file, its columns with any text, undirected edges.

        Raises
        ------
        InputError
            There is no edge.
        """
        edges, nodes = (self._files[tag].finish() for tag in ("edge", "node"))
        if not edges["rows"]:
            raise InputError("The GraphML file has no edges.", fix="Give a file with at least one edge.")
        return {"edges": edges, "nodes": nodes, "undirected": self.undirected}

    def close(self) -> None:
        """Close both files."""
        for file in self._files.values():
            file.close()


class _TextFile:
    """Rows of text → a Parquet file, a batch at a time."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self._schema = pa.schema([(name, pa.string()) for name in columns])
        self._writer = pq.ParquetWriter(path, self._schema, compression="lz4")
        self._rows: list[dict[str, str | None]] = []
        self._count = 0
        self._used: set[str] = set()

    def add(self, row: dict[str, str | None]) -> None:
        self._rows.append(row)
        self._used |= row.keys()
        self._count += 1
        if len(self._rows) == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows.clear()

    def finish(self) -> dict[str, Any]:
        self._flush()
        return {"rows": self._count, "columns": sorted(self._used)}

    def close(self) -> None:
        self._writer.close()


def read_graphml(path: Path, reader: GraphmlReader, *, meter: Meter) -> Iterator[float]:
    """Pass a file, gzipped or not, through the reader, yielding the share that is done.

    Raises
    ------
    InputError
        Not well-formed, no GraphML, hyperedges, or a declared document type or entity.
    TooLarge
        Beyond a cap.
    """
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    fed = 0
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    with open_text(path, gzipped=gzipped, meter=meter) as stream:
        try:
            while block := stream.read(BLOCK_BYTES):
                parser.Parse(block, False)
                fed += len(block)
                if fed - parser.CurrentByteIndex > TAG_BYTES:
                    raise TooLarge(f"A tag is longer than {TAG_BYTES:,} bytes.", fix="Write the file again.")
                yield min(fed / stream.estimate_size(), 1.0)
            parser.Parse(b"", True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"The file is no well-formed XML: {str(error)[:200]}.", fix="Write the GraphML file again, as UTF-8."
            ) from error


def _refuse(*_: object) -> NoReturn:
    raise InputError(
        "The file declares a document type or entities, which are not read.",
        fix="Remove the DOCTYPE and write the texts out; GraphML needs neither.",
    )


def _check_root(tag: str, *, first: bool) -> None:
    if first and tag != "graphml":
        raise InputError(f"The file is XML, but its root is {shorten(tag)}, not graphml.", fix="Give a GraphML file.")
    if tag == "hyperedge":
        raise InputError("The file has hyperedges, which are not read.", fix="Write them as edges between two nodes.")


def _put(found: dict[str, tuple[int, str]], role: str, rank: int, text: str) -> None:
    """Keep the text of the name that ranks first among those of a role."""
    if role not in found or rank < found[role][0]:
        found[role] = (rank, text)
