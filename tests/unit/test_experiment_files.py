"""Experiments as files: found by name, laid over what they include, under what the config says of them; mistakes are named."""

import re

import pytest
import yaml

from configs import checked, problems_of
from langatlas.workflow import experiment_files


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes experiments of one's own; gives the overlay that runs them."""
    monkeypatch.setenv("MINE", str(tmp_path))

    def write(run: str = "mine", **files: str) -> dict:
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        return {"run": [run], "experiment_folders": ["$MINE"]}

    return write


def test_an_experiment_has_its_file_s_settings_the_defaults_and_what_the_config_says_above():
    (entry,) = checked()["experiments"]["core-lines"]["intervene"]
    assert (entry["ratio"], entry["share"], entry["seeds"], entry["lines"]) == (0.03, ["matrix"], [1], [1, 3, 5, 10])
    found = checked(experiments={"core-lines": {"intervene": {"ratio": 0.05, "lines": [2]}, "languages": ["ru"]}})
    above = found["experiments"]["core-lines"]
    assert above["intervene"] == [entry | {"ratio": 0.05, "lines": [2]}]
    assert (above["languages"], above["measure"]) == (["ru"], {"perplexity": {}})


def test_measures_are_a_list_of_names_or_names_with_settings_and_both_can_be_laid_over_each_other(own):
    schema = experiment_files.of("measure/generation")
    defaults = {key: sub["default"] for key, sub in schema["properties"].items()}
    assert (defaults["count"], defaults["prompts"]) == (4, {})
    for written in ("measure: [generation]", "measure: {generation: }", "measure: {generation: {}}"):
        assert checked(**own(mine=written))["experiments"]["mine"]["measure"] == {"generation": defaults}
    overlay = own(mine="measure: [generation]")
    above = {"mine": {"measure": {"generation": {"count": 1}, "perplexity": None}}}
    found = checked(**overlay, experiments=above)["experiments"]["mine"]["measure"]
    assert found == {"generation": defaults | {"count": 1}, "perplexity": {}}
    overlay = own(mine="measure: {generation: {count: 2}}")
    found = checked(**overlay, experiments={"mine": {"measure": ["perplexity"]}})["experiments"]["mine"]["measure"]
    assert found == {"generation": defaults | {"count": 2}, "perplexity": {}}


def test_one_intervention_several_and_none_are_lists_and_defaults_are_filled_in_every_one(own):
    assert checked(**own(mine="measure: [perplexity]"))["experiments"]["mine"]["intervene"] == []
    removal = {"kind": "removal", "samples": None, "include_norms": False}
    one = "{kind: removal, regions: core}"
    (found,) = checked(**own(mine=f"intervene: {one}\nmeasure: [perplexity]"))["experiments"]["mine"]["intervene"]
    assert found == removal | {"regions": "core"}
    listed = "{kind: removal, regions: [{region: core, ratio: 0.03}, {region: core, ratio: 1.0e-2, sides: [bottom]}]}"
    text = f"intervene: [{one}, {listed}, {{kind: dimensions}}]\nmeasure: [perplexity]"
    _, several, last = checked(**own(mine=text))["experiments"]["mine"]["intervene"]
    assert several["regions"] == [
        {"region": "core", "ratio": 0.03, "sides": ["top", "random"]},
        {"region": "core", "ratio": 0.01, "sides": ["bottom"]},
    ]
    assert last == {"kind": "dimensions", "dimensions": 2, "seeds": [1]}


def test_an_experiment_is_laid_over_a_chain_of_files_the_nearest_on_top(own):
    overlay = own(
        _a="intervene: {kind: pretraining, samples: [1], learning_rate: 0.1, warmup_steps: 1}\nmeasure: [perplexity]",
        _b="include: _a.yaml\nintervene: {learning_rate: 0.2, warmup_steps: 2, language: ru}",
        mine="include: _b.yaml\nintervene: {warmup_steps: 3, arms: [{mode: full}]}\nlanguages: [ru]",
    )
    experiment = checked(**overlay)["experiments"]["mine"]
    (entry,) = experiment["intervene"]
    assert [entry[key] for key in ("learning_rate", "warmup_steps", "language", "samples")] == [0.2, 3, "ru", [1]]
    assert experiment["measure"] == {"perplexity": {}}
    assert entry["arms"] == [{"mode": "full", "side": "top"}]


