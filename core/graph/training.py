"""The loop that all learned engines share: epochs, validation, the best state, and reports."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import torch
from scipy.sparse import csr_array

from core.arrays import IntArray
from core.graph.data import Edges, Fold, make_adjacency
from core.graph.epoch import Epoch
from core.graph.ranking import rank_edges
from core.graph.scorers import Factors
from core.jobs import Job

VALIDATION_EDGES = 2_000
VALIDATION_SCORES = 200_000_000
FEWEST_EDGES = 200
Model = TypeVar("Model", bound=Factors)


def make_torch_generator(rng: np.random.Generator) -> torch.Generator:
    """A generator of torch that is determined by one of numpy, and independent of the global one."""
    generator = torch.Generator()
    generator.manual_seed(int(rng.integers(2**62)))
    return generator


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread: sums have one order, and several trainings don't fight for processors."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train_epochs(
    fold: Fold,
    *,
    network: str,
    run_epoch: Callable[[], float],
    embed: Callable[[], Model],
    epochs: int,
    every: int,
    patience: int,
    rng: np.random.Generator,
) -> Job[Model]:
    """Run epochs and return the state that ranks validation edges best.

    Parameters
    ----------
    fold
        Its validation edges choose the state. Without any, the last epoch is returned.
    network
        Name of the engine, for the reports.
    run_epoch
        One pass over the training edges; returns the mean loss.
    embed
        The state as a scorer that further epochs don't change.
    epochs, every, patience
        Most epochs; measure after each so many; stop after so many measurements without a better one.
    rng
        Draws the validation edges that are measured.

    Notes
    -----
    At most 2,000 validation edges are measured, fewer on large graphs: 200 million scores, but at least 200 edges. The
    rank is filtered by training and validation edges.
    """
    probe, known = _draw_probe(fold, rng)
    best, best_rate, since = None, -1.0, 0
    for epoch in range(1, epochs + 1):
        rate = np.nan
        with one_thread():
            loss = run_epoch()
            if len(probe) and (epoch % every == 0 or epoch == epochs):
                found = embed()
                rate = float((rank_edges(found, probe, known=known) <= 10).mean())
        if rate > best_rate:
            best, best_rate, since = found, rate, 0
        elif not np.isnan(rate):
            since += 1
        yield Epoch(epoch / epochs, f"epoch {epoch} of {epochs}", network, epoch, loss, rate)
        if since >= patience:
            break
    return best if best is not None else embed()


def _draw_probe(fold: Fold, rng: np.random.Generator) -> tuple[Edges, csr_array]:
    nodes = fold.graph.nodes
    most = min(VALIDATION_EDGES, max(VALIDATION_SCORES // nodes, FEWEST_EDGES))
    probe = fold.validation
    if len(probe) > most:
        probe = probe.take(np.sort(rng.choice(len(probe), most, replace=False)))
    train, kept = fold.graph.edges, fold.validation
    both = Edges(np.concatenate([train.source, kept.source]), np.concatenate([train.target, kept.target]))
    return probe, make_adjacency(both, nodes)


def draw_batches(count: int, size: int, *, rng: np.random.Generator) -> Iterator[IntArray]:
    """Positions 0 … count − 1 in random order, ``size`` at a time."""
    order = rng.permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]
