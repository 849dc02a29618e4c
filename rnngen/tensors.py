"""Tensors in safetensors files, read without trusting them: the library checks every offset before it is used."""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.errors import CheckpointError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "U8": "<u1", "U16": "<u2", "U32": "<u4", "I64": "<i8"}


def map_file(path: Path) -> mmap.mmap | None:
    """A file's content, mapped into memory, privately; None if there is no such file.

    Raises:
        CheckpointError: it is a link, or empty, or cannot be read.
    """
    if path.is_symlink():
        raise CheckpointError("is a link; a run's files lie in its own folder", where=path)
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise CheckpointError("is empty", where=path) from error
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror})", where=path) from error


def map_safetensors(mapped: mmap.mmap, where: Path) -> dict[str, NDArray[np.floating[Any]]]:
    """Tensors of a safetensors file that is mapped into memory: views of it, nothing is copied.

    Args:
        mapped: the content.
        where: the file it was mapped from.

    Raises:
        CheckpointError: not a safetensors file, or a damaged one.
    """
    import numpy as np
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(where), "numpy"):  # checks the header, and that the tensors fill the file
            pass
        begin = 8 + int.from_bytes(mapped[:8], "little")
        header = json.loads(mapped[8:begin])
        header.pop("__metadata__", None)
        tensors = {}
        for name, entry in header.items():
            kind, shape, offset = np.dtype(_TYPES[entry["dtype"]]), entry["shape"], entry["data_offsets"][0]
            size = int(np.prod(shape, dtype=object))
            tensors[name] = np.frombuffer(mapped, kind, size, begin + offset).reshape(shape)
    except (SafetensorError, OSError, KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
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
