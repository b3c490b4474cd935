"""Does parallel input translate better, and with fewer active neurons? Both in one table, and the neurons by layer.

Axes: S sentences, L layers, R resamples. All conditions of an experiment have the same sentences and share the resamples, so
that differences are paired.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from langatlas import statistics
from langatlas.corpora.translation_prompts import Condition
from langatlas.measure import translation_scores
from langatlas.measure.translation_rows import CLASSES, counts
from langatlas.present import columns, markup, wide_tables

NOTE = """Greedy translations, cut at their first line; 95 % bootstrap intervals over sentences, differences on the
same resamples. chrF++ is the headline. Inhibited: share of neurons at or below 0 (of the activated gate, before it is
multiplied, unless the config says product), at the last position of each forward pass: the last token of the prompt
and each new token that is fed, weighted by tokens, mean over layers, as published. Differences are to direct with as
many examples (else to direct). Better with fewer: chrF++ higher and more neurons inhibited, both intervals beyond 0;
no where one of them is beyond 0 on the other side. Unrelated: chrF++ of the same outputs against the references of
ten other sentences; a condition whose chrF++ is not surely 5 points above that does not translate, and its neurons
say nothing about translation. repeated and paraphrases have as many input lines as parallel, without another
language: what they do too is not due to languages."""
LAYER_NOTE = """Share of neurons of each layer at or below 0 and at 0, by which tokens are counted: published (the last position
of each forward pass), which is last_prompt and generated together, or all. 95 % bootstrap intervals over sentences; differences
to direct with as many examples (else to direct) on the same resamples."""
KEYS = ["model", "experiment"]
OTHERS = 10  # sentences whose references stand for unrelated text
LEAST = (
    5  # points of chrF++ above unrelated text from which on a model is said to translate: words and names, not digits
)
ABOUT = ["condition", "shots", "source_language", "target_language", "input_languages"]
TRANSLATION = [
    *KEYS, *ABOUT, "n_items", "prompt_tokens", "new_tokens", *columns.with_interval("chrf"),
    "chrf_unrelated", *columns.with_interval("chrf_difference"), "bleu", "bleu_signature", "exact_match",
    *columns.with_interval("inhibited_share"), *columns.with_interval("inhibited_difference"), "baseline",
    "better_with_fewer",
]  # fmt: skip
INHIBITION = [
    *KEYS, *ABOUT, "positions", "layer", *columns.with_interval("inhibited_share"),
    *columns.with_interval("inhibited_difference"), "zero_share", "baseline",
]  # fmt: skip


def translation(rows: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """One row a model, experiment and condition. ``rows``: as ``translation_rows`` defines them."""
    lines = []
    for key, parts in _experiments(rows):
        quality = {name: _quality(part, resamples, seed) for name, part in parts.items()}
        chance = {name: _quality(part, resamples, seed, unrelated=True) for name, part in parts.items()}
        neurons = {name: _share(part, "inhibited", "published", resamples, seed) for name, part in parts.items()}
        for name, part in parts.items():
            base = baseline(name, parts)
            line = _about(key, part) | _size(part) | {"baseline": base}
            line |= _interval("chrf", quality[name]) | {"chrf_unrelated": float(chance[name][0])}
            line |= _interval("inhibited_share", _over_layers(neurons[name]))
            if base:
                line |= _interval("chrf_difference", _minus(quality[name], quality[base]))
                both = (_over_layers(neurons[each]) for each in (name, base))
                line |= _interval("inhibited_difference", _minus(*both))
                above = _interval("chrf", _minus(quality[name], chance[name]))["chrf_low"] > LEAST
                line["better_with_fewer"] = verdict(line) if above else "does not translate"
            score, signature = translation_scores.bleu(part["output"], part["reference"], line["target_language"])
            lines.append(line | {"bleu": score, "bleu_signature": signature})
    return pd.DataFrame(lines).reindex(columns=TRANSLATION)


def inhibition(rows: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """One row a model, experiment, condition, class of tokens and layer."""
    lines = []
    for key, parts in _experiments(rows):
        for positions in CLASSES:
            shares = {name: _share(part, "inhibited", positions, resamples, seed) for name, part in parts.items()}
            for name, part in parts.items():
                if shares[name] is None:
                    continue
                base, zero = baseline(name, parts), _total(part, "zero", positions)
                for layer, zero_share in enumerate(zero):
                    line = _about(key, part) | {"positions": positions, "layer": layer, "baseline": base}
                    line |= {"zero_share": zero_share} | _interval("inhibited_share", _of_layer(shares[name], layer))
                    if base and shares[base] is not None:
                        both = (_of_layer(shares[each], layer) for each in (name, base))
                        line |= _interval("inhibited_difference", _minus(*both))
                    lines.append(line)
    return pd.DataFrame(lines).reindex(columns=INHIBITION)


def baseline(name: str, conditions: Mapping) -> str | None:
    """The condition that another is compared with: direct with as many examples, else without; None for that itself."""
    same = f"direct-{Condition.parse(name).shots}shot"
    return next((other for other in (same, "direct") if other in conditions and other != name), None)


def verdict(line: Mapping) -> str:
    """yes, no or cannot be told: better output with fewer active neurons than the baseline; of a condition that translates."""
    pairs = [(line[f"{name}_difference_low"], line[f"{name}_difference_high"]) for name in ("chrf", "inhibited")]
    if all(low > 0 for low, _ in pairs):
        return "yes"
    return "no" if any(high < 0 for _, high in pairs) else "cannot be told"


Series = tuple[np.ndarray, np.ndarray]
"""A value, and the same over resamples: () or (L,), and (R,) or (R, L)."""


def _experiments(rows: pd.DataFrame) -> Iterator[tuple[tuple, dict[str, pd.DataFrame]]]:
    """Conditions of each model and experiment, in their order, the sentences of each in the same order."""
    for key, part in rows.groupby(KEYS, sort=False):
        parts = {
            name: one.sort_values("item_number", ignore_index=True)
            for name, one in part.groupby("condition", sort=False)
        }
        first = next(iter(parts.values()))["item"]
        for name, one in parts.items():
            if not one["item"].equals(first):
                raise ValueError(f"{key}: {name} has other sentences than the first condition; translate them again")
        yield key, parts


def _about(key: tuple, part: pd.DataFrame) -> dict:
    return dict(zip(KEYS, key, strict=True)) | part.iloc[0][ABOUT].to_dict()


def _size(part: pd.DataFrame) -> dict:
    return {
        "n_items": len(part),
        "prompt_tokens": float(part["n_prompt_tokens"].mean()),
        "new_tokens": float(part["n_tokens"].mean()),
        "exact_match": float((part["output"] == part["reference"]).mean()),
    }


def _quality(part: pd.DataFrame, resamples: int, seed: int, *, unrelated: bool = False) -> Series:
    """chrF++; ``unrelated``: against the references of other sentences, as many for each."""
    rotations = range(1, min(OTHERS, len(part) - 1) + 1) if unrelated else (0,)
    references = [np.roll(part["reference"], -rotation) for rotation in rotations]
    counted = sum(
        (translation_scores.chrf_counts(part["output"], other) for other in references),
        start=np.zeros((len(part), *translation_scores.SHAPE)),
    )
    sums = statistics.bootstrap_sums(counted.reshape(len(part), -1).T, resamples, seed)
    return translation_scores.chrf(counted.sum(0)), translation_scores.chrf(sums.reshape(-1, *counted.shape[1:]))


def _share(part: pd.DataFrame, which: str, positions: str, resamples: int, seed: int) -> Series | None:
    """Share of the neurons of each layer over all tokens of a class; None where there are no such tokens."""
    found_SL, tokens_S = counts(part, which, positions)
    if not tokens_S.any():
        return None
    neurons = part["neurons"].iloc[0]
    sums = statistics.bootstrap_sums(np.column_stack([found_SL, tokens_S]).T.astype(np.float64), resamples, seed)
    with np.errstate(invalid="ignore"):  # no sentence that was drawn has such a token
        drawn = sums[:, :-1] / (sums[:, -1:] * neurons)
    return found_SL.sum(0) / (tokens_S.sum() * neurons), drawn


def _total(part: pd.DataFrame, which: str, positions: str) -> np.ndarray:
    found_SL, tokens_S = counts(part, which, positions)
    return found_SL.sum(0) / (tokens_S.sum() * part["neurons"].iloc[0])


def _over_layers(series: Series) -> Series:
    return series[0].mean(-1), series[1].mean(-1)


def _of_layer(series: Series, layer: int) -> Series:
    return series[0][layer], series[1][:, layer]


def _minus(one: Series, other: Series) -> Series:
    return one[0] - other[0], one[1] - other[1]


def _interval(name: str, series: Series) -> dict[str, float]:
    value, drawn = series
    low, high = statistics.percentile_interval(drawn[np.isfinite(drawn)][:, None])[:, 0]
    return {name: float(value), f"{name}_low": float(low), f"{name}_high": float(high)}


def wide_translation(table: pd.DataFrame, labels: wide_tables.Labels = None) -> dict[str, pd.DataFrame]:
    """A part a model and experiment, a row a condition."""
    parts = {}
    for (model, experiment), part in table.groupby(KEYS, sort=False):
        lines = [
            {
                "Condition": row["condition"],
                "Inputs": row["input_languages"].replace(" ", ", "),
                "Prompt tokens": markup.number(row["prompt_tokens"]),
                "chrF++ [95 %]": _cell(row, "chrf"),
                "Unrelated": markup.number(row["chrf_unrelated"]),
                "Δ chrF++": _cell(row, "chrf_difference"),
                "BLEU": markup.number(row["bleu"]),
                "Exact": markup.number(row["exact_match"]),
                "Inhibited [95 %]": _cell(row, "inhibited_share"),
                "Δ inhibited": _cell(row, "inhibited_difference"),
                "Better with fewer": row["better_with_fewer"] if pd.notna(row["better_with_fewer"]) else markup.MISSING,
            }
            for _, row in part.iterrows()
        ]
        first = part.iloc[0]
        ends = (wide_tables.name(first[f"{end}_language"], labels) for end in ("source", "target"))
        heading = f"{model}, {experiment}: {' → '.join(ends)}, {first['n_items']} sentences"
        parts[f"{heading}\nBLEU: {first['bleu_signature']}"] = pd.DataFrame(lines)
    return parts or {"": pd.DataFrame({"No translations": ["no sentence was translated"]})}


def wide_inhibition(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A part a model and experiment, a row a layer and a column a condition: the published reading."""
    parts = {}
    for (model, experiment), part in table[table["positions"] == "published"].groupby(KEYS, sort=False):
        order = list(dict.fromkeys(part["condition"]))
        wide = part.pivot(index="layer", columns="condition", values="inhibited_share")[order]
        wide.loc["mean"] = wide.mean()
        cells = wide.map(markup.number).rename_axis(columns=None)
        parts[f"{model}, {experiment}: share of inhibited neurons"] = cells.rename_axis("Layer").reset_index()
    return parts or {"": pd.DataFrame({"No translations": ["no sentence was translated"]})}


def _cell(row: pd.Series, name: str) -> str:
    return markup.interval(*(row[f"{name}{end}"] for end in ("", "_low", "_high")))
