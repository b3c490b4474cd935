"""A tiny model with everything that interventions are chosen from and measures read, as the workflow lays it down."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from langatlas import region
from langatlas.corpora.question_files import Item
from langatlas.corpora.questions import write_task
from langatlas.intervene import index
from langatlas.intervene.index import Intervention
from langatlas.locate.activations import activations_of
from langatlas.locate.outliers import residual_extremes
from langatlas.measure.training import train_arm
from langatlas.models import checkpoint
from langatlas.models.mini_tokenizer import save_tokenizer, train_tokenizer
from langatlas.neuron_files import COLUMNS, NeuronSet, write_neurons
from langatlas.provenance import load_object
from langatlas.workflow.interventions import KINDS
from tiny import importance_metadata, write_shard

WORDS, LAYERS, FFN = 270, 2, 12
TEXT = ["Which is a colour? It is red.", "The sea is blue and the sun is hot.", "Где Рим? Рим в Европе."]
TRAINING = {
    "learning_rate": 0.01, "warmup_steps": 0, "weight_decay": 0.1, "batch_size": 2, "accumulation": 1, "working": "float32",
    "precision": "float32", "seed": 1,
}  # fmt: skip
PLANTED = [("en", 0, 2), ("en", 1, 3), ("ru", 0, 5), ("ru", 1, 7)]
SETTINGS = {
    "perplexity": {},
    "generation": {
        "prompts": None, "count": 3, "prompt_tokens": 4, "max_new_tokens": 3, "batch_size": 2, "detectable": ["en", "ru"],
    },
    "questions": {"shots": 0, "seed": 1, "batch_size": 4, "local": ["letters"], "named": []},
    "translation": {
        "target": "ru", "further": [], "conditions": ["direct", "repeated-1"], "count": 2, "max_new_tokens": 3, "batch_size": 2,
        "seed": 1, "reading": "gate", "names": {"en": "English", "ru": "Russian"},
    },
}  # fmt: skip


def new_model(seed: int = 0, **changed) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    shape = {"hidden_size": 8, "intermediate_size": FFN, "num_hidden_layers": LAYERS, "num_attention_heads": 2}
    shape |= {"vocab_size": WORDS, "max_position_embeddings": 512, "initializer_range": 0.5}
    return LlamaForCausalLM(LlamaConfig(**shape | changed)).eval()


def saved(model: LlamaForCausalLM, folder: Path, name: str) -> checkpoint.Manifest:
    """The manifest of a model that is saved to ``folder``, ``model.json`` in it."""
    model.save_pretrained(folder)
    manifest = checkpoint.describe(folder, name, revision="1", dtype="float32")
    manifest.write(folder / "model.json")
    return manifest


@dataclass
class Grid:
    """``folder``: where all lies; ``entries``: kind -> (entry of an experiment, files that it is chosen from)."""

    folder: Path
    manifest: checkpoint.Manifest
    entries: Mapping[str, tuple[dict, dict[str, list[str]]]]

    def model(self) -> LlamaForCausalLM:
        return checkpoint.load(self.manifest, torch.device("cpu"))

    def chosen(self, name: str) -> list[Intervention]:
        """The interventions of an entry, as ``intervene.py`` chooses them."""
        entry, files = self.entries[name]
        return list(load_object(KINDS[entry["kind"]].choose)(entry, files, self.manifest))

    def index(self, name: str) -> str:
        """File of the interventions of an entry."""
        path = self.folder / "interventions" / f"{name}.json"
        described = {"model": self.manifest.name, "model_hash": self.manifest.hash}
        index.write(self.chosen(name), path, **described, metadata={})
        return str(path)

    def read(self, name: str) -> dict[str, Intervention]:
        """The interventions of an entry, as ``measure.py`` reads them."""
        return index.read(self.index(name), self.manifest.hash)

    def inputs(self) -> dict[str, str | list[str]]:
        """What measures read of English."""
        tokenizer = [str(self.folder / "tokenizer" / name) for name in ("tokenizer.json", "tokenizer_config.json")]
        return {"shard": str(self.folder / "en.arrow"), "tokenizer": tokenizer, "tasks": str(self.folder / "tasks")}

    def settings(self, measure: str) -> dict:
        return SETTINGS[measure] | ({"files": str(self.folder / "pairs.jsonl")} if measure == "translation" else {})


def make(folder: Path) -> Grid:
    model = new_model()
    manifest = saved(model, folder / "model", "tiny")
    _write_text(folder)
    of_model = {"model": manifest.name, "model_hash": manifest.hash}
    generator = np.random.default_rng(3)
    masks = {n: generator.random(tuple(p.shape)) < 0.3 for n, p in model.named_parameters() if "layers" in n}
    metadata = {
        "region": "core",
        "scope": "matrix",
        "samples": "9",
        "ratio": "0.3",
        "side": "top",
        "seed": "",
        **manifest.family,
    }
    region.save(folder / "region.safetensors", masks, metadata | of_model)
    sequences = [generator.integers(2, WORDS, 12).astype(np.uint32) for _ in range(6)]
    for language, many in {"en": sequences[:3], "ru": sequences[3:]}.items():
        found = activations_of(model, many, reading="gate", batch_size=2, precision="float32")
        found.write(folder / f"{language}.safetensors", importance_metadata(language, reading="gate", **of_model))
    rows = [("lape", language, "top", layer, neuron, 0.1, 0.5) for language, layer, neuron in PLANTED]
    planted = NeuronSet(
        pd.DataFrame(rows, columns=COLUMNS), ["en", "ru"], (LAYERS, FFN), {"method": "lape", **of_model}
    )
    write_neurons(folder / "neurons.parquet", planted)
    extremes = residual_extremes(model, sequences, batch_size=2, precision="float32")
    table = pa.Table.from_pandas(extremes, preserve_index=False).replace_schema_metadata(of_model)
    pq.write_table(table, folder / "outliers.parquet")
    train_arm(arm_job(folder, manifest), None)
    saved(new_model(seed=1), folder / "other", "other")
    return Grid(folder, manifest, _entries(folder))


def arm_job(folder: Path, manifest: checkpoint.Manifest) -> dict:
    """Full training on the second half of the text, tested on the first, its weights kept."""
    return {
        "manifest": asdict(manifest), "arm": {"mode": "full", "side": "none", "master": "corrected", "seed": 1},
        "settings": TRAINING, "region": [], "training": [str(folder / "ru.arrow")], "tests": [str(folder / "en.arrow")],
        "output": str(folder / "arm.parquet"), "variant": str(folder / "arm"), "samples": [4], "sequences": None, "batch_size": 4,
        "described": {"model": "tiny", "experiment": "e", "mode": "full"}, "metadata": {"model_hash": manifest.hash},
    }  # fmt: skip


def _write_text(folder: Path) -> None:
    """Tokenizer, test sequences, questions and sentences."""
    (folder / "tokenizer").mkdir()
    pq.write_table(pa.table({"text": TEXT * 4}), folder / "text.parquet")
    trained = train_tokenizer([str(folder / "text.parquet")], WORDS)
    save_tokenizer(trained, *(str(folder / "tokenizer" / f) for f in ("tokenizer.json", "tokenizer_config.json")), 512)
    for language, seed in (("en", 1), ("ru", 2)):
        generator = np.random.default_rng(seed)
        sequences = [np.r_[0, generator.integers(2, WORDS, size), 1].astype(np.uint32) for size in (5, 9, 7, 12)]
        write_shard(folder / f"{language}.arrow", sequences, language, vocabulary_size=str(WORDS))
    (folder / "tasks").mkdir()
    items = [Item(f"q{i}", text, ("red", "a"), i % 2, ("red.", "a."), ("red", "a")) for i, text in enumerate(TEXT[:2])]
    write_task(items, "world", "letters", "en", folder / "tasks" / "letters.yaml", folder / "tasks" / "letters.jsonl")
    pairs = [{"id": str(i), "sentences": {"en": f"It is {i}.", "ru": f"Это {i}."}} for i in range(4)]
    lines = [json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs]
    (folder / "pairs.jsonl").write_text("".join(lines), encoding="utf-8")


def _entries(folder: Path) -> dict[str, tuple[dict, dict[str, list[str]]]]:
    places = {"region": [str(folder / "region.safetensors")]}
    extremes = places | {"outliers": [str(folder / "outliers.parquet")]}
    neurons = {
        "neurons": [str(folder / "neurons.parquet")],
        "activations": [str(folder / f"{x}.safetensors") for x in ("en", "ru")],
    }
    operations = [{"set": 0.0}, {"multiply": 10}]
    parameters = [{"layer": 1, "module": "norm.input", "index": None}, {"layer": 0, "module": "mlp.down", "index": 2}]
    return {
        "removal": ({"kind": "removal", "include_norms": False}, {"regions": places["region"]}),
        "removal of norms too": ({"kind": "removal", "include_norms": True}, {"regions": places["region"]}),
        "lines": (
            {"kind": "lines", "settings": {"o": {"attn.o": "head"}}, "lines": [2], "sides": ["top", "random-1"],
             "share": ["matrix"]},
            places,
        ),
        "dimensions": ({"kind": "dimensions", "dimensions": 1, "seeds": [1]}, extremes),
        "parameters": ({"kind": "parameters", "parameters": parameters, "operations": operations, "seeds": []}, extremes),
        "ablation": (
            {"kind": "ablation", "of": ["en", "ru"], "sides": ["top"], "controls": ["layer", "frequency"], "seeds": [1]},
            neurons,
        ),
        "steering": (
            {"kind": "steering", "pairs": [["en", "ru"]], "languages": ["en", "ru"], "measured": "source", "seed": 1},
            neurons,
        ),
        "swap of a kept arm": ({"kind": "swap", "variants": ["e/full"]}, {"variants": [str(folder / "arm" / "variant.json")]}),
        "swap of a checkpoint": ({"kind": "swap", "variants": ["other"]}, {"variants": [str(folder / "other" / "model.json")]}),
    }  # fmt: skip
