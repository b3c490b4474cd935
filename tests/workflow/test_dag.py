"""What would run: shown on the DAG of config/every-rule.yaml, with dry runs in a copy of the project's files."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from configs import merge
from langatlas.models import devices
from langatlas.tensorfile import TensorFile
from langatlas.workflow import experiments, measures, products, registry, settings

ROOT = Path(__file__).parents[2]
PARTS = (
    "Snakefile",
    "rules",
    "workflow_scripts",
    "schemas",
    "config",
    "config.yaml",
    "resources",
    "report",
    "envs",
    "profiles",
)
AGGREGATES = {
    "all",
    "write_run_config",
    *(f"tabulate_{name}" for name in registry.TABLES),
    *(f"plot_{name}" for name in registry.FIGURES),
}
OVERLAY = ROOT / "config" / "every-rule.yaml"
CONFIG = settings.checked(
    merge(
        yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")),
        yaml.safe_load(OVERLAY.read_text(encoding="utf-8")),
    ),
    ROOT / "schemas" / "config.schema.yaml",
)


DEADLY = """
import os

rename = os.replace


def replace(source, target):
    if "20-00000" in str(target):
        os.kill(os.getpid(), 9)
    rename(source, target)


os.replace = replace
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project in which every rule has run once, start to end."""
    folder = tmp_path_factory.mktemp("project")
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    done = snakemake(folder, "--cores", "2")
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def snakemake(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "snakemake", "--configfile", "config/every-rule.yaml", *arguments]
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": "", **environment}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def planned(folder: Path, *arguments: str) -> dict[str, int]:
    """Rules that a dry run would execute, with their number of jobs."""
    overlays = [argument for argument in arguments if argument.endswith(".yaml")]  # of --configfile, the option before
    others = [argument for argument in arguments if argument not in overlays]
    done = snakemake(folder, *overlays, "--dry-run", *others)
    assert done.returncode == 0, done.stderr[-4000:]
    table = re.search(r"\njob +count\n-+ +-+\n(.*?)\ntotal", done.stderr + done.stdout, re.DOTALL)
    return {} if table is None else {line.split()[0]: int(line.split()[1]) for line in table.group(1).splitlines()}


def jobs(measure: str, language: str | None = None) -> int:
    """Jobs of a measure: an experiment, a language."""
    measured = [experiments.languages_of(CONFIG, name) for name in experiments.measured_by(CONFIG, measure)]
    return sum(len(languages) if language is None else languages.count(language) for languages in measured)


def edited(path: Path, change):
    text = path.read_text(encoding="utf-8")
    path.write_text(change(text), encoding="utf-8")
    return lambda: path.write_text(text, encoding="utf-8")


def test_a_run_of_every_rule_leaves_every_table_and_figure_and_nothing_half_written(project):
    results = project / CONFIG["results"]
    assert products.table_names(CONFIG) == list(registry.TABLES), "every table is in the run of every rule"
    for path in [*products.tables(CONFIG), *products.figures(CONFIG)]:
        assert (project / path).stat().st_size > 0
    assert all(list(entry.models(CONFIG)) for entry in registry.FIGURES.values()), "and every figure"
    assert not [path for path in results.rglob("*partial*") if path.is_file()]
    assert not list((results / "smoke" / "importance").rglob("shards/*.safetensors")), "partial sums are temporary"


def made_with(path: Path) -> dict[str, str]:
    """What a file says of how it was made."""
    if path.suffix == ".parquet":
        return {key.decode(): value.decode() for key, value in (pq.read_schema(path).metadata or {}).items()}
    if path.suffix == ".safetensors":
        with safe_open(path, "numpy") as file:
            return file.metadata() or {}
    return {"": path.read_text(encoding="utf-8")}


def test_every_file_says_the_precision_that_it_was_computed_in_and_none_says_auto(project):
    results, found = project / "results" / "every-rule", {}
    for path in [path for kind in ("parquet", "safetensors", "json") for path in results.rglob(f"*.{kind}")]:
        said = made_with(path)
        in_words = " ".join([said.get("precision", ""), *re.findall(r'"precision": "(\w+)"', " ".join(said.values()))])
        found.setdefault(path.relative_to(results).parts[1], set()).update(in_words.split())
    expected = {devices.resolve_precision("auto", torch.device("cpu"))}
    computed = ["activations", "importance", "pretraining", *measures.MEASURES]
    assert {stage: found[stage] for stage in computed} == dict.fromkeys(computed, expected)
    assert set().union(*found.values()) == expected


def said_of(path: Path) -> tuple[set[str], bytes]:
    """Names of what a product holds (columns, keys), and its text as far as it is not packed."""
    metadata = pq.read_schema(path).metadata if path.suffix == ".parquet" else None
    content = b" ".join([*metadata.keys(), *metadata.values()]) if metadata else path.read_bytes()
    if path.suffix == ".csv":
        return set(content.decode().splitlines()[0].split(",")), content
    return set(re.findall(r'"(\w+)":', content.decode(errors="replace"))), content


def test_no_product_holds_times_or_the_place_where_it_was_made(project):
    """These differ between equal runs: they belong to logs and benchmarks."""
    measured = re.compile(r"(^|_)(time|date|per_s|memory|gib|host|pid|user)(_|$)|_(s|seconds)$")
    results, wrong = project / "results" / "every-rule", []
    for path in sorted(results.rglob("*")):
        name = path.relative_to(results)
        if path.is_file() and name.parts[0] not in ("logs", "benchmarks"):
            names, content = said_of(path)
            wrong += [(str(name), one) for one in names if measured.search(one)]
            wrong += [(str(name), "its folder")] if str(project).encode() in content else []
    assert wrong == []


def test_nothing_runs_again_after_a_run_nor_when_files_are_touched_as_by_a_checkout(project):
    assert planned(project) == {}
    for path in [project / "Snakefile", *project.glob("rules/*"), *project.glob("workflow_scripts/**/*.py")]:
        os.utime(path)
    assert planned(project) == {}


def test_adding_a_language_runs_that_language_and_the_aggregates_only(project):
    undo = edited(
        project / "config/every-rule.yaml",
        lambda text: text.replace("languages: [en, ru, uk]", "languages: [en, ru, uk, es]", 1),
    )
    try:
        plan = planned(project)
    finally:
        undo()
    # of experiments that name no languages
    new = {"build_corpus": 1, "tokenize_test": 1, "measure_perplexity": 2}
    assert {rule: plan.pop(rule, 0) for rule in new} == new
    assert set(plan) <= AGGREGATES
    assert {"tabulate_perplexity", "tabulate_effect_matrix", "plot_effect_matrix"} <= set(plan)


PREDICTED = """
import json, os, sys
sys.path.insert(0, "workflow_scripts")
from plan import planned
from langatlas.plan.files import Sizes
run = planned(["config/every-rule.yaml"], {})
sizes, found = Sizes(run), {}
for job in run.jobs:
    for path in job.outputs:
        if path.endswith((".safetensors", ".arrow")) and os.path.exists(path):
            sums = found.setdefault(job.rule, [0, 0])
            sums[0], sums[1] = sums[0] + sizes.of(path, job), sums[1] + os.path.getsize(path)
