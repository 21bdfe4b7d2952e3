"""The training process: what it reports, its limits, its end by force or by accident, and that one runs at a time."""

import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import InputError, TooLarge
from core.graph import child, process
from core.graph.engines import ENGINES, Engine
from core.graph.epoch import Epoch
from core.graph.process import run_child
from core.graph.stored import store_graph
from core.graph.train import Recipe, model_path, train
from core.jobs import Progress, finish
from core.settings import Settings
from tests.graph.tiny_graphs import random_graph

DIGEST = "cd" * 32
Serve = Callable[..., tuple[dict[str, Any], list[dict[str, Any]]]]


@pytest.fixture
def graph(settings: Settings):
    made = replace(random_graph(np.random.default_rng(3), 60, share=0.15), digest=DIGEST)
    store_graph(made, settings=settings)
    return made


@pytest.fixture
def serve(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Serve a request in this process; the reply, and what was said on the way."""
    monkeypatch.setenv("RECSCOPE_HOME", str(settings.home))

    def run(engine: str = "popularity", digest: str = DIGEST) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        said: list[dict[str, Any]] = []
        recipe = {"engine": engine, "options": [], "seed": 0}
        request = {"task": "train", "digest": digest, "recipe": recipe, "path": str(tmp_path / "m"), "memory": 2**30}
        return child.serve(request, say=said.append), said

    return run


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a Python program in the place of the training process."""
    return lambda program: monkeypatch.setattr(process, "_COMMAND", (sys.executable, "-c", program))


def test_a_task_reports_and_writes_its_file(graph, serve: Serve, tmp_path: Path) -> None:
    reply, said = serve()
    assert reply == {"result": None}
    assert (tmp_path / "m").exists()
    shares = [one["progress"]["share"] for one in said]
    assert shares == sorted(shares)


def test_epochs_carry_their_figures_and_what_is_not_measured_is_null(
    graph, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(fold, *, rng):
        yield Epoch(0.5, "epoch 1 of 2", "taught", 1, 0.75, math.nan)
        yield Epoch(1.0, "epoch 2 of 2", "taught", 2, 0.5, 0.25)
        return (yield from ENGINES["popularity"].fit(fold, rng=rng))

    monkeypatch.setitem(ENGINES, "taught", Engine("taught", "Taught", "", fit))
    said = [one["progress"] for one in serve("taught")[1] if "loss" in one["progress"]]
    assert [(one["loss"], one["hit_rate"]) for one in said] == [(0.75, None), (0.5, 0.25)]
    heard = [process._report(json.loads(json.dumps(one))) for one in said]
    assert all(isinstance(one, Epoch) for one in heard)
    assert math.isnan(heard[0].hit_rate)
    assert [(one.network, one.epoch) for one in heard] == [("taught", 1), ("taught", 2)]


def test_errors_are_replies(graph, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    assert serve("oracle")[0]["error"]["type"] == "InputError"
    assert "no longer kept" in serve(digest="ef" * 32)[0]["error"]["message"]

    def fit(fold, *, rng):
        yield Progress(0.0, "filling")
        raise MemoryError

    monkeypatch.setitem(ENGINES, "greedy", Engine("greedy", "Greedy", "", fit))
    error = serve("greedy")[0]["error"]
    assert error["type"] == "TooLarge"
    assert "1,024 MiB" in error["message"]


def test_closing_the_job_ends_the_process_and_leaves_no_file(
    graph, settings: Settings, command: Callable[[str], None], tmp_path: Path
) -> None:
    command(f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    job = train(graph, Recipe("popularity"), settings=settings)
    for _ in job:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            break
    job.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    path = model_path(graph, Recipe("popularity"), settings=settings)
    assert list(path.parent.iterdir()) == []


def test_one_runs_at_a_time(settings: Settings, command: Callable[[str], None]) -> None:
    command("import time; time.sleep(60)")
    first, second = (run_child({}, settings) for _ in range(2))
    assert next(first).note == "starting"
    assert next(second).note == next(second).note == "waiting for another training"
    first.close()
    assert "waiting" not in next(second).note
    second.close()


def test_who_waits_for_the_same_model_is_given_it_and_does_not_train_it_again(
    graph, settings: Settings, command: Callable[[str], None]
) -> None:
    first, second = (train(graph, Recipe("popularity"), settings=settings) for _ in range(2))
    next(first)
    assert "waiting" in next(second).note
    assert finish(first).engine == "popularity"
    command("raise AssertionError")
    assert finish(second).engine == "popularity"


@pytest.mark.parametrize(
    ("program", "kind", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", TooLarge, "more processor time than allowed"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", TooLarge, "more memory or processor time"),
        ("import sys; sys.stderr.write('std::bad_alloc'); sys.exit(1)", TooLarge, "more memory or processor time"),
        ("raise RuntimeError('odd')", InputError, "died .RuntimeError: odd"),
        ("print('{\"progress\": {\"sha', end='')", InputError, "died .exit status 0"),
        ('print(\'{"error": {"type": "TooLarge", "message": "big", "fix": "less"}}\')', TooLarge, "big"),
        ('print(\'{"error": {"type": "Odd", "message": "odd", "fix": "less"}}\')', InputError, "odd"),
    ],
)
def test_a_death_is_explained(
    settings: Settings, command: Callable[[str], None], program: str, kind: type, message: str
) -> None:
    command(program)
    with pytest.raises(kind, match=message):
        finish(run_child({}, settings))
    command("print('{\"result\": null}')")
    finish(run_child({}, settings))  # the next one has its turn


def test_memory_is_limited(graph, settings: Settings) -> None:
    small = replace(settings, train_memory_bytes=2**20)
    with pytest.raises(TooLarge, match="memory"):
        finish(train(graph, Recipe("ease"), settings=small))
