"""What a manifest says is checked, and what it promises is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rnngen.errors import CheckpointError
from rnngen.runs.finding import open_run
from rnngen.runs.layout import MANIFEST, MODEL, NEW
from rnngen.runs.manifest import manifest_bytes, read_checked, read_manifest, sha256


@pytest.mark.parametrize(
    "name", ["../config.json", "/etc/passwd", "..", ".", "", "a/b", "resume/../../x", "./config.json", "a/"]
)
def test_a_manifest_that_names_a_file_elsewhere_is_refused(trained: Path, name: str) -> None:
    manifest = json.loads((trained / MANIFEST).read_bytes())
    manifest["files"][name] = {"sha256": sha256(b""), "bytes": 0}
    (trained / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"manifest\.json: has an entry that is not a file of this folder"):
        open_run(trained)


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        None,
        {},
        {"format": 1},
        {"format": 2, "files": {}},
        {"format": 1, "files": []},
        {"format": 1, "files": {"config.json": None}},
        {"format": 1, "files": {"config.json": {}}},
        {"format": 1, "files": {"config.json": {"bytes": 3}}},
        {"format": 1, "files": {"config.json": {"bytes": 3, "sha256": None}}},
        {"format": 1, "files": {"config.json": {"bytes": 3, "sha256": 3}}},
        {"format": 1, "files": {"config.json": {"bytes": -1, "sha256": ""}}},
        {"format": 1, "files": {"config.json": {"bytes": "3", "sha256": ""}}},
        {"format": 1, "files": {}},
    ],
    ids=json.dumps,
)
def test_a_manifest_of_another_form_is_refused(trained: Path, manifest: Any) -> None:
    (trained / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError):
        open_run(trained)


def test_a_log_that_has_grown_is_read_up_to_where_the_manifest_was_written(trained: Path) -> None:
    run = open_run(trained)
    before = run.read("metrics.jsonl")
    with (trained / "metrics.jsonl").open("ab") as stream:
        stream.write(b"more\n")
    assert run.read("metrics.jsonl") == before


def test_a_file_that_is_not_in_the_manifest_is_not_read(trained: Path) -> None:
    (trained / "extra.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"extra\.json: is not in the run's manifest"):
        open_run(trained).read("extra.json")


def test_weights_not_yet_in_place_are_read_from_the_new_file(trained: Path) -> None:
    content = (trained / MODEL).read_bytes()
    (trained / MODEL).rename(trained / (MODEL + NEW))
    assert open_run(trained).read(MODEL) == content
    (trained / MODEL).write_bytes(b"the ones before")
    assert open_run(trained).read(MODEL) == content


def test_a_new_file_that_was_never_committed_is_not_read(trained: Path) -> None:
    content = (trained / MODEL).read_bytes()
    (trained / (MODEL + NEW)).write_bytes(b"half")
    assert open_run(trained).read(MODEL) == content


def test_manifest_of_contents_is_what_a_run_checks_against(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / MANIFEST).write_bytes(manifest_bytes({"a": b"content"}))
    assert read_checked(tmp_path, read_manifest(tmp_path), "a") == b"content"
