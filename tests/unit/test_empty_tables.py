"""Runs that leave something out: one language, one experiment, no controls. Every table is written and says where it is empty."""

import numpy as np
import pandas as pd
import pytest

from langatlas.locate import overlap, similarity
from langatlas.locate.importance_files import FORMAT
from langatlas.present.table import load, read_table
from langatlas.region import Region, save
from langatlas.tensorfile import TensorWriter
from small_tables import FAST, PUBLISHED, write_rows
from synthetic import perplexity_rows

WEIGHT = "model.layers.0.self_attn.q_proj.weight"
SUFFIXES = (".csv", ".md", ".tex", ".html", ".json")


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


def check(name, folder, **given):
    """The table as it is built, written and read back, and its page; ``given``: inputs as they were read."""
    kind = load(name)
    frame = kind.build(**given)
    shown = {key: given[key] for key in kind.shown}
    kind.write(frame, folder / f"{name}.csv", parts=kind.wide(frame, None, **shown))
    table = read_table(folder / f"{name}.csv")
    assert len(table) == len(frame)
    assert all((folder / f"{name}.csv").with_suffix(suffix).stat().st_size for suffix in SUFFIXES)
    return table, (folder / f"{name}.md").read_text()


@pytest.mark.parametrize("experiment", ["core-removal", "monolingual-removal"])
def test_every_table_of_a_run_of_one_experiment_in_one_language_is_written(experiment, tmp_path):
    more = {} if experiment == "core-removal" else {"languages": ["ru"]}
    path = write_rows(tmp_path, perplexity_rows("ru", sequences=9, experiment=experiment, **more))
    tables = {"perplexity": check("perplexity", tmp_path, rows=[str(path)], **FAST)[0]}
    for name in ("base_perplexity", "core_removal", "monolingual_removal", "effect_matrix"):
        others = {}
        if "published" in load(name).inputs:
            others = {"published": load(name).inputs["published"](PUBLISHED / f"{name}.csv"), "published_as": {}}
        tables[name], _ = check(name, tmp_path, perplexity=tables["perplexity"], **others)
    given = {name: tables[name] for name in ("perplexity", "effect_matrix")}
    check("findings", tmp_path, isolation=None, **given)
    assert "the config has no such experiment" in check("edits", tmp_path, perplexity=tables["perplexity"])[1]

    counts = written(overlap.overlaps_with(Region.open(region(tmp_path, "core")), []), tmp_path, "counts.csv")
    rows = [str(path)] if experiment == "core-removal" else []  # of the experiments with the core and the controls
    given = {"perplexity": tables["perplexity"], "counts": counts, "rows": rows}
    tables["controls"], _ = check("controls", tmp_path, **given, **FAST)
    nothing = pd.DataFrame(columns=["model", "ratio", "comparison", "language_a", "language_b", "jaccard",
                                    "jaccard_by_chance", "times_chance", "spearman"])  # fmt: skip
    given = {"counts": written(nothing, tmp_path, "pairs-of-scores.csv"), "overlap": counts}
    tables["reliability"], page = check("reliability", tmp_path, **given)
    assert "this run measured nothing" in page
    pairs = pd.concat(overlap.overlaps([region(tmp_path, "language-ru")]))
    shared, _ = check("region_overlap", tmp_path, counts=written(pairs, tmp_path, "pairs.csv"))
    tables["family_overlap"], page = check("family_overlap", tmp_path, region_overlap=shared, permutations=100, seed=1)
    assert "no two of the languages are of one family" in page
    tables["concentration"] = pd.DataFrame(columns=["model", "region", "measure"]).astype(str)
    tables["tokens"] = pd.DataFrame(columns=["model", "split"])
    for name in ("survival", "readings"):
        check(name, tmp_path, **{key: tables.get(key) for key in load(name).inputs})


def test_the_importance_of_one_language_is_compared_with_nothing(tmp_path):
    with TensorWriter(tmp_path / "ru", {WEIGHT: ("F32", (4, 4))}, {"format": FORMAT, "language": "ru"}) as writer:
        writer.write(WEIGHT, np.ones((4, 4), np.float32))
    frame = similarity.compare([str(tmp_path / "ru")], "llama", 16)
    frame.insert(0, "model", "mini")
    frame.insert(1, "samples", 9)
    _, page = check("importance_similarity", tmp_path, counts=written(frame, tmp_path, "similarity.csv"))
    assert "this run measured nothing" in page
