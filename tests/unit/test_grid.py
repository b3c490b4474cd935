"""The grid: every kind of intervention under every measure, on a tiny model; what a new measure takes; what is refused."""

import importlib
import json
import runpy
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snakemake.iocontainers import InputFiles, OutputFiles, Params

import grid as grids
from grid import FFN, PLANTED
from langatlas import runlog
from langatlas.activation_files import ActivationFile
from langatlas.intervene import index
from langatlas.intervene.edits import Edit
from langatlas.intervene.index import COLUMNS
from langatlas.intervene.sweep import fingerprint, hooks_of, sweep
from langatlas.measure import generation
from langatlas.measure.job import Job, write_rows
from langatlas.models import devices
from langatlas.provenance import imported_modules
from langatlas.region import Region
from langatlas.workflow import experiments
from langatlas.workflow.interventions import KINDS, MECHANISMS
from langatlas.workflow.measures import MEASURES, Measure

pytestmark = pytest.mark.usefixtures("one_thread")
SCRIPTS = Path(__file__).parents[2] / "workflow_scripts"
NAMES = [
    "removal", "removal of norms too", "lines", "dimensions", "parameters", "ablation", "steering", "swap of a kept arm",
    "swap of a checkpoint",
]  # fmt: skip
every_kind = pytest.mark.parametrize("name", NAMES)
every_measure = pytest.mark.parametrize("measure", list(grids.SETTINGS))


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    return grids.make(tmp_path_factory.mktemp("grid"))


@pytest.fixture(scope="module")
def model(grid):
    return grid.model()


