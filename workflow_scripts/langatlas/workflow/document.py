"""docs/experiments.md: what each experiment, kind, measure, table and figure is, from their files, schemas and the registry.

The page's head is written by hand; everything after ``MARK`` is made here. Titles of tables stand in their modules, which are
imported only when the page is written.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from importlib import import_module, util
from pathlib import Path

import yaml

from langatlas.files import atomic
from langatlas.workflow import experiment_files, experiments, measures, paths, registry, settings
from langatlas.workflow.schema import resolve

PAGE = paths.ROOT / "docs" / "experiments.md"
MARK = "<!-- Written by `make docs` from here on: change the files that it is made from. -->\n"
REGIONS = re.compile(r"(?<=/regions/).*\.safetensors$")


def rewrite(path: Path = PAGE) -> None:
    """Bring the page up to date."""
    fresh = page(path.read_text(encoding="utf-8"))
    with atomic(path) as temporary:
        temporary.write_text(fresh, encoding="utf-8")


def page(text: str) -> str:
    """The page with a fresh part behind the mark."""
    head, _, _ = text.partition(MARK)
    config = everything()
    parts = [*_experiments(config), *_schemas("intervene"), *_schemas("measure"), *_tables(config), *_figures(config)]
    return head + MARK + "\n" + "\n".join(parts) + "\n"


def everything() -> dict:
    """The default with every experiment of the project."""
    config = yaml.safe_load((paths.ROOT / "config.yaml").read_text(encoding="utf-8"))
    names = experiment_files.names([experiment_files.FOLDER])
    config["run"] = list(dict.fromkeys([*config["run"], *names]))
    return settings.checked(config, experiment_files.SCHEMAS / "config.schema.yaml")


def comment(path: Path) -> str:
    """The comment at the head of a YAML file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = lines[: next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))]
    return " ".join(line.lstrip("# ") for line in head)


def _experiments(config: dict) -> Iterator[str]:
    yield "## Experiments\n"
    yield "In the order of the default. Settings are those that the file gives; others have the defaults of their kind.\n"
    default = yaml.safe_load((paths.ROOT / "config.yaml").read_text(encoding="utf-8"))["run"]
    for name in config["experiments"]:
        path = experiment_files.FOLDER / f"{name}.yaml"
        written = experiment_files.read(name, [experiment_files.FOLDER])
        yield f"### {name}\n\n{comment(path)}\n"
        yield f"- **file** [config/experiments/{name}.yaml](../config/experiments/{name}.yaml)" + (
            "" if name in default else ", not in the default: name it in `run`"
        )
        yield from (f"- **intervene** {_flow(entry)}" for entry in _listed(written.get("intervene", [])))
        for measure, own in experiment_files.as_settings(written["measure"]).items():
            yield f"- **measure** {_flow({measure: own})}" if own else f"- **measure** `{measure}`"
        yield f"- **languages** {_languages(config, name)}"
        yield f"- **output** {_outputs(config, name)}"
        tables = [table for table in registry.TABLES if name in registry.shown(config, table)]
        yield f"- **tables** {_named(tables)}"
        yield f"- **figures** {_named(_pictures(config, name))}\n"


def _listed(value) -> list:
    return value if isinstance(value, list) else [value]


def _flow(value: dict) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return f"`{text.strip()[1:-1]}`"


def _languages(config: dict, name: str) -> str:
    chosen = experiments.languages_of(config, name)
    return "all" if chosen == config["languages"] else ", ".join(chosen)


def _outputs(config: dict, name: str) -> str:
    found = [experiments.index(config, "{model}", name)] if not experiments.trains(config, name) else []
    return ", ".join(
        f"`{path}`" for path in dict.fromkeys([*found, *map(_pattern(config), experiments.rows_of(config, name))])
    )


def _pictures(config: dict, name: str) -> list[str]:
    return [
        figure if not part else f"{figure}-{part}"
        for figure in registry.FIGURES
        for part, about in registry.drawn(config, figure).items()
        if name in about
    ]


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none of its own"


def _pattern(config: dict):
    """Turns a path of the default run into what stands for all of its like."""
    languages, arm = set(config["languages"]), re.compile(r"/pretraining/([\w-]+)/[\w-]+\.")

    def turned(path: str) -> str:
        path = arm.sub(r"/pretraining/\1/{arm}.", REGIONS.sub("…", path))
        parts = [_part(part, config, languages) for part in path.split("/")]
        return "/".join(parts)

    return turned


def _part(part: str, config: dict, languages: set[str]) -> str:
    stem, dot, suffix = part.partition(".")
    known = {**dict.fromkeys(languages, "{language}"), **dict.fromkeys(config["models"], "{model}")}
    known |= dict.fromkeys(config["corpora"], "{corpus}")
    return (("{samples}" if stem.isdigit() else known.get(stem)) or stem) + dot + suffix


