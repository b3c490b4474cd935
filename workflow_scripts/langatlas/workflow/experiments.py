"""What each experiment changes and measures: languages, files, code; and which neurons are found."""

from collections.abc import Iterable

from langatlas.files import expanded
from langatlas.workflow import interventions, paths, regions
from langatlas.workflow.interventions import KINDS, MECHANISMS, counted_languages


def of(config: dict, *, kind: str | None = None, measure: str | None = None, **entry) -> list[str]:
    """Experiments with an intervention of this kind and with settings ``entry``, and with this measure, in the order of `run`."""
    found = []
    for name, chosen in config["experiments"].items():
        kinds = [one for one in chosen["intervene"] if kind in (None, one["kind"]) and entry.items() <= one.items()]
        if (kinds or (kind is None and not entry)) and (measure is None or measure in chosen["measure"]):
            found.append(name)
    return found


def trained(config: dict, kept: bool | None = None) -> list[str]:
    """Experiments that train the model further (those that keep its weights, or not): they have jobs of their own."""
    names = [name for name in config["experiments"] if trains(config, name)]
    return [name for name in names if kept is None or training(config, name)["keep"] == kept]


def trains(config: dict, name: str) -> bool:
    """Whether an experiment trains the model further."""
    return any(KINDS[entry["kind"]].trains for entry in config["experiments"][name]["intervene"])


def measured_by(config: dict, measure: str) -> list[str]:
    """Experiments that a measure's own jobs measure."""
    return [name for name in of(config, measure=measure) if not trains(config, name)]


def languages_of(config: dict, name: str) -> list[str]:
    """Languages that an experiment measures, in the order of `languages` where it names none."""
    experiment = config["experiments"][name]
    if experiment["languages"]:
        return experiment["languages"]
    about = [KINDS[entry["kind"]].measured(config, entry) for entry in experiment["intervene"]]
    if about and all(about):
        return list(dict.fromkeys(language for languages in about for language in languages))
    return config["languages"]


def index(config: dict, model: str, name: str) -> str:
    """The interventions of an experiment."""
    return f"{config['results']}/{model}/interventions/{name}.json"


def chosen_from(config: dict, model: str, name: str) -> dict[str, list[str]]:
    """Files that the interventions of an experiment are chosen from; of its n-th one by NAME_n."""
    return {
        f"{key}_{number}": files
        for number, entry in enumerate(config["experiments"][name]["intervene"])
        for key, files in KINDS[entry["kind"]].inputs(config, model, entry).items()
    }


def spelled_out(config: dict, name: str) -> list[dict]:
    """The interventions of an experiment, nothing left for null to mean."""
    return [entry | KINDS[entry["kind"]].spelled(config, entry) for entry in config["experiments"][name]["intervene"]]


def changed_with(config: dict, model: str, name: str) -> list[str]:
    """Files that making the changes reads: regions, variants."""
    return list(
        dict.fromkeys(
            path
            for entry in config["experiments"][name]["intervene"]
            for path in KINDS[entry["kind"]].changed(config, model, entry)
        )
    )


def choosers(config: dict, name: str) -> list[str]:
    """Modules that choose an experiment's interventions."""
    return sorted({KINDS[entry["kind"]].choose.split(":")[0] for entry in config["experiments"][name]["intervene"]})


def changers(config: dict, name: str) -> list[str]:
    """Modules that make an experiment's changes."""
    kinds = {KINDS[entry["kind"]].mechanism for entry in config["experiments"][name]["intervene"]}
    return sorted(MECHANISMS[kind].split(":")[0] for kind in kinds)


def count(config: dict, name: str, language: str, mechanism: str | None = None) -> int:
    """How many interventions of an experiment (of one mechanism) are measured on a language, the base aside."""
    kinds = [(KINDS[entry["kind"]], entry) for entry in config["experiments"][name]["intervene"]]
    return sum(kind.count(config, entry, language) for kind, entry in kinds if mechanism in (None, kind.mechanism))


