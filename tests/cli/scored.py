"""What ``rnngen eval --json`` says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.conftest import Outcome


def score(cli: Callable[..., Outcome], *arguments: object) -> dict[str, Any]:
    """The scores of a text, which is one that can be scored."""
    outcome = cli("eval", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found
