# Functions that rules share: the checked config, names of files, and what each region is made of. No rules here.
import re
import sys
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/workflow_scripts")
from langatlas import region_names as regions
from langatlas import settings
from langatlas.corpora.parts import check_parts, input_files
from langatlas.files import checkpoint_files, checkpoint_source, expanded, own_file
from langatlas.provenance import code_version as version_of_script
from langatlas.provenance import use_this_checkout

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
use_this_checkout()
settings.refuse_unread("config.yaml", workflow.configfiles)
as_given = config
config = settings.checked(as_given, Path(workflow.basedir) / "schemas" / "config.schema.yaml", workflow.configfiles)
R = config["results"]
SPLITS = ["pretrain", "locate", "test"]
REGIONS = regions.catalogue(config)  # what each name of a region stands for


def code_version(script):
    """Hash of an entry script and what it imports: a rule with it in its params reruns when that code changes."""
    return version_of_script(SCRIPTS / f"{script}.py")


def alternatives(values):
    """Regular expression that matches exactly these values; one that matches nothing where there are none."""
    return "|".join(map(re.escape, values)) or "(?!)"


# -- files of one language ---------------------------------------------------------------------------------------------


def corpus_documents(model, language, split):
    corpus = config["checkpoints"][model]["corpus"]
    return f"{R}/corpora/{corpus}/{language}/{split}.parquet"


def token_shards(model, language, split):
    folder = f"{R}/{model}/tokens/{language}/{split}"
    return [f"{folder}/{shard:05d}.arrow" for shard in range(config["tokens"]["shards"][split])]


def is_mini(model):
    return config["checkpoints"][model]["source"] == "mini"


def source_of(model):
    """Folder or Hub id of a checkpoint that others made."""
    return checkpoint_source(config["checkpoints"][model]["path"], model)


def asked_lengths(model):
    """Tokens of the longest sequences that the config asks of a model, by the key that asks."""
    lengths = {"tokens.sequence_length": config["tokens"]["sequence_length"]}
    for section in ("generation", "steering"):
        for name, chosen in config[section].items():
            length = chosen["prompt_tokens"] + chosen["max_new_tokens"]
            lengths[f"{section}.{name}.prompt_tokens and max_new_tokens"] = length
    return lengths


def tokenizer_files(model):
    return [f"{R}/models/{model}/tokenizer.json", f"{R}/models/{model}/tokenizer_config.json"]


def importance_languages():
    """Languages that need an importance: those of the core and those with a region of their own."""
    listed = config["regions"]["core"]["languages"] + config["regions"]["monolingual"]["languages"]
    return list(dict.fromkeys(listed))


def importance_file(model, language, samples):
    return f"{R}/{model}/importance/{language}/{samples}.safetensors"


# -- regions -----------------------------------------------------------------------------------------------------------


def region_names(kind):
    """Names of all regions of a kind: core, language or monolingual."""
    return [named.name for named in regions.of_kind(config, kind)]


def region_ratios(region):
    """Ratios at which a region is there."""
    return regions.own_config(config, REGIONS[region].kind)["ratios"]


def region_sides(kind):
    """Sides and ratios of a kind of region, as (side, ratio); language regions only serve to make monolingual ones."""
    own = regions.own_config(config, kind)
    sides = [side for side in own["sides"] if side != "random"]
    if kind == "language":
        sides = list(dict.fromkeys(["top", *sides]))
    elif "random" in own["sides"]:
        sides += [f"random-{seed}" for seed in own["seeds"]]
    return [(side, str(ratio)) for ratio in own["ratios"] for side in sides]


def region_files(kind, model, samples, names=None):
    return [
        f"{R}/{model}/regions/{region}/{samples}/{side}-{ratio}.safetensors"
        for region in (names or region_names(kind))
        for side, ratio in region_sides(kind)
    ]


def milestones(samples=None):
    return samples or [max(config["importance"]["samples"])]


def last_milestone():
    return max(config["importance"]["samples"])


