"""The workflow on a real SLURM: one node, two pretended GPUs, the repository's own profile.

Up to the tokens everything is computed without SLURM, as small jobs cost seconds of overhead each. From there on every
rule that asks for a GPU runs as a SLURM job, in one run that is killed and taken up again. The jobs that go wrong by
design (troubles.smk) mostly sleep, and do so beside the others. SLURM_WHOLE=1 also runs every rule.
"""

import filecmp
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from cluster import Cluster
from langatlas.plan.costs import COSTS

ROOT = Path(__file__).parents[2]
PARTS = ["Snakefile", "config.yaml", "rules", "workflow_scripts", "schemas", "config", "resources", "report", "envs"]
PARTS += ["profiles", "slurm"]
R = "results/every-rule/smoke"
IMPORTANCES = [f"{R}/importance/{language}/20.safetensors" for language in ("en", "ru", "uk")]
# One product of every rule that asks for a GPU.
PRODUCTS = [
    *IMPORTANCES,
    f"{R}/importance-wanda/en/8.safetensors",
    f"{R}/activations/residual.parquet",
    f"{R}/perplexity/core-removal/ru.parquet",
    f"{R}/generation/text-after-removal/ru.parquet",
    f"{R}/activations/ru.safetensors",
    f"{R}/generation/between-languages/en.parquet",
    f"{R}/translation/to-english/ru.parquet",
    f"{R}/questions/questions-after-removal/ru.parquet",
    f"{R}/pretraining/recovery/zero-unfreeze-top-corrected-1.parquet",
    f"{R}/pretraining/forgetting/full-none-corrected-1.parquet",
]
CONFIG = ("--configfile", "config/every-rule.yaml", "one-shard.yaml")

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


