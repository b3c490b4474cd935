"""The config: every mistake is named, each default stands in one place, what a run writes gives the same run."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from configs import DEFAULT, OVERLAYS, ROOT, SCHEMA, checked, intervening, laid_over, measuring, problems_of
from langatlas.workflow import experiment_files, interventions, references, settings
from langatlas.workflow.schema import resolve

SCHEMAS = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "schemas").rglob("*.yaml")}


@pytest.mark.parametrize("path", [None, *OVERLAYS], ids=lambda path: path.stem if path else "default")
def test_the_default_and_every_overlay_are_valid(monkeypatch, tmp_path, path):
    monkeypatch.setenv("LANGATLAS_TEXT", str(tmp_path))
    overlay = {} if path is None else yaml.safe_load(path.read_text(encoding="utf-8"))
    found = settings.checked(laid_over(overlay), SCHEMA, [ROOT / "config.yaml", *filter(None, [path])])
    assert found["importance"]["reduction"] == "corrected"
    assert list(found["experiments"]) == found["run"]


def test_there_is_an_overlay_of_each_kind():
    assert {"smoke", "every-rule", "main-line", "thorough", "llama2-7b", "local-text"} <= {
        path.stem for path in OVERLAYS
    }


def test_defaults_fill_what_is_missing_and_the_input_stays_as_it_was():
    config = deepcopy(DEFAULT)
    del config["checkpoints"]["mini"]["dtype"], config["checkpoints"]["mini"]["training"]["warmup_steps"]
    before = deepcopy(config)
    found = settings.checked(config, SCHEMA)
    assert config == before
    assert found["checkpoints"]["mini"]["dtype"] == "bfloat16"
    assert found["checkpoints"]["mini"]["training"]["warmup_steps"] == 30


@pytest.mark.parametrize("section", [key for key in DEFAULT])
def test_a_section_without_a_default_of_its_own_must_be_given(section):
    config = deepcopy(DEFAULT)
    del config[section]
    with pytest.raises(ValueError, match=f"key {section} is missing"):
        settings.checked(config, SCHEMA)


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
    extended = {"labels": {"code": {"name": "Source code"}}, "languages": [*DEFAULT["languages"], "code"]}
    told = ["ar", "en"]  # the world is not told in source code
    extended["experiments"] = {"questions-after-removal": {"languages": told}}
    assert checked(**extended)["labels"]["code"]["group"] == "other"


def test_names_that_are_used_but_not_defined():
    assert "models: 'llama' is not in checkpoints (mini)" in problems_of(models=["llama"])
    assert "checkpoints.mini.corpus: 'wiki' is not in corpora (world)" in problems_of(
        checkpoints={"mini": {"corpus": "wiki"}}
    )
    assert "regions.core.languages: 'de' is not in languages" in problems_of(regions={"core": {"languages": ["de"]}})
    assert "experiments.core-removal.intervene.samples: 5 is not in importance.samples (50, 200)" in problems_of(
        **intervening("core-removal", samples=[5])
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


def test_the_default_fits_on_four_screens_and_repeats_no_comment():
    lines = (ROOT / "config.yaml").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200
    comments = [line.strip() for line in lines if line.lstrip().startswith("#")]
    assert len(set(comments)) == len(comments)
    assert not any("as above" in comment.lower() for comment in comments)


def commented(path: Path) -> set[str]:
    """Keys of a YAML file with a comment above them, or above what they stand in, as paths: ``*`` for names of one's own."""
    lines, found = path.read_text(encoding="utf-8").splitlines(), set()

    def visit(node, place, told):
        above = told
        for number, (key, value) in enumerate(node.value):
            line = key.start_mark.line
            here = lines[line - 1].lstrip().startswith("#") or (number and told and line == node.start_mark.line)
            name = "*" if place in NAMED else key.value
            own = bool(here or above or (node.flow_style and told))
            if own:
                found.add(f"{place}.{name}".lstrip("."))
            for below in [value, *(value.value if isinstance(value, yaml.SequenceNode) else [])]:
                if isinstance(below, yaml.MappingNode):
                    visit(
                        below,
                        f"{place}.{name}".lstrip(".") + ("[]" if below is not value else ""),
                        own and below.flow_style,
                    )

    visit(yaml.compose(path.read_text(encoding="utf-8")), "", False)
    return found


NAMED = {"checkpoints", "corpora"}  # sections whose keys are names of the user's choice


