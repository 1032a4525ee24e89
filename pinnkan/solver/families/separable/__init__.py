"""Sums of few products of all coordinates, with trained edges."""
