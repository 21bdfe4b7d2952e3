"""Models as files: what is written comes back; what was not written here is refused, and nothing of it is run."""

import json
import zipfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from scipy.sparse import csr_array

from core.errors import InputError
from core.graph.engines import ENGINES
from core.graph.hops import HopFactors, Propagation
from core.graph.model_file import Model, read_model, write_model
from core.graph.scorers import Factors, Product
from core.graph.split import split_graph
from core.jobs import finish
from tests.graph.tiny_graphs import make_graph, random_graph, table

PAIRS = [(0, 1), (0, 2), (1, 0), (3, 1)]


def random_vectors(nodes=5, d=3):
    rng = np.random.default_rng(0)
    return Factors(*(rng.standard_normal((nodes, d)).astype(np.float32) for _ in range(2)))


def make_model(scorer=None, **changes):
    graph = make_graph(PAIRS, 5, category=[0, 1, 1, 0, 2])
    settings = {"dimensions": 3, "share": 0.5, "adaptive": True, "kind": "pair", "limit": None}
    model = Model(graph, scorer or random_vectors(), "strap", settings, 7, {"HR@10": 0.25})
    return replace(model, **changes)


def rewrite(path, change):
    """The same file with its members changed: name → bytes."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)


def rewrite_header(path, **changes):
    def change(members):
        members["header.json"] = json.dumps(json.loads(members["header.json"]) | changes).encode()

    rewrite(path, change)


def as_npy(array):
    out = BytesIO()
    np.save(out, array)
    return out.getvalue()


def same(one, other):
    if isinstance(one, csr_array):
        return one.shape == other.shape and (one != other).nnz == 0
    if isinstance(one, str):
        return one == other
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


SCORERS = {
    "vectors": random_vectors(),
    "sparse": Product(csr_array(np.eye(5, dtype=np.float32)), csr_array(np.eye(5, k=1, dtype=np.float32))),
    "dense": Product(csr_array(np.eye(5, dtype=np.float32)), np.ones((5, 5), dtype=np.float32)),
    "narrow": Product(csr_array(np.ones((5, 2), dtype=np.float32)), np.ones((2, 5), dtype=np.float32)),
    "nothing": Product(csr_array((5, 5), dtype=np.float32), csr_array((5, 5), dtype=np.float32)),
}


@pytest.mark.parametrize("name", SCORERS)
def test_what_is_written_comes_back(tmp_path, name):
    path, model = tmp_path / "model", make_model(SCORERS[name])
    write_model(model, path)
    found = read_model(path)
    assert (found.engine, found.settings, found.seed) == (model.engine, model.settings, model.seed)
    assert found.validation == model.validation
    assert (found.graph.digest, found.graph.name) == (model.graph.digest, model.graph.name)
    assert found.graph.items.categories == model.graph.items.categories
    for of in ("ids", "weight", "time"):
        assert same(getattr(found.graph, of), getattr(model.graph, of))
    for of in ("title", "category", "features", "listed"):
        assert same(getattr(found.graph.items, of), getattr(model.graph.items, of))
    assert np.array_equal(found.graph.edges.keys(5), model.graph.edges.keys(5))
    assert type(found.scorer) is type(model.scorer)
    for of in type(model.scorer).__slots__:
        assert same(getattr(found.scorer, of), getattr(model.scorer, of))


def test_text_comes_back_as_it_was(tmp_path):
    texts = np.array(["<script>alert(1)</script>", "=cmd|'/c'!A0", "x" * 10**6, "", "é日本\x00🙂"], dtype=object)
    graph = make_graph(PAIRS, 5)
    items = replace(
        graph.items, title=texts, categories=("$\\alpha$",), feature_names=("a\nb",), features=np.ones((5, 1))
    )
    write_model(make_model(graph=replace(graph, items=items, name="a/../b")), tmp_path / "model")
    found = read_model(tmp_path / "model").graph
    assert found.items.title.tolist() == texts.tolist()
    assert (found.items.categories, found.items.feature_names, found.name) == (("$\\alpha$",), ("a\nb",), "a/../b")


def test_one_product_without_edges(tmp_path):
    write_model(make_model(random_vectors(1), graph=make_graph([], 1)), tmp_path / "model")
    assert read_model(tmp_path / "model").graph.nodes == 1


def test_equal_models_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        write_model(make_model(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": {"a": float("nan")}},
        {"settings": {"a": object()}},
        {"validation": {"HR@10": float("inf")}},
        {"scorer": table(np.zeros((5, 5)))},
        {"scorer": Factors(np.zeros((5, 1), np.float16), np.zeros((5, 1), np.float16))},
    ],
)
def test_what_no_file_holds_is_refused_and_the_old_file_stays(tmp_path, changes):
    path = tmp_path / "model"
    write_model(make_model(), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="cannot"):
        write_model(make_model(**changes), path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_model(make_model(), tmp_path / "none" / "model")
    with pytest.raises(InputError, match="cannot be read"):
        read_model(tmp_path / "none")


@pytest.mark.parametrize("data", [b"", b"PK", b"not a model", b"\x80\x04pickle.", b"PK\x05\x06" + b"\0" * 18])
def test_other_files_are_refused(tmp_path, data):
    (tmp_path / "model").write_bytes(data)
    with pytest.raises(InputError, match="cannot be used"):
        read_model(tmp_path / "model")


def test_every_cut_is_refused(tmp_path):
    path = tmp_path / "model"
    write_model(make_model(), path)
    data = path.read_bytes()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(InputError):
            read_model(path)


def test_changed_bytes_are_refused_or_harmless(tmp_path):
    path, rng = tmp_path / "model", np.random.default_rng(2)
    write_model(make_model(SCORERS["sparse"]), path)
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    refused = 0
    for _ in range(200):
        changed = data.copy()
        at = rng.integers(0, len(data), 3)
        changed[at] = rng.integers(0, 256, 3)
        path.write_bytes(changed.tobytes())
        try:
            read_model(path)
        except InputError:
            refused += 1
    assert refused > 150


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "not a model of a graph"),
        ({"version": 2}, "is of version 2; this RecScope reads version 1"),
        ({"version": [1]}, "is of version"),
        ({"engine": 3}, "engine is missing"),
        ({"seed": True}, "seed is missing"),
        ({"settings": {"a": [1]}}, "settings are of another kind"),
        ({"validation": None}, "validation is missing"),
        ({"scorer": None}, "not described"),
        ({"scorer": {"array": "weight"}}, "another kind"),
        ({"scorer": {"value": 3}}, "another kind"),
        ({"scorer": {"class": "Popen", "fields": {}}}, "names a scorer that does not exist"),
        ({"scorer": {"class": "os.system", "fields": {"command": {"value": "true"}}}}, "does not exist"),
        ({"scorer": {"class": ["Factors"], "fields": {}}}, "does not exist"),
        ({"scorer": {"class": "Factors", "fields": {}}}, "a Factors has other parts"),
        ({"scorer": {"class": "Factors", "fields": {"source": {"value": 1}, "target": {"value": 1}}}}, "another kind"),
        ({"scorer": {"class": "Factors", "fields": {"source": {"array": "no"}, "target": {"array": "no"}}}}, "missing"),
        ({"scorer": {"sparse": "x", "shape": [5, 5]}}, "missing"),
        ({"scorer": {"tuple": [{"tuple": []}]}}, "another kind"),
    ],
)
def test_wrong_headers_are_refused(tmp_path, changes, message):
    path = tmp_path / "model"
    write_model(make_model(), path)
    rewrite_header(path, **changes)
    with pytest.raises(InputError, match=message):
        read_model(path)


@pytest.mark.parametrize(
    "text", [b"[]", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b'{"format": "' + b"x" * 2**20 + b'"}']
)
def test_wrong_json_is_refused(tmp_path, text):
    path = tmp_path / "model"
    write_model(make_model(), path)
    rewrite(path, lambda members: members.update({"header.json": text}))
    with pytest.raises(InputError, match="its header"):
        read_model(path)


FLOATS = np.zeros((5, 3), dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("scorer.source", FLOATS[:4], "not fit|not one of"),
        ("scorer.source", FLOATS[:, :2], "not fit"),
        ("scorer.source", FLOATS.astype(np.float64), "another kind"),
        ("scorer.source", FLOATS[:, :1] + np.float32(np.nan), "not finite"),
        ("scorer.source", np.full((5, 3), 3e38, dtype=np.float32), "not one of"),  # the scores overflow
        ("source", np.array([0, 0, 1, 9]), "edges or categories"),
        ("source", np.array([0, 0, 1, -1]), "edges or categories"),
        ("source", np.array([3, 0, 1, 0]), "edges or categories"),
        ("target", np.array([1, 1, 0, 1]), "edges or categories"),
        ("target", np.array([1, 2, 1, 1]), "edges or categories"),
        ("target", np.array([1, 2, 0]), "do not fit together"),
        ("weight", np.array([1.0, 1.0, 1.0, 0.0]), "not above 0"),
        ("weight", np.array([1.0, 1.0, 1.0, np.nan]), "not above 0"),
        ("weight", np.ones(4, dtype=np.int64), "missing or of another kind"),
        ("category", np.array([0, 1, 1, 0, 3]), "edges or categories"),
        ("features", np.zeros((5, 2)), "do not fit together"),
        ("listed", np.ones(6, dtype=bool), "do not fit together"),
        ("ids.ends", np.array([0, 2, 4, 6, 8, 99]), "text ids is damaged"),
        ("ids.ends", np.array([0, 8, 4, 6, 8, 10]), "text ids is damaged"),
        ("ids.ends", np.array([], dtype=np.int64), "text ids is damaged"),
        ("ids.text", np.full(10, 255, dtype=np.uint8), "text ids is damaged"),
        ("ids.text", np.zeros((1, 10), dtype=np.uint8), "missing or of another kind"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, name, array, message):
    path = tmp_path / "model"
    write_model(make_model(), path)
    rewrite(path, lambda members: members.update({f"{name}.npy": as_npy(array)}))
    with pytest.raises(InputError, match=message):
        read_model(path)


@pytest.mark.parametrize(
    ("part", "array"),
    [
        ("indices", np.array([0, 1, 2, 3, 10**6], dtype=np.int32)),
        ("indices", np.array([0, 1, 2, 3, -1], dtype=np.int32)),
        ("indptr", np.array([0, 1, 2, 3, 4, 10**6], dtype=np.int32)),
        ("indptr", np.array([0, 3, 2, 3, 4, 5], dtype=np.int32)),
        ("indptr", np.array([[0, 1, 2, 3, 4, 5]], dtype=np.int32)),
        ("indices", np.ones(5, dtype=np.float32)),
        ("data", np.ones(4, dtype=np.float32)),
        ("data", np.full(5, np.inf, dtype=np.float32)),
    ],
)
def test_matrices_that_point_outside_are_refused(tmp_path, part, array):
    path = tmp_path / "model"
    write_model(make_model(SCORERS["sparse"]), path)
    rewrite(path, lambda members: members.update({f"scorer.left.{part}.npy": as_npy(array)}))
    with pytest.raises(InputError):
        read_model(path)


@pytest.mark.parametrize(
    ("base", "message"), [(np.ones((5, 2)), "do not fit together"), (np.ones((5, 3)), "do not sum to it")]
)
def test_parts_that_are_not_those_of_the_score_are_refused(tmp_path, base, message):
    path, start = tmp_path / "model", random_vectors()
    flow = Propagation.of_edges(make_graph(PAIRS, 5).edges, 5, (0.5, 0.3, 0.2))
    source, target = flow.apply(start.source, start.target)
    scorer = HopFactors(source, target, start.source, start.target, flow.out, flow.into, flow.weights)
    write_model(make_model(scorer), path)
    found = read_model(path).scorer
    assert found.weights == scorer.weights
    assert found.terms(0, 1).value.tolist() == scorer.terms(0, 1).value.tolist()
    rewrite(path, lambda members: members.update({"scorer.base_source.npy": as_npy(base.astype(np.float32))}))
    with pytest.raises(InputError, match=message):
        read_model(path)


def npy_header(text):
    padded = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


@pytest.mark.parametrize(
    "data",
    [
        npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000000,)}") + b"\0" * 32,
        npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (-4,)}") + b"\0" * 32,
        npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (2, -2)}") + b"\0" * 32,
        npy_header("{'descr': '<f8', 'fortran_order': True, 'shape': (4,)}") + b"\0" * 32,
        npy_header("{'descr': '|O', 'fortran_order': False, 'shape': (4,)}") + b"\x80\x04." + b"\0" * 29,
        npy_header("{'descr': '<U8', 'fortran_order': False, 'shape': (1,)}") + b"\0" * 32,
        npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1, 1, 4)}") + b"\0" * 32,
        npy_header("__import__('os').system('false')"),
        b"\x93NUMPY\x03\x00",
        b"",
    ],
)
def test_hostile_arrays_are_refused(tmp_path, data):
    path = tmp_path / "model"
    write_model(make_model(), path)
    rewrite(path, lambda members: members.update({"weight.npy": data}))
    with pytest.raises(InputError, match=r"weight\.npy is"):
        read_model(path)


def test_truth_values_that_are_neither_are_refused(tmp_path):
    path = tmp_path / "model"
    write_model(make_model(), path)
    data = as_npy(np.ones(5, dtype=bool))[:-5] + b"\x07" * 5
    rewrite(path, lambda members: members.update({"listed.npy": data}))
    with pytest.raises(InputError, match="neither true nor false"):
        read_model(path)


def test_compressed_members_are_refused(tmp_path):
    path = tmp_path / "model"
    write_model(make_model(), path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.npy", b"\0" * 10**7)
    with pytest.raises(InputError, match="compressed"):
        read_model(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["header.json", "../../evil.py"])
def test_other_members_are_refused(tmp_path, name):
    path = tmp_path / "model"
    write_model(make_model(), path)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(name, b"{}")
    with pytest.raises(InputError, match=r"one twice|not those of a model"):
        read_model(path)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_can_be_kept(tmp_path, engine):
    graph, rng = random_graph(np.random.default_rng(0), 60, share=0.1), np.random.default_rng(0)
    scorer = finish(ENGINES[engine].fit(split_graph(graph, rng=rng).fold, rng=rng))
    write_model(make_model(scorer, graph=graph), tmp_path / "model")
    some = np.arange(60)
    assert np.array_equal(read_model(tmp_path / "model").scorer.score_from(some), scorer.score_from(some))