def keys(schema: dict, root: dict, place: str = ""):
    """(path, schema, whether what it stands in is described) of every key of a schema."""
    schema = resolve(schema, root)
    told = bool(schema.get("description"))
    for key, sub in schema.get("properties", {}).items():
        path = f"{place}.{key}".lstrip(".")
        yield path, resolve(sub, root), told
        yield from keys(sub, root, path)
    if isinstance(sub := schema.get("additionalProperties"), dict):
        yield from keys(sub, root, f"{place}.*")
    for sub in [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]:
        yield from keys(sub, root, place + ("[]" if sub is schema.get("items") else ""))


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_of_every_schema_says_what_it_is(name):
    """In its description or that of what it stands in; what the default has, in the comment above it there."""
    above = commented(ROOT / "config.yaml") if name == "config.schema" else set()
    found = list(keys(SCHEMAS[name], SCHEMAS[name]))
    assert found or name == "perplexity"
    assert [path for path, key, told in found if not (key.get("description") or told or path in above)] == []


def defaults(schema: dict, root: dict, value, place: str = ""):
    """(path, value, default) of everything in a value that has a default in its schema."""
    schema = resolve(schema, root)
    for branch in schema.get("anyOf", ()):
        yield from defaults(branch, root, value, place)
    if isinstance(value, dict):
        for key, below in value.items():
            sub = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if isinstance(sub, dict):
                sub = resolve(sub, root)
                if "default" in sub:
                    yield f"{place}.{key}".lstrip("."), below, sub["default"]
                yield from defaults(sub, root, below, f"{place}.{key}")
    elif isinstance(value, list) and "items" in schema:
        for number, below in enumerate(value):
            yield from defaults(schema["items"], root, below, f"{place}[{number}]")


def test_no_key_of_the_default_has_another_default_in_the_schema():
    """Entries under names of the user's choice have some, for what an overlay leaves out: there the value is another one."""
    schema = SCHEMAS["config.schema"]
    found = list(defaults(schema, schema, DEFAULT))
    assert [place for place, *_ in found if place.split(".")[0] not in NAMED] == []
    assert [place for place, value, default in found if value == default] == []
    # an overlay may leave out all of it, at any depth, but for what it names itself
    given = {path for path, key, _ in keys(schema, schema) if "default" in key}
    assert {path.split(".")[0] for path in given} == {*NAMED, "labels"}


def test_no_file_of_an_experiment_restates_a_default():
    files = sorted((ROOT / "config" / "experiments").glob("*.yaml"))
    assert len(files) > 10
    for path in files:
        own, whole = yaml.safe_load(path.read_text(encoding="utf-8")), SCHEMAS["experiment"]
        restated = [place for place, value, default in defaults(whole, whole, own) if value == default]
        entries = [("intervene", kind_of(path), own.get("intervene", {}))]
        measures = own.get("measure", {})
        entries += [("measure", *item) for item in measures.items()] if isinstance(measures, dict) else []
        for part, name, entry in entries:
            schema = experiment_files.of(f"{part}/{name}") if name else {}
            restated += [place for place, value, default in defaults(schema, schema, entry) if value == default]
        assert restated == [], path


def kind_of(path: Path) -> str:
    """Kind of an experiment's intervention, from its file or what that includes; none where nothing is changed."""
    own = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "kind" in own.get("intervene", {}):
        return own["intervene"]["kind"]
    return kind_of(path.parent / own["include"]) if "include" in own else ""


@pytest.mark.parametrize("path", [None, *OVERLAYS], ids=lambda path: path.stem if path else "default")
def test_the_config_that_a_run_writes_gives_the_same_run_again(monkeypatch, tmp_path, path):
    """Laid over the default, as ``--configfile results/run_config.yaml``."""
    monkeypatch.setenv("LANGATLAS_TEXT", str(tmp_path))
    overlay = {} if path is None else yaml.safe_load(path.read_text(encoding="utf-8"))
    found = checked(**overlay)
    (tmp_path / "run_config.yaml").write_text(yaml.safe_dump(found, allow_unicode=True), encoding="utf-8")
    written = yaml.safe_load((tmp_path / "run_config.yaml").read_text(encoding="utf-8"))
    assert checked(**written) == found
    assert settings.checked(found, SCHEMA) == found


