"""What YAML 1.1 reads otherwise than it looks is named with the way to write it, and written that way it is right."""

import json
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

import configs
from configs import DEFAULT, ROOT, SCHEMA
from langatlas.workflow import settings
from langatlas.workflow.yaml_traps import as_number, written_problems


def problems_of(overlay: str, *files) -> str:
    """What is said of the default with YAML laid over it."""
    return configs.problems_of(*files, **yaml.safe_load(overlay))


def numbers(value, place=()):
    """Places of all numbers of a config, at any depth."""
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(below, (*place, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, value


def test_every_number_of_the_default_that_is_written_as_text_is_named_with_the_way_to_write_it():
    config = settings.checked(DEFAULT, SCHEMA)
    found = list(numbers(config))
    assert len(found) > 100
    said = []
    # experiments have schemas of their own, which are asked when the config's has nothing to say
    for part in (True, False):
        changed = deepcopy(config)
        for place, value in found:
            if (place[0] == "experiments") == part:
                holder = changed
                for key in place[:-1]:
                    holder = holder[key]
                holder[place[-1]] = "1e-2" if isinstance(value, float) else "1e3"
        with pytest.raises(ValueError, match="the config cannot be used") as error:
            settings.checked(changed, SCHEMA)
        said += str(error.value).splitlines()
    for place, value in found:
        place = tuple(
            part for n, part in enumerate(place) if n == 0 or (place[0], place[n - 1]) != ("experiments", "intervene")
        )
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
        text, written = ("1e-2", "1.0e-2") if isinstance(value, float) else ("1e3", "1000")
        lines = [line for line in said if line.startswith(f"  - {key}: '{text}' must be ")]
        assert lines, key
        # a shape in ints may be a number with a point too: then the other spelling is told
        assert lines[0].endswith((f"write {written}", "write 1.0e+3")), lines[0]


@pytest.mark.parametrize("text", ["1e-2", "1E-2", "1.0e3", "2.5e3", "1e3", ".5e3", "-1e-5", "1_0e-2", "1.e5", "+5"])
def test_a_number_is_spelt_so_that_yaml_reads_its_value(text):
    assert isinstance(yaml.safe_load(text), str) or text == "+5", "a trap"
    found = yaml.safe_load(as_number(text))
    assert found == float(text)
    assert not isinstance(found, str)


@pytest.mark.parametrize("text", ["", "ten", "nan", "inf", "1e999", "1/100", "5 %", "0x10"])
def test_what_is_no_number_is_not_spelt_as_one(text):
    assert as_number(text) is None
    assert as_number("1e-2", whole=True) is None


TRAPS = {
    "learning rate": ("checkpoints: {mini: {training: {learning_rate: 3e-3}}}", "'3e-3' must be of type number", "write 3.0e-3"),
    "one of two types": ("experiments: {core-lines: {intervene: {ratio: 3e-2}}}", "'3e-2' must be of type number or null", "write 3.0e-2"),
    "a whole number": ("importance: {checkpoint_minutes: 1e1}", "'1e1' must be of type integer or null", "write 10"),
    "whole with a point": ("importance: {samples: [50, 1.0e+3]}", "samples[1]: 1000.0 must be of type integer", "write 1000"),
    "quoted": ("perplexity: {batch_size: '8'}", "'8' must be of type integer", "write 8"),
    "underscores in quotes": ("perplexity: {batch_size: '1_000'}", "'1_000' must be of type integer", "write 1000"),
    "a comma": ("figures: {density: {ratio: '0,05'}}", "'0,05' must be of type number", "digits with a point, as 0.05"),
    "a percentage": ("figures: {density: {ratio: 5%}}", "'5%' must be of type number", "digits with a point, as 0.05"),
    "nan": ("checkpoints: {mini: {training: {learning_rate: .nan}}}", "nan must be of type number", "it must be finite"),
    "infinity": ("checkpoints: {mini: {training: {weight_decay: .inf}}}", "inf must be of type number", "it must be finite"),
    "Norwegian": ("languages: [en, no]", "languages[1]: False must be of type string", 'off): write it in quotes, as "no"'),
    "Norwegian's text": ("experiments: {a: {measure: {generation: {prompts: {no: [Hei]}}}}}", "prompts: the key False is no text", 'as "no"'),
    "a label on": ("labels: {on: {name: On}}", "labels: the key True is no text", "(also yes and on): write it in quotes"),
    "a label that is a number": ("labels: {2024: {name: Year}}", "labels: the key 2024 is no text", "write it in quotes"),
    "a label used that is a number": ("languages: [2024]", "2024 must be of type string", "it must match ^[A-Za-z]"),
    "a model's name": ("models: [1.10]", "models[0]: 1.1 must be of type string", "reads this as a number: write it in quotes"),
    "an experiment's name": ("experiments: {2024-01-01: {measure: [perplexity]}}", "the key 2024-01-01 is no text", "as a date"),
    "a commit of digits": ("checkpoints: {mini: {revision: 1234567}}", "1234567 must be of type string or null", "in quotes"),
    "a date": ("checkpoints: {mini: {revision: 2024-01-01}}", "2024-01-01 must be of type string or null", "as a date"),
    "null in quotes": ("tokens: {max_sequences: {test: 'null'}}", "'null' must be of type integer or null", "write null,"),
    "None": ("experiments: {core-removal: {intervene: {samples: None}}}", "'None' must be of type array or null", "write null,"),
    "null among words": ("checkpoints: {mini: {training: 'null'}}", "'null' must be of type object or null", "write null,"),
    "a measure's number": ("experiments: {text-after-removal: {measure: {generation: {count: 1e1}}}}", "count: '1e1'", "write 10"),
    "null as text": ("results: null", "results: null must be of type string", "write one, or leave the key out"),
    "nothing": ("tokens:", "tokens: null must be of type object", "write one, or leave the key out"),
    "true in quotes": ("checkpoints: {mini: {offload: 'no'}}", "'no' must be of type boolean", "write false, without quotes"),
    "off among words": ("importance: {reduction: off}", "False must be one of corrected, published", "write it in quotes"),
    "no list": ("languages: en", "languages: 'en' must be of type array", "write a list: [en]"),
    "no list of numbers": ("importance: {samples: 200}", "200 must be of type array", "write a list: [200]"),
}  # fmt: skip


@pytest.mark.parametrize(("overlay", "problem", "remedy"), TRAPS.values(), ids=TRAPS)
def test_a_trap_of_yaml_is_named_with_the_way_to_write_it(overlay, problem, remedy):
    (line,) = [line for line in problems_of(overlay).splitlines() if problem in line]
    assert remedy in line


def test_norwegian_in_quotes_is_a_language_and_underscores_in_numbers_are_read():
    said = problems_of('{languages: ["no", en], run: [core-removal]}')
    assert "'no'" not in said.replace("(no, en)", ""), "only those that use the languages left out are named"
    assert yaml.safe_load("1_000") == 1000
    overlay = {"languages": [*DEFAULT["languages"], "no"], "run": ["core-removal"]}
    assert (
        configs.checked(**overlay, **yaml.safe_load("statistics: {resamples: 1_000}"))["statistics"]["resamples"]
        == 1000
    )


WRITTEN = {
    "minutes and seconds": ("a: {samples: 12:30}", 'x.yaml:1: samples: YAML reads 12:30 as 750; write 750, or "12:30" in quotes'),
    "with a fraction": ("a:\n  rate: 1:30.5", 'x.yaml:2: rate: YAML reads 1:30.5 as 90.5; write 90.5, or "1:30.5" in quotes'),
    "octal": ("a:\n- 8\n- 010", 'x.yaml:3: a: YAML reads 010 as 8; write 8, or "010" in quotes'),
    "a comma between digits": ("ratios: [0,05]", 'x.yaml:1: ratios: YAML reads 05 as 5; write 5, or "05" in quotes'),
    "a key twice": ("a: 1\nb: 2\na: 3", "x.yaml:3: the key a stands in line 1 already; write it once"),
    "a key twice, in JSON": ('{"a": 1,\n "a": 2}', "x.yaml:2: the key a stands in line 1 already; write it once"),
    "Norwegian among values": ("keep: {column: l, equals: no}", 'equals: YAML reads no as a truth value; write "no" in quotes'),
    "a number among values": ("keep: {column: p, equals: 1e-2}", 'equals: YAML reads 1e-2 as text; write 1.0e-2, or "1e-2"'),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message"), WRITTEN.values(), ids=WRITTEN)
def test_what_would_pass_as_another_value_is_found_in_the_file(tmp_path, monkeypatch, content, message):
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(content, encoding="utf-8")
    (found,) = written_problems("x.yaml")
    assert message in found
    assert message in problems_of("{}", "x.yaml")


def test_what_is_written_plainly_passes(tmp_path):
    path = tmp_path / "x.yaml"
    fine = {"a": [0, 0.5, -1, 1000, True, None, "12:30", "010"], "equals": "no", "b": {"a": 1}}
    for text in (yaml.safe_dump(fine), json.dumps(fine), "a: 0\nb: 0.05\nc: 1_000\nd: -0\ne: 1.0e-2\nequals: true", ""):
        path.write_text(text, encoding="utf-8")
        assert list(written_problems(path)) == []
    for config in [ROOT / "config.yaml", *(ROOT / "config").rglob("*.yaml")]:
        assert list(written_problems(config)) == []
