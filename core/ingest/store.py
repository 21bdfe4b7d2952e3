"""The data folder: parsed files named by content digest, and a place for what is still being parsed."""

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError
from core.jobs import Job, Progress

STALE_SECONDS = 86_400
HASH_BLOCK_BYTES = 16 * 1024 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Store:
    """Parsed files of one word below the data folder, ``<home>/<word>/<digest>.parquet``, for the owner's eyes only."""

    def __init__(self, home: Path, *, word: str) -> None:
        self._folder = home / word
        self._scratch = home / "scratch"

    def path(self, digest: str) -> Path:
        """Where the file of a digest is, or would be.

        Raises
        ------
        InputError
            The text is no digest (64 lowercase hexadecimal digits).
        """
        if not _DIGEST.fullmatch(digest):
            raise InputError("That is not a data digest.", fix="Use the 64 hexadecimal digits that RecScope showed.")
        return self._folder / f"{digest}.parquet"

    def read_metadata(self, digest: str) -> dict[str, Any] | None:
        """What was stored with the file, or None where there is no such file, or none that can be read."""
        path = self.path(digest)
        try:
            stored = pq.read_metadata(path).metadata or {}
        except (OSError, pa.ArrowInvalid):
            return None
        text = stored.get(b"recscope")
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found

    def digests(self) -> list[str]:
        """Digests of all stored files, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.parquet") if _DIGEST.fullmatch(path.stem))

    def delete(self, digest: str) -> bool:
        """Delete a stored file; tell whether there was one."""
        try:
            self.path(digest).unlink()
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def publishing(self, digest: str) -> Iterator[Path]:
        """A scratch path to write to; it becomes the file of the digest if the block ends without an error."""
        target = self.path(digest)
        with self.scratch_folder() as folder:
            part = folder / "part.parquet"
            yield part
            with part.open("r+b") as file:
                os.fsync(file.fileno())
            make_folder(target.parent)
            part.replace(target)

    @contextmanager
    def spooled(self, data: bytes) -> Iterator[Path]:
        """Uploaded bytes as a file, for the time of the block."""
        with self.scratch_folder() as folder:
            path = folder / "upload"
            with _writing():
                path.write_bytes(data)
            yield path

    @contextmanager
    def scratch_folder(self) -> Iterator[Path]:
        """A private folder that is gone after the block. What a crash left behind is removed after a day."""
        make_folder(self._scratch)
        self._remove_stale()
        with _writing():
            folder = Path(mkdtemp(dir=self._scratch))
        try:
            yield folder
        finally:
            rmtree(folder, ignore_errors=True)

    def _remove_stale(self) -> None:
        for old in self._scratch.iterdir():
            with suppress(OSError):  # another process may be removing it too
                if time.time() - old.stat().st_mtime > STALE_SECONDS:
                    rmtree(old, ignore_errors=True)


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner may open, unless it is there.

    Raises
    ------
    InputError
        It cannot be made.
    """
    with _writing():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"The data folder cannot be used ({error.strerror}).",
            fix="Set RECSCOPE_HOME to a folder that you can write to and that has space left.",
        ) from error


def digest_bytes(data: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal.

    Examples
    --------
    >>> digest_bytes(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()


def digest_files(paths: Sequence[Path]) -> Job[list[str]]:
    """SHA-256 of each file's full content, in hexadecimal; reports once per 16 MiB.

    Raises
    ------
    InputError
        A file cannot be read.
    """
    digests = []
    done, total = 0, max(sum(read_stamp(path)[0] for path in paths), 1)
    for path in paths:
        digest = hashlib.sha256()
        with _reading(path), path.open("rb") as file:
            while block := file.read(HASH_BLOCK_BYTES):
                digest.update(block)
                done += len(block)
                if len(block) == HASH_BLOCK_BYTES:
                    yield Progress(min(done / total, 1.0), "Comparing with stored data")
        digests.append(digest.hexdigest())
    return digests


def check_different(files: Sequence[Path], digests: Sequence[str]) -> None:
    """Check that there are files, and that no two of them hold the same bytes.

    Raises
    ------
    InputError
        There is none, or some two are alike.
    """
    if not files:
        raise InputError("No file is given.", fix="Give at least one file.")
    first: dict[str, Path] = {}
    for file, digest in zip(files, digests, strict=True):
        twin = first.setdefault(digest, file)
        if twin is not file:
            raise InputError(
                f"{twin.name} and {file.name} hold the same bytes; their rows would count twice.",
                fix="Leave one of them out.",
            )


def read_stamp(path: Path) -> tuple[int, ...]:
    """Size, then what changes whenever a file is written or replaced: two equal stamps mean the same content.

    Raises
    ------
    InputError
        It is not there, or is not a file.
    """
    with _reading(path):
        found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path.name} is not a file.", fix="Name a CSV, csv.gz or Parquet file.")
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_dev, found.st_ino


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read ({error.strerror}).", fix="Check that the file is there and may be read."
        ) from error


def digest_content(files: list[str], mapping: dict[str, Any]) -> str:
    """Digest of an input: the digests of its files in order, and how their columns are read.

    Definition: SHA-256("recscope/input/v1" ‖ 0x00 ‖ JSON{files, mapping} with sorted keys and no spaces).
    """
    text = json.dumps({"files": files, "mapping": mapping}, sort_keys=True, separators=(",", ":"))
    return digest_bytes(b"recscope/input/v1\x00" + text.encode())
