"""Checks of a would-be verdict."""