# -- what is made of them ----------------------------------------------------------------------------------------------


def table_files(name):
    """The files of a table, by suffix."""
    return {suffix: f"{R}/tables/{name}.{suffix}" for suffix in ("csv", "md", "tex", "json", "html")}


def table_outputs(name, category="5 Tables"):
    """The same, its page marked for the report."""
    files, shown = table_files(name), {"table": name.replace("_", " ")}
    return files | {"html": report(files["html"], "../report/table.rst", category=category, labels=shown)}


def corpus_stats():
    """Counts of every corpus and language in use."""
    corpora = dict.fromkeys(config["checkpoints"][model]["corpus"] for model in config["models"])
    return [f"{R}/corpora/{corpus}/{language}/stats.json" for corpus in corpora for language in config["languages"]]


def token_stats():
    """Counts of the token shards that are made anyway: test for all, the others for the languages that need them."""
    wanted = []
    for model in config["models"]:
        wanted += [(model, language, "test") for language in config["languages"]]
        wanted += [(model, language, "locate") for language in importance_languages()]
        if is_mini(model):
            wanted += [(model, language, "pretrain") for language in config["checkpoints"][model]["languages"]]
    return [f"{R}/{model}/tokens/{language}/{split}/stats.json" for model, language, split in wanted]


def counts(kind, name, samples):
    """Counts behind a table of regions or importances, of all models, at these milestones."""
    return [f"{R}/{model}/{kind}/{name}/{count}.csv" for model in config["models"] for count in samples]


def published_as():
    """Which published model each of ours is."""
    return {m: p for m in config["models"] if (p := config["checkpoints"][m]["published_as"])}


def published_files():
    """All transcribed numbers of the paper."""
    return sorted(map(str, (Path(workflow.basedir) / "resources" / "published").glob("*.csv")))


STYLE = str(Path(workflow.basedir) / "resources" / "langatlas.mplstyle")
PUBLISHED = {
    name: str(Path(workflow.basedir) / "resources" / "published" / f"{name}.csv")
    for name in ("core_removal", "monolingual_removal")
}
# Tables made of perplexity.csv, with the published numbers that stand beside ours.
REMOVAL_TABLES = {"base_perplexity": [], **PUBLISHED, "effect_matrix": []}
REGION_TABLES = {
    "region_density": counts("regions", "density", [last_milestone()]),
    "region_overlap": counts("regions", "overlap", [last_milestone()]),
    "importance_similarity": counts("importance", "similarity", config["importance"]["samples"]),
}


def caption(name, category, **labels):
    """Arguments of report(): a caption of report/, a category, and what tells this figure from its like."""
    shown = {"figure": name.replace("_", " "), "model": "{model}", **labels}
    return {"caption": f"../report/{name}.rst", "category": category, "labels": shown}


def shown_scope():
    """Scope of the monolingual regions that figures show: the first."""
    return config["regions"]["monolingual"]["scopes"][0]


def monolingual_kind():
    """What the monolingual regions of that scope are called without their language."""
    return regions.name_of("monolingual", scope=shown_scope())


def monolingual_name(language):
    """A language's own region of that scope."""
    return regions.name_of("monolingual", language, shown_scope())


def density_kinds():
    """Regions whose density differs between matrices: the core ranked over the whole model, and the monolingual ones."""
    scopes = config["regions"]["core"]["scopes"]
    scope = next((scope for scope in scopes if scope != regions.PLAIN_SCOPE), scopes[0])
    return [regions.name_of("core", scope=scope), monolingual_kind()]


def density_region(model, region):
    """The region file that density maps show."""
    ratio = str(config["figures"]["density"]["ratio"])
    return f"{R}/{model}/regions/{region}/{last_milestone()}/top-{ratio}.safetensors"


def density_cmap(region):
    """Colours as published: red, and blue for the second of the two languages that are compared."""
    return "Blues" if REGIONS[region].language in config["figures"]["density"]["languages"][1:] else "Reds"


