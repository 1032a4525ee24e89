import numpy as np

from pinnkan.problem.statement import Jet
from pinnkan.problem.units.term_sizes import jet_sizes


def test_derivatives_are_sizes_over_lengths_to_their_orders() -> None:
    jets = [Jet(1, (0, 0)), Jet(0, (2, 1)), Jet(1, (0, 1))]
    assert jet_sizes(jets, [0.5, 4.0]).tolist() == [1.0, 1.0, 0.25]
    assert jet_sizes(jets, [0.5, np.inf], (3.0, 7.0)).tolist() == [7.0, 0.0, 0.0]
    assert jet_sizes([], [1.0], [2.0]).shape == (0,)
