"""The shape of the house, enforced: which module may import which, and what no module may do.

``violations`` walks the syntax trees of app.py, server.py, pages/ and core/ below a root, so that the tests
can point it at small trees that break one rule each.
"""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WORDS = {"scoring", "holdout", "thresholds", "signoff", "graph", "delay"}
SIDEWAYS = {("thresholds", "holdout"), ("signoff", "thresholds"), ("signoff", "holdout"), ("scoring", "holdout")}
TORCH_WORDS = {"scoring", "graph", "delay"}
BANNED_NAMES = {"utils", "helpers", "common"}
BANNED_IMPORTS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "streamlit.components.v1"}
BANNED_CALLS = {"eval", "exec", "torch.load", "yaml.load", "yaml.unsafe_load"}
BANNED_METHODS = {"read_pickle", "to_pickle"}
BANNED_KEYWORDS = {"unsafe_allow_html", "unsafe_allow_javascript"}
HEAVY = {"torch", "streamlit", "pandas", "pyarrow"}
SQL = re.compile(r"\bSELECT\b.*\bFROM\b", re.DOTALL)


def violations(root: Path) -> list[str]:
    """Return every breach below ``root`` as ``path:line: what``."""
    files = [root / "app.py", root / "server.py", *root.glob("pages/**/*.py"), *root.glob("core/**/*.py")]
    found = []
    for path in sorted(filter(Path.is_file, files)):
        place = path.relative_to(root)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        breaches = [*_check_place(place, tree), *_check_imports(place, tree), *_check_bans(place, tree)]
        found += [f"{place.as_posix()}:{line}: {what}" for line, what in breaches]
    return found


Breaches = Iterator[tuple[int, str]]


def _check_place(place: Path, tree: ast.Module) -> Breaches:
    for name in {*place.parent.parts, place.stem} & BANNED_NAMES:
        yield 1, f"nothing is called {name}: a helper lives in the word that uses it"
    body = tree.body[1:] if ast.get_docstring(tree, clean=False) is not None else tree.body
    if place.name == "__init__.py" and body:
        yield body[0].lineno, "an __init__.py is empty or a docstring: an import line names the file"


def _check_imports(place: Path, tree: ast.Module) -> Breaches:
    for line, target in _imports(place, tree):
        for what in filter(None, (_breach_of_arrows(place, target), _breach_of_library(place, target))):
            yield line, what
        if any(target == name or target.startswith(f"{name}.") for name in BANNED_IMPORTS):
            yield line, f"{target} is banned"


