"""What each entry of the config's experiments changes and measures: languages, files, arms, pairs."""

from langatlas import languages as registry
from langatlas.corpora.translation_prompts import Condition
from langatlas.files import expanded
from langatlas.neuron_settings import neuron_languages, steered_pairs
from langatlas.workflow import paths, regions


def languages_of(config: dict, section: str, name: str) -> list[str]:
    """Languages that an entry of a section measures; null: all."""
    return config[section][name]["languages"] or config["languages"]


def test_shards(config: dict, model: str, languages: list[str]) -> list[str]:
    """Test text of these languages."""
    return [paths.token_shard(config, model, language, "test") for language in languages]


# -- perplexity --------------------------------------------------------------------------------------------------------


def of_kind(config: dict, *kinds: str) -> list[str]:
    """Experiments of these kinds: removal, lines, dimensions, parameters, neurons."""
    return [name for name, chosen in config["experiments"].items() if chosen["kind"] in kinds]


def removing(config: dict, kind: str) -> list[str]:
    """Experiments that remove this kind of region."""
    return [name for name in of_kind(config, "removal") if config["experiments"][name]["regions"] == kind]


def first(names: list[str]) -> str | None:
    """The first of several experiments; None where there is none."""
    return names[0] if names else None


def removed_files(config: dict, model: str, experiment: str) -> list[str]:
    """Region files that an experiment removes, in order; none for one that edits lines, dimensions or parameters."""
    chosen = config["experiments"][experiment]
    if chosen["kind"] != "removal":
        return []
    if chosen["regions"] == regions.CONTROLS:
        return regions.control_files(config, model)
    if chosen["regions"] == regions.EQUAL:
        return regions.equal_files(config, model)
    samples = chosen["samples"] or [regions.last_milestone(config)]
    return [path for count in samples for path in regions.files(config, chosen["regions"], model, count)]


def edit_files(config: dict, model: str, experiment: str) -> list[str]:
    """The file of edits of an experiment; none for one that removes regions or silences neurons."""
    edits = experiment in of_kind(config, "lines", "dimensions", "parameters")
    return [f"{config['results']}/{model}/edits/{experiment}.json"] if edits else []


def clamp_files(config: dict, model: str, experiment: str) -> list[str]:
    """The file of clamps of an experiment; none for one that changes weights."""
    silences = experiment in of_kind(config, "neurons")
    return [f"{config['results']}/{model}/clamps/{experiment}.json"] if silences else []


def edited_region(config: dict, model: str, experiment: str) -> str:
    """The region whose lines are counted; for dimensions and parameters it only names the model's matrices."""
    chosen = config["experiments"][experiment]
    ratio = chosen["ratio"] or config["regions"]["core"]["ratios"][-1]
    return paths.region(config, model, chosen["region"], regions.last_milestone(config), "top", ratio)


def outlier_files(config: dict, model: str, experiment: str) -> list[str]:
    """The largest activations, where an experiment's dimensions or indices are theirs."""
    chosen = config["experiments"][experiment]
    by_rank = chosen["kind"] == "dimensions" and isinstance(chosen["dimensions"], int)
    needed = by_rank or any(place["index"] is None for place in chosen["parameters"])
    return [paths.outliers(config, model)] if needed else []


def chosen_edits(config: dict, experiment: str) -> dict:
    """An experiment's settings, its random side spelled out by seeds."""
    chosen = dict(config["experiments"][experiment])
    random = [f"random-{seed}" for seed in chosen["seeds"]] if "random" in chosen["sides"] else []
    return chosen | {"sides": [side for side in chosen["sides"] if side != "random"] + random}


def perplexity_files(config: dict, names: list[str] | None = None) -> list[str]:
    """Rows of these experiments (none given: of all), every model and language."""
    return [
        paths.rows(config, model, "perplexity", experiment, language)
        for model in config["models"]
        for experiment in (config["experiments"] if names is None else names)
        for language in languages_of(config, "experiments", experiment)
    ]


# -- neurons -----------------------------------------------------------------------------------------------------------


def counted_models(config: dict) -> list[str]:
    """Models whose neurons are found here, and the names of released counts."""
    return [*(config["models"] if neuron_languages(config) else []), *config["neurons"]["counts"]]


def counted_languages(config: dict, counted: str) -> list[str]:
    """Languages of a model, or of imported counts, in their order."""
    imported = config["neurons"]["counts"]
    return imported[counted]["languages"] if counted in imported else neuron_languages(config)


def released_counts(config: dict, imported: str, label: str) -> str:
    """Released counts of one language: ``$NAME``, ``~`` and ``{language}`` are replaced."""
    return expanded(config["neurons"]["counts"][imported]["files"], label, "neurons.counts")


def activation_files(config: dict, counted: str) -> list[str]:
    """Activations of all languages of a model, or of imported counts."""
    return [paths.activations(config, counted, language) for language in counted_languages(config, counted)]


