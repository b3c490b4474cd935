"""To and from the files of the released code of Zhang et al. 2024: token stores, importances, masks.

On the command line: ``python -m langatlas.interchange --help``.
"""
