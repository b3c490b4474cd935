"""Made-up perplexity rows with the columns and the shape of real ones, to test and develop tables and figures with.

The effects are chosen, not measured: removing a top region hurts every language, a monolingual region hurts its own
language most and relatives second, random removal hurts a little, bottom removal hardly at all.
"""

import zlib

import numpy as np
import pandas as pd

LANGUAGES = ("ar", "en", "es", "fa", "it", "ja", "ko", "pt", "ru", "uk", "vi", "zh")
RELATIVES = ({"ru", "uk"}, {"es", "it", "pt"}, {"ja", "zh"}, {"ar", "fa"})
CORE_SEEDS = (1, 2, 3)
NULL_INTERVENTION = dict.fromkeys(
    ("region", "region_language", "scope", "seed", "ratio", "edit", "setting", "target", "lines", "amount")
)
TYPES = {  # in the order of the columns
    "model": "str",
    "experiment": "str",
    "language": "str",
    "region": "str",
    "region_language": "str",
    "scope": "str",
    "samples": "Int64",
    "side": "str",
    "seed": "Int64",
    "ratio": "float64",
    "edit": "str",
    "setting": "str",
    "target": "str",
    "lines": "Int64",
    "amount": "float64",
    "sequence": "int64",
    "nll_nats": "float64",
    "n_tokens": "int64",
    "n_bytes": "int64",
    "n_characters": "int64",
}


def perplexity_rows(
    language: str,
    *,
    experiment: str = "core-removal",
    model: str = "mini",
    languages: tuple[str, ...] = LANGUAGES,
    ratios: tuple[float, ...] = (0.01, 0.03, 0.05),
    samples: int = 256,
    sequences: int = 40,
    effect: float = 1.0,
    seed: int = 1,
) -> pd.DataFrame:
    """Rows of one file ``results/{model}/perplexity/{experiment}/{language}.parquet``, the same for the same arguments.

    ``languages`` are the region languages of "monolingual-removal" (ratio 0.05); ``effect`` scales every effect, so
    0 gives interventions that change nothing but noise, and 1000 a model that collapses (infinite perplexity).
    """
    generator = np.random.default_rng([seed, zlib.crc32(f"{model} {language}".encode())])
    n_tokens = generator.integers(20, 120, sequences)
    bytes_per_token = generator.uniform(2.5, 6.0)
    n_bytes = np.round(n_tokens * bytes_per_token).astype(int)
    base_nats = generator.uniform(1.2, 2.2) + generator.normal(0, 0.25, sequences)
    frames = []
    for intervention, change in _interventions(language, experiment, languages, ratios):
        noise = 0.02 * generator.normal(size=sequences) if intervention["side"] != "base" else 0.0
        frames.append(
            pd.DataFrame(
                {
                    "model": model,
                    "experiment": experiment,
                    "language": language,
                    "samples": None if intervention["side"] == "base" else samples,
                    **intervention,
                    "sequence": np.arange(sequences),
                    "nll_nats": n_tokens * (base_nats + effect * change + noise),
                    "n_tokens": n_tokens,
                    "n_bytes": n_bytes,
                    "n_characters": np.maximum(1, n_bytes // 2),
                }
            ).astype(TYPES)
        )
    return pd.concat(frames, ignore_index=True)[list(TYPES)]


def _interventions(language: str, experiment: str, languages: tuple[str, ...], ratios: tuple[float, ...]):
    """Pairs (columns of one intervention, change of the mean NLL in nats per token that it causes)."""
    yield {**NULL_INTERVENTION, "side": "base"}, 0.0
    if experiment == "core-removal":
        core = {**NULL_INTERVENTION, "region": "core", "scope": "matrix", "edit": "remove"}
        for ratio in ratios:
            yield {**core, "side": "top", "ratio": ratio}, 0.25 + 12 * ratio
            yield {**core, "side": "bottom", "ratio": ratio}, 0.05 * ratio
            for seed in CORE_SEEDS:
                yield {**core, "side": "random", "ratio": ratio, "seed": seed}, (1 + 0.2 * seed) * ratio
    elif experiment == "monolingual-removal":
        for region_language in languages:
            region = {
                **NULL_INTERVENTION,
                "region": f"monolingual-{region_language}",
                "region_language": region_language,
                "scope": "matrix",
                "ratio": 0.05,
                "edit": "remove",
            }
            yield {**region, "side": "top"}, _monolingual_change(region_language, language)
            yield {**region, "side": "bottom"}, 0.002
            yield {**region, "side": "random", "seed": 1}, 0.02
    else:
        raise ValueError(f"experiment must be core-removal or monolingual-removal, got {experiment!r}")


def _monolingual_change(region_language: str, language: str) -> float:
    """Nats per token by which the region of one language hurts another: itself most, relatives second."""
    if region_language == language:
        return 0.60
    return 0.25 if any({region_language, language} <= family for family in RELATIVES) else 0.03
