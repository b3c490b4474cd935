"""Two processes give what one gives: importance under ZeRO 2 and 3, further pretraining under ZeRO 2."""

import logging
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from langatlas import region
from langatlas.intervene.pretraining import Settings, Trainer, further_pretrain
from langatlas.locate.importance import importance_of_shard
from langatlas.locate.importance_files import FORMAT
from langatlas.measure.training import train_arm
from langatlas.models import checkpoint, processes
from langatlas.models.nll import batches
from langatlas.region import Region
from langatlas.tensorfile import TensorFile
from tiny import importance_metadata, random_sequences, tiny_llama, write_shard

HERE = Path(__file__).parent
SEQUENCES = random_sequences(11, seed=4)
# name: dtype, engine, offload, batch size, reduction, milestones. Two processes share 11 sequences: never alike.
CASES = {
    "zero2": ("float32", "zero2", False, 2, "corrected", [3, 11]),
    "zero3": ("float32", "zero3", False, 2, "corrected", [3, 11]),
    "zero2-published": ("float32", "zero2", False, 2, "published", [11]),
    "zero3-published": ("float32", "zero3", False, 2, "published", [11]),
    "zero2-offload": ("float32", "zero2", True, 2, "corrected", [3, 8]),
    "zero3-offload": ("float32", "zero3", True, 2, "corrected", [3, 8]),
    "zero2-bfloat16": ("bfloat16", "zero2", False, 1, "corrected", [3, 11]),
    "zero3-bfloat16": ("bfloat16", "zero3", False, 1, "corrected", [3, 11]),
    "one-sample": ("float32", "zero2", False, 2, "corrected", [1]),
}


# name: mode, treatment of the master, changed settings. Two processes share micro-batches of 3 sequences: 2 and 1.
TRAININGS = {
    "full": ("full", "corrected", {}),
    "freeze": ("freeze", "corrected", {}),
    "zero-freeze": ("zero-freeze", "corrected", {}),
    "zero-unfreeze": ("zero-unfreeze", "corrected", {}),
    "published-freeze": ("zero-freeze", "published", {}),
    "published-unfreeze": ("zero-unfreeze", "published", {}),
    "one-each": ("freeze", "corrected", {"batch_size": 1, "accumulation": 6}),
    "freeze-bfloat16": ("freeze", "corrected", {"working": "bfloat16"}),
    "zero-freeze-bfloat16": ("zero-freeze", "corrected", {"working": "bfloat16"}),
}
SETTINGS = {
    "learning_rate": 0.01, "warmup_steps": 1, "weight_decay": 0.1, "batch_size": 3, "accumulation": 2,
    "working": "float32", "precision": "float32", "seed": 3,
}  # fmt: skip


def case(folder: Path, name: str, shard: str, dtype, engine, offload, batch_size, reduction, milestones) -> dict:
    manifest = checkpoint.describe(folder / dtype, "tiny", revision="1", dtype=dtype)
    return {
        "manifest": vars(manifest),
        "shard": shard,
        "milestones": milestones,
        "outputs": [str(folder / f"{name}-{m}.safetensors") for m in milestones],
        "metadata": importance_metadata(),
        "stats": str(folder / f"{name}.json"),
        "offload": offload,
        "engine": engine,
        "settings": {"batch_size": batch_size, "reduction": reduction, "precision": "float32"},
    }


def resumed(job: dict, name: str) -> dict:
    """The same job after it was killed behind its first milestone, whose file is there."""
    folder = Path(job["stats"]).parent
    outputs = [job["outputs"][0], str(folder / f"{name}-11.safetensors")]
    kept = {"folder": str(folder / name), "outputs": outputs, "minutes": 1, "kept": 1}
    return job | {"outputs": outputs, "stats": str(folder / f"{name}.json"), "resume": kept}


def write_region(path: Path, model_hash: str) -> str:
    generator = np.random.default_rng(3)
    masks = {n: generator.random(tuple(p.shape)) < 0.2 for n, p in tiny_llama().named_parameters() if "layers" in n}
    region.save(path, masks, {"model_hash": model_hash})
    return str(path)


def training(folder: Path, name: str) -> dict:
    mode, master, changed = TRAININGS[name]
    chosen = {"mode": mode, "master": master, "settings": SETTINGS | changed, "samples": 18}
    place = None if mode == "full" else str(folder / "region.safetensors")
    return chosen | {"region": place, "output": str(folder / f"trained-{name}")}


