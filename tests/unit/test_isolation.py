"""Isolation by hand and by brute force, and the verdict in words."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from langatlas import region, statistics
from langatlas.intervene.removal import columns_of
from langatlas.measure.job import write_rows
from langatlas.measure.perplexity import SCHEMA
from langatlas.present import columns, isolation, isolation_pages, markup
from langatlas.region import Region

SETTINGS = {"resamples": 300, "permutations": 500, "seed": 1}
TOKENS = np.array([2, 3, 5])
BASE = np.array([4.0, 6.0, 10.0])


def write(folder, language: str, nll: dict, tokens=TOKENS, base=BASE, share="1.0"):
    """``nll``: (method, language of the set, side, seed) -> NLL of each sequence."""
    frames = [pd.DataFrame({"nll_nats": base, "side": "base"})]
    for (method, of, side, seed), values in nll.items():
        described = {
            "region": f"{method}-equal-{of}",
            "region_language": of,
            "scope": "matrix",
            "samples": 8,
            "ratio": 0.1,
        }
        described |= {"side": side, "seed": seed, "edit": "remove", "setting": f"share {share}"}
        frames.append(pd.DataFrame({"nll_nats": values}).assign(**described))
    rows = pd.concat([f.assign(sequence=range(len(base)), n_tokens=tokens, n_bytes=9, n_characters=9) for f in frames])
    path = folder / f"{language}-{share}.parquet"
    write_rows(rows, path, SCHEMA, {"model": "m", "experiment": "e", "language": language}, {})
    return path


def sizes(methods, languages, share="1.0") -> dict:
    return {("m", f"{m}-equal-{label}", f"share {share}"): 240 for m, label in product(methods, languages)}


def by_hand(folder) -> pd.DataFrame:
    nll = {
        "en": {("lape", "en"): [6, 6, 18], ("lape", "ru"): [5, 6, 10],
               ("importance", "en"): [5, 7, 11], ("importance", "ru"): BASE},
        "ru": {("lape", "en"): [4, 8, 10], ("lape", "ru"): [6, 9, 10],
               ("importance", "en"): BASE, ("importance", "ru"): [4, 6, 12]},
    }  # fmt: skip
    paths = []
    for label, found in nll.items():
        of = {(*key, "top", None): values for key, values in found.items()}
        of |= {("lape", key, "random", seed): BASE + seed - 1 for key, seed in product(("en", "ru"), (1, 3))}
        paths.append(write(folder, label, of))
    return isolation.isolation(paths, sizes(("lape", "importance"), ("en", "ru")), **SETTINGS)


def test_isolation_by_hand(tmp_path):
    table = by_hand(tmp_path)
    top = table[table["reference"].isna() & (table["side"] == "top")].set_index(["method", "region_language"])
    lape = top.loc[
        "lape"
    ]  # sums of NLL beyond the base, over 10 tokens: en 10 on en and 2 on ru; ru 5 on ru and 1 on en
    assert lape.loc["en", "own_effect"] == pytest.approx(np.exp(1.0))
    assert lape.loc["en", "others_effect"] == pytest.approx(np.exp(0.2))
    assert lape.loc["en", "isolation"] == pytest.approx(np.exp(0.8))
    assert lape.loc["ru", "isolation"] == pytest.approx(np.exp(0.5 - 0.1))
    assert np.isnan(lape.loc["en", "selectivity"]), "some resample does not hurt Russian"
    overall = top.xs("lape")[top.xs("lape").index.isna()].iloc[0]
    assert overall["own_effect"] == pytest.approx(np.exp((1.0 + 0.5) / 2))
    assert overall["isolation"] == pytest.approx(np.exp((0.8 + 0.4) / 2))
    assert (overall["n_languages"], lape.loc["en", "n_languages"]) == (2, 1)
    assert lape.loc["en", "n_parameters"] == 240
    random = table[table["side"] == "random"].set_index(["method", "region_language"])
    assert random.loc[("lape", "en"), "own_effect"] == pytest.approx(np.exp(3 * 1 / 10))  # seeds add 0 and 2: mean 1
    assert random.loc[("lape", "en"), "isolation"] == pytest.approx(1)
    pairs = table[table["reference"].notna()].set_index(["method", "reference", "region_language"])
    assert pairs.loc[("importance", "lape", "en"), "isolation_to_reference"] == pytest.approx(np.exp(0.3 - 0.8))
    assert pairs.loc[("lape", "random", "en"), "isolation_to_reference"] == pytest.approx(np.exp(0.8))
    assert ("importance", "random", "en") not in pairs.index
    means = pairs.index.get_level_values("region_language").isna()
    assert means.sum() == 2
    for group in (means, ~means):
        adjusted = statistics.holm(pairs["isolation_p_value"][group])
        np.testing.assert_allclose(pairs["isolation_p_value_holm"][group], adjusted)
    assert {columns.meaning(name) for name in table.columns}


def test_the_effects_are_those_of_the_general_table_with_their_random_controls(tmp_path):
    nll = {("lape", "ru", "top", None): [6, 9, 10]} | {("lape", "ru", "random", s): BASE + s - 1 for s in (1, 3)}
    path = write(tmp_path, "ru", nll)
    table = isolation.equal_removal([path], sizes(("lape",), ("ru",)), **SETTINGS)
    row = table[table["side"] == "top"].iloc[0]
    assert (row["method"], row["size_share"], row["n_parameters"], len(table)) == ("lape", 1.0, 240, 3)
    assert row["ratio_to_base"] == pytest.approx(np.exp(0.5))
    assert row["ratio_to_random"] == pytest.approx(np.exp(0.5 - 0.3))
    parts = isolation_pages.wide_equal_removal(table)
    assert parts["m, e: sets as large as the smallest"]["lape: ru"].tolist() == [markup.strong("1.65")]
    assert {columns.meaning(name) for name in table.columns}
    empty = dict.fromkeys(sizes(("lape",), ("ru",)), 0)
    assert isolation.equal_removal([path], empty, **SETTINGS).empty


def simulated(folder, effects: dict[str, tuple[float, float]], sequences: int = 40, spread=0.05):
    """Three languages, sets of each by each method with an (own, others) effect in nats a token, noisy by document.

    The noise of a document is the same for all methods, so that paired tests can see small differences.
    """
    generator, labels = np.random.default_rng(0), ("en", "ru", "zh")
    tokens = generator.integers(20, 60, sequences)
    noise = generator.normal(0, spread, sequences)
    paths = []
    for label in labels:
        base = 2.0 * tokens + generator.normal(0, 3, sequences)
        nll = {}
        for (method, (own, others)), of in product(effects.items(), labels):
            own_noise = generator.normal(0, 0.004, sequences)
            effect = own if of == label else others
            nll[method, of, "top", None] = base + tokens * (effect * (1 + noise) + own_noise)
            nll[method, of, "random", 1] = base + tokens * (0.01 + own_noise[::-1])
        paths.append(write(folder, label, nll, tokens, base))
    return paths, sizes(effects, labels)


def test_intervals_are_those_of_a_bootstrap_written_out(tmp_path):
    paths, of = simulated(tmp_path, {"lape": (0.1, 0.02)}, sequences=12)
    table = isolation.isolation(paths, of, **SETTINGS)
    rows = pd.concat(map(pd.read_parquet, paths))
    weights = statistics.bootstrap_weights(12, SETTINGS["resamples"], SETTINGS["seed"])

    def effect(label: str, set_of: str) -> np.ndarray:
        mine = rows[rows["language"] == label]
        nll = mine[(mine["region"] == f"lape-equal-{set_of}") & (mine["side"] == "top")]["nll_nats"].to_numpy()
        base = mine[mine["side"] == "base"]
        return weights @ (nll - base["nll_nats"].to_numpy()) / (weights @ base["n_tokens"].to_numpy())

    drawn = {
        label: effect(label, label)
        - np.mean([effect(other, label) for other in ("en", "ru", "zh") if other != label], 0)
        for label in ("en", "ru", "zh")
    }
    drawn[None] = np.mean(list(drawn.values()), axis=0)
    top = table[table["reference"].isna() & (table["side"] == "top")]
    for label, values in drawn.items():
        row = top[top["region_language"].isna() if label is None else top["region_language"] == label].iloc[0]
        np.testing.assert_allclose(
            row[["isolation_low", "isolation_high"]].astype(float), np.exp(np.quantile(values, [0.025, 0.975]))
        )


def test_selectivity_is_the_quotient_of_logarithms(tmp_path):
    table = isolation.isolation(*simulated(tmp_path, {"lape": (0.3, 0.05), "precision": (0.1, 0.01)}), **SETTINGS)
    means = table[table["region_language"].isna() & table["reference"].isna() & (table["side"] == "top")].set_index(
        "method"
    )
    quotients = np.log(means["own_effect"]) / np.log(means["others_effect"])
    np.testing.assert_allclose(means["selectivity"], quotients)
    assert (means["selectivity_low"] < means["selectivity"]).all()
    assert (means["selectivity"] < means["selectivity_high"]).all()
    said = only(table)
    assert said.startswith("Removing LAPE's neurons isolates a language best")
    assert "the order is: neurons by average precision 10" in said.replace("9.9", "10")


def test_p_values_are_those_of_all_sign_flips_of_documents(tmp_path):
    """Three documents have eight flips: the p-value is the share of those as extreme as what was found."""
    table = by_hand(tmp_path)
    # lape against its random control, set of English: what each document adds on itself, less what it adds on Russian
    documents = (np.array([6, 6, 18]) - BASE - (np.array([4, 8, 10]) - BASE)) / 10
    flips = np.array(list(product((1, -1), repeat=3))) @ documents
    exact = np.mean(np.abs(flips) >= abs(documents.sum()) - 1e-9)
    row = table.query("method == 'lape' and reference == 'random' and region_language == 'en'").iloc[0]
    assert row["isolation_p_value"] == pytest.approx(exact, abs=0.07)


def only(table: pd.DataFrame) -> str:
    ((_, part),) = table.groupby(isolation.TESTED)
    return isolation_pages.verdict(part)


def test_the_verdict_names_a_method_that_is_ahead_of_all_others(tmp_path):
    table = isolation.isolation(
        *simulated(tmp_path, {"importance": (0.3, 0.05), "lape": (0.1, 0.02), "precision": (0.08, 0.07)}), **SETTINGS
    )
    said = only(table)
    assert said.startswith("Removing its region isolates a language best: with 240 parameters")
    assert "they do not overlap" not in said
    assert "LAPE's neurons: 1.11 and 1.02, isolation 1.08" in said
    assert said.count("The first is ahead") == 2
    assert "their intervals do not overlap" in said
    assert "English (en) its region" in said
    assert "All isolate more than random sets." in said
    ((heading, short),) = isolation_pages.in_short(table).items()
    assert heading == f"Regions and neurons removed at equal size: m, e\n{said}"
    assert short["Set"].tolist() == ["its region", "LAPE's neurons", "neurons by average precision"]


def test_the_verdict_says_when_methods_cannot_be_told_apart_or_are_no_better_than_random(tmp_path):
    table = isolation.isolation(
        *simulated(tmp_path, {"importance": (0.01, 0.01), "lape": (0.1, 0.02), "precision": (0.1, 0.02)}), **SETTINGS
    )
    said = only(table)
    assert said.startswith("No way of choosing is sure to isolate a language best; ")
    assert "The first cannot be told from it" in said
    assert "and their intervals overlap" in said
    assert "Not shown to isolate more than random sets: its region." in said


def test_paired_differences_are_seen_where_intervals_overlap(tmp_path):
    table = isolation.isolation(
        *simulated(tmp_path, {"importance": (0.11, 0.02), "lape": (0.1, 0.02)}, spread=0.5), **SETTINGS
    )
    assert "The first is ahead" in only(table)
    assert "though their intervals overlap" in only(table)


def test_languages_without_another_one_tested_say_nothing(tmp_path):
    path = write(tmp_path, "ru", {("lape", "ru", "top", None): [6, 9, 10]})
    assert isolation.isolation([path], sizes(("lape",), ("ru",)), **SETTINGS).empty


def test_sets_on_other_sequences_are_refused(tmp_path):
    paths, of = simulated(tmp_path, {"lape": (0.1, 0.02)}, sequences=5)
    rows = pd.read_parquet(paths[0])
    rows.iloc[:-1].to_parquet(paths[0])
    with pytest.raises(ValueError, match="not measured on the same sequences"):
        isolation.isolation(paths, of, **SETTINGS)


def test_unequal_numbers_of_parameters_are_refused(tmp_path):
    described = {"model": "m", "region_language": "ru", "setting": "share 1.0", "model_type": "llama"}
    for method, number in (("lape", 48), ("importance", 47)):
        own = {"region": f"{method}-equal-ru", "n_selected": str(number)}
        region.save(tmp_path / method, {"model.layers.0.mlp.up_proj.weight": np.zeros((2, 2), bool)}, described | own)
    assert isolation.numbers_of_parameters([tmp_path / "lape"]) == {("m", "lape-equal-ru", "share 1.0"): 48}
    with pytest.raises(ValueError, match="47 parameters, but other methods have 48 for ru"):
        isolation.numbers_of_parameters([tmp_path / "lape", tmp_path / "importance"])


def test_rows_of_a_measurement_say_the_share(tmp_path):
    described = {
        "region": "lape-equal-ru",
        "scope": "matrix",
        "samples": "8",
        "side": "top",
        "seed": "",
        "ratio": "0.1",
    }
    described |= {"setting": "share 0.5", "region_language": "ru", "model_type": "llama"}
    region.save(tmp_path / "r", {"model.layers.0.mlp.up_proj.weight": np.zeros((2, 2), bool)}, described)
    assert columns_of(Region.open(tmp_path / "r"))["setting"] == "share 0.5"
