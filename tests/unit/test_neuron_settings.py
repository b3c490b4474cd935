"""Config keys about neurons: what null stands for, and mistakes that are named."""

from pathlib import Path

import pytest
import yaml

from langatlas.workflow import settings
from langatlas.workflow.interventions import counted_languages, steered_pairs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"neurons": {"languages": []}, "experiments": {"neuron-silencing": None}, "steering": {"between-languages": None}},
            "take the entry away with experiments.equal-removal: null",
        ),
        ({"regions": {"equal": {"languages": ["en", "ko"]}}}, "regions.equal.languages: 'ko' is not in neurons.languages"),
        ({"regions": {"equal": {"shares": [0.0]}}}, "regions.equal.shares"),
    ],
)  # fmt: skip
def test_mistakes_about_sets_of_equal_size_are_named(change, complaint):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    for section, values in change.items():
        config[section] |= values
    with pytest.raises(ValueError, match=complaint):
        settings.checked(config, ROOT / "schemas" / "config.schema.yaml")


def test_null_stands_for_all_languages_and_every_pair_in_both_directions():
    config = {"languages": ["en", "ru", "zh"], "neurons": {"languages": None}}
    assert counted_languages(config) == ["en", "ru", "zh"]
    assert sorted(steered_pairs(config, {"pairs": None})) == [
        ["en", "ru"], ["en", "zh"], ["ru", "en"], ["ru", "zh"], ["zh", "en"], ["zh", "ru"],
    ]  # fmt: skip
    assert steered_pairs(config, {"pairs": [["ru", "en"]]}) == [["ru", "en"]]
    fewer = config | {"neurons": {"languages": ["en", "zh"]}}
    assert steered_pairs(fewer, {"pairs": None}) == [["en", "zh"], ["zh", "en"]]
