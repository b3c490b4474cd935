"""What rules ask of the config: names of files, languages of experiments, counts, the registry. Pure functions, no jobs."""

import re
import subprocess
import sys
from copy import deepcopy
from importlib.util import find_spec
from itertools import permutations
from pathlib import Path

import pytest
import yaml

from configs import OVERLAYS, ROOT, checked, merge
from langatlas import region_names
from langatlas.provenance import imported_modules
from langatlas.workflow import experiments, interventions, measures, paths, products, regions, registry
from langatlas.workflow.interventions import KINDS, MECHANISMS
from langatlas.workflow.measures import MEASURES

LOCAL = yaml.safe_load((ROOT / "config" / "local-text.yaml").read_text(encoding="utf-8"))
EVERY = yaml.safe_load((ROOT / "config" / "every-rule.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def config():
    return checked()


@pytest.fixture(scope="module")
def every():
    return checked(**EVERY)


def own(**written) -> dict:
    """The default with one experiment of one's own."""
    return checked(run=["mine"], experiments={"mine": {"measure": ["perplexity"]} | written})


# -- names of files ----------------------------------------------------------------------------------------------------


def test_files_have_the_names_that_the_tree_says(config):
    assert [
        paths.documents(config, "mini", "ru", "test"),
        paths.token_shard(config, "mini", "ru", "locate", 3),
        paths.importance(config, "mini", "ru", 200),
        paths.region(config, "mini", "core", 200, "random-1", 0.03),
        experiments.index(config, "mini", "core-removal"),
        paths.rows(config, "mini", "generation", "text-after-removal", "ru"),
        paths.rows(config, "mini", "pretraining", "recovery", "full-none-corrected-1"),
        paths.row_folder(config, "mini", "translation", "to-english", "zh"),
        paths.variant_manifest(config, "mini", "recovery/full-none-corrected-1"),
        paths.table(config, "edits", "md"),
        paths.figure(config, "mini", "core_lines", "svg"),
    ] == [
        "results/corpora/world/ru/test.parquet",
        "results/mini/tokens/ru/locate/00003.arrow",
        "results/mini/importance/ru/200.safetensors",
        "results/mini/regions/core/200/random-1-0.03.safetensors",
        "results/mini/interventions/core-removal.json",
        "results/mini/generation/text-after-removal/ru.parquet",
        "results/mini/pretraining/recovery/full-none-corrected-1.parquet",
        "results/mini/translation/to-english/zh",
        "results/mini/variants/recovery/full-none-corrected-1/variant.json",
        "results/tables/edits.md",
        "results/figures/mini/core_lines.svg",
    ]


def test_a_pattern_matches_exactly_what_it_is_made_of():
    assert re.fullmatch(paths.alternatives(["a.b", "c"]), "a.b")
    assert not re.fullmatch(paths.alternatives(["a.b", "c"]), "axb")
    assert not re.fullmatch(paths.alternatives([]), "")


def test_own_files_are_tracked_once_and_those_that_are_missing_are_left_to_the_job(tmp_path):
    for label in ("ru", "zh"):
        (tmp_path / f"{label}.jsonl").touch()
    pattern = str(tmp_path / "{language}.jsonl")
    assert paths.own_files(pattern, ["ru", "zh", "ru"], "k") == [
        str(tmp_path / f"{label}.jsonl") for label in ("ru", "zh")
    ]
    assert paths.own_files(pattern, ["ru", "xx"], "k") == []


# -- regions -----------------------------------------------------------------------------------------------------------


def test_every_region_file_that_an_experiment_removes_is_made_by_a_rule_of_its_kind(every):
    """By the patterns of the rules' outputs, written down here from the kinds."""
    last = regions.last_milestone(every)
    made = {
        *(path for kind in ("core", "monolingual") for path in regions.files(every, kind, "smoke", last)),
        *(path for kind in ("core", "monolingual") for path in regions.files(every, kind, "smoke", 8)),
        *regions.control_files(every, "smoke"),
        *regions.equal_files(every, "smoke"),
    }
    removed = [
        path
        for _, entry in interventions.placed(every)
        if entry["kind"] == "removal"
        for path in interventions.removed(every, "smoke", entry)
    ]
    assert len(removed) > 30
    assert set(removed) <= made


def test_sides_and_ratios_of_a_region_by_hand(every):
    assert regions.sides(every, "monolingual") == [("top", "0.05"), ("random-1", "0.05")]
    assert regions.sides(every, "language") == [("top", "0.05")]
    assert regions.sides(every, "core") == [
        (side, ratio) for ratio in ("0.03", "0.05") for side in ("top", "bottom", "random-1", "random-2")
    ]
    chosen = [{"region": "core", "ratio": 0.05, "sides": ["top", "random"]}]
    assert [Path(path).stem for path in regions.chosen_files(every, "smoke", chosen)] == ["top-0.05", "random-1-0.05"]


def test_a_language_s_region_loses_what_those_of_against_have(every):
    assert regions.language_region(every, "monolingual-ru") == "language-ru"
    assert regions.subtracted_regions(every, "matrix") == ["language-en", "language-ru"]
    assert regions.shared_region(every, "monolingual-ru") == "shared", "ru is among them"
    assert regions.shared_region(every, "monolingual-uk") == "union"


# -- experiments -------------------------------------------------------------------------------------------------------


def test_languages_of_an_experiment_are_its_own_or_those_it_is_about_or_all():
    removal = {"kind": "removal", "regions": "core"}
    steering = {"kind": "steering", "method": "lape", "pairs": [["zh", "en"], ["ru", "en"], ["zh", "ja"]]}
    found = {
        name: experiments.languages_of(own(**written), "mine")
        for name, written in {
            "own": {"intervene": removal, "languages": ["zh", "ar"]},
            "all": {"intervene": removal},
            "nothing": {},
            "sources": {"intervene": steering},
            "steering all": {"intervene": steering | {"measured": "all"}},
            "both": {"intervene": [steering, removal]},
            "two": {"intervene": [steering, steering | {"pairs": [["es", "zh"]]}]},
            "every pair": {"intervene": steering | {"pairs": None}},
        }.items()
    }
    everything = own()["languages"]
    assert found == {
        "own": ["zh", "ar"],
        "all": everything,
        "nothing": everything,
        "sources": ["zh", "ru"],
        "steering all": everything,
        "both": everything,
        "two": ["zh", "ru", "es"],
        "every pair": ["en", "es", "ja", "ru", "zh"],
    }


CORE = {"region": "core"}


def can_stand_beside(entry: dict) -> bool:
    """Whether there may be other interventions in the experiment."""
    return not KINDS[entry["kind"]].trains


@pytest.mark.parametrize(
    ("entry", "count"),
    [
        ({"kind": "removal", "regions": "monolingual"}, 12 * 2),
        ({"kind": "removal", "regions": "core", "samples": [50, 200]}, 2 * 2 * 3 * 5),
        ({"kind": "removal", "regions": [CORE | {"ratio": 0.03}, CORE | {"ratio": 0.01, "sides": ["top"]}]}, 3),
        ({"kind": "lines", "settings": {"a": {"attn.q": "head"}, "b": {"attn.k": "head"}}, "lines": [1, 3], "seeds": [1, 2, 3]},
         2 * 2 * (3 + 3)),
        ({"kind": "lines", "settings": {"a": {"attn.q": "head"}}, "lines": [1], "sides": ["top"],
          "share": ["matrix", "global"]}, 2),
        ({"kind": "dimensions", "dimensions": [3, 5], "seeds": [1, 2]}, 3 + 2 * 2),
        ({"kind": "dimensions", "dimensions": 1, "seeds": []}, 1),
        ({"kind": "parameters", "parameters": [{"layer": 1, "module": "norm.input"}], "operations": [{"set": 1}, {"multiply": 2}],
          "seeds": [1, 2]}, 1 * 2 * 3),
        ({"kind": "ablation", "of": ["en", "ru"], "methods": ["lape", "precision"], "sides": ["top", "bottom"], "seeds": [1, 2]},
         2 * (1 + 2) * (1 + 2 * 2)),
        ({"kind": "steering", "pairs": None}, 4 * 4),
        ({"kind": "steering", "pairs": None, "measured": "all"}, 4 * len(list(permutations(range(5), 2)))),
        ({"kind": "steering", "pairs": [["ru", "en"]]}, 0),
        ({"kind": "swap", "variants": ["mini"]}, 1),
        ({"kind": "pretraining", "language": "ru", "samples": [1], "master": ["published", "corrected"], "seeds": [1, 2],
          "arms": [{"mode": "full"}, {"mode": "zero-freeze"}, {"mode": "freeze", "side": "bottom"}]}, 2 + 2 * 2 + 2),
    ],
)  # fmt: skip
def test_interventions_are_counted_as_by_hand(entry, count):
    """Those that are measured on English."""
    config = own(
        intervene=[entry, {"kind": "removal", "regions": [CORE | {"ratio": 0.03}]}]
        if can_stand_beside(entry)
        else entry
    )
    mechanism = KINDS[entry["kind"]].mechanism
    beside = 2 if can_stand_beside(entry) else 0
    assert experiments.count(config, "mine", "en") == count + beside
    assert experiments.count(config, "mine", "en", mechanism) == count + beside * (mechanism == "removal")


def test_arms_have_names_that_say_all_and_are_read_back():
    entry = {
        "arms": [{"mode": "full", "side": "top"}, {"mode": "zero-unfreeze", "side": "random"}],
        "master": ["published", "corrected"],
        "seeds": [1],
    }
    names = interventions.arms(entry)
    assert names == ["full-none-corrected-1", "zero-unfreeze-random-published-1", "zero-unfreeze-random-corrected-1"]
    assert [experiments.parse_arm(name) for name in names[:2]] == [
        {"mode": "full", "side": "none", "master": "corrected", "seed": 1},
        {"mode": "zero-unfreeze", "side": "random", "master": "published", "seed": 1},
    ]


def test_experiments_are_found_by_kind_measure_and_settings(config):
    assert experiments.of(config, kind="lines") == ["core-lines"]
    assert experiments.of(config, measure="generation") == ["text-after-removal", "between-languages"]
    assert experiments.of(config, kind="removal", measure="perplexity", regions="controls") == ["controls"]
    assert experiments.of(config, measure="translation") == ["to-english"], "which changes nothing"
    assert experiments.trained(config) == ["recovery", "forgetting"]
    assert not set(experiments.measured_by(config, "perplexity")) & set(experiments.trained(config))


def test_what_is_kept_of_training_is_what_swap_asks_for():
    arms = {"kind": "pretraining", "language": "ru", "arms": [{"mode": "full"}], "samples": [1]}
    mine = {
        "t": {"intervene": arms | {"keep": True}, "measure": ["perplexity"]},
        "s": {"intervene": {"kind": "swap", "variants": ["t/full-none-corrected-1"]}, "measure": ["generation"]},
    }
    config = checked(run=["t", "s"], experiments=mine)
    assert experiments.trained(config, kept=True) == ["t"]
    assert experiments.trained(config, kept=False) == []
    expected = ["results/mini/variants/t/full-none-corrected-1/variant.json"]
    assert experiments.chosen_from(config, "mini", "s") == {"variants_0": expected}
    assert experiments.changed_with(config, "mini", "s") == expected


def test_lengths_that_the_config_asks_of_a_model_are_named_by_key(config):
    lengths = experiments.asked_lengths(config)
    assert lengths["tokens.sequence_length"] == 128
    assert lengths["experiments.text-after-removal.measure.generation: prompt_tokens and max_new_tokens"] == 10 + 24
    assert lengths["experiments.between-languages.measure.generation: prompt_tokens and max_new_tokens"] == 3 + 20


# -- one language ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ru", "uk"])
def test_a_language_has_the_rows_of_every_measure_and_its_importance(every, language):
    """Against all rows of the run, sorted by the language in their name."""
    rows = {path for measure in MEASURES for path in experiments.row_files(every, measure)}
    importances = set(regions.importance_files(every, "smoke", 8)) | set(regions.importance_files(every, "smoke", 20))
    mine = {path for path in rows if Path(path).stem == language}
    mine |= {path for path in importances if Path(path).parent.name == language}
    found = products.of_language(every, language)
    assert set(found) == mine
    assert len(found) == len(set(found))
    if language == "ru":
        assert {Path(path).parts[3] for path in found} >= set(MEASURES), "of every measure"


@pytest.mark.parametrize("overlay", [{}, EVERY, LOCAL], ids=["default", "every-rule", "local-text"])
def test_a_language_that_joins_changes_nothing_that_the_jobs_of_others_depend_on(monkeypatch, tmp_path, overlay):
    """What is not measured anew stands: same files, same settings, for every measure, experiment and language."""
    monkeypatch.setenv("LANGATLAS_TEXT", str(tmp_path))
    told = {"questions-after-removal": {"languages": ["ru"]}}  # of the world, which is not told in German
    overlay = merge(deepcopy(overlay), {"experiments": told})
    every = checked(**overlay)
    more = checked(**(overlay | {"languages": [*every["languages"], "de"]}))
    compared, (model,) = 0, every["models"]
    for name in every["experiments"]:
        assert experiments.chosen_from(every, model, name) == experiments.chosen_from(more, model, name)
        assert experiments.spelled_out(every, name) == experiments.spelled_out(more, name)
        for measure in set(every["experiments"][name]["measure"]) if not experiments.trains(every, name) else ():
            for language in experiments.languages_of(every, name):
                entry = MEASURES[measure]
                before, after = (entry.inputs(c, model, name, language) for c in (every, more))
                assert before == after
                assert entry.settings(every, name, language) == entry.settings(more, name, language), (name, measure)
                compared += 1
    assert compared > 15


# -- the registry ------------------------------------------------------------------------------------------------------


def test_every_kind_and_measure_has_a_schema_and_a_module(every):
    for part, known in (("intervene", KINDS), ("measure", MEASURES)):
        assert {path.stem for path in (ROOT / "schemas" / part).glob("*.yaml")} == set(known)
    modules = [entry.module for entry in MEASURES.values()]
    modules += [
        where.split(":")[0] for where in (*MECHANISMS.values(), *(k.choose for k in KINDS.values() if not k.trains))
    ]
    assert [module for module in modules if find_spec(module) is None] == []
    assert {kind.mechanism for kind in KINDS.values()} == set(MECHANISMS)
    used = {entry["kind"] for _, entry in interventions.placed(every)}
    assert used >= set(KINDS) - {"dimensions", "swap"}


@pytest.mark.parametrize("path", [None, *OVERLAYS], ids=lambda path: path.stem if path else "default")
def test_every_picture_and_table_has_a_name_of_its_own_and_what_it_reads_is_made(monkeypatch, tmp_path, path):
    """By a measure, a locating rule, another table, or it lies in resources/."""
    monkeypatch.setenv("LANGATLAS_TEXT", str(tmp_path))
    config = checked(**({} if path is None else yaml.safe_load(path.read_text(encoding="utf-8"))))
    made = [*products.tables(config), *products.figures(config)]
    assert len(made) == len(set(made))
    names = products.table_names(config)
    rows = {file for measure in MEASURES for file in experiments.row_files(config, measure)} | set(
        experiments.arm_files(config)
    )
    for name in names:
        inputs = registry.TABLES[name].inputs(config)
        for file in [file for files in inputs.values() for file in ([files] if isinstance(files, str) else files)]:
            place = Path(file)
            if place.is_relative_to(Path(config["results"]) / "tables"):
                assert place.stem in names, f"{name} reads a table that this run has not"
            elif place.is_absolute():
                assert place.is_file()
            elif place.suffix == ".parquet" and place.parts[len(Path(config["results"]).parts) + 1] in (
                *MEASURES,
                "pretraining",
            ):
                assert file in rows, f"{name} reads rows that nobody measures"


def test_which_experiments_a_table_and_a_picture_are_about(config):
    about = {table: registry.shown(config, table) for table in registry.TABLES}
    assert about["core_removal"] == ["core-removal"]
    assert about["effect_matrix"] == about["monolingual_removal"] == ["monolingual-removal"]
    assert about["edits"] == ["core-lines", "outlier-dimensions", "single-parameters"]
    assert about["controls"] == ["core-removal", "controls"]
    assert about["steering"] == ["between-languages"]
    assert about["generation"] == ["text-after-removal"]
    assert about["equal_removal"] == about["isolation"] == ["equal-removal"]
    assert about["corpora"] == []
    assert {name for names in about.values() for name in names} == set(config["experiments"]), "each is shown somewhere"
    assert registry.drawn(config, "core_lines") == {"": ["core-lines"]}
    assert registry.drawn(config, "agreement") == {"equal-removal": ["equal-removal"]}
    assert registry.drawn(config, "pretraining") == {name: [name] for name in ("recovery", "forgetting")}
    assert registry.drawn(config, "inhibition") == {"to-english-zh": ["to-english"]}
    assert registry.drawn(config, "training_curve") == {"": []}


def test_an_experiment_that_steers_among_other_things_is_in_the_table_of_texts(every):
    assert registry.shown(every, "generation") == ["text-after-removal", "every-cell"]
    assert registry.shown(every, "steering") == ["between-languages", "every-cell"]


def test_a_run_of_any_single_experiment_has_its_tables_and_figures(config):
    for name in config["experiments"]:
        alone = checked(run=[name])
        assert list(alone["experiments"]) == [name]
        assert products.tables(alone)
        shown = [
            figure for figure in registry.FIGURES for about in registry.drawn(config, figure).values() if name in about
        ]
        for figure in set(shown) - {"controls"}:  # which stands beside the core's removal
            assert products.figures(alone, [figure]), (name, figure)


def test_names_of_regions_are_looked_up_not_read(every):
    assert {name: regions.of(every, name).kind for name in ("core", "monolingual-ru", "core-only_en")} == {
        "core": "core", "monolingual-ru": "monolingual", "core-only_en": "control",
    }  # fmt: skip
    assert regions.all_names(every) == list(region_names.catalogue(every))


def test_planning_starts_without_pandas_torch_matplotlib_and_transformers():
    """A dry run of hundreds of languages begins at once: what rules ask imports none of them."""
    code = (
        "import sys\nfrom langatlas import provenance\nfrom langatlas.files import checkpoint_files\n"
        "from langatlas.workflow import experiments, measures, paths, products, regions, registry, settings\n"
        "print([m for m in ('pandas', 'torch', 'matplotlib', 'transformers', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "workflow_scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_hash_of_a_job_covers_what_it_loads_by_name_and_no_other_measure():
    scripts = ROOT / "workflow_scripts"
    every_measure = {entry.module for entry in MEASURES.values()}
    for entry in MEASURES.values():
        for changes in (where.split(":")[0] for where in MECHANISMS.values()):
            held = imported_modules(scripts / "measure.py", entry.module, changes)
            assert held >= {entry.module, changes}
            assert held & every_measure == {entry.module}
    for kind in (kind for kind in KINDS.values() if not kind.trains):
        chooses = kind.choose.split(":")[0]
        held = imported_modules(scripts / "intervene.py", chooses)
        assert chooses in held
        assert not held & every_measure, "what is measured reruns no choice"


def test_the_functions_leave_the_config_as_it_is(every):
    before = deepcopy(every)
    products.tables(every), products.figures(every), products.of_language(every, "ru")
    for name in every["experiments"]:
        experiments.spelled_out(every, name), experiments.count(every, name, "ru"), experiments.changers(every, name)
        for measure in every["experiments"][name]["measure"]:
            if not experiments.trains(every, name):
                measures.outputs(every, measure)
                MEASURES[measure].settings(every, name, experiments.languages_of(every, name)[0])
    assert every == before
