# Functions about neurons: whose are found, where counts come from, files. No rules here.
from langatlas.neuron_settings import neuron_languages, steered_pairs


def neuron_models():
    """Models whose neurons are found here."""
    return config["models"] if neuron_languages(config) else []


def imported_counts():
    """Activation counts of other people's runs, by the name that the config gives to them."""
    return config["neurons"]["counts"]


def counted_languages(counted):
    """Languages of a model, or of imported counts, in their order."""
    imported = imported_counts()
    return imported[counted]["languages"] if counted in imported else neuron_languages(config)


def counts_file(wildcards):
    """Released counts of one language: ``$NAME``, ``~`` and ``{language}`` are replaced."""
    pattern = imported_counts()[wildcards.imported]["files"]
    return expanded(pattern, wildcards.label, "neurons.counts")


def activation_files(counted):
    return [f"{R}/{counted}/activations/{language}.safetensors" for language in counted_languages(counted)]


def neuron_methods(counted):
    """Imported counts have no sequences, so average precision cannot be taken."""
    return ["lape"] if counted in imported_counts() else config["neurons"]["methods"]


def neuron_files():
    return [
        f"{R}/{counted}/neurons/{method}.parquet"
        for counted in [*neuron_models(), *imported_counts()]
        for method in neuron_methods(counted)
    ]


NEURON_PUBLISHED = {
    name: str(Path(workflow.basedir) / "resources" / "published" / f"{name}.csv")
    for name in ("neuron_counts", "neuron_overlap")
}
NEURON_TABLES = {"neuron_counts": ["neuron_counts"], "neuron_layers": [], "neuron_overlap": list(NEURON_PUBLISHED)}
TABLES += list(NEURON_TABLES) if neuron_files() else []


def silencing_experiments():
    return [name for name, chosen in config["experiments"].items() if chosen["kind"] == "neurons"]


def experiment_clamps(model, experiment):
    """The file of clamps of an experiment; none for one that changes weights."""
    return [f"{R}/{model}/clamps/{experiment}.json"] if experiment in silencing_experiments() else []


def silenced_languages(experiment):
    return config["experiments"][experiment]["silenced"] or neuron_languages(config)


TABLES += ["silencing"] if silencing_experiments() else []


def steered_languages(name):
    """Languages of the pairs of an experiment, in order."""
    return list(dict.fromkeys(language for pair in steered_pairs(config, name) for language in pair))


def steering_files():
    return [f"{R}/{model}/steering/{name}.parquet" for model in config["models"] for name in config["steering"]]


TABLES += ["steering"] if config["steering"] else []


def neuron_figures():
    products = [f"{R}/figures/{counted}/neuron_layers" for counted in [*neuron_models(), *imported_counts()]]
    products += [f"{R}/figures/{model}/silencing" for model in config["models"] if silencing_experiments()]
    return [f"{product}.{suffix}" for product in products for suffix in ("svg", "png")]


def neuron_caption(name):
    """Arguments of report() for a figure of a model or of imported counts."""
    shown = {"figure": name.replace("_", " "), "model": "{counted}"}
    return {"caption": f"../report/{name}.rst", "category": "4 Place", "labels": shown}


def neuron_products():
    """All tables about neurons; the figures stand beside them in the target `neurons`."""
    names = [*NEURON_TABLES, "silencing", "steering"]
    return [path for name in names if name in TABLES for path in table_files(name).values()]
