# Functions about regions beside neurons: who has both, sets of equal size, what is made of them. No rules here.


def agreement_languages():
    """Languages that have a region and neurons of their own."""
    return [label for label in neuron_languages(config) if label in config["regions"]["monolingual"]["languages"]]


def agreement_models():
    return config["models"] if agreement_languages() else []


def monolingual_region(model, language):
    """A language's own region: of the first scope, at the largest ratio."""
    ratio = max(config["regions"]["monolingual"]["ratios"])
    return f"{R}/{model}/regions/{monolingual_name(language)}/{last_milestone()}/top-{ratio}.safetensors"


def method_files(model):
    """Neuron sets of a model, one a method."""
    return [f"{R}/{model}/neurons/{method}.parquet" for method in config["neurons"]["methods"]]


def equal_languages():
    """Languages whose sets are cut to equal size."""
    return config["regions"]["equal"]["languages"] or agreement_languages()


def equal_plan():
    """All sets of a language as (method, side, share); random ones beside the largest share only."""
    equal = config["regions"]["equal"]
    random = [f"random-{seed}" for seed in equal["seeds"]]
    methods = ["importance", *config["neurons"]["methods"]]
    return [
        (method, side, str(share))
        for share in equal["shares"]
        for method in methods
        for side in ["top", *(random if share == max(equal["shares"]) else [])]
    ]


def equal_files(model, languages=None):
    """Files of these sets, of all languages or a pattern."""
    return [
        f"{R}/{model}/regions/{method}-equal-{language}/{last_milestone()}/{side}-{share}.safetensors"
        for language in (languages or equal_languages())
        for method, side, share in equal_plan()
    ]


def equal_experiments():
    """Experiments that remove them."""
    return [
        name for name, chosen in config["experiments"].items() if removes_regions(name) and chosen["regions"] == "equal"
    ]


AGREEMENT_TABLES = ["region_neurons", "importance_activation"] if agreement_models() else []
ISOLATION_TABLES = ["equal_removal", "isolation"] if equal_experiments() else []
TABLES += AGREEMENT_TABLES + ISOLATION_TABLES


def several_tables(names, category="5 Tables"):
    """Outputs of a rule that writes several tables, by NAME_SUFFIX."""
    return {f"{name}_{key}": path for name in names for key, path in table_outputs(name, category).items()}


def agreement_figures():
    drawn = config["models"] if ISOLATION_TABLES else []
    return [f"{R}/figures/{model}/agreement.{suffix}" for model in drawn for suffix in ("svg", "png")]
