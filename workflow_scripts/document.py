"""Bring docs/experiments.md up to date: `make docs`. Not a rule's script."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from langatlas.workflow import document

if __name__ == "__main__":
    document.rewrite()
