"""What `make clean` takes away, and what it must never: shown on folders full of other people's files."""

import subprocess
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from langatlas.workflow import settings
from langatlas.workflow.results_folder import PROJECT, ROOT, clean

SCHEMA = ROOT / "schemas" / "config.schema.yaml"
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
PRODUCTS = [
    "corpora/world/en/stats.json", "models/mini/model.json", "mini/tokens/en/test/00000.arrow", "tables/findings.md",
    "figures/mini/core_removal.svg", "logs/build_corpus/world/en.log", "benchmarks/train_mini/mini.tsv", "report.html",
    "questions/questions-after-removal/en/a.yaml", "run_config.yaml",
]  # fmt: skip
OTHERS = [
    "README.md",
    "notes.txt",
    "smoke/tables/findings.md",
    "corpora/mine/en.jsonl",
    "models/other/model.safetensors",
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def filled(folder: Path, names) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def config(**overlay) -> dict:
    return settings.checked(deepcopy(DEFAULT) | overlay, SCHEMA)


def test_products_go_and_everything_else_stays_and_is_named(here):
    filled(here / "results", PRODUCTS + OTHERS)
    removed, left = clean(config())
    assert files(here / "results") == sorted(OTHERS)
    assert {str(path) for path in left} == {f"results/{name}" for name in ("notes.txt", "smoke", "corpora", "models")}
    assert len(removed) == len(PRODUCTS)
    assert clean(config())[0] == []


def test_a_clean_folder_has_no_empty_folders_left(here):
    filled(here / "results", PRODUCTS)
    clean(config())
    assert list((here / "results").iterdir()) == []


def test_a_folder_without_a_sign_of_the_workflow_is_left_alone(here):
    foreign = ["tables/mine.csv", "figures/a.png", "logs/server.log", "models/mini/weights.bin"]
    filled(here / "data", foreign)
    with pytest.raises(
        ValueError, match=r"results: data has neither run_config\.yaml nor logs of this workflow; nothing was"
    ):
        clean(config(results="data"))
    assert files(here / "data") == sorted(foreign)


def test_what_the_config_reads_is_never_removed(here, monkeypatch):
    filled(here / "data", [*PRODUCTS, "corpora/own/en.jsonl"])
    monkeypatch.setenv("TEXT", str(here / "data" / "corpora"))
    parts = {"own": {"parts": [{"source": "jsonl", "files": "$TEXT/own/{language}.jsonl"}]}}
    with pytest.raises(
        ValueError, match=r"corpora\.own\.parts\[0\]\.files reads .*own, which lies in data/corpora/own"
    ):
        clean(config(results="data", corpora=DEFAULT["corpora"] | parts))
    own = {"own": {"measure": {"questions": {"world": False, "files": "data/questions/own/{language}.jsonl"}}}}
    filled(here / "data", ["questions/own/en.jsonl"])
    with pytest.raises(
        ValueError, match=r"experiments\.own\.measure\.questions\.files reads data/questions/own, which lies"
    ):
        clean(config(results="data", run=["own"], experiments=own))
    filled(here / "data" / "tables", ["mine/own.yaml"])
    with pytest.raises(ValueError, match=r"experiment_folders reads data/tables/mine, which lies in data/tables"):
        clean(config(results="data", experiment_folders=["data/tables/mine"]))
    mini = DEFAULT["checkpoints"]["mini"] | {"source": "huggingface", "path": "data/models/mini"}
    with pytest.raises(ValueError, match=r"checkpoints\.mini\.path reads data/models/mini.*; nothing was removed"):
        clean(config(results="data", checkpoints={"mini": mini}))
    assert len(files(here / "data")) == len(PRODUCTS) + 3


def test_links_are_followed_to_the_folder_but_not_out_of_it(here):
    filled(here / "scratch", PRODUCTS)
    filled(here / "precious", ["a.txt"])
    (here / "results").symlink_to(here / "scratch")
    (here / "scratch" / "benchmarks" / "train_mini").rename(here / "elsewhere")
    (here / "scratch" / "benchmarks").rmdir()
    (here / "scratch" / "benchmarks").symlink_to(here / "precious")
    clean(config())
    assert files(here / "scratch") == []
    assert files(here / "precious") == ["a.txt"]


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ("/", "must match"),
        (".", "which is or holds the working directory"),
        ("..", "which is or holds the working directory"),
        ("sub/..", "which is or holds the working directory"),
        ("link", "which is or holds the working directory"),
        (str(ROOT), "which is or holds the project"),
        # Where the project lies beside the tests' folders, it holds the working directory as well, which is said first.
        (str(ROOT.parent), "which is or holds the (project|working directory)"),
        (str(ROOT / "workflow_scripts" / "langatlas"), "lies in workflow_scripts/ of the project"),
        (str(ROOT / "config"), "lies in config/ of the project"),
        ("file", "is a file"),
        ("my results", "must match"),
        ("results/", "must match"),
        ("./results", "must match"),
        ("a//b", "must match"),
        ("~/results", "must match"),
        ("$HOME/results", "must match"),
        ("{model}", "must match"),
        ("res*", "must match"),
        ("-rf", "must match"),
        ("results\n", "must match"),
        ("", "must match"),
    ],
)
def test_a_place_that_is_none_for_products_is_refused_by_the_config_itself(here, results, message):
    (here / "sub").mkdir()
    (here / "file").touch()
    (here / "link").symlink_to(here)
    with pytest.raises(ValueError, match=f"results: .*{message}"):
        config(results=results)


def test_home_is_no_place_for_products(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home" / "me"))
    for results in ("home", "home/me"):
        with pytest.raises(ValueError, match="which is or holds your home"):
            config(results=results)
    assert config(results="home/me/results")["results"] == "home/me/results"


@pytest.mark.parametrize("results", ["results", "results/mine", "../out", "/scratch/ich/ergebnisse-ü", "a.b/c+d"])
def test_folders_of_their_own_are_accepted(here, results):
    assert config(results=results)["results"] == results


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "tables", "models", "report.html"])
def test_a_model_whose_folder_would_be_another_is_refused(here, name):
    with pytest.raises(ValueError, match=rf"{name}'"):
        config(models=[name], checkpoints={name: DEFAULT["checkpoints"]["mini"]})
    with pytest.raises(ValueError, match=r"corpora: '\.\./text' must match"):
        config(corpora=DEFAULT["corpora"] | {"../text": DEFAULT["corpora"]["world"]})


def test_every_folder_of_the_repository_but_results_is_protected():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git repository")
    folders = {name.split("/")[0] for name in listed.stdout.splitlines() if "/" in name}
    assert folders - {"results"} <= set(PROJECT)
