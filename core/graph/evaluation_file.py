"""An evaluation as a file: all that was measured; the graph and the split are known to who reads it."""

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from core.graph.arrays_file import read_arrays, refused, write_arrays
from core.graph.data import Edges
from core.graph.evaluation import EngineResult, Evaluation, Failure
from core.graph.resample import Clusters
from core.graph.split import Split

FORMAT = "recscope-graph-evaluation"


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write an evaluation without its graph; a file that is there is replaced as a whole.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    out = _Parts({}, {}, {})
    for name, part in _parts_of(evaluation).items():
        out.put(name, part)
    header = {"format": FORMAT, "texts": out.texts, "counts": out.counts}
    write_arrays(header, out.arrays, path)


def read_evaluation(path: Path, split: Split) -> Evaluation:
    """Read an evaluation of a split, as ``split_graph`` made it.

    Raises
    ------
    InputError
        The file cannot be read, or is no such file.
    """
    header, arrays = read_arrays(path)
    if header.get("format") != FORMAT:
        raise refused("it is no evaluation")
    try:
        found = _Parts(arrays, header["texts"], header["counts"])
        return Evaluation(
            split=replace(split, test=found.take("test", Edges)),
            test_edges=found.take("test_edges", int),
            seed=found.take("seed", int),
            clusters=found.take("clusters", Clusters),
            engines=found.take("engines", tuple[EngineResult, ...]),
            failed=found.take("failed", tuple[Failure, ...]),
        )
    except KeyError:
        raise refused("a part is missing") from None


def _parts_of(evaluation: Evaluation) -> dict[str, Any]:
    names = ("test_edges", "seed", "clusters", "engines", "failed")
    return {"test": evaluation.split.test} | {name: getattr(evaluation, name) for name in names}


class _Parts:
    """Arrays, texts and lengths of tuples by their place in a tree of records."""

    def __init__(self, arrays: dict[str, npt.NDArray[Any]], texts: dict[str, str], counts: dict[str, int]) -> None:
        self.arrays, self.texts, self.counts = arrays, texts, counts

    def put(self, place: str, value: Any) -> None:
        """Take a value apart."""
        if is_dataclass(value):
            for field in fields(value):
                self.put(f"{place}.{field.name}", getattr(value, field.name))
        elif isinstance(value, tuple):
            self.counts[place] = len(value)
            for number, part in enumerate(value):
                self.put(f"{place}.{number}", part)
        elif isinstance(value, str):
            self.texts[place] = value
        else:
            self.arrays[place] = np.asarray(value)

    def take(self, place: str, kind: Any) -> Any:
        """Put a value of a kind together again."""
        if isinstance(kind, type) and is_dataclass(kind):
            hints = get_type_hints(kind)
            return kind(**{field.name: self.take(f"{place}.{field.name}", hints[field.name]) for field in fields(kind)})
        if get_origin(kind) is tuple:
            return tuple(self.take(f"{place}.{number}", get_args(kind)[0]) for number in range(self.counts[place]))
        if kind is str:
            return self.texts[place]
        return kind(self.arrays[place]) if kind in (int, float) else self.arrays[place]
