"""The data folder: what stands at a digest is whole or absent; what is unfinished leaves nothing."""

import hashlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from core.ingest import store as storing
from core.ingest.store import Store, digest_bytes, digest_content, digest_files, read_stamp
from core.jobs import finish

DIGEST = "0123456789abcdef" * 4
OTHER = "f" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home", word="holdout")


def write(path: Path, metadata: dict[str, Any] | None = None) -> None:
    """A small Parquet file, with metadata as the parsing process leaves it."""
    table = pa.table({"score": [0.5]})
    if metadata is not None:
        table = table.replace_schema_metadata({"recscope": json.dumps(metadata)})
    pq.write_table(table, path)


def test_what_is_published_is_found(store: Store) -> None:
    with store.publishing(DIGEST) as part:
        write(part, {"name": "x"})
        assert store.read_metadata(DIGEST) is None
        assert store.digests() == []
    assert store.read_metadata(DIGEST) == {"name": "x"}
    assert store.digests() == [DIGEST]
    assert store.path(DIGEST).parent.name == "holdout"


def test_an_error_publishes_nothing_and_keeps_what_was_there(store: Store) -> None:
    with store.publishing(DIGEST) as part:
        write(part, {"version": 1})
    for error in (ValueError, KeyboardInterrupt, GeneratorExit):
        with pytest.raises(error), store.publishing(DIGEST) as part:
            write(part, {"version": 2})
            raise error
    assert store.read_metadata(DIGEST) == {"version": 1}
    assert list((store.path(DIGEST).parents[1] / "scratch").iterdir()) == []


def test_publishing_is_atomic(store: Store) -> None:
    """A reader beside many writers sees a whole file of one version at every moment."""
    with store.publishing(DIGEST) as part:
        write(part, {"version": 0})
    stop = threading.Event()
    seen: set[int | None] = set()

    def read() -> None:
        while not stop.is_set():
            found = store.read_metadata(DIGEST)
            seen.add(found["version"] if found else None)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for version in range(1, 60):
        with store.publishing(DIGEST) as part:
            write(part, {"version": version})
    stop.set()
    for reader in readers:
        reader.join()
    assert None not in seen
    assert seen <= set(range(60))


def test_publishing_nothing_is_an_error(store: Store) -> None:
    with pytest.raises(FileNotFoundError), store.publishing(DIGEST):
        pass
    assert store.digests() == []


@pytest.mark.parametrize("content", [b"", b"PAR1", b"garbage" * 100])
def test_a_file_that_cannot_be_read_counts_as_absent(store: Store, content: bytes) -> None:
    store.path(DIGEST).parent.mkdir(parents=True)
    store.path(DIGEST).write_bytes(content)
    assert store.read_metadata(DIGEST) is None


def test_a_foreign_parquet_file_counts_as_absent(store: Store) -> None:
    store.path(DIGEST).parent.mkdir(parents=True)
    write(store.path(DIGEST))
    assert store.read_metadata(DIGEST) is None


def test_a_cut_off_file_counts_as_absent_at_every_length(store: Store) -> None:
    with store.publishing(DIGEST) as part:
        write(part, {"name": "x"})
    whole = store.path(DIGEST).read_bytes()
    for length in range(0, len(whole), 7):
        store.path(DIGEST).write_bytes(whole[:length])
        assert store.read_metadata(DIGEST) is None


