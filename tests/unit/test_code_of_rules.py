"""The hash of a job covers the modules that it loads by name, and none of a kind or measure that it has not."""

import pytest

from langatlas.provenance import imported_modules
from langatlas.workflow import experiments
from langatlas.workflow.interventions import KINDS, MECHANISMS
from langatlas.workflow.measures import MEASURES
from langatlas.workflow.paths import ROOT

SCRIPTS = ROOT / "workflow_scripts"
REGISTRIES = {f"langatlas.workflow.{name}" for name in ("interventions", "measures")}


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measuring_job_depends_on_its_measure_and_its_changes_and_on_no_other(measure):
    config = {"experiments": {"e": {"intervene": [{"kind": "removal"}], "measure": {measure: {}}}}}
    found = imported_modules(SCRIPTS / "measure.py", MEASURES[measure].module, *experiments.changers(config, "e"))
    assert {MEASURES[measure].module, "langatlas.intervene.removal", "langatlas.intervene.sweep"} <= found
    others = {entry.module for name, entry in MEASURES.items() if name != measure}
    others |= {name.split(":")[0] for kind, name in MECHANISMS.items() if kind != "removal"}
    assert found & others == set()
    assert found & REGISTRIES == set(), "a new entry, or what the plan assumes, would rerun every job"


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.choose])
def test_a_choosing_job_depends_on_its_kind(kind):
    config = {"experiments": {"e": {"intervene": [{"kind": kind}], "measure": {}}}}
    found = imported_modules(SCRIPTS / "intervene.py", *experiments.choosers(config, "e"))
    assert KINDS[kind].choose.split(":")[0] in found
    assert found & REGISTRIES == set()