print(json.dumps(found))
"""


def test_files_have_the_bytes_that_the_plan_predicts(project):
    done = subprocess.run([sys.executable, "-c", PREDICTED], cwd=project, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert {"tokenize_locate", "combine_importance", "select_core_region", "select_monolingual_region"} <= set(found)
    wrong = {rule: sums for rule, sums in found.items() if abs(sums[0] / sums[1] - 1) > 0.05}
    assert wrong == {}


def test_renaming_a_label_runs_tables_and_figures_only(project):
    (project / "renamed.yaml").write_text("labels: {law: {name: Law, group: texts}}\n", encoding="utf-8")
    plan = planned(project, "renamed.yaml")
    assert set(plan) <= AGGREGATES
    assert {"all", "write_run_config", "tabulate_corpora", "tabulate_effect_matrix", "plot_effect_matrix"} <= set(plan)


OWN_LABELS = """
results: results/own
languages: [ru-romanized, global, core]
labels: {ru-romanized: {name: 'C$ & <b>_|%{x}\\'}, global: {name: Global}, core: {name: Core}}
checkpoints: {smoke: {languages: [ru-romanized, global, core]}}
corpora: {smoke: {parts: [{source: jsonl, files: "nowhere/{language}.jsonl", text: text, splits: {pretrain: 1.0}}]}}
regions:
  core: {languages: [ru-romanized, core], scopes: [matrix, layer]}
  monolingual: {languages: [ru-romanized, global, core], scopes: [global, matrix]}
  against: [global, core]
  controls: {single: [core]}
  equal: {languages: null}
