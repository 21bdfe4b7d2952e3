"""A file's bytes, decompressed where needed, counted and capped as they are read."""

import gzip
import io
import math
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from core.errors import InputError, TooLarge

BLOCK_BYTES = 4 * 1024 * 1024
LARGEST_RATIO = 100
RATIO_FREE_BYTES = 16 * 1024 * 1024


class Meter:
    """Bytes of content read so far, over all files of one input; refuses to go beyond its cap.

    Parameters
    ----------
    cap
        Bytes.
    beat
        Called whenever something has been read, as a sign of life.
    """

    def __init__(self, cap: float = math.inf, *, beat: Callable[[], None] = lambda: None) -> None:
        self._cap, self._given, self.beat = cap, 0, beat

    def uncapped(self) -> "Meter":
        """A meter for a second look at the same content."""
        return Meter(beat=self.beat)

    def add(self, count: int) -> None:
        """Count further bytes.

        Raises
        ------
        TooLarge
            The cap is passed.
        """
        self.beat()
        self._given += count
        if self._given > self._cap:
            raise TooLarge(
                f"The content is larger than {self._cap:,} bytes.",
                fix="Give fewer rows or columns, or raise RECSCOPE_MAX_FILE_MB.",
            )


_STRAY = re.compile(rb'[^,;\t\r\n"]"[^,;\t\r\n"]|[,;\t\r\n]""[^,;\t\r\n"]')


class LineCount:
    """Counts lines and quote marks that pass by, which tells whether a quoted text may hold line breaks.

    ``stray`` tells that some quote had text on both sides, or text after an empty pair.
    """

    def __init__(self) -> None:
        self.quotes = 0
        self.stray = False
        self._ends = 0
        self._last = b"\n"
        self._tail = b"\n"

    @property
    def lines(self) -> int:
        """Lines so far, a last one without a line end included."""
        return self._ends + (self._last not in (b"\n", b"\r"))

    def add(self, data: bytes) -> None:
        """Count what is in the next bytes; CR, LF and CRLF each end a line, also where a CRLF is cut in two."""
        if not data:
            return
        self.quotes += data.count(b'"')
        self.stray |= b'"' in data and _STRAY.search(self._tail + data) is not None
        self._ends += data.count(b"\n") - (self._last == b"\r" and data[:1] == b"\n")
        if b"\r" in data:
            self._ends += data.count(b"\r") - data.count(b"\r\n")
        self._last = data[-1:]
        self._tail = (self._tail + data[-2:])[-2:]


class MeteredReader(io.RawIOBase):
    """A byte stream, decompressed where needed, that counts what comes out of it and stops at the meter's cap.

    Decompression is also refused beyond 100 bytes out for a byte in, once 16 MiB are out.
    """

    def __init__(self, raw: IO[bytes], stream: IO[bytes], *, meter: Meter) -> None:
        super().__init__()
        self._raw, self._stream, self._meter = raw, stream, meter
        self._given = 0
        self.passed = LineCount()

    def readable(self) -> bool:
        """Say that the stream can be read."""
        return True

    def estimate_size(self) -> float:
        """Bytes that the whole content will have, if the rest unpacks as what was read so far."""
        return max(self._given, 1) * os.fstat(self._raw.fileno()).st_size / max(self._raw.tell(), 1)

    def skip(self, count: int) -> None:
        """Read past the first bytes, a header; their lines are not counted."""
        self.read(count)
        self.passed = LineCount()

    def read(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes, at most one block."""
        try:
            data = self._stream.read(BLOCK_BYTES if size < 0 else size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"The gzip file is damaged after {self._given:,} bytes of content ({error}).",
                fix="Compress the CSV again, or upload it uncompressed.",
            ) from error
        self._given += len(data)
        self._meter.add(len(data))
        if self._given > RATIO_FREE_BYTES and self._given > LARGEST_RATIO * self._raw.tell():
            raise TooLarge(
                f"The compressed file unpacks to more than {LARGEST_RATIO} times its size.",
                fix="Upload the CSV uncompressed, or as Parquet.",
            )
        self.passed.add(data)
        return data

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer, for the wrappers of :mod:`io`."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the stream and the file below it."""
        self._stream.close()
        self._raw.close()
        super().close()


def open_text(path: Path, *, gzipped: bool, meter: Meter) -> MeteredReader:
    """Open a text file, gzipped or plain, as a metered byte stream."""
    raw = path.open("rb")
    stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if gzipped else raw
    return MeteredReader(raw, stream, meter=meter)
