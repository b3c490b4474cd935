import re
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from langatlas.workflow import references, settings
from langatlas.workflow.schema import resolve

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "schemas" / "config.schema.yaml"
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def merge(config: dict, overlay: dict) -> dict:
    for key, value in overlay.items():
        config[key] = merge(config.get(key) or {}, value) if isinstance(value, dict) else value
    return config


def problems_of(**overlay) -> str:
    with pytest.raises(ValueError, match="the config cannot be used") as error:
        settings.checked(merge(deepcopy(DEFAULT), overlay), SCHEMA)
    return str(error.value)


def test_the_default_and_every_overlay_are_valid(monkeypatch, tmp_path):
    monkeypatch.setenv("LANGATLAS_TEXT", str(tmp_path))
    assert settings.checked(DEFAULT, SCHEMA)["importance"]["reduction"] == "corrected"
    overlays = sorted((ROOT / "config").glob("*.yaml"))
    assert len(overlays) >= 3
    for path in overlays:
        settings.checked(merge(deepcopy(DEFAULT), yaml.safe_load(path.read_text(encoding="utf-8"))), SCHEMA)


def test_defaults_of_the_schema_fill_what_is_missing_and_the_input_stays_as_it_was():
    config = deepcopy(DEFAULT)
    del config["perplexity"], config["regions"]["monolingual"]["seeds"]
    before = deepcopy(config)
    found = settings.checked(config, SCHEMA)
    assert config == before
    assert found["perplexity"] == {"batch_size": 16, "precision": "auto"}
    assert found["regions"]["monolingual"]["seeds"] == [1]


def test_unknown_keys_are_refused_by_name_at_any_depth():
    assert "unknown key importence (did you mean importance?)" in problems_of(importence={})
    assert "unknown key regions.core.ratio (did you mean ratios?)" in problems_of(regions={"core": {"ratio": 1}})
    assert "unknown key tokens.policy.first; allowed here: locate, pretrain, test" in problems_of(
        tokens={"policy": {"first": "pack"}}
    )


@pytest.mark.parametrize(("ratio", "allowed"), [(0, "greater than 0"), (-0.1, "greater than 0"), (1.5, "at most 1")])
def test_a_ratio_outside_the_unit_interval_names_key_value_and_range(ratio, allowed):
    message = problems_of(regions={"core": {"ratios": [0.01, ratio]}})
    assert f"regions.core.ratios[1]: {ratio} must be {allowed}" in message


def test_wrong_types_and_words_name_what_is_allowed():
    assert "importance.samples[0]: 'ten' must be of type integer" in problems_of(importance={"samples": ["ten"]})
    assert "importance.reduction: 'mean' must be one of corrected, published" in problems_of(
        importance={"reduction": "mean"}
    )
    assert "tokens.policy.test: 'split' must be one of drop_long, truncate, pack" in problems_of(
        tokens={"policy": {"test": "split"}}
    )


def test_languages_that_nobody_knows_and_labels_that_are_declared():
    assert "languages: unknown language 'xx'" in problems_of(languages=[*DEFAULT["languages"], "xx"])
    extended = merge(deepcopy(DEFAULT), {"labels": {"code": {"name": "Source code"}}})
    extended["languages"] = [*DEFAULT["languages"], "code"]
    assert settings.checked(extended, SCHEMA)["labels"]["code"]["group"] == "other"


def test_names_that_are_used_but_not_defined():
    assert "models: 'llama' is not in checkpoints (mini)" in problems_of(models=["llama"])
    assert "checkpoints.mini.corpus: 'wiki' is not in corpora (world)" in problems_of(
        checkpoints={"mini": {"corpus": "wiki"}}
    )
    assert "regions.core.languages: 'de' is not in languages" in problems_of(regions={"core": {"languages": ["de"]}})
    assert "experiments.core-removal.samples: 5 is not in importance.samples (50, 200)" in problems_of(
        experiments={"core-removal": {"samples": [5]}}
    )


