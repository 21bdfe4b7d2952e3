"""GraphML of unknown honesty."""

import gzip
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, TooLarge
from core.ingest.graphml import ATTRIBUTE_LENGTH, TEXT_LENGTH, GraphmlReader, read_graphml
from core.ingest.streams import Meter

HEAD = '<?xml version="1.0" encoding="UTF-8"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
EDGE = '<edge source="a" target="b"/>'

Read = Callable[..., tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]]


def wrap(inside: str, keys: str = "", default: str = "directed") -> bytes:
    return f'{HEAD}{keys}<graph edgedefault="{default}">{inside}</graph></graphml>'.encode()


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def run(content: bytes, *, rows_cap: int = 1_000, bytes_cap: float = 1e9) -> Any:
        path = tmp_path / "graph.graphml"
        path.write_bytes(content)
        reader = GraphmlReader(tmp_path / "edges", tmp_path / "nodes", rows_cap=rows_cap)
        try:
            assert all(0 < share <= 1 for share in read_graphml(path, reader, meter=Meter(bytes_cap)))
            found = reader.finish()
        finally:
            reader.close()
        return *(pq.read_table(tmp_path / name).to_pylist() for name in ("edges", "nodes")), found

    return run


def test_nodes_and_edges_with_their_attributes(read: Read) -> None:
    keys = (
        '<key id="d0" for="node" attr.name="Name"/><key id="d1" for="node" attr.name="title"/>'
        '<key id="d2" for="all" attr.name="category"><default>other</default></key>'
        '<key id="w" for="edge" attr.name="weight" attr.type="double"><default>1</default></key>'
        '<key id="x" for="node" attr.name="colour"/><key id="p" for="port" attr.name="title"/>'
    )
    inside = (
        '<node id="a"><data key="d1">The A</data><data key="d0">no</data><data key="x">red</data></node>'
        '<node id="b"><data key="d0">B &amp; &#233;</data><data key="d2">Cases</data></node>'
        '<edge source="a" target="b"><data key="w">2.5</data></edge><edge source="b" target="a"/>'
    )
    edges, nodes, found = read(wrap(inside, keys))
    assert nodes == [
        {"id": "a", "title": "The A", "category": "other"}, {"id": "b", "title": "B & é", "category": "Cases"},
    ]  # fmt: skip
    assert edges == [
        {"source": "a", "target": "b", "weight": "2.5"}, {"source": "b", "target": "a", "weight": "1"},
    ]  # fmt: skip
    assert found == {
        "edges": {"rows": 2, "columns": ["source", "target", "weight"]},
        "nodes": {"rows": 2, "columns": ["category", "id", "title"]},
        "undirected": 0,
    }


def test_undirected_edges_are_two(read: Read) -> None:
    inside = EDGE + '<edge source="c" target="d" directed="true"/>'
    edges, _, found = read(wrap(inside, default="undirected"))
    assert [(e["source"], e["target"]) for e in edges] == [("a", "b"), ("b", "a"), ("c", "d")]
    assert found["undirected"] == 1
    assert read(wrap('<edge source="a" target="b" directed="false"/>'))[2]["undirected"] == 1


def test_prefixes_nested_graphs_and_gzip_are_read(read: Read) -> None:
    prefixed = '<g:graphml xmlns:g="http://x"><g:graph><g:edge source="a" target="b"/></g:graph></g:graphml>'
    assert len(read(prefixed.encode())[0]) == 1
    inner = '<node id="a"><graph edgedefault="undirected"><node id="b"/><edge source="b" target="c"/></graph></node>'
    edges, nodes, _ = read(gzip.compress(wrap(inner + EDGE)))
    assert [node["id"] for node in nodes] == ["b", "a"]
    assert [(e["source"], e["target"]) for e in edges] == [("b", "c"), ("c", "b"), ("a", "b")]


def test_a_long_text_is_kept_only_as_far_as_it_is_looked_at(read: Read) -> None:
    keys = '<key id="t" for="node" attr.name="title"/>'
    _, nodes, _ = read(wrap(f'<node id="a"><data key="t">{"é" * 10**6}</data></node>' + EDGE, keys))
    assert nodes[0]["title"] == "é" * TEXT_LENGTH