def whole_arm(folder: Path, output: Path) -> dict:
    """A job of further_pretrain as its rule makes it: a language to learn, three to test."""
    languages = {code: random_sequences(5, seed=i) for i, code in enumerate(["ru", "en", "zh"])}
    return {
        "manifest": vars(checkpoint.describe(folder / "float32", "tiny", revision="1", dtype="float32")),
        "arm": {"mode": "freeze", "side": "top", "master": "corrected", "seed": 3},
        "settings": SETTINGS,
        "region": [str(folder / "region.safetensors")],
        "training": [write_shard(folder / "train.arrow", random_sequences(24, seed=5))],
        "tests": [write_shard(folder / f"{code}.arrow", text, code) for code, text in languages.items()],
        "output": str(output),
        "variant": str(output.with_suffix("")),
        "samples": [0, 6, 18],
        "sequences": 4,
        "batch_size": 2,
        "described": {"model": "tiny", "mode": "freeze"},
        "metadata": {"model_hash": "abc"},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> dict:
    """All cases in one start of two processes, as it costs more than they do. The last has a model that one of them fails on."""
    folder = tmp_path_factory.mktemp("spread")
    for dtype in ("float32", "bfloat16"):
        tiny_llama(dtype=getattr(torch, dtype)).save_pretrained(folder / dtype)
    cases = {
        name: case(folder, name, write_shard(folder / "s.arrow", SEQUENCES), *what) for name, what in CASES.items()
    }
    cases |= {f"{name}-resumed": resumed(cases[name], f"{name}-resumed") for name in ("zero2", "zero3")}
    model = tiny_llama()
    with torch.no_grad():
        model.model.embed_tokens.weight[5] = float("nan")
    model.save_pretrained(folder / "nan" / "float32")
    bad = [np.array([1, 2, 3], np.uint32), np.array([1, 5, 3], np.uint32)]  # the second sequence: the second process
    broken = case(
        folder / "nan", "nan", write_shard(folder / "bad.arrow", bad), *CASES["zero2"][:3], 1, "corrected", [2]
    )
    write_region(folder / "region.safetensors", cases["zero2"]["manifest"]["hash"])
    trainings = {name: training(folder, name) for name in TRAININGS}
    said, failure = [], None
    relay = logging.Handler()
    relay.emit = lambda record: said.append(record.getMessage())
    processes.log.addHandler(relay)
    processes.log.setLevel(logging.INFO)
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), before])
    try:
        job = {"cases": [*cases.values(), broken], "trainings": [*trainings.values()]}
        job["arm"] = whole_arm(folder, folder / "arm.parquet")
        processes.start("distributed_cases", job, folder / "job.json", count=2, nodes=1, threads=2)
    except ValueError as error:
        failure = error
    finally:
        os.environ["PYTHONPATH"] = before
        processes.log.removeHandler(relay)
    return {"cases": cases, "trainings": trainings, "said": "\n".join(said), "failure": failure, "folder": folder}


def difference(found: TensorFile, expected: TensorFile) -> float:
    """Largest relative error in the norm of a tensor, over all tensors."""
    assert found.names == expected.names
    errors = [np.linalg.norm(found[n] - expected[n]) / np.linalg.norm(expected[n]) for n in expected.names]
    return float(max(errors))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_give_the_sum_of_one(run, name, tmp_path):
    job = run["cases"][name]
    model = checkpoint.load(checkpoint.Manifest(**job["manifest"]), torch.device("cpu"))
    plain = [str(tmp_path / Path(path).name) for path in job["outputs"]]
    importance_of_shard(model, SEQUENCES, job["milestones"], plain, job["metadata"], **job["settings"])
    for path, reference in zip(job["outputs"], plain, strict=True):
        found, expected = TensorFile(path, FORMAT), TensorFile(reference, FORMAT)
        assert difference(found, expected) < 1e-6
        for key in ("samples", "tokens", "reduction"):
            assert found.metadata[key] == expected.metadata[key]
        assert float(found.metadata["nll_nats"]) == pytest.approx(float(expected.metadata["nll_nats"]), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zero2", "zero3"])
def test_a_spread_job_that_goes_on_after_a_milestone_ends_with_the_same_bits(run, name):
    whole, again = run["cases"][name], run["cases"][f"{name}-resumed"]
    found, expected = (TensorFile(job["outputs"][1], FORMAT) for job in (again, whole))
    assert all((found[n] == expected[n]).all() for n in expected.names)
    for key in ("samples", "tokens"):
        assert found.metadata[key] == expected.metadata[key]
    assert float(found.metadata["nll_nats"]) == pytest.approx(float(expected.metadata["nll_nats"]), rel=1e-9)
    assert Path(again["resume"]["folder"], Path(again["outputs"][1]).name).samefile(again["outputs"][1])


def trained_alone(name: str, run: dict) -> tuple[Trainer, dict[str, torch.Tensor]]:
    """The same training in one process; its trainer, and the weights before it."""
    case = run["trainings"][name]
    model = tiny_llama(dtype=getattr(torch, case["settings"]["working"]))
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    chosen = Region.open(case["region"]) if case["region"] else None
    trainer = Trainer(model, chosen, case["mode"], case["master"], Settings(**case["settings"]))
    assert list(further_pretrain(trainer, random_sequences(24, seed=5), [0, case["samples"]])) == [(0, 0), (18, 3)]
    return trainer, before


def trained_together(name: str, run: dict) -> list[dict[str, torch.Tensor]]:
    return [load_file(f"{run['trainings'][name]['output']}-{rank}.safetensors") for rank in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TRAININGS if not name.endswith("bfloat16")])
