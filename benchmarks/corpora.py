"""Texts that nobody tuned anything on, made from what a machine has: no download, and none of it is kept in git.

    python benchmarks/corpora.py --out FOLDER [NAME ...]

==========  ==================================================================================================
source      10 MB of program text: the ``.py`` files of Python's standard library
manual      0.5 MB of technical English: the language reference that Python carries (``rnngen corpus build pydoc``)
small       50 KB of English: what the standard library's modules say about themselves
large       50 MB of ``.py``, ``.rst`` and ``.txt`` files: the standard library and all installed packages
chinese     prose and poems, thousands of different characters: Debian's fortunes-zh
german      prose: Debian's fortunes-de
italian     prose: Debian's fortunes-it
russian     prose in another alphabet: Debian's fortunes-ru
dictionary  1.2 MB of articles about computing, 240,000 words apart as in WikiText: Debian's dict-foldoc
==========  ==================================================================================================

Files are joined in the order of a hash of their names, so that the held-out end of a text is of the same kind as its
beginning. On the same machine the same text comes out every time.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import hashlib
import re
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from machine import print_table

from rnngen.corpus.named.built import BUILDERS
from rnngen.options.planted import PlantedOptions

DICTIONARY = Path("/usr/share/dictd/foldoc.dict.dz")
FORTUNES = Path("/usr/share/games/fortunes")
PACKAGES = {"chinese": "fortunes-zh", "german": "fortunes-de", "italian": "fortunes-it", "russian": "fortunes-ru"}
NOT_SOURCE = {"site-packages", "test", "tests", "idle_test", "pydoc_data", "__pycache__"}


class MissingTextError(Exception):
    """A text that this machine does not have; the message names what to install."""


def in_hash_order(files: Iterable[Path], root: Path) -> list[Path]:
    return sorted(files, key=lambda file: hashlib.sha256(file.relative_to(root).as_posix().encode()).digest())


def texts_of(files: Iterable[Path]) -> Iterator[str]:
    """The content of each file that is UTF-8 text and not empty."""
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if text.strip() and "\0" not in text:
            yield text


def joined(texts: Iterable[str], most_bytes: int) -> str:
    """Texts with a blank line between them, cut after the last whole character within ``most_bytes``."""
    pieces, size = [], 0
    for text in texts:
        pieces.append(text.strip("\n") + "\n\n")
        size += len(pieces[-1].encode())
        if size >= most_bytes:
            break
    return "".join(pieces).encode()[:most_bytes].decode(errors="ignore")


def library_files() -> list[Path]:
    root = Path(sysconfig.get_path("stdlib"))
    files = (file for file in root.rglob("*.py") if not NOT_SOURCE & set(file.relative_to(root).parts))
    return in_hash_order(files, root)


def source() -> str:
    return joined(texts_of(library_files()), 10_000_000)


def manual() -> str:
    return BUILDERS["pydoc"](PlantedOptions())


def small() -> str:
    docs = (ast.get_docstring(ast.parse(text)) for text in texts_of(library_files()))
    return joined((doc for doc in docs if doc and len(doc) > 200), 50_000)


def large() -> str:
    library, packages = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    files = [
        *((library, file) for file in library.rglob("*") if "site-packages" not in file.parts),
        *((packages, file) for file in packages.rglob("*")),
    ]
    texts = [(root, file) for root, file in files if file.suffix in (".py", ".rst", ".txt")]
    texts.sort(key=lambda it: hashlib.sha256(it[1].relative_to(it[0]).as_posix().encode()).digest())
    return joined(texts_of(file for _, file in texts), 50_000_000)


def fortunes(name: str) -> str:
    """Collections whose entries are parted by a line with % on it, in UTF-8 by their ``.u8`` names."""
    folder = FORTUNES if name == "chinese" else FORTUNES / PACKAGES[name][-2:]
    stems = {"chinese", "song100", "tang300"} if name == "chinese" else None
    files = [file for file in folder.glob("*.u8") if stems is None or file.stem in stems]
    if not files:
        raise MissingTextError(f"{name}: there is nothing in {folder}; install Debian's {PACKAGES[name]}")
    texts = texts_of(in_hash_order(files, folder))
    plain = (re.sub(r"\x1b\[[0-9;]*m", "", text) for text in texts)  # colours
    entries = (entry for text in plain for entry in re.split(r"^%.*\n", text, flags=re.MULTILINE))
    return joined((entry for entry in entries if entry.strip()), 50_000_000)


def dictionary() -> str:
    """Articles as in WikiText: paragraphs are lines, marks stand apart from words, and rare words are <unk>."""
    if not DICTIONARY.exists():
        raise MissingTextError(f"dictionary: there is no {DICTIONARY}; install Debian's dict-foldoc")
    content = gzip.decompress(DICTIONARY.read_bytes()).decode("utf-8", "replace")
    articles = [article for article in re.split(r"\n(?=\S)", content) if len(article) > 400]
    articles.sort(key=lambda article: hashlib.sha256(article.encode()).digest())
    lines: list[list[str]] = []
    size = 0
    for article in articles:
        title, _, body = article.partition("\n")
        paragraphs = [words_apart(paragraph) for paragraph in re.split(r"\n\s*\n", body)]
        new = [["=", *title.split(), "="], *(words for words in paragraphs if len(words) > 8), []]
        lines += new
        size += sum(len(line) + 1 for line in new)
        if size > 240_000:
            break
    counts = Counter(word for line in lines for word in line)
    known = ([word if counts[word] > 2 else "<unk>" for word in line] for line in lines)
    return "".join(f" {' '.join(words)} \n" if words else " \n" for words in known)


def words_apart(paragraph: str) -> list[str]:
    text = re.sub(r"[{}]", "", paragraph)
    text = re.sub(r"(\w)-(\w)", r"\1 @-@ \2", text)
    text = re.sub(r"([.,;:!?()\[\]\"<>/])", r" \1 ", text)
    return re.sub(r"(\w)('s)\b", r"\1 \2", text).split()


MAKERS: dict[str, Callable[[], str]] = {
    "source": source,
    "manual": manual,
    "small": small,
    "large": large,
    "dictionary": dictionary,
    **{name: lambda name=name: fortunes(name) for name in PACKAGES},
}


def make(name: str, folder: Path) -> Path:
    """Write a text to ``folder/NAME.txt``.

    Raises:
        MissingTextError: its Debian package is not installed.
    """
    text = MAKERS[name]()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.txt"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(MAKERS)} (default all)")
    parser.add_argument("--out", type=Path, help="the folder to write to")
    parser.add_argument("--smoke", action="store_true", help="the quickest two, to see that it runs")
    arguments = parser.parse_args()
    if arguments.out is None:
        parser.error("--out is needed")
    if unknown := [name for name in arguments.names if name not in MAKERS]:
        parser.error(f"no text is called {unknown[0]}; there are {', '.join(MAKERS)}")
    names = ["manual", "small"] if arguments.smoke else arguments.names or list(MAKERS)
    rows, missing = [], []
    for name in names:
        try:
            path = make(name, arguments.out)
        except MissingTextError as error:
            missing.append(str(error))
            continue
        text = path.read_text(encoding="utf-8")
        row = {"text": name, "bytes": path.stat().st_size, "characters": len(text), "symbols": len(set(text))}
        rows.append({**row, "sha256": hashlib.sha256(text.encode()).hexdigest()[:12], "file": path})
    if rows:
        print_table(rows)
    print(*missing, sep="\n", end="\n" if missing else "")
    if arguments.names and missing:
        raise SystemExit(1)  # what was asked for by name is not there


if __name__ == "__main__":
    main()
