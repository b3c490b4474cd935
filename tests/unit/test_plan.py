"""The plan's numbers against hand computation, what the library does, and files that are really written."""

import math

import numpy as np
import pytest

from langatlas.intervene.lines import line_edits
from langatlas.intervene.perturbation import dimension_edits, parameter_edits
from langatlas.locate.activations import activations_of
from langatlas.locate.importance import importance_of_shard
from langatlas.locate.regions import select
from langatlas.measure.counted_text import write_texts
from langatlas.plan import costs, document, files, memory, rates, run, tables
from langatlas.region import Region
from langatlas.workflow import experiments
from langatlas.workflow.measures import MEASURES
from planned import PERPLEXITY, SIZES, config, job, small_llama, small_shape
from tiny import importance_metadata


def test_importance_and_region_files_have_the_bytes_that_were_planned_and_a_region_a_bit_a_parameter(tmp_path):
    model, shape = small_llama(), small_shape()
    paths = {"importance": str(tmp_path / "importance.safetensors"), "region": str(tmp_path / "region.safetensors")}
    text, settings = [np.arange(20) % 500] * 2, {"batch_size": 2, "reduction": "corrected", "precision": "float32"}
    importance_of_shard(model, text, [2], [paths["importance"]], importance_metadata(), **settings)
    written = (tmp_path / "importance.safetensors").stat().st_size
    assert files.importance_bytes(shape.tensors) == pytest.approx(written, rel=0.05)
    plan = {("top", "0.05"): paths["region"]}
    metadata = importance_metadata() | {"model_type": "llama", "region_language": ""}
    select([paths["importance"]], plan, model_type="llama", scope="matrix", region="core", metadata=metadata)
    written = (tmp_path / "region.safetensors").stat().st_size
    assert files.region_bytes(shape.blocks) == pytest.approx(written, rel=0.05)
    region = Region.open(paths["region"])
    assert sum(region.numel(name) for name in region.names) == shape.block_parameters
    bits = {name: 8 * region.bits(name).nbytes for name in region.names}
    assert all(bits[name] < region.numel(name) + 8 for name in region.names), "a bit each, the last byte filled up"


def test_every_row_of_the_bytes_table_stands_in_the_document():
    text = (rates.RESOURCES.parent / "docs" / "scale.md").read_text(encoding="utf-8")
    rows = [line for line in files.__doc__.splitlines() if line.startswith("|")]
    assert len(rows) > 6
    assert [row for row in rows if row not in text] == []


EDITS = {
    "lines": {"kind": "lines", "seeds": [1, 2], "settings": {"a": {"attn.o": "head"}, "b": {"attn.q": "head"}},
              "lines": [1, 2], "sides": ["top", "random"], "share": ["matrix", "layer"]},
    "dimensions": {"kind": "dimensions", "seeds": [1, 2, 3], "dimensions": [3, 5]},
    "one dimension": {"kind": "dimensions", "seeds": [1, 2, 3], "dimensions": 1},
    "parameters": {"kind": "parameters", "seeds": [1, 2], "operations": [{"set": 1.0}, {"multiply": 4.0}],
                   "parameters": [{"layer": 1, "module": "norm.input", "index": 2}]},
}  # fmt: skip


def test_interventions_are_counted_as_the_library_makes_them(tmp_path):
    path = str(tmp_path / "r.safetensors")
    importance = str(tmp_path / "i.safetensors")
    settings = {"batch_size": 1, "reduction": "corrected", "precision": "float32"}
    importance_of_shard(small_llama(), [np.arange(9)], [1], [importance], importance_metadata(), **settings)
    family = {"model_type": "llama", "region_language": ""}
    select([importance], {("top", "0.05"): path}, model_type="llama", scope="matrix", region="core", metadata=family)
    region, chosen = Region.open(path), EDITS["lines"]
    sides = ["top", "random-1", "random-2"]
    made = {
        "lines": [
            e for s in chosen["share"] for e in line_edits(region, chosen["settings"], chosen["lines"], sides, s)
        ],
        "dimensions": list(dimension_edits(region, [3, 5], [1, 2, 3])),
        "one dimension": list(dimension_edits(region, [3], [1, 2, 3])),
        "parameters": list(parameter_edits(region, 1, "norm.input", 2, EDITS["parameters"]["operations"], [1, 2])),
    }
    given = config(**{name: PERPLEXITY | {"intervene": entry} for name, entry in EDITS.items()})
    assert {name: experiments.count(given, name, "ru") for name in EDITS} == {n: len(e) for n, e in made.items()}
    together = config(all=PERPLEXITY | {"intervene": list(EDITS.values())})
    assert experiments.count(together, "all", "ru") == sum(map(len, made.values()))


