"""Tables against hand computation, published numbers and each other."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from langatlas.present import columns, findings, markup, published, removal, removal_tables, token_table, wide_tables
from langatlas.present.perplexity_table import tabulate_perplexity
from langatlas.present.tables import read_table, write_table
from synthetic import TYPES, perplexity_rows

PUBLISHED = Path(__file__).parents[2] / "resources" / "published"
LANGUAGES = ("es", "ru", "uk", "zh")
FAST = {"resamples": 200, "permutations": 999, "seed": 1}


def write_rows(folder: Path, rows: pd.DataFrame) -> Path:
    path = folder / f"{rows['experiment'].iloc[0]}-{rows['model'].iloc[0]}-{rows['language'].iloc[0]}.parquet"
    rows.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def perplexity(tmp_path_factory):
    """The table of both experiments in four languages, read back from its CSV."""
    folder = tmp_path_factory.mktemp("perplexity")
    settings = [{"experiment": "core-removal"}, {"experiment": "monolingual-removal", "languages": LANGUAGES}]
    rows = [perplexity_rows(language, sequences=25, **more) for more in settings for language in LANGUAGES]
    table = tabulate_perplexity([write_rows(folder, frame) for frame in rows], **FAST)
    write_table(table, folder / "perplexity.csv", title="T", note="n", code="c", settings=FAST)
    pd.testing.assert_frame_equal(read_table(folder / "perplexity.csv"), table)
    return read_table(folder / "perplexity.csv")


def core_rows(nll_nats: dict[str, list[float]]) -> pd.DataFrame:
    """Rows of two sequences (1 and 3 tokens, 2 and 10 bytes) for base, top, bottom and seeds of random."""
    frames = []
    for name, values in nll_nats.items():
        side, _, seed = name.partition("-")
        removed = {} if side == "base" else {"region": "core", "scope": "matrix", "samples": 256, "ratio": 0.03}
        row = {"model": "m", "experiment": "core-removal", "language": "ru", "side": side, **removed}
        row |= {"seed": int(seed) if seed else None, "n_tokens": [1, 3], "n_bytes": [2, 10], "n_characters": [1, 5]}
        frames.append(pd.DataFrame({**row, "sequence": [0, 1], "nll_nats": values}))
    return pd.concat(frames).reindex(columns=list(TYPES)).astype(TYPES)


TINY = {"base": [1.0, 3.0], "top": [2.0, 10.0], "bottom": [1.0, 3.4], "random-1": [1.0, 5.0], "random-2": [2.0, 8.0]}


def row_of(table: pd.DataFrame, **where) -> pd.Series:
    chosen = table.loc[np.logical_and.reduce([table[name] == value for name, value in where.items()])]
    assert len(chosen) == 1, f"{len(chosen)} rows with {where}"
    return chosen.iloc[0]


# -- perplexity --------------------------------------------------------------------------------------------------------


def test_numbers_of_a_tiny_file_equal_those_computed_by_hand(tmp_path):
    table = tabulate_perplexity([write_rows(tmp_path, core_rows(TINY))], **FAST)
    base, top = row_of(table, side="base"), row_of(table, side="top")
    assert base["perplexity"] == pytest.approx(math.exp(4 / 4))
    assert top["perplexity"] == pytest.approx(math.exp(12 / 4))
    assert top["bits_per_byte"] == pytest.approx(12 / math.log(2) / 12)
    assert top["ratio_to_base"] == pytest.approx(math.exp(2))
    # geometric mean of the two random perplexities: NLL 6 and 10 over 4 tokens
    assert top["ratio_to_random"] == pytest.approx(math.exp(12 / 4 - (6 + 10) / 2 / 4))
    assert (base["ratio_to_base_low"], base["ratio_to_base_high"]) == (1.0, 1.0)
    assert list(table.columns) == columns.PERPLEXITY
    assert table[table["side"].isin(["base", "random"])]["p_value"].isna().all()
    assert (top["n_sequences"], top["n_tokens"], top["n_bytes"]) == (2, 4, 12)


def test_every_interval_holds_its_number(perplexity):
    for name in ("perplexity", "bits_per_byte", "ratio_to_base", "ratio_to_random"):
        value, low, high = (perplexity[column] for column in columns.with_interval(name))
        assert ((low <= value) & (value <= high) | value.isna()).all()


def test_a_collapsed_model_has_infinite_perplexity_and_a_true_ratio_to_another_collapsed_one(tmp_path):
    collapsed = TINY | {"top": [4000.0, 4000.0], "random-1": [4000.0, 3996.0], "random-2": [4000.0, 3996.0]}
    table = tabulate_perplexity([write_rows(tmp_path, core_rows(collapsed))], **FAST)
    top = row_of(table, side="top")
    assert top["perplexity"] == np.inf
    assert top["ratio_to_base"] == np.inf
    assert top["ratio_to_random"] == pytest.approx(math.e)
    core = removal_tables.core_removal(table, published.load_core(PUBLISHED / "core_removal.csv"), {})
    part = wide_tables.wide_core_removal(core)["m, 3 % of each matrix, 256 samples: region core"]
    assert part["Top × base"].tolist() == ["∞ [∞, ∞]"]
    assert "$\\infty$" in markup.latex(part, "c", "l")


def test_one_sequence_gives_numbers_but_no_interval(tmp_path):
    rows = core_rows(TINY)
    table = tabulate_perplexity([write_rows(tmp_path, rows[rows["sequence"] == 1])], **FAST)
    assert row_of(table, side="top")["perplexity"] == pytest.approx(math.exp(10 / 3))
    assert table["perplexity_low"].isna().all()
    assert row_of(table, side="top")["p_value"] == 1.0


def test_the_bottom_of_a_monolingual_region_has_no_random_control_for_its_size_differs(perplexity):
    bottom = perplexity[(perplexity["side"] == "bottom") & perplexity["region_language"].notna()]
    assert len(bottom)
    assert bottom[["ratio_to_random", "p_value"]].isna().all(axis=None)


def test_the_order_of_files_changes_nothing(tmp_path):
    paths = [write_rows(tmp_path, perplexity_rows(language, sequences=5)) for language in ("uk", "ru")]
    pd.testing.assert_frame_equal(tabulate_perplexity(paths, **FAST), tabulate_perplexity(paths[::-1], **FAST))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"nll_nats": np.nan},
            r"ru.parquet: intervention region=core, .*side=random, seed=2, ratio=0.03, sequence 1: nll_nats nan",
        ),
        ({"nll_nats": np.inf}, r"side=random, seed=2, ratio=0.03, sequence 1: nll_nats inf"),
        ({"n_tokens": 0}, "sequence 1: .*n_tokens 0"),
        ({"n_tokens": 4}, "side=random, seed=2, ratio=0.03 was not measured on the same sequences as side=base"),
        ({"sequence": 7}, "was not measured on the same sequences as side=base"),
        ({"language": "uk"}, r"holds more than one language: \['ru', 'uk'\]"),
        ({"side": "middle"}, r"side must be one of .*got \['middle'\]"),
    ],
)
def test_a_bad_row_is_refused_with_file_intervention_and_sequence(tmp_path, change, message):
    rows = core_rows(TINY)
    path = write_rows(tmp_path, rows.reset_index(drop=True))
    rows = rows.reset_index(drop=True)
    rows.loc[len(rows) - 1, list(change)] = list(change.values())
    rows.to_parquet(path)
    with pytest.raises(ValueError, match=message):
        tabulate_perplexity([path], **FAST)


def test_missing_rows_columns_and_bases_are_refused(tmp_path):
    rows = core_rows(TINY)
    path = tmp_path / "ru.parquet"
    for wrong, message in [
        (rows.iloc[:-1], r"\(1 and 2 rows\)"),
        (rows.drop(columns="n_bytes"), "no column 'n_bytes'"),
        (rows[rows["side"] != "base"], "one intervention with side=base, got 0"),
        (pd.concat([rows, rows]), "holds sequence 0 more than once"),
        (rows.iloc[:0], "no rows"),
    ]:
        wrong.to_parquet(path)
        with pytest.raises(ValueError, match=message):
            tabulate_perplexity([path], **FAST)
    with pytest.raises(ValueError, match="no perplexity files"):
        tabulate_perplexity([], **FAST)


# -- removal tables and published numbers ------------------------------------------------------------------------------


def test_published_numbers_are_those_of_the_paper():
    core = published.load_core(PUBLISHED / "core_removal.csv")
    monolingual = published.load_monolingual(PUBLISHED / "monolingual_removal.csv")
    assert (len(core), len(monolingual)) == (2 * 11 * 4, 11 * 5)
    korean = row_of(core, model="LLaMA-2-7B", language="ko", side="random")
    assert (korean["perplexity"], korean["ratio_to_base"]) == (5.649, pytest.approx(1.1378, abs=1e-4))
    russian = row_of(monolingual, language="ru", side="top", samples=100_000)
    assert (russian["perplexity"], russian["ratio_to_base"]) == (41.381, pytest.approx(3.4307, abs=1e-4))


def test_published_numbers_stand_beside_ours_for_the_same_model_and_as_counterparts_for_another(perplexity):
    known = published.load_core(PUBLISHED / "core_removal.csv")
    same = removal_tables.core_removal(perplexity, known, {"mini": "LLaMA-2-13B"})
    other = removal_tables.core_removal(perplexity, known, {})
    where = {"language": "uk", "side": "top", "ratio": 0.03}
    row = row_of(same, **where)
    assert (row["published_model"], row["published_perplexity"]) == ("LLaMA-2-13B", 116287.305)
    assert row["published_ratio_to_base"] == pytest.approx(116287.305 / 8.295)
    assert row["perplexity_to_published"] == pytest.approx(row["perplexity"] / 116287.305)
    row = row_of(other, **where)
    assert pd.isna(row["published_model"])
    assert pd.isna(row["published_perplexity"])
    assert row["llama_2_7b_ratio_to_base"] == pytest.approx(120719.938 / 9.409)
    assert row["llama_2_13b_ratio_to_base"] == pytest.approx(116287.305 / 8.295)
    assert len(same) == len(other) == 4 * (1 + 3 * 3)
    unpublished = same[same["ratio"] == 0.05]
    assert unpublished[["published_perplexity", "llama_2_7b_ratio_to_base", "published_source"]].isna().all(axis=None)


def test_a_global_region_has_no_published_counterpart_for_the_paper_ranks_within_matrices(perplexity):
    elsewhere = perplexity.assign(scope=perplexity["scope"].where(perplexity["side"] == "base", "global"))
    table = removal_tables.core_removal(elsewhere, published.load_core(PUBLISHED / "core_removal.csv"), {})
    assert table.loc[table["side"] == "top", "llama_2_7b_ratio_to_base"].isna().all()


def test_table_5_stands_beside_the_region_of_russian_only(perplexity):
    known = published.load_monolingual(PUBLISHED / "monolingual_removal.csv")
    table = removal_tables.monolingual_removal(perplexity, known, {"mini": "LLaMA-2-7B"})
    row = row_of(table, region_language="ru", language="ru", side="top")
    # 256 samples were not published: the ratio of the largest milestone is the counterpart
    assert row["published_samples"] == 100_000
    assert row["llama_2_7b_ratio_to_base"] == pytest.approx(3.43, abs=0.005)
    assert row_of(table, language="ru", side="base")["published_perplexity"] == 12.062
    assert table.loc[table["region_language"] == "uk", "published_source"].isna().all()
    at_10k = perplexity.assign(samples=perplexity["samples"].where(perplexity["samples"].isna(), 10_000))
    row = row_of(removal_tables.monolingual_removal(at_10k, known, {}), region_language="ru", language="uk", side="top")
    assert row["published_samples"] == 10_000
    assert row["llama_2_7b_ratio_to_base"] == pytest.approx(18.147 / 9.409)


def test_a_published_file_with_a_mistake_is_refused_with_its_line(tmp_path):
    lines = (PUBLISHED / "core_removal.csv").read_text().splitlines()
    for line, text, message in [
        (3, "LLaMA-2-7B,ar,middle,0.03,6.7,", "line 3: side must be one of base, top, bottom, random"),
        (4, "LLaMA-2-7B,ar,bottom,0.03,-1,", "line 4: perplexity must be a number of at least 1"),
        (5, "LLaMA-2-7B,ar,bottom,0.03,6.772,", "line 5: the same case stands twice"),
        (2, "LLaMA-2-7B,ar,bottom,0.01,6.771,", "line 2: no base of this model and language"),
        (5, "LLaMA-2-7B,ar,random,,7.895,", "line 5: ratio must be given"),
        (5, "LLaMA-9,ar,random,0.03,7.895,", "line 5: model must be one of"),
    ]:
        path = tmp_path / "core_removal.csv"
        path.write_text("\n".join([*lines[: line - 1], text, *lines[line:]]) + "\n")
        with pytest.raises(ValueError, match=message):
            published.load_core(path)


def test_a_model_published_as_something_unknown_is_refused(perplexity):
    with pytest.raises(ValueError, match=r"models.mini.published_as must be one of LLaMA-2-7B, .* got 'GPT'"):
        removal_tables.core_removal(perplexity, published.load_core(PUBLISHED / "core_removal.csv"), {"mini": "GPT"})


def test_random_is_the_mean_over_seeds_in_log_space_with_their_range(perplexity):
    table = removal_tables.core_removal(perplexity, published.load_core(PUBLISHED / "core_removal.csv"), {})
    seeds = perplexity.query("language == 'zh' and side == 'random' and ratio == 0.05 and region == 'core'")
    row = row_of(table, language="zh", side="random", ratio=0.05)
    assert row["perplexity"] == pytest.approx(math.prod(seeds["perplexity"]) ** (1 / 3))
    assert (row["ratio_to_base_seed_min"], row["ratio_to_base_seed_max"]) == pytest.approx(
        (seeds["ratio_to_base"].min(), seeds["ratio_to_base"].max())
    )
    assert row["n_seeds"] == 3


def test_the_effect_matrix_ranks_languages_within_the_row_of_a_region(perplexity):
    matrix = removal_tables.effect_matrix(perplexity)
    assert list(matrix.columns) == columns.EFFECT_MATRIX
    assert len(matrix) == 16
    for _, row in matrix.groupby("region_language"):
        assert row.sort_values("rank")["ratio_to_base"].is_monotonic_decreasing
    assert row_of(matrix, region_language="ru", language="ru")["rank"] == 1
    assert row_of(matrix, region_language="ru", language="uk")["rank"] == 2
    cell = row_of(perplexity, region="monolingual-ru", language="uk", side="top")
    assert row_of(matrix, region_language="ru", language="uk")["ratio_to_random"] == cell["ratio_to_random"]


# -- findings ----------------------------------------------------------------------------------------------------------


def hand_made_matrix() -> pd.DataFrame:
    """Region of a, b, c on a, b, c: b's region hits a harder than b."""
    factors = {"ru": [2.0, 1.5, 1.1], "uk": [1.9, 1.6, 1.2], "zh": [1.0, 1.1, 3.0]}
    rows = [
        {"region_language": region, "language": language, "ratio_to_base": value, "region": f"monolingual-{region}"}
        for region, row in factors.items()
        for language, value in zip(factors, row, strict=True)
    ]
    frame = pd.DataFrame(rows).assign(model="m", scope="matrix", samples=256, ratio=0.05, p_value_holm=0.01)
    frame["ratio_to_random"] = frame["ratio_to_base"] / frame["language"].map({"ru": 1.5, "uk": 1.0, "zh": 1.0})
    for rank, ratio in (("rank", "ratio_to_base"), ("rank_to_random", "ratio_to_random")):
        frame[rank] = frame.groupby("region_language")[ratio].rank(ascending=False)
    return frame


