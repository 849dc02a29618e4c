"""Tensors in safetensors files, read without trusting them: every offset is checked before it is used."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.errors import CheckpointError
from rnngen.platforms import map_privately

if TYPE_CHECKING:
    import mmap

    import numpy as np
    from numpy.typing import NDArray

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}  # a run's weights are float32; others are told by name


def map_file(path: Path) -> mmap.mmap | None:
    """A file's content, mapped into memory, privately; None if there is no such file, or nothing in it.

    Raises:
        CheckpointError: it is a link, or cannot be read.
    """
    if path.is_symlink():
        raise CheckpointError("is a link; a run's files lie in its own folder", where=path)
    try:
        with path.open("rb") as file:
            return map_privately(file)
    except (FileNotFoundError, ValueError):  # an empty file cannot be mapped
        return None
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror})", where=path) from error


def map_safetensors(mapped: mmap.mmap, where: Path) -> dict[str, NDArray[np.floating[Any]]]:
    """Tensors of a safetensors file that is mapped into memory: views of it, nothing is copied.

    The library would open the file once more, and by then it may be another; so the header is checked here, as
    strictly: its length, every type and shape, and that the tensors fill the file without a gap or an overlap.

    Args:
        mapped: the content.
        where: the file it was mapped from.

    Raises:
        CheckpointError: not a safetensors file, or a damaged one.
    """
    import numpy as np

    try:
        begin = 8 + int.from_bytes(mapped[:8], "little")
        if not 8 < begin <= len(mapped):
            raise ValueError("a header longer than the file")
        header = json.loads(mapped[8:begin])
        header.pop("__metadata__", None)
        tensors, end = {}, begin
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            kind, shape, (first, last) = np.dtype(_TYPES[entry["dtype"]]), entry["shape"], entry["data_offsets"]
            if any(type(n) is not int or n < 0 for n in (*shape, first, last)):
                raise ValueError(f"a shape or an offset of {name} that is no number")
            size = math.prod(shape)
            if begin + first != end or last - first != size * kind.itemsize or begin + last > len(mapped):
                raise ValueError(f"offsets of {name} that leave a gap, overlap, or end beyond the file")
            tensors[name] = np.frombuffer(mapped, kind, size, end).reshape(shape)
            end = begin + last
        if end != len(mapped):
            raise ValueError("bytes that belong to no tensor")
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _unsound(where, error) from error
    return tensors


def parse_safetensors(content: bytes, where: Path) -> dict[str, NDArray[np.floating[Any]]]:
    """Tensors of a safetensors file's content.

    Raises:
        CheckpointError: not a safetensors file, or a damaged one.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _unsound(where, error) from error


def _unsound(where: Path, error: Exception) -> CheckpointError:
    return CheckpointError("is not a sound safetensors file", where=where, found=error)
