"""Charts, pictures of them, and the report: everything about some runs on one page that works offline.

What is measured elsewhere becomes a chart (``charts.py`` and its neighbours), a chart becomes a picture
(``pictures.py``) or a part of the page (``collect.py`` → ``page.py``, ``templates/``). This needs packages that the
rest of rnngen does without; they are the extra ``rnngen[report]``.
"""

from __future__ import annotations

from importlib.util import find_spec

from rnngen.errors import RnngenError

PACKAGES = ("altair", "jinja2", "vl_convert")


def check_installed() -> None:
    """Check that the packages for a report are installed, without importing them.

    Raises:
        RnngenError: one of them is missing.
    """
    if any(find_spec(name) is None for name in PACKAGES):
        raise RnngenError(
            "a report needs packages that are not installed", hint='Install them: pip install "rnngen[report]"'
        )
