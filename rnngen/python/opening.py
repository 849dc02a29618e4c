"""``rnngen.load``, ``generate`` and ``load_filler``: runs that write text and fill gaps."""

from __future__ import annotations

from rnngen.infilling import loading as filling
from rnngen.python.spelling import speaks_python
from rnngen.sampling import loading as writing

load = speaks_python(writing.load)
generate = speaks_python(writing.generate)
load_filler = speaks_python(filling.load_filler)