neurons: {languages: null}
figures: {density: {languages: [global, ru-romanized]}}
run: [core-removal, monolingual-removal, text-after-removal]
experiments:
  core-removal: {languages: null}
  monolingual-removal: {languages: null}
  text-after-removal:
    intervene:
      regions: [{region: core-layer, ratio: 0.05, sides: [top]}, {region: monolingual-global-global, ratio: 0.05, sides: [top]}]
    measure: {generation: {detectable: null}}
    languages: null
"""


def test_labels_with_hyphens_and_words_of_region_names_are_planned_like_any_other(tmp_path):
    for part in PARTS:
        (tmp_path / part).symlink_to(ROOT / part)
    (tmp_path / "own.yaml").write_text(OWN_LABELS, encoding="utf-8")
    plan = planned(tmp_path, "own.yaml")
    rules = (
        "select_language_region",
        "select_monolingual_region",
        "select_shared_region",
        "build_corpus",
        "plot_density_sheet",
    )
    assert [plan[rule] for rule in rules] == [6, 6, 4, 3, 3]
    assert (plan["measure_generation"], plan["measure_perplexity"]) == (3, 2 * 3), "a job a language and experiment"


def test_restyling_one_figure_runs_one_job(project):
    module = project / "workflow_scripts/langatlas/present/figures/effect_matrix.py"
    undo = edited(module, lambda text: text + "\n# restyled\n")
    try:
        assert planned(project, "figures") == {"plot_effect_matrix": 1, "figures": 1}
    finally:
        undo()


def test_editing_a_library_module_reruns_the_rules_that_import_it(project):
    undo = edited(project / "workflow_scripts/langatlas/statistics.py", lambda text: text + "\n# edited\n")
    try:
        plan = planned(project)
    finally:
        undo()
    assert "tabulate_perplexity" in plan
    assert not set(plan) & {"build_corpus", "tokenize_test", "accumulate_gradients", "measure_perplexity", "train_mini"}
    undo = edited(project / "workflow_scripts/langatlas/measure/perplexity.py", lambda text: text + "\n# edited\n")
    try:
        plan = planned(project)
    finally:
        undo()
    assert plan["measure_perplexity"] == jobs("perplexity")
    assert not set(plan) & {"build_corpus", "tokenize_test", "accumulate_gradients", "select_core_region", "train_mini"}


def test_the_main_line_leaves_out_what_the_paper_does_not_have(project):
    plan = planned(project, "config/main-line.yaml", "--forceall")
    assert {"measure_perplexity", "plot_core_removal", "plot_effect_matrix", "tabulate_survival"} <= set(plan)
    # A figure of what was not measured could not be drawn.
    assert not set(plan) & {
        "plot_controls",
        "further_pretrain",
        "score_variants",
        "measure_generation",
        "plot_core_lines",
    }
    assert (plan["select_core_region"], plan["measure_perplexity"]) == (1, 2 * 3)
    smoke = planned(project, "config/smoke.yaml", "--forceall")
    assert set(smoke) <= set(plan)
    assert smoke["measure_perplexity"] == plan["measure_perplexity"]
    assert sum(smoke.values()) <= 80, "it is there to be quick"


def test_one_language_can_be_run_again_alone_whatever_is_measured(project):
    for measure in measures.MEASURES:
        rule = f"measure_{measure}"
        plan = planned(project, "-R", rule, "--", "language_ru")
        assert plan == {rule: jobs(measure, "ru"), "language_ru": 1}


def test_editing_a_measure_or_a_kind_reruns_what_uses_it_and_nothing_else(project):
    """Modules that are named, not imported, are in the hash of the jobs that load them."""
    library = project / "workflow_scripts" / "langatlas"
    for module, rules in {
        "measure/generation.py": {"measure_generation": jobs("generation")},
        "intervene/steering.py": {"intervene": 2},  # between-languages, every-cell
    }.items():
        undo = edited(library / module, lambda text: text + "\n# edited\n")
        try:
            plan = planned(project)
        finally:
            undo()
        assert {rule: plan.get(rule) for rule in rules} == rules, module
        others = {f"measure_{name}" for name in measures.MEASURES} - set(rules)
        assert not set(plan) & {"accumulate_gradients", "train_mini", "build_corpus"}, module
        if module.startswith("measure"):
            assert not set(plan) & (others | {"intervene"}), module


@pytest.mark.parametrize("target", ["tables", "figures", "corpora", "importance", "regions", "language_uk"])
def test_every_named_target_exists_and_is_done(project, target):
    assert planned(project, target) == {}


def test_deleted_importance_is_made_again_with_the_same_bits(project):
    path = project / "results/every-rule/smoke/importance/ru/20.safetensors"
    before = path.read_bytes()
    path.unlink()
    done = snakemake(project, "--cores", "1", "--", str(path.relative_to(project)))
    assert done.returncode == 0, done.stderr[-3000:]
    assert path.read_bytes() == before


def test_a_job_killed_in_the_middle_leaves_no_half_and_the_rerun_has_the_same_bits(project):
    folder = project / "results/every-rule/smoke/importance/uk"
    before = (folder / "20.safetensors").read_bytes()
    (folder / "20.safetensors").unlink()
    # A start-up file of Python that kills the job when it is about to rename its last output.
    (project / "deadly").mkdir()
    (project / "deadly" / "sitecustomize.py").write_text(DEADLY, encoding="utf-8")
    target = str((folder / "20.safetensors").relative_to(project))
    done = snakemake(project, "--cores", "1", "--", target, PYTHONPATH=str(project / "deadly"))
    assert done.returncode != 0
    assert not list(folder.glob("shards/*20-00000.safetensors"))
    assert not (folder / "20.safetensors").exists()
    done = snakemake(
        project, "--cores", "1", "--rerun-incomplete", "--", str((folder / "20.safetensors").relative_to(project))
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / "20.safetensors").read_bytes() == before


LOCAL_CHECKPOINT = """
results: results/local
models: [local]
checkpoints:
  local: {source: huggingface, path: results/every-rule/models/smoke, corpus: smoke, dtype: float32}
