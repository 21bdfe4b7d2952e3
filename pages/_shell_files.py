"""Files of one's own, for any page: an upload or a path below the data root, and a look at their header."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.errors import InputError, TooLarge
from core.ingest.load import inspect
from core.ingest.places import find_files
from core.ingest.schema import Table
from core.ingest.store import Store, read_stamp
from core.settings import MEBIBYTE, Settings

TABLES = ("csv", "gz", "parquet", "pq", "tsv", "txt")


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Files that the reader gave: ``content`` tells them from others, ``open`` lends them for the time of a block."""

    name: str
    content: str
    open: Callable[[], AbstractContextManager[tuple[Path, ...]]]


def take_upload(
    label: str, *, key: str, store: Store, settings: Settings, types: Sequence[str] = TABLES
) -> Given | None:
    """Take a file from the reader's machine; None until there is one."""
    largest = min(settings.upload_bytes, settings.session_quota_bytes) // MEBIBYTE
    file = st.file_uploader(label, type=list(types), key=key, max_upload_size=largest)
    if file is None:
        return None
    if file.size > settings.upload_bytes:
        raise TooLarge(f"The file has {file.size:,} bytes.", fix="Give it by path, or raise RECSCOPE_MAX_UPLOAD_MB.")

    @contextmanager
    def spooled() -> Iterator[tuple[Path, ...]]:
        with store.spooled(file.getvalue()) as path:
            yield (path,)

    return Given(file.name, file.file_id, spooled)


def tell_upload_limits(settings: Settings) -> None:
    """How large a file may be, and who can see it."""
    largest = min(settings.upload_bytes, settings.session_quota_bytes) // MEBIBYTE
    st.caption(
        f"At most {largest:,} MB; a file marked red was refused as too large. "
        "Whoever has the address of your view can open the view."
    )


def has_data_root(settings: Settings) -> bool:
    """Whether files on the server may be named; where not, say how that is changed."""
    if settings.data_root is None:
        st.info("To name files on the server here, start it with RECSCOPE_DATA_ROOT set to the folder that holds them.")
    return settings.data_root is not None


def take_path(label: str, *, key: str, placeholder: str, settings: Settings) -> Given | None:
    """Take files on the server, below the folder that its operator has opened; None until a path is typed."""
    pattern = st.text_input(label, key=key, placeholder=placeholder, persist_state="session")
    if not pattern:
        return None
    files = find_files(pattern, root=settings.data_root)

    @contextmanager
    def below_root() -> Iterator[tuple[Path, ...]]:
        yield files

    return Given(pattern, repr([(str(file), *read_stamp(file)) for file in files]), below_root)


def look_into(given: Given, *, key: str, settings: Settings) -> Table:
    """Header and first rows of the first file, read once; what was wrong with it is remembered too, under ``key``."""
    seen = st.session_state.get(key)
    if seen is None or seen[0] != given.content:
        try:
            with given.open() as files:
                seen = (given.content, inspect(files[0], settings=settings))
        except InputError as error:
            seen = (given.content, error)
        st.session_state[key] = seen
    if isinstance(seen[1], InputError):
        raise seen[1]
    return seen[1]
