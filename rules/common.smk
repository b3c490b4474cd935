# What several rules ask Snakemake itself for: versions of code, outputs that are folders or are shown in the report.
import functools


@functools.cache
def code_version(script, *modules):
    """Hash of an entry script, of what it imports and of modules that it loads by name: a rule reruns when that changes."""
    return provenance.code_version(paths.ROOT / "workflow_scripts" / f"{script}.py", *modules)


def table_outputs(name):
    """The files of a table, its page marked for the report."""
    files = paths.table_files(config, name)
    shown = {"table": name.replace("_", " ")}
    page = report(files["html"], "../report/table.rst", category=registry.TABLES[name].category, labels=shown)
    return files | {"html": page}


def figure_outputs(name):
    """Pictures by suffix, the one that a report can show marked for it."""
    entry = registry.FIGURES[name]
    stem = name if entry.parts is None else f"{name}-{{part}}"
    shown = {"figure": name.replace("_", " "), "model": "{model}", **entry.labels}
    files = {suffix: paths.figure(config, "{model}", stem, suffix) for suffix in entry.formats}
    suffix = entry.formats[-1]
    return files | {suffix: report(files[suffix], f"../report/{name}.rst", category=entry.category, labels=shown)}


def training_outputs(kept):
    """Rows, and of experiments that keep them the weights: a variant of the model."""
    rows = {"rows": paths.rows(config, "{model}", "pretraining", "{experiment}", "{arm}")}
    variant = paths.variant_manifest(config, "{model}", "{experiment}/{arm}")
    return rows | (
        {"variant": variant, "tensors": variant.replace("variant.json", "tensors.safetensors")} if kept else {}
    )