@pytest.fixture(scope="module", autouse=True)
def one_identifier():
    """Reading the identifier of languages takes a second: once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        whole = cache(generation.LanguageIdentifier)
        patch.setattr(generation, "LanguageIdentifier", lambda labels: whole(tuple(labels)))
        yield


def module_of(measure: str):
    return importlib.import_module(MEASURES[measure].module)


def measured(grid, model, measure: str, interventions, folder: Path | None = None) -> pd.DataFrame:
    job = Job(grid.manifest, "en", grid.inputs(), grid.settings(measure), 2, "float32", folder, "code")
    return sweep(model, interventions, module_of(measure).prepare(model, job))


def values(rows: pd.DataFrame, measure: str) -> list[tuple]:
    """What was observed, apart from NaN comparable."""
    return list(
        rows[[field.name for field in module_of(measure).SCHEMA if field.name in rows]]
        .astype(str)
        .itertuples(index=False)
    )


def test_every_kind_and_every_measure_stands_here(grid):
    assert {entry["kind"] for entry, _ in grid.entries.values()} == {
        name for name, kind in KINDS.items() if not kind.trains
    }
    assert list(grid.entries) == NAMES
    assert grids.SETTINGS.keys() == MEASURES.keys()


@every_kind
@every_measure
def test_every_intervention_is_measured_by_every_measure_and_every_bit_is_back(grid, model, name, measure, tmp_path):
    weights, hooks, interventions = fingerprint(model), hooks_of(model), grid.read(name)
    rows = measured(grid, model, measure, interventions)
    assert (fingerprint(model), hooks_of(model)) == (weights, hooks)
    base = rows[rows["side"] == "base"]
    assert len(base) > 1
    assert rows["side"].tolist() == [
        s for s in ["base", *(i.columns["side"] for i in interventions.values())] for _ in range(len(base))
    ]
    found = [values(rows.iloc[start : start + len(base)], measure) for start in range(0, len(rows), len(base))]
    assert any(one != found[0] for one in found[1:]), "nothing that was observed has changed"
    again = measured(grid, model, measure, {})
    assert values(again, measure) == found[0]
    check_file(rows, tmp_path / "rows.parquet", module_of(measure).SCHEMA, [*interventions.values()])


def check_file(rows: pd.DataFrame, path: Path, schema: list[pa.Field], interventions) -> None:
    """Columns in order, their types, and null where an intervention says nothing."""
    write_rows(rows, path, schema, {"model": "m", "experiment": "e", "language": "en"}, {"key": "value"})
    table = pq.read_table(path)
    observed = [field.name for field in schema]
    own = dict.fromkeys(name for one in interventions for name in one.columns if name not in COLUMNS)
    language = [] if "language" in observed else ["language"]
    assert table.schema.names == ["model", "experiment", *COLUMNS, *own, *language, *observed]
    kinds = {str: "string", int: "int64", float: "double"}
    assert {name: str(table.schema.field(name).type) for name in COLUMNS} == {
        name: kinds[kind] for name, kind in COLUMNS.items()
    }
    assert [table.schema.field(field.name).type for field in schema] == [field.type for field in schema]
    each = len(rows) // (1 + len(interventions))
    for name in [*COLUMNS, *own]:
        said = ["base" if name == "side" else None, *(one.columns.get(name) for one in interventions)]
        assert table[name].to_pylist() == [value for value in said for _ in range(each)], name
    assert set(table["language"].to_pylist()) == {"en"}


def test_columns_of_a_kind_of_its_own_have_their_own_type(grid, model, tmp_path):
    own = [{"bits": 4, "method": "gptq"}, {"bits": 8}, {"share": 0.5, "kept": True}]
    made = {str(number): Edit({"side": "top"} | columns) for number, columns in enumerate(own)}
    schema = module_of("perplexity").SCHEMA
    check_file(measured(grid, model, "perplexity", made), tmp_path / "r.parquet", schema, [*made.values()])
    table = pq.read_table(tmp_path / "r.parquet")
    found = {name: str(table.schema.field(name).type) for name in ("bits", "method", "share", "kept")}
    assert found == {"bits": "int64", "method": "string", "share": "double", "kept": "bool"}


@every_kind
def test_interventions_come_back_from_their_file_and_give_the_same_nll(grid, model, name):
    chosen, read = grid.chosen(name), grid.read(name)
    assert list(read.values()) == chosen
    assert list(read) == [f"{one.kind}-{number:04d}" for number, one in enumerate(chosen, 1)]
    before, after = (measured(grid, model, "perplexity", many) for many in (dict(zip(read, chosen, strict=True)), read))
    pd.testing.assert_frame_equal(before, after, check_exact=True)
    document = json.loads(Path(grid.index(name)).read_text(encoding="utf-8"))
    assert document["format"] == "langatlas.interventions/1"
    assert all(list(one) == ["id", "kind", "columns", "measured", "payload"] for one in document["interventions"])


def test_only_interventions_of_a_language_are_measured_on_it(grid):
    path = grid.index("steering")
    assert len(index.read(path, grid.manifest.hash, "en")) == 4
    assert index.read(path, grid.manifest.hash, "ru") == {}


def test_numbers_of_numpy_are_written_as_numbers(grid, tmp_path):
    (edit, *_) = grid.chosen("parameters")
    strange = type(edit)(
        {"side": "top", "seed": np.int64(3), "ratio": np.float32(0.25), "amount": np.float64(2)}, edit.changes
    )
    index.write([strange], tmp_path / "i.json", model="m", model_hash="h", metadata={})
    (found,) = index.read(tmp_path / "i.json", "h").values()
    assert found.columns == {"side": "top", "seed": 3, "ratio": 0.25, "amount": 2.0}


# -- refused -----------------------------------------------------------------------------------------------------------


class Careless:
    """Another intervention, after which a trace is left."""

    def __init__(self, whole, leave):
        self.whole, self.leave = whole, leave
        self.kind, self.columns, self.measured = whole.kind, whole.columns, None

    @contextmanager
    def applied(self, model):
        with self.whole.applied(model):
            yield
        self.leave(model)


EACH_ONCE = [("perplexity", name) for name in NAMES] + [(measure, "steering") for measure in grids.SETTINGS][1:]


@pytest.mark.parametrize(("measure", "name"), EACH_ONCE)
def test_what_does_not_restore_is_refused_by_name(grid, measure, name):
    model, (first, *_) = grid.model(), grid.chosen(name)
    weight, edit = model.model.layers[1].mlp.up_proj.weight, first.columns["edit"]
    changed = Careless(first, lambda model: weight.data[3, 1].mul_(1 + 2**-20))
    with pytest.raises(
        RuntimeError, match=rf"weights were not restored after one: .*side {first.columns['side']}.*edit {edit}"
    ):
        measured(grid, model, measure, {"one": changed})
    model = grid.model()
    hooked = Careless(
        first, lambda model: model.model.layers[1].mlp.register_forward_pre_hook(lambda module, inputs: None)
    )
    with pytest.raises(
        RuntimeError, match=rf"hooks of model\.layers\.1\.mlp are not what they were before one: .*edit {edit}"
    ):
        measured(grid, model, measure, {"one": hooked})


# -- the entry script, and a measure that it does not know ----------------------------------------------------------------


def run_script(script: str, job: SimpleNamespace, monkeypatch) -> None:
    """An entry script as Snakemake runs it."""
    monkeypatch.setattr(runlog, "job", lambda snakemake: nullcontext())
    monkeypatch.setattr(devices, "prepare", lambda threads: None)  # it would stay for the tests that follow
    runpy.run_path(str(SCRIPTS / script), {"snakemake": job}, "__main__")


def run_measure(grid, measure: str, name: str, output: dict, settings: dict, monkeypatch) -> None:
    """``measure.py`` on the interventions of one entry."""
    given = grid.inputs() | {"manifest": f"{grid.manifest.path}/model.json", "interventions": grid.index(name)}
    params = {"measure": measure, "settings": settings, "batch_size": 2, "precision": "float32", "code": "c"}
    job = SimpleNamespace(
        threads=1, wildcards=SimpleNamespace(experiment="e", language="en"), input=InputFiles(fromdict=given),
        output=OutputFiles(fromdict=output), params=Params(fromdict=params),
    )  # fmt: skip
    run_script("measure.py", job, monkeypatch)


def test_an_experiment_of_all_kinds_is_chosen_into_one_list(grid, tmp_path, monkeypatch):
    """More than ten entries, so that the tenth's files are not taken for those of the first."""
    many = [*NAMES, *NAMES[:3]]
    files = {f"{key}_{n}": paths for n, name in enumerate(many) for key, paths in grid.entries[name][1].items()}
    job = SimpleNamespace(
        input=InputFiles(fromdict=files | {"manifest": f"{grid.manifest.path}/model.json"}),
        output=OutputFiles(fromdict={"index": str(tmp_path / "e.json")}),
        params=Params(fromdict={"intervene": [grid.entries[name][0] for name in many], "code": "c"}),
    )  # fmt: skip
    run_script("intervene.py", job, monkeypatch)
    found = index.read(tmp_path / "e.json", grid.manifest.hash)
    assert list(found.values()) == [one for name in many for one in grid.chosen(name)]
    assert json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))["provenance"]["code"] == "c"