class Run:
    """A call of snakemake in a folder, running beside us."""

    def __init__(self, cluster, folder: Path, *arguments: str):
        self.log = folder / f"run-{len(list(folder.glob('run-*.txt')))}.txt"
        command = [sys.executable, "-m", "snakemake", *arguments]
        environment = {**cluster.environment, "PYTHONPATH": "", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def text(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def finished(self) -> list[int]:
        """Numbers of the SLURM jobs that snakemake knows to be complete, in that order."""
        numbers = dict(re.findall(r"Job (\d+) has been submitted with SLURM jobid (\d+)", self.text()))
        return [int(numbers[job]) for job in re.findall(r"Finished jobid: (\d+)", self.text()) if job in numbers]

    def wait(self, seconds: float = 900) -> int:
        try:
            return self.process.wait(timeout=seconds)
        finally:
            self.kill()

    def wait_until(self, ready, seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while not ready(self):
            assert self.process.poll() is None, self.text()[-4000:]
            assert time.monotonic() < end, self.text()[-4000:]
            time.sleep(0.2)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def on_slurm(cluster, folder: Path, *arguments: str) -> Run:
    """`snakemake --profile slurm`, that looks after its jobs more often than a real cluster's users should."""
    often = ("--slurm-init-seconds-before-status-checks", "1")
    return Run(cluster, folder, "--profile", "slurm", *often, *arguments)


def copy_of_the_project(folder: Path) -> Path:
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    (folder / "one-shard.yaml").write_text("tokens: {shards: {locate: 1}}\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module", autouse=True)
def troubles(cluster, tmp_path_factory):
    """A run of troubles.smk with the repository's profile, in which the slow job asks for a minute at first."""
    folder = tmp_path_factory.mktemp("troubles")
    profile = yaml.safe_load((ROOT / "slurm" / "profile.yaml").read_text(encoding="utf-8"))
    profile["__variables__"]["heavy"] = {"slow": {"mem_mb": 500, "runtime": 1}}
    shutil.copytree(ROOT / "slurm", folder / "slurm")
    (folder / "workflow_scripts").symlink_to(ROOT / "workflow_scripts")  # whose registry the profile asks
    (folder / "slurm" / "profile.yaml").write_text(yaml.safe_dump(profile, sort_keys=False), encoding="utf-8")
    shutil.copy(Path(__file__).parent / "troubles.smk", folder / "Snakefile")
    run = on_slurm(cluster, folder)
    yield run
    run.kill()


@pytest.fixture(scope="module")
def project(cluster, tmp_path_factory):
    """A copy of the project with the tokens of config/every-rule.yaml, and no model yet."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("project"))
    splits = [(language, split) for language in ("en", "ru", "uk") for split in ("pretrain", "locate", "test")]
    tokens = [f"{R}/tokens/{language}/{split}/stats.json" for language, split in splits]
    run = Run(cluster, folder, "--cores", "2", *CONFIG, "--", *tokens)
    assert run.wait() == 0, run.text()[-4000:]
    return folder


@pytest.fixture(scope="module")
def interrupted(cluster, project):
    """Two runs: one that is killed when two of three languages have their sums, and one that is started at once thereafter."""

    def middle(run: Run) -> bool:
        running = any(job.state == "RUNNING" for job in cluster.jobs(project))
        return running and len(known(cluster, run, "accumulate_gradients")) >= 2

    first = on_slurm(cluster, project, *CONFIG, "--", *IMPORTANCES)
    first.wait_until(middle)
    first.kill()
    left = [job for job in cluster.jobs(project) if job.state in ("RUNNING", "PENDING")]
    (name,) = {job.run for job in left}
    assert f"SLURM run ID: {name}" in first.text()
    second = on_slurm(cluster, project, *CONFIG, "--", *PRODUCTS)
    assert second.wait() == 0, second.text()[-4000:]
    return SimpleNamespace(first=first, second=second, left=left, names=(name, cluster.jobs(project)[-1].run))


def known(cluster, run: Run, rule: str = "") -> set[str]:
    """Names of the jobs that a run of snakemake knows to be complete."""
    finished = set(run.finished())
    return {job.name for job in cluster.jobs() if job.number in finished and rule in ("", job.rule)}


def session_of(pid: str) -> int:
    try:
        return os.getsid(int(pid))
    except ProcessLookupError:
        return 0


def test_a_cluster_that_is_stopped_leaves_no_process_behind(tmp_path, cluster):
    other, written = Cluster(tmp_path / "other"), tmp_path / "pid"
    other.start()
    other.call("sbatch", "--mem=100", "--output=/dev/null", "--wrap", f"echo $$ > {written}; exec sleep 600")
    other.wait(lambda: written.exists() and written.read_text(), "a job to start")
    other.stop()
    daemons = {daemon.pid for daemon in other.daemons.values()}
    assert not [path for path in Path("/proc").glob("[0-9]*") if session_of(path.name) in daemons]
    assert not session_of(written.read_text())
    assert all(daemon.poll() is None for daemon in cluster.daemons.values()), (
        "the other cluster is none of its business"
    )


def test_every_rule_that_asks_for_a_gpu_runs_on_one_and_no_other_rule_does(cluster, project, interrupted):
    completed = [job for job in cluster.jobs(project) if job.state == "COMPLETED"]
    assert {job.rule for job in completed if job.gpus in ("0", "1")} == set(COSTS)
    assert {job.rule for job in completed if job.gpus == "-"} >= {"combine_importance", "select_core_region"}
    assert all(job.visible == {job.gpus} for job in completed), "what a script sees is what SLURM has allotted"
    assert all((project / path).stat().st_size > 0 for path in PRODUCTS)


def test_two_languages_importance_runs_at_once_on_two_gpus(cluster, project, interrupted):
    jobs = [job for job in cluster.jobs(project) if job.rule == "accumulate_gradients" and job.state == "COMPLETED"]
    at_once = [
        (one, other) for one, other in combinations(jobs, 2)
        if one.name != other.name and max(one.start, other.start) < min(one.end, other.end)
    ]  # fmt: skip
    assert at_once, jobs
    assert all(one.gpus != other.gpus for one, other in at_once)


def test_a_killed_run_is_taken_up_again_and_nothing_that_was_complete_is_computed_twice(cluster, project, interrupted):
    jobs = cluster.jobs(project)
    before = known(cluster, interrupted.first)
    first_name, second_name = interrupted.names
    assert "train_mini:smoke" in before
    running = {job.name for job in interrupted.left if job.state == "RUNNING"}
    assert running, "killing snakemake ends no SLURM job"
    assert "are still there: waiting for them (or: scancel" in interrupted.second.text()
    done = {job.name for job in jobs if job.run == first_name and job.state == "COMPLETED"}
    assert done >= before | running, "what still ran when snakemake was killed is not lost either"
    again = [job.name for job in jobs if job.run == second_name]
    assert not done & set(again)
    assert len(again) == len(set(again)) == len(interrupted.second.finished())


def test_one_language_is_run_again_alone(cluster, project, interrupted):
    russian = project / IMPORTANCES[1]
    before = {path: ((project / path).read_bytes(), (project / path).stat().st_mtime_ns) for path in IMPORTANCES}
    # Sums of shards are temporary, but a language that was combined after the main process was killed keeps them.
    kept = (project / R / "importance/ru/shards/20-00000.safetensors").exists()
    last = max(job.number for job in cluster.jobs(project))
    run = on_slurm(cluster, project, *CONFIG, "-R", IMPORTANCES[1], "--", *IMPORTANCES)
    assert run.wait() == 0, run.text()[-4000:]
    jobs = [job.name for job in cluster.jobs(project) if job.number > last]
    assert jobs == ["accumulate_gradients:smoke_ru_00000"][kept:] + ["combine_importance:smoke_ru"]
    for path, (content, time_ns) in before.items():
        assert (project / path).read_bytes() == content
        assert ((project / path).stat().st_mtime_ns == time_ns) == (project / path != russian)


def test_failing_cancelled_and_slow_jobs_are_tried_again_with_more_and_only_the_failing_one_is_lost(cluster, troubles):
    assert troubles.wait() == 1, troubles.text()[-4000:]
    folder = troubles.log.parent
    ends = {}
    for job in cluster.jobs(folder):
        ends.setdefault(job.rule, []).append((job.state, job.limit_minutes))
    assert ends.pop("failing") == [("FAILED", 30), ("FAILED", 60), ("FAILED", 90)]
    assert ends.pop("cancelled") == [("CANCELLED", 30), ("COMPLETED", 60)]
    *killed, last = ends.pop("slow")
    assert killed in ([("TIMEOUT", 1)], [("TIMEOUT", 1), ("TIMEOUT", 2)])
    assert last == ("COMPLETED", 1 + len(killed))
    assert {path.name for path in folder.glob("*.txt")} == {"cancelled.txt", "slow.txt", troubles.log.name}
    for state in ("FAILED", "CANCELLED", "TIMEOUT"):
        assert f"SLURM status is: '{state}'" in troubles.text()
    assert "failing.log" in troubles.text(), "the message names the log to look into"


@pytest.mark.skipif(not os.environ.get("SLURM_WHOLE"), reason="takes a quarter of an hour: set SLURM_WHOLE=1 to run it")
@pytest.mark.parametrize("name", ["smoke", "every-rule"])
def test_a_whole_workflow_gives_what_it_gives_without_slurm(cluster, tmp_path, name):
    # As many threads in both: locally a job gets no more than there are cores, and the order of sums depends on them.
    config = ("--set-threads", "train_mini=1", "--configfile", f"config/{name}.yaml")
    folders = [copy_of_the_project(tmp_path / place) for place in ("slurm", "local") if not (tmp_path / place).mkdir()]
    runs = [on_slurm(cluster, folders[0], *config), Run(cluster, folders[1], "--cores", "2", *config)]
    for run in runs:
        assert run.wait(3600) == 0, run.text()[-4000:]
    assert {job.state for job in cluster.jobs(folders[0])} == {"COMPLETED"}
    tables = sorted((folders[1] / f"results/{name}/tables").glob("*.csv"))
    assert tables
    for table in tables:
        assert filecmp.cmp(table, folders[0] / f"results/{name}/tables" / table.name, shallow=False), table.name