def method_files(config: dict, model: str, methods: list[str] | None = None) -> list[str]:
    """Neuron sets of a model, one a method."""
    return [paths.neurons(config, model, method) for method in methods or config["neurons"]["methods"]]


def neuron_files(config: dict) -> list[str]:
    """All neuron sets. Imported counts have no sequences, so average precision cannot be taken."""
    imported = config["neurons"]["counts"]
    return [
        path
        for counted in counted_models(config)
        for path in method_files(config, counted, ["lape"] if counted in imported else None)
    ]


def silenced_languages(config: dict, experiment: str) -> list[str]:
    """Languages whose neurons an experiment silences."""
    return config["experiments"][experiment]["silenced"] or neuron_languages(config)


def steered_languages(config: dict, name: str) -> list[str]:
    """Languages of the pairs of an experiment, in order."""
    return list(dict.fromkeys(language for pair in steered_pairs(config, name) for language in pair))


# -- generation, questions, translation --------------------------------------------------------------------------------


def row_files(config: dict, measure: str) -> list[str]:
    """Rows of a measure that writes one file an entry of its section: generation, steering, translation, questions."""
    return [paths.rows(config, model, measure, name) for model in config["models"] for name in config[measure]]


def question_tasks(config: dict, name: str) -> list[tuple[str, str, str]]:
    """The local tasks of an experiment as (source, answers, language)."""
    chosen = config["questions"][name]
    return [
        (source, answers, language)
        for source in ("world", "files")
        if chosen[source]
        for answers in chosen["answers"]
        for language in languages_of(config, "questions", name)
        if source == "world" or answers in ("letters", "texts")
    ]


def question_sources(config: dict, name: str) -> list[str]:
    """What the questions of an experiment are read from: the world's data files, your own files."""
    chosen, languages = config["questions"][name], languages_of(config, "questions", name)
    found = paths.world(languages) if chosen["world"] else []
    return found + (paths.own_files(chosen["files"], languages, "questions.files") if chosen["files"] else [])


def translation_languages(config: dict, name: str) -> list[str]:
    """All languages in which the sentences of an experiment are needed, the source first."""
    chosen = config["translation"][name]
    inputs = [
        language
        for condition in map(Condition.parse, chosen["conditions"])
        for language in condition.languages(chosen["source"], chosen["further"])
    ]
    return list(dict.fromkeys([chosen["source"], chosen["target"], *inputs]))


def translation_names(config: dict, name: str) -> dict[str, str]:
    """What prompts call the languages."""
    return {label: registry.get(label, config["labels"]).name for label in translation_languages(config, name)}


def translation_sources(config: dict, name: str) -> list[str]:
    """What the sentences are read from: the world's data files, or your own."""
    files, languages = config["translation"][name]["files"], translation_languages(config, name)
    return paths.own_files(files, languages, "translation.files") if files else paths.world(languages)


# -- further pretraining -----------------------------------------------------------------------------------------------


def arms(config: dict, name: str) -> list[str]:
    """Names of all arms: mode, side (none where the mode takes no region), treatment of master weights, seed."""
    chosen = config["pretraining"][name]
    found = []
    for arm in chosen["arms"]:
        masters = chosen["master"] if arm["mode"].startswith("zero") else ["corrected"]
        side = "none" if arm["mode"] == "full" else arm["side"]
        found += [f"{arm['mode']}-{side}-{master}-{seed}" for master in masters for seed in chosen["seeds"]]
    return list(dict.fromkeys(found))


def parse_arm(arm: str) -> dict:
    """The parts of an arm's name."""
    mode, side, master, seed = arm.rsplit("-", 3)
    return {"mode": mode, "side": side, "master": master, "seed": int(seed)}


def arm_region(config: dict, model: str, name: str, arm: str) -> list[str]:
    """Region file of an arm, none for full training. A random region has the seed of its arm."""
    parsed, chosen = parse_arm(arm), config["pretraining"][name]
    if parsed["side"] == "none":
        return []
    side = f"random-{parsed['seed']}" if parsed["side"] == "random" else parsed["side"]
    return [paths.region(config, model, chosen["region"], regions.last_milestone(config), side, chosen["ratio"])]


def training_settings(config: dict, name: str, arm: str) -> dict:
    """What an arm is trained with."""
    chosen = config["pretraining"][name]
    keys = ["learning_rate", "warmup_steps", "weight_decay", "batch_size", "accumulation", "working", "precision"]
    return {key: chosen[key] for key in keys} | {"seed": parse_arm(arm)["seed"]}


def described_pretraining(config: dict, name: str) -> dict:
    """Columns that stand in every row."""
    chosen = config["pretraining"][name]
    described = {"region": chosen["region"], "ratio": chosen["ratio"], "train_language": chosen["language"]}
    return described | {"learning_rate": chosen["learning_rate"]}


def pretraining_files(config: dict) -> list[str]:
    """Rows of all arms."""
    return [
        paths.rows(config, model, "pretraining", name, arm)
        for model in config["models"]
        for name in config["pretraining"]
        for arm in arms(config, name)
    ]
