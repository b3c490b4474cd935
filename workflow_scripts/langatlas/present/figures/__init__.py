"""Figures: one module for each kind, so that editing one redraws one."""
