"""The interventions of an experiment: what they are, and the file that lists them. No torch: jobs without a model write it.

An intervention has ``columns``, which stand in the rows of every measurement, and ``applied(model)``, a context in which the
model is changed and after which it is as before, bit for bit. ``measured``: the languages that it is measured on, None for all.

File (JSON, ``langatlas.interventions/1``): ``model``, ``model_hash``, ``provenance`` and ``interventions``, a list of ``id``,
``kind`` (of ``workflow.interventions.MECHANISMS``), ``columns``, ``measured`` and ``payload``, what is needed to make the change.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

from langatlas.files import atomic
from langatlas.provenance import check_made_from, load_object
from langatlas.workflow.interventions import MECHANISMS

FORMAT = "langatlas.interventions/1"
BASE = "base"  # id of the unchanged model
# Columns of every row, whatever the kind; a kind may bring others of its own.
COLUMNS = {
    "region": str,
    "region_language": str,
    "scope": str,
    "samples": int,
    "side": str,
    "seed": int,
    "ratio": float,
    "edit": str,
    "setting": str,
    "target": str,
    "lines": int,
    "amount": float,
}
Columns = Mapping[str, str | int | float | None]


class Intervention(Protocol):
    """One change of a model."""

    kind: ClassVar[str]
    columns: Columns
    measured: Sequence[str] | None

    def payload(self) -> dict[str, Any]:
        """What is needed to make the change, as JSON takes it; the class's ``of(columns, payload, measured)`` reads it."""

    def applied(self, model) -> AbstractContextManager:
        """The model is changed inside, and bit for bit as before after it. Raises ValueError where it does not fit the model."""


def described(intervention: Intervention | None) -> dict[str, str | int | float | None]:
    """The columns of an intervention in the rows of every measurement; all but ``side`` None for the unchanged model."""
    return dict.fromkeys(COLUMNS) | ({"side": "base"} if intervention is None else dict(intervention.columns))


def write(
    interventions: Sequence[Intervention], path: str | os.PathLike, *, model: str, model_hash: str, metadata: dict
) -> None:
    """Write the interventions of one model in their order; ``metadata`` is the provenance."""
    listed = [
        {
            "id": f"{one.kind}-{number:04d}",
            "kind": one.kind,
            "columns": dict(one.columns),
            "measured": one.measured and list(one.measured),
            "payload": one.payload(),
        }
        for number, one in enumerate(interventions, 1)
    ]
    document = {"format": FORMAT, "model": model, "model_hash": model_hash, "provenance": metadata}
    with atomic(path) as temporary:
        text = json.dumps(document | {"interventions": listed}, ensure_ascii=False, indent=1, default=_plain)
        temporary.write_text(text + "\n", encoding="utf-8")


def _plain(value):
    """Numbers of numpy as Python's."""
    return value.item()


def read(path: str | os.PathLike, model_hash: str, language: str | None = None) -> dict[str, Intervention]:
    """Interventions by id, in their order; those that are measured on ``language``, where it is given.

    Raises ValueError where the file is none, or was made for another model.
    """
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except ValueError as error:
        raise ValueError(f"{path}: not readable as JSON ({error}); delete it and run again") from None
    found = document.get("format", "no format") if isinstance(document, dict) else "no JSON object"
    if found != FORMAT:
        raise ValueError(f"{path}: expected {FORMAT}, found {found}; delete it and run again")
    check_made_from(path, "interventions", document, model_hash)
    return {
        one["id"]: load_object(MECHANISMS[one["kind"]]).of(one["columns"], one["payload"], one["measured"])
        for one in document["interventions"]
        if language is None or one["measured"] is None or language in one["measured"]
    }
