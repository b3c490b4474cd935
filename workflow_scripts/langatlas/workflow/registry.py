"""Names of all tables and figures: when a config has them, and which files each is made of. The modules are found by name.

A table `core_removal` is ``langatlas.present.tables.core_removal``, a figure ``langatlas.present.figures.core_removal``: nothing
is imported here, so planning needs neither pandas nor matplotlib, and the hash of a job covers the module that it loads and no
other (``provenance.code_version``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from langatlas import region_names
from langatlas.workflow import experiments, measures, paths, regions
from langatlas.workflow.interventions import KINDS

Inputs = dict[str, str | list[str]]
BOOTSTRAP = ("resamples", "seed")
TESTS = ("permutations", "seed")
BOTH = ("resamples", "permutations", "seed")


@dataclass(frozen=True, slots=True)
class TableEntry:
    """``inputs(config)``: files by the names that the table's module gives to them. ``wanted(config)``: whether there is one.

    ``settings``: what its numbers depend on beside: keys of ``statistics``, ``labels`` (the config's own), ``published_as``
    (which published model each of ours is). ``category``: its place in the report. ``light``: cheap enough for the machine
    that submits.
    """

    inputs: Callable[[dict], Inputs]
    wanted: Callable[[dict], object] = lambda config: True
    settings: tuple[str, ...] = ()
    category: str = "5 Tables"
    light: bool = True


def _table(name: str, *more: str) -> Callable[[dict], Inputs]:
    """Inputs that are tables themselves, each named as it is."""
    return lambda config: {each: paths.table(config, each) for each in (name, *more)}


Names = Callable[[dict], list[str]]


def _rows(measure: str, names: Names | None = None) -> Callable[[dict], Inputs]:
    """Rows of a measure, of these experiments (none given: of all)."""
    return lambda config: {"rows": experiments.row_files(config, measure, names and names(config))}


def _measured(measure: str) -> Names:
    return lambda config: experiments.measured_by(config, measure)


def _silencing(config: dict) -> list[str]:
    return experiments.of(config, kind="ablation", measure="perplexity")


def _steering(config: dict) -> list[str]:
    return experiments.of(config, kind="steering", measure="generation")


def _writing(config: dict) -> list[str]:
    """Experiments about what the model writes, but for those that only steer it, whose table is `steering`."""
    entries = {name: config["experiments"][name]["intervene"] for name in experiments.measured_by(config, "generation")}
    return [name for name, chosen in entries.items() if not chosen or any(one["kind"] != "steering" for one in chosen)]


def removing(config: dict, kind: str) -> list[str]:
    """Experiments that remove all regions of a kind and measure perplexity."""
    return experiments.of(config, kind="removal", measure="perplexity", regions=kind)


def _equal(config: dict) -> list[str]:
    return removing(config, regions.EQUAL)


def _controlled(config: dict) -> list[str]:
    """Perplexity files that hold the core and the controls: of the first experiment with each."""
    named = [name for kind in (regions.CORE, regions.CONTROLS) for name in removing(config, kind)[:1]]
    return experiments.row_files(config, "perplexity", named)


def _neurons(*published: str) -> Callable[[dict], Inputs]:
    """Neuron sets, and published tables under the names ``published_{name}``."""
    known = {f"published_{name}": paths.published(name) for name in published}
    return lambda config: {"neurons": experiments.neuron_files(config)} | known


def _regions_of_models(config: dict) -> Inputs:
    return {
        "extremes": [paths.outliers(config, model) for model in config["models"]],
        "regions": [regions.core(config, model) for model in config["models"]],
    }


def _equal_sets(config: dict) -> Inputs:
    return {
        "rows": experiments.row_files(config, "perplexity", _equal(config)),
        "regions": [path for model in config["models"] for path in regions.equal_files(config, model)],
    }


def _optional(name: str, wanted: bool) -> Callable[[dict], list[str]]:
    return lambda config: [paths.table(config, name)] if wanted else []


def token_stats(config: dict) -> list[str]:
    """Counts of the token shards that are made anyway: test for all, the others for the languages that need them."""
    wanted = []
    for model in config["models"]:
        checkpoint = config["checkpoints"][model]
        wanted += [(model, language, "test") for language in config["languages"]]
        wanted += [(model, language, "locate") for language in regions.importance_languages(config)]
        if checkpoint["source"] == "mini":
            wanted += [(model, language, "pretrain") for language in checkpoint["languages"]]
    return [f"{config['results']}/{model}/tokens/{language}/{split}/stats.json" for model, language, split in wanted]


TABLES: dict[str, TableEntry] = {
    "corpora": TableEntry(lambda config: {"stats": paths.corpus_stats(config)}, settings=("labels",)),
    "tokens": TableEntry(lambda config: {"stats": token_stats(config)}, settings=("labels",)),
    "perplexity": TableEntry(
        _rows("perplexity"),
        settings=(*BOTH, "published_processes"),
        light=False,
    ),
    "base_perplexity": TableEntry(_table("perplexity")),
    "core_removal": TableEntry(
        lambda config: _table("perplexity")(config) | {"published": paths.published("core_removal")},
        settings=("published_as",),
    ),
    "monolingual_removal": TableEntry(
        lambda config: _table("perplexity")(config) | {"published": paths.published("monolingual_removal")},
        settings=("published_as",),
    ),
    "effect_matrix": TableEntry(_table("perplexity")),
    "edits": TableEntry(_table("perplexity")),
    "outliers": TableEntry(_regions_of_models),
    "region_density": TableEntry(
        lambda config: {"counts": paths.counts(config, "regions", "density", [regions.last_milestone(config)])}
    ),
    "region_overlap": TableEntry(
        lambda config: {"counts": paths.counts(config, "regions", "overlap", [regions.last_milestone(config)])}
    ),
    "importance_similarity": TableEntry(
        lambda config: {"counts": paths.counts(config, "importance", "similarity", regions.milestones(config))}
    ),
    "controls": TableEntry(
        lambda config: (
            _table("perplexity")(config)
            | {"counts": paths.counts(config, "controls", "overlap"), "rows": _controlled(config)}
        ),
        settings=BOTH,
    ),
    "reliability": TableEntry(
        lambda config: {
            "counts": paths.counts(config, "controls", "reliability"),
            "overlap": paths.counts(config, "controls", "overlap"),
        }
    ),
    "concentration": TableEntry(lambda config: {"counts": paths.counts(config, "controls", "concentration")}),
    "family_overlap": TableEntry(_table("region_overlap"), settings=(*TESTS, "labels")),
    "survival": TableEntry(
        _table("controls", "reliability", "concentration", "family_overlap", "effect_matrix", "core_removal"),
        category="0 What survives the controls",
    ),
    "readings": TableEntry(
        lambda config: (
            _table("perplexity", "controls", "reliability", "tokens")(config)
            | {"pretraining": _optional("pretraining", bool(experiments.trained(config)))(config)}
        ),
        category="0 What survives the controls",
    ),
    "neuron_counts": TableEntry(_neurons("neuron_counts"), experiments.neuron_files),
    "neuron_layers": TableEntry(_neurons(), experiments.neuron_files),
    "neuron_overlap": TableEntry(_neurons("neuron_counts", "neuron_overlap"), experiments.neuron_files),
    "silencing": TableEntry(_rows("perplexity", _silencing), _silencing, settings=BOTH),
    "steering": TableEntry(_rows("generation", _steering), _steering, settings=TESTS),
    "region_neurons": TableEntry(
        lambda config: {"counts": paths.counts(config, "agreement", "region_neurons")},
        regions.agreement_languages,
    ),
    "importance_activation": TableEntry(
        lambda config: {"counts": paths.counts(config, "agreement", "importance_activation")},
        regions.agreement_languages,
    ),
    "equal_removal": TableEntry(_equal_sets, _equal, settings=BOTH, category="2 Removal"),
    "isolation": TableEntry(_equal_sets, _equal, settings=BOTH, category="2 Removal"),
    "translation": TableEntry(_rows("translation"), _measured("translation"), settings=BOOTSTRAP),
    "inhibition": TableEntry(_rows("translation"), _measured("translation"), settings=BOOTSTRAP),
    "generation": TableEntry(_rows("generation", _writing), _writing),
    "questions": TableEntry(_rows("questions"), _measured("questions"), settings=BOTH),
    "pretraining": TableEntry(
        lambda config: {"rows": experiments.arm_files(config)}, experiments.trained, settings=BOOTSTRAP
    ),
    "forgetting": TableEntry(
        lambda config: {"rows": experiments.arm_files(config)}, experiments.trained, settings=BOOTSTRAP
    ),
    "published": TableEntry(
        lambda config: (
            _table("perplexity")(config)
            | {
                "pretraining": _optional("pretraining", bool(experiments.trained(config)))(config),
                "published": paths.published_files(),
            }
        ),
        settings=("published_as",),
    ),
    "findings": TableEntry(
        lambda config: (
            _table("perplexity", "effect_matrix")(config)
            | {"isolation": _optional("isolation", bool(_equal(config)))(config)}
        )
    ),
}


@dataclass(frozen=True, slots=True)
class FigureEntry:
    """``inputs(config, model, part)``: files by the names that the figure's module gives to them.

    ``params(config, part)``: settings that it is drawn with, or that its caption alone speaks of. ``parts(config)``: it is drawn
    once for each, named ``{figure}-{part}``; none: once for a model. ``models(config)``: those that have it. ``labels``: what
    tells it from its like in the report, ``{part}`` replaced.
    """

    inputs: Callable[[dict, str, str], Inputs]
    category: str
    params: Callable[[dict, str], dict] = lambda config, part: {}
    parts: Callable[[dict], Iterable[str]] | None = None
    models: Callable[[dict], Iterable[str]] = lambda config: config["models"]
    formats: tuple[str, ...] = ("svg", "png")
    labels: dict[str, str] = field(default_factory=dict)


def _drawn_from(*tables: str) -> Callable[[dict, str, str], Inputs]:
    return lambda config, model, part: {name: paths.table(config, name) for name in tables}


def _sequences(config: dict) -> dict:
    return {"sequences": config["tokens"]["max_sequences"]["test"]}


def _samples(config: dict) -> dict:
    return {"samples": regions.last_milestone(config)}


def _if_any(wanted: Callable[[dict], object]) -> Callable[[dict], list[str]]:
    return lambda config: config["models"] if wanted(config) else []


def _core_removal(config: dict, part: str) -> dict:
    chosen = {"region": regions.CORE, "published_model": "LLaMA-2-7B"}
    return chosen | _samples(config) | _sequences(config)


def _cutting(config: dict) -> list[str]:
    return experiments.of(config, kind="lines", measure="perplexity")


def _core_lines(config: dict, part: str) -> dict:
    experiment = _cutting(config)[0]
    chosen = next(entry for entry in config["experiments"][experiment]["intervene"] if entry["kind"] == "lines")
    described = {"experiment": experiment, "region": chosen["region"], "ratio": chosen["ratio"]}
    return described | _samples(config) | _sequences(config)


def _largest_own_region(config: dict) -> dict:
    return {"ratio": max(config["regions"]["monolingual"]["ratios"])} | _samples(config)


def _effect_matrix(config: dict, part: str) -> dict:
    return (
        {"kind": regions.monolingual_kind(config), "significance": 0.05}
        | _largest_own_region(config)
        | _sequences(config)
    )


def _region_overlap(config: dict, part: str) -> dict:
    return {"scope": regions.shown_scope(config), "side": "top"} | _largest_own_region(config)


def _density(config: dict) -> dict:
    return {"side": "top", "ratio": config["figures"]["density"]["ratio"]} | _samples(config)


def _density_kinds(config: dict) -> list[str]:
    """Regions whose density differs between matrices: the core ranked over the whole model, and the monolingual ones."""
    scopes = config["regions"]["core"]["scopes"]
    scope = next((scope for scope in scopes if scope != region_names.PLAIN_SCOPE), scopes[0])
    return [region_names.name_of(regions.CORE, scope=scope), regions.monolingual_kind(config)]


def density_region(config: dict, model: str, region: str) -> str:
    """The region file that density maps show."""
    ratio = config["figures"]["density"]["ratio"]
    return paths.region(config, model, region, regions.last_milestone(config), "top", ratio)


def density_cmap(config: dict, region: str) -> str:
    """Colours as published: red, and blue for the second of the two languages that are compared."""
    return "Blues" if regions.of(config, region).language in config["figures"]["density"]["languages"][1:] else "Reds"


def _density_sheets(config: dict) -> list[str]:
    """Regions shown as sheets: the core and the two languages that are compared."""
    return [
        regions.CORE,
        *(regions.monolingual_name(config, label) for label in config["figures"]["density"]["languages"]),
    ]


def _density_sheet(config: dict, part: str) -> dict:
    return {"cmap": density_cmap(config, part), "vmax": None} | _density(config)


def density_map(config: dict, region: str, module: str, layer: str) -> dict:
    """How one matrix of a region is drawn."""
    place = {"module": module, "layer": int(layer)}
    return place | {"cmap": density_cmap(config, region), "vmax": 1} | _density(config)


def animation_panels(config: dict, part: str) -> list[dict]:
    """Two panels over the layers: two modules of the core, or one module of two languages' regions."""
    drawn = config["figures"]["density"]
    if part == "core":
        return [{"region": regions.CORE, "module": module, "cmap": "Reds"} for module in drawn["modules"]]
    shown = [regions.monolingual_name(config, label) for label in drawn["languages"]]
    return [{"region": name, "module": drawn["language_module"], "cmap": density_cmap(config, name)} for name in shown]


def _animation(config: dict, part: str) -> dict:
    panels = [{"module": panel["module"], "cmap": panel["cmap"]} for panel in animation_panels(config, part)]
    return {"panels": panels, "seconds": 0.5, "vmax": 1} | _density(config)


def _animated(config: dict, model: str, part: str) -> Inputs:
    return {"regions": [density_region(config, model, panel["region"]) for panel in animation_panels(config, part)]}


def _translations(config: dict) -> dict[str, tuple[str, str]]:
    """Experiment and source language of every figure about a translation, by what it is called."""
    return {
        f"{name}-{language}": (name, language)
        for name in experiments.measured_by(config, "translation")
        for language in experiments.languages_of(config, name)
    }


def _counted(config: dict, model: str, part: str) -> Inputs:
    return {"activations": paths.row_folder(config, model, "translation", *_translations(config)[part])}


def _translation(config: dict, part: str) -> dict:
    experiment, language = _translations(config)[part]
    return {"experiment": experiment, "language": language}


def _conditions(config: dict, part: str) -> dict:
    found = _translation(config, part)
    return found | {"conditions": measures.chosen(config, found["experiment"], "translation")["conditions"]}


EXPERIMENT = {"experiment": "{part}"}
FIGURES: dict[str, FigureEntry] = {
    "training_curve": FigureEntry(
        lambda config, model, part: {"training": f"{paths.model_folder(config, model)}/training.csv"},
        "1 Model",
        models=lambda config: [m for m in config["models"] if config["checkpoints"][m]["source"] == "mini"],
    ),
    "core_removal": FigureEntry(
        lambda config, model, part: {
            "core_removal": paths.table(config, "core_removal"),
            "published": paths.published("core_removal"),
        },
        "2 Removal",
        _core_removal,
        models=_if_any(lambda config: removing(config, regions.CORE)),
    ),
    "core_lines": FigureEntry(
        _drawn_from("edits"),
        "2 Removal",
        _core_lines,
        models=_if_any(_cutting),
    ),
    "effect_matrix": FigureEntry(
        _drawn_from("effect_matrix"),
        "2 Removal",
        _effect_matrix,
        models=_if_any(lambda config: removing(config, regions.MONOLINGUAL)),
    ),
    "controls": FigureEntry(
        _drawn_from("controls"),
        "2 Removal",
        lambda config, part: (
            {"samples": config["importance"]["variants"]["samples"], "core_samples": regions.last_milestone(config)}
            | _sequences(config)
        ),
        models=_if_any(lambda config: removing(config, regions.CONTROLS)),
    ),
    "silencing": FigureEntry(
        _drawn_from("silencing"),
        "2 Removal",
        lambda config, part: {"significance": 0.05} | _sequences(config),
        parts=_silencing,
        labels=EXPERIMENT,
    ),
    "agreement": FigureEntry(
        _drawn_from("equal_removal", "isolation", "region_neurons", "importance_activation"),
        "2 Removal",
        lambda config, part: _sequences(config),
        parts=_equal,
        labels=EXPERIMENT,
    ),
    "pretraining": FigureEntry(
        _drawn_from("pretraining"),
        "2 Removal",
        lambda config, part: {"chosen": experiments.training(config, part)},
        parts=experiments.trained,
        labels=EXPERIMENT,
    ),
    "questions": FigureEntry(
        _drawn_from("questions"),
        "2 Removal",
        lambda config, part: {"chosen": measures.chosen(config, part, "questions")},
        parts=_measured("questions"),
        labels=EXPERIMENT,
    ),
    "importance_similarity": FigureEntry(
        _drawn_from("importance_similarity"),
        "3 Sharing",
        lambda config, part: {"measure": "spearman"} | _samples(config),
        models=_if_any(lambda config: len(regions.importance_languages(config)) > 1),
    ),
    "region_overlap": FigureEntry(
        _drawn_from("region_overlap"),
        "3 Sharing",
        _region_overlap,
        models=_if_any(lambda config: len(config["regions"]["monolingual"]["languages"]) > 1),
    ),
    "density_by_layer": FigureEntry(
        _drawn_from("region_density"),
        "4 Place",
        lambda config, part: (
            {"kinds": _density_kinds(config), "ratio": config["figures"]["density"]["ratio"]} | _samples(config)
        ),
    ),
    "density_sheet": FigureEntry(
        lambda config, model, part: {"region": density_region(config, model, part)},
        "4 Place",
        _density_sheet,
        parts=_density_sheets,
        labels={"region": "{part}"},
    ),
    "density_animation": FigureEntry(
        _animated,
        "4 Place",
        _animation,
        parts=lambda config: ["core", "languages"],
        formats=("gif",),
        labels={"region": "{part}"},
    ),
    "concentration": FigureEntry(_drawn_from("concentration"), "4 Place", lambda config, part: _samples(config)),
    "neuron_layers": FigureEntry(_drawn_from("neuron_layers"), "4 Place", models=experiments.counted_models),
    "inhibition": FigureEntry(
        _drawn_from("inhibition"), "4 Place", _translation, parts=_translations, labels=EXPERIMENT
    ),
    "neuron_peaks": FigureEntry(
        _counted,
        "4 Place",
        lambda config, part: (
            _conditions(config, part)
            | {"share": measures.chosen(config, _translation(config, part)["experiment"], "translation")["peaks"]}
        ),
        parts=_translations,
        labels=EXPERIMENT,
    ),
    "neuron_activity": FigureEntry(_counted, "4 Place", _conditions, parts=_translations, labels=EXPERIMENT),
}


# -- which experiments a table or picture is about ---------------------------------------------------------------------


def _editing(config: dict) -> list[str]:
    """Experiments that set lines, dimensions or single parameters."""
    edits = {name for name, kind in KINDS.items() if kind.mechanism == "edit"}
    names = experiments.of(config, measure="perplexity")
    return [n for n in names if edits & {entry["kind"] for entry in config["experiments"][n]["intervene"]}]


# Tables made of a part of another table; of others their inputs tell.
ABOUT: dict[str, Names] = {
    "core_removal": lambda config: removing(config, regions.CORE),
    "monolingual_removal": lambda config: removing(config, regions.MONOLINGUAL),
    "effect_matrix": lambda config: removing(config, regions.MONOLINGUAL),
    "edits": _editing,
}


def shown(config: dict, table: str) -> list[str]:
    """Experiments that a table is about."""
    if table in ABOUT:
        return ABOUT[table](config)
    files = TABLES[table].inputs(config).values()
    read = {
        path for paths_of_one in files for path in ([paths_of_one] if isinstance(paths_of_one, str) else paths_of_one)
    }
    return [name for name in config["experiments"] if read.intersection(experiments.rows_of(config, name))]


def drawn(config: dict, figure: str) -> dict[str, list[str]]:
    """Experiments that each picture of a figure is about, by part ("" where it has none)."""
    return {part: _drawn(config, figure, part) for part in (FIGURES[figure].parts or (lambda config: [""]))(config)}


def _drawn(config: dict, figure: str, part: str) -> list[str]:
    """The one that it is drawn once for, or that its settings name; else those of the tables that it shows."""
    if part in config["experiments"]:
        return [part]
    if "experiment" in (settings := FIGURES[figure].params(config, part)):
        return [settings["experiment"]]
    model = config["models"][0]
    inputs = [figure] if figure in TABLES else FIGURES[figure].inputs(config, model, part)
    return list(dict.fromkeys(name for table in inputs if table in TABLES for name in shown(config, table)))