def _imports(place: Path, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted target of every import, at any depth; ``from a import b`` is ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = place.parts[: len(place.parts) - node.level] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _dotted(node.func) in {"importlib.import_module", "__import__"}:
            names = [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
            yield from ((node.lineno, str(name)) for name in names)


def _layer(parts: tuple[str, ...]) -> str:
    """Name the layer of a module: a word, shared, cli, _shell, part (of a page), page, top or outside."""
    if parts[0] == "core":
        room = parts[1] if len(parts) > 1 else ""
        return room if room in WORDS else "cli" if room in {"cli", "__main__"} else "shared"
    if parts[0] == "pages":
        name = parts[1] if len(parts) > 1 else ""
        return "_shell" if name.startswith("_shell") else "part" if name.startswith("_") else "page"
    return "top" if parts[0] in {"app", "server", "tests", "bench", "docs"} else "outside"


def _breach_of_arrows(place: Path, target: str) -> str | None:
    here, there = _layer(place.with_suffix("").parts), _layer(tuple(target.split(".")))
    allowed = {
        "top": WORDS | {"shared", "page", "_shell"},
        "page": WORDS | {"shared", "_shell", "part"},
        "part": WORDS | {"shared", "_shell", "part"},
        "_shell": WORDS | {"shared", "_shell"},
        "cli": WORDS | {"shared", "cli"},
        "shared": {"shared"},
    }.get(here, {here, "shared"} | {to for word, to in SIDEWAYS if word == here})
    if there == "outside" or there in allowed:
        return None
    return f"{here} may not import {target} ({there}): arrows point down"


def _breach_of_library(place: Path, target: str) -> str | None:
    room = place.parts[1] if place.parts[0] == "core" and len(place.parts) > 2 else ""
    in_figures = place.parts[0] == "core" and (place.name == "figures.py" or place.as_posix() == "core/plotting.py")
    homes = {
        "plotly": (in_figures, "figures.py and core/plotting.py"),
        "torch": (room in TORCH_WORDS, "core/scoring, core/graph and core/delay"),
        "streamlit": (place.parts[0] != "core", "app.py, server.py and pages/"),
        "duckdb": (room == "engine", "core/engine"),
    }
    library = target.split(".")[0]
    at_home, home = homes.get(library, (True, ""))
    return None if at_home else f"{library} belongs in {home}"


def _check_bans(place: Path, tree: ast.Module) -> Breaches:
    in_engine = place.parts[:2] == ("core", "engine")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from ((node.lineno, what) for what in _banned_in_call(node, in_engine=in_engine))
        elif isinstance(node, ast.ExceptHandler) and (caught := _too_much_caught(node.type)):
            yield node.lineno, f"{caught} hides faults: name what you expect"
        elif isinstance(node, ast.Constant | ast.JoinedStr) and SQL.search(_text(node)) and not in_engine:
            yield node.lineno, "SQL text belongs in core/engine"


def _banned_in_call(node: ast.Call, *, in_engine: bool) -> Iterator[str]:
    name = _dotted(node.func)
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    arguments = bool(node.args or node.keywords)  # module.eval() of torch has none, DataFrame.eval has
    if name in BANNED_CALLS or name.endswith("components.v1.html") or method in BANNED_METHODS:
        yield f"{name or method} is banned"
    if (method == "eval" and arguments) or (method == "query" and not in_engine):
        yield f".{method}() runs text as code"
    if name.split(".")[-1] == "suppress" and any(_too_much_caught(argument) for argument in node.args):
        yield "suppress(Exception) hides faults: name what you expect"
    for keyword in node.keywords:
        true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
        if keyword.arg in BANNED_KEYWORDS or (keyword.arg == "allow_pickle" and true):
            yield f"{keyword.arg} is banned"


def _too_much_caught(caught: ast.expr | None) -> str:
    if caught is None:
        return "a bare except"
    names = [_dotted(part) for part in (caught.elts if isinstance(caught, ast.Tuple) else [caught])]
    return next((f"except {name}" for name in names if name in {"Exception", "BaseException"}), "")


def _dotted(node: ast.expr) -> str:
    """Write ``a.b.c`` for a chain of names, and nothing for what is not one."""
    if isinstance(node, ast.Attribute) and (base := _dotted(node.value)):
        return f"{base}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return node.value if isinstance(node.value, str) else ""


# --- the rules hold here, and each of them can fail ---


def test_this_repository_keeps_every_rule() -> None:
    assert violations(ROOT) == []


KEPT = {
    "app.py": "import streamlit\nfrom pages import _shell\n",
    "server.py": "import streamlit as st\nfrom core.settings import Settings\n",
    "pages/holdout.py": "from core.holdout.positivity import f\nfrom pages._holdout_input import g\n",
    "pages/_shell.py": "import streamlit as st\nfrom core.errors import InputError\n",
    "pages/_holdout_input.py": "from pages._shell import begin\n",
    "core/__init__.py": '"""Everything that computes."""\n',
    "core/__main__.py": "from core.cli.main import run\n",
    "core/cli/holdout.py": "from core.holdout import load\nfrom core.thresholds import rule\n",
    "core/holdout/figures.py": "import plotly\nfrom . import data\nfrom .data import Holdout\n",
    "core/thresholds/rule.py": "from core.holdout.data import Holdout\nfrom core.errors import InputError\n",
    "core/signoff/active.py": "from core.thresholds.policy import Policy\nfrom core.holdout.data import Holdout\n",
    "core/graph/model.py": "import torch\ndef f(m): m.eval()\n",
    "core/plotting.py": "import plotly.graph_objects as go\n",
    "core/engine/duck.py": "import duckdb\nT = 'SELECT 1 FROM t'\ndef f(c): return c.query(T)\n",
    "core/ingest/load.py": "from core.engine.duck import f\ntry: f()\nexcept (OSError, ValueError): pass\n",
}

BROKEN = [
    ("core/holdout/a.py", "import pages.holdout", "arrows point down"),
    ("core/holdout/a.py", "from app import x", "arrows point down"),
    ("core/holdout/a.py", "from core.thresholds.rule import Rule", "arrows point down"),
    ("core/holdout/a.py", "from ..thresholds import rule", "arrows point down"),
    ("core/holdout/a.py", "from core import thresholds", "arrows point down"),
    ("core/holdout/a.py", "def f():\n    import core.graph.model", "arrows point down"),
    ("core/holdout/a.py", "importlib.import_module('core.delay.data')", "arrows point down"),
    ("core/holdout/a.py", "from core.cli import holdout", "arrows point down"),
    ("core/thresholds/a.py", "from core.signoff.record import Record", "arrows point down"),
    ("core/holdout/a.py", "from core.signoff.record import Record", "arrows point down"),
    ("core/signoff/a.py", "from core.scoring.data import Scores", "arrows point down"),
    ("core/checks.py", "from core.holdout.data import Holdout", "arrows point down"),
    ("core/engine/a.py", "from core.holdout.cube import Cube", "arrows point down"),
    ("core/errors.py", "import tests.oracles", "arrows point down"),
    ("pages/holdout.py", "from pages.overview import tile", "arrows point down"),
    ("pages/holdout.py", "from core.cli.holdout import run", "arrows point down"),
    ("pages/_shell.py", "import pages.holdout", "arrows point down"),
    ("pages/_shell.py", "import pages._holdout_input", "arrows point down"),
    ("pages/_holdout_input.py", "import pages.holdout", "arrows point down"),
    ("pages/holdout.py", "import server", "arrows point down"),
    ("core/holdout/positivity.py", "import plotly.graph_objects as go", "plotly belongs in"),
    ("pages/holdout.py", "from plotly import graph_objects", "plotly belongs in"),
    ("pages/figures.py", "import plotly", "plotly belongs in"),
    ("core/holdout/a.py", "import torch", "torch belongs in"),
    ("core/rng.py", "from torch import Generator", "torch belongs in"),
    ("core/holdout/a.py", "import streamlit as st", "streamlit belongs in"),
    ("core/holdout/a.py", "import duckdb", "duckdb belongs in"),
    ("pages/holdout.py", "import duckdb", "duckdb belongs in"),
    ("core/utils.py", "", "nothing is called utils"),
    ("core/holdout/helpers.py", "", "nothing is called helpers"),
    ("core/common/names.py", "", "nothing is called common"),
    ("core/holdout/__init__.py", "from core.holdout.data import Holdout", "__init__.py is empty"),
    ("core/holdout/__init__.py", '"""Doc."""\nx = 1', "__init__.py is empty"),
    ("core/holdout/a.py", "q = 'SELECT c0 FROM t'", "SQL text belongs"),
    ("pages/holdout.py", "q = f'SELECT {1}\\nFROM {2}'", "SQL text belongs"),
    ("pages/holdout.py", "st.markdown(x, unsafe_allow_html=True)", "unsafe_allow_html is banned"),
    ("pages/holdout.py", "st.html(x, unsafe_allow_javascript=True)", "unsafe_allow_javascript is banned"),
    ("pages/holdout.py", "st.components.v1.html(x)", "components.v1.html is banned"),
    ("pages/holdout.py", "import streamlit.components.v1 as c", "streamlit.components.v1 is banned"),
    ("core/holdout/a.py", "eval('1')", "eval is banned"),
    ("core/holdout/a.py", "exec('1')", "exec is banned"),
    ("core/holdout/a.py", "import pickle", "pickle is banned"),
    ("core/holdout/a.py", "from pickle import loads", "pickle.loads is banned"),
    ("core/holdout/a.py", "pd.read_pickle(x)", "read_pickle is banned"),
    ("core/holdout/a.py", "np.load(x, allow_pickle=True)", "allow_pickle is banned"),
    ("core/holdout/a.py", "frame.query('a > 1')", "runs text as code"),
    ("core/holdout/a.py", "frame.eval('a + 1')", "runs text as code"),
    ("core/graph/a.py", "torch.load(x)", "torch.load is banned"),
    ("core/settings.py", "yaml.load(x)", "yaml.load is banned"),
    ("core/holdout/a.py", "try: f()\nexcept Exception: pass", "except Exception hides faults"),
    ("core/holdout/a.py", "try: f()\nexcept (OSError, BaseException): pass", "except BaseException hides"),
    ("pages/holdout.py", "try: f()\nexcept: pass", "a bare except hides faults"),
    ("pages/holdout.py", "with contextlib.suppress(Exception): f()", "suppress(Exception) hides faults"),
]  # fmt: skip


def _plant(root: Path, files: dict[str, str]) -> Path:
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    return root


def test_a_tree_that_keeps_the_rules_is_silent(tmp_path: Path) -> None:
    assert violations(_plant(tmp_path, KEPT)) == []


@pytest.mark.parametrize(("name", "source", "message"), BROKEN, ids=[f"{n}: {s}" for n, s, _ in BROKEN])
def test_a_broken_rule_is_found(tmp_path: Path, name: str, source: str, message: str) -> None:
    found = violations(_plant(tmp_path, {**KEPT, name: source}))
    assert len(found) == 1, found
    assert found[0].startswith(f"{name}:")
    assert message in found[0]


def _loaded_by(statement: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter holds after ``statement``."""
    code = f"import sys\n{statement}\nprint(*{HEAVY} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "module", ["holdout.positivity", "thresholds.tuning", "thresholds.evidence", "thresholds.prove"]
)
def test_what_counts_and_certifies_loads_nothing_heavy(module: str) -> None:
    assert all(map(importlib.util.find_spec, HEAVY)), "this test has no power where one of them is missing"
    assert _loaded_by(f"import core.{module}") == set()


def test_the_import_check_can_fail() -> None:
    assert _loaded_by("import streamlit") >= {"streamlit"}
    assert _loaded_by("import core.holdout.positivity, torch") == {"torch"}
    assert _loaded_by("import core.tables, core.ingest.columns") == {"pandas", "pyarrow"}