LAUGHS = (
    '<!DOCTYPE g [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    + "]>"
)
BOMBS = {
    "billion laughs": f'<?xml version="1.0"?>{LAUGHS}<graphml>&j;</graphml>',
    "quadratic blow-up": f'<!DOCTYPE g [<!ENTITY a "{"x" * 100_000}">]><graphml>{"&a;" * 100_000}</graphml>',
    "external entity": '<!DOCTYPE g [<!ENTITY a SYSTEM "file:///etc/passwd">]><graphml><graph>&a;</graph></graphml>',
    "external subset": '<!DOCTYPE g SYSTEM "http://127.0.0.1:9/evil.dtd"><graphml/>',
    "parameter entity": '<!DOCTYPE g [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]><graphml/>',
    "entity in an attribute": '<!DOCTYPE g [<!ENTITY a "x">]><graphml><graph><node id="&a;"/></graph></graphml>',
    "default attribute": '<!DOCTYPE g [<!ATTLIST node id CDATA "x">]><graphml/>',
    "document type alone": "<!DOCTYPE graphml><graphml/>",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_expand(read: Read, name: str) -> None:
    started = time.process_time()
    with pytest.raises(InputError, match="declares a document type or entities"):
        read(BOMBS[name].encode())
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no well-formed XML: no element found"),
        (b"source,target\na,b\n", "no well-formed XML: syntax error"),
        (wrap(EDGE)[:-5], "no well-formed XML"),
        (wrap(EDGE) + b"<a/>", "no well-formed XML: junk after document element"),
        (b"<graphml><graph>&nope;</graph></graphml>", "no well-formed XML: undefined entity"),
        (b"<graphml>\xff</graphml>", "no well-formed XML: not well-formed"),
        (b"<?xml version='1.0' encoding='klingon'?><graphml/>", "no well-formed XML: unknown encoding"),
        (b"<html><body/></html>", "its root is 'html', not graphml"),
        (wrap("<hyperedge/>"), "has hyperedges"),
        (wrap('<node id="a"/>'), "has no edges"),
        (b"\x1f\x8b\x08\x00broken", "gzip file is damaged"),
    ],
)
def test_what_is_no_graph_is_refused(read: Read, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(content)
    assert caught.value.fix.endswith(".")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (wrap("<x>" * 1_000 + "</x>" * 1_000), "stand more than 32 deep"),
        (wrap(f'<node id="{"x" * (ATTRIBUTE_LENGTH + 1)}"/>'), "attributes, or one of more than 2,000 characters"),
        (wrap("<node " + " ".join(f"a{i}='1'" for i in range(65)) + "/>"), "has more than 64 attributes"),
        (wrap(f'<node id="{"x" * 3_000_000}"/>'), "A tag is longer than 1,048,576 bytes"),
        (wrap(f"<!--{'x' * 3_000_000}-->"), "A tag is longer than 1,048,576 bytes"),
        (wrap(EDGE * 11), "There are more than 10 nodes and edges"),
        (wrap(EDGE + " " * 200_000), "The content is larger than 100,000 bytes"),
        (gzip.compress(wrap(EDGE + " " * 200_000)), "The content is larger than 100,000 bytes"),
    ],
)
def test_what_is_too_large_is_refused(read: Read, content: bytes, message: str) -> None:
    caps = {"rows_cap": 10} if b"edge" in content and len(content) < 1_000 else {}
    caps |= {"bytes_cap": 100_000} if "100,000" in message else {}
    with pytest.raises(TooLarge, match=message):
        read(content, **caps)


def test_a_row_without_ends_keeps_its_place(read: Read) -> None:
    edges, nodes, _ = read(wrap('<node/><edge source="a"/>' + EDGE))
    assert nodes == [{"id": None, "title": None, "category": None}]
    assert edges[0] == {"source": "a", "target": None, "weight": None}


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(place: int, byte: int) -> None:
    keys = '<key id="d1" for="node" attr.name="title"/>'
    content = bytearray(wrap('<node id="a"><data key="d1">The A</data></node>' + EDGE, keys))
    content[place % len(content)] = byte
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes(content)
        reader = GraphmlReader(Path(folder) / "e", Path(folder) / "n", rows_cap=10)
        try:
            list(read_graphml(path, reader, meter=Meter(10_000)))
            reader.finish()
        except InputError as error:
            assert error.fix
        finally:
            reader.close()
