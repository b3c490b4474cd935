"""Verdicts of the page about what survives the controls: each follows from numbers by hand."""

import re

import numpy as np
import pandas as pd

from langatlas.present.tables import survival
from small_tables import survival_tables


def verdicts(**changes):
    table = survival.build(**survival_tables(**changes))
    assert len(table) == len(survival.CLAIMS)
    return table.set_index("claim")["verdict"]


def test_every_verdict_follows_from_the_numbers_and_what_was_not_measured_cannot_be_told():
    found = verdicts()
    assert found["The core is more than large weights"] == survival.SURVIVES
    assert found["A region is a property of its language"] == survival.SURVIVES
    assert found["The core needs many languages"] == survival.SURVIVES
    assert found["The score beats Fisher information"] == survival.UNKNOWN
    assert found["The region is concentrated in lines"] == survival.SURVIVES
    assert verdicts(other=3.5)["The core is more than large weights"] == survival.FAILS
    assert verdicts(own=1.05)["Each language has a region of its own"] == survival.FAILS
    assert verdicts(halves=0.25)["A region is a property of its language"] == survival.FAILS
    assert verdicts(single=2.9)["The core needs many languages"] == survival.FAILS
    assert verdicts(core=1.01)["A small core region carries all languages"] == survival.FAILS


def test_the_page_says_numbers_and_criteria():
    (heading, part), *_ = survival.wide(survival.build(**survival_tables())).items()
    assert "of 13 claims" in heading.lower()
    assert re.search(r"\d (survive|do not survive)\b", heading)
    assert not re.search(r"\b([2-9]|\d\d) (survives|does)\b", heading)
    sentence = part.set_index("Claim").loc["The core is more than large weights", "What was found"]
    assert "3.00" in sentence
    assert "1.50" in sentence
    assert "significantly more in 3 of 3 languages" in sentence
    assert "significantly less in 0" in sentence


def test_a_difference_that_may_be_chance_does_not_survive():
    assert verdicts(p=0.2)["The core is more than large weights"] == survival.FAILS


def test_a_core_from_more_text_may_lose_but_not_win():
    claim = "The core is more than large weights"
    for other, verdict in ((1.5, survival.UNKNOWN), (3.5, survival.FAILS)):
        changed = survival_tables(other=other)
        rows = changed["controls"]
        rows.loc[rows["region"] == "core", "samples"] = 100
        assert survival.build(**changed).set_index("claim").loc[claim, "verdict"] == verdict


def test_nothing_to_compare_cannot_be_told_and_never_survives():
    claims = {
        "controls": "The core is more than large weights",
        "effect_matrix": "Each language has a region of its own",
    }
    for name, claim in claims.items():
        changed = survival_tables()
        rows = changed[name]
        if name == "controls":
            rows.loc[rows["region"] == "core-matched", ["ratio_to_base", "ratio_to_reference"]] = np.nan
        else:
            changed[name] = rows[rows["region_language"] != rows["language"]]
        assert survival.build(**changed).set_index("claim").loc[claim, "verdict"] == survival.UNKNOWN


def test_the_last_milestone_is_judged_where_there_are_two():
    changed = survival_tables()
    last = changed["core_removal"]
    early = last.assign(samples=3, ratio_to_base=1.0)
    changed["core_removal"] = pd.concat([early, last])
    claim = "A small core region carries all languages"
    assert survival.build(**changed).set_index("claim").loc[claim, "verdict"] == survival.SURVIVES
    changed["core_removal"] = pd.concat([last.assign(samples=3), early.assign(samples=9)])
    assert survival.build(**changed).set_index("claim").loc[claim, "verdict"] == survival.FAILS