def _schemas(part: str) -> Iterator[str]:
    """Keys of every kind or measure."""
    titles = {"intervene": "## Kinds of intervention\n", "measure": "## Measures\n"}
    yield titles[part]
    for name in experiment_files.entries(part):
        path = experiment_files.SCHEMAS / part / f"{name}.yaml"
        yield f"### {name}\n\n{comment(path)}\n"
        rows = list(_keys(experiment_files.of(f"{part}/{name}")))
        yield from (
            _table(["key", "takes", "default", "what it is"], rows) if rows else ["It has no settings of its own.\n"]
        )


def _keys(schema: dict, place: str = "") -> Iterator[list[str]]:
    schema = resolve(schema, schema)
    for key, sub in schema.get("properties", {}).items():
        path = f"{place}.{key}".lstrip(".")
        needed = "must be given" if key in schema.get("required", ()) else "none"
        default = f"`{_value(sub['default'])}`" if "default" in sub else needed
        yield [f"`{path}`", _takes(sub), default, sub.get("description", "")]
        yield from _inner(sub, path)


def _inner(schema: dict, path: str) -> Iterator[list[str]]:
    """Keys inside a list's entries, or inside alternatives."""
    for branch in schema.get("anyOf", [schema]):
        if isinstance(items := branch.get("items"), dict):
            yield from _keys(items, f"{path}[]")


def _value(value) -> str:
    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6).split("\n...")[0].strip()


def _takes(schema: dict) -> str:
    """What a key takes, in a few words."""
    if "anyOf" in schema:
        return " or ".join(_takes(branch) for branch in schema["anyOf"])
    if "enum" in schema:
        return " or ".join("null" if value is None else str(value) for value in schema["enum"])
    types = schema.get("type", "anything")
    named = [types] if isinstance(types, str) else types
    return " or ".join(_type(kind, schema) for kind in named)


def _type(kind: str, schema: dict) -> str:
    if kind == "array":
        return "list of " + _takes(schema.get("items", {}))
    if kind == "object":
        return "mapping"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    if low is None or kind == "null":
        return {"string": "text", "boolean": "true or false"}.get(kind, kind)
    above = "from" if "minimum" in schema else "above"
    return f"{kind} {above} {low}" + (f" to {schema['maximum']}" if "maximum" in schema else "")


def _tables(config: dict) -> Iterator[str]:
    yield "## Tables\n"
    yield "`results/tables/{table}.csv`, `.md`, `.tex`, `.html`, `.json`, each a target: `snakemake results/tables/edits.csv`.\n"
    rows = []
    for name, entry in registry.TABLES.items():
        title = import_module(f"langatlas.present.tables.{name}").TABLE.title
        rows.append([f"`{name}`", title, _inputs(config, entry.inputs(config))])
    yield from _table(["table", "what it shows", "made from"], rows)


def _figures(config: dict) -> Iterator[str]:
    yield "## Figures\n"
    yield "`results/figures/{model}/{figure}.svg` and `.png` (animations `.gif`); those with parts are `{figure}-{part}`.\n"
    rows = []
    for name, entry in registry.FIGURES.items():
        parts = list(entry.parts(config)) if entry.parts else [""]
        inputs = entry.inputs(config, config["models"][0], parts[0])
        rows.append(
            [f"`{name}`", _docstring(name), _named(filter(None, parts)) if entry.parts else "", _inputs(config, inputs)]
        )
    yield from _table(["figure", "what it shows", "parts", "made from"], rows)


def _docstring(figure: str) -> str:
    """First sentence of a figure's module, which is not imported."""
    source = Path(util.find_spec("langatlas.present.figures").submodule_search_locations[0]) / f"{figure}.py"
    return ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))).split("\n\n")[0].replace("\n", " ")


def _inputs(config: dict, inputs: registry.Inputs) -> str:
    """What a table or figure reads: tables by name, published numbers by theirs, rows and files as patterns."""
    turn, found = _pattern(config), []
    for path in [path for files in inputs.values() for path in _listed(files)]:
        if path.startswith(f"{config['results']}/tables/"):
            found.append(f"table `{Path(path).stem}`")
        elif path.startswith(str(paths.RESOURCES)):
            found.append(f"published `{Path(path).stem}`")
        else:
            found.append(f"`{re.sub(ROWS, MEASURED, turn(path))}`")
    return ", ".join(dict.fromkeys(found)) or "nothing"


ROWS = rf"^([\w/]+/\{{model\}}/({'|'.join([*measures.MEASURES, 'pretraining'])}))/[\w-]+/"
MEASURED = r"\1/{experiment}/"


def _table(head: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    yield from ("| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in row) + " |" for row in rows)
    yield ""
