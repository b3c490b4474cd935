"""Meanings of the columns of tables about translation."""

MEANING = {
    "condition": "direct, pivot-LANGUAGE, parallel-N, repeated-N, paraphrases-N; -Kshot: after K examples",
    "shots": "examples before the sentence",
    "input_languages": "languages of the inputs, joined by spaces",
    "baseline": "condition that differences are to; empty for that itself",
    "n_items": "sentences, the same in all conditions of an experiment",
    "prompt_tokens": "mean tokens of a prompt, start mark included",
    "new_tokens": "mean new tokens of a text, end mark not included",
    "chrf": "chrF++ of the outputs' first lines against the references, 0 to 100 (n-grams summed over sentences)",
    "chrf_unrelated": "chrF++ of the same outputs against the references of ten other sentences",
    "chrf_difference": "chrf - that of the baseline, on the same sentences",
    "bleu": "corpus BLEU, 0 to 100",
    "bleu_signature": "sacrebleu's settings of bleu",
    "exact_match": "share of outputs that equal the reference",
    "positions": "which tokens are counted: published (last position of each forward pass), last_prompt, generated, all",
    "inhibited_share": "share of neurons at or below 0, mean over tokens (without a layer: and then over layers)",
    "inhibited_difference": "inhibited_share - that of the baseline, on the same sentences",
    "zero_share": "share of neurons at exactly 0",
    "better_with_fewer": "yes: chrf and inhibited_share above the baseline's, both intervals beyond 0; no: one of them beyond 0 "
    "on the other side; does not translate: chrf not surely 5 points above chrf_unrelated; else cannot be told",
}
