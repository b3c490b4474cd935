"""Runs that leave something out: one language, one experiment, no controls. Every table is written and says where it is empty."""

import numpy as np
import pandas as pd
import pytest

from langatlas.locate import overlap, similarity
from langatlas.locate.importance_files import FORMAT
from langatlas.present import control_tables, edit_tables, findings, kinship, pages, region_tables, removal
from langatlas.present.control_pairs import against_core
from langatlas.present.perplexity_table import tabulate_perplexity
from langatlas.present.table import SUFFIXES, read_table, write_table
from langatlas.region import Region, save
from langatlas.tensorfile import TensorWriter
from small_tables import FAST, PUBLISHED, write_rows
from synthetic import perplexity_rows

WEIGHT = "model.layers.0.self_attn.q_proj.weight"
PROVENANCE = {"title": "T", "note": "n", "code": "c", "settings": {}}


def region(folder, name):
    described = {
        "model": "mini",
        "region": name,
        "region_language": "",
        "scope": "matrix",
        "samples": "9",
        "side": "top",
    }
    described |= {"seed": "", "ratio": "0.05", "languages": '["ru"]', "model_type": "llama"}
    save(folder / name, {WEIGHT: np.eye(4, dtype=bool)}, described)
    return str(folder / name)


def written(frame, folder, name):
    """A CSV of counts, as the jobs write it, read back."""
    frame.to_csv(folder / name, index=False)
    return read_table(folder / name)


def check(table, wide, folder):
    write_table(table, folder / "t.csv", wide=wide, **PROVENANCE)
    assert len(read_table(folder / "t.csv")) == len(table)
    assert all((folder / "t.csv").with_suffix(suffix).stat().st_size for suffix in SUFFIXES)
    return (folder / "t.md").read_text()


@pytest.mark.parametrize("experiment", ["core-removal", "monolingual-removal"])
def test_every_table_of_a_run_of_one_experiment_in_one_language_is_written(experiment, tmp_path):
    more = {} if experiment == "core-removal" else {"languages": ["ru"]}
    path = write_rows(tmp_path, perplexity_rows("ru", sequences=9, experiment=experiment, **more))
    write_table(tabulate_perplexity([path], **FAST), tmp_path / "perplexity.csv", **PROVENANCE)
    perplexity = read_table(tmp_path / "perplexity.csv")
    tables = {"perplexity": perplexity}
    for name, kind in removal.REMOVAL_TABLES.items():
        table = kind.build(perplexity, PUBLISHED / f"{name}.csv", {})
        check(table, kind.wide(table, None), tmp_path)
        tables[name] = read_table(tmp_path / "t.csv")
    table = findings.summarize(perplexity, tables["effect_matrix"])
    check(table, findings.wide_findings(table, None), tmp_path)
    table = edit_tables.edits(perplexity)
    assert "the config has no such experiment" in check(table, edit_tables.wide_edits(table, None), tmp_path)

    counts = written(overlap.overlaps_with(Region.open(region(tmp_path, "core")), []), tmp_path, "counts.csv")
    rows = [str(path)] if experiment == "core-removal" else []  # of the experiments with the core and the controls
    tables["controls"] = control_tables.controls(perplexity, counts, against_core(rows, **FAST))
    check(tables["controls"], control_tables.wide_controls(tables["controls"]), tmp_path)
    nothing = pd.DataFrame(columns=["model", "ratio", "comparison", "language_a", "language_b", "jaccard",
                                    "jaccard_by_chance", "times_chance", "spearman"])  # fmt: skip
    tables["reliability"] = control_tables.reliability(written(nothing, tmp_path, "reliability.csv"), counts)
    assert "this run measured nothing" in check(
        tables["reliability"], control_tables.wide_reliability(tables["reliability"]), tmp_path
    )
    pairs = pd.concat(overlap.overlaps([region(tmp_path, "language-ru")]))
    table = region_tables.region_overlap(written(pairs, tmp_path, "pairs.csv"))
    check(table, region_tables.wide_overlap(table), tmp_path)
    tables["family_overlap"] = kinship.family_overlap(table, 100, 1)
    assert "no two of the languages are of one family" in check(
        tables["family_overlap"], kinship.wide_family_overlap(tables["family_overlap"]), tmp_path
    )
    tables["concentration"] = pd.DataFrame(columns=["model", "region", "measure"]).astype(str)
    tables["tokens"] = pd.DataFrame(columns=["model", "split"])
    for page in pages.PAGES.values():
        table = page.build(tables)
        check(table, page.wide(table, None), tmp_path)


def test_the_importance_of_one_language_is_compared_with_nothing(tmp_path):
    with TensorWriter(tmp_path / "ru", {WEIGHT: ("F32", (4, 4))}, {"format": FORMAT, "language": "ru"}) as writer:
        writer.write(WEIGHT, np.ones((4, 4), np.float32))
    frame = similarity.compare([str(tmp_path / "ru")], "llama", 16)
    frame.insert(0, "model", "mini")
    frame.insert(1, "samples", 9)
    table = region_tables.importance_similarity(written(frame, tmp_path, "similarity.csv"))
    assert "this run measured nothing" in check(table, region_tables.wide_similarity(table), tmp_path)
