"""Every link and every file that a page names leads somewhere."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import FILES, ROOT, text_of


@pytest.mark.parametrize("page", FILES)
def test_every_link_leads_somewhere(page: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        if not target.startswith("http"):
            file, _, anchor = target.partition("#")
            path = FILES[page].parent / file if file else FILES[page]
            assert path.exists(), target
            if anchor:
                headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
                anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
                assert anchor in anchors, target


@pytest.mark.parametrize("page", FILES)
def test_every_file_that_the_page_names_exists(page: str) -> None:
    for name in re.findall(r"`((?:rnngen|tests|benchmarks|docs)/[\w./-]+)`", text_of(page)):
        assert (ROOT / name).exists(), name
