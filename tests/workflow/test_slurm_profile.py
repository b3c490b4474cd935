"""`snakemake --profile slurm`: what each job asks of the cluster, without a cluster.

A dry run gives the resources of every job of the default configuration. Stand-ins for SLURM's commands (an `sbatch`
that writes down how it was called and refuses) show what is really sent.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
import yte
from snakemake_executor_plugin_slurm.partitions import read_partition_file

from langatlas.plan.costs import COSTS
from langatlas.workflow.measures import MEASURES

ROOT = Path(__file__).parents[2]
PROFILE = ROOT / "slurm" / "profile.yaml"
STAND_INS = {
    "sbatch": 'printf "%s\\n" "$*" >> "$SBATCH_CALLS"; echo "this is a stand-in" >&2; exit 1',
    "squeue": "exit 0",
    "sinfo": 'printf "PARTITION\\ncpu*\\ngpu\\n"',
    "scontrol": 'echo "MinJobAge = 300 sec"',
    "sacct": 'echo "accounting storage is disabled" >&2; exit 1',
}


@dataclass
class Job:
    """What a dry run says of one job; the attributes are those that the SLURM plugin reads."""

    name: str
    threads: int = 1
    resources: dict = field(default_factory=dict)
    log: str = ""
    local: bool = False

    def at_attempt(self, attempt: int) -> SimpleNamespace:
        grown = {key: self.resources[key] * attempt for key in ("mem_mb", "runtime")}
        return SimpleNamespace(name=self.name, threads=self.threads, resources={**self.resources, **grown})


def snakemake(*arguments, cwd=ROOT, **environment):
    command = [sys.executable, "-m", "snakemake", *map(str, arguments)]
    settings = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=settings, capture_output=True, text=True, timeout=120)


def read_dry_run(text: str) -> list[Job]:
    jobs = []
    for line in text.splitlines():
        if started := re.match(r"(local)?rule (\w+):$", line):
            jobs.append(Job(started[2], local=bool(started[1])))
        elif found := re.match(r"\s+log: (.*)", line):
            jobs[-1].log = found[1]
        elif found := re.match(r"\s+threads: (\d+)", line):
            jobs[-1].threads = int(found[1])
        elif found := re.match(r"\s+resources: (.*)", line):
            pairs = re.findall(r"(\w+)=(\d+)(?=,|$)", found[1])
            jobs[-1].resources = {key: int(value) for key, value in pairs}
    return jobs


@pytest.fixture(scope="module")
def profile() -> dict:
    return yte.process_yaml(PROFILE.read_text(encoding="utf-8"), require_use_yte=True)


@pytest.fixture(scope="module")
def jobs() -> list[Job]:
    """Every job that would be submitted for the default configuration, nothing being there yet."""
    run = snakemake("--profile", "slurm", "--dry-run", "--forceall", "--config", "results=results-nothing-here")
    assert run.returncode == 0, run.stderr
    found = [job for job in read_dry_run(run.stdout) if job.log]  # a target (`all`, `tables`) runs nothing and has none
    assert len(found) > 50, run.stdout[-2000:]
    return found


@pytest.fixture
def cluster(tmp_path) -> dict:
    """PATH with stand-ins for SLURM's commands, and the file in which sbatch writes down its calls."""
    for name, body in STAND_INS.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "SBATCH_CALLS": str(tmp_path / "calls.txt")}


def submit(target: str, cluster: dict, folder: Path, present: list[str], profile: Path = PROFILE.parent) -> str:
    """The sbatch call for one target, all files in ``present`` being there already, each newer than those before it."""
    folder.mkdir()
    for name in present:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    run = snakemake(
        *("--snakefile", ROOT / "Snakefile", "--configfile", ROOT / "config.yaml", "--directory", folder),
        *("--profile", profile, "--retries", 0, "--slurm-init-seconds-before-status-checks", 1, "--", target),
        cwd=folder,
        **cluster,
    )
    calls = Path(cluster["SBATCH_CALLS"])
    assert calls.exists(), run.stderr
    (call,) = calls.read_text(encoding="utf-8").split("--wrap=")[:1]
    return call


def test_every_rule_of_the_profile_exists_in_the_workflow(profile):
    listed = snakemake("--list-rules")
    assert listed.returncode == 0, listed.stderr
    assert set(profile["set-resources"]) <= set(listed.stdout.split())


def test_every_rule_that_is_no_table_or_figure_is_in_the_profile(profile, jobs):
    light = re.compile(r"(tabulate|plot|write)_")
    heavy = {job.name for job in jobs if not light.match(job.name)}
    assert heavy == set(profile["set-resources"]) - {"further_pretrain_and_keep"}  # the default keeps no weights


