"""Files of ``torch.save``, read without running any code that they may hold."""

import os
import pickle

from langatlas.compressed import described


def load_saved(path: str | os.PathLike):
    """What the file holds, on the CPU. Raises ValueError, naming the file, where it is none that can be read safely."""
    import torch

    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        why = described(path, b"PK") or str(error).partition(". ")[0]  # what follows advises to read it unsafely
        raise ValueError(f"{path}: not a file of torch.save that can be read safely ({why})") from None
