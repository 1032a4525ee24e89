"""J^T J of rows on grids: by sum factorisation, by products of banded matrices, whole, or in parts of a job."""
