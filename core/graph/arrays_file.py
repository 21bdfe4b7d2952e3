"""Named arrays and one JSON object in one file, which runs nothing when it is read.

An uncompressed zip of ``header.json`` and ``<name>.npy``: numpy alone can read it. Nothing in it is compressed, so no
member can grow beyond the file; nothing is pickled.
"""

import json
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from core.errors import InputError
from core.publish import replacing

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
HEADER = "header.json"
HEADER_BYTES = 1 << 20
MOST_MEMBERS = 1_000
MOST_DIMENSIONS = 3
KINDS = frozenset(map(np.dtype, ("float32", "float64", "int32", "int64", "uint8", "bool")))
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes
_SAVE_AGAIN = "Save the model again; the file may have been cut off or changed."


def write_arrays(header: dict[str, Any], arrays: Arrays, target: Path) -> None:
    """Write the file; one that is there is replaced as a whole.

    Raises
    ------
    InputError
        The file cannot be written, or an array is of a kind that no file holds.
    """
    strange = [f"{name} of {array.dtype}" for name, array in arrays.items() if array.dtype not in KINDS]
    if strange:
        raise InputError(f"The file cannot hold {strange[0]}.", fix="Choose another engine, and report this.")
    with replacing(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as file:
        with _member(file, HEADER) as out:
            out.write(json.dumps(header, allow_nan=False, sort_keys=True).encode())
        for name, array in arrays.items():
            with _member(file, f"{name}.npy") as out:
                np.lib.format.write_array(out, np.asarray(array, order="C"), allow_pickle=False)


def _member(file: zipfile.ZipFile, name: str) -> IO[bytes]:
    return file.open(zipfile.ZipInfo(name, _LONG_AGO), "w", force_zip64=True)


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Header and arrays of a file that :func:`write_arrays` wrote.

    Raises
    ------
    InputError
        The file cannot be read, is no such file, or is damaged; a member is compressed, of another kind than numbers,
        or declares another size than it has.

    Notes
    -----
    Memory: the file's size. A declared shape is compared with the bytes that are there before anything is allocated.
    """
    with _opened(path) as (file, members):
        header = _read_header(file, members)
        return header, {name[:-4]: _read_array(file, info) for name, info in members.items() if name != HEADER}


def read_header(path: Path) -> dict[str, Any]:
    """The header alone, whatever the size of the arrays.

    Raises
    ------
    InputError
        As :func:`read_arrays`, for what is wrong outside the arrays.
    """
    with _opened(path) as (file, members):
        return _read_header(file, members)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    try:
        with zipfile.ZipFile(path) as file:
            yield file, _check_members(file, path.stat().st_size)
    except InputError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError):
        raise refused("it is damaged, or no model file") from None
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}.", fix="Check that it may be read.") from error


def refused(found: str) -> InputError:
    """The error of a file that was not written here, or was changed since."""
    return InputError(f"The model file cannot be used: {found}.", fix=_SAVE_AGAIN)


def _check_members(file: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    listed = file.infolist()
    members = {info.filename: info for info in listed}
    if not len(members) == len(listed) <= MOST_MEMBERS:
        raise refused("it holds too many members, or one twice")
    plain = all(info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1 for info in listed)
    if not plain or sum(info.file_size for info in listed) > size:
        raise refused("a member is compressed, encrypted, or larger than the file")
    if HEADER not in members or not all(name == HEADER or name.endswith(".npy") for name in members):
        raise refused("its members are not those of a model")
    return members


def _read_header(file: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> dict[str, Any]:
    if members[HEADER].file_size > HEADER_BYTES:
        raise refused(f"its header has more than {HEADER_BYTES:,} bytes")
    try:
        header = json.loads(file.read(HEADER), parse_constant=_no_constant)
    except InputError:
        raise
    except (ValueError, RecursionError):
        raise refused("its header is not JSON") from None
    if not isinstance(header, dict):
        raise refused("its header is not a JSON object")
    return header


def _no_constant(name: str) -> None:
    raise refused(f"its header holds {name}, which is not JSON")


def _read_array(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    with file.open(info) as member:
        try:
            if np.lib.format.read_magic(member) != (1, 0):
                raise refused(f"{info.filename[:80]} is of another version")
            shape, fortran, kind = np.lib.format.read_array_header_1_0(member)
        except InputError:
            raise
        except ValueError:
            raise refused(f"{info.filename[:80]} is no array") from None
        size = math.prod(shape) * kind.itemsize
        fits = kind in KINDS and not fortran and len(shape) <= MOST_DIMENSIONS and min(shape, default=0) >= 0
        if not fits or member.tell() + size != info.file_size:
            raise refused(f"{info.filename[:80]} is not an array of numbers of the declared size")
        array = np.empty(shape, kind)
        cast(BufferedIOBase, member).readinto(array.reshape(-1).view(np.uint8).data)
    if kind == np.bool_ and array.size and array.view(np.uint8).max() > 1:
        raise refused(f"{info.filename[:80]} holds truth values that are neither true nor false")
    return array