@pytest.mark.parametrize(
    ("overlay", "complaint"),
    [
        *(({section: {}}, f"{section}: experiments are files now: move each entry to config/experiments/NAME.yaml")
          for section in ("generation", "steering", "translation", "questions", "pretraining")),
        ({"steering": {"between-languages": None}}, "name it in `run`; see docs/experiments.md"),
        ({"experiments": {"controls": None}}, "experiments.controls: null takes nothing away any more; leave the name out of"),
        ({"experiments": {"core-removal": {"regions": "core"}}},
         "experiments.core-removal.regions: it stands in experiments.core-removal.intervene now"),
        ({"experiments": {"neuron-silencing": {"silenced": ["ru"]}}},
         "experiments.neuron-silencing.silenced: it stands in experiments.neuron-silencing.intervene now, and is called of"),
        (intervening("neuron-silencing", kind="neurons"), "intervene.kind: 'neurons' is no kind of intervention (now ablation)"),
        ({"experiments": {"core-lines": {"kind": "lines"}}}, "experiments.core-lines.kind: it stands in"),
    ],
)  # fmt: skip
def test_the_former_layout_is_refused_with_the_new_place(overlay, complaint):
    assert complaint in problems_of(**overlay)


def test_contradictions_of_experiments_and_controls_are_named():
    message = problems_of(
        experiments={
            "core-lines": {"intervene": {"settings": {"s": {"attn.q": "ffn"}}, "ratio": 0.2}, "languages": ["xx"]},
            "recovery": {"intervene": {"samples": [5, 3]}},
            "forgetting": {"intervene": {"seeds": [7]}},
        },
        regions={"controls": {"ratio": 0.5}},
        importance={"variants": {"names": ["wanda"]}},
    )
    assert "experiments.core-lines.intervene.settings.s: attn.q has no axis 'ffn'" in message
    assert "experiments.core-lines.intervene.ratio: 0.2 is not in regions.core.ratios" in message
    assert "experiments.core-lines.languages: 'xx' is not in languages" in message
    assert "experiments.recovery.intervene.samples: [5, 3] must be ascending" in message
    assert "experiments.forgetting.intervene.seeds: 7 is not in regions.core.seeds (1, 2, 3)" in message
    assert "regions.controls.ratio: 0.5 is not in regions.core.ratios" in message
    assert "regions.controls.variants: 'magnitude' is not in importance.variants.names (wanda)" in message


def test_an_experiment_with_several_interventions_says_which_is_wrong():
    removals = [{"kind": "removal", "regions": [{"region": "core", "ratio": ratio}]} for ratio in (0.03, 0.2)]
    message = problems_of(experiments={"core-removal": {"intervene": [*removals, {"kind": "lines", "lines": [0]}]}})
    assert "key experiments.core-removal.intervene[2].settings is missing" in message
    assert "experiments.core-removal.intervene[2].lines[0]: 0 must be at least 1" in message
    silenced = {"kind": "ablation", "of": ["it"]}
    message = problems_of(experiments={"core-removal": {"intervene": [*removals, silenced]}})
    assert "experiments.core-removal.intervene[1].regions[0].ratio: 0.2 is not in regions.core.ratios" in message
    assert "experiments.core-removal.intervene[2].of: 'it' is not in neurons.languages" in message


def test_questions_that_nobody_could_ask_are_named():
    own = {"world": False, "files": "exams.jsonl", "answers": ["sentences"], "tasks": {"ru": ["mmlu"]}}
    message = problems_of(
        languages=[*DEFAULT["languages"], "de"],
        run=[*DEFAULT["run"], "own", "none"],
        experiments={
            "questions-after-removal": {
                "languages": None,
                "intervene": {"regions": [{"region": "core", "ratio": 0.2}]},
            },
            "own": {"measure": {"questions": own}, "languages": ["en", "xx"]},
            "none": {"measure": {"questions": {"world": False}}},
        },
    )
    place = "experiments.own.measure.questions"
    assert "experiments.questions-after-removal.measure.questions.world: the world is not told in 'de'" in message
    assert (
        "experiments.questions-after-removal.intervene.regions[0].ratio: 0.2 is not in regions.core.ratios" in message
    )
    assert "experiments.own.languages: 'xx' is not in languages" in message
    assert f"{place}.files: 'exams.jsonl' must hold {{language}}, or languages only one" in message
    assert f"{place}.answers: sentences and priors exist for the world's questions only" in message
    assert f"{place}.tasks: 'ru' is not among the languages of the experiment (en, xx)" in message
    assert "experiments.none.measure.questions: no questions; set world: true, files, or tasks" in message


