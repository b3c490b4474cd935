"""Statistics against hand computation, brute force and simulation."""

from itertools import combinations, product

import numpy as np
import pytest

from langatlas import statistics


def test_perplexity_and_bits_per_byte_weight_by_tokens_and_bytes():
    nll_nats, n_tokens, n_bytes = np.array([3 * np.log(2), 5 * np.log(8)]), np.array([3, 5]), np.array([6, 30])
    # 3 tokens of 1 bit and 5 of 3 bits: 18 bits over 8 tokens and 36 bytes
    assert statistics.perplexity(nll_nats, n_tokens) == pytest.approx(2 ** (18 / 8))
    assert statistics.bits_per_byte(nll_nats, n_bytes) == pytest.approx(0.5)


def test_a_perplexity_too_large_for_a_float_is_infinite_without_a_warning():
    assert statistics.perplexity(np.array([710.0 * 4]), np.array([4])) == np.inf
    assert np.isfinite(statistics.perplexity(np.array([709.0 * 4]), np.array([4])))


def test_bootstrap_weights_are_resamples_of_all_sequences():
    weights = statistics.bootstrap_weights(n_sequences=30, resamples=4000, seed=5)
    assert weights.shape == (4000, 30)
    assert (weights.sum(axis=1) == 30).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(30), abs=0.08)
    assert weights.var() == pytest.approx(29 / 30, rel=0.05)  # multinomial: n p (1 - p)


def test_bootstrap_sums_equal_an_explicit_loop_over_drawn_sequences():
    values = np.random.default_rng(1).normal(size=(3, 12))
    weights = statistics.bootstrap_weights(12, 50, seed=7).astype(int)
    loop = [[sum(series[np.repeat(np.arange(12), row)]) for series in values] for row in weights]
    assert np.allclose(statistics.bootstrap_sums(values, 50, seed=7), loop)


def test_the_size_of_a_block_changes_no_resample(monkeypatch):
    whole = statistics.bootstrap_weights(10, 40, seed=3)
    monkeypatch.setattr(statistics, "BLOCK_ELEMENTS", 70)
    assert (statistics.bootstrap_weights(10, 40, seed=3) == whole).all()


def test_the_percentile_interval_agrees_with_the_normal_interval_on_a_large_sample():
    n_tokens = np.full(1500, 50.0)
    nll_nats = n_tokens * np.random.default_rng(2).normal(2.0, 0.3, 1500)
    sums = statistics.bootstrap_sums(np.vstack([nll_nats, n_tokens]), 2000, seed=1)
    low, high = statistics.percentile_interval(sums[:, :1] / sums[:, 1:])
    mean, error = nll_nats.sum() / n_tokens.sum(), (nll_nats / n_tokens).std() / np.sqrt(1500)
    assert [low[0], high[0]] == pytest.approx([mean - 1.96 * error, mean + 1.96 * error], abs=0.15 * error)


def test_the_interval_covers_the_true_mean_in_about_95_percent_of_samples():
    generator = np.random.default_rng(11)
    samples = generator.exponential(1.0, (400, 80))  # skewed, as NLL sums are; the true mean is 1
    # One call serves all samples: they are independent although they share resamples.
    sums = statistics.bootstrap_sums(samples, 1000, seed=4)
    low, high = statistics.percentile_interval(sums / 80)
    covered = ((low <= 1.0) & (high >= 1.0)).mean()
    assert 0.90 <= covered <= 0.97


def test_an_interval_of_a_paired_ratio_is_narrower_than_that_of_an_unpaired_one():
    generator = np.random.default_rng(3)
    base = generator.normal(2.0, 0.5, 100)
    treated = base + 0.3 + generator.normal(0, 0.05, 100)
    first = statistics.bootstrap_sums(np.vstack([base, treated]), 2000, seed=1) / 100
    second = statistics.bootstrap_sums(np.vstack([base, treated]), 2000, seed=2) / 100
    paired = statistics.percentile_interval((first[:, 1] - first[:, 0])[:, None])
    unpaired = statistics.percentile_interval((first[:, 1] - second[:, 0])[:, None])
    assert np.diff(paired, axis=0) < 0.2 * np.diff(unpaired, axis=0)


