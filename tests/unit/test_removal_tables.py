"""Removal tables beside the published numbers, and the findings computed from them."""

import math

import pandas as pd
import pytest

from langatlas.present import published_numbers
from langatlas.present.tables import core_removal, effect_matrix, findings, monolingual_removal
from langatlas.present.tables.perplexity import build as tabulate_perplexity
from small_tables import FAST, LANGUAGES, PUBLISHED, row_of, write_both_experiments, write_rows
from synthetic import perplexity_rows


@pytest.fixture(scope="module")
def perplexity(tmp_path_factory):
    return write_both_experiments(tmp_path_factory.mktemp("perplexity"))


def test_published_numbers_are_those_of_the_paper():
    core = published_numbers.load_core(PUBLISHED / "core_removal.csv")
    monolingual = published_numbers.load_monolingual(PUBLISHED / "monolingual_removal.csv")
    assert (len(core), len(monolingual)) == (2 * 11 * 4, 11 * 5)
    korean = row_of(core, model="LLaMA-2-7B", language="ko", side="random")
    assert (korean["perplexity"], korean["ratio_to_base"]) == (5.649, pytest.approx(1.1378, abs=1e-4))
    russian = row_of(monolingual, language="ru", side="top", samples=100_000)
    assert (russian["perplexity"], russian["ratio_to_base"]) == (41.381, pytest.approx(3.4307, abs=1e-4))


def test_published_numbers_stand_beside_ours_for_the_same_model_and_as_counterparts_for_another(perplexity):
    known = published_numbers.load_core(PUBLISHED / "core_removal.csv")
    same = core_removal.build(perplexity, known, {"mini": "LLaMA-2-13B"})
    other = core_removal.build(perplexity, known, {})
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
    table = core_removal.build(elsewhere, published_numbers.load_core(PUBLISHED / "core_removal.csv"), {})
    assert table.loc[table["side"] == "top", "llama_2_7b_ratio_to_base"].isna().all()


def test_table_5_stands_beside_the_region_of_russian_only(perplexity):
    known = published_numbers.load_monolingual(PUBLISHED / "monolingual_removal.csv")
    table = monolingual_removal.build(perplexity, known, {"mini": "LLaMA-2-7B"})
    row = row_of(table, region_language="ru", language="ru", side="top")
    # 256 samples were not published: the ratio of the largest milestone is the counterpart
    assert row["published_samples"] == 100_000
    assert row["llama_2_7b_ratio_to_base"] == pytest.approx(3.43, abs=0.005)
    assert row_of(table, language="ru", side="base")["published_perplexity"] == 12.062
    assert table.loc[table["region_language"] == "uk", "published_source"].isna().all()
    at_10k = perplexity.assign(samples=perplexity["samples"].where(perplexity["samples"].isna(), 10_000))
    row = row_of(monolingual_removal.build(at_10k, known, {}), region_language="ru", language="uk", side="top")
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
            published_numbers.load_core(path)


def test_a_model_published_as_something_unknown_is_refused(perplexity):
    with pytest.raises(ValueError, match=r"models.mini.published_as must be one of LLaMA-2-7B, .* got 'GPT'"):
        core_removal.build(perplexity, published_numbers.load_core(PUBLISHED / "core_removal.csv"), {"mini": "GPT"})


def test_random_is_the_mean_over_seeds_in_log_space_with_their_range(perplexity):
    table = core_removal.build(perplexity, published_numbers.load_core(PUBLISHED / "core_removal.csv"), {})
    seeds = perplexity.query("language == 'zh' and side == 'random' and ratio == 0.05 and region == 'core'")
    row = row_of(table, language="zh", side="random", ratio=0.05)
    assert row["perplexity"] == pytest.approx(math.prod(seeds["perplexity"]) ** (1 / 3))
    assert (row["ratio_to_base_seed_min"], row["ratio_to_base_seed_max"]) == pytest.approx(
        (seeds["ratio_to_base"].min(), seeds["ratio_to_base"].max())
    )
    assert row["n_seeds"] == 3


def test_the_effect_matrix_ranks_languages_within_the_row_of_a_region(perplexity):
    matrix = effect_matrix.build(perplexity)
    assert list(matrix.columns) == list(effect_matrix.COLUMNS)
    assert len(matrix) == 16
    for _, row in matrix.groupby("region_language"):
        assert row.sort_values("rank")["ratio_to_base"].is_monotonic_decreasing
    assert row_of(matrix, region_language="ru", language="ru")["rank"] == 1
    assert row_of(matrix, region_language="ru", language="uk")["rank"] == 2
    cell = row_of(perplexity, region="monolingual-ru", language="uk", side="top")
    assert row_of(matrix, region_language="ru", language="uk")["ratio_to_random"] == cell["ratio_to_random"]


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
    found = findings.build(perplexity.iloc[:0], hand_made_matrix())
    assert row_of(found, finding="hits_itself_hardest")[["count", "of"]].tolist() == [2, 3]
    # against random, ru counts for less: ru on ru 1.33 falls behind ru on uk 1.5, uk on uk 1.6 now leads
    assert row_of(found, finding="hits_itself_hardest_to_random")[["count", "of"]].tolist() == [2, 3]
    assert row_of(found, finding="hit_second", region_language="ru")[["language", "value"]].tolist() == ["uk", 1.5]
    assert row_of(found, finding="hit_second", region_language="uk")[["language", "value"]].tolist() == ["ru", 1.9]
    assert row_of(found, finding="hit_third", region_language="zh")[["language", "value"]].tolist() == ["ru", 1.0]
    assert row_of(found, finding="largest_effect_on_another")["value"] == 1.9
    text = "\n".join(findings.wide(found))
    assert "Hits its own language hardest: 2 of 3" in text
    assert "Ukrainian (uk) on Russian (ru), 1.90" in text


def test_findings_count_the_order_of_top_random_and_bottom(perplexity):
    spoiled = perplexity.copy()
    hurts_less = (spoiled["side"] == "top") & (spoiled["language"] == "zh") & (spoiled["ratio"] == 0.01)
    spoiled.loc[hurts_less, "ratio_to_base"] = 1.0
    found = findings.build(spoiled, hand_made_matrix())
    assert row_of(found, finding="core_order", ratio=0.01)[["count", "of"]].tolist() == [3, 4]
    assert row_of(found, finding="core_order", ratio=0.03)[["count", "of"]].tolist() == [4, 4]
    factor = row_of(found, finding="core_factor", ratio=0.01, side="top")
    assert (factor["low"], factor["language_low"]) == (1.0, "zh")


def test_without_effect_nothing_is_significant(tmp_path):
    rows = [perplexity_rows(language, sequences=30, effect=0.0) for language in LANGUAGES]
    table = tabulate_perplexity([write_rows(tmp_path, frame) for frame in rows], **FAST)
    found = findings.build(table, effect_matrix.build(table))
    assert found.loc[found["finding"] == "core_order_significant", "count"].sum() <= 1


def test_findings_are_short_and_narrow_enough_for_a_terminal(perplexity, tmp_path):
    found = findings.build(perplexity, effect_matrix.build(perplexity))
    findings.TABLE.write(found, tmp_path / "findings.csv", parts=findings.wide(found))
    lines = (tmp_path / "findings.md").read_text().splitlines()
    assert len(lines) <= 35
    assert max(map(len, lines)) <= 110
