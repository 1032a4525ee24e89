"""Networks of trained layers: edges that are splines, nodes that add, jets forward and adjoints backward."""