def test_two_processes_train_as_one(run, name):
    """AdamW divides by the root of squared gradients: where one is almost zero, a rounding of it moves a weight."""
    alone, before = trained_alone(name, run)
    first, second = trained_together(name, run)
    for n, master in alone.masters.items():
        working = alone.parameters[n].detach()
        assert torch.equal(first[f"working/{n}"], second[f"working/{n}"])
        moved = torch.linalg.vector_norm(working - before[n])
        assert torch.linalg.vector_norm(first[f"working/{n}"] - working) < 1e-4 * moved
        assert torch.linalg.vector_norm(first[f"master/{n}"] - master.detach()) < 1e-4 * moved


@pytest.mark.slow
@pytest.mark.parametrize("name", ["freeze", "zero-freeze", "one-each", "freeze-bfloat16", "zero-freeze-bfloat16"])
def test_frozen_weights_are_the_same_bits_in_every_process_the_masters_and_the_moments(run, name):
    alone, before = trained_alone(name, run)
    first, second = trained_together(name, run)
    for n, master in alone.masters.items():
        moment = first[f"exp_avg/{n}"] + second[f"exp_avg/{n}"]  # of every place one process owns it
        torch.testing.assert_close(moment, alone.optimizer.state[master]["exp_avg"], rtol=0.1, atol=1e-3)
    for state in (first, second):
        for n, places in alone.places.items():
            held = before[n].view(-1)[places] if "zero" not in name else torch.zeros(len(places), dtype=before[n].dtype)
            assert torch.equal(state[f"working/{n}"].view(-1)[places], held)
            assert torch.equal(state[f"master/{n}"].view(-1)[places], held.float())
            assert not state[f"exp_avg/{n}"].view(-1)[places].any()
            assert not state[f"exp_avg_sq/{n}"].view(-1)[places].any()
            free = torch.ones(before[n].numel(), dtype=torch.bool)
            free[places] = False
            assert (state[f"master/{n}"].view(-1) != before[n].view(-1).float())[free].float().mean() > 0.9


@pytest.mark.slow
def test_the_published_master_keeps_what_the_working_copy_lost(run):
    """As released: held in the working copy alone, and without freezing the first step puts it back."""
    alone, _ = trained_alone("published-freeze", run)
    frozen, freed = trained_together("published-freeze", run)[1], trained_together("published-unfreeze", run)[1]
    for n, places in alone.places.items():
        assert not frozen[f"working/{n}"].view(-1)[places].any()
        assert frozen[f"master/{n}"].view(-1)[places].all()
        assert freed[f"working/{n}"].view(-1)[places].all()


@pytest.mark.slow
def test_an_arm_in_two_processes_has_the_rows_of_one(run, tmp_path):
    train_arm(whole_arm(run["folder"], tmp_path / "alone.parquet"), None)
    alone, together = pd.read_parquet(tmp_path / "alone.parquet"), pd.read_parquet(run["folder"] / "arm.parquet")
    assert len(alone) == 4 * 3 * 4  # base and three milestones, languages, sequences
    pd.testing.assert_frame_equal(together, alone, rtol=1e-4)
    assert together["language"].unique().tolist() == ["ru", "en", "zh"]


@pytest.mark.slow
def test_a_process_that_fails_ends_the_others_and_says_why(run):
    assert "a process of this job failed (exit status 1)" in str(run["failure"])
    assert "process 1 of 2 failed: the NLL of sequence 1 of this shard is nan, not finite" in run["said"]
    assert not list((run["folder"] / "nan").glob("*.safetensors"))
    assert not (run["folder"] / "job.json").exists()


def test_batches_are_dealt_out_once_each_and_equally_many():
    for count, size, world in ((11, 2, 2), (1, 2, 3), (9, 1, 4), (8, 2, 2)):
        sequences = random_sequences(count)
        parts = [list(batches(sequences, size, by_length=True, part=(rank, world))) for rank in range(world)]
        assert len({len(part) for part in parts}) == 1
        dealt = [batch.index.tolist() for turn in zip(*parts, strict=True) for batch in turn if len(batch.index)]
        assert dealt == [batch.index.tolist() for batch in batches(sequences, size, by_length=True)]
        empty = [batch for part in parts for batch in part if not len(batch.index)]
        assert all(batch.n_predicted == 0 for batch in empty)


def test_deepspeed_is_not_imported_by_the_job_that_runs_on_one_device():
    code = "import sys, accumulate_gradients; sys.exit('deepspeed' in sys.modules)"
    path = os.pathsep.join([str(HERE.parents[1] / "workflow_scripts"), os.environ.get("PYTHONPATH", "")])
    assert os.spawnve(os.P_WAIT, sys.executable, [sys.executable, "-c", code], os.environ | {"PYTHONPATH": path}) == 0
