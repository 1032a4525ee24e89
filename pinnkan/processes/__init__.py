"""Several processes for one solve: the leader decides, the others compute their parts of what it requests."""
