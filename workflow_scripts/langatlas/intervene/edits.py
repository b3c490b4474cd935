"""Edits: changes of lines of matrices or of single parameters, done and undone.

An edit is a list of changes: ``parameter`` (Hugging Face name), ``dimension`` of the tensor as stored, ``indices`` along it,
``operation``: ``set`` or ``multiply`` with ``value``, and ``within``: [start, stop) ranges of the other dimension that the change
is confined to (where one tensor holds q, k and v), or null. Removing a line is to set it to 0. torch is imported where edits are
made.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, ClassVar

from langatlas.intervene.index import Columns

if TYPE_CHECKING:
    import torch

OPERATIONS = ("set", "multiply")


@dataclass(frozen=True)
class Change:
    """``operation`` on the lines ``indices`` along ``dimension`` of one parameter, or on their places ``within`` ranges."""

    parameter: str
    dimension: int
    indices: list[int]
    operation: str = "set"
    value: float = 0.0
    within: list[list[int]] | None = None

    def __post_init__(self):
        if self.operation not in OPERATIONS:
            raise ValueError(f"operation must be one of {', '.join(OPERATIONS)}, got {self.operation!r}")


@dataclass(frozen=True)
class Edit:
    """Several changes that are made together, and the columns that describe them in the rows of a measurement."""

    kind: ClassVar[str] = "edit"
    columns: Columns
    changes: list[Change] = field(default_factory=list)
    measured: Sequence[str] | None = None

    @classmethod
    def of(cls, columns: Columns, payload: Mapping, measured: Sequence[str] | None) -> "Edit":
        """What ``payload`` gave."""
        return cls(columns, [Change(**change) for change in payload["changes"]], measured)

    def payload(self) -> dict:
        """The changes."""
        return {"changes": [asdict(change) for change in self.changes]}

    def applied(self, model):
        """See ``edited``."""
        return edited(model, self)


@contextmanager
def edited(model, edit: Edit) -> Iterator[int]:
    """Make the changes in place; restore the very same values on exit. Yields how many parameters they touched.

    Changes are made in their order, so a parameter may be in several. Raises ValueError for a parameter or index that the
    model lacks.
    """
    parameters = dict(model.named_parameters())
    saved = []
    try:
        for change in edit.changes:
            if change.parameter not in parameters:
                raise ValueError(f"the model has no parameter {change.parameter}")
            values = parameters[change.parameter].data
            index = _index(change, values)
            original = values[index]
            saved.append((values, index, original))
            values[index] = change.value if change.operation == "set" else original * change.value
        yield sum(original.numel() for *_, original in saved)
    finally:
        for values, index, original in reversed(saved):
            values[index] = original


def _index(change: Change, values: "torch.Tensor") -> tuple:
    """What a change touches, as an index of the tensor that gives a copy. Raises ValueError beyond the tensor's size."""
    import torch

    size = values.shape[change.dimension]
    if not all(0 <= index < size for index in change.indices):
        raise ValueError(f"{change.parameter} has {size} lines along dimension {change.dimension}: {change.indices}")
    lines = torch.tensor(change.indices, dtype=torch.long, device=values.device)
    index: list = [slice(None)] * values.ndim
    index[change.dimension] = lines
    if change.within is not None:
        other = 1 - change.dimension
        places = torch.cat([torch.arange(*pair, device=values.device) for pair in change.within])
        index[change.dimension], index[other] = lines[:, None], places[None, :]
    return tuple(index)
