"""Perplexity, bits per byte, and how sure one can be of them, from the NLL of each test sequence.

Axes: K series (interventions and whatever else is summed over sequences), S sequences, R resamples, P permutations.
NLL is in nats and summed over the predicted tokens of a sequence; every mean is weighted by tokens (or bytes), so it is
the mean over tokens and does not depend on how text was cut into batches. Differences and ratios are taken in log space:
perplexities of a collapsed model overflow, their logarithms do not.

The unit of every resample is the sequence. Sequences cut from one document are not independent; an interval from such
test text is too narrow.
"""

import numpy as np

BLOCK_ELEMENTS = 2**22  # random weights held at a time: 32 MiB in float64
EXACT_SUPPORT = 100_000  # overlaps that expected_jaccard sums one by one


def exp_or_inf(log_values: np.ndarray | float) -> np.ndarray:
    """exp of log perplexities or log ratios; ``inf`` above ln(largest float64) = 709.78 nats per token.

    ``inf`` means "finite, but larger than 1.8e308" and 0 "smaller than 5e-324" (a ratio to a collapsed model): order is
    kept, and no other number is ever put in their place.
    """
    with np.errstate(over="ignore"):
        return np.exp(log_values)


def perplexity(nll_nats: np.ndarray, n_tokens: np.ndarray) -> np.ndarray:
    """exp(total NLL / total tokens) over the last axis; ``nll_nats`` (..., S), ``n_tokens`` (S,). May be ``inf``."""
    return exp_or_inf(np.sum(nll_nats, axis=-1) / np.sum(n_tokens, axis=-1))


def bits_per_byte(nll_nats: np.ndarray, n_bytes: np.ndarray) -> np.ndarray:
    """Total NLL in bits / total UTF-8 bytes over the last axis; comparable between tokenizers, unlike perplexity."""
    return np.sum(nll_nats, axis=-1) / np.log(2) / np.sum(n_bytes, axis=-1)


def bootstrap_weights(n_sequences: int, resamples: int, seed: int) -> np.ndarray:
    """How often each sequence is drawn in each resample with replacement: multinomial counts (R, S), rows sum to S."""
    return np.concatenate(list(_weight_blocks(n_sequences, resamples, np.random.default_rng(seed))))


