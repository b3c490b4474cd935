"""What the documents promise exists: make targets, Snakemake targets, files, links."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "slurm/README.md",
    "results/README.md",
    "docs/scale.md",
    "docs/readings.md",
]
FENCE = re.compile(r"^```\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
MAKE = r"^(?:\w+=\S+ )?make ([a-z]+)"
OWN_FOLDERS = "config|envs|profiles|report|resources|rules|schemas|slurm|tests|workflow_scripts"


def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rules() -> set[str]:
    command = [sys.executable, "-m", "snakemake", "--list-rules"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_named_exists(document):
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = {name for part in code(document) for name in re.findall(MAKE, part, flags=re.MULTILINE)}
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file(document):
    links = re.findall(r"\]\((?!https?://)([^)#]+)\)", text(document))
    assert [link for link in links if not (ROOT / document).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_of_the_repository_that_is_named_exists(document):
    named = set(re.findall(rf"(?<![\w/}}.-])((?:{OWN_FOLDERS})/[\w./-]*\w)(?![\w/{{*]|\.\{{)", text(document)))
    examples = {"config/your-model.yaml"}
    assert [name for name in sorted(named - examples) if not (ROOT / name).exists()] == []


def test_every_snakemake_target_of_the_readme_exists(rules):
    named = set(re.findall(r"^\| [^|]+ \| `(\w+)` \|", text("README.md"), flags=re.MULTILINE))
    for command in FENCE.findall(text("README.md")):
        named.update(
            re.findall(r"^(?:\S+=\S+ )?snakemake.*?\s(language_\w+|figures|tables|all)\b", command, flags=re.MULTILINE)
        )
    assert named
    assert named <= rules


def test_every_file_of_the_readmes_table_can_be_made():
    files = re.findall(r"^\| [^|]+ \| `(results/[^`]+)` \|", text("README.md"), flags=re.MULTILINE)
    assert files
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all", "--", *files]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_readme_says_how_many_jobs_the_default_has(tmp_path):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "all", "report", "--config", f"results={tmp_path}"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    (total,) = set(re.findall(r"^total +(\d+)$", run.stdout + run.stderr, flags=re.MULTILINE))
    assert re.findall(r"whole default, (\d+) jobs", text("README.md")) == [total]


def code(document: str) -> list[str]:
    """Code blocks and words in backquotes: only there is `make` a command."""
    whole = text(document)
    return [*FENCE.findall(whole), *re.findall(r"`([^`\n]+)`", FENCE.sub("", whole))]
