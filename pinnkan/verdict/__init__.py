"""Records of a run in, a verdict with its reason and its remedy out; pure."""