def test_a_measure_needs_what_all_do_unless_its_rule_is_named(profile, tmp_path):
    """So that a new one is in the profile without a line of its own."""
    text, all_of_them = PROFILE.read_text(encoding="utf-8"), profile["set-resources"]["measure_perplexity"]
    assert all(profile["set-resources"][f"measure_{name}"] == all_of_them for name in MEASURES)
    named = text.replace("  heavy:\n", "  heavy:\n    measure_questions: {mem_mb: 5, runtime: 6}\n")
    needs = yte.process_yaml(named, require_use_yte=True)["set-resources"]
    assert needs["measure_questions"] == {"mem_mb": "attempt * 5", "runtime": "attempt * 6"}
    assert needs["measure_perplexity"] == all_of_them


def test_gpus_are_asked_for_by_the_rules_that_run_a_model_and_by_no_other(jobs):
    """As the plan knows them: its costs are those of devices."""
    run = {job.name for job in jobs}
    assert {job.name for job in jobs if job.resources.get("gpu")} == set(COSTS) & run
    assert set(COSTS) - run == {"further_pretrain_and_keep"}


def test_a_retried_job_asks_for_more_memory_and_time(profile):
    for need in [profile["default-resources"], *profile["set-resources"].values()]:
        assert need["mem_mb"].startswith("attempt * ")
        assert need["runtime"].startswith("attempt * ")
    assert profile["retries"] == 2


def test_a_rule_that_the_profile_does_not_name_sets_no_memory_and_time_of_its_own(profile, jobs):
    """They would hide the profile's defaults, and a retried job would get no more than it had."""
    unnamed = [job for job in jobs if job.name not in profile["set-resources"] and not job.local]
    assert unnamed
    for job in unnamed:
        assert (job.resources["mem_mb"], job.resources["runtime"]) == (4000, 30), job.name


def test_code_is_no_rerun_trigger_and_both_profiles_agree(profile):
    default = yaml.safe_load((ROOT / "profiles" / "default" / "profile.yaml").read_text(encoding="utf-8"))
    assert default.keys() == {"rerun-triggers", "rerun-incomplete"}
    assert default == {key: profile[key] for key in default}, "a key that differs would override --profile slurm"
    assert "code" not in profile["rerun-triggers"]


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_every_job_fits_a_partition_at_every_attempt(jobs, attempt):
    partitions = read_partition_file(ROOT / "slurm" / "partitions.yaml")
    for job in {job.name: job for job in jobs}.values():
        scores = {partition.name: partition.score_job_fit(job.at_attempt(attempt)) for partition in partitions}
        fitting = {name: score for name, score in scores.items() if score is not None}
        expected = "gpu" if job.name in COSTS else "cpu"
        assert max(fitting, key=fitting.get, default=None) == expected, (job.name, attempt, scores)


def test_a_cpu_job_is_sent_with_its_memory_time_and_partition(cluster, tmp_path):
    call = submit("results/corpora/world/en/stats.json", cluster, tmp_path / "run", present=[])
    assert re.search(r"-p cpu\b", call)
    assert re.search(r"--mem 8000\b", call)
    assert re.search(r"-t 240\b", call)
    assert "--gpus" not in call


def test_a_gpu_job_is_sent_with_a_gpu_its_memory_time_and_partition(cluster, tmp_path):
    present = ["results/mini/tokens/ru/locate/00000.arrow", "results/models/mini/model.json"]
    target = "results/mini/importance/ru/shards/00000.json"
    call = submit(target, cluster, tmp_path / "run", present)
    assert re.search(r"--gpus=1\b", call)
    assert re.search(r"-p gpu\b", call)
    assert re.search(r"--mem 64000\b", call)
    assert re.search(r"-t 480\b", call)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("gpus_per_node: 4", ["--gpus=4", "--mem 64000", "--cpus-per-task=4"]),
        ("gpus_per_node: 4, nodes: 2", ["--gpus=8", "--nodes=2", "--ntasks-per-node=4", "--cpus-per-task=1"]),
    ],
)
def test_a_spread_model_gets_the_gpus_and_nodes_of_the_profile(cluster, tmp_path, asked, sent):
    shutil.copytree(ROOT / "slurm", tmp_path / "slurm")
    path = tmp_path / "slurm" / "profile.yaml"
    text, rule = path.read_text(encoding="utf-8"), "accumulate_gradients: {mem_mb: 64000, runtime: 480"
    assert rule in text
    path.write_text(text.replace(rule, f"{rule}, {asked}"), encoding="utf-8")
    present = ["results/mini/tokens/ru/locate/00000.arrow", "results/models/mini/model.json"]
    target = "results/mini/importance/ru/shards/00000.json"
    call = submit(target, cluster, tmp_path / "run", present, tmp_path / "slurm")
    assert [option for option in sent if f"{option} " not in f"{call} "] == []
    assert ("--nodes" in call) == ("nodes" in asked.partition(",")[2])
