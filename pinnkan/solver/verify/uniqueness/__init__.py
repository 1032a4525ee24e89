"""Checks of whether a computed solution is the only one."""
