"""Splines in rotated and curved coordinates."""