def test_findings_of_a_hand_made_effect_matrix(perplexity):
    found = findings.summarize(perplexity.iloc[:0], hand_made_matrix())
    assert row_of(found, finding="hits_itself_hardest")[["count", "of"]].tolist() == [2, 3]
    # against random, ru counts for less: ru on ru 1.33 falls behind ru on uk 1.5, uk on uk 1.6 now leads
    assert row_of(found, finding="hits_itself_hardest_to_random")[["count", "of"]].tolist() == [2, 3]
    assert row_of(found, finding="hit_second", region_language="ru")[["language", "value"]].tolist() == ["uk", 1.5]
    assert row_of(found, finding="hit_second", region_language="uk")[["language", "value"]].tolist() == ["ru", 1.9]
    assert row_of(found, finding="hit_third", region_language="zh")[["language", "value"]].tolist() == ["ru", 1.0]
    assert row_of(found, finding="largest_effect_on_another")["value"] == 1.9
    text = "\n".join(findings.wide_findings(found))
    assert "Hits its own language hardest: 2 of 3" in text
    assert "Ukrainian (uk) on Russian (ru), 1.90" in text


def test_findings_count_the_order_of_top_random_and_bottom(perplexity):
    spoiled = perplexity.copy()
    hurts_less = (spoiled["side"] == "top") & (spoiled["language"] == "zh") & (spoiled["ratio"] == 0.01)
    spoiled.loc[hurts_less, "ratio_to_base"] = 1.0
    found = findings.summarize(spoiled, hand_made_matrix())
    assert row_of(found, finding="core_order", ratio=0.01)[["count", "of"]].tolist() == [3, 4]
    assert row_of(found, finding="core_order", ratio=0.03)[["count", "of"]].tolist() == [4, 4]
    factor = row_of(found, finding="core_factor", ratio=0.01, side="top")
    assert (factor["low"], factor["language_low"]) == (1.0, "zh")


