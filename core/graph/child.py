"""The limited process in which models are trained: ``python -m core.graph.child < request.json``.

It reads one JSON request on standard input and writes JSON lines on standard output: any number of
``{"progress": {share, note, …}}``, then one ``{"result": null}`` or ``{"error": {type, message, fix}}``.
"""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.errors import InputError, RecScopeError, TooLarge
from core.graph.data import Graph
from core.graph.evaluation_file import write_evaluation
from core.graph.model_file import write_model
from core.graph.stored import find_graph
from core.graph.train import Recipe, Trial, evaluate_trial, train_model
from core.ingest.child import limit_process
from core.jobs import Job, Progress, Result
from core.settings import Settings

Say = Callable[[dict[str, Any]], None]


def main() -> int:
    """Serve the request on standard input, within its limits."""
    request = json.load(sys.stdin)
    limit_process(memory=request["memory"], cpu=request["cpu"])
    _say(serve(request, say=_say))
    return 0


def serve(request: dict[str, Any], *, say: Say) -> dict[str, Any]:
    """Do one task; the reply is ``{"result": None}``, or ``{"error": …}`` for whatever RecScope refuses.

    Parameters
    ----------
    request
        What :mod:`core.graph.train` sends.
    say
        Takes the reports on the way.
    """
    try:
        graph = find_graph(request["digest"], settings=Settings.from_environment())
        if graph is None:
            raise InputError("The graph is no longer kept here.", fix="Upload the file again.")
        _TASKS[request["task"]](graph, request, say)
    except RecScopeError as error:
        return {"error": {"type": type(error).__name__, "message": str(error), "fix": error.fix}}
    except MemoryError:
        short = TooLarge(
            f"Training needs more than {request['memory'] // 2**20:,} MiB of memory.",
            fix="Choose a simpler engine or a smaller dimension, or raise RECSCOPE_TRAIN_MEMORY_MB.",
        )
        return {"error": {"type": "TooLarge", "message": str(short), "fix": short.fix}}
    return {"result": None}


def _train(graph: Graph, request: dict[str, Any], say: Say) -> None:
    told = request["recipe"]
    recipe = Recipe(told["engine"], tuple((name, value) for name, value in told["options"]), told["seed"])
    model = _reporting(train_model(graph, recipe), say)
    say({"progress": {"share": 0.98, "note": "storing the model"}})
    write_model(model, Path(request["path"]))


def _evaluate(graph: Graph, request: dict[str, Any], say: Say) -> None:
    told = request["trial"]
    evaluation = _reporting(evaluate_trial(graph, Trial(told["kind"], tuple(told["engines"]), told["seed"])), say)
    write_evaluation(evaluation, Path(request["path"]))


_TASKS = {"train": _train, "evaluate": _evaluate}


def _reporting(job: Job[Result], say: Say) -> Result:
    while True:
        try:
            report = next(job)
        except StopIteration as end:
            result: Result = end.value
            return result
        say({"progress": _tell(report)})


def _tell(report: Progress) -> dict[str, Any]:
    told = {"share": report.share, "note": report.note}
    if hasattr(report, "loss"):
        figures = {name: getattr(report, name) for name in ("loss", "hit_rate")}
        told |= {name: getattr(report, name) for name in ("network", "epoch")}
        told |= {name: value if math.isfinite(value) else None for name, value in figures.items()}
    return told


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