def test_of_another_kind_nothing_below_is_meant(own):
    overlay = own(_a="intervene: {kind: dimensions, seeds: [1, 2]}\nmeasure: [perplexity]",
                  mine="include: _a.yaml\nintervene: {kind: removal, regions: core}")  # fmt: skip
    (entry,) = checked(**overlay)["experiments"]["mine"]["intervene"]
    assert set(entry) == {"kind", "regions", "samples", "include_norms"}
    above = {"outlier-dimensions": {"intervene": {"kind": "removal", "regions": "core"}}}
    assert checked(experiments=above)["experiments"]["outlier-dimensions"]["intervene"] == [entry]


def test_files_that_include_each_other_are_named(own):
    message = problems_of(**own(mine="include: _a.yaml", _a="include: _b.yaml", _b="include: _a.yaml"))
    assert re.search(r"_a\.yaml: includes itself, by way of \S+mine\.yaml, \S+_a\.yaml, \S+_b\.yaml", message)
    assert "mine.yaml: includes itself" in problems_of(**own(mine="include: mine.yaml"))


@pytest.mark.parametrize("included", ["nowhere.yaml", "5", "[_a.yaml]", ".", "null"])
def test_what_is_included_must_be_a_file(own, included):
    assert re.search(r"mine\.yaml: include: .* is no file beside it", problems_of(**own(mine=f"include: {included}")))


def test_an_experiment_of_the_config_s_own_needs_no_file():
    mine = {"mine": {"intervene": {"kind": "removal", "regions": "core"}, "measure": ["perplexity"]}}
    found = checked(run=["mine"], experiments=mine)
    assert list(found["experiments"]) == ["mine"]
    assert found["experiments"]["mine"]["languages"] is None


def test_only_what_run_names_is_run_whatever_else_is_said():
    found = checked(run=["core-lines", "core-removal"], experiments={"recovery": {"intervene": {"samples": [0]}}})
    assert list(found["experiments"]) == ["core-lines", "core-removal"]


