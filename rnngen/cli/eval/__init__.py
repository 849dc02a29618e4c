"""``rnngen eval``: how good a model is."""

from __future__ import annotations

from rnngen.cli.eval.command import eval_command as eval_command