def test_contradictions_between_keys():
    assert "regions.core.sides: ['random'] must hold top" in problems_of(regions={"core": {"sides": ["random"]}})
    assert "regions.core.seeds: empty" in problems_of(regions={"core": {"seeds": []}})
    assert "must be ascending" in problems_of(importance={"samples": [300, 75]})
    assert "tokens.max_sequences.locate: 10 is less than the 200 samples" in problems_of(
        tokens={"max_sequences": {"locate": 10}}
    )
    assert "tokens.shards.locate: 100 shards are more than the 50 samples" in problems_of(
        tokens={"shards": {"locate": 100}}
    )
    assert "checkpoints.mini.path: missing" in problems_of(checkpoints={"mini": {"source": "huggingface"}})
    for path, told in (("$NOWHERE/m", "variable NOWHERE"), ("~/none/m", "no folder"), ("./none", "no folder ./none")):
        checkpoint = {"source": "huggingface", "path": path, "revision": "1"}
        assert f"checkpoints.mini.path: {'the environment ' if '$' in path else ''}{told}" in problems_of(
            checkpoints={"mini": checkpoint}
        )


def test_every_mistake_is_named_at_once():
    message = problems_of(importence={}, perplexity={"batch_size": 0})
    assert "importence" in message
    assert "perplexity.batch_size: 0 must be at least 1" in message


def test_every_key_of_the_default_has_a_comment_above_it():
    lines = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"\s*(- )?[\w-]+:", line)]
    assert len(keys) > 60
    assert [lines[n] for n in keys if not lines[n - 1].lstrip().startswith("#")] == []


def test_null_takes_an_inherited_experiment_away_and_stands_in_the_config_that_is_written():
    config = merge(deepcopy(DEFAULT), {"pretraining": {"recovery": None}})
    found = settings.checked(config, SCHEMA)
    assert "recovery" not in found["pretraining"]
    written = settings.with_dropped(found, config)
    assert written["pretraining"]["recovery"] is None
    assert settings.checked(merge(deepcopy(DEFAULT), written), SCHEMA) == found


def test_contradictions_of_experiments_pretraining_and_controls_are_named():
    message = problems_of(
        experiments={"core-lines": {"settings": {"s": {"attn.q": "ffn"}}, "ratio": 0.2, "languages": ["xx"]}},
        pretraining={"recovery": {"samples": [5, 3]}, "forgetting": {"seeds": [7]}},
        regions={"controls": {"ratio": 0.5}},
        importance={"variants": {"names": ["wanda"]}},
    )
    assert "experiments.core-lines.settings.s: attn.q has no axis 'ffn'" in message
    assert "experiments.core-lines.ratio: 0.2 is not in regions.core.ratios" in message
    assert "experiments.core-lines.languages: 'xx' is not in languages" in message
    assert "pretraining.recovery.samples: [5, 3] must be ascending" in message
    assert "pretraining.forgetting.seeds: 7 is not in regions.core.seeds (1, 2, 3)" in message
    assert "regions.controls.ratio: 0.5 is not in regions.core.ratios" in message
    assert "regions.controls.variants: 'magnitude' is not in importance.variants.names (wanda)" in message


def test_questions_that_nobody_could_ask_are_named():
    own = {"world": False, "files": "exams.jsonl", "answers": ["sentences"], "languages": ["en", "xx"], "regions": []}
    message = problems_of(
        languages=[*DEFAULT["languages"], "de"],
        questions={
            "after-removal": {"languages": None, "regions": [{"region": "core", "ratio": 0.2}]},
            "own": own,
            "none": {"world": False},
        },
    )
    assert "questions.after-removal.world: the world is not told in 'de'" in message
    assert "questions.after-removal.regions[0].ratio: 0.2 is not in regions.core.ratios" in message
    assert "questions.own.languages: 'xx' is not in languages" in message
    assert "questions.own.files: 'exams.jsonl' must hold {language}, or languages only one" in message
    assert "questions.own.answers: sentences and priors exist for the world's questions only" in message
    assert "questions.none: no questions; set world: true, files, or tasks" in message


def test_answers_and_keys_of_questions_are_checked():
    message = problems_of(questions={"after-removal": {"answers": ["words"], "shots": -1, "task": ["mmlu"]}})
    assert "questions.after-removal.answers[0]: 'words' must be one of letters, texts, sentences, priors" in message
    assert "questions.after-removal.shots: -1 must be at least 0" in message
    assert "unknown key questions.after-removal.task (did you mean tasks?)" in message


def test_a_config_of_the_working_directory_is_read_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings.refuse_unread("config.yaml", [ROOT / "config.yaml"])
    Path("config.yaml").write_text("results: here", encoding="utf-8")
    settings.refuse_unread("config.yaml", [ROOT / "config.yaml", tmp_path / "config.yaml"])
    with pytest.raises(ValueError, match=r"Lay yours over it with --configfile config\.yaml, or give it another name"):
        settings.refuse_unread("config.yaml", [ROOT / "config.yaml"])
    monkeypatch.chdir(ROOT)
    settings.refuse_unread("config.yaml", [ROOT / "config.yaml"])


