# Functions about translation with parallel input: conditions, languages, files. No rules here.
from langatlas import languages as registry
from langatlas.corpora.translation_prompts import Condition


def translation_languages(name):
    """All languages in which the sentences of an experiment are needed, the source first."""
    chosen = config["translation"][name]
    inputs = [
        language
        for condition in map(Condition.parse, chosen["conditions"])
        for language in condition.languages(chosen["source"], chosen["further"])
    ]
    return list(dict.fromkeys([chosen["source"], chosen["target"], *inputs]))


def translation_names(name):
    """What prompts call the languages."""
    return {language: registry.get(language, config["labels"]).name for language in translation_languages(name)}


def translation_sources(name):
    """What the sentences are read from: the world's data files, or your own. Where there are none, the job says so."""
    files = config["translation"][name]["files"]
    if not files:
        folder = Path(workflow.basedir) / "resources" / "world"
        return [str(folder / "facts.yaml"), *(str(folder / f"{code}.yaml") for code in translation_languages(name))]
    try:
        return list(
            dict.fromkeys(own_file(files, language, "translation.files") for language in translation_languages(name))
        )
    except ValueError:
        return []


def translation_rows():
    return [f"{R}/{model}/translation/{name}.parquet" for model in config["models"] for name in config["translation"]]


def translation_outputs():
    """Both tables as outputs of one rule."""
    return {
        f"{table}_{suffix}": path
        for table in ("translation", "inhibition")
        for suffix, path in table_outputs(table).items()
    }


TRANSLATION_FIGURES = ["inhibition", "neuron_peaks", "neuron_activity"]
TABLES += ["translation", "inhibition"] if config["translation"] else []


def translation_figures():
    return [
        f"{R}/figures/{model}/{figure}-{name}.{suffix}"
        for model in config["models"]
        for name in config["translation"]
        for figure in TRANSLATION_FIGURES
        for suffix in ("svg", "png")
    ]


def translation_caption(name):
    return caption(name, "4 Place", experiment="{translation}")


def translation_products():
    """Both tables and all figures: what the target `translation` makes."""
    names = ("translation", "inhibition") if config["translation"] else ()
    return [path for name in names for path in table_files(name).values()] + translation_figures()
