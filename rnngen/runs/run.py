"""A run, open for reading. Nothing in its folder is trusted: every file is checked before it is used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rnngen.corpus.documents import NONE
from rnngen.corpus.labels import Labels
from rnngen.errors import CheckpointError
from rnngen.options.network import ModelConfig
from rnngen.platforms import quote_argument
from rnngen.runs.files import MAX_JSON_BYTES, read_json
from rnngen.runs.layout import CONFIG, MODEL, TOKENIZER, saved_steps
from rnngen.runs.manifest import Entries, map_checked, needed_entry, read_checked, read_manifest
from rnngen.runs.plan_record import Stretch, recorded_plan

if TYPE_CHECKING:
    import mmap

    import numpy as np
    from numpy.typing import NDArray

    from rnngen.corpus.tokenizer import Tokenizer


T = TypeVar("T")

_ATTEMPTS = 20  # each fails only if another process saves weights while it reads


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


@dataclass
class Run:
    """A run folder, open for reading; ``open_run`` opens one.

    What is read of it belongs together, even while another process saves better weights: it is of one save, the last
    one when it was first needed.

    Attributes:
        path: the folder.
        manifest: file name → ``{"sha256", "bytes"}``.
        config: the content of config.json.
    """

    path: Path
    manifest: Entries = field(repr=False)
    config: dict[str, Any] = field(repr=False)
    _ahead: list[_Background[None]] = field(default_factory=list, repr=False, compare=False)
    _held: dict[str, tuple[Path, mmap.mmap]] = field(default_factory=dict, repr=False, compare=False)
    _in_use: bool = field(default=False, repr=False, compare=False)  # whether the weights were given away

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open a folder that holds a manifest; ``open_run`` says what is wrong with other folders.

        Raises:
            CheckpointError: it is damaged.
        """
        run = cls(path, read_manifest(path), {})
        config = read_json(path / CONFIG, run.read(CONFIG, MAX_JSON_BYTES))
        if not isinstance(config, dict):
            raise CheckpointError("is not a configuration", where=path / CONFIG)
        run.config = config
        return run

    def read(self, name: str, max_bytes: int | None = None) -> bytes:
        """A file's content, checked against the manifest.

        Args:
            name: of the file.
            max_bytes: what it may hold at most; None: any amount.

        Raises:
            CheckpointError: missing, damaged, too large, a link, or not in the manifest.
        """
        if name in self._held:
            return self._held[name][1][:]
        return self._consistently(lambda: read_checked(self.path, self.manifest, name, max_bytes))

    def read_ahead(self) -> None:
        """Start to map and check the weights in the background, while libraries are imported."""
        self._ahead.append(_Background(lambda: self._hold(MODEL)))

    def hold(self, *names: str) -> None:
        """Map and check files that belong together, such as weights and n-gram model, before any of them is used.

        Raises:
            CheckpointError: one is missing, damaged, a link, or not in the manifest.
        """
        while self._ahead:
            self._ahead.pop().result()
        self._hold(*names)

    def _hold(self, *names: str) -> None:
        def map_all() -> dict[str, tuple[Path, mmap.mmap]]:
            return {name: map_checked(self.path, self.manifest, name) for name in {*self._held, *names}}

        if not self._held.keys() >= set(names):
            self._held = self._consistently(map_all)

    def _consistently(self, read: Callable[[], T]) -> T:
        """Read files again, with the newer manifest, if another process saved weights meanwhile."""
        for _ in range(_ATTEMPTS):
            try:
                return read()
            except CheckpointError:
                newer = read_manifest(self.path)
                if newer == self.manifest:
                    raise
                if self.config and any(newer.get(name) != self.manifest.get(name) for name in (CONFIG, TOKENIZER)):
                    raise CheckpointError("was replaced by another run while it was read", where=self.path) from None
                if self._in_use and newer.get(MODEL) != self.manifest.get(MODEL):
                    raise CheckpointError(
                        "was saved again while it was read", where=self.path, hint="Try again."
                    ) from None
                self.manifest = newer
        return read()

    def weights(self) -> dict[str, NDArray[np.floating[Any]]]:
        """The weights to use, by name: float32, of the shapes that config.json says, views of the mapped file.

        Raises:
            CheckpointError: not a sound safetensors file, not of this configuration and vocabulary, or not finite.
        """
        from rnngen.runs.tensors import MAX_HEADER, is_finite, map_safetensors

        V, model = self.tokenizer().vocab_size, self.model_config()
        expected = model.shapes(V)
        # Before a file that no such network has is hashed to its end.
        needed_entry(self.path, self.manifest, MODEL, 4 * model.num_parameters(V) + MAX_HEADER + 8)
        self.hold(MODEL)
        where, mapped = self._held[MODEL]
        self._in_use = True
        weights = map_safetensors(mapped, where)
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
                hint=self._instead_of_weights(),
            )
        return weights

    def _instead_of_weights(self) -> str:
        """What to do about weights that are not finite."""
        again = "If training diverged, train again with a lower `learning_rate` or `clip`."
        if not saved_steps(self.path):
            return again
        return f"Go back to a saved state: rnngen train --resume {quote_argument(str(self.path))}. {again}"

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from rnngen.corpus.tokenizer.load import MAX_BYTES, load_tokenizer

        return load_tokenizer(self.path / TOKENIZER, self.read(TOKENIZER, MAX_BYTES))

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

    @property
    def documents(self) -> str:
        """The rule by which the run's text consists of documents (see ``documents.py``)."""
        data = self.config.get("data")
        rule = data.get("documents") if isinstance(data, dict) else None
        return rule if isinstance(rule, str) else NONE

    @property
    def chose_documents(self) -> bool:
        """Whether nobody gave this rule."""
        given = self.config.get("given")
        return isinstance(given, list) and "documents" not in given

    @property
    def boundary(self) -> int | None:
        """The token between documents, after which the network begins anew; None: the run's text is one stream.

        Raises:
            CheckpointError, TokenizerError: damaged.
        """
        return self.tokenizer().boundary(self.documents)

    @property
    def labels(self) -> Labels | None:
        """The labels of the run's documents, to read others with; None: they have none.

        Raises:
            CheckpointError, TokenizerError: damaged.
        """
        data = self.config.get("data")
        field = data.get("label_field") if isinstance(data, dict) else None
        names = self.tokenizer().labels
        return Labels(field, names) if isinstance(field, str) and names else None

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
