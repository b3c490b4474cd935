"""`make plan` sees the jobs that Snakemake would run, and temporary partial sums cause no work beyond what is missing."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from langatlas.models.precision import SWITCH
from langatlas.plan.costs import COSTS
from langatlas.plan.document import BLOCK
from langatlas.plan.tables import STAGE_OF

ROOT = Path(__file__).parents[2]
EVERY_RULE = ROOT / "config" / "every-rule.yaml"
# Prints the jobs that the plan is made of.
JOBS = """
import json, sys
sys.path.insert(0, "workflow_scripts")
from plan import planned
run = planned(sys.argv[2:], {"results": sys.argv[1]})
print(json.dumps([[j.rule, j.wildcards, j.inputs, j.outputs, sorted(j.temporary), j.todo] for j in run.jobs]))
"""
# Prints the rules that ask for a GPU, whether or not a job of theirs is wanted.
ASKING = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings import types
with SnakemakeApi(types.OutputSettings(quiet={types.Quietness.ALL})) as api:
    made = api.workflow(resource_settings=types.ResourceSettings(cores=1), snakefile=Path(sys.argv[1]))
    made.dag(types.DAGSettings())
    print(json.dumps(sorted(rule.name for rule in made._workflow.rules if "gpu" in rule.resources)))
"""


def python(*arguments) -> str:
    environment = os.environ | {"PYTHONPATH": "", SWITCH: ""}  # the plans of the document are of no machine
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def jobs(results: Path, *configs: Path) -> list:
    return json.loads(python("-c", JOBS, results, EVERY_RULE, *configs))


def dry_run(results: Path, *targets: str, overlays: tuple = ()) -> dict[str, int]:
    """Rules that Snakemake would run for these targets, with their number of jobs; the targets themselves left out."""
    text = python(
        "-m", "snakemake", "-n", *targets, "--configfile", EVERY_RULE, *overlays, "--config", f"results={results}"
    )
    table = re.search(r"\njob +count\n-+ +-+\n(.*?)\ntotal", text, re.DOTALL)
    counts = [line.split() for line in table.group(1).splitlines()] if table else []
    return {rule: int(count) for rule, count in counts if rule not in targets}


@pytest.fixture
def finished(tmp_path) -> Path:
    """Results as a complete run leaves them, every file empty, partial sums gone."""
    results, made = tmp_path / "results", set()
    waiting, now = jobs(results), time.time()  # later than the project's own files
    outputs = {path for job in waiting for path in job[3]}
    while waiting:
        ready = [job for job in waiting if {path for path in job[2] if path in outputs} <= made]
        now += 1
        for _, _, _, paths, temporary, _ in ready:
            made.update(paths)
            for path in map(Path, set(paths) - set(temporary)):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.mkdir() if path.name == "after-removal" else path.touch()
                os.utime(path, (now, now))
        waiting = [job for job in waiting if not set(job[3]) <= made]
        waiting = [job for job in waiting if job[3]]
    return results


def test_the_plan_counts_the_jobs_of_a_dry_run(tmp_path):
    found = [rule for rule, *_ in jobs(tmp_path)]
    assert {rule: found.count(rule) for rule in set(found)} == dry_run(tmp_path)


def test_every_rule_that_asks_for_a_gpu_has_a_cost_and_every_cost_a_rule():
    assert json.loads(python("-c", ASKING, ROOT / "Snakefile")) == sorted(COSTS)


def test_every_rule_of_a_stage_is_there():
    assert set(STAGE_OF) - set(python("-m", "snakemake", "--list-rules").split()) == set()


@pytest.mark.slow
def test_partial_sums_that_are_gone_cause_no_work_and_those_that_are_there_save_it(finished):
    assert not [job for job in jobs(finished) if job[5]]
    # Killed when one of two shards of Ukrainian was done: the other one is computed, and the two are added.
    importance = finished / "smoke" / "importance" / "uk"
    for samples in (8, 20):
        (importance / f"{samples}.safetensors").unlink()
        partial = importance / "shards" / f"{samples}-00000.safetensors"
        partial.touch()
        written = (importance / "shards" / "00000.json").stat().st_mtime
        os.utime(partial, (written, written))
    (importance / "shards" / "00001.json").unlink()
    assert dry_run(finished, "importance") == {"accumulate_gradients": 1, "combine_importance": 1}
    # Both shards done: they are only added.
    for samples in (8, 20):
        (importance / "shards" / f"{samples}-00001.safetensors").touch()
    (importance / "shards" / "00001.json").touch()
    assert dry_run(finished, "importance") == {"combine_importance": 1}


@pytest.mark.slow
def test_another_language_computes_its_own_importance_and_nobody_else_s(finished, tmp_path):
    overlay = tmp_path / "wider.yaml"
    own = {"languages": ["en", "ru", "uk", "es"], "regions": {"monolingual": {"languages": ["en", "ru", "uk", "es"]}}}
    overlay.write_text(json.dumps(own), encoding="utf-8")
    target = f"{finished}/smoke/regions/monolingual-es/20/top-0.05.safetensors"
    assert dry_run(finished, target, overlays=(overlay,)) == {
        "build_corpus": 1,
        "tokenize_locate": 1,
        "accumulate_gradients": 2,
        "combine_importance": 1,
        "select_language_region": 1,
        "select_monolingual_region": 1,
    }


@pytest.mark.slow
def test_the_plans_of_the_document_are_those_of_today(tmp_path):
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    copy = tmp_path / "scale.md"
    copy.write_text(BLOCK.sub(r"\1\4", text), encoding="utf-8")
    assert copy.read_text(encoding="utf-8") != text
    python("workflow_scripts/plan.py", "--write", copy)
    assert copy.read_text(encoding="utf-8") == text, "make scale writes them: after a change, and after make bench"