def test_norms_are_removed_where_the_entry_asks_for_it(grid):
    model, norm = grid.model(), "model.layers.0.input_layernorm.weight"
    places = Region.open(grid.folder / "region.safetensors").mask(norm)
    assert places.any()
    for name, zeros in (("removal", 0), ("removal of norms too", places.sum())):
        (one,) = grid.read(name).values()
        with one.applied(model):
            assert int((model.get_parameter(norm) == 0).sum()) == zeros


@pytest.mark.parametrize(
    ("text", "told"), [("[]", "no JSON object"), ("{}", "no format"), ('{"format": "x/2"}', "x/2")]
)
def test_a_file_that_lists_no_interventions_is_named(tmp_path, text, told):
    (tmp_path / "i.json").write_text(text)
    with pytest.raises(ValueError, match=f"i.json: expected langatlas.interventions/1, found {told}; delete it"):
        index.read(tmp_path / "i.json", "h")


@every_kind
def test_a_new_measure_runs_on_every_kind_of_intervention(grid, name, tmp_path, monkeypatch):
    """All that it takes: a module with SCHEMA and prepare, and an entry of the registry."""
    measure = ModuleType("norm_of_a_matrix")
    measure.SCHEMA = [pa.field("layer", pa.int64()), pa.field("norm", pa.float64())]

    def prepare(model, job):
        down = [layer.mlp.down_proj.weight.data for layer in model.model.layers]
        return lambda _: pd.DataFrame({"layer": range(len(down)), "norm": [float(weight.norm()) for weight in down]})

    measure.prepare = prepare
    monkeypatch.setitem(sys.modules, measure.__name__, measure)
    monkeypatch.setitem(MEASURES, "norm", Measure(measure.__name__, lambda *_: {}))
    run_measure(grid, "norm", name, {"rows": str(tmp_path / "rows.parquet")}, {}, monkeypatch)
    table = pq.read_table(tmp_path / "rows.parquet")
    interventions = grid.chosen(name)
    assert table.num_rows == 2 * (1 + len(interventions))
    assert table.schema.names[-3:] == ["language", "layer", "norm"]
    model, norms = grid.model(), table["norm"].to_pylist()
    for place, one in enumerate(interventions, 1):
        with one.applied(model):
            assert norms[2 * place] == float(model.model.layers[0].mlp.down_proj.weight.data.norm())
    assert table.schema.metadata[b"model_hash"] == grid.manifest.hash.encode()


