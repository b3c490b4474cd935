import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langatlas.locate.selection import Taker, keys_of, random_keys, thresholds


def by_sorting(scores: np.ndarray, n: int, largest: bool) -> np.ndarray:
    """The definition: order by score, ties by flat index, take the first n."""
    order = np.lexsort((np.arange(scores.size), -scores if largest else scores))
    mask = np.zeros(scores.size, bool)
    mask[order[:n]] = True
    return mask


def take(pieces: list[np.ndarray], n: int, largest: bool) -> np.ndarray:
    (threshold,) = thresholds(lambda: map(keys_of, pieces), [(n, largest)])
    taker = Taker(threshold)
    return np.concatenate([taker.mask(keys_of(piece)) for piece in pieces])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_selection_equals_a_stable_sort_with_many_ties_in_pieces(data):
    values = data.draw(
        st.lists(st.sampled_from([0.0, 1e-45, 1e-38, 0.5, 1.0, 1.0000001, 7.0, 3e38]), min_size=1, max_size=60)
    )
    scores = np.array(values, np.float32)
    n, largest = data.draw(st.integers(0, scores.size)), data.draw(st.booleans())
    cut = data.draw(st.integers(0, scores.size))
    mask = take([scores[:cut], scores[cut:]], n, largest)
    assert (mask == by_sorting(scores, n, largest)).all()


def test_selection_equals_numpy_on_a_large_matrix_for_all_ratios_at_once():
    scores = np.abs(np.random.default_rng(0).standard_normal((300, 500))).astype(np.float32)
    requests = [(int(ratio * scores.size), largest) for ratio in (0.01, 0.03, 0.05, 1.0) for largest in (True, False)]
    found = thresholds(lambda: [keys_of(scores)], requests)
    for (n, largest), threshold in zip(requests, found, strict=True):
        assert (Taker(threshold).mask(keys_of(scores)) == by_sorting(scores.reshape(-1), n, largest)).all()


def test_nan_and_negative_scores_are_refused():
    for bad in (np.nan, -1.0):
        with pytest.raises(ValueError, match="NaN or negative"):
            keys_of(np.array([0.0, bad], np.float32))


def test_more_than_there_is_cannot_be_selected():
    with pytest.raises(ValueError, match="cannot select 4 of 3"):
        thresholds(lambda: [keys_of(np.ones(3, np.float32))], [(4, True)])


def test_random_keys_depend_on_seed_and_name_only_and_are_uniform():
    keys = random_keys(1, "a", 100_000)
    assert (keys == random_keys(1, "a", 100_000)).all()
    assert (keys != random_keys(2, "a", 100_000)).any()
    assert (keys != random_keys(1, "b", 100_000)).any()
    assert abs(keys.astype(float).mean() / 2**32 - 0.5) < 4 * 0.2887 / np.sqrt(100_000)
