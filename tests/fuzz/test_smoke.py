"""A few inputs of every format by hypothesis; ``fuzz.py`` tries millions of them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("place")
        patch.chdir(folder)
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        return Place(folder)


@pytest.mark.parametrize("name", TARGETS)
def test_any_input_is_read_right_or_refused_in_a_line(place: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place.enter(monkeypatch)
    target = TARGETS[name]

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(min_size=8, max_size=40))
    def reads(data: bytes) -> None:
        target.run(place, target.input(place, data))

    reads()


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_sound_is_accepted(place: Place, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place.enter(monkeypatch)
    target = TARGETS[name]
    assert target.run(place, target.seeds(place)[0])