def test_answers_and_keys_of_questions_are_checked():
    place = "experiments.questions-after-removal.measure.questions"
    message = problems_of(
        **measuring("questions-after-removal", "questions", answers=["words"], shots=-1, task={"en": ["mmlu"]})
    )
    assert f"{place}.answers[0]: 'words' must be one of letters, texts, sentences, priors" in message
    assert f"{place}.shots: -1 must be at least 0" in message
    assert f"unknown key {place}.task (did you mean tasks?)" in message


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"conditions": ["parallel-1"]}, "conditions: direct is missing"),
        ({"conditions": ["direct", "paralel-1"]}, "conditions: 'paralel-1' is no condition"),
        ({"conditions": ["direct", "parallel-7"]}, "conditions: parallel-7 needs 7 further languages, only 6"),
        ({"conditions": ["direct", "paraphrases-4"]}, "conditions: paraphrases-4: the world has 3 paraphrases"),
        ({"conditions": ["direct", "pivot-en"]}, "further: 'en' is the target"),
        ({"conditions": ["direct", "pivot-de"]}, "the world is not told in 'de'"),
        ({"further": ["zh"], "conditions": ["direct"]}, "further: 'zh' is the source"),
        ({"further": ["qq"], "conditions": ["direct"]}, "unknown language 'qq'"),
        ({"target": "qq"}, "unknown language 'qq'"),
        ({"target": "zh"}, "target: 'zh' is the source"),
        ({"shots": 3}, "unknown key experiments.to-english.measure.translation.shots"),
    ],
)
def test_mistakes_about_translation_are_named(changed, message):
    said = problems_of(**measuring("to-english", "translation", **changed))
    assert any(message in line and "experiments.to-english.measure.translation" in line for line in said.splitlines())


