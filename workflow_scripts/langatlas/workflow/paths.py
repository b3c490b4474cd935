"""Names of all files, each built in one place. A coordinate may be a pattern (``{language}``), so rules use the same functions.

The tree is described in results/README.md.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from langatlas.corpora.parts import check_parts, input_files
from langatlas.files import checkpoint_source, own_file

ROOT = Path(__file__).resolve().parents[3]
RESOURCES = ROOT / "resources"
STYLE = str(RESOURCES / "langatlas.mplstyle")
SPLITS = ("pretrain", "locate", "test")
TABLE_SUFFIXES = ("csv", "md", "tex", "json", "html")


def alternatives(values: Iterable[str]) -> str:
    """Regular expression that matches exactly these values; one that matches nothing where there are none."""
    return "|".join(map(re.escape, values)) or "(?!)"


# -- text and models ---------------------------------------------------------------------------------------------------


def documents(config: dict, model: str, language: str, split: str) -> str:
    """Text of a language from the corpus that a model reads."""
    corpus = config["checkpoints"][model]["corpus"]
    return f"{config['results']}/corpora/{corpus}/{language}/{split}.parquet"


def corpus_stats(config: dict) -> list[str]:
    """Counts of every corpus and language in use."""
    corpora = dict.fromkeys(config["checkpoints"][model]["corpus"] for model in config["models"])
    return [
        f"{config['results']}/corpora/{corpus}/{language}/stats.json"
        for corpus in corpora
        for language in config["languages"]
    ]


def token_shard(config: dict, model: str, language: str, split: str, shard: int | str = 0) -> str:
    """One file of token sequences; of the test split there is one only."""
    number = shard if isinstance(shard, str) else f"{shard:05d}"
    return f"{config['results']}/{model}/tokens/{language}/{split}/{number}.arrow"


def token_shards(config: dict, model: str, language: str, split: str) -> list[str]:
    """All files of token sequences of a language and split."""
    return [token_shard(config, model, language, split, shard) for shard in range(config["tokens"]["shards"][split])]


def mini_shards(config: dict, model: str, split: str) -> list[str]:
    """Token shards of all languages that a mini model is trained on."""
    return [
        path
        for language in config["checkpoints"][model]["languages"]
        for path in token_shards(config, model, language, split)
    ]


def models(config: dict, *, mini: bool) -> list[str]:
    """Models that are trained here (mini), or those that come from elsewhere."""
    return [model for model in config["models"] if (config["checkpoints"][model]["source"] == "mini") == mini]


def engine(config: dict, model: str) -> dict:
    """How a model is run: whole on one device, or spread over several."""
    return {key: config["checkpoints"][model][key] for key in ("engine", "offload", "processes")}


def source(config: dict, model: str) -> str:
    """Folder or Hub id of a checkpoint that others made."""
    return checkpoint_source(config["checkpoints"][model]["path"], model)


def model_folder(config: dict, model: str) -> str:
    """Folder of a model's manifest and tokenizer."""
    return f"{config['results']}/models/{model}"


def manifest(config: dict, model: str) -> str:
    """What every job that loads a model reads first."""
    return f"{model_folder(config, model)}/model.json"


def tokenizer_files(config: dict, model: str) -> list[str]:
    """The two files of a tokenizer."""
    return [f"{model_folder(config, model)}/{name}" for name in ("tokenizer.json", "tokenizer_config.json")]


# -- what is located ---------------------------------------------------------------------------------------------------


def importance(config: dict, model: str, language: str, samples: int | str) -> str:
    """Importance of every parameter for one language."""
    return f"{config['results']}/{model}/importance/{language}/{samples}.safetensors"


def partial_importance(config: dict, model: str, language: str, samples: int | str, shard: int | str) -> str:
    """The same over one shard of its samples, before shards are added."""
    number = shard if isinstance(shard, str) else f"{shard:05d}"
    return f"{config['results']}/{model}/importance/{language}/shards/{samples}-{number}.safetensors"


def score(config: dict, model: str, name: str, language: str) -> str:
    """Another score than importance; the size of parameters is the same for every language."""
    samples = config["importance"]["variants"]["samples"]
    if name == "magnitude":
        return f"{config['results']}/{model}/importance-magnitude/{samples}.safetensors"
    return f"{config['results']}/{model}/importance-{name}/{language}/{samples}.safetensors"


