"""What a user gave is checked once, before any text is read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from rnngen.errors import UsageError
from rnngen.options.config import RunConfig
from rnngen.options.given import Given
from rnngen.sampling.options import Sampling


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 5, "minutes": 1.0}, "`steps` and `minutes` cannot both be given"),
        ({"epochs": 1.0, "minutes": 1.0}, "`epochs` and `minutes` cannot both be given"),
        ({"minutes": 0}, "invalid value for `minutes`; expected a number above 0, up to 10,000,000; found 0"),
        ({"minutes": float("nan")}, "invalid value for `minutes`"),
        ({"minutes": float("inf")}, "invalid value for `minutes`"),
        ({"epochs": -1.0}, "invalid value for `epochs`"),
        ({"minutes": "3"}, "invalid value for `minutes`"),
        ({"steps": 2.5}, "invalid value for `steps`"),
        (
            {"size": "huge"},
            "invalid value for `size`; expected 'tiny', 'small', 'medium' or 'large'; found 'huge'. Did you mean "
            "`size=large`",
        ),
        ({"clip": -1.0}, "invalid value for `clip`"),
        ({"hiden_size": 3}, "unknown option 'hiden_size'"),
    ],
    ids=str,
)
def test_invalid_options_are_refused_before_any_text_is_read(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Given.of(options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "options", [{}, {"steps": 5}, {"minutes": 0.5}, {"epochs": 2}, {"steps": None, "minutes": 1, "size": None}], ids=str
)
def test_valid_options_pass(options: dict[str, Any]) -> None:
    Given.of(options)


def test_only_what_was_given_is_among_the_options_and_the_rest_has_its_default() -> None:
    given = Given.of({"hidden_size": 9, "cell": None, "minutes": 2.0})
    assert dict(given) == {"hidden_size": 9, "minutes": 2.0}
    assert given.config == RunConfig.from_flat({"hidden_size": 9})
    assert given.get("cell", "none") == "none"


def test_options_that_were_checked_are_not_checked_again() -> None:
    given = Given.of({"steps": 3})
    assert Given.of(given) is given


def test_a_preset_is_resolved_and_its_name_kept() -> None:
    given = Given.of({"preset": "awd-lstm", "dropout": 0.1})
    assert (given.preset, given["dropout"], given["nonmono"]) == ("awd-lstm", 0.1, 5)
    assert "preset" not in given
    assert given.changed({"bptt": 7}).preset == "awd-lstm"


def test_numpy_numbers_become_pythons_own() -> None:
    given = Given.of({"hidden_size": np.int64(9), "dropout": np.float32(0.5)})
    assert json.loads(json.dumps(dict(given))) == {"hidden_size": 9, "dropout": 0.5}
    sampling = Sampling.of({"top_k": np.int64(3), "temperature": np.float32(0.5), "length": np.int32(4)})
    assert [type(value) for value in (sampling.top_k, sampling.temperature, sampling.length)] == [int, float, int]


def test_changed_options_are_checked_and_the_given_ones_stay() -> None:
    given = Given.of({"bidirectional": True, "steps": 3})
    assert dict(given.changed({"steps": 4, "seed": 1})) == {"bidirectional": True, "steps": 4, "seed": 1}
    assert given["steps"] == 3
    with pytest.raises(UsageError, match="`ngram` cannot be given with `bidirectional`"):
        given.changed({"ngram": 3})
    with pytest.raises(UsageError, match="`steps` and `minutes` cannot both be given"):
        given.changed({"minutes": 1})
