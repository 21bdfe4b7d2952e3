"""Parts whose sum is one score: what a scorer that is a sum says when asked why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np

from core.arrays import FloatArray, IntArray
from core.graph.data import BoolArray, TextArray


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """The parts of the score of one pair; their sum is the score up to rounding.

    Attributes
    ----------
    part
        Text of shape (terms,): what a part is, such as ``shared neighbour``, ``hop 2`` or the name of a feature.
    node
        int64 of shape (terms,): the node that a part goes through; read it only where ``through`` is true.
    through
        bool of shape (terms,): whether a part goes through one node.
    value
        float64 of shape (terms,): what a part adds to the score; it may be negative.
    note
        What the reader must know about the parts, as a sentence; empty if nothing.
    """

    part: TextArray
    node: IntArray
    through: BoolArray
    value: FloatArray
    note: str = ""

    @classmethod
    def through_nodes(cls, part: str, node: IntArray, value: FloatArray, *, note: str = "") -> Self:
        """Terms of one kind, each through a node."""
        count = len(node)
        return cls(np.full(count, part, dtype=object), node, np.ones(count, dtype=bool), value, note)

    @classmethod
    def named(cls, part: TextArray, value: FloatArray, *, note: str = "") -> Self:
        """Terms that go through no node."""
        count = len(part)
        return cls(part, np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool), value, note)

    @classmethod
    def together(cls, several: Sequence["Terms"]) -> Self:
        """The terms of several sums that are summed in turn."""
        part, node, through, value = (
            np.concatenate([getattr(terms, name) for terms in several]) for name in ("part", "node", "through", "value")
        )
        return cls(part, node, through, value)

    def sorted(self) -> Self:
        """The terms that are not 0, largest in size first; ties stay in order."""
        order = np.argsort(-np.abs(self.value), kind="stable")
        order = order[self.value[order] != 0]
        part, node = self.part[order], self.node[order]
        return type(self)(part, node, self.through[order], self.value[order], self.note)


@runtime_checkable
class Explainable(Protocol):
    """A scorer whose score is a sum over parts that mean something."""

    def terms(self, source: int, target: int) -> Terms:
        """The parts of score(source → target), in any order."""
