"""Networks of trained layers: spline edges, summing nodes, jets forward and adjoints backward."""
