"""Files of edges and items in, a graph out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.graph.data import Graph
from core.graph.load import load_graph
from core.graph.roles import EdgeRoles, ItemRoles
from core.jobs import finish
from core.settings import Settings

LoadText = Callable[..., Graph]

EDGES = EdgeRoles("source", "target")
ITEMS = ItemRoles("item", "title", "category")


@pytest.fixture
def settings(shared_settings: Settings, tmp_path: Path) -> Settings:
    """Usual limits, with a home of its own."""
    return replace(shared_settings, home=tmp_path / "home")


@pytest.fixture
def load(settings: Settings, tmp_path: Path, serve_here: Callable[[], None]) -> LoadText:
    """Load text, or bytes, as edges and items; parsed in this process unless ``real``."""

    def run(
        edges: str | bytes,
        items: str | bytes | None = None,
        *,
        roles: EdgeRoles = EDGES,
        item_roles: ItemRoles = ITEMS,
        real: bool = False,
        **limits: Any,
    ) -> Graph:
        if not real:
            serve_here()
        paths = []
        for name, content in (("edges", edges), ("items", items)):
            if content is not None:
                paths.append(tmp_path / f"{name}.csv")
                paths[-1].write_bytes(content.encode() if isinstance(content, str) else content)
        known = ([paths[1]], item_roles) if items is not None else None
        return finish(load_graph(paths[:1], roles, items=known, name="shop", settings=replace(settings, **limits)))

    return run
