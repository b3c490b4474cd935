"""The default config, and what is said of it with something laid over."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from langatlas.workflow import settings

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "schemas" / "config.schema.yaml"
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
OVERLAYS = sorted((ROOT / "config").glob("*.yaml"))


def merge(config: dict, overlay: dict) -> dict:
    """As Snakemake lays one config file over another."""
    for key, value in overlay.items():
        inside = isinstance(value, dict) and isinstance(config.get(key), dict)
        config[key] = merge(config[key], value) if inside else deepcopy(value)
    return config


def laid_over(overlay: dict) -> dict:
    """The default with something laid over."""
    return merge(deepcopy(DEFAULT), overlay)


def checked(**overlay) -> dict:
    """The same, checked and with its defaults."""
    return settings.checked(laid_over(overlay), SCHEMA)


def intervening(name: str, **changed) -> dict:
    """An overlay that changes the intervention of an experiment."""
    return {"experiments": {name: {"intervene": changed}}}


def measuring(name: str, measure: str, **changed) -> dict:
    """An overlay that changes a measure of an experiment."""
    return {"experiments": {name: {"measure": {measure: changed}}}}


def problems_of(*files, **overlay) -> str:
    """What is said of the default with something laid over; ``files``: what it was read from."""
    with pytest.raises(ValueError, match="the config cannot be used") as error:
        settings.checked(laid_over(overlay), SCHEMA, files)
    return str(error.value)
