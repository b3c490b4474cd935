"""Pairing by item, drawn numbers and their intervals, and pages of languages by languages: against brute force and by hand."""

import numpy as np
import pandas as pd
import pytest

from langatlas import statistics
from langatlas.present import markup, matrix, paired


def test_series_are_paired_by_item_and_averaged_over_seeds():
    rows = [("a", 2, 1.0), ("a", 1, 3.0), ("b", 1, 5.0), ("b", 2, 6.0), ("b", 1, 7.0)]  # b was measured twice on item 1
    rows = pd.DataFrame(rows, columns=["series", "sequence", "nll_nats"])
    assert paired.by_item(rows, "series", "other items").to_dict("index") == {"a": {1: 3, 2: 1}, "b": {1: 6, 2: 6}}
    with pytest.raises(ValueError, match="other items"):
        paired.by_item(rows.iloc[1:], "series", "other items")


def test_a_drawn_ratio_has_the_whole_first_and_then_every_resample():
    values, weights = np.array([[1.0, 2.0, 6.0], [3.0, 3.0, 3.0]]), np.array([1.0, 2.0, 3.0])
    drawn = paired.drawn_means(values, weights, 50, 7)
    assert drawn.shape == (51, 2)
    assert drawn[0].tolist() == [9 / 6, 9 / 6]
    for resample, counts in zip(drawn[1:], statistics.bootstrap_weights(3, 50, 7), strict=True):
        assert resample == pytest.approx((values * counts).sum(1) / (weights * counts).sum())
    difference = drawn[:, 0] - drawn[:, 1]
    found = paired.interval("x", difference)
    assert list(found) == ["x", "x_low", "x_high"]
    low, high = np.quantile(difference[1:], [0.025, 0.975])
    assert list(found.values()) == pytest.approx([1, np.exp(low), np.exp(high)])


def test_one_item_alone_has_a_value_and_no_interval():
    drawn = paired.drawn_means(np.array([[2.0], [4.0]]), np.array([4.0]), 20, 1)
    found = paired.interval("x", drawn, np.asarray)
    assert found["x"].tolist() == [0.5, 1]
    assert np.isnan([found["x_low"], found["x_high"]]).all()
    assert np.isnan(paired.interval("x", drawn[:, 0])["x_low"])


def test_resamples_without_a_value_are_left_out_of_an_interval():
    drawn = np.array([0.5, np.nan, 0.2, 0.4, np.nan])
    assert paired.interval("x", drawn, np.asarray)["x_low"] == pytest.approx(np.quantile([0.2, 0.4], 0.025))


def test_a_comparison_without_a_test_has_no_p_value():
    difference, tokens = np.array([[0.5, 0.7, 0.1]]), np.ones(3)
    settings = {"resamples": 99, "permutations": 99, "seed": 1}
    found = paired.compared("ratio", "p", difference, tokens, **settings)
    assert found["ratio"] == pytest.approx(np.exp([1.3 / 3]))
    assert found["p"] == statistics.sign_flip_p_values(difference, 99, 1)
    assert paired.p_value(difference[0], 99, 1) == found["p"]
    assert list(paired.compared("ratio", "", difference, tokens, **settings)) == ["ratio", "ratio_low", "ratio_high"]


def test_p_values_are_adjusted_within_their_group_and_an_empty_key_is_one():
    table = pd.DataFrame({"key": ["a", None, "a", None], "p_value": [0.01, 0.02, 0.04, np.nan]})
    assert paired.holm(table, ["key"]).tolist()[:3] == pytest.approx([0.02, 0.02, 0.04])
    assert np.isnan(paired.holm(table, ["key"])[3])


def test_a_page_of_languages_is_ordered_by_family_with_the_largest_of_a_row_in_bold():
    cells = pd.DataFrame({"zh": [1.5, 9.0], "ru": [2.0, np.nan]}, index=["zh", "ru"])
    page = matrix.effects(cells, None, "Region of")
    assert page.to_numpy().tolist() == [
        ["Russian (ru)", "–", markup.strong("9.00")],
        ["Chinese (zh)", markup.strong("2.00"), "1.50"],
    ]
    assert list(page.columns) == ["Region of", "ru", "zh"]


def test_pairs_become_a_symmetric_page_with_an_empty_diagonal():
    pairs = pd.DataFrame(
        [("zh", "ru", 0.1), ("uk", "ru", 0.9), ("uk", "zh", 0.2)], columns=["language_a", "language_b", "x"]
    )
    page = matrix.square(pairs, "x", None)
    assert page["Language"].tolist() == ["Russian (ru)", "Ukrainian (uk)", "Chinese (zh)"]
    values = page[["ru", "uk", "zh"]].to_numpy()
    np.testing.assert_array_equal(values, values.T)
    assert (values[0, 1], values[0, 2], values[1, 2]) == (0.9, 0.1, 0.2)
    assert np.isnan(np.diag(values)).all()
