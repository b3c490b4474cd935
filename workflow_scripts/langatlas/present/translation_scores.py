"""How good translations are: chrF++ and BLEU by sacrebleu (Post 2018), and chrF++ over resampled sentences. No torch.

chrF++ (Popović 2017) needs no tokenizer, so it is the headline for every language. It is not a mean over sentences: counts of
n-grams are summed over sentences before precision and recall are taken, and so they are over resampled sentences.
"""

from collections.abc import Sequence

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

CHARACTERS, WORDS, BETA = 6, 2, 2  # chrF++: longest n-grams, and how much recall weighs against precision
SHAPE = (CHARACTERS + WORDS, 3)
TOKENIZERS = {
    "zh": "zh",
    "ja": "char",
    "ko": "char",
}  # of BLEU; others: 13a. Those that sacrebleu would download are not used.


def chrf_counts(outputs: Sequence[str], references: Sequence[str]) -> np.ndarray:
    """n-grams of each sentence's output, of its reference, and in both: (S, 8, 3); 6 orders of characters, 2 of words."""
    metric = CHRF(char_order=CHARACTERS, word_order=WORDS, beta=BETA)
    counts = metric._extract_corpus_statistics(list(outputs), [list(references)])
    return np.array(counts, np.float64).reshape(len(outputs), *SHAPE)


def chrf(counts: np.ndarray) -> np.ndarray:
    """chrF++ in percent of counts that are summed over sentences: (..., 8, 3) -> (...).

    Precision and recall are means over the orders of n-grams that both sides have. NaN where counts are not known.
    """
    said, wanted, shared = np.moveaxis(counts, -1, 0)
    both = (said > 0) & (wanted > 0)
    orders = np.maximum(both.sum(-1), 1)
    precision = (shared / np.where(both, said, np.inf)).sum(-1) / orders
    recall = (shared / np.where(both, wanted, np.inf)).sum(-1) / orders
    below = BETA**2 * precision + recall
    scores = 100 * (1 + BETA**2) * precision * recall / np.where(below > 0, below, 1)
    return np.where(np.isnan(counts).any(axis=(-2, -1)), np.nan, scores)


def bleu(outputs: Sequence[str], references: Sequence[str], language: str) -> tuple[float, str]:
    """Corpus BLEU in percent, and sacrebleu's signature: what it takes to compute it again."""
    metric = BLEU(tokenize=TOKENIZERS.get(language.split("_")[0], "13a"))
    score = metric.corpus_score(list(outputs), [list(references)]).score
    return float(score), str(metric.get_signature())
