"""J^T J of rows on grids: by sum factorisation, by products of banded matrices, as a full matrix, or distributed."""