REMOVED = [{"region": "monolingual-ar", "ratio": 0.03}]
PAIRS = {"pairs": [["en", "xx"]]}
LABELS = "languages (ar, en, es, fa, it, ja, ko, pt, ru, uk, vi, zh)"


@pytest.mark.parametrize(
    ("overlay", "complaint"),
    [
        ({"checkpoints": {"mini": {"languages": ["xx"]}}}, f"checkpoints.mini.languages: 'xx' is not in {LABELS}"),
        ({"checkpoints": {"mini": {"published_as": "LLaMA-2"}}}, "published_as: 'LLaMA-2' is not in resources/published"),
        ({"regions": {"monolingual": {"languages": ["xx"]}}}, f"regions.monolingual.languages: 'xx' is not in {LABELS}"),
        ({"regions": {"against": ["xx"]}}, "regions.against: 'xx' is not in regions.monolingual.languages (ar"),
        ({"regions": {"controls": {"single": ["xx"]}}}, "regions.controls.single: 'xx' is not in regions.core.languages or"),
        ({"regions": {"core": {"scopes": ["global"]}}}, "regions.core.scopes: ['global'] must hold matrix"),
        ({"regions": {"core": {"sides": ["bottom"]}}}, "regions.core.sides: ['bottom'] must hold top"),
        ({"regions": {"equal": {"languages": ["xx"]}}}, "regions.equal.languages: 'xx' is not in"),
        ({"experiments": {"controls": {"languages": ["xx"]}}}, f"experiments.controls.languages: 'xx' is not in {LABELS}"),
        ({"experiments": {"core-lines": {"region": "core-layer"}}},
         "experiments.core-lines.region: 'core-layer' is no region; there are core, core-global, monolingual-ar"),
        ({"experiments": {"core-lines": {"region": "monolingual-ar", "ratio": 0.03}}},
         "experiments.core-lines.ratio: 0.03 is not in regions.monolingual.ratios (0.05)"),
        ({"experiments": {"single-parameters": {"parameters": [{"layer": 7, "module": "norm.input"}]}}},
         "parameters[0].layer: mini has no layer 7, only 0 to 6"),
        ({"experiments": {"single-parameters": {"parameters": [{"layer": 1, "module": "norm.x"}]}}},
         "experiments.single-parameters.parameters[0].module: 'norm.x' is not in the modules of a model (attn.q"),
        ({"experiments": {"outlier-dimensions": {"dimensions": [3, 160]}}},
         "experiments.outlier-dimensions.dimensions: mini has 160 dimensions"),
        ({"experiments": {"neuron-silencing": {"silenced": ["it"]}}},
         "experiments.neuron-silencing.silenced: 'it' is not in neurons.languages (en, es, ja, ru, zh)"),
        ({"experiments": dict.fromkeys(DEFAULT["experiments"])}, "experiments: none is left"),
        ({"regions": {"controls": {"variants": [], "single": [], "matched": []}}, "importance": {"variants": {"samples": 10}}},
         "experiments.controls.regions: no controls are chosen"),
        ({"generation": {"after-removal": {"prompts": {"xx": ["a"]}}}},
         f"generation.after-removal.prompts: 'xx' is not in {LABELS}"),
        ({"generation": {"after-removal": {"regions": REMOVED}}},
         "generation.after-removal.regions[0].ratio: 0.03 is not in regions.monolingual.ratios (0.05)"),
        ({"generation": {"after-removal": {"regions": [{"region": "monolingual-xx", "ratio": 0.05}]}}},
         "generation.after-removal.regions[0].region: 'monolingual-xx' is no region"),
        ({"questions": {"after-removal": {"regions": [{"region": "monolingual-ar", "ratio": 0.05, "sides": ["bottom"]}]}}},
         "questions.after-removal.regions[0].sides: 'bottom' is not in regions.monolingual.sides (top, random)"),
        ({"pretraining": {"recovery": {"language": "xx"}}}, f"pretraining.recovery.language: 'xx' is not in {LABELS}"),
        ({"pretraining": {"recovery": {"region": "monolingual-ar"}}}, "pretraining.recovery.ratio: 0.03 is not in regions.mono"),
        ({"pretraining": {"recovery": {"region": "core-x"}}}, "pretraining.recovery.region: 'core-x' is no region"),
        ({"steering": {"between-languages": PAIRS}}, "steering.between-languages.pairs: 'xx' is not in neurons.languages (en"),
        ({"steering": {"between-languages": {"detectable": ["xx"]}}}, f"detectable: 'xx' is not in {LABELS}"),
        ({"figures": {"density": {"languages": ["ar", "de"]}}},
         "figures.density.languages: 'de' is not in regions.monolingual.languages (ar"),
        ({"figures": {"density": {"ratio": 0.03}}},
         "figures.density.ratio: 0.03 is not in regions.core.ratios and regions.monolingual.ratios (0.05)"),
        ({"figures": {"density": {"modules": ["norm.input"]}}}, "figures.density.modules: 'norm.input' is not in the matrices"),
        ({"figures": {"density": {"language_module": "attn.x"}}}, "figures.density.language_module: 'attn.x' is not in the"),
        ({"models": ["tables"], "checkpoints": {"tables": DEFAULT["checkpoints"]["mini"]}},
         "models: 'tables' is the name of a folder of every run"),
        ({"generation": {"after-removal": {"languages": []}}}, "generation.after-removal.languages: [] must hold at least 1"),
        ({"questions": {"after-removal": {"languages": ["ar", "ar"]}}}, "must not repeat a value"),
        ({"labels": {"law": {"name": "two\nlines"}}}, "labels.law.name: 'two\\nlines' must match"),
        ({"labels": {"law": {"name": "a line\n"}}}, "labels.law.name: 'a line\\n' must match"),
        ({"labels": {"law_": {"name": "Law"}}}, "labels: 'law_' must match"),
    ],
)  # fmt: skip
def test_what_one_key_names_must_exist_in_another(overlay, complaint):
    assert complaint in problems_of(**overlay)


