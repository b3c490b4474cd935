"""What regions are called, and that a name is looked up: labels may hold hyphens and words that also stand in names."""

from copy import deepcopy

import pandas as pd
import pytest

from langatlas import region_names
from langatlas.present.figures import canvas

CONFIG = {
    "importance": {"samples": [8, 20], "variants": {"samples": 8}},
    "regions": {
        "core": {"languages": ["ru"], "scopes": ["matrix", "global"]},
        "monolingual": {"languages": ["ru", "ru-romanized", "global", "core"], "scopes": ["global", "matrix"]},
        "controls": {"variants": ["wanda"], "single": ["ru-romanized", "few"], "matched": [1]},
    },
}


def test_every_name_stands_for_its_kind_language_and_scope_whatever_the_labels_are_called():
    named = {name: (found.kind, found.language, found.scope) for name, found in region_names.catalogue(CONFIG).items()}
    expected = {"core": ("core", "", "matrix"), "core-global": ("core", "", "global")}
    for kind in ("language", "monolingual"):
        expected |= {
            f"{kind}-ru": (kind, "ru", "matrix"),
            f"{kind}-ru-global": (kind, "ru", "global"),
            f"{kind}-ru-romanized": (kind, "ru-romanized", "matrix"),
            f"{kind}-ru-romanized-global": (kind, "ru-romanized", "global"),
            f"{kind}-global": (kind, "global", "matrix"),
            f"{kind}-global-global": (kind, "global", "global"),
            f"{kind}-core": (kind, "core", "matrix"),
            f"{kind}-core-global": (kind, "core", "global"),
        }
    for kind in ("shared", "union"):
        expected |= {kind: (kind, "", "matrix"), f"{kind}-global": (kind, "", "global")}
    expected |= {
        "core-few": ("control", "", "matrix"),
        "core-wanda": ("control", "", "matrix"),
        "core-matched": ("control", "", "matrix"),
        "core-only_ru-romanized": ("control", "ru-romanized", "matrix"),
        "core-only_few": ("control", "few", "matrix"),
    }
    assert named == expected
    assert region_names.ambiguous(CONFIG) == []


def test_two_regions_of_one_name_are_told():
    config = deepcopy(CONFIG)
    config["regions"]["monolingual"]["languages"] = ["ru", "ru-global"]
    assert region_names.ambiguous(config) == ["language-ru-global", "monolingual-ru-global"]
    config["regions"]["monolingual"]["scopes"] = ["matrix"]
    assert region_names.ambiguous(config) == []


@pytest.mark.parametrize("label", ["ru", "ru-romanized", "global", "l", "monolingual", "e", "layer-global"])
@pytest.mark.parametrize("scope", ["matrix", "layer", "global"])
def test_the_kind_of_a_region_is_its_name_without_its_language(label, scope):
    name = region_names.name_of("monolingual", label, scope)
    table = pd.DataFrame({"region": [name, "core-global"], "region_language": [label, None]})
    assert canvas.region_kind(table).tolist() == [region_names.name_of("monolingual", scope=scope), "core-global"]


def test_an_imported_region_says_whose_it_is():
    found = {name: region_names.imported(name).language for name in ("core", "monolingual-ru", "language-zh-Hant")}
    assert found == {"core": "", "monolingual-ru": "ru", "language-zh-Hant": "zh-Hant"}
    for name in ("core-global", "ru", "monolingual-", "shared-ru"):
        with pytest.raises(ValueError, match=rf"region '{name}': must be core, monolingual-LANGUAGE"):
            region_names.imported(name)
