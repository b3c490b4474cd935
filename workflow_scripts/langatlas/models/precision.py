"""In which precision products of matrices are taken: the words of the config, and what ``auto`` stands for. No torch.

Results in float32 and in bfloat16 differ by far more than the last bit, and processors differ in what is fast. So the
environment can say what ``auto`` means, for runs that are to be compared and for tests; this is the one place that reads it.
"""

import os
from collections.abc import Callable, Mapping

PRECISIONS = ("auto", "float32", "bfloat16")
SWITCH = "LANGATLAS_BFLOAT16"
ALLOWED = {"": None, "0": False, "1": True}


def switched() -> bool | None:
    """Whether ``auto`` is bfloat16 by order of the environment; None where it says nothing. Raises ValueError for other words."""
    word = os.environ.get(SWITCH, "")
    if word not in ALLOWED:
        raise ValueError(
            f"{SWITCH} must be 0 (precision: auto is float32), 1 (it is bfloat16) or unset (as fits the processor), got {word!r}"
        )
    return ALLOWED[word]


def resolve(precision: str, is_fast: Callable[[], bool]) -> str:
    """``auto`` -> bfloat16 or float32, by the environment or else by ``is_fast``: bfloat16 is the faster one there.

    Raises ValueError for an unknown word.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision != "auto":
        return precision
    chosen = switched()
    return "bfloat16" if (is_fast() if chosen is None else chosen) else "float32"


def resolved(settings: Mapping, is_fast: Callable[[], bool]) -> dict:
    """Settings with every ``precision``, here and in sections, as ``resolve`` gives it."""
    return {
        key: resolved(value, is_fast)
        if isinstance(value, Mapping)
        else resolve(value, is_fast)
        if key == "precision"
        else value
        for key, value in settings.items()
    }
