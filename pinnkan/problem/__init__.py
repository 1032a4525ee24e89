"""The problem registry: from text to meaning. Nothing here imports torch."""
