# Functions about controls: other scores of parameters, the core regions that they give, and what is compared. No rules here.


def variants():
    return config["importance"]["variants"]["names"]


def variants_of_text():
    """Variants that need text: all but the size of parameters, which is the same for every language."""
    return [name for name in variants() if name != "magnitude"]


def variant_samples():
    return config["importance"]["variants"]["samples"]


def variant_file(model, variant, language):
    return f"{R}/{model}/importance-{variant}/{language}/{variant_samples()}.safetensors"


def magnitude_file(model):
    return f"{R}/{model}/importance-magnitude/{variant_samples()}.safetensors"


def control_names():
    """Regions that are compared with the core, and how many samples each was made from."""
    found = regions.controls(config)
    return {c.name: last_milestone() if c.score in ("only", "matched") else variant_samples() for c in found}


def control_files(model):
    controls = config["regions"]["controls"]
    files = []
    for region, samples in control_names().items():
        matched = REGIONS[region].score == "matched"
        sides = [f"random-{seed}" for seed in controls["matched"]] if matched else ["top"]
        files += [f"{R}/{model}/regions/{region}/{samples}/{side}-{controls['ratio']}.safetensors" for side in sides]
    return files


def control_importances(model, region):
    """What a control is selected by."""
    control, languages = REGIONS[region], config["regions"]["core"]["languages"]
    if control.score == "only":
        return [importance_file(model, control.language, last_milestone())]
    if control.score == "few":
        return [importance_file(model, language, variant_samples()) for language in languages]
    if control.score == "magnitude":
        return [magnitude_file(model)]
    return [variant_file(model, control.score, language) for language in languages]


def plain_core(model):
    """The core that controls stand beside: within matrices, at their ratio."""
    return f"{R}/{model}/regions/core/{last_milestone()}/top-{config['regions']['controls']['ratio']}.safetensors"


def compared_with_core(model):
    """Regions whose overlap with the core is counted: all controls, and the core ranked over wider scopes."""
    ratio = config["regions"]["controls"]["ratio"]
    wider = [name for name in region_names("core") if name != "core"]
    ranked = [f"{R}/{model}/regions/{name}/{last_milestone()}/top-{ratio}.safetensors" for name in wider]
    return ranked + control_files(model)


def reliability_pairs(model):
    """Importances that are compared: halves of one language, halves of two, little and much text of one."""
    languages, samples = config["regions"]["core"]["languages"], config["importance"]["samples"]
    pairs = []
    if {"half-1", "half-2"} <= set(variants()):
        halves = {language: [variant_file(model, f"half-{i}", language) for i in (1, 2)] for language in languages}
        pairs += [("halves", *halves[language]) for language in languages]
        pairs += [("languages", halves[a][0], halves[b][1]) for a in languages for b in languages if a < b]
    if len(samples) > 1:
        ends = (samples[0], samples[-1])
        pairs += [("milestones", *(importance_file(model, language, s) for s in ends)) for language in languages]
    return pairs


def concentrated_regions(model):
    """Top regions whose concentration is measured: the core and every monolingual region, at the largest ratio."""
    names = {"core": ["core"], "monolingual": region_names("monolingual")}
    return [
        f"{R}/{model}/regions/{region}/{last_milestone()}/top-{max(config['regions'][kind]['ratios'])}.safetensors"
        for kind, found in names.items()
        for region in found
    ]


def control_counts(name):
    return [f"{R}/{model}/controls/{name}.csv" for model in config["models"]]


def control_perplexity():
    """Perplexity files that hold the core and the controls."""
    experiments = [name for name in map(experiment_of, ("core", "controls")) if name]
    return perplexity_files(experiments) if experiments else []


CONTROL_TABLES = {
    "controls": {
        "perplexity": f"{R}/tables/perplexity.csv",
        "counts": control_counts("overlap"),
        "rows": control_perplexity(),
    },
    "reliability": {"counts": control_counts("reliability"), "overlap": control_counts("overlap")},
    "concentration": {"counts": control_counts("concentration")},
    "family_overlap": {"overlap": f"{R}/tables/region_overlap.csv"},
    "survival": {
        name: f"{R}/tables/{name}.csv"
        for name in ("controls", "reliability", "concentration", "family_overlap", "effect_matrix", "core_removal")
    },
    "readings": {
        name: f"{R}/tables/{name}.csv"
        for name in (
            "perplexity",
            "controls",
            "reliability",
            "tokens",
            *(["pretraining"] if config["pretraining"] else []),
        )
    },
}
CONTROL_CATEGORIES = dict.fromkeys(("survival", "readings"), "0 What survives the controls")
TABLES += list(CONTROL_TABLES)
