"""Growth of the finest waves and modes of sides, for equations of which both are known."""

import numpy as np
import pytest

from pinnkan.problem.statement import Jet
from pinnkan.solver.verify.symbol import (
    are_roots_constant,
    determinant,
    entering_mode_count,
    finest_wave_rates,
    has_unbounded_growth,
    is_determinant_affordable,
    side_modes,
)


def scalar(**terms):
    """Weights of one equation in x and t at one point, by derivative: ``t=1, xx=-1`` is u_t - u_xx."""
    jets = [Jet(0, (name.count("x"), name.count("t"))) for name in terms]
    return [(jets, np.array([list(terms.values())], dtype=float))]


def grows(**terms):
    return bool(has_unbounded_growth(scalar(**terms), 1, [1.0])[0])


def enter(end, **terms):
    return int(entering_mode_count(scalar(**terms), 1, 0, end)[0])


@pytest.mark.parametrize(
    ("well", "ill"),
    [
        (dict(t=1, xx=-1, x=5), dict(t=1, xx=1e-9, x=5)),
        (dict(t=-2, xx=1), dict(t=-2, xx=-1)),
        (dict(tt=1, xx=-1, t=1, x=3), dict(tt=1, xx=1e-3, t=1, x=3)),
        (dict(t=1, xx=3, xxxx=1e-6), dict(t=1, xx=-3, xxxx=-1e-6)),
        (dict(t=1, xxx=1, x=-2), dict(t=1, xxx=1, xxxx=-1)),
        (dict(t=1, xxt=-1, xx=1, x=7), dict(t=1, xxt=-1, xxxx=-1)),
        (dict(tt=1, xxxx=2), dict(tt=1, xxxx=-2)),
    ],
)
def test_what_makes_fine_waves_grow_without_bound_is_told_from_what_does_not(well, ill):
    assert not grows(**well)
    assert grows(**ill)


def test_slow_waves_that_grow_are_seen_beside_fast_ones_that_decay():
    """a_t = 1e6 a_xx + b, and b, c elliptic in time: their rates are never compared as numbers."""
    a, b, c = (lambda *order, k=k: Jet(k, order) for k in range(3))

    def system(sign):
        return [
            ([a(0, 1), a(2, 0), b(0, 0)], np.array([[1.0, -1e6, -1.0]])),
            ([b(0, 1), c(1, 0), a(0, 0)], np.array([[1.0, 1.0, 0.3]])),
            ([c(0, 1), b(1, 0)], np.array([[1.0, sign * 1.0]])),
        ]

    assert not has_unbounded_growth(system(1), 3, [1.0])[0]
    assert has_unbounded_growth(system(-1), 3, [1.0])[0]


@pytest.mark.parametrize("count", [2, 4, 6])
def test_equal_winds_of_many_species_are_no_growth(count):
    """All roots agree, and rounding parts them; the species are mixed so that no entry of the matrix is zero."""
    mix = np.random.default_rng(0).standard_normal((count, count)) + 3.0 * np.eye(count)
    jets = [Jet(j, order) for j in range(count) for order in ((0, 1), (1, 0))]
    weights = [(jets, np.array([[f * m for m in row for f in (1.0, 0.7)]])) for row in mix]
    assert not has_unbounded_growth(weights, count, [1.0])[0]


def test_without_pressure_in_its_own_equation_a_flow_is_as_well_posed_as_its_viscosity():
    p, u, v = 2, 0, 1

    def flow(viscosity):
        momentum = [
            ([Jet(i, (0, 0, 1)), Jet(i, (2, 0, 0)), Jet(i, (0, 2, 0)), Jet(i, (1, 0, 0)), Jet(p, at)],
             np.array([[1.0, -viscosity, -viscosity, 0.5, 1.0]]))
            for i, at in ((u, (1, 0, 0)), (v, (0, 1, 0)))
        ]  # fmt: skip
        return [*momentum, ([Jet(u, (1, 0, 0)), Jet(v, (0, 1, 0))], np.array([[1.0, 1.0]]))]

    for direction in ([1.0, 0.0], [1.0, 0.5], [-1.0, 1.0]):
        assert not has_unbounded_growth(flow(1e-3), 3, direction)[0]
        assert not has_unbounded_growth(flow(0.0), 3, direction)[0]
        assert has_unbounded_growth(flow(-1e-3), 3, direction)[0]


def test_modes_of_sides_are_counted():
    assert (enter(0, t=1, x=2), enter(1, t=1, x=2)) == (1, 0)
    assert (enter(0, t=1, x=-2), enter(1, t=1, x=-2)) == (0, 1)
    assert (enter(0, t=1, xx=-1), enter(1, t=1, xx=-1)) == (1, 1)
    assert (enter(0, tt=1, xx=-1), enter(1, tt=1, xx=-1)) == (1, 1)
    assert (enter(0, t=1, xxx=1), enter(1, t=1, xxx=1)) == (1, 2)
    assert (enter(0, t=1, xxxx=1), enter(1, t=1, xxxx=1)) == (2, 2)
    assert (enter(0, t=1, u=3), enter(1, t=1, u=3)) == (0, 0)


def test_lower_orders_change_nothing_of_the_finest_waves():
    """With one varying coefficient before u_x, and then before u_xx."""
    jets = [Jet(0, (0, 1)), Jet(0, (1, 0)), Jet(0, (2, 0))]
    lower = [(jets, np.array([[1.0, b, -1.0] for b in (0.0, 2.0, -3.0)]))]
    higher = [(jets, np.array([[1.0, 1.0, b] for b in (0.0, -2.0, -3.0)]))]
    assert are_roots_constant(finest_wave_rates(lower, 1, [1.0]), 3)
    assert are_roots_constant(side_modes(lower, 1, 0), 3)
    assert not are_roots_constant(finest_wave_rates(higher, 1, [1.0]), 3)
    assert not are_roots_constant(side_modes(higher, 1, 0), 3)


@pytest.mark.parametrize(("size", "share"), [(1, 1.0), (4, 1.0), (6, 1.0), (6, 0.4), (9, 0.2)])
def test_a_determinant_of_polynomials_is_that_of_their_values(size, share):
    draw = np.random.default_rng(size)
    powers = [(0, 0), (1, 0), (0, 2)]
    is_there = (draw.random((size, size)) < share) | np.eye(size, dtype=bool)[draw.permutation(size)]
    values = draw.normal(size=(size, size, 3, 2)) + 0j
    matrix = [
        [{p: (v, np.abs(v)) for p, v in zip(powers, values[i, j], strict=True)} if is_there[i, j] else {}
         for j in range(size)] for i in range(size)
    ]  # fmt: skip
    x, y = 1.3, 0.7
    numbers = np.einsum("ijkp,k,ij->pij", values, [x**a * y**b for a, b in powers], is_there)
    found = sum(value * x**a * y**b for (a, b), (value, _) in determinant(matrix).items())
    assert np.allclose(found, np.linalg.det(numbers))
    assert not np.allclose(found, 1.01 * np.linalg.det(numbers))


def test_chains_of_unknowns_are_expanded_and_what_is_coupled_throughout_is_up_to_seven():
    def coupled(size, reach):
        return [[Jet(j, (0, 1)) for j in range(size) if abs(i - j) <= reach] for i in range(size)]

    assert is_determinant_affordable(coupled(12, 1))
    assert is_determinant_affordable(coupled(7, 7))
    assert not is_determinant_affordable(coupled(8, 8))
    assert not is_determinant_affordable(coupled(13, 0))
