"""The registry of tables and their modules agree, and no module hangs on what it does not use."""

import inspect
from collections import Counter
from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from langatlas import provenance
from langatlas.present import columns
from langatlas.present.table import MODULES, load
from langatlas.workflow import products, registry, settings

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "workflow_scripts" / "make_table.py"


def merge(config: dict, overlay: dict) -> dict:
    for key, value in overlay.items():
        config[key] = merge(config.get(key) or {}, value) if isinstance(value, dict) else value
    return config


@pytest.fixture(scope="module", params=["config.yaml", "config/every-rule.yaml", "config/main-line.yaml"])
def config(request):
    read = [yaml.safe_load((ROOT / path).read_text(encoding="utf-8")) for path in ("config.yaml", request.param)]
    return settings.checked(merge(*deepcopy(read)), ROOT / "schemas" / "config.schema.yaml")


def test_every_table_has_a_module_and_every_module_is_a_table():
    folder = ROOT / "workflow_scripts" / "langatlas" / "present" / "tables"
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == set(registry.TABLES)


def test_the_registry_gives_every_table_the_inputs_and_settings_that_it_takes(config):
    for name in products.table_names(config):
        kind, files = load(name), registry.TABLES[name].inputs(config)
        assert list(files) == list(kind.inputs), name
        given = dict.fromkeys(files) | products.table_settings(config, name)
        inspect.signature(kind.build).bind(**given)
        inspect.signature(kind.wide).bind(None, config["labels"], **dict.fromkeys(kind.shown))


def test_a_column_is_shared_by_several_tables_or_stands_beside_its_own():
    used = Counter(item for name in registry.TABLES for item in load(name).columns.items())
    alone = {column for column, meaning in columns.MEANING.items() if used[column, meaning] < 2}
    assert alone == set(), "of one table: they belong into its module"


@pytest.mark.parametrize("name", registry.TABLES)
def test_the_code_version_of_a_table_covers_no_table_that_it_does_not_read(name):
    """A word that is changed in one table makes that table anew, and those that are made from it."""
    modules = provenance.imported_modules(SCRIPT, f"{MODULES}.{name}")
    tables = {module.rpartition(".")[2] for module in modules if module.startswith(f"{MODULES}.")}
    assert name in tables
    assert tables <= {name, *load(name).inputs}
