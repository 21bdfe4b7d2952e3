"""A fitted model as one file: the graph that it learned from, its scorer, and how it was made."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array

from core.errors import InputError
from core.graph.arrays_file import read_arrays, refused, write_arrays
from core.graph.data import Edges, Graph, Items, TextArray
from core.graph.scorers import Scorer
from core.graph.terms import Explainable

FORMAT, VERSION = "recscope-graph-model", 1
ROUNDING = 1e-3  # of the sizes of the parts of a score, which are summed in another order than the score
Setting: TypeAlias = str | int | float | bool | None

# Where the classes live that a file may name. Each is a dataclass of arrays, sparse matrices, plain values, tuples, and
# further classes of this table. A class is imported only for a file that names it.
HOMES = {
    "Factors": "core.graph.scorers",
    "Product": "core.graph.scorers",
    "HopFactors": "core.graph.hops",
    "Ensemble": "core.graph.parts",
    "Part": "core.graph.parts",
}


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A fitted engine with all that recommending needs.

    Attributes
    ----------
    graph
        All nodes, and the edges that the engine learned from. Of what was cleaned in its files, nothing is kept.
    scorer
        What the engine found.
    engine
        Its name.
    settings
        How it was fitted.
    seed
        Where its random numbers came from.
    validation
        Figures on the validation edges, by name; empty where there were none.
    """

    graph: Graph
    scorer: Scorer
    engine: str
    settings: dict[str, Setting]
    seed: int
    validation: dict[str, float]


def write_model(model: Model, path: Path) -> None:
    """Write a model to a file; equal models give equal bytes.

    Raises
    ------
    InputError
        The file cannot be written, or the model holds what a file cannot: a figure that is not finite, an object that
        is no part of a scorer.
    """
    graph, items = model.graph, model.graph.items
    arrays: dict[str, npt.NDArray[Any]] = {
        "source": graph.edges.source, "target": graph.edges.target, "weight": graph.weight, "time": graph.time,
        "category": items.category, "features": items.features, "listed": items.listed,
    }  # fmt: skip
    _put_texts(arrays, "ids", graph.ids)
    _put_texts(arrays, "titles", items.title)
    _put_texts(arrays, "categories", items.categories)
    _put_texts(arrays, "feature_names", items.feature_names)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "digest": graph.digest,
        "name": graph.name,
        "engine": model.engine,
        "settings": model.settings,
        "seed": model.seed,
        "validation": model.validation,
        "scorer": _describe(model.scorer, "scorer", arrays),
    }
    try:
        write_arrays(header, arrays, path)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _unsaved("a setting or figure that is no finite number, text or truth value") from None


def _put_texts(arrays: dict[str, npt.NDArray[Any]], name: str, texts: "TextArray | tuple[str, ...]") -> None:
    column = pa.array(texts, type=pa.large_string())
    _, ends, letters = column.buffers()
    arrays[f"{name}.ends"] = np.frombuffer(ends, dtype=np.int64, count=len(column) + 1)
    arrays[f"{name}.text"] = np.frombuffer(letters or b"", dtype=np.uint8, count=arrays[f"{name}.ends"][-1])


