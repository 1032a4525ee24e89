"""Read problem files: from text to a Problem. Nothing here imports torch."""
