"""Sections of a problem file: settings, numbers to be found, measured values."""
