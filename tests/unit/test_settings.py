import re
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from langatlas import settings

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
