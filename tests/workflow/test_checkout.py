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
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", "--snakefile", str(ROOT / "Snakefile")]
        + ["--configfile", str(ROOT / "config.yaml")]
        + ["--directory", str(tmp_path), "--", "results/corpora/world/en/stats.json"],
        env={**os.environ, "PYTHONPATH": str(other.parents[1])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
