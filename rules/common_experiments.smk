# Functions about experiments: which languages each measures, what it removes or edits. No rules here.


def lines_experiment():
    """The first experiment that cuts lines; None where there is none."""
    return next((name for name, chosen in config["experiments"].items() if chosen["kind"] == "lines"), None)


def experiment_languages(experiment):
    return config["experiments"][experiment]["languages"] or config["languages"]


def removes_regions(experiment):
    return config["experiments"][experiment]["kind"] == "removal"


def experiment_regions(model, experiment):
    """Region files that an experiment removes, in order; none for one that edits lines, dimensions or parameters."""
    chosen = config["experiments"][experiment]
    if not removes_regions(experiment):
        return []
    if chosen["regions"] == "controls":
        return control_files(model)
    if chosen["regions"] == "equal":
        return equal_files(model)
    return [
        path for samples in milestones(chosen["samples"]) for path in region_files(chosen["regions"], model, samples)
    ]


def experiment_edits(model, experiment):
    """The file of edits of an experiment; none for one that removes regions or silences neurons."""
    return (
        []
        if config["experiments"][experiment]["kind"] in ("removal", "neurons")
        else [f"{R}/{model}/edits/{experiment}.json"]
    )


def edited_region(model, experiment):
    """The region whose lines are counted; for dimensions and parameters it only names the model's matrices."""
    chosen = config["experiments"][experiment]
    ratio = str(chosen["ratio"] or region_ratios(chosen["region"])[-1])
    return f"{R}/{model}/regions/{chosen['region']}/{last_milestone()}/top-{ratio}.safetensors"


def core_region(model):
    """The core region itself: within matrices, at the last ratio."""
    core = config["regions"]["core"]
    return f"{R}/{model}/regions/core/{last_milestone()}/top-{core['ratios'][-1]}.safetensors"


def needs_outliers(experiment):
    """Whether an experiment's dimensions or indices are those of the largest activations."""
    chosen = config["experiments"][experiment]
    by_rank = chosen["kind"] == "dimensions" and isinstance(chosen["dimensions"], int)
    return by_rank or any(place["index"] is None for place in chosen["parameters"])


def outlier_file(model):
    return f"{R}/{model}/activations/residual.parquet"


def chosen_edits(experiment):
    """An experiment's settings, its random side spelled out by seeds."""
    chosen = dict(config["experiments"][experiment])
    random = [f"random-{seed}" for seed in chosen["seeds"]] if "random" in chosen["sides"] else []
    return chosen | {"sides": [side for side in chosen["sides"] if side != "random"] + random}


def perplexity_files(experiments=None):
    return [
        f"{R}/{model}/perplexity/{experiment}/{language}.parquet"
        for model in config["models"]
        for experiment in (experiments or config["experiments"])
        for language in experiment_languages(experiment)
    ]


def language_products(language):
    """Everything that belongs to one language alone (its perplexity needs the regions of all others)."""
    products = [
        f"{R}/{model}/perplexity/{experiment}/{language}.parquet"
        for model in config["models"]
        for experiment in config["experiments"]
        if language in experiment_languages(experiment)
    ]
    if language in importance_languages():
        samples = config["importance"]["samples"]
        products += [importance_file(model, language, s) for model in config["models"] for s in samples]
    return products


def experiment_of(kind):
    """The first experiment that removes this kind of region."""
    return next(
        (name for name, chosen in config["experiments"].items() if removes_regions(name) and chosen["regions"] == kind),
        None,
    )
