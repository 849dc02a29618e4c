"""docs/notebook.ipynb runs in a real kernel, and what is stored of it is what it shows everywhere."""

from __future__ import annotations

import ast
import json
import os
import re
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import rnngen
from tests.conftest import FAST, make_text
from tests.docs.pages import DOCS

NOTEBOOK = DOCS / "notebook.ipynb"
CELLS: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = [cell for cell in CELLS if cell["cell_type"] == "code"]

needs_jupyter = pytest.mark.skipif(
    find_spec("nbclient") is None or find_spec("ipykernel") is None, reason="there is no Jupyter"
)


def test_the_stored_notebook_was_run_from_top_to_bottom_and_shows_no_machine() -> None:
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    outputs = [output for cell in CODE for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    shown = json.dumps(outputs)
    assert "<svg" in shown
    assert not re.search(r"/(home|root|tmp|usr|Users)/|[A-Z]:\\\\", shown)


def test_the_notebook_uses_names_that_exist() -> None:
    source = "\n".join("".join(cell["source"]) for cell in CODE)
    used = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "rnngen"
    }
    assert {"train", "resume", "score", "next_tokens", "gradients", "compare", "load"} <= used <= set(rnngen.__all__)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kernel needs to find the package, and to start where there are no user's folders."""
    monkeypatch.setenv("PYTHONPATH", str(Path(rnngen.__file__).parent.parent))
    monkeypatch.setenv("IPYTHONDIR", str(Path("ipython").absolute()))


@needs_jupyter
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("environment")
def test_every_cell_runs_in_a_kernel(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=250, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    for cell, stored in zip([cell for cell in notebook.cells if cell.cell_type == "code"], CODE, strict=True):
        # what is printed may come in one piece or in several
        kinds = [{output["output_type"] for output in outputs} for outputs in (cell.outputs, stored["outputs"])]
        assert kinds[0] == kinds[1], cell.source


class Kernel:
    """A real kernel.

    Args:
        folder: in which it runs.
    """

    def __init__(self, folder: Path) -> None:
        from jupyter_client.manager import start_new_kernel

        self.manager, self.client = start_new_kernel(kernel_name="python3", cwd=str(folder), env=dict(os.environ))

    def run(self, code: str, *, interrupt_at: str | None = None) -> list[dict[str, Any]]:
        """The messages of a cell, which is interrupted when one of its outputs contains a text."""
        request, seen, until = self.client.execute(code), [], time.monotonic() + 200
        while time.monotonic() < until:
            message = self.client.get_iopub_msg(timeout=200)
            if message["parent_header"].get("msg_id") != request:
                continue
            seen.append({"type": message["msg_type"], **message["content"]})
            if interrupt_at is not None and interrupt_at in json.dumps(message["content"]):
                self.manager.interrupt_kernel()
                interrupt_at = None
            if message["content"].get("execution_state") == "idle":
                break
        return seen

    def completions(self, code: str) -> list[str]:
        """What the Tab key offers at the end of a line."""
        reply = self.client.complete(code, reply=True, timeout=60)
        found: list[str] = reply["content"]["matches"]
        return found


@pytest.fixture
def kernel(environment: None, tmp_path: Path) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path)
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


@needs_jupyter
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_interrupting_the_kernel_saves_the_run_and_resuming_ends_as_if_it_had_not_been(kernel: Kernel) -> None:
    Path("corpus.txt").write_text(make_text(20_000), encoding="utf-8")
    options = {**FAST, "steps": 3000, "valid_every": 1000, "save_every": 10_000, "threads": 1}
    assert not [m for m in kernel.run(f"import rnngen; options = {options!r}") if m["type"] == "error"]
    train = "run = rnngen.train('corpus.txt', out='run', **options)"
    messages = kernel.run(train, interrupt_at="loss ")
    (error,) = [m for m in messages if m["type"] == "error"]
    assert error["ename"] == "TrainingInterrupted"
    assert 'Resume it: rnngen.resume("run")' in error["evalue"]
    assert [m["type"] for m in messages].count("display_data") == 1
    assert "update_display_data" in [m["type"] for m in messages]
    step = rnngen.inspect("run").steps
    assert step is not None
    assert 0 < step < 3000
    assert not [m for m in kernel.run("rnngen.resume('run')") if m["type"] == "error"]
    whole = rnngen.train("corpus.txt", out="whole", progress="none", **options)  # type: ignore[arg-type]
    resumed, expected = rnngen.inspect("run"), rnngen.inspect(whole)
    assert (resumed.steps, resumed.best_nats) == (3000, expected.best_nats)
    assert Path("run/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


@needs_jupyter
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_tab_key_completes_functions_and_options(kernel: Kernel) -> None:
    kernel.run("import rnngen")
    assert {"train", "resume", "score"} <= {name.rpartition(".")[2] for name in kernel.completions("rnngen.")}
    assert {"hidden_size=", "hidden_dropout="} <= set(kernel.completions("rnngen.train('a.txt', hid"))
    assert "temperature=" in kernel.completions("rnngen.generate('The ', temp")
    assert "allow_changed_corpus=" in kernel.completions("rnngen.resume('run', allow")
