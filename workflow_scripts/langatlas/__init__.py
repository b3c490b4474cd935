"""Language Atlas: locate languages inside a language model, take them away, measure what every language loses.

The folders mirror the stages. Arrows point one way: ``locate``, ``intervene`` and ``measure`` know ``models`` and
``tokens``; ``present`` knows tables and region files only, and never imports torch; nothing here knows snakemake.
"""

__version__ = "0.1.0"
