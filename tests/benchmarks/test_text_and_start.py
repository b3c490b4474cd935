"""Parts without a model: tokenization beside the bare tokenizer, what jobs import, and the graph of a wide run."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer
from langatlas.tokens import write_shards
from langatlas.workflow.interventions import KINDS
from langatlas.workflow.registry import FIGURES, TABLES

ROOT = Path(__file__).parents[2]
SETTINGS = {"language": "xx", "split": "locate", "sequence_length": 512, "max_sequences": None, "code": "c"}
# Seconds of ours and of the bare tokenizer with as many cores as the environment allows, the better of three turns each.
TIMED = """
import sys, time
from pathlib import Path
import pyarrow.parquet as pq
from tokenizers import Tokenizer
from langatlas.tokens import write_shards
folder = Path(sys.argv[1])
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
texts = pq.read_table(folder / "text.parquet")["text"].to_pylist()
def ours():
    write_shards(folder / "text.parquet", folder, [str(folder / "0.arrow")], folder / "stats.json", policy="truncate",
                 language="xx", split="locate", sequence_length=512, max_sequences=None, code="c")
def bare():
    for start in range(0, len(texts), 1000):
        tokenizer.encode_batch(texts[start : start + 1000], add_special_tokens=False)
def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
ours(), bare()
pairs = [(seconds(ours), seconds(bare)) for _ in range(3)]
print(*(min(column) for column in zip(*pairs)))
"""


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    """About two megabytes of text in four scripts, all of it different."""
    words = "река gránica 图书馆 capital страна marché 도서관 język сонце وطن river library".split()
    generator = np.random.default_rng(0)
    return [" ".join(generator.choice(words, 40)) + f" {number}" for number in range(6000)]


@pytest.fixture(scope="module")
def prepared(sentences, tmp_path_factory):
    """The folder with text and tokenizer, and the tokenizer."""
    folder = tmp_path_factory.mktemp("text")
    pq.write_table(pa.table({"text": sentences}), folder / "text.parquet")
    tokenizer = train_tokenizer([str(folder / "text.parquet")], 600)
    save_tokenizer(tokenizer, str(folder / "tokenizer.json"), str(folder / "tokenizer_config.json"), 512)
    return folder, tokenizer


@pytest.mark.parametrize("policy", ["truncate", "pack"])
def test_tokenization_beside_encode_batch(sentences, prepared, compare, policy):
    """Ours also cuts, counts bytes and characters, and writes the shard."""
    folder, tokenizer = prepared

    def ours():
        shard = str(folder / "0.arrow")
        write_shards(folder / "text.parquet", folder, [shard], folder / "stats.json", policy=policy, **SETTINGS)

    def bare():
        for start in range(0, len(sentences), 1000):
            tokenizer.encode_batch(sentences[start : start + 1000], add_special_tokens=False)

    part, limit = f"tokenization, {policy} | encode_batch alone", "the tokenizer's own code, all cores"
    assert compare(part, ours, bare, at_least=0.8, note=limit) >= 0.8


def test_tokenization_scales_with_cores(prepared, record):
    """How many times as fast on all cores as on one; the bare tokenizer cannot do better on the same text."""
    cores = min(8, len(os.sched_getaffinity(0)))
    if cores == 1:
        pytest.skip("one core: nothing to scale with")
    taken = {}
    for count in (1, cores):
        environment = os.environ | {"RAYON_NUM_THREADS": str(count), "TOKENIZERS_PARALLELISM": "true"}
        environment["PYTHONPATH"] = str(ROOT / "workflow_scripts")
        command = [sys.executable, "-c", TIMED, str(prepared[0])]
        taken[count] = list(map(float, subprocess.check_output(command, text=True, env=environment).split()))
    ours, bare = (alone / together for alone, together in zip(taken[1], taken[cores], strict=True))
    part = f"tokenization, {cores} cores for 1 | encode_batch alone"
    ratio = record(
        part, ours, bare, "times as fast", ">= 0.8", f"{ours / cores:.2f} of {cores} cores", more_is_better=True
    )
    assert ratio >= 0.8


def scripts_without_a_model() -> list[str]:
    """Entry scripts of the rules whose environment has no torch."""
    found = []
    for path in sorted((ROOT / "rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        pairs = re.findall(r"envs/(\w+)\.yaml.*?workflow_scripts/(\w+)\.py", text, re.DOTALL)
        found += [script for environment, script in pairs if environment != "torch"]
    return sorted(set(found))


def modules_by_name() -> list[str]:
    """Modules of tables, figures and kinds of intervention, which such scripts load when they run."""
    pages = [
        f"langatlas.present.{kind}.{name}"
        for kind, names in (("tables", TABLES), ("figures", FIGURES))
        for name in names
    ]
    return pages + sorted({kind.choose.split(":")[0] for kind in KINDS.values() if kind.choose})


def test_jobs_without_a_model_import_no_torch(record):
    names, modules = scripts_without_a_model(), modules_by_name()
    assert {"intervene", "plot", "select_region", "measure_overlap"} <= set(names)
    code = f"""
import importlib, sys, runpy
def check(name):
    if "torch" in sys.modules:
        sys.exit(f"{{name}} imports torch")
for name in {names}:
    runpy.run_path(f"{ROOT}/workflow_scripts/{{name}}.py", {{}}, "imported")
    check(name)
for name in {modules}:
    importlib.import_module(name)
    check(name)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts")}
    taken = {}
    for what, lines in (("ours", code), ("torch", "import torch, transformers")):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", lines], env=environment, check=True)
        taken[what] = time.perf_counter() - started
    part = f"imports of {len(names)} scripts without a model, {len(modules)} modules | torch, transformers"
    record(part, taken["ours"], taken["torch"], "s", "no torch", "start of Python, pandas, matplotlib")


def test_dry_run_of_thirty_languages_and_three_models(tmp_path, record):
    config = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    lines = (ROOT / "resources" / "languages.csv").read_text(encoding="utf-8").splitlines()[1:]
    every = [*config["languages"], *(line.split(",")[0] for line in lines)]
    text = [{"source": "jsonl", "files": str(tmp_path / "{language}.jsonl"), "text": "text", "splits": {"test": 1.0}}]
    overlay = {
        "corpora": {"world": {"parts": text}},
        "results": str(tmp_path / "results"),
        "languages": list(dict.fromkeys(every))[:30],
        "experiments": {"questions-after-removal": {"languages": config["languages"]}},  # the world is told in few
        "models": ["mini", "second", "third"],
        "checkpoints": dict.fromkeys(("second", "third"), config["checkpoints"]["mini"]),
    }
    for language in overlay["languages"]:
        (tmp_path / f"{language}.jsonl").touch()
    (tmp_path / "wide.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    snakemake = Path(sys.executable).with_name("snakemake")
    command = [snakemake, "-n", "--quiet", "all", "--configfile", tmp_path / "wide.yaml"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    assert done.returncode == 0, done.stderr[-3000:] + done.stdout[-3000:]
    record("snakemake -n, 30 languages x 3 models | 15 s", seconds, 15, "s", ">= 1", "Snakemake's own code, one core")
    assert seconds <= 15
