"""Does parallel input translate better, and with fewer active neurons?

Axes: S sentences, R resamples.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from langatlas.present import columns, layout, markup, paired, translation_scores, translations
from langatlas.present.table import Table

COLUMNS = columns.of(
    "model", "experiment", *columns.INTERVENTION, "condition", "shots", "source_language", "target_language",
    "input_languages",
    {
        "n_items": "sentences, the same in all conditions of an experiment",
        "prompt_tokens": "mean tokens of a prompt, start mark included",
        "new_tokens": "mean new tokens of a text, end mark not included",
    },
    columns.interval(
        "chrf",
        "chrF++ of the outputs' first lines against the references, 0 to 100 (n-grams summed over sentences)",
    ),
    {"chrf_unrelated": "chrF++ of the same outputs against the references of ten other sentences"},
    columns.interval("chrf_difference", "chrf - that of the baseline, on the same sentences"),
    {
        "bleu": "corpus BLEU, 0 to 100",
        "bleu_signature": "sacrebleu's settings of bleu",
        "exact_match": "share of outputs that equal the reference",
    },
    *columns.with_interval("inhibited_share"), *columns.with_interval("inhibited_difference"), "baseline",
    {
        "better_with_fewer": "yes: chrf and inhibited_share above the baseline's, both intervals beyond 0; no: one of "
        "them beyond 0 on the other side; does not translate: chrf not surely 5 points above chrf_unrelated; else "
        "cannot be told",
    },
)  # fmt: skip
NOTE = """Greedy translations, cut at their first line; 95 % bootstrap intervals over sentences, differences on the
same resamples. chrF++ is the headline. Inhibited: share of neurons at or below 0 (of the activated gate, before it is
multiplied, unless the config says product), at the last position of each forward pass: the last token of the prompt
and each new token that is fed, weighted by tokens, mean over layers, as published. Differences are to direct with as
many examples (else to direct). Better with fewer: chrF++ higher and more neurons inhibited, both intervals beyond 0;
no where one of them is beyond 0 on the other side. Unrelated: chrF++ of the same outputs against the references of
ten other sentences; a condition whose chrF++ is not surely 5 points above that does not translate, and its neurons
say nothing about translation. repeated and paraphrases have as many input lines as parallel, without another
language: what they do too is not due to languages."""
OTHERS = 10  # sentences whose references stand for unrelated text
LEAST = (
    5  # points of chrF++ above unrelated text from which on a model is said to translate: words and names, not digits
)


def build(rows: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """One row a model, experiment, source language, intervention and condition. ``rows``: as of ``translation_rows``."""
    lines = []
    for key, parts in translations.experiments(rows):
        quality = {name: _quality(part, resamples, seed) for name, part in parts.items()}
        chance = {name: _quality(part, resamples, seed, unrelated=True) for name, part in parts.items()}
        neurons = {
            name: translations.share(part, "inhibited", "published", resamples, seed).mean(-1)
            for name, part in parts.items()
        }
        for name, part in parts.items():
            base = translations.baseline(name, parts)
            line = translations.about(key, part) | _size(part) | {"baseline": base}
            line |= translations.interval("chrf", quality[name]) | {"chrf_unrelated": float(chance[name][0])}
            line |= translations.interval("inhibited_share", neurons[name])
            if base:
                line |= translations.interval("chrf_difference", quality[name] - quality[base])
                line |= translations.interval("inhibited_difference", neurons[name] - neurons[base])
                above = translations.interval("chrf", quality[name] - chance[name])["chrf_low"] > LEAST
                line["better_with_fewer"] = verdict(line) if above else "does not translate"
            score, signature = translation_scores.bleu(part["output"], part["reference"], line["target_language"])
            lines.append(line | {"bleu": score, "bleu_signature": signature})
    return pd.DataFrame(lines).reindex(columns=list(COLUMNS))


def verdict(line: Mapping) -> str:
    """yes, no or cannot be told: better output with fewer active neurons than the baseline; of a condition that translates."""
    pairs = [(line[f"{name}_difference_low"], line[f"{name}_difference_high"]) for name in ("chrf", "inhibited")]
    if all(low > 0 for low, _ in pairs):
        return "yes"
    return "no" if any(high < 0 for _, high in pairs) else "cannot be told"


def _size(part: pd.DataFrame) -> dict:
    return {
        "n_items": len(part),
        "prompt_tokens": float(part["n_prompt_tokens"].mean()),
        "new_tokens": float(part["n_tokens"].mean()),
        "exact_match": float((part["output"] == part["reference"]).mean()),
    }


def _quality(part: pd.DataFrame, resamples: int, seed: int, *, unrelated: bool = False) -> np.ndarray:
    """chrF++, drawn (1 + R,); ``unrelated``: against the references of other sentences, as many for each."""
    rotations = range(1, min(OTHERS, len(part) - 1) + 1) if unrelated else (0,)
    references = [np.roll(part["reference"], -rotation) for rotation in rotations]
    counted = sum(
        (translation_scores.chrf_counts(part["output"], other) for other in references),
        start=np.zeros((len(part), *translation_scores.SHAPE)),
    )
    sums = paired.drawn_sums(counted.reshape(len(part), -1).T, resamples, seed)
    return translation_scores.chrf(sums.reshape(-1, *counted.shape[1:]))


def wide(table: pd.DataFrame, labels: layout.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model, experiment, source language and intervention, a row a condition."""
    parts, table = {}, table.assign(intervention=layout.interventions(table))
    for (model, experiment, *_), part in table.groupby(translations.KEYS, dropna=False, sort=False):
        lines = [
            {
                "Condition": row["condition"],
                "Inputs": row["input_languages"].replace(" ", ", "),
                "Prompt tokens": markup.number(row["prompt_tokens"]),
                "chrF++ [95 %]": layout.cell(row, "chrf"),
                "Unrelated": markup.number(row["chrf_unrelated"]),
                "Δ chrF++": layout.cell(row, "chrf_difference"),
                "BLEU": markup.number(row["bleu"]),
                "Exact": markup.number(row["exact_match"]),
                "Inhibited [95 %]": layout.cell(row, "inhibited_share"),
                "Δ inhibited": layout.cell(row, "inhibited_difference"),
                "Better with fewer": row["better_with_fewer"] if pd.notna(row["better_with_fewer"]) else markup.MISSING,
            }
            for _, row in part.iterrows()
        ]
        first = part.iloc[0]
        ends = (layout.name(first[f"{end}_language"], labels) for end in ("source", "target"))
        heading = f"{model}, {experiment}: {' → '.join(ends)}, {first['n_items']} sentences"
        heading += translations.after(first["intervention"])
        parts[f"{heading}\nBLEU: {first['bleu_signature']}"] = pd.DataFrame(lines)
    return parts or translations.NOTHING


TABLE = Table(
    "Translation with parallel input: quality and active neurons",
    NOTE,
    COLUMNS,
    {"rows": translations.read_rows},
    build,
    wide,
)