def test_without_effect_nothing_is_significant(tmp_path):
    rows = [perplexity_rows(language, sequences=30, effect=0.0) for language in LANGUAGES]
    table = tabulate_perplexity([write_rows(tmp_path, frame) for frame in rows], **FAST)
    found = findings.summarize(table, removal_tables.effect_matrix(table))
    assert found.loc[found["finding"] == "core_order_significant", "count"].sum() <= 1


def test_findings_are_short_and_narrow_enough_for_a_terminal(perplexity, tmp_path):
    found = findings.summarize(perplexity, removal_tables.effect_matrix(perplexity))
    settings = {"title": "Main findings", "note": findings.NOTE, "code": "", "settings": {}}
    write_table(found, tmp_path / "findings.csv", wide=findings.wide_findings(found), **settings)
    lines = (tmp_path / "findings.md").read_text().splitlines()
    assert len(lines) <= 35
    assert max(map(len, lines)) <= 110


# -- files -------------------------------------------------------------------------------------------------------------


def test_numbers_are_written_with_three_significant_digits():
    texts = {
        127208.25: "127,000", 8.652: "8.65", 1.0: "1.00", 0.9961: "0.996", 0.05: "0.0500", 9.999: "10.0", 0.0: "0.00",
        2.5e8: "2.50×10⁸", 0.00012: "1.20×10⁻⁴", 999_999.0: "1.00×10⁶", math.inf: "∞", -math.inf: "-∞", -1234.5: "-1,230",
    }  # fmt: skip
    assert {value: markup.number(value) for value in texts} == texts
    assert markup.number(1234567) == "1,234,567"
    assert [markup.number(value) for value in (None, math.nan, pd.NA)] == ["–", "–", "–"]