def region(config: dict, model: str, name: str, samples: int | str, side: str, ratio: float | str) -> str:
    """A set of parameters."""
    return f"{config['results']}/{model}/regions/{name}/{samples}/{side}-{ratio}.safetensors"


def activations(config: dict, model: str, language: str) -> str:
    """How often and how strongly each neuron is active on text of a language."""
    return f"{config['results']}/{model}/activations/{language}.safetensors"


def outliers(config: dict, model: str) -> str:
    """Largest activations of the residual stream."""
    return f"{config['results']}/{model}/activations/residual.parquet"


def neurons(config: dict, model: str, method: str) -> str:
    """Which neurons belong to which language."""
    return f"{config['results']}/{model}/neurons/{method}.parquet"


# -- what is measured and shown ----------------------------------------------------------------------------------------


def rows(config: dict, model: str, measure: str, *coordinates: str) -> str:
    """Rows that a measure wrote: by experiment and language, of further training by experiment and arm."""
    return f"{config['results']}/{model}/{measure}/{'/'.join(coordinates)}.parquet"


def row_folder(config: dict, model: str, measure: str, experiment: str, language: str) -> str:
    """What a measure writes beside its rows: a folder for each intervention."""
    return f"{config['results']}/{model}/{measure}/{experiment}/{language}"


def variant_manifest(config: dict, model: str, variant: str) -> str:
    """What describes a variant of a model, beside the tensors that differ."""
    return f"{config['results']}/{model}/variants/{variant}/variant.json"


def counts(config: dict, kind: str, name: str, samples: Iterable[int] = ()) -> list[str]:
    """CSV behind a table of regions, importances, controls or agreement, of all models (at these milestones)."""
    stems = [f"{name}/{count}" for count in samples] or [name]
    return [f"{config['results']}/{model}/{kind}/{stem}.csv" for model in config["models"] for stem in stems]


def table(config: dict, name: str, suffix: str = "csv") -> str:
    """One file of a table."""
    return f"{config['results']}/tables/{name}.{suffix}"


def table_files(config: dict, name: str) -> dict[str, str]:
    """The files of a table, by suffix."""
    return {suffix: table(config, name, suffix) for suffix in TABLE_SUFFIXES}


def figure(config: dict, model: str, name: str, suffix: str) -> str:
    """One picture of a model."""
    return f"{config['results']}/figures/{model}/{name}.{suffix}"


def log(config: dict, *parts: str) -> str:
    """Log of a job: its rule, then its wildcards."""
    return f"{config['results']}/logs/{'/'.join(parts)}.log"


def benchmark(config: dict, *parts: str) -> str:
    """Time and memory of a job."""
    return f"{config['results']}/benchmarks/{'/'.join(parts)}.tsv"


# -- what is not made here ---------------------------------------------------------------------------------------------


def published(name: str) -> str:
    """Transcribed numbers of a paper."""
    return str(RESOURCES / "published" / f"{name}.csv")


def published_files() -> list[str]:
    """All transcribed numbers of the paper on regions."""
    return sorted(map(str, (RESOURCES / "published").glob("*.csv")))


def world(languages: Iterable[str]) -> list[str]:
    """Data files of the world in these languages, those that exist."""
    folder = RESOURCES / "world"
    files = [folder / "facts.yaml", *(folder / f"{language}.yaml" for language in languages)]
    return [str(path) for path in files if path.exists()]


def world_of_corpus(config: dict, corpus: str, language: str) -> list[str]:
    """Data files of the world that a corpus of this language is written from; none for other sources."""
    told = any(part["source"] == "world" for part in config["corpora"][corpus]["parts"])
    return world([language]) if told else []


def texts_of_corpus(config: dict, corpus: str, language: str) -> list[str]:
    """The user's own files behind a corpus: an edited file reruns its language. Where there are none, the job says so."""
    try:
        return input_files(check_parts(config["corpora"][corpus]["parts"]), language)
    except ValueError:
        return []


def own_files(pattern: str, languages: Iterable[str], key: str) -> list[str]:
    """The user's own files of these languages, each once. Where one is missing, none: the job says so."""
    try:
        return list(dict.fromkeys(own_file(pattern, language, key) for language in languages))
    except ValueError:
        return []