def bootstrap_sums(values: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Sums of K series over resampled sequences: (K, S) -> (R, K).

    All series share the resamples, so a ratio of two of them is paired: what makes a sequence hard for both cancels.
    The same seed and S give the same resamples in every call. Takes the weights in blocks to bound memory.
    """
    blocks = _weight_blocks(values.shape[-1], resamples, np.random.default_rng(seed))
    return np.concatenate([weights @ values.T for weights in blocks])


def _weight_blocks(n_sequences: int, resamples: int, generator: np.random.Generator):
    """Yield the rows of the weight matrix, a block at a time."""
    if n_sequences < 1 or resamples < 1:
        raise ValueError(f"a bootstrap needs sequences and resamples, got {n_sequences} and {resamples}")
    for rows in _block_rows(resamples, n_sequences):
        drawn = generator.integers(0, n_sequences, (rows, n_sequences)) + n_sequences * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n_sequences)
        yield counts.reshape(rows, n_sequences).astype(np.float64)


def _block_rows(total: int, width: int) -> list[int]:
    """Split ``total`` rows of ``width`` random numbers into blocks of bounded size."""
    block = max(1, BLOCK_ELEMENTS // width)
    return [min(block, total - start) for start in range(0, total, block)]


def percentile_interval(resampled: np.ndarray, level: float = 0.95) -> np.ndarray:
    """Percentile interval of each series: (R, K) -> (2, K), low and high.

    Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13. Give it logarithms (mean NLL, difference of
    means) and take exp afterwards: percentiles pass through a monotone function, and nothing overflows.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be in (0, 1), got {level}")
    tail = (1 - level) / 2
    return np.quantile(resampled, [tail, 1 - tail], axis=0)


def sign_flip_p_values(differences: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """Two-sided paired permutation test of each series of per-sequence differences: (K, S) -> (K,).

    ``differences`` are NLL sums, treated minus control, of the same sequence. Under the null hypothesis treated and
    control are exchangeable within a sequence, so the sign of each difference is a coin toss. Statistic: the
    token-weighted mean difference; its denominator, the number of tokens, is the same under every flip and is left out.
    p = (1 + number of flips at least as extreme) / (1 + permutations), which is never 0 and valid at any number of
    random permutations: Phipson & Smyth (2010), Permutation P-values Should Never Be Zero, doi:10.2202/1544-6115.1585;
    the test is Fisher's (1935), The Design of Experiments, section 21. It generalises over sequences, not over the
    seeds of a random control, whose mean is taken as given.
    """
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, got {permutations}")
    generator = np.random.default_rng(seed)
    n_sequences = differences.shape[-1]
    slack = 1e-12 * np.abs(differences).sum(axis=-1)  # the same sum in another order is a tie, not a smaller value
    observed = np.abs(differences.sum(axis=-1)) - slack
    extreme = np.zeros(len(differences), dtype=np.int64)
    for rows in _block_rows(permutations, n_sequences):
        signs = 2.0 * generator.integers(0, 2, (rows, n_sequences), dtype=np.int8) - 1.0
        extreme += (np.abs(signs @ differences.T) >= observed).sum(axis=0)
    return (1 + extreme) / (1 + permutations)


def holm(p_values: np.ndarray) -> np.ndarray:
    """p-values adjusted for the number of tests made (Holm 1979); NaN stays NaN and counts as no test. Shape (K,)."""
    p_values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p_values.shape, np.nan)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]  # NaN sorts last
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def expected_jaccard(size_a, size_b, population) -> float:
    """Mean Jaccard index |A ∩ B| / |A ∪ B| of random sets A and B of given sizes out of ``population`` elements.

    Arguments are integers, or sequences with one integer a stratum: sets drawn matrix by matrix, whose intersections
    and unions are summed before dividing. NaN where both sets are empty.

    The overlap X is hypergeometric with mean m = ab/n. One stratum with at most 100,000 possible overlaps is summed
    exactly. Otherwise the delta method to second order, with s = a + b: m/(s - m) + s·Var(X)/(s - m)³. Its relative error
    is below 1/m² from m = 5 on (compared with the exact sum for n from 1e3 to 1e7 and densities from 0.001 to 0.9): below
    1e-6 from an expected overlap of 1,000 elements on.
    """
    a, b, n = (np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in (size_a, size_b, population))
    if np.any((a < 0) | (b < 0) | (a > n) | (b > n)):
        raise ValueError(f"sizes of sets must be between 0 and the population {population}, got {size_a} and {size_b}")
    size = float(a.sum() + b.sum())
    if size == 0:
        return float("nan")
    if len(a) == 1 and min(a[0], b[0]) <= EXACT_SUPPORT:
        from scipy.stats import hypergeom  # a second to import, and most tables do without

        overlap = np.arange(max(0.0, size - n[0]), min(a[0], b[0]) + 1)
        return float(hypergeom.pmf(overlap, n[0], a[0], b[0]) @ (overlap / (size - overlap)))
    mean, variance = _overlap_moments(a, b, n)
    return mean / (size - mean) + size * variance / (size - mean) ** 3


def _overlap_moments(a: np.ndarray, b: np.ndarray, n: np.ndarray) -> tuple[float, float]:
    """Mean and variance of the summed overlap of independent strata."""
    mean = a * b / np.maximum(n, 1)
    variance = mean * (1 - a / np.maximum(n, 1)) * (n - b) / np.maximum(n - 1, 1)
    return float(mean.sum()), float(variance.sum())
