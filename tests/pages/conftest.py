"""Every page test has a data folder of its own, with the sample parsed, and starts with empty caches."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from core.delay.load import load_sample as load_log
from core.holdout.load import load_sample
from core.jobs import finish
from core.settings import Settings


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
def no_components() -> Iterator[None]:
    """AppTest looks through all installed packages for components, a quarter of a second each time: there are none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
        yield


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
