"""The domain of a problem file, and the places in it."""
