"""The option --picture, with which a command also writes its chart to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Picture = Annotated[
    Path | None, typer.Option(help="Write the chart to this .svg or .png file too. Needs the extra rnngen[report].")
]


def check_picture(picture: Path | None) -> None:
    """Check that the picture that was asked for can be written, before what takes long is computed.

    Raises:
        RnngenError: it cannot.
    """
    if picture is not None:
        from rnngen.rendering import pictures

        pictures.check_picture(picture)
