"""The names of all columns of all tables, once: what each means, in which unit, and which table has which.

``write_table`` refuses a column that is not here, and puts the meanings into the table's JSON sidecar.
"""

from langatlas.present import agreement_columns, neuron_columns, translation_columns

MEANING = {
    # coordinates
    "model": "name of the model in the config",
    "experiment": "name of the experiment in the config",
    "corpus": "name of the corpus in the config",
    "split": "pretrain (trains the mini model), locate (finds regions), test (measures)",
    "source": "where the text comes from",
    "language": "language (ISO 639-1 or the config's label) of the text that is measured",
    "language_a": "first language of a pair",
    "language_b": "second language of a pair",
    "region": "set of parameters: core, language-XX, monolingual-XX",
    "region_language": "language whose region it is; empty for regions of several languages",
    "scope": "within what parameters were ranked: matrix, layer, global",
    "samples": "documents whose gradients gave the importance",
    "side": "base (nothing changed), top, middle, bottom, random; none where no region is used",
    "seed": "seed of a random region",
    "ratio": "selected fraction of the parameters of the scope, in (0, 1]",
    "edit": "what was done: remove (a region), lines, dimension, set, multiply, silence or steer (neurons)",
    "setting": "which matrices or module were edited, and how lines were shared among them; of sets of equal size: their share",
    "target": "which indices were edited",
    "lines": "lines (rows or columns) edited in each matrix; of silence and steer: neurons",
    "amount": "what was set, or the factor",
    "parameter": "Hugging Face name of the stored tensor; where it holds q, k and v, each module has a row",
    "layer": "index of the decoder block, from 0",
    "module": "matrix or norm of a decoder block, for example attn.q",
    # perplexity
    "perplexity": "exp(NLL in nats summed over tokens / tokens); inf above 1.8e308",
    "perplexity_published": "the same rows as published: shuffled and dealt out to processes, exp(mean over batches of 16 "
    "sequences of each batch's mean NLL), mean over processes",
    "bits_per_byte": "NLL in bits summed over tokens / UTF-8 bytes",
    "ratio_to_base": "perplexity / perplexity of the unchanged model",
    "ratio_to_random": "perplexity / geometric mean over seeds of the perplexity with as many random parameters removed",
    "p_value": "two-sided paired sign-flip permutation test of the sequences' NLL against the random control of the same size",
    "p_value_holm": "p_value adjusted (Holm) for all languages and sides tested with the same region and ratio",
    "n_seeds": "random regions behind this row (geometric mean over them)",
    "n_sequences": "test sequences",
    "n_tokens": "predicted tokens; of a generated text: its tokens",
    "n_bytes": "UTF-8 bytes of the test text",
    "rank": "1 = the language that removing this region hits hardest, by ratio_to_base",
    "rank_to_random": "the same by ratio_to_random",
    # published
    "published_model": "published model that ours is (config: published_as); empty where ours is another model",
    "published_samples": "importance samples behind the published numbers of this row",
    "published_perplexity": "published perplexity of the same model",
    "published_ratio_to_base": "the same divided by the published perplexity of the unchanged model",
    "perplexity_to_published": "our perplexity / published perplexity of the same model",
    "published_source": "where the published numbers of this row stand",
    # further pretraining
    "train_language": "language of the training text",
    "mode": "full, freeze (at original values), zero-freeze, zero-unfreeze (set to zero, then free)",
    "master": "corrected: the region is treated in the optimizer's master weights too; published: in the working copy only",
    "training_samples": "training sequences so far; empty: before anything was done",
    "optimizer_steps": "optimizer steps so far",
    "tested": "trained (the language of the training text) or others (geometric mean over all other languages)",
    "ratio_to_full": "perplexity / that after training without any region held",
    "ratio_to_frozen_random": "perplexity / that after training with as many random parameters frozen",
    "n_languages": "languages behind this row",
    # controls
    "core_ratio_to_base": "ratio_to_base of the core region of the same size, in the same language",
    "reference": "the core, or (core-few) the core from as few samples as this region's score",
    "ratio_to_reference": "perplexity / that without the reference, on the same sequences; below 1: the reference hurts more",
    "reference_p_value": "two-sided paired sign-flip permutation test of the sequences' NLL against the reference",
    "reference_p_value_holm": "reference_p_value adjusted (Holm) for all languages tested with the same region",
    "comparison": "halves (of one language), languages (halves of two), milestones (little and much text of one), scopes (the "
    "core of each matrix and the core of a wider scope)",
    "kinship": "what makes two languages relatives: family, branch or script; or what script explains taken out",
    "times_chance_within": "geometric mean of times_chance over pairs of relatives",
    "times_chance_between": "the same over all other pairs",
    "within_to_between": "times_chance_within / times_chance_between",
    "permutation_p_value": "one-sided, as much or more when languages' names are permuted",
    "n_pairs_within": "pairs of relatives",
    "measure": "moran (neighbours in the matrix), gini-AXIS (counts by line of head, residual or ffn)",
    "statistic": "value of the measure",
    "null_mean": "its mean when as many parameters lie anywhere in the matrix",
    "null_sd": "its standard deviation then",
    "z": "(statistic - null_mean) / null_sd",
    "null_p_value": "one-sided, as concentrated or more by chance",
    "claim": "what is claimed",
    "verdict": "survives, does not survive, or cannot be told",
    "criterion": "when it is said to survive",
    "sentence": "what was found",
    "step": "step of training (a number), or step of the method (in words)",
    "published": "how the released code takes the step",
    "corrected": "how this workflow takes it",
    # outlier dimensions
    "outlier_rank": "1: the dimension with the largest activation",
    "dimension": "index in the residual stream",
    "max_abs": "largest |activation| of the residual stream after any decoder block, over all tokens",
    "max_abs_later": "the same without the first token of each sequence",
    "times_median": "max_abs / median of max_abs over dimensions",
    "region_share": "parameters of the core region in lines of this dimension / mean over dimensions",
    "region_rank": "rank of the dimension by region_share; 1: most",
    "overlap": "how many of the first `outlier_rank` dimensions are among as many with the largest region_share",
    "overlap_p_value": "probability of as large an overlap by chance (hypergeometric)",
    "overlap_by_chance": "expected overlap of two random sets of this size",
    "judgement": "what was taken for what, where the paper's case and ours are not the same",
    # generation
    "prompt_number": "index of the prompt within its language",
    "prompt": "what the model was given",
    "text": "what it wrote, greedily",
    "repetition_rate": "share of three-token sequences that stood before in the same text",
    "replacement_rate": "share of U+FFFD among the characters",
    "detected": "language of the text by py3langid, among the tested languages; empty where it cannot be told",
    "detected_probability": "its probability among those languages",
    "detectable": "the tested languages that py3langid knows; empty where it knows fewer than two: nothing is detected then",
    "same_as_base": "whether the unchanged model wrote the same text",
    # questions
    "task": "world (built-in questions), files (the user's own), or the name of a task of lm-evaluation-harness",
    "answers": "what is scored: letters, texts (of the choices), sentences (that they make of the fact), priors (the same of "
    "another subject, of which no choice is true); empty: as the harness's task has it",
    "accuracy": "share of questions whose right choice has the largest log-likelihood",
    "accuracy_not_a": "the same over questions whose right answer is not A",
    "accuracy_per_byte": "share of questions whose right choice has the largest log-likelihood / UTF-8 bytes of the choice",
    **{
        f"{name}_{end}": f"{name}: {which} end of the 95 % bootstrap interval over questions"
        for name in ("accuracy", "accuracy_not_a", "accuracy_per_byte")
        for end, which in (("low", "lower"), ("high", "upper"))
    },
    **{f"share_{letter}": f"share of answers that are {letter.upper()}" for letter in "abcd"},
    "share_other": "share of answers that are another letter, or none",
    "n_questions": "questions asked (over all languages: in all of them)",
    "n_not_a": "questions whose right answer is not A",
    "base_p_value": "two-sided paired sign-flip permutation test of the questions answered rightly, against the unchanged model",
    "base_p_value_holm": "base_p_value adjusted (Holm) for all languages tested with the same region",
    "random_p_value": "the same test against as many random parameters removed (of steering: random neurons held); empty where "
    "that was not measured",
    "random_p_value_holm": "random_p_value adjusted (Holm) for all languages tested with the same region",
    "priors_p_value": "of sentences: the same test against priors, same intervention: is more known than frequent answers",
    "priors_p_value_holm": "priors_p_value adjusted (Holm) for all languages tested with the same region",
    # findings
    "finding": "what is stated, see langatlas.present.findings",
    "value": "the finding's number (a median where it sums up several languages)",
    "low": "smallest over languages",
    "high": "largest over languages",
    "language_low": "language of the smallest",
    "language_high": "language of the largest",
    "count": "cases in which the statement holds",
    "of": "cases looked at",
    # text and tokens
    "documents": "documents kept",
    "sequences": "token sequences kept",
    "tokens": "tokens of the kept text",
    "bytes": "UTF-8 bytes of the kept text",
    "characters": "characters (code points) of the kept text",
    "tokens_per_byte": "tokens / bytes",
    "tokens_per_character": "tokens / characters",
    "dropped": "documents left out because they were too long",
    "truncated": "documents cut to the sequence length",
    "policy": "what happens to text longer than a sequence: drop_long, truncate, pack",
    "sequence_length": "longest sequence, in tokens",
    # training
    "loss": "training loss, nats per token",
    "validation_loss": "loss on held-out text, nats per token",
    "learning_rate": "learning rate of the step, or its peak",
    # regions
    "n_selected": "selected parameters",
    "n_parameters": "parameters to select from",
    "density": "n_selected / n_parameters",
    "intersection": "parameters in both regions",
    "union": "parameters in either region",
    "jaccard": "intersection / union",
    "jaccard_by_chance": "expected Jaccard index of random regions of the same sizes in the same matrices",
    "times_chance": "jaccard / jaccard_by_chance",
    "spearman": "rank correlation of the two languages' importance",
    "cosine": "cosine similarity of the two languages' importance",
}
MEANING |= neuron_columns.MEANING | translation_columns.MEANING | agreement_columns.MEANING
SUFFIXES = {
    "_low": "lower end of the 95 % bootstrap interval over sequences",
    "_high": "upper end of the 95 % bootstrap interval over sequences",
    "_seed_min": "smallest over the seeds of the random control",
    "_seed_max": "largest over the seeds of the random control",
    "_ratio_to_base": "published ratio to base of the published model named in front, for comparison with another model",
}

