"""The pages of the documentation, and the commands in them.

- Every line of an ``sh`` block, and every line after ``$`` of a ``console`` block, is a command. What else a
  ``console`` block shows is a recording.
- A cell of a table that is nothing but a command is one too.
- A block after ``<!-- not run: REASON -->`` is not run; one after ``<!-- file: NAME -->`` is a file that the
  commands after it find; one after ``<!-- code: FILE -->`` quotes lines of that file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {
    "README": ROOT / "README.md",
    "README.zh": ROOT / "README.zh.md",
    "index": DOCS / "README.md",
    **{path.stem: path for path in sorted(DOCS.glob("*.md")) if path.stem != "README"},
}
"""Name → file, of the pages whose commands are run."""

FILES = {**PAGES, **{name: ROOT / f"{name}.md" for name in ("CONTRIBUTING", "CHANGELOG", "SECURITY")}}
"""Name → file, of these and others."""


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        language: after the fence.
        text: between the fences.
        remark: the HTML comment on the line before, if any.
    """

    language: str
    text: str
    remark: str

    @property
    def file(self) -> str | None:
        """The name of the file that it is."""
        return self.remark.removeprefix("file: ") if self.remark.startswith("file: ") else None

    @property
    def quoted(self) -> Path | None:
        """The file whose lines it quotes."""
        return ROOT / self.remark.removeprefix("code: ") if self.remark.startswith("code: ") else None

    @property
    def reason_not_run(self) -> str | None:
        """Why its commands are not run."""
        return self.remark.removeprefix("not run: ") if self.remark.startswith("not run: ") else None

    @property
    def commands(self) -> list[str]:
        """Its commands, without comments, continued lines joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        elif self.language != "sh":
            lines = []
        lines = [re.sub(r"(^|\s+)#.*", "", line).strip() for line in lines]
        return [line for line in lines if line]


def text_of(page: str) -> str:
    """A page's source."""
    return FILES[page].read_text(encoding="utf-8")


def blocks_of(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = re.finditer(
        r"(?:^<!-- ([^\n]*) -->\n+)?^```(\w*)\n(.*?)^```$", text_of(page), flags=re.DOTALL | re.MULTILINE
    )
    return [Block(each[2], each[3], each[1] or "") for each in found]


def commands_in_tables(page: str) -> list[str]:
    """The commands that are cells of the page's tables; ``<!-- not run: COMMAND: REASON -->`` leaves one out."""
    found = re.findall(r"\| `(rnngen [^`]+)` (?=\|)", text_of(page))
    return [command for command in found if f"<!-- not run: {command}: " not in text_of(page)]