def test_markdown_and_latex_show_no_nan_and_escape_what_they_must():
    frame = pd.DataFrame(
        {"region_language": ["a_b|c", None], "value": [math.nan, 1e-7], "strong": [markup.strong("5 %"), "x"]}
    )
    lines = markup.markdown(frame).splitlines()
    assert lines[0].startswith(r"| region\_language |")
    assert r"a\_b\|c" in lines[2]
    assert "**5 %**" in lines[2]
    assert len({len(line) for line in lines}) == 1
    text = markup.latex(frame, "100 % of_it", "t")
    assert r"region\_language" in text
    assert r"\textbf{5 \%}" in text
    assert r"1.00$\times$10$^{-7}$" in text
    assert r"\caption{100 \% of\_it}" in text
    for rendered in ("\n".join(lines), text):
        assert "nan" not in rendered.lower().replace("tabular", "")
        assert "None" not in rendered


def test_all_tables_are_written_for_people_without_missing_values_showing(perplexity, tmp_path):
    for name, kind in removal.REMOVAL_TABLES.items():
        table = kind.build(perplexity, PUBLISHED / f"{name}.csv", {"mini": "LLaMA-2-7B"})
        wide = kind.wide(table, None)
        assert wide
        settings = {"title": kind.title, "note": kind.note, "code": "abc", "settings": {"seed": 1}}
        write_table(table, tmp_path / f"{name}.csv", wide=wide, **settings)
        pd.testing.assert_frame_equal(read_table(tmp_path / f"{name}.csv"), table, check_dtype=False)
        for suffix in (".md", ".tex"):
            text = (tmp_path / name).with_suffix(suffix).read_text()
            assert "nan" not in text.lower()
            assert "<NA>" not in text
            assert "Ukrainian (uk)" in text
        sidecar = json.loads((tmp_path / f"{name}.json").read_text())
        assert list(sidecar["columns"]) == list(table.columns)
        assert (sidecar["rows"], sidecar["code"], sidecar["seed"]) == (len(table), "abc", "1")
    assert (
        "41.4" in (tmp_path / "monolingual_removal.md").read_text()
        or "3.43" in (tmp_path / "monolingual_removal.md").read_text()
    )


