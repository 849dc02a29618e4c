"""Recognition of rnngen's own output, so that it is not learned along with the texts in the same folder.

Runs and encoded corpora are recognised by the content of their files, wherever they are: a folder of texts with a
config.json or a manifest.json of another program is still a folder of texts.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any

from rnngen.untrusted import parse_json, read_regular

RUN, CACHE, REPORT = "a run of rnngen", "a cache of rnngen", "a report of rnngen"
OWN_OUTPUT = "the output of this command"

CACHE_TAG = "CACHEDIR.TAG"
CACHE_TAG_CONTENT = b"Signature: 8a477f597d28d172789f06886806bc55\n# Texts that rnngen has downloaded.\n"
"""A file that marks a folder of downloads, for other programs too: https://bford.info/cachedir/"""

_RUN_CONFIG = {"model", "data", "optimizer", "train"}
_RUN_FILES = {"config.json", "tokenizer.json", "model.safetensors", "state.safetensors"}
_ENCODED = ("meta.json", "tokenizer.json", "train.bin", "valid.bin", "test.bin")
_MAX_JSON = 1 << 20  # bytes: a run's files are far smaller

_GENERATOR = re.compile(rb"""<meta\s+name=["']?generator["']?\s+content=["']?rnngen\b""", re.IGNORECASE)


def made_by_rnngen(folder: Path) -> str | None:
    """``RUN`` for a run, even damaged or incomplete; ``CACHE`` for an encoded corpus, or for downloads; None for any
    other folder.
    """
    if _keys(folder / "config.json") >= _RUN_CONFIG or _is_manifest(folder / "manifest.json"):
        return RUN
    with contextlib.suppress(OSError):
        for state in sorted((folder / "resume").glob("[0-9]" * 9)):  # a run whose config.json is damaged
            if (state / "state.json").is_file() or _is_manifest(state / "manifest.json"):
                return RUN
    with contextlib.suppress(OSError):
        if all((folder / name).is_file() for name in _ENCODED):
            return CACHE
        if read_regular(folder / CACHE_TAG, len(CACHE_TAG_CONTENT)) == CACHE_TAG_CONTENT:
            return CACHE
    return None


def enclosing(path: Path) -> tuple[Path, str] | None:
    """The nearest folder that rnngen made, from ``path`` upwards, and what it is; None: there is none."""
    path = path.absolute()
    return next(((folder, made) for folder in (path, *path.parents) if (made := made_by_rnngen(folder))), None)


def is_report(start: bytes) -> bool:
    """Whether a file that begins like this is a report by rnngen."""
    return _GENERATOR.search(start) is not None


def is_own_output(file: Path) -> bool:
    """Whether this process's standard output or error goes into a file, as in ``rnngen train . 2> log.txt``."""
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                return True
    return False


def _keys(file: Path) -> set[str]:
    """The keys of the object in a JSON file; none if it cannot be read or is not an object."""
    content = _read_json(file)
    return set(content) if isinstance(content, dict) else set()


def _is_manifest(file: Path) -> bool:
    content = _read_json(file)
    files = content.get("files") if isinstance(content, dict) else None
    return isinstance(files, dict) and bool(_RUN_FILES & set(files)) and "format" in content


def _read_json(file: Path) -> Any:
    try:
        return parse_json(read_regular(file, _MAX_JSON, follow=True))
    except (OSError, ValueError):
        return None