def test_costs_of_a_job_are_its_tokens():
    planned = run.Run(config(), [])
    # 100 samples over 3 shards: 34, 33, 33
    assert costs.accumulate_gradients(planned, job("a", shard="00000")).both == 34 * 512
    assert costs.accumulate_gradients(planned, job("a", shard="00002")).both == 33 * 512
    scored = costs.score_variants(planned, job("s"))
    assert (scored.forward, scored.both) == (7 * 512, 2 * 7 * 512)  # Wanda; Fisher and a half
    trained = costs.further_pretrain(planned, job("f", experiment="p"))
    assert (trained.both, trained.forward) == (64 * 512, 3 * 2 * 50 * 512)  # base, 0 and 64; two languages
    assert costs.find_outliers(planned, job("o")).forward == 9 * 512
    # 50 sequences over 3 shards: 17, 17, 16
    assert costs.accumulate_activations(planned, job("a", shard="00001")).forward == 17 * 512
    loading, placing = 3 * 2 * 6738415616 / 1e9, 2 * 6476267520 / 1e9
    cost = costs.Cost(200, 60, regions=2, steps=30, loads=3)
    expected = 200 / 100 + 60 / 10 + loading + placing + 30 * 0.05
    assert costs.seconds(cost, planned.shapes["m"], 100, 10) == pytest.approx(expected)


def test_a_measure_costs_the_base_and_each_of_its_interventions():
    planned = run.Run(config(), [])

    def cost(measure: str, experiment: str, language: str = "ru") -> costs.Cost:
        return costs.COSTS[f"measure_{measure}"](
            planned, job(f"measure_{measure}", experiment=experiment, language=language)
        )

    # two regions: top and random
    assert cost("perplexity", "removal") == costs.Cost(forward=3 * 200 * 512, regions=2)
    # prompts of any length run together, three in a batch: two of the config's own, four beginnings of test sequences
    assert (cost("generation", "removal").steps, cost("generation", "removal", "uk").steps) == (3 * 5, 3 * 2 * 5)
    asked = cost("questions", "removal")
    assert (asked.forward, asked.regions) == (3 * (2 * 25 + 14042) * 4 * 100 * (1 + 5), 2)
    assert cost("questions", "removal", "uk").forward == 3 * 2 * 25 * 4 * 100 * (1 + 5)
    # Russian is led away from in two pairs, English in one, Ukrainian in none: four interventions each
    steered = {language: cost("generation", "steer", language) for language in ("ru", "en", "uk")}
    assert {language: found.steps / 7 for language, found in steered.items()} == {"ru": 9, "en": 5, "uk": 1}
    assert steered["ru"].regions == 0
    # one line, and four in the question and in the example; two conditions of four batches
    assert cost("translation", "t") == costs.Cost(forward=25 * (1 + 2 * 4) * 40, steps=2 * 4 * 7)


def test_a_variant_is_read_and_the_model_s_own_weights_are_put_back():
    given = config(swap=PERPLEXITY | {"intervene": {"kind": "swap", "variants": ["p/full-none-corrected-1", "other"]}})
    found = costs.measure(run.Run(given, []), job("measure_perplexity", experiment="swap"))
    assert found == costs.Cost(forward=3 * 200 * 512, loads=1 + 2 * 2)


@pytest.mark.parametrize("measure", MEASURES)
def test_what_a_measure_holds_on_its_device_grows_with_the_region_that_is_removed(measure):
    settings = {"translation": {"target": "en"}}.get(measure, {})
    removal, swap = ({"kind": "removal", "regions": "core"}, {"kind": "swap", "variants": ["other"]})
    entries = {
        name: {"intervene": entry, "measure": {measure: settings}} for name, entry in (("r", removal), ("s", swap))
    }
    planned = run.Run(config(**entries), [])
    held = {name: memory.on_device(planned, job(f"measure_{measure}", experiment=name)) for name in entries}
    assert held["s"] > 2 * 6738415616
    # place and value of one in twenty parameters of the blocks
    assert held["r"] - held["s"] == pytest.approx(0.05 * 6476267520 * 10)


def test_silenced_neurons_are_counted_with_their_controls():
    silence = {"kind": "ablation", "methods": ["lape", "precision"], "sides": ["top", "bottom"], "seeds": [1, 2, 3]}
    given = config(silence=PERPLEXITY | {"intervene": silence})
    # two languages; LAPE has a top, average precision a top and a bottom; each with two kinds of controls, three times
    assert experiments.count(given, "silence", "ru") == 2 * 3 * (1 + 2 * 3)


def test_activation_files_have_the_bytes_that_were_planned(tmp_path):
    given = config()
    architecture = {key: value for key, value in SIZES.items() if key != "vocab_size"}
    mini = {"source": "mini", "dtype": "float32", "vocabulary_size": 500, "corpus": "c", "architecture": architecture}
    planned = run.Run(given | {"checkpoints": {"m": mini}}, [])
    found = activations_of(
        small_llama(), [np.arange(9)] * 7, reading="gate", keep_means=6, batch_size=2, precision="float32"
    )
    path = tmp_path / "nothing-here" / "m" / "activations" / "ru" / "00002.safetensors"
    path.parent.mkdir(parents=True)
    found.write(path, importance_metadata(reading="gate"))
    # 20 sequences are kept, 6 of them in the last of three shards
    predicted = files.Sizes(planned).of("nothing-here/m/activations/ru/00002.safetensors", job("a"))
    assert predicted == pytest.approx(path.stat().st_size, rel=0.05)