def _describe(value: object, name: str, arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """What the header says of a value; its arrays are put under names that begin with ``name``."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        arrays[name] = value
        return {"array": name}
    if isinstance(value, csr_array):
        arrays |= {f"{name}.data": value.data, f"{name}.indices": value.indices, f"{name}.indptr": value.indptr}
        return {"sparse": name, "shape": [int(size) for size in value.shape]}
    if isinstance(value, tuple):
        return {"tuple": [_describe(part, f"{name}.{place}", arrays) for place, part in enumerate(value)]}
    if is_dataclass(value) and type(value).__name__ in HOMES:
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        described = {key: _describe(part, f"{name}.{key}", arrays) for key, part in parts.items()}
        return {"class": type(value).__name__, "fields": described}
    if value is None or isinstance(value, str | int | float):
        return {"value": value}
    raise _unsaved(f"a {type(value).__name__}")


def _unsaved(what: str) -> InputError:
    return InputError(f"The model cannot be saved: it holds {what}.", fix="Choose another engine, and report this.")


def read_model(path: Path) -> Model:
    """Rebuild a model from the file that :func:`write_model` wrote.

    Raises
    ------
    InputError
        No such file; not a model, or of another version; damaged or made by hand: a part is missing or of another kind
        or size than it must be, or a number is not finite.

    Notes
    -----
    Nothing in the file is run: it names classes of a fixed list, and holds numbers and text. The scorer is asked for
    two rows, a column, two pairs and the parts of a score before it is handed out.
    """
    header, arrays = read_arrays(path)
    if header.get("format") != FORMAT:
        raise refused("it is not a model of a graph")
    if header.get("version") != VERSION:
        raise InputError(
            f"The model file is of version {str(header.get('version'))[:20]}; this RecScope reads version {VERSION}.",
            fix="Train the model again, or use the RecScope that wrote it.",
        )
    reader = _Reader(arrays)
    graph = _read_graph(header, reader)
    try:
        scorer: Scorer = reader.rebuild(header.get("scorer"), Scorer)
    except RecursionError:
        raise refused("its scorer is nested too deeply") from None
    _check_scorer(scorer, graph.nodes)
    return Model(
        graph=graph,
        scorer=scorer,
        engine=_checked(header, "engine", str),
        settings=_scalars(header, "settings", (str, int, float, type(None))),
        seed=_checked(header, "seed", int),
        validation=_scalars(header, "validation", (int, float)),
    )


def _checked(header: dict[str, Any], key: str, kind: type) -> Any:
    if type(header.get(key)) is not kind:
        raise refused(f"its {key} is missing or of another kind")
    return header[key]


def _scalars(header: dict[str, Any], key: str, kinds: tuple[type, ...]) -> dict[str, Any]:
    found: dict[str, Any] = _checked(header, key, dict)
    if not all(isinstance(value, kinds) for value in found.values()):
        raise refused(f"its {key} are of another kind")
    return found


def _read_graph(header: dict[str, Any], reader: "_Reader") -> Graph:
    ids = reader.texts("ids")
    edges = Edges(reader.take("source", np.int64, 1), reader.take("target", np.int64, 1))
    items = Items(
        title=reader.texts("titles"),
        category=reader.take("category", np.int64, 1),
        categories=tuple(reader.texts("categories")),
        features=reader.take("features", np.float64, 2),
        feature_names=tuple(reader.texts("feature_names")),
        listed=reader.take("listed", np.bool_, 1),
    )
    graph = Graph(
        digest=_checked(header, "digest", str),
        name=_checked(header, "name", str),
        ids=ids,
        edges=edges,
        weight=reader.take("weight", np.float64, 1),
        time=reader.take("time", np.float64, 1),
        items=items,
    )
    _check_graph(graph)
    return graph


def _check_graph(graph: Graph) -> None:
    items, nodes, count = graph.items, graph.nodes, len(graph.edges)
    per_node = (items.title, items.category, items.features, items.listed)
    per_edge = (graph.edges.target, graph.weight, graph.time)
    sizes = all(len(part) == nodes for part in per_node) and all(len(part) == count for part in per_edge)
    if not nodes or not sizes or items.features.shape[1] != len(items.feature_names):
        raise refused("the parts of its graph do not fit together")
    ends = np.concatenate([graph.edges.source, graph.edges.target])
    inside = _within(ends, nodes) and _within(items.category, len(items.categories))
    if (
        not inside
        or not (np.diff(graph.edges.keys(nodes)) > 0).all()
        or (graph.edges.source == graph.edges.target).any()
    ):
        raise refused("its edges or categories are not those of a graph")
    if not (np.isfinite(graph.weight) & (graph.weight > 0)).all():
        raise refused("a weight is not above 0")


def _within(positions: npt.NDArray[np.int64], count: int) -> bool:
    return not len(positions) or bool(positions.min() >= 0 and positions.max() < count)


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """Arrays of the file, each checked as it is taken."""

    arrays: dict[str, npt.NDArray[Any]]

    def take(self, name: str, kind: npt.DTypeLike, dimensions: int) -> npt.NDArray[Any]:
        """An array of known kind."""
        found = self.arrays.get(name)
        if found is None or found.dtype != kind or found.ndim != dimensions:
            raise refused(f"the array {name[:80]} is missing or of another kind")
        return found

    def texts(self, name: str) -> TextArray:
        """A column of text."""
        ends, letters = self.take(f"{name}.ends", np.int64, 1), self.take(f"{name}.text", np.uint8, 1)
        if not len(ends):
            raise refused(f"the text {name} is damaged")
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(letters)]
        try:
            column = pa.Array.from_buffers(pa.large_string(), len(ends) - 1, buffers)
            column.validate(full=True)
        except pa.ArrowInvalid:
            raise refused(f"the text {name} is damaged") from None
        found: TextArray = column.to_numpy(zero_copy_only=False)
        return found

    def rebuild(self, described: object, hint: Any) -> Any:
        """A value from what :func:`_describe` said of it, of the kind that the class asks for."""
        kinds: dict[str, Callable[[dict[str, Any]], Any]] = {
            "array": self._array, "sparse": self._sparse, "class": self._instance, "value": lambda said: said["value"],
        }  # fmt: skip
        if not isinstance(described, dict):
            raise refused("a part of the scorer is not described")
        if "tuple" in described and get_origin(hint) is tuple and isinstance(described["tuple"], list):
            return tuple(self.rebuild(part, get_args(hint)[0]) for part in described["tuple"])
        kind = next((kind for kind in kinds if kind in described), None)
        value = kinds[kind](described) if kind else None
        if kind is None or not _fits(value, hint):
            raise refused("a part of the scorer is of another kind")
        return value

    def _array(self, said: dict[str, Any]) -> npt.NDArray[Any]:
        found = self.arrays.get(str(said["array"]))
        if found is None or (found.dtype.kind == "f" and not np.isfinite(found).all()):
            raise refused("a number of the scorer is missing or not finite")
        return found

    def _sparse(self, said: dict[str, Any]) -> csr_array:
        data, indices, indptr = (
            self._array({"array": f"{said['sparse']}.{part}"}) for part in ("data", "indices", "indptr")
        )
        shape = said.get("shape")
        if not isinstance(shape, list) or [type(size) for size in shape] != [int, int]:
            raise refused("a matrix of the scorer has no shape")
        if indptr.ndim != 1 or indices.dtype.kind != "i" or indptr.dtype.kind != "i":
            raise refused("a matrix of the scorer is damaged")
        try:
            matrix = csr_array((data, indices, indptr), shape=tuple(shape))
            matrix.check_format(full_check=True)
        except (ValueError, IndexError, OverflowError):
            raise refused("a matrix of the scorer is damaged") from None
        return matrix

    def _instance(self, said: dict[str, Any]) -> Any:
        name, parts = said["class"], said.get("fields")
        if not isinstance(name, str) or name not in HOMES or not isinstance(parts, dict):
            raise refused("it names a scorer that does not exist")
        kind = getattr(import_module(HOMES[name]), name)
        hints = {field.name: get_type_hints(kind)[field.name] for field in fields(kind)}
        if set(parts) != set(hints):
            raise refused(f"a {name} has other parts")
        return kind(**{key: self.rebuild(part, hints[key]) for key, part in parts.items()})


def _fits(value: object, hint: Any) -> bool:
    """Whether a rebuilt value is of the kind that a class declares."""
    origin = get_origin(hint) or hint
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
    if origin is np.ndarray:
        kind = get_args(get_args(hint)[1])[0]
        return isinstance(value, np.ndarray) and value.dtype == kind
    if origin is Scorer:
        return hasattr(value, "score_from")
    return isinstance(value, origin) and not (origin is int and isinstance(value, bool))


def _check_scorer(scorer: Scorer, nodes: int) -> None:
    """Ask for a few scores: parts of wrong shapes cannot answer, or answer in another shape."""
    some = np.array([0, nodes - 1])
    try:
        with np.errstate(all="ignore"):
            rows, columns = scorer.score_from(some), scorer.score_into(some[:1])
            pairs = scorer.score_pairs(some, some[::-1])
        shapes: Any = (scorer.nodes, rows.shape, columns.shape, pairs.shape)
        finite = all(bool(np.isfinite(scores).all()) for scores in (rows, columns, pairs))
        parts = scorer.terms(0, nodes - 1).value if isinstance(scorer, Explainable) else pairs[:1]
    except (ValueError, IndexError):
        raise refused("the parts of its scorer do not fit together") from None
    if shapes != (nodes, (2, nodes), (1, nodes), (2,)) or not finite:
        raise refused("its scorer is not one of this graph")
    if not abs(float(parts.sum()) - float(pairs[0])) <= ROUNDING * max(float(np.abs(parts).sum()), 1e-6):
        raise refused("the parts of a score do not sum to it")