def test_a_source_that_is_the_target_or_no_language_of_the_run_is_named():
    said = problems_of(experiments={"to-english": {"languages": ["zh", "en"]}})
    assert (
        "experiments.to-english.measure.translation.target: 'en' is the source; name the experiment's languages" in said
    )
    assert "experiments.to-english.languages: 'qq' is not in" in problems_of(
        experiments={"to-english": {"languages": ["qq"]}}
    )


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
LABELS = "languages (ar, en, es, fa, it, ja, ko, pt, ru, uk, vi, zh)"
WRITING = "experiments.text-after-removal"


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
        (intervening("core-lines", region="core-layer"),
         "experiments.core-lines.intervene.region: 'core-layer' is no region; there are core, core-global, monolingual-ar"),
        (intervening("core-lines", region="monolingual-ar", ratio=0.03),
         "experiments.core-lines.intervene.ratio: 0.03 is not in regions.monolingual.ratios (0.05)"),
        (intervening("single-parameters", parameters=[{"layer": 7, "module": "norm.input"}]),
         "experiments.single-parameters.intervene.parameters[0].layer: mini has no layer 7, only 0 to 6"),
        (intervening("single-parameters", parameters=[{"layer": 1, "module": "norm.x"}]),
         "experiments.single-parameters.intervene.parameters[0].module: 'norm.x' is not in the modules of a model (attn.q"),
        (intervening("outlier-dimensions", dimensions=[3, 160]),
         "experiments.outlier-dimensions.intervene.dimensions: mini has 160 dimensions"),
        (intervening("outlier-dimensions", dimensions=161),
         "experiments.outlier-dimensions.intervene.dimensions: mini has 160 dimensions, 161 is too much"),
        (intervening("neuron-silencing", of=["it"]),
         "experiments.neuron-silencing.intervene.of: 'it' is not in neurons.languages (en, es, ja, ru, zh)"),
        ({"run": []}, "run: [] must hold at least 1 value(s)"),
        ({"regions": {"controls": {"variants": [], "single": [], "matched": []}}, "importance": {"variants": {"samples": 10}}},
         "experiments.controls.intervene.regions: no controls are chosen"),
        (measuring("text-after-removal", "generation", prompts={"xx": ["a"]}),
         f"{WRITING}.measure.generation.prompts: 'xx' is not in {LABELS}"),
        (intervening("text-after-removal", regions=REMOVED),
         f"{WRITING}.intervene.regions[0].ratio: 0.03 is not in regions.monolingual.ratios (0.05)"),
        (intervening("text-after-removal", regions=[{"region": "monolingual-xx", "ratio": 0.05}]),
         f"{WRITING}.intervene.regions[0].region: 'monolingual-xx' is no region"),
        (intervening("questions-after-removal", regions=[{"region": "monolingual-ar", "ratio": 0.05, "sides": ["bottom"]}]),
         "intervene.regions[0].sides: 'bottom' is not in regions.monolingual.sides (top, random)"),
        (intervening("recovery", language="xx"), f"experiments.recovery.intervene.language: 'xx' is not in {LABELS}"),
        (intervening("recovery", region="monolingual-ar"), "experiments.recovery.intervene.ratio: 0.03 is not in regions.mono"),
        (intervening("recovery", region="core-x"), "experiments.recovery.intervene.region: 'core-x' is no region"),
        (intervening("between-languages", pairs=[["en", "xx"]]),
         "experiments.between-languages.intervene.pairs: 'xx' is not in neurons.languages (en"),
        (measuring("between-languages", "generation", detectable=["xx"]), f"generation.detectable: 'xx' is not in {LABELS}"),
        (measuring("questions-after-removal", "questions", tasks={"xx": ["mmlu"]}), f"questions.tasks: 'xx' is not in {LABELS}"),
        ({"figures": {"density": {"languages": ["ar", "de"]}}},
         "figures.density.languages: 'de' is not in regions.monolingual.languages (ar"),
        ({"figures": {"density": {"ratio": 0.03}}},
         "figures.density.ratio: 0.03 is not in regions.core.ratios and regions.monolingual.ratios (0.05)"),
        ({"figures": {"density": {"modules": ["norm.input"]}}}, "figures.density.modules: 'norm.input' is not in the matrices"),
        ({"figures": {"density": {"language_module": "attn.x"}}}, "figures.density.language_module: 'attn.x' is not in the"),
        ({"models": ["tables"], "checkpoints": {"tables": DEFAULT["checkpoints"]["mini"]}},
         "models: 'tables' is a folder that every run has"),
        ({"experiments": {"text-after-removal": {"languages": []}}}, f"{WRITING}.languages: [] must hold at least 1"),
        ({"experiments": {"questions-after-removal": {"languages": ["ar", "ar"]}}}, "must not repeat a value"),
        ({"labels": {"law": {"name": "two\nlines"}}}, "labels.law.name: 'two\\nlines' must match"),
        ({"labels": {"law": {"name": "a line\n"}}}, "labels.law.name: 'a line\\n' must match"),
        ({"labels": {"law_": {"name": "Law"}}}, "labels: 'law_' must match"),
        # neurons
        ({"neurons": {"languages": ["en", "xx"]}}, "neurons.languages: 'xx' is not in languages"),
        ({"neurons": {"languages": ["en"]}}, "'en' alone has no neurons of its own"),
        *(({"neurons": {"languages": []}}, f"experiments.{name}.intervene: nobody's neurons are found; name neurons.languages, or")
          for name in ("neuron-silencing", "between-languages", "equal-removal")),
        ({"neurons": {"methods": ["precision"]}}, "experiments.neuron-silencing.intervene.methods: 'lape' is not in neurons.methods"),
        ({"neurons": {"methods": ["lape"]}}, "experiments.between-languages.intervene.method: 'precision' is not in"),
        (intervening("between-languages", pairs=[["en", "ko"]]), "between-languages.intervene.pairs: 'ko' is not in neurons.lang"),
        ({"neurons": {"counts": {"mini": {"files": "{language}.pt", "languages": ["en"]}}}}, "a model has this name"),
        ({"neurons": {"counts": {"m": {"files": "{language}.pt", "languages": ["xx"]}}}}, "neurons.counts.m.languages: unknown"),
        ({"regions": {"equal": {"languages": ["en", "ko"]}}}, "regions.equal.languages: 'ko' is not in neurons.languages"),
        ({"regions": {"equal": {"shares": [0.0]}}}, "regions.equal.shares[0]: 0.0 must be greater than 0"),
        ({"neurons": {"languages": ["es", "ja"]}, "regions": {"monolingual": {"languages": ["ar", "vi"]}, "against": ["ar"]}},
         "experiments.equal-removal.intervene: no language of neurons.languages (es, ja) has a region of its own"),
        # what only one kind or measure takes
        ({"experiments": {"recovery": {"measure": {"generation": {}}}}},
         "experiments.recovery: an experiment that trains has that intervention alone and measures perplexity as it goes"),
        ({"run": ["s"], "experiments": {"s": {"intervene": {"kind": "swap", "variants": ["recovery/full"]}, "measure": ["perplexity"]}}},
         "experiments.s.intervene.variants: 'recovery/full' is no arm that an experiment of `run` keeps (keep: true)"),
    ],
)  # fmt: skip
def test_what_one_key_names_must_exist_in_another(overlay, complaint):
    assert complaint in problems_of(**overlay)


