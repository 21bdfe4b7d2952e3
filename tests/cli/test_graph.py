"""``python -m core graph``: the JSON contract, the columns, the round trip of a model, and how each command fails."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from core.cli.main import main
from core.errors import TooLarge
from core.graph import child
from core.graph.engines import ENGINES
from core.graph.model_file import read_model
from tests.cli.conftest import Outcome

ROOT = Path(__file__).resolve().parents[2]
EDGES, ITEMS = ROOT / "sample_data" / "graph_edges.csv", ROOT / "sample_data" / "graph_items.csv"
METRICS = {"HR@5", "HR@10", "HR@20", "MRR@20", "NDCG@10", "Recall@10", "direction_auc", "direction_accuracy"}
Call = Callable[..., Outcome]


class _TrainedHere:
    """Stands in for the training process: the same request, code and reply, without the seconds of a start."""

    def __init__(self, *_: Any) -> None:
        self.stdin, self.stdout = self, self._read()
        self._lines: list[str] = []
        self._served = Event()

    def __enter__(self) -> "_TrainedHere":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, request: str) -> None:
        self._request = json.loads(request)

    def close(self) -> None:
        self._say(child.serve(self._request, say=self._say))
        self._served.set()

    def _say(self, message: dict[str, Any]) -> None:
        self._lines.append(json.dumps(message) + "\n")

    def _read(self) -> Iterator[str]:
        assert self._served.wait(60)
        yield from self._lines

    def kill(self) -> None:
        return None


@pytest.fixture
def call(
    home: Path,
    serve_here: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Run a command of this word, all in this process."""
    serve_here()
    monkeypatch.setattr("core.graph.process._start_child", _TrainedHere)

    def run(*arguments: object) -> Outcome:
        try:
            status = main(["graph", *map(str, arguments)])
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return run


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write lines as a file."""

    def to_file(name: str, *lines: str) -> Path:
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path / name

    return to_file


@pytest.fixture
def shop(write: Write) -> tuple[Path, Path]:
    """Two phones that lead to the same cases, a third phone that leads to two of them, and a charger."""
    edges = write(
        "edges.csv",
        "source,target",
        *(f"{phone},{case}" for phone in ("p1", "p2") for case in ("c1", "c2", "c3")),
        "p3,c1", "p3,c2", "c1,c2", "p1,x",
    )  # fmt: skip
    items = write(
        "items.csv",
        "id,title,category,price,brand",
        *(f"p{i},Phone {i},Phones,{100 * i},Orla" for i in (1, 2, 3)),
        *(f"c{i},Case {i},Cases,{i},Mo" for i in (1, 2, 3)),
        "x,Phone 1,Chargers,9,Mo",
    )
    return edges, items


def train(call: Call, shop: Sequence[Path], out: Path, *options: object) -> Outcome:
    return call("train", shop[0], "--items", shop[1], "--engine", "cocitation", *options, "--out", out)


def failed(outcome: Outcome, *words: str) -> None:
    assert outcome.status == 2
    assert outcome.out == ""
    assert "mend: " in outcome.err
    for word in words:
        assert word in outcome.err


class TestHealth:
    def test_it_counts_and_warns(self, call: Call, shop: tuple[Path, Path]) -> None:
        """Edges: 3 + 3 + 2 + 1 + 1 = 10 among 7 products; none goes both ways; c1 and c2 have most in, p1 most out."""
        found = call("health", shop[0], "--items", shop[1]).json
        assert (found["nodes"], found["edges"], found["one_way"]) == (7, 10, 1)
        assert (found["max_out"]["id"], found["max_out"]["degree"]) == ("p1", 4)
        assert (found["max_in"]["id"], found["max_in"]["degree"]) == ("c2", 4)
        assert found["warnings"]

    def test_swapped_the_degrees_change_places(self, call: Call, shop: tuple[Path, Path], tmp_path: Path) -> None:
        straight = call("health", shop[0]).json
        assert call("health", shop[0], "--swap", "--json", tmp_path / "out.json").out == ""
        turned = json.loads((tmp_path / "out.json").read_text())
        assert turned["max_in"] == straight["max_out"]
        assert turned["digest"] != straight["digest"]

    def test_columns_can_be_named(self, call: Call, write: Write) -> None:
        edges = write("e.csv", "a,b,c,n", "1,u,v,2", "1,v,w,1")
        items = write("i.csv", "key,label,kind,cost,tint", "u,One,K,1,red", "v,Two,K,2,red", "w,Three,L,3,blue")
        ends = ("--source", "b", "--target", "c", "--weight", "n")
        named = ("--item-id", "key", "--title", "label", "--category", "kind", "--feature", "cost", "--feature", "tint")
        found = call("health", edges, *ends, "--items", items, *named).json
        assert (found["nodes"], found["listed"], found["max_in"]["title"]) == (3, 3, "Two")

    @pytest.mark.parametrize("packed", [False, True])
    def test_graphml_is_read(self, call: Call, tmp_path: Path, packed: bool) -> None:
        text = (
            '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="directed">'
            '<node id="a"/><node id="b"/><edge source="a" target="b"/></graph></graphml>'
        )
        path = tmp_path / ("g.graphml.gz" if packed else "g.graphml")
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
        assert call("health", path).json["edges"] == 1
        failed(call("health", path, "--source", "a"), "stands alone")
        failed(call("health", path, "--items", path), "stands alone")

    def test_what_is_wrong_is_told_with_its_mend(self, call: Call, write: Write, tmp_path: Path) -> None:
        failed(call("health", tmp_path / "none.csv"), "none.csv")
        failed(call("health", write("a.csv", "x,y,z", "1,2,3")), "--target")
        failed(call("health", write("b.csv", "source,target", "1,1")), "to itself")
        edges = write("c.csv", "source,target", "1,2")
        failed(call("health", edges, "--items", write("d.csv", "x,y", "1,2")), "--item-id")
        failed(call("health", edges, "--source", "target", "--target", "target"), "two roles")


class TestEvaluate:
    def test_the_json_has_every_engine_with_intervals(self, call: Call) -> None:
        found = call("evaluate", EDGES, "--items", ITEMS, "--engines", "cocitation,popularity", "--seed", 3).json
        assert {"split", "n_test", "reverse_in_train", "engines", "in_degree", "comparisons"} <= found.keys()
        assert (found["split"], found["seed"], found["reverse_in_train"]) == ("pair", 3, 0)
        assert list(found["engines"]) == ["cocitation", "popularity"]
        for measured in found["engines"].values():
            assert METRICS | {"seconds"} <= measured.keys()
            assert measured["HR@10"].keys() == {"value", "lo", "hi"}
            assert measured["HR@10"]["lo"] <= measured["HR@10"]["value"] <= measured["HR@10"]["hi"]
        rows = {row["metric"]: row for row in found["comparisons"]}
        assert rows["HR@10"]["verdict"] == "better"

    def test_the_split_by_edge_says_that_it_leaks(self, call: Call) -> None:
        outcome = call("evaluate", EDGES, "--engines", "popularity", "--split", "edge")
        assert outcome.json["reverse_in_train"] > 0
        assert "the reverse was trained on" in outcome.err

    def test_an_engine_that_refuses_the_graph_is_named(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> Any:
            raise TooLarge("Too many.", fix="Choose another.")

        monkeypatch.setitem(ENGINES, "ease", replace(ENGINES["ease"], fit=refuse))
        outcome = call("evaluate", EDGES, "--engines", "popularity,ease")
        assert list(outcome.json["failed"]) == ["ease"]
        assert "ease was left out" in outcome.err

    def test_unknown_engines_and_seeds_are_refused(self, call: Call) -> None:
        failed(call("evaluate", EDGES, "--engines", "popularity,magic"), "'magic'", "popularity")
        failed(call("evaluate", EDGES, "--engines", ","), "No engine")
        failed(call("evaluate", EDGES, "--engines", "popularity,popularity"), "twice")
        failed(call("evaluate", EDGES, "--engines", "popularity", "--seed", "-1"), "seed")
        assert call("evaluate", EDGES, "--split", "odd").status == 2


class TestModels:
    def test_what_is_trained_recommends_and_is_exported(
        self, call: Call, shop: tuple[Path, Path], tmp_path: Path
    ) -> None:
        """p3 shares c1 and c2 with p1 and p2, which lead to c3 too: that is what comes next, ahead of x of p1 alone."""
        model, lists = tmp_path / "shop.model", tmp_path / "lists.parquet"
        options = ("--option", "exponent=0.25", "--option", "shrinkage=1", "--option", "neighbours=null")
        told = train(call, shop, model, *options, "--seed", 1).json
        assert told["settings"] == {"exponent": 0.25, "shrinkage": 1, "neighbours": None}
        found = call("recommend", model, "--item", "p3", "--k", 2, "--new").json
        assert (found["query"]["title"], found["direction"]) == ("Phone 3", "next")
        assert [row["id"] for row in found["items"]] == ["c3", "x"]
        assert {"score", "reverse_score", "asymmetry", "status", "in_degree", "out_degree"} <= found["items"][0].keys()
        told = call("export", model, "--k", 2, "--new", "--out", lists).json
        table = pq.read_table(lists).to_pandas()
        assert (told["rows"], told["method"], told["recall"]) == (len(table), "exact", 1)
        assert table[table["source"] == "p3"]["target"].tolist() == ["c3", "x"]

    def test_the_other_direction_asks_who_leads_there(
        self, call: Call, shop: tuple[Path, Path], tmp_path: Path
    ) -> None:
        train(call, shop, tmp_path / "m")
        found = call("recommend", tmp_path / "m", "--item", "c3", "--direction", "before", "--json", tmp_path / "out")
        assert found.out == ""
        rows = json.loads((tmp_path / "out").read_text())["items"]
        assert {row["id"]: row["status"] for row in rows}["p1"] == "known edge"

    def test_a_network_lends_a_product_without_edges_what_similar_ones_have(
        self, call: Call, shop: tuple[Path, Path], tmp_path: Path
    ) -> None:
        """Four products lead on, fewer than the ten similar ones that lend: the new phone has the mean of all four."""
        edges, items = shop
        items.write_text(items.read_text() + "p4,Phone 4,Phones,400,Orla\n")
        model, lists = tmp_path / "m", tmp_path / "lists.parquet"
        options = ("--option", "epochs=1", "--option", "dimensions=8")
        call("train", edges, "--items", items, "--engine", "lightgcn", *options, "--out", model)
        found = call("recommend", model, "--item", "p4", "--k", 3).json
        assert found["query"]["inferred"]
        assert not call("recommend", model, "--item", "p1").json["query"]["inferred"]
        learned = read_model(model)
        warm, new = np.flatnonzero(learned.graph.out_degree > 0), learned.graph.ids.tolist().index("p4")
        lent = learned.scorer.source[warm].mean(axis=0) @ learned.scorer.target.T
        first = np.argsort(-np.where(np.arange(len(lent)) == new, -np.inf, lent))[:3]
        assert [row["id"] for row in found["items"]] == learned.graph.ids[first].tolist()
        call("export", model, "--k", 3, "--out", lists)
        table = pq.read_table(lists).to_pandas()
        assert table[table["source"] == "p4"]["target"].tolist() == [row["id"] for row in found["items"]]

    def test_a_title_names_a_product_and_near_ones_are_named(
        self, call: Call, shop: tuple[Path, Path], tmp_path: Path
    ) -> None:
        model = tmp_path / "m"
        train(call, shop, model)
        assert call("recommend", model, "--item", "Case 2").json["query"]["id"] == "c2"
        failed(call("recommend", model, "--item", "Phone 1"), "2 products have the title", "p1; x")
        failed(call("recommend", model, "--item", "case"), "Near ones", "c1 ('Case 1')")
        failed(call("recommend", model, "--item", "phome 3"), "p3 ('Phone 3')")
        failed(call("recommend", model, "--item", "\x1b[31m"), "Give an id")
        failed(call("recommend", model, "--item", "p1", "--k", 0), "number of recommendations")

    def test_options_and_engines_that_are_not_there_are_refused(
        self, call: Call, shop: tuple[Path, Path], tmp_path: Path
    ) -> None:
        out = tmp_path / "m"
        failed(call("train", shop[0], "--engine", "magic", "--out", out), "magic")
        failed(train(call, shop, out, "--option", "magic=1"), "magic", "exponent")
        failed(train(call, shop, out, "--option", "exponent"), "NAME=VALUE")
        failed(train(call, shop, out, "--option", "exponent=2"), "exponent")
        failed(train(call, shop, out, "--option", "exponent=high"), "exponent cannot be 'high'", "a number")
        failed(train(call, shop, out, "--option", "neighbours=2.5"), "a whole number or null")
        failed(train(call, shop, tmp_path / "no" / "m"), "cannot be written")
        assert not out.exists()

    def test_what_is_no_model_is_refused(self, call: Call, shop: tuple[Path, Path], tmp_path: Path) -> None:
        failed(call("recommend", tmp_path / "none", "--item", "p1"), "none cannot be read")
        failed(call("export", shop[0], "--out", tmp_path / "out"), "cannot be used")


class TestImport:
    @pytest.fixture
    def vectors(self, write: Write, tmp_path: Path) -> list[object]:
        """One dimension: p1 asks with 1, and answers are c1 3, c2 2, c3 1; a row of a product that is gone."""
        rows = ("p1", "c1", "c2", "c3", "gone")
        np.save(tmp_path / "s.npy", np.array([[1.0], [0], [0], [0], [5]]))
        np.save(tmp_path / "t.npy", np.array([[0.0], [3], [2], [1], [9]]))
        return [tmp_path / "s.npy", tmp_path / "t.npy", "--ids", write("ids.csv", "node_id", *rows)]

    def test_matrices_become_a_model(
        self, call: Call, shop: tuple[Path, Path], vectors: list[object], tmp_path: Path
    ) -> None:
        model = tmp_path / "m"
        told = call("import", *vectors[:2], shop[0], *vectors[2:], "--out", model).json
        assert (told["engine"], told["products"], told["matched"], told["unknown"]) == ("imported", 7, 4, 1)
        found = call("recommend", model, "--item", "p1", "--k", 3).json
        assert [(row["id"], row["score"]) for row in found["items"]] == [("c1", 3), ("c2", 2), ("c3", 1)]

    def test_matrices_that_do_not_fit_are_refused(
        self, call: Call, shop: tuple[Path, Path], vectors: list[object], write: Write, tmp_path: Path
    ) -> None:
        source, target, _, ids = map(Path, map(str, vectors))

        def attempt(*words: str, first: Path = source, second: Path = target, names: Path = ids) -> None:
            failed(call("import", first, second, shop[0], "--ids", names, "--out", tmp_path / "m"), *words)

        def save(array: Any) -> Path:
            np.save(tmp_path / "bad.npy", array)
            return tmp_path / "bad.npy"

        attempt("different shapes", first=save(np.ones((4, 1))))
        attempt("not finite", first=save(np.array([[np.nan], [1], [1], [1], [1]])))
        attempt("not finite", first=save(np.full((5, 1), 1e300)))
        attempt("of shape (5,)", first=save(np.ones(5)))
        attempt("no array that NumPy saved", first=save(np.array([[{}]] * 5, dtype=object)))
        attempt("no array that NumPy saved", second=ids)
        attempt("cannot be read", second=tmp_path / "none.npy")
        attempt("4 rows", names=write("few.csv", "id", "p1", "c1", "c2", "c3"))
        attempt("stands in 2 rows", names=write("twice.csv", "id", "p1", "p1", "c1", "c2", "c3"))
        attempt("None of the 5 ids", names=write("other.csv", "id", *"abcde"))
        attempt("looks like the id", names=write("two.csv", "x,y", *["1,2"] * 5))
        assert not (tmp_path / "m").exists()


class TestKept:
    def test_graphs_are_listed_and_deleted_with_all_that_was_made_of_them(
        self, call: Call, shop: tuple[Path, Path], home: Path, tmp_path: Path
    ) -> None:
        train(call, shop, tmp_path / "m")
        train(call, shop, tmp_path / "turned", "--swap")
        digest = call("health", EDGES).json["digest"]
        call("evaluate", EDGES, "--engines", "popularity")
        assert len([*(home / "graph" / "models").iterdir()]) == 2
        listed = call("list").out.splitlines()
        assert len(listed) == 2
        assert f"{digest}       2,191 products       18,670 edges  'graph_edges.csv'" in listed
        other = next(line.split()[0] for line in listed if not line.startswith(digest))
        assert call("delete", other).out == f"deleted {other}\n"
        assert not [*(home / "graph" / "models").iterdir()]
        assert call("delete", "--all").out == f"deleted {digest}\n"
        assert not [path for path in home.rglob("*") if path.is_file()]

    def test_only_what_is_there_can_be_deleted(self, call: Call) -> None:
        failed(call("delete", "0" * 64), "There is no stored graph")
        failed(call("delete", "../x"), "not a data digest")
        assert call("delete").status == 2

    def test_a_damaged_graph_is_listed_as_such(self, call: Call, shop: tuple[Path, Path], home: Path) -> None:
        digest = call("health", shop[0]).json["digest"]
        (home / "graph" / "edges" / f"{digest}.parquet").write_bytes(b"gone")
        assert call("list").out == f"{digest}  cannot be read\n"


def test_the_command_line_loads_no_torch_for_other_commands(home: Path) -> None:
    code = "import sys; from core.cli.main import main; main(['graph', 'list']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
