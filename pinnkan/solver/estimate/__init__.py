"""Estimated errors: their size, where they lie, and bounds."""