def test_null_stands_for_all_languages_and_every_pair_in_both_directions():
    config = {"languages": ["en", "ru", "zh"], "neurons": {"languages": None}}
    every, one = {"pairs": None}, {"pairs": [["ru", "en"]]}
    assert interventions.counted_languages(config) == ["en", "ru", "zh"]
    assert sorted(interventions.steered_pairs(config, every)) == [
        ["en", "ru"], ["en", "zh"], ["ru", "en"], ["ru", "zh"], ["zh", "en"], ["zh", "ru"],
    ]  # fmt: skip
    assert interventions.steered_pairs(config, one) == [["ru", "en"]]
    few = config | {"neurons": {"languages": ["en", "zh"]}}
    assert interventions.steered_pairs(few, every) == [["en", "zh"], ["zh", "en"]]


def test_a_label_that_would_share_a_region_with_another_is_refused_and_other_words_are_not():
    def with_labels(*labels):
        own = {label: {"name": label} for label in labels}
        monolingual = {"languages": [*DEFAULT["languages"], *labels], "scopes": ["matrix", "global"]}
        return {"labels": own, "languages": [*DEFAULT["languages"], *labels], "regions": {"monolingual": monolingual}}

    assert "languages: two regions would be called monolingual-ru-global" in problems_of(**with_labels("ru-global"))
    allowed = with_labels("ru-romanized", "global", "layer", "core", "zh-Hant")
    allowed["experiments"] = {"questions-after-removal": {"languages": ["ru"]}}  # the world is not told in these
    assert checked(**allowed)["labels"]["zh-Hant"]["group"] == "other"


def test_a_ratio_of_one_is_one_name_however_it_is_written():
    kinds = {kind: {"ratios": [0.05, 0.03, 1]} for kind in ("core", "monolingual")}
    found = checked(
        regions=kinds,
        experiments={
            "core-lines": {"intervene": {"ratio": 1}},
            "text-after-removal": {"intervene": {"regions": [{"region": "core", "ratio": 1}]}},
        },
    )
    lines, removed = (found["experiments"][name]["intervene"][0] for name in ("core-lines", "text-after-removal"))
    texts = [*map(str, found["regions"]["core"]["ratios"]), str(lines["ratio"]), str(removed["regions"][0]["ratio"])]
    assert texts == ["0.05", "0.03", "1.0", "1.0", "1.0"]


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
    # Where the labels come from; labels whose text need not be among the tested; sets of equal size (experiment_problems).
    elsewhere = {"languages[]", "neurons.counts.*.languages[]", "regions.equal.languages[]"}
    found = label_keys(schema, schema)
    assert len(found) >= 10
    assert found - listed - elsewhere == set()


def test_every_key_of_an_experiment_that_may_name_something_is_checked():
    """Of all that takes free text: what names nothing, and what has checks of its own, is said here."""
    listed = {r.key.rpartition("intervene[].")[2] for r in references.REFERENCES if "intervene[]" in r.key}
    listed |= {r.key.rpartition("measure.")[2] for r in references.REFERENCES if "measure." in r.key}
    own = {"region", "regions[].region", "variants[]"}  # regions and variants (references, experiment_problems)
    own |= {
        "questions.files",
        "translation.files",
        "translation.target",
        "translation.further[]",
        "translation.conditions[]",
    }
    free = {"generation.prompts.*[]", "questions.tasks.*[]"}
    found = set()
    for part in ("intervene", "measure"):
        for name in experiment_files.entries(part):
            texts = text_keys(experiment_files.of(f"{part}/{name}"))
            found |= {f"{name}.{key}" if part == "measure" else key for key in texts}
    assert found - listed - own - free == set()
    assert len(found) > 10


def text_keys(schema: dict, place: str = "") -> set[str]:
    """Every key that takes any text, as references write it."""
    types = schema.get("type", ())
    if "string" in ([types] if isinstance(types, str) else types) and "enum" not in schema:
        return {place}
    found = set()
    for key, sub in schema.get("properties", {}).items():
        found |= text_keys(sub, f"{place}.{key}".lstrip("."))
    if isinstance(sub := schema.get("additionalProperties"), dict):
        found |= text_keys(sub, f"{place}.*")
    if "items" in schema:
        found |= text_keys(schema["items"], f"{place}[]")
    for branch in schema.get("anyOf", ()):
        found |= text_keys(branch, place)
    return found
