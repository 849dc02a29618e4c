"""What the script that looks for wheels makes of pip's answers; no index is asked."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.machines import wheels

PACKAGES = {
    "app": ["numpy>=1", 'colorama>=0.4; sys_platform == "win32"', "Fancy_Name[fast]", 'tomli; python_version < "3.12"'],
    "fancy-name": ["base", 'speedup; extra == "fast"', 'unused; extra == "slow"'],
    "base": ["app"],
    "speedup": ['cuda; platform_system == "Linux" and platform_machine == "x86_64"'],
}
PINS = {"app": "1.0", "numpy": "2.0", "fancy-name": "3.0", "base": "4.0", "speedup": "5.0"}


def needed_on(python: str, platform: str) -> dict[str, str]:
    seen = wheels.markers(python, platform)
    return wheels.needed(["app"], PINS, seen, lambda name: PACKAGES.get(name, []))


def test_dependencies_are_followed_with_the_markers_of_the_target() -> None:
    everywhere = {name: f"=={version}" for name, version in PINS.items()}
    assert needed_on("3.14", "macOS 14 arm64") == everywhere
    assert needed_on("3.14", "Windows x86-64") == {**everywhere, "colorama": ">=0.4"}
    assert needed_on("3.11", "Linux x86-64") == {**everywhere, "tomli": "", "cuda": ""}
    assert needed_on("3.12", "Linux arm64") == everywhere


def test_pins_are_read_under_normalized_names_without_comments() -> None:
    assert wheels.pins("# all\nJinja2==3.1.6\ntyping_extensions==4.16.0  # for types\n\n") == {
        "jinja2": "3.1.6",
        "typing-extensions": "4.16.0",
    }


NAMES = {"torch": "==2.13.0", "numpy": "==2.4.6", "colorama": ""}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"missing": [], "unanswered": []}, "ok"),
        ({"missing": ["torch"], "unanswered": []}, "no wheel: torch==2.13.0"),
        ({"missing": ["torch", "numpy"], "unanswered": ["colorama"]}, "no wheel: torch==2.13.0 and 1 more"),
        ({"missing": [], "unanswered": ["numpy"]}, "no answer"),
        ({"another": "shape"}, "no answer"),
        ([], "no answer"),
    ],
)
def test_each_answer_has_its_outcome(answer: object, said: str) -> None:
    assert wheels.outcome(json.dumps(answer), NAMES) == said


@pytest.mark.parametrize("noise", ["", "Traceback (most recent call last): ...", "{"])
def test_what_is_no_answer_refuses_nothing(noise: str) -> None:
    assert wheels.outcome(noise, NAMES) == "no answer"


class PretendedPip:
    """Stands for the process that asks the index: says what is missing by platform, or does not answer."""

    def __init__(
        self, *, missing: dict[str, list[str]] | None = None, fault: Exception | None = None, code: int = 0
    ) -> None:
        self.missing = missing or {}
        self.fault = fault
        self.code = code
        self.questions: list[tuple[str, list[str], dict[str, str]]] = []

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert 0 < options["timeout"] <= 60
        python, tags, names = json.loads(options["input"])
        self.questions.append((python, tags, names))
        if self.fault is not None:
            raise self.fault
        answer = {"missing": self.missing.get(tags[0], []), "unanswered": []}
        return subprocess.CompletedProcess(command, self.code, stdout=json.dumps(answer), stderr="")


def main_with(monkeypatch: pytest.MonkeyPatch, pip: PretendedPip) -> int:
    monkeypatch.setattr(subprocess, "run", pip.run)
    return wheels.main()


def test_every_combination_is_asked_and_all_wheels_is_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pip = PretendedPip()
    assert main_with(monkeypatch, pip) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == ["Python", "3.11", "3.12", "3.13", "3.14"]
    assert out.count("ok") == len({(python, tags[0]) for python, tags, _ in pip.questions}) == 16
    for _, tags, names in pip.questions:
        assert names["torch"] == "==2.13.0"
        assert names["pytest"].startswith("==")
        assert ("colorama" in names) == (tags == ["win_amd64"])


def test_one_package_without_a_wheel_fails_and_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_with(monkeypatch, PretendedPip(missing={"win_amd64": ["torch"]})) == 1
    out = capsys.readouterr().out
    assert out.count("no wheel: torch==2.13.0") == 4
    assert out.count("ok") == 12


@pytest.mark.parametrize(
    "pip",
    [PretendedPip(fault=subprocess.TimeoutExpired("pip", 1)), PretendedPip(fault=FileNotFoundError("no pip"))],
    ids=["time limit", "no pip"],
)
def test_a_registry_that_does_not_answer_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pip: PretendedPip
) -> None:
    assert main_with(monkeypatch, pip) == 0
    assert capsys.readouterr().out.count("no answer") == 16


def test_a_question_that_pip_does_not_understand_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match="pip cannot be asked"):
        main_with(monkeypatch, PretendedPip(code=1))
