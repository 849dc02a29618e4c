"""A run, open for reading. Nothing in its folder is trusted: every file is checked before it is used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rnngen.errors import CheckpointError
from rnngen.options.network import ModelConfig
from rnngen.runs.layout import CONFIG, MODEL, TOKENIZER
from rnngen.runs.manifest import Entries, map_checked, read_checked
from rnngen.runs.plan_record import Stretch, recorded_plan

if TYPE_CHECKING:
    import mmap

    import numpy as np
    from numpy.typing import NDArray

    from rnngen.corpus.tokenizer import Tokenizer


T = TypeVar("T")


class _Background(Generic[T]):
    """A function that runs in its own thread."""

    _value: T

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._function()
        except Exception as error:
            self._error = error

    def result(self) -> T:
        """Wait for the function's result, and return it or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value


@dataclass(frozen=True)
class Run:
    """A run folder, open for reading; ``open_run`` opens one.

    Attributes:
        path: the folder.
        manifest: file name → ``{"sha256", "bytes"}``.
        config: the content of config.json.
    """

    path: Path
    manifest: Entries = field(repr=False)
    config: dict[str, Any] = field(repr=False)
    _ahead: list[_Background[tuple[Path, mmap.mmap]]] = field(default_factory=list, repr=False, compare=False)

    def read(self, name: str) -> bytes:
        """A file's content, checked against the manifest.

        Raises:
            CheckpointError: missing, damaged, a link, or not in the manifest.
        """
        return read_checked(self.path, self.manifest, name)

    def read_ahead(self) -> None:
        """Start to map and check the weights in the background, while libraries are imported."""
        self._ahead.append(_Background(self._map_weights))

    def weights(self) -> dict[str, NDArray[np.floating[Any]]]:
        """The weights to use, by name: float32, of the shapes that config.json says, views of the mapped file.

        Raises:
            CheckpointError: not a sound safetensors file, not of this configuration and vocabulary, or not finite.
        """
        where, mapped = self._ahead.pop().result() if self._ahead else self._map_weights()
        from rnngen.runs.tensors import is_finite, map_safetensors

        weights = map_safetensors(mapped, where)
        V = self.tokenizer().vocab_size
        expected = self.model_config().shapes(V)
        for name in sorted(expected.keys() | weights.keys()):
            found = weights[name].shape if name in weights else None
            if found != expected.get(name):
                raise CheckpointError(
                    f"tensor {name} does not fit config.json and tokenizer.json",
                    where=where,
                    expected=expected.get(name, "no such tensor"),
                    found=found or "no such tensor",
                )
        wrong = next((name for name, w in weights.items() if w.dtype != "float32"), None)
        if wrong is not None:
            raise CheckpointError(
                f"tensor {wrong} has the wrong type", where=where, expected="float32", found=weights[wrong].dtype
            )
        diverged = next((name for name, w in weights.items() if not is_finite(w)), None)
        if diverged is not None:
            raise CheckpointError(
                f"tensor {diverged} has values that are not finite",
                where=where,
                expected="numbers",
                found="NaN or infinity",
                hint="Training diverged. Train again with a lower `learning_rate` or `clip`.",
            )
        return weights

    def _map_weights(self) -> tuple[Path, mmap.mmap]:
        return map_checked(self.path, self.manifest, MODEL)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from rnngen.corpus.tokenizer import load_tokenizer

        return load_tokenizer(self.path / TOKENIZER, self.read(TOKENIZER))

    def tokenizer(self) -> Tokenizer:
        """The run's tokenizer.

        Raises:
            CheckpointError, TokenizerError: damaged.
        """
        return self._tokenizer

    def model_config(self) -> ModelConfig:
        """The network, as config.json describes it.

        Raises:
            CheckpointError: a field is missing or invalid.
        """
        return ModelConfig.saved(self.config.get("model"), "model", self.path / CONFIG)

    def last_plan(self) -> Stretch | None:
        """The last plan of the run; None if the plan that it began with never changed."""
        return next(reversed(recorded_plan(self.path)), None)

    def planned_steps(self) -> int | None:
        """The number of training steps, as planned last; None if the run does not say."""
        plan, train = self.last_plan(), self.config.get("train")
        planned = plan.steps if plan else train.get("steps") if isinstance(train, dict) else None
        return planned if isinstance(planned, int) else None

    @property
    def corpus(self) -> dict[str, Any]:
        """What config.json says of the text that the run was trained on."""
        corpus = self.config.get("corpus")
        return corpus if isinstance(corpus, dict) else {}

    @property
    def corpus_fingerprint(self) -> str:
        """SHA-256 of the text that the run was trained on."""
        return str(self.corpus.get("fingerprint", ""))
