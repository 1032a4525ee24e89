"""Products of all coordinates with trained edges, and few of them."""
