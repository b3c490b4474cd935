"""The Makefile asks the config's own reader: no other folder is cleaned, whatever the config or its file is called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = (
    "Makefile",
    "requirements.lock",
    "Snakefile",
    "config.yaml",
    "config",
    "schemas",
    "resources",
    "workflow_scripts",
)


@pytest.fixture
def project(tmp_path):
    """A copy whose environment is this one."""
    folder = tmp_path / "project"
    folder.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    (folder / ".venv" / ".installed").touch()
    for name in ("results", "my", "a/b"):
        (folder / name / "tables").mkdir(parents=True)
        (folder / name / "tables" / "findings.md").write_text(f"found in {name}\n", encoding="utf-8")
        (folder / name / "run_config.yaml").touch()
    return folder


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "PYTHONPATH", "CONFIG")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def remaining(folder: Path) -> set[str]:
    return {str(path.parent.relative_to(folder)) for path in folder.rglob("run_config.yaml")}


def test_a_config_that_is_refused_removes_nothing(project):
    (project / "x.yaml").write_text("results: my results\n", encoding="utf-8")
    done = make(project, "clean", "CONFIG=x.yaml")
    assert done.returncode != 0
    assert "results: 'my results' must match" in done.stderr
    assert remaining(project) == {"results", "my", "a/b"}


def test_the_last_of_several_files_and_a_file_with_spaces_name_the_folder_that_is_cleaned(project):
    (project / "x.yaml").write_text("results: my\n", encoding="utf-8")
    (project / "y z.yaml").write_text('"results":\n  a/b  # sed would not find it\n', encoding="utf-8")
    done = make(project, "clean", "CONFIG=y z.yaml")
    assert done.returncode == 0, done.stderr
    assert remaining(project) == {"results", "my"}
    (project / "w.yaml").write_text("models: [mini]\n", encoding="utf-8")
    done = make(project, "clean", "CONFIG=x.yaml w.yaml")
    assert done.returncode == 0, done.stderr
    assert remaining(project) == {"results"}


def test_findings_are_those_of_the_config_and_of_the_options(project):
    asked = [str(project / ".venv/bin/python"), "workflow_scripts/results.py", "findings"]
    (project / "x.yaml").write_text("results: my\n", encoding="utf-8")
    for options, folder in {
        ("--configfile", "x.yaml"): "my",
        ("--config", "results=a/b"): "a/b",
        (): "results",
    }.items():
        done = subprocess.run([*asked, *options], cwd=project, capture_output=True, text=True, check=False)
        assert f"found in {folder}\n" in done.stdout, done.stderr
        assert f"report: {folder}/report.html" in done.stdout
