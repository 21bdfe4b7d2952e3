"""Every page test has a data folder of its own, with the sample parsed, and starts with empty caches."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from core.delay.load import load_sample as load_log
from core.holdout.load import load_sample
from core.jobs import finish
from core.settings import Settings
from tests.pages.drive import TIMEOUT


@pytest.fixture(scope="session")
def parsed_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that holds the samples of holdout and delay, parsed once."""
    home = tmp_path_factory.mktemp("parsed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECSCOPE_HOME", str(home))
        settings = Settings.from_environment()
        finish(load_sample(settings))
        finish(load_log(settings))
    return home


@pytest.fixture(autouse=True, scope="session")
def quick_runs() -> Iterator[None]:
    """Save what AppTest spends on each page.

    It looks through all installed packages for components, a quarter of a second each time, and there are none; and
    while the page runs it asks a thousand times a second whether it has ended.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
        patch.setattr("streamlit.testing.v1.local_script_runner.require_widgets_deltas", _wait)
        yield


def _wait(runner: LocalScriptRunner, timeout: float = TIMEOUT) -> None:
    """Wait for the end of a run without asking."""
    assert runner._script_thread is not None
    runner._script_thread.join(timeout)
    assert runner.script_stopped(), f"the page did not end within {timeout} s"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, parsed_sample: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data folder of this test."""
    for name in [name for name in os.environ if name.startswith("RECSCOPE_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    shutil.copytree(parsed_sample, folder)
    monkeypatch.setenv("RECSCOPE_HOME", str(folder))
    st.cache_resource.clear()
    yield folder
    st.cache_resource.clear()