def test_experiments_that_were_not_run_give_empty_tables_not_errors(perplexity, tmp_path):
    nothing = perplexity.iloc[:0]
    for name, kind in removal.REMOVAL_TABLES.items():
        table = kind.build(nothing, PUBLISHED / f"{name}.csv", {})
        write_table(
            table, tmp_path / f"{name}.csv", wide=kind.wide(table, None), title="t", note="n", code="", settings={}
        )
        assert read_table(tmp_path / f"{name}.csv").empty
    found = findings.summarize(nothing, read_table(tmp_path / "effect_matrix.csv"))
    assert found.empty
    assert findings.wide_findings(found) == {}


def test_a_label_that_is_no_language_and_a_code_that_looks_like_a_missing_value_survive(tmp_path):
    table = pd.DataFrame({"model": ["m", "m"], "language": ["nan", "code"], "ratio_to_base": [math.inf, 2.0]})
    write_table(table, tmp_path / "t.csv", title="T", note="n", code="", settings={})
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), table)
    assert wide_tables.name("code", {"code": {"name": "Source code"}}) == "Source code (code)"


def test_a_column_without_a_meaning_and_a_path_that_is_no_csv_are_refused(tmp_path):
    settings = {"title": "T", "note": "n", "code": "", "settings": {}}
    with pytest.raises(ValueError, match="column 'perplexitty' has no meaning"):
        write_table(pd.DataFrame({"perplexitty": [1.0]}), tmp_path / "t.csv", **settings)
    with pytest.raises(ValueError, match=r"ending in .csv, got .*t.txt"):
        write_table(pd.DataFrame({"perplexity": [1.0]}), tmp_path / "t.txt", **settings)
    assert list(tmp_path.iterdir()) == []