def test_a_label_that_would_share_a_region_with_another_is_refused_and_other_words_are_not():
    def with_labels(*labels):
        own = {label: {"name": label} for label in labels}
        monolingual = {"languages": [*DEFAULT["languages"], *labels], "scopes": ["matrix", "global"]}
        return {"labels": own, "languages": [*DEFAULT["languages"], *labels], "regions": {"monolingual": monolingual}}

    assert "languages: two regions would be called monolingual-ru-global" in problems_of(**with_labels("ru-global"))
    allowed = with_labels("ru-romanized", "global", "layer", "core", "zh-Hant")
    assert settings.checked(merge(deepcopy(DEFAULT), allowed), SCHEMA)["labels"]["zh-Hant"]["group"] == "other"


def test_a_ratio_of_one_is_one_name_however_it_is_written():
    kinds = {kind: {"ratios": [0.05, 0.03, 1]} for kind in ("core", "monolingual")}
    lines = {"core-lines": {"ratio": 1}}
    found = settings.checked(merge(deepcopy(DEFAULT), {"regions": kinds, "experiments": lines}), SCHEMA)
    texts = [*map(str, found["regions"]["core"]["ratios"]), str(found["experiments"]["core-lines"]["ratio"])]
    assert texts == ["0.05", "0.03", "1.0", "1.0"]


def label_keys(schema: dict, root: dict, path: tuple = ()) -> set[str]:
    """Every key of the schema whose value, or whose list, holds labels, written as references write them."""
    if schema.get("$ref") in ("#/$defs/labels", "#/$defs/some_labels"):
        return {".".join(path).replace(".[]", "[]") + "[]"}
    if schema.get("$ref") == "#/$defs/label":
        return {".".join(path).replace(".[]", "[]")}
    schema, found = resolve(schema, root), set()
    for key, sub in schema.get("properties", {}).items():
        found |= label_keys(sub, root, (*path, key))
    if isinstance(sub := schema.get("additionalProperties"), dict):
        found |= label_keys(sub, root, (*path, "*"))
    if "items" in schema:
        found |= label_keys(schema["items"], root, (*path, "[]"))
    return found


def test_every_key_that_takes_a_label_is_checked():
    """A key that joins the schema must join the list of references, or be one of those with checks of their own."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    listed = {r.key for r in references.REFERENCES} | {f"checkpoints.*.{r.key}" for r in references.OF_MODELS}
    # Where the labels come from; labels whose text need not be among the tested; sets of equal size (neuron_settings).
    elsewhere = {"languages[]", "neurons.counts.*.languages[]", "regions.equal.languages[]"}
    elsewhere |= {f"translation.*.{key}" for key in ("source", "target", "further[]")}
    found = label_keys(schema, schema)
    assert len(found) > 20
    assert found - listed - elsewhere == set()
