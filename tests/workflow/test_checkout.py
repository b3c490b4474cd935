"""A job runs the library that lies beside its Snakefile, whatever else is installed."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_job_imports_the_library_of_its_own_checkout(tmp_path):
    """Another checkout may be installed in the environment (`pip install -e`); its code has another version."""
    other = tmp_path / "other" / "langatlas" / "__init__.py"
    other.parent.mkdir(parents=True)
    other.write_text("raise ImportError('the library of another checkout')\n", encoding="utf-8")
    run = snakemake(
        ROOT, "--directory", str(tmp_path), "results/corpora/world/en/stats.json", PYTHONPATH=str(other.parents[1])
    )
    assert run.returncode == 0, run.stderr


def test_a_workflow_that_is_started_elsewhere_has_its_own_default_under_the_overlay(tmp_path):
    """The overlay and results belong to the working directory, the default and what triggers a rerun to the workflow."""
    (tmp_path / "mine.yaml").write_text("results: here\n", encoding="utf-8")
    run = snakemake(tmp_path, "--configfile", "mine.yaml", "--directory", "out", "here/corpora/world/en/stats.json")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out" / "here" / "corpora" / "world" / "en" / "stats.json").is_file()
    assert f"workflow specific profile {ROOT / 'profiles' / 'default'}" in run.stderr


def test_a_config_beside_the_results_that_nobody_reads_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("results: here\n", encoding="utf-8")
    run = snakemake(tmp_path, "--dry-run", "here/corpora/world/en/stats.json")
    assert run.returncode != 0
    assert (
        f"{tmp_path / 'config.yaml'} is not read: the default is the config.yaml beside the Snakefile"
        in run.stdout + run.stderr
    )


def snakemake(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """The workflow of this checkout, started in a folder."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--snakefile", str(ROOT / "Snakefile"), *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