REGION = ["region", "region_language", "scope", "samples", "side", "seed", "ratio"]
"""Which region file."""
INTERVENTION = [*REGION, "edit", "setting", "target", "lines", "amount"]
"""What was removed; all but ``side`` empty where nothing was."""


def with_interval(name: str) -> list[str]:
    """A number's column and those of the ends of its 95 % interval."""
    return [name, f"{name}_low", f"{name}_high"]


PERPLEXITY = [
    "model", "experiment", "language", *INTERVENTION,
    *with_interval("perplexity"), "perplexity_published", *with_interval("bits_per_byte"),
    *with_interval("ratio_to_base"), *with_interval("ratio_to_random"), "p_value",
    "n_sequences", "n_tokens", "n_bytes",
]  # fmt: skip
BASE_PERPLEXITY = [
    "model", "language", *with_interval("perplexity"), *with_interval("bits_per_byte"), "n_sequences", "n_tokens", "n_bytes",
]  # fmt: skip
EDITS = [
    "model", "experiment", "language", "region", "scope", "samples", "ratio", "edit", "setting", "lines", "amount",
    "side", "target", *with_interval("perplexity"), *with_interval("ratio_to_base"), *with_interval("ratio_to_random"),
    "ratio_to_base_seed_min", "ratio_to_base_seed_max", "n_seeds", "p_value", "p_value_holm",
]  # fmt: skip
PRETRAINING = [
    "model", "experiment", "train_language", "learning_rate", "region", "ratio", "mode", "side", "master", "seed",
    "training_samples", "optimizer_steps", "language",
    *with_interval("perplexity"), *with_interval("ratio_to_base"), "n_sequences",
]  # fmt: skip
FORGETTING = [
    "model", "experiment", "train_language", "learning_rate", "region", "ratio", "mode", "side", "master", "tested",
    *with_interval("ratio_to_base"), *with_interval("ratio_to_full"), *with_interval("ratio_to_frozen_random"),
    "n_seeds", "n_languages",
]  # fmt: skip
CONTROLS = [
    "model", "region", "side", "samples", "ratio", "language", *with_interval("ratio_to_base"), "core_ratio_to_base",
    "reference", *with_interval("ratio_to_reference"), "reference_p_value", "reference_p_value_holm",
    "n_seeds", "jaccard", "jaccard_by_chance", "times_chance",
]  # fmt: skip
AGAINST_CORE = [
    "model", "language", "region", "reference", *with_interval("ratio_to_reference"),
    "reference_p_value", "reference_p_value_holm",
]  # fmt: skip
RELIABILITY = [
    "model", "ratio", "comparison", "language_a", "language_b", "jaccard", "jaccard_by_chance", "times_chance", "spearman",
]  # fmt: skip
FAMILY_OVERLAP = [
    "model", "samples", "scope", "ratio", "kinship", "times_chance_within", "times_chance_between", "within_to_between",
    "permutation_p_value", "n_pairs_within",
]  # fmt: skip
CONCENTRATION = [
    "model", *REGION, "parameter", "layer", "module", "measure", "statistic", "null_mean", "null_sd", "z", "null_p_value",
]  # fmt: skip
READINGS = ["model", "step", "published", "corrected", "sentence"]
SURVIVAL = ["model", "claim", "verdict", "criterion", "sentence"]
PUBLISHED = [
    "experiment", "published_model", "model", "language", "region_language", "ratio", "samples", "setting", "lines", "edit",
    "amount", "target", "mode", "training_samples", "side",
    "published_perplexity", "published_ratio_to_base", "perplexity", "ratio_to_base", "judgement",
]  # fmt: skip
GENERATION = [
    "model", "experiment", *INTERVENTION, "language", "prompt_number", "prompt", "text", "n_tokens",
    "repetition_rate", "replacement_rate", "detected", "detected_probability", "detectable",
    "same_as_base",
]  # fmt: skip
QUESTIONS = [
    "model", "experiment", "task", "answers", "language", *INTERVENTION,
    *with_interval("accuracy"), *with_interval("accuracy_not_a"), *with_interval("accuracy_per_byte"),
    "share_a", "share_b", "share_c", "share_d", "share_other", "n_questions", "n_not_a",
    "base_p_value", "base_p_value_holm", "random_p_value", "random_p_value_holm", "priors_p_value", "priors_p_value_holm",
]  # fmt: skip
OUTLIERS = [
    "model", "outlier_rank", "dimension", "layer", "max_abs", "max_abs_later", "times_median",
    "region_share", "region_rank", "overlap", "overlap_by_chance", "overlap_p_value",
]  # fmt: skip
EFFECT_MATRIX = [
    "model", "region", "region_language", "language", "scope", "samples", "ratio",
    *with_interval("ratio_to_base"), *with_interval("ratio_to_random"),
    "p_value", "p_value_holm", "rank", "rank_to_random",
]  # fmt: skip
TOKENS = [
    "model", "language", "split", "documents", "sequences", "tokens", "bytes", "characters",
    "tokens_per_byte", "tokens_per_character", "dropped", "truncated", "policy", "sequence_length",
]  # fmt: skip
REGION_DENSITY = [
    "model", *REGION, "parameter", "layer", "module", "n_selected", "n_parameters", "density",
]  # fmt: skip
REGION_OVERLAP = [
    "model", "samples", "scope", "side", "ratio", "language_a", "language_b",
    "intersection", "union", "jaccard", "jaccard_by_chance", "times_chance",
]  # fmt: skip
IMPORTANCE_SIMILARITY = ["model", "samples", "language_a", "language_b", "spearman", "cosine", "n_parameters"]
FINDINGS = [
    "model", "finding", "region", "scope", "samples", "ratio", "side", "region_language", "language",
    "value", "low", "high", "language_low", "language_high", "count", "of",
]  # fmt: skip


def meaning(column: str) -> str:
    """What a column holds; raises ValueError for a name that is not defined here."""
    if column in MEANING:
        return MEANING[column]
    for suffix, text in SUFFIXES.items():
        if column.endswith(suffix):
            return f"{column.removesuffix(suffix)}: {text}"
    raise ValueError(f"column {column!r} has no meaning in {__name__}.MEANING: add it there or use a name from there")