def row_files(config: dict, measure: str, names: Iterable[str] | None = None) -> list[str]:
    """Rows of a measure, of these experiments (none given: of all that it measures), every model and language."""
    return [
        paths.rows(config, model, measure, name, language)
        for model in config["models"]
        for name in (measured_by(config, measure) if names is None else names)
        for language in languages_of(config, name)
    ]


def asked_lengths(config: dict) -> dict[str, int]:
    """Tokens of the longest sequences that the config asks of a model, by the key that asks."""
    lengths = {"tokens.sequence_length": config["tokens"]["sequence_length"]}
    for name in measured_by(config, "generation"):
        settings = config["experiments"][name]["measure"]["generation"]
        key = f"experiments.{name}.measure.generation: prompt_tokens and max_new_tokens"
        lengths[key] = settings["prompt_tokens"] + settings["max_new_tokens"]
    return lengths


# -- neurons -----------------------------------------------------------------------------------------------------------


def counted_models(config: dict) -> list[str]:
    """Models whose neurons are found here, and the names of released counts."""
    return [*(config["models"] if counted_languages(config) else []), *config["neurons"]["counts"]]


def languages_of_counts(config: dict, counted: str) -> list[str]:
    """Languages of a model, or of imported counts, in their order."""
    imported = config["neurons"]["counts"]
    return imported[counted]["languages"] if counted in imported else counted_languages(config)


def released_counts(config: dict, imported: str, label: str) -> str:
    """Released counts of one language: ``$NAME``, ``~`` and ``{language}`` are replaced."""
    return expanded(config["neurons"]["counts"][imported]["files"], label, "neurons.counts")


def activation_files(config: dict, counted: str) -> list[str]:
    """Activations of all languages of a model, or of imported counts."""
    return [paths.activations(config, counted, language) for language in languages_of_counts(config, counted)]


def method_files(config: dict, model: str) -> list[str]:
    """Neuron sets of a model, one a method. Imported counts have no sequences, so average precision cannot be taken."""
    methods = ["lape"] if model in config["neurons"]["counts"] else config["neurons"]["methods"]
    return [paths.neurons(config, model, method) for method in methods]


def neuron_files(config: dict) -> list[str]:
    """All neuron sets."""
    return [path for counted in counted_models(config) for path in method_files(config, counted)]


# -- further training --------------------------------------------------------------------------------------------------


def training(config: dict, name: str) -> dict:
    """The entry of an experiment that trains."""
    return next(entry for entry in config["experiments"][name]["intervene"] if KINDS[entry["kind"]].trains)


def arms(config: dict, name: str) -> list[str]:
    """Names of all arms of an experiment that trains."""
    return interventions.arms(training(config, name))


def parse_arm(arm: str) -> dict:
    """The parts of an arm's name."""
    mode, side, master, seed = arm.rsplit("-", 3)
    return {"mode": mode, "side": side, "master": master, "seed": int(seed)}


def arm_region(config: dict, model: str, name: str, arm: str) -> list[str]:
    """Region file of an arm, none for full training. A random region has the seed of its arm."""
    parsed, chosen = parse_arm(arm), training(config, name)
    if parsed["side"] == "none":
        return []
    side = f"random-{parsed['seed']}" if parsed["side"] == "random" else parsed["side"]
    return [paths.region(config, model, chosen["region"], regions.last_milestone(config), side, chosen["ratio"])]


def training_settings(config: dict, name: str, arm: str) -> dict:
    """What an arm is trained with."""
    chosen = training(config, name)
    keys = ["learning_rate", "warmup_steps", "weight_decay", "batch_size", "accumulation", "working", "precision"]
    return {key: chosen[key] for key in keys} | {"seed": parse_arm(arm)["seed"]}


def described_training(config: dict, name: str) -> dict:
    """Columns that stand in every row."""
    chosen = training(config, name)
    described = {"region": chosen["region"], "ratio": chosen["ratio"], "train_language": chosen["language"]}
    return described | {"learning_rate": chosen["learning_rate"]}


def arm_files(config: dict) -> list[str]:
    """Rows of all arms."""
    return [
        paths.rows(config, model, "pretraining", name, arm)
        for model in config["models"]
        for name in trained(config)
        for arm in arms(config, name)
    ]
