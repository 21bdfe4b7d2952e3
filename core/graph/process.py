"""The limited process in which models are trained, seen from outside: started, listened to, ended. One at a time."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryFile
from threading import Lock, Thread
from typing import IO, Any

from core.errors import InputError, RecScopeError, TooLarge
from core.graph.epoch import Epoch
from core.jobs import Job, Progress
from core.settings import Settings

MOST_THREADS = 4
PATIENCE_SECONDS = 0.2
_PROJECT = Path(__file__).resolve().parents[2]
_COMMAND = (sys.executable, "-m", "core.graph.child")
_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "LANG", "OMP_NUM_THREADS")
_ERRORS = {error.__name__: error for error in (InputError, TooLarge)}
_SHORT_OF_MEMORY = ("MemoryError", "bad_alloc", "not enough memory", "can't allocate memory", "start new thread")
_TURN = Lock()


def run_child(request: dict[str, Any], settings: Settings, *, is_done: Callable[[], bool] = lambda: False) -> Job[None]:
    """Have :mod:`core.graph.child` do a task; wait for another one's end first. Closing the job ends the process.

    Parameters
    ----------
    request
        What the task needs; limits are added.
    settings
        Limits and places.
    is_done
        Asked once it is this task's turn: whether the one waited for was the same task, so that nothing is left to do.

    Raises
    ------
    InputError
        What the task raised; or the process died, and why.
    """
    while not _TURN.acquire(blocking=False):
        yield Progress(0.0, "waiting for another training")
        time.sleep(PATIENCE_SECONDS)
    try:
        yield Progress(0.0, "starting")
        if not is_done():
            yield from _run(request, settings)
    finally:
        _TURN.release()


def _run(request: dict[str, Any], settings: Settings) -> Job[None]:
    limits = {"memory": settings.train_memory_bytes, "cpu": settings.train_cpu_seconds}
    with TemporaryFile() as errors, _start_child(settings, errors) as child:
        try:
            yield from _listen(child, json.dumps(request | limits), errors)
        finally:
            child.kill()


def _start_child(settings: Settings, errors: IO[bytes]) -> "subprocess.Popen[str]":
    threads = str(min(os.cpu_count() or 1, MOST_THREADS))
    environment = {"OMP_NUM_THREADS": threads, "MALLOC_ARENA_MAX": "2", "RECSCOPE_HOME": str(settings.home)}
    environment |= {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        return subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=_PROJECT,
            env=environment,
            text=True,
        )
    except OSError as error:
        raise InputError(
            f"The training process cannot be started ({error.strerror}).",
            fix="Try again in a moment; if it stays so, tell who runs RecScope.",
        ) from error


def _listen(child: "subprocess.Popen[str]", request: str, errors: IO[bytes]) -> Job[None]:
    """Pass on what the child reports; while it is silent, repeat how far it was, so that the job can be closed."""
    if child.stdin is None or child.stdout is None:  # both are pipes; this tells the type checker
        raise AssertionError
    lines: Queue[str] = Queue()
    Thread(target=_read_lines, args=(child.stdout, lines), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):  # it died at once; its end is explained below
        child.stdin.write(request)
        child.stdin.close()
    last = Progress(0.0, "starting")
    while True:
        try:
            line = lines.get(timeout=PATIENCE_SECONDS)
        except Empty:
            yield last
            continue
        if not line.endswith("\n"):  # the end, or it was stopped in the middle of a word
            raise _explain_death(child.wait(), errors)
        message = json.loads(line)
        if "error" in message:
            error = message["error"]
            raise _ERRORS.get(error["type"], InputError)(error["message"], fix=error["fix"])
        if "progress" not in message:
            return
        report = _report(message["progress"])
        yield report
        last = Progress(report.share, report.note)


def _read_lines(stream: IO[str], lines: "Queue[str]") -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def _report(told: dict[str, Any]) -> Progress:
    if "loss" not in told:
        return Progress(told["share"], told["note"])
    loss, rate = (math.nan if told[name] is None else told[name] for name in ("loss", "hit_rate"))
    return Epoch(told["share"], told["note"], told["network"], told["epoch"], loss, rate)


def _explain_death(status: int, errors: IO[bytes]) -> RecScopeError:
    """Tell why the child ended without a reply, from its exit status (minus the signal) and its last words."""
    errors.seek(0)
    words = errors.read().decode(errors="replace").strip()
    by = signal.Signals(-status).name if status < 0 else ""
    if by == "SIGXCPU":
        return TooLarge(
            "Training took more processor time than allowed.",
            fix="Choose a simpler engine or fewer epochs, or raise RECSCOPE_TRAIN_CPU_S.",
        )
    if by == "SIGKILL" or any(sign in words for sign in _SHORT_OF_MEMORY):
        return TooLarge(
            "Training took more memory or processor time than there is.",
            fix="Choose a simpler engine or a smaller dimension, or raise RECSCOPE_TRAIN_MEMORY_MB if the machine has "
            "more.",
        )
    reason = by or (words.splitlines() or [f"exit status {status}"])[-1][:200]
    return InputError(f"The training process died ({reason}).", fix="Try again; if it stays so, choose another engine.")