def test_the_sign_flip_test_agrees_with_all_256_flips_of_8_differences():
    differences = np.array([0.9, -0.2, 0.4, 1.1, 0.3, -0.5, 0.8, 0.1])
    flipped = np.array(list(product([1, -1], repeat=8))) @ differences
    exact = np.mean(np.abs(flipped) >= abs(differences.sum()) - 1e-12)
    p_value = statistics.sign_flip_p_values(differences[None], 40_000, seed=1)[0]
    assert p_value == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 40_000))


def test_a_difference_of_nothing_is_never_significant_and_the_smallest_p_value_is_not_zero():
    p_values = statistics.sign_flip_p_values(np.vstack([np.zeros(40), np.ones(40)]), 999, seed=1)
    assert p_values.tolist() == [1.0, 0.001]


def test_p_values_are_about_uniform_when_nothing_differs():
    differences = np.random.default_rng(8).normal(size=(1000, 25)) * np.linspace(0.1, 3, 25)
    p_values = statistics.sign_flip_p_values(differences, 999, seed=2)
    for level in (0.05, 0.25, 0.5, 0.75):
        assert (p_values <= level).mean() == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 1000))


def test_holm_follows_the_step_down_rule():
    # sorted 0.01 0.02 0.03 0.5 times 4 3 2 1: 0.04 0.06 0.06 0.5; the missing one is no test
    adjusted = statistics.holm(np.array([0.03, 0.01, np.nan, 0.5, 0.02]))
    assert adjusted[[0, 1, 3, 4]] == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert np.isnan(adjusted[2])
    assert statistics.holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]
    assert statistics.holm(np.array([])).size == 0


@pytest.mark.parametrize(("a", "b", "n"), [(2, 3, 6), (4, 4, 7), (1, 6, 6), (0, 2, 4), (5, 5, 5)])
def test_the_expected_jaccard_index_equals_the_mean_over_all_pairs_of_sets(a, b, n):
    first = set(range(a))  # by symmetry one of the two sets may stay fixed
    indices = [len(first & set(other)) / len(first | set(other)) for other in combinations(range(n), b)]
    assert statistics.expected_jaccard(a, b, n) == pytest.approx(np.mean(indices))


def test_the_approximate_expected_jaccard_index_is_as_close_as_its_docstring_says(monkeypatch):
    for n, density_a, density_b in product([1000, 8000], [0.02, 0.1, 0.4], [0.05, 0.3]):
        a, b = int(n * density_a), int(n * density_b)
        exact = statistics.expected_jaccard(a, b, n)
        with monkeypatch.context() as patch:
            patch.setattr(statistics, "EXACT_SUPPORT", -1)
            approximate = statistics.expected_jaccard(a, b, n)
        overlap = a * b / n
        if overlap >= 5:
            assert abs(approximate / exact - 1) < 1 / overlap**2


def test_the_expected_jaccard_index_of_sets_drawn_matrix_by_matrix_agrees_with_simulation():
    sizes_a, sizes_b, numels = [50, 10, 400], [30, 10, 100], [500, 1000, 2000]
    generator = np.random.default_rng(6)
    overlaps = sum(
        generator.hypergeometric(a, n - a, b, size=20_000) for a, b, n in zip(sizes_a, sizes_b, numels, strict=True)
    )
    indices = overlaps / (sum(sizes_a) + sum(sizes_b) - overlaps)
    expected = statistics.expected_jaccard(sizes_a, sizes_b, numels)
    assert expected == pytest.approx(indices.mean(), abs=4 * indices.std() / np.sqrt(20_000))


def test_impossible_arguments_are_refused_by_name():
    with pytest.raises(ValueError, match="between 0 and the population 3, got 4 and 1"):
        statistics.expected_jaccard(4, 1, 3)
    with pytest.raises(ValueError, match="permutations must be at least 1, got 0"):
        statistics.sign_flip_p_values(np.ones((1, 2)), 0, seed=1)
    with pytest.raises(ValueError, match="level must be in"):
        statistics.percentile_interval(np.ones((2, 1)), level=95)
    with pytest.raises(ValueError, match="needs sequences and resamples, got 0 and 10"):
        statistics.bootstrap_weights(0, 10, seed=1)
    assert np.isnan(statistics.expected_jaccard(0, 0, 10))
