"""Columns that several tables share: what each means, in which unit. What only one table has stands beside that table."""

from collections.abc import Mapping

MEANING = {
    # coordinates
    "model": "name of the model in the config",
    "experiment": "name of the experiment in the config",
    "split": "pretrain (trains the mini model), locate (finds regions), test (measures)",
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
    "setting": "which matrices or module were edited, and how lines were shared among them; of sets of equal size: "
    "their share",
    "target": "which indices were edited",
    "lines": "lines (rows or columns) edited in each matrix; of silence and steer: neurons",
    "amount": "what was set, or the factor",
    "parameter": "Hugging Face name of the stored tensor; where it holds q, k and v, each module has a row",
    "layer": "index of the decoder block, from 0",
    "module": "matrix or norm of a decoder block, for example attn.q",
    # perplexity
    "perplexity": "exp(NLL in nats summed over tokens / tokens); inf above 1.8e308",
    "bits_per_byte": "NLL in bits summed over tokens / UTF-8 bytes",
    "ratio_to_base": "perplexity / perplexity of the unchanged model",
    "ratio_to_random": "perplexity / geometric mean over seeds of the perplexity with as many random parameters removed",
    "p_value": "two-sided paired sign-flip permutation test of the sequences' NLL against the random control of the "
    "same size",
    "p_value_holm": "p_value adjusted (Holm) for all languages and sides tested with the same region and ratio",
    "n_seeds": "random regions behind this row (geometric mean over them)",
    "n_sequences": "test sequences",
    "n_tokens": "predicted tokens; of a generated text: its tokens",
    "n_bytes": "UTF-8 bytes of the test text",
    "rank": "1 = the language that removing this region hits hardest, by ratio_to_base",
    # published
    "published_model": "published model that ours is (config: published_as); empty where ours is another model",
    "published_perplexity": "published perplexity of the same model",
    "published_ratio_to_base": "the same divided by the published perplexity of the unchanged model",
    "perplexity_to_published": "our perplexity / published perplexity of the same model",
    "published_source": "where the published numbers of this row stand",
    # further pretraining
    "train_language": "language of the training text",
    "mode": "full, freeze (at original values), zero-freeze, zero-unfreeze (set to zero, then free)",
    "master": "corrected: the region is treated in the optimizer's master weights too; published: in the working copy only",
    "training_samples": "training sequences so far; empty: before anything was done",
    "n_languages": "languages behind this row",
    # pages of sentences
    "sentence": "what was found",
    # generation
    "repetition_rate": "share of three-token sequences that stood before in the same text",
    # text
    "documents": "documents kept",
    "bytes": "UTF-8 bytes of the kept text",
    "characters": "characters (code points) of the kept text",
    "learning_rate": "learning rate of the step, or its peak",
    # regions
    "n_selected": "selected parameters",
    "n_parameters": "parameters to select from",
    "jaccard": "intersection / union",
    "jaccard_by_chance": "expected Jaccard index of random regions of the same sizes in the same matrices",
    "times_chance": "jaccard / jaccard_by_chance",
    "spearman": "rank correlation of the two languages' importance",
    # neurons
    "method": "how neurons were chosen: lape, or precision (average precision of mean activations)",
    "n_neurons": "neurons of the language (of the layer); several languages may have the same neuron",
    "n_total": "neurons of the model: intermediate features of its feed-forward layers",
    "source_language": "language that is translated",
    "target_language": "language into which it is translated",
    "neuron_share": "n_neurons / n_total",
    # translation
    "condition": "direct, pivot-LANGUAGE, parallel-N, repeated-N, paraphrases-N; -Kshot: after K examples",
    "shots": "examples before the sentence",
    "input_languages": "languages of the inputs, joined by spaces",
    "baseline": "condition that differences are to; empty for that itself",
    "inhibited_share": "share of neurons at or below 0, mean over tokens (without a layer: and then over layers)",
    "inhibited_difference": "inhibited_share - that of the baseline, on the same sentences",
    # sets of equal size
    "size_share": "size of the set, as a share of the smallest that any method has for the language",
}
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


def of(*parts: str | Mapping[str, str]) -> dict[str, str]:
    """The columns of a table in their order, and their meaning: names of shared columns, and the table's own with theirs."""
    found: dict[str, str] = {}
    for part in parts:
        found |= {part: meaning(part)} if isinstance(part, str) else part
    return found


def with_interval(name: str) -> list[str]:
    """A number's column and those of the ends of its 95 % interval."""
    return [name, f"{name}_low", f"{name}_high"]


def interval(name: str, meaning: str, over: str = "sequences") -> dict[str, str]:
    """A table's own number, with the ends of its 95 % interval: ``over`` what is resampled."""
    ends = [f"{name}: {which} end of the 95 % bootstrap interval over {over}" for which in ("lower", "upper")]
    return dict(zip(with_interval(name), [meaning, *ends], strict=True))


def meaning(column: str) -> str:
    """What a shared column holds; raises ValueError for a name that is not defined here."""
    if column in MEANING:
        return MEANING[column]
    for suffix, text in SUFFIXES.items():
        stem = column.removesuffix(suffix)
        if stem != column and (stem in MEANING or suffix == "_ratio_to_base"):
            return f"{stem}: {text}"
    raise ValueError(
        f"column {column!r} has no meaning in {__name__}.MEANING: add it there, or beside the table that has it"
    )