"""


def test_a_checkpoint_folder_of_the_same_weights_gives_the_same_importance(project):
    """The mini model's folder, taken in through the door for other people's models."""
    (project / "local.yaml").write_text(LOCAL_CHECKPOINT, encoding="utf-8")
    target = "results/local/local/importance/en/8.safetensors"
    done = snakemake(project, "local.yaml", "--cores", "2", "--", target)
    assert done.returncode == 0, done.stderr[-3000:]
    mine = TensorFile(project / "results/every-rule/smoke/importance/en/8.safetensors", "langatlas.importance/1")
    other = TensorFile(project / target, "langatlas.importance/1")
    assert other.metadata["model"] == "local"
    assert other.names == mine.names
    for name in mine.names:
        assert (other[name] == mine[name]).all()


def test_weights_that_are_replaced_in_a_folder_run_everything_that_stands_on_them(project):
    """A replaced file is seen, whatever job reads it first; the same file with a new time is not."""
    theirs = project / "theirs"
    if not theirs.exists():
        shutil.copytree(project / "results/every-rule/models/smoke", theirs)
    overlay = LOCAL_CHECKPOINT.replace("results/every-rule/models/smoke", "$THEIRS/theirs")
    (project / "replaced.yaml").write_text(overlay.replace("results/local", "results/replaced"), encoding="utf-8")
    os.environ["THEIRS"] = str(project)
    target = "results/replaced/local/importance/en/8.safetensors"
    done = snakemake(project, "replaced.yaml", "--cores", "2", "--", target)
    assert done.returncode == 0, done.stderr[-3000:]
    manifest = json.loads((project / "results/replaced/models/local/model.json").read_text())
    assert manifest["path"] == str(theirs)
    os.utime(theirs / "tokenizer_config.json")
    assert planned(project, "replaced.yaml", "--", target) == {}
    held = load_file(theirs / "model.safetensors")
    save_file({name: tensor + 0.01 for name, tensor in held.items()}, theirs / "model.safetensors")
    plan = planned(project, "replaced.yaml", "--", target)
    assert plan.keys() >= {"fetch_model", "accumulate_gradients", "combine_importance"}
    weights = theirs / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-5])
    done = snakemake(project, "replaced.yaml", "--cores", "2", "--", target)
    assert done.returncode != 0
    assert "it is cut off or corrupt" in done.stderr
    assert not (project / "results/replaced/models/local/model.json").exists()


def test_a_wrong_config_stops_before_any_job_and_names_the_key(project):
    done = snakemake(project, "--dry-run", "--config", "importence=1")
    assert done.returncode != 0
    assert "unknown key importence (did you mean importance?)" in done.stderr + done.stdout


def test_too_few_samples_say_how_many_there_are(project):
    undo = edited(
        project / "config/every-rule.yaml", lambda text: text.replace("samples: [8, 20]", "samples: [8, 500]")
    )
    try:
        done = snakemake(project, "--cores", "1", "--", "results/every-rule/smoke/importance/en/500.safetensors")
    finally:
        undo()
    assert done.returncode != 0
    assert ".arrow holds 12 sequences, but importance.samples 500 over 2 shard(s) needs 250" in done.stderr