def test_translation_counts_what_is_left_of_ablated_neurons_and_keeps_no_unfinished_work(grid, tmp_path, monkeypatch):
    output = {"rows": str(tmp_path / "en.parquet"), "folder": str(tmp_path / "en")}
    run_measure(grid, "translation", "ablation", output, grid.settings("translation"), monkeypatch)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["en", "en.parquet"]
    names = ["base", *grid.read("ablation")]
    assert sorted(path.name for path in (tmp_path / "en").iterdir()) == sorted(names)
    for language, name in (("en", names[1]), ("ru", names[4])):
        counted = ActivationFile(tmp_path / "en" / name / "direct.safetensors")
        held = np.zeros((2, FFN), bool)
        for of, layer, neuron in PLANTED:
            held[layer, neuron] |= of == language
        assert (counted["all.zero"][held] == counted.tokens["all"]).all()
        assert not ActivationFile(tmp_path / "en" / "base" / "direct.safetensors")["all.zero"].any()
    rows = pd.read_parquet(tmp_path / "en.parquet")
    ablated, base = (rows[(rows["condition"] == "direct") & (rows["side"] == side)] for side in ("top", "base"))
    assert all(count == 1 for counts in ablated["zero"] for count in counts), "one neuron a layer at every pass"
    assert not any(counts.any() for counts in base["zero"])


# -- what a rule's hash covers, what planning imports ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.trains])
@every_measure
def test_the_hash_of_a_measuring_rule_covers_its_measure_and_mechanisms_and_no_others(kind, measure):
    config = {"experiments": {"e": {"intervene": [{"kind": kind}]}}}
    own = [MEASURES[measure].module, *experiments.changers(config, "e")]
    covered = imported_modules(SCRIPTS / "measure.py", *own)
    assert set(own) <= covered
    assert {"langatlas.intervene.sweep", "langatlas.intervene.index", "langatlas.measure.job"} <= covered
    registered = {entry.module for entry in MEASURES.values()} | {name.split(":")[0] for name in MECHANISMS.values()}
    registered |= {entry.choose.split(":")[0] for entry in KINDS.values()}
    assert covered & registered == set(own)
    assert not [name for name in covered if name.startswith("langatlas.workflow.")], (
        "a new entry would rerun all others"
    )


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.trains])
def test_the_hash_of_a_choosing_rule_covers_its_kind_and_mechanism_and_no_others(kind):
    config = {"experiments": {"e": {"intervene": [{"kind": kind}]}}}
    covered = imported_modules(SCRIPTS / "intervene.py", *experiments.choosers(config, "e"))
    assert {*experiments.choosers(config, "e"), *experiments.changers(config, "e")} <= covered
    others = [entry for name, entry in KINDS.items() if not entry.trains and entry.mechanism != KINDS[kind].mechanism]
    assert not covered & {MECHANISMS[entry.mechanism].split(":")[0] for entry in others}
    assert not [name for name in covered if name.startswith(("langatlas.workflow.", "langatlas.measure."))]


def test_planning_imports_neither_torch_nor_pandas():
    code = """
import importlib, pkgutil, sys
import langatlas.workflow
names = [found.name for found in pkgutil.iter_modules(langatlas.workflow.__path__)]
for name in names:
    importlib.import_module(f"langatlas.workflow.{name}")
print(len(names), *[name for name in ("torch", "pandas", "transformers", "matplotlib") if name in sys.modules])
"""
    said = subprocess.check_output([sys.executable, "-c", code], text=True, env={"PYTHONPATH": str(SCRIPTS)}).split()
    assert int(said[0]) > 10
    assert said[1:] == []