def animation_panels():
    """Two-panel animations over the layers: two modules of the core, and one module of two languages' regions."""
    drawn = config["figures"]["density"]
    core = [{"region": "core", "module": module, "cmap": "Reds"} for module in drawn["modules"]]
    compared = [monolingual_name(language) for language in drawn["languages"]]
    pair = [{"region": r, "module": drawn["language_module"], "cmap": density_cmap(r)} for r in compared]
    return {"core": core, "languages": pair}


ANIMATIONS = animation_panels()
TABLES = [
    "corpora",
    "tokens",
    "perplexity",
    *REMOVAL_TABLES,
    *REGION_TABLES,
    "edits",
    "outliers",
    "published",
    "findings",
]
TABLES += ["pretraining", "forgetting"] if config["pretraining"] else []


def tables():
    return [path for name in TABLES for path in table_files(name).values()]


def figures():
    """Pictures of every model: those from tables, sheets of density maps, animations. Of what was not measured there is none."""
    drawn = ["density_by_layer", "concentration", "controls" if experiment_of("controls") else ""]
    drawn += ["core_removal" if experiment_of("core") else "", "effect_matrix" if experiment_of("monolingual") else ""]
    drawn += ["importance_similarity"] if len(importance_languages()) > 1 else []
    drawn += ["region_overlap"] if len(config["regions"]["monolingual"]["languages"]) > 1 else []
    drawn += ["core_lines"] if lines_experiment() else []
    drawn += [f"pretraining-{name}" for name in config["pretraining"]]
    drawn += [f"questions-{name}" for name in config["questions"]]
    drawn += [f"density_sheet-{region}" for region in density_sheets()]
    products = []
    for model in config["models"]:
        names = [name for name in drawn if name] + (["training_curve"] if is_mini(model) else [])
        products += [f"{R}/figures/{model}/{name}.{suffix}" for name in names for suffix in ("svg", "png")]
        products += [f"{R}/figures/{model}/{name}_layers.gif" for name in ANIMATIONS]
    return products + neuron_figures() + translation_figures() + agreement_figures()


def density_sheets():
    """Regions shown as sheets: the core and the two languages that are compared."""
    return ["core", *map(monolingual_name, config["figures"]["density"]["languages"])]


def world_files(corpus, language):
    """Data files of the world that a corpus of this language is written from; none for other sources."""
    if all(part["source"] != "world" for part in config["corpora"][corpus]["parts"]):
        return []
    folder = Path(workflow.basedir) / "resources" / "world"
    return [str(path) for path in (folder / "facts.yaml", folder / f"{language}.yaml") if path.exists()]


def local_text_files(corpus, language):
    """The user's own files behind a corpus: an edited file reruns its language. Where there are none, the job says so."""
    try:
        return input_files(check_parts(config["corpora"][corpus]["parts"]), language)
    except ValueError:
        return []


def mini_shards(model, split):
    """Token shards of all languages that a mini model is trained on."""
    return [
        path for language in config["checkpoints"][model]["languages"] for path in token_shards(model, language, split)
    ]


def language_region(region):
    """Region of a language itself, from which its monolingual region is made."""
    named = REGIONS[region]
    return regions.name_of("language", named.language, named.scope)


def subtracted_languages():
    """Languages whose regions are taken away from every other's."""
    return config["regions"]["against"] or config["regions"]["monolingual"]["languages"]


def language_regions(scope):
    """Regions of these languages of one scope."""
    return [regions.name_of("language", language, scope) for language in subtracted_languages()]


def shared_region(region):
    """What is taken away from a language's region: what any of those languages has, or, for one of them, what two have."""
    named = REGIONS[region]
    return regions.name_of("shared" if named.language in subtracted_languages() else "union", scope=named.scope)


def region_outputs(kind):
    """Output patterns that make up one region, a file per side and ratio."""
    return [
        f"{R}/{{model}}/regions/{{region}}/{{samples}}/{side}-{ratio}.safetensors" for side, ratio in region_sides(kind)
    ]
