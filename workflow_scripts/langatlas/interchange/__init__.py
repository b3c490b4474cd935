"""To and from the files of released code. Zhang et al. 2024: token stores, importances, masks; Tang et al. 2024: activation
counts, neurons; Mu et al. 2024: neurons at every forward pass.

On the command line: ``python -m langatlas.interchange --help``.
"""
