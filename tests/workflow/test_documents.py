"""What the documents promise exists: make targets, Snakemake targets, files, links."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from langatlas.workflow import document as experiments_page
from langatlas.workflow import experiment_files, registry

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "slurm/README.md",
    "results/README.md",
    "docs/experiments.md",
    "docs/interchange.md",
    "docs/readings.md",
    "docs/scale.md",
    "docs/world.md",
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


def test_every_file_of_the_tables_can_be_made():
    files = set()
    for document in ("README.md", "docs/experiments.md"):
        for row in re.findall(r"^\| .* \|$", text(document), flags=re.MULTILINE):
            target = re.split(r"(?<!\\)\|", row)[2]
            files |= set(re.findall(r"`(results/[^`{]+\.\w+)`", target))
    assert len(files) > 15
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "all", "--", *sorted(files)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("overlay", "said"), [(None, r"whole default, (\d+) jobs"), ("config/thorough.yaml", r"\((\d+) jobs in all")]
)
def test_the_readme_says_how_many_jobs_there_are(tmp_path, overlay, said):
    configs = ["--configfile", overlay] if overlay else []
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--dry-run",
        "all",
        "report",
        *configs,
        "--config",
        f"results={tmp_path}",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    (total,) = set(re.findall(r"^total +(\d+)$", run.stdout + run.stderr, flags=re.MULTILINE))
    assert re.findall(said, text("README.md")) == [total]


def test_the_page_of_experiments_is_what_their_files_say():
    """`make docs` writes it."""
    assert experiments_page.page(text("docs/experiments.md")) == text("docs/experiments.md")


def test_the_page_of_experiments_has_every_experiment_kind_measure_table_and_figure_once():
    whole = text("docs/experiments.md")
    named = [*experiment_files.names([experiment_files.FOLDER]), *experiment_files.entries("intervene")]
    named += experiment_files.entries("measure")
    assert sorted(re.findall(r"^### (.*)$", whole, flags=re.MULTILINE)) == sorted(named)
    rows = re.findall(r"^\| `(\w+)` \|", whole[whole.index("## Tables") :], flags=re.MULTILINE)
    assert rows == [*registry.TABLES, *registry.FIGURES]
    for name in experiment_files.names([experiment_files.FOLDER]):
        section = whole.split(f"### {name}\n")[1].split("\n### ")[0]
        assert "- **tables** `" in section, "an experiment that no table shows is not looked at"


@pytest.mark.parametrize(("document", "lines"), [("README.md", 200), ("Snakefile", 75), ("config.yaml", 200)])
def test_what_is_read_first_is_short(document, lines):
    assert len(text(document).splitlines()) <= lines


def code(document: str) -> list[str]:
    """Code blocks and words in backquotes: only there is `make` a command."""
    whole = text(document)
    return [*FENCE.findall(whole), *re.findall(r"`([^`\n]+)`", FENCE.sub("", whole))]
