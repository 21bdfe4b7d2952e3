"""Files of one's own, for any page: an upload or a path below the data root, and a look at their columns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import InputError, TooLarge
from core.ingest.load import inspect
from core.ingest.places import find_files
from core.ingest.schema import Table
from core.ingest.store import Store, read_stamp
from core.settings import MEBIBYTE, Settings

TABLES = ("csv", "gz", "parquet", "pq", "tsv", "txt")
NONE, NONE_LABEL = "", "(none)"  # no column of a file has an empty name


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


def show_first_rows(table: Table, labels: Mapping[str, str], *, key: str, of: str = "the file") -> None:
    """The first rows under safe labels."""
    st.caption(f"The first rows of {of}, as text.")
    numbers = [str(i) for i in range(len(table.columns))]  # a name from outside is shown, and used for nothing else
    st.dataframe(
        pd.DataFrame(list(table.preview), columns=numbers),
        hide_index=True,
        height="content",
        key=f"map_preview_{key}",
        column_config=dict(zip(numbers, labels.values(), strict=True)),
        alt=f"First rows of {of}",
    )


def pick_column(title: str, labels: Mapping[str, str], guessed: str | None, *, key: str) -> str | None:
    """A column that a role needs; None where none is chosen."""
    return _pick(title, list(labels), labels, guessed, key)


def pick_optional(title: str, labels: Mapping[str, str], guessed: str | None, *, key: str) -> str | None:
    """A column for a role that may go without; None where it does."""
    return _pick(title, [NONE, *labels], labels, guessed or NONE, key) or None


def pick_columns(
    title: str, labels: Mapping[str, str], guessed: Sequence[str] = (), *, key: str, placeholder: str
) -> tuple[str, ...]:
    """Any number of columns."""
    return tuple(
        st.multiselect(
            title,
            list(labels),
            default=list(guessed),
            format_func=lambda column: labels.get(column, str(column)),
            key=key,
            placeholder=placeholder,
            select_all=False,
        )
    )


def _pick(title: str, columns: list[str], labels: Mapping[str, str], guessed: str | None, key: str) -> str | None:
    return st.selectbox(
        title,
        columns,
        index=columns.index(guessed) if guessed in columns else None,
        format_func=lambda column: labels.get(column, NONE_LABEL if column == NONE else str(column)),
        key=key,
        placeholder="Choose a column",
    )