def test_folders_of_one_s_own_come_first_home_and_variables_are_replaced(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "core-removal.yaml").write_text("measure: [generation]", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MINE", str(folder))
    monkeypatch.chdir(tmp_path)
    for written in ("~/mine", "$MINE", "mine", str(folder)):
        found = checked(run=["core-removal", "core-lines"], experiment_folders=[written])["experiments"]
        assert list(found["core-removal"]["measure"]) == ["generation"]
        assert list(found["core-lines"]["measure"]) == ["perplexity"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    message = problems_of(experiment_folders=["$NOT_SET/a", str(tmp_path / "b")])
    assert "experiment_folders" in message
    assert "NOT_SET" in message
    assert f"experiment_folders: no folder {tmp_path / 'b'}" in message


def test_an_experiment_of_an_overlay_that_another_overlay_does_not_run_is_left_alone():
    mine = {"intervene": {"kind": "removal", "regions": "core"}, "measure": ["perplexity"]}
    assert list(checked(run=["core-removal"], experiments={"mine": mine})["experiments"]) == ["core-removal"]
    del mine["intervene"]["kind"]
    assert "experiments.mine: not among `run`" in problems_of(run=["core-removal"], experiments={"mine": mine})


def test_every_name_that_is_unknown_is_told_with_the_nearest(own):
    message = problems_of(run=["core-removl", "core-lines"], experiments={"own-one": {"measure": ["perplexity"]}})
    assert (
        "run: 'core-removl' is no experiment (did you mean core-removal?); there are between-languages, controls"
        in message
    )
    assert "_further-training" not in message
    assert "experiments.own-one: not among `run`; name it there to run it" in message
    message = problems_of(**own(mine="intervene: {kind: removl, regions: core}\nmeasure: {perplexty: }"))
    assert "experiments.mine.intervene.kind: 'removl' is no kind of intervention (did you mean removal?)" in message
    assert (
        "experiments.mine.measure.perplexty: no such measure (did you mean perplexity?); there are generation"
        in message
    )
    message = problems_of(**own(mine="intervene: {kind: removal, region: core, regions: core}\nmeasures: [perplexity]"))
    assert (
        "unknown key experiments.mine.measures (did you mean measure?); allowed here: intervene, languages" in message
    )
    message = problems_of(**own(mine="intervene: {kind: removal, region: core}\nmeasure: [perplexity]"))
    assert "unknown key experiments.mine.intervene.region (did you mean regions?)" in message
    assert "key experiments.mine.intervene.regions is missing" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("measure: [perplexity", "cannot be read as YAML"),
        ("- perplexity", "an experiment is a mapping with the keys intervene, measure, languages"),
        ("", "an experiment is a mapping"),
        ("intervene: {kind: removal, regions: core}", "key experiments.mine.measure is missing"),
        ("measure: []", "experiments.mine.measure: [] must hold at least 1 value(s)"),
        ("measure: {}", "experiments.mine.measure: {}"),
        ("measure: perplexity", "experiments.mine.measure: 'perplexity' must be of type array or object"),
        ("measure: [{generation: {}}]", "experiments.mine.measure[0]: {'generation': {}} must be of type string"),
        ("measure: {generation: 5}", "experiments.mine.measure.generation: 5 must be of type object or null"),
        ("measure: {generation: 0}", "experiments.mine.measure.generation: 0 must be of type object or null"),
        ("measure: [perplexity]\nintervene: removal", "experiments.mine.intervene: 'removal' must be of type object or array"),
        ("measure: [perplexity]\nintervene: {regions: core}", "key experiments.mine.intervene.kind is missing"),
        ("measure: [perplexity]\nintervene: {kind: [a]}", "experiments.mine.intervene.kind: ['a'] must be of type string"),
        ("measure: [perplexity]\nintervene: {kind: removal, regions: []}",
         "experiments.mine.intervene.regions: [] must hold at least 1 value(s)"),
        ("measure: [perplexity]\nintervene: {kind: removal, regions: all}",
         "experiments.mine.intervene.regions: 'all' must be one of core, monolingual, controls, equal"),
        ("measure: [perplexity]\nintervene: {kind: dimensions, dimensions: two}",
         "experiments.mine.intervene.dimensions: 'two' must be of type integer or array"),
        ("measure: [perplexity]\nlanguages: ru", "experiments.mine.languages: 'ru' must be of type array or null"),
        ("measure: [perplexity]\nintervene: {kind: lines, settings: {}, lines: [1]}", "experiments.mine.intervene.settings: {}"),
        ("measure: [perplexity]\nintervene: {kind: removal, regions: [{region: core, ratio: 2}]}",
         "experiments.mine.intervene.regions[0].ratio: 2 must be at most 1"),
        # what YAML reads otherwise than it looks
        ("measure: [perplexity]\nmeasure: [generation]", "mine.yaml:2: the key measure stands in line 1 already; write it once"),
        ("measure: {generation: {count: 1:30}}", 'mine.yaml:1: count: YAML reads 1:30 as 90; write 90, or "1:30" in quotes'),
        ("measure: {generation: {prompts: {no: [Hei]}}}", "mine.yaml: measure.generation.prompts: the key False is no text"),
        ("measure: [perplexity]\nlanguages: [no]", "experiments.mine.languages[0]: False must be of type string"),
        ("measure: [perplexity]\nintervene: {kind: lines, settings: {a: {attn.q: head}}, lines: [1], ratio: 3e-2}",
         "experiments.mine.intervene.ratio: '3e-2' must be of type number or null; this is text to YAML: write 3.0e-2"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_experiment_is_named(own, text, said):
    message = problems_of(**own(mine=text))
    assert said in message
    assert "mine" in message


def test_a_trap_in_an_included_file_is_named_with_that_file(own):
    message = problems_of(
        **own(mine="include: _a.yaml\nlanguages: [ru]", _a="measure: [perplexity]\nmeasure: [perplexity]")
    )
    assert "_a.yaml:2: the key measure stands in line 1 already" in message


def test_two_experiments_do_not_share_their_settings(own):
    overlay = own(_a="intervene: {kind: lines, settings: {s: {attn.q: head}}, lines: [1]}\nmeasure: [perplexity]",
                  mine="include: _a.yaml", other="include: _a.yaml")  # fmt: skip
    found = checked(**(overlay | {"run": ["mine", "other"]}))["experiments"]
    found["mine"]["intervene"][0]["settings"]["s"]["attn.q"] = "residual"
    assert found["other"]["intervene"][0]["settings"] == {"s": {"attn.q": "head"}}


def test_what_begins_with_an_underscore_is_included_only(own):
    overlay = own(_mine="measure: [perplexity]", run="_mine")
    assert "run: '_mine' is no experiment" in problems_of(**overlay)


def test_every_file_of_the_project_is_an_experiment_in_some_run():
    names = experiment_files.names([experiment_files.FOLDER])
    overlays = [experiment_files.FOLDER.parent / "thorough.yaml", experiment_files.FOLDER.parents[1] / "config.yaml"]
    runs = {name for path in overlays for name in yaml.safe_load(path.read_text(encoding="utf-8"))["run"]}
    assert set(names) == runs