def test_the_token_table_is_ordered_and_computes_ratios(tmp_path):
    counts = {
        "documents": 4,
        "sequences": 3,
        "tokens": 50,
        "bytes": 200,
        "characters": 100,
        "dropped": 1,
        "truncated": 0,
    }
    paths = []
    for language in ("zh", "ru"):
        for split in ("test", "pretrain"):
            path = tmp_path / "mini" / "tokens" / language / split / "stats.json"
            path.parent.mkdir(parents=True)
            path.write_text(
                json.dumps({**counts, "language": language, "split": split, "policy": "pack", "sequence_length": 64})
            )
            paths.append(path)
    table = token_table.tabulate_tokens(paths)
    assert table[["language", "split"]].to_numpy().tolist() == [
        ["ru", "pretrain"],
        ["ru", "test"],
        ["zh", "pretrain"],
        ["zh", "test"],
    ]
    assert table[["model", "tokens_per_byte", "tokens_per_character"]].iloc[0].tolist() == ["mini", 0.25, 0.5]
    wide = token_table.wide_tokens(table)["mini"]
    assert wide["Bytes a token"].tolist() == [4.0, 4.0]
    paths[0].write_text("{}")
    with pytest.raises(ValueError, match=r"zh/test/stats.json: no key 'documents'"):
        token_table.tabulate_tokens(paths)
