"""Features of a text, and the units that correlate with them."""

from __future__ import annotations

import numpy as np
import pytest

from rnngen.inspection.detectors import correlate, find_detectors, followed, text_features
from rnngen.inspection.gates import LayerTrace


def test_features_are_what_a_reader_would_say() -> None:
    text = 'ab\n"c (d)" e'
    features = text_features(list(text))
    assert features["since newline"].tolist() == [1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert features["inside quotes"].tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0]
    assert features["inside brackets"].tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]
    assert features["length of the word"].tolist() == [1, 2, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1]
    assert text_features(list("([a]{)}"))["depth of brackets"].tolist() == [1, 2, 2, 1, 2, 2, 1]
    assert text_features(['ab\n"', "c (d"])["inside brackets"].tolist() == [0, 1]


def test_a_unit_that_counts_is_found() -> None:
    features = text_features(list("some words\nand more (of) them\n" * 30))
    values = np.random.default_rng(0).normal(size=(len(features["since newline"]), 6)).astype(np.float32)
    values[:, 4] = -2 * features["since newline"] + 1
    found = find_detectors([LayerTrace("", 1, {}, {"h": values})], features)
    assert (found[0].feature, found[0].unit) == ("since newline", 4)
    assert found[0].correlation == pytest.approx(-1)
    assert "inside quotes" not in {d.feature for d in found}  # there are none
    expected = [np.corrcoef(values[:, u], features["length of the word"])[0, 1] for u in range(6)]
    np.testing.assert_allclose(correlate(values, features["length of the word"]), expected)
    few = {name: feature[:100] for name, feature in features.items()}
    assert find_detectors([LayerTrace("", 1, {}, {"h": values[:100]})], few) == []  # of many units one always fits


def test_each_unit_follows_the_feature_that_it_correlates_with_most() -> None:
    features = text_features(list("some words\nand more (of) them\n" * 30))
    T = len(features["since newline"])
    values = np.random.default_rng(0).normal(size=(T, 4)).astype(np.float32)
    values[:, 1] = features["inside brackets"]
    values[:, 3] = -features["length of the word"]
    found = followed(LayerTrace("", 1, {}, {"h": values}), features)
    assert found[1] == ("inside brackets", pytest.approx(1))
    assert found[3] == ("length of the word", pytest.approx(-1))
    varied = [name for name in features if features[name].std() > 0]
    expected = max(varied, key=lambda name: abs(np.corrcoef(values[:, 0], features[name])[0, 1]))
    assert found[0][0] == expected
    few = {name: feature[:100] for name, feature in features.items()}
    assert followed(LayerTrace("", 1, {}, {"h": values[:100]}), few) == []
