"""In which language a text was said to be, for tables of generated texts."""

import pandas as pd


def in_language(rows: pd.DataFrame, language: pd.Series | str) -> pd.Series:
    """1.0 where a text was said to be in a language, 0.0 where not; missing where py3langid could not have said so."""
    wanted = pd.Series(language, index=rows.index)
    detectable = [label in known.split() for label, known in zip(wanted, rows["detectable"].fillna(""), strict=True)]
    return (rows["detected"] == wanted).astype(float).where(detectable)
