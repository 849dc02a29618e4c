"""Tensors in safetensors files, read without trusting them: every offset is checked before it is used.

The weights to use are read by a parser of our own, which copies nothing: it makes ``rnngen sample`` start 15 ms sooner
than the library's NumPy loader for a network of 1024 units (18 MB), and 0 to 3 ms sooner for 256 units (1.4 MB). The
library reads other files, once their header has passed the same check: alone it would accept one of 100 MB, which costs
nine times as much memory, and shapes that no array can have.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnngen.errors import CheckpointError, shortened
from rnngen.untrusted import parse_json

if TYPE_CHECKING:
    import mmap

    import numpy as np
    from numpy.typing import NDArray

MAX_HEADER = 1 << 20
"""Bytes; the deepest network has about 4,000 tensors in its saved state, which need 500 kB."""

MAX_DIMENSIONS = 8
MAX_ELEMENTS = 1 << 60  # of a tensor; a dimension of 0 counts as 1

_BYTES = {
    **dict.fromkeys(("F64", "I64", "U64", "C64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"), 1),
}
_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}  # a run's weights are float32; an error names the others


class Entry(NamedTuple):
    """A tensor in a file.

    Attributes:
        dtype: its type, as safetensors calls it.
        shape: its shape.
        begin: where its bytes begin in the file.
    """

    dtype: str
    shape: tuple[int, ...]
    begin: int


def read_header(content: bytes | mmap.mmap, where: Path) -> dict[str, Entry]:
    """The tensors of a safetensors file by name, in the order of their bytes.

    They fill the file without a gap or an overlap. Nothing is allocated but the header, which may have a megabyte.

    Args:
        content: of the file.
        where: its path, for errors.

    Raises:
        CheckpointError: not a safetensors file, or a damaged one.
    """
    try:
        return _entries(content)
    except ValueError as error:
        raise _unsound(where, error) from error


def _entries(content: bytes | mmap.mmap) -> dict[str, Entry]:
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or not 0 < size <= len(content) - 8:
        raise ValueError("a header that does not fit the file")
    if size > MAX_HEADER:
        raise ValueError(f"a header of {size:,} bytes, more than {MAX_HEADER:,}")
    header = parse_json(content[8 : 8 + size])
    if not isinstance(header, dict):
        raise ValueError("a header that is not an object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("metadata that are not texts")
    tensors: dict[str, Entry] = {}
    end = 8 + size
    placed = [(*_offsets(name, entry), name, entry) for name, entry in header.items()]
    for first, last, name, entry in sorted(placed, key=lambda tensor: tensor[:2]):
        dtype, shape = entry["dtype"], tuple(entry["shape"])
        if 8 + size + first != end or last - first != math.prod(shape) * _BYTES[dtype]:
            raise ValueError(f"offsets of {shortened(name)} that leave a gap, overlap, or do not fit its shape")
        tensors[name] = Entry(dtype, shape, end)
        end += last - first
    if end != len(content):
        raise ValueError("bytes that belong to no tensor, or too few of them")
    return tensors


def _offsets(name: str, entry: object) -> tuple[int, int]:
    """The offsets of a tensor, once everything that its entry says is of the right kind."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"an entry for {shortened(name)} that does not describe a tensor")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BYTES:
        raise ValueError(f"{shortened(name)} of unknown type {shortened(repr(dtype))}")
    for numbers, most in ((shape, MAX_DIMENSIONS), (offsets, 2)):
        if not isinstance(numbers, list) or len(numbers) > most or any(type(n) is not int or n < 0 for n in numbers):
            raise ValueError(f"a shape or an offset of {shortened(name)} that is not made of numbers")
    if len(offsets) != 2 or math.prod(max(n, 1) for n in shape) > MAX_ELEMENTS:
        raise ValueError(f"a shape of {shortened(name)} that no tensor has")
    return offsets[0], offsets[1]


def map_safetensors(mapped: mmap.mmap, where: Path) -> dict[str, NDArray[np.floating[Any]]]:
    """Tensors of a safetensors file that is mapped into memory, as views of it.

    Args:
        mapped: the content.
        where: the file it was mapped from.

    Raises:
        CheckpointError: as ``read_header``, or a tensor is not of floating-point numbers that NumPy has.
    """
    import numpy as np

    tensors = {}
    for name, (dtype, shape, begin) in read_header(mapped, where).items():
        if dtype not in _TYPES:
            raise _unsound(where, ValueError(f"{shortened(name)} of type {dtype}"))
        tensors[name] = np.frombuffer(mapped, _TYPES[dtype], math.prod(shape), begin).reshape(shape)
    return tensors


def is_finite(tensor: NDArray[np.floating[Any]]) -> bool:
    """Whether all values are finite. The sum of their squares tells that nearly always, at the speed of memory."""
    import numpy as np

    values = tensor.ravel()
    with np.errstate(all="ignore"):
        return bool(np.isfinite(values @ values) or np.isfinite(values).all())


def parse_safetensors(content: bytes, where: Path) -> dict[str, NDArray[np.floating[Any]]]:
    """Tensors of a safetensors file's content.

    Raises:
        CheckpointError: as ``read_header``, or NumPy lacks the type of a tensor.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    read_header(content, where)
    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _unsound(where, error) from error


def _unsound(where: Path, error: Exception) -> CheckpointError:
    return CheckpointError("is not a sound safetensors file", where=where, found=shortened(str(error), 200))
