"""What a run makes: all tables and figures of a config, and everything of one language."""

from langatlas.workflow import experiments, paths, regions
from langatlas.workflow.measures import MEASURES
from langatlas.workflow.registry import FIGURES, TABLES


def table_names(config: dict) -> list[str]:
    """Tables that a run of this config has."""
    return [name for name, entry in TABLES.items() if entry.wanted(config)]


def tables(config: dict, names: list[str] | None = None) -> list[str]:
    """All files of these tables (none given: of all) that the run has."""
    wanted = table_names(config)
    chosen = wanted if names is None else [name for name in names if name in wanted]
    return [path for name in chosen for path in paths.table_files(config, name).values()]


def table_settings(config: dict, name: str) -> dict:
    """What the numbers of a table depend on beside its inputs."""
    known = config["statistics"] | {"labels": config["labels"], "published_as": published_as(config)}
    return {key: known[key] for key in TABLES[name].settings}


def published_as(config: dict) -> dict[str, str]:
    """Which published model each of ours is."""
    return {m: p for m in config["models"] if (p := config["checkpoints"][m]["published_as"])}


def figures(config: dict, names: list[str] | None = None) -> list[str]:
    """All pictures of these kinds (none given: of all), every model."""
    return [
        paths.figure(config, model, name if part is None else f"{name}-{part}", suffix)
        for name in (FIGURES if names is None else names)
        for model in FIGURES[name].models(config)
        for part in ([None] if FIGURES[name].parts is None else FIGURES[name].parts(config))
        for suffix in FIGURES[name].formats
    ]


def of_language(config: dict, language: str) -> list[str]:
    """Everything that belongs to one language alone (what is measured needs the regions of all others)."""
    products = [
        paths.rows(config, model, measure, name, language)
        for model in config["models"]
        for measure in MEASURES
        for name in experiments.measured_by(config, measure)
        if language in experiments.languages_of(config, name)
    ]
    if language in regions.importance_languages(config):
        samples = regions.milestones(config)
        products += [paths.importance(config, model, language, s) for model in config["models"] for s in samples]
    return products