@pytest.mark.parametrize(
    "digest",
    ["", "abc", "../" + "a" * 61, "A" * 64, "g" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", "a" * 63 + "\x00"],
)  # fmt: skip
def test_what_is_no_digest_reaches_no_path(store: Store, digest: str) -> None:
    for use in (store.path, store.read_metadata, store.delete):
        with pytest.raises(InputError, match="not a data digest"):
            use(digest)
    with pytest.raises(InputError, match="not a data digest"), store.publishing(digest):
        pass


def test_digests_lists_only_data(store: Store) -> None:
    assert store.digests() == []
    for digest in (OTHER, DIGEST):
        with store.publishing(digest) as part:
            write(part, {})
    (store.path(DIGEST).parent / "notes.parquet").write_bytes(b"")
    (store.path(DIGEST).parent / "readme.txt").write_bytes(b"")
    assert store.digests() == [DIGEST, OTHER]


def test_delete_tells_whether_there_was_one(store: Store) -> None:
    with store.publishing(DIGEST) as part:
        write(part, {})
    assert not store.delete(OTHER)
    assert store.delete(DIGEST)
    assert not store.delete(DIGEST)
    assert store.digests() == []


def test_words_are_apart(tmp_path: Path) -> None:
    one, two = Store(tmp_path, word="holdout"), Store(tmp_path, word="graph")
    with one.publishing(DIGEST) as part:
        write(part, {})
    assert two.digests() == []
    assert two.read_metadata(DIGEST) is None


def test_spooled_bytes_are_there_for_the_block_only(store: Store) -> None:
    with store.spooled(b"content") as path:
        assert path.read_bytes() == b"content"
    assert not path.parent.exists()
    with pytest.raises(KeyError), store.spooled(b"content") as path:
        raise KeyError
    assert not path.parent.exists()


def test_scratch_folders_are_private_and_different(store: Store) -> None:
    with store.scratch_folder() as one, store.scratch_folder() as two:
        assert one != two
        assert one.stat().st_mode & 0o077 == 0
        assert one.parent.stat().st_mode & 0o077 == 0
    assert list(one.parent.iterdir()) == []


def test_data_is_for_the_owner_only(store: Store) -> None:
    with store.publishing(DIGEST) as part:
        write(part, {})
    assert store.path(DIGEST).parent.stat().st_mode & 0o077 == 0


def test_what_a_crash_left_is_removed_after_a_day(store: Store) -> None:
    with store.scratch_folder() as folder:
        scratch = folder.parent
    old, young = scratch / "old", scratch / "young"
    for left in (old, young):
        left.mkdir()
        (left / "part.parquet").write_bytes(b"x")
    yesterday = time.time() - storing.STALE_SECONDS - 60
    os.utime(old, (yesterday, yesterday))
    with store.scratch_folder():
        assert not old.exists()
        assert young.exists()


def test_a_scratch_folder_that_another_process_removes_first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.scratch_folder() as folder:
        ghost = folder.parent / "ghost"
        real = Path.iterdir
        monkeypatch.setattr(Path, "iterdir", lambda self: iter([ghost, *real(self)]))
        with store.scratch_folder() as other:
            assert other.exists()


def test_a_home_that_cannot_be_used_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_bytes(b"a file")
    scratch = Store(tmp_path / "home", word="holdout").scratch_folder()
    with pytest.raises(InputError, match="data folder cannot be used") as caught, scratch:
        pass
    assert "RECSCOPE_HOME" in caught.value.fix


@pytest.mark.parametrize(("what", "place"), [("mkdtemp", storing), ("write_bytes", Path)])
def test_a_home_without_space_is_an_input_error(
    store: Store, what: str, place: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(place, what, refuse)
    with pytest.raises(InputError, match=r"cannot be used \(No space left on device\)\.$"), store.spooled(b"x"):
        pass


def test_digest_bytes_is_sha256() -> None:
    assert digest_bytes(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_digest_files_in_order_with_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "HASH_BLOCK_BYTES", 10)
    contents = [b"", b"x" * 35, b"y" * 10]
    paths = [tmp_path / str(i) for i in range(3)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    job = digest_files(paths)
    shares = []
    try:
        while True:
            shares.append(next(job).share)
    except StopIteration as end:
        digests = end.value
    assert digests == [hashlib.sha256(content).hexdigest() for content in contents]
    assert shares == pytest.approx([10 / 45, 20 / 45, 30 / 45, 1.0])


def test_digest_files_of_nothing() -> None:
    assert finish(digest_files([])) == []


def test_digest_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"a")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"^x cannot be read \(Permission denied\)\.$"):
        finish(digest_files([tmp_path / "x"]))


def test_digest_content_by_its_definition() -> None:
    # Worked by hand: sorted keys, no blanks, ASCII.
    text = b'recscope/input/v1\x00{"files":["aa","bb"],"mapping":{"a":"\\u00e9","b":[1]}}'
    assert digest_content(["aa", "bb"], {"b": [1], "a": "é"}) == hashlib.sha256(text).hexdigest()


def test_digest_content_differs_by_files_order_and_mapping() -> None:
    digests = {
        digest_content(["aa"], {}),
        digest_content(["aa", "bb"], {}),
        digest_content(["bb", "aa"], {}),
        digest_content(["aa", "bb"], {"a": 1}),
        digest_content(["aa", "bb"], {"a": "1"}),
        digest_content(["aabb"], {}),
    }
    assert len(digests) == 6


def test_stamp_changes_with_every_write_and_replacement(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    stamps = [read_stamp(path)]
    assert read_stamp(path) == stamps[0]
    kept = path.stat()
    path.write_bytes(b"abd")  # same size, and the time of writing put back
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    stamps.append(read_stamp(path))
    (tmp_path / "y").write_bytes(b"abe")
    os.utime(tmp_path / "y", ns=(kept.st_atime_ns, kept.st_mtime_ns))
    (tmp_path / "y").replace(path)
    stamps.append(read_stamp(path))
    assert len(set(stamps)) == 3


def test_stamp_of_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^gone\.csv cannot be read \(No such file or directory\)\.$"):
        read_stamp(tmp_path / "gone.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"^folder is not a file\.$"):
        read_stamp(tmp_path / "folder")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(InputError, match=r"^pipe is not a file\.$"):
            read_stamp(tmp_path / "pipe")