def test_translations_have_the_bytes_that_were_planned(tmp_path):
    given = config()
    architecture = {key: value for key, value in SIZES.items() if key != "vocab_size"}
    mini = {"source": "mini", "dtype": "float32", "vocabulary_size": 500, "corpus": "c", "architecture": architecture}
    planned = run.Run(given | {"checkpoints": {"m": mini}}, [])
    settings = {"reading": "gate", "max_new_tokens": 7, "end_id": 499, "precision": "float32", "batch_size": 25}
    _, found = write_texts(small_llama(), [[1, 2, number] for number in range(25)], **settings)
    translated, sizes = job("measure_translation", experiment="t"), files.Sizes(planned)
    for name in given["experiments"]["t"]["measure"]["translation"]["conditions"]:
        found.write(tmp_path / f"{name}.safetensors", importance_metadata(reading="gate"))
    written = sum(path.stat().st_size for path in tmp_path.glob("*.safetensors"))
    # the headers are not planned: 15 lines and the provenance of each file
    assert 0 < written - sizes.of("nothing-here/m/translation/t/ru", translated) < 2 * 4_000


def test_a_table_adds_up_what_its_jobs_cost():
    importance = "nothing-here/m/importance/ru"
    partial = [f"{importance}/shards/{samples}-{shard:05d}.safetensors" for samples in (10, 100) for shard in range(3)]
    jobs = [
        job("accumulate_gradients", [], partial[shard::3], partial[shard::3], shard=f"{shard:05d}")
        for shard in range(3)
    ]
    sums = [f"{importance}/{samples}.safetensors" for samples in (10, 100)]
    jobs.append(job("combine_importance", partial, sums, gpu=0))
    region = "nothing-here/m/regions/core/100/top-0.05.safetensors"
    jobs.append(job("select_core_region", outputs=[region], gpu=0, region="core"))
    jobs += [job("intervene", [region], ["index.json"], gpu=0, experiment=name) for name in ("removal", "cut")]
    jobs.append(job("measure_anything", outputs=["nothing-here/m/anything.parquet"]))
    cut = {"kind": "lines", "settings": {"a": {"attn.o": "head"}}, "lines": [1]}
    planned, device = run.Run(config(cut=PERPLEXITY | {"intervene": cut}), jobs), rates.device("H100")
    speeds = tables.rates_of(planned, device)
    found = tables.stages(planned, device, speeds)
    stage, size = found["importance"], 4 * 6738415616
    assert stage.jobs == 4
    assert stage.kept == pytest.approx(2 * size, rel=1e-4)
    assert stage.temporary == stage.read == pytest.approx(6 * size, rel=1e-4)
    tokens, loading = 100 * 512, 3 * 2 * 6738415616 / 1e9
    assert stage.seconds == pytest.approx(tokens * 6 * 6738415616 / (0.40 * 989e12) + loading)
    # 2 bytes of weights and 4 of sums a parameter, and the rest
    assert stage.on_device > 6 * 6738415616
    assert stage.on_node == pytest.approx(1.5e9 + 2 * 6738415616 + 8 * 32000 * 4096)
    # lines of a region are counted; of one that is only removed, the removal reads the parameters
    assert found["interventions"].jobs == 2
    assert found["interventions"].read == found["regions"].kept == pytest.approx(6476267520 / 8, rel=1e-3)
    assert found[tables.REST].unknown == {"measure_anything"}
    text = tables.table([found], device)
    assert f"| importance | 4 | {stage.seconds / 3600:.4f} | 53.9 | 162 | 162 |" in text
    assert "Not estimated: measure_anything." in tables.notes(planned, device, speeds, found)


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.004, "< 0.01"), (0.0123, "0.0123"), (9.87, "9.87"), (12345.6, "12,346")]
)
def test_numbers_have_three_digits(value, shown):
    assert tables.amount(value) == shown


def test_more_languages_take_those_of_the_core_first_and_then_everybody_s():
    given = config() | {"languages": ["en", "ru"]}
    given["regions"]["core"]["languages"] = ["zh", "ru"]
    changes = document.with_languages(given, 4)
    assert changes["regions"]["monolingual"]["languages"] == ["zh", "ru", "en", "aa"]
    assert changes["languages"] == ["zh", "ru", "en", "aa"]
    assert document.with_languages(given, 2)["languages"] == ["zh", "ru", "en"]
    # the world, whose questions are asked, is told in few languages: not in Afar
    assert changes["experiments"] == {"removal": {"languages": ["en", "ru"]}}
    with pytest.raises(ValueError, match="--languages must be from 2"):
        document.with_languages(given, 1)
    assert math.isclose(len(document.with_languages(given, 100)["languages"]), 100)
