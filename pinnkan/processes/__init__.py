"""Many processes at one solve: one leads and decides, the others compute their share of what it asks for."""
