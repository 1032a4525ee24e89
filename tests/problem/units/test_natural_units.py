import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from systems import kovasznay

import pinnkan
from pinnkan.problem.registry import load_problem, parse_problem
from pinnkan.problem.units import natural_units, term_sizes
from pinnkan.problem.units.natural_units import natural_sizes, scale_to_natural_units

FACTORS = st.sampled_from(["1e-6", "1e-3", "1", "1e3", "1e6"])


@settings(max_examples=12, deadline=None)
@given(FACTORS, FACTORS, FACTORS, FACTORS, FACTORS)
@pytest.mark.slow
def test_sizes_follow_the_units(length, velocity, pressure, momentum, continuity):
    (u, v, p), (e, f, g) = natural_sizes(kovasznay())
    found, scales = natural_sizes(kovasznay(1e-2, length, velocity, pressure, momentum, continuity))
    L, U, P, M, C = map(float, (length, velocity, pressure, momentum, continuity))
    np.testing.assert_allclose(found, [u * U, v * U, p * P], rtol=1e-6)
    np.testing.assert_allclose(scales, [e * M * U**2 / L, f * M * U**2 / L, g * C * U / L], rtol=1e-6)


def test_components_of_a_vector_have_one_size():
    (u, v, _), _ = natural_sizes(kovasznay())
    assert u == v


def test_the_solution_is_that_of_the_file_over_the_sizes():
    problem = kovasznay()
    scaled, sizes = scale_to_natural_units(problem)
    for name, size in zip(problem.unknowns, sizes, strict=True):
        assert (scaled.exact[name] * size - problem.exact[name]).simplify().is_zero or abs(
            float((scaled.exact[name] * size - problem.exact[name]).subs({"x": 0.3, "y": 0.2}))
        ) < 1e-12
    assert scaled.equations[0].residual != problem.equations[0].residual


def test_in_natural_units_all_is_of_size_one():
    """That is known, and what would be found again."""
    scaled, _ = scale_to_natural_units(load_problem("cavity_corners"))
    sizes, scales = natural_sizes(scaled)
    assert set(sizes) == set(scales) == {1.0}
    np.testing.assert_allclose(np.concatenate(natural_units._natural_sizes(scaled)), 1.0, rtol=1e-9)


def test_terms_that_depend_on_no_size_are_looked_at_once(monkeypatch):
    looked, terms = [], term_sizes.TermSizes._terms
    monkeypatch.setattr(term_sizes.TermSizes, "_terms", lambda own, sizes: looked.append(own) or terms(own, sizes))
    natural_sizes(load_problem("cavity_corners"))
    assert all(looked.count(own) == 1 for own in set(looked) if not own.is_nonlinear)
    assert any(looked.count(own) > 10 for own in set(looked) if own.is_nonlinear)


def test_a_single_unknown_stays_as_it_is():
    text = b"name: a\ndomain: {x: [0, 1]}\nunknowns: [u]\nequations: ['u_xx = 1e9']\n"
    text += b"conditions: [{where: boundary, equation: u = 0}]\n"
    problem = parse_problem(text, "a.yaml")
    assert scale_to_natural_units(problem) == (problem, (1.0,))


def test_an_unknown_without_data_that_multiplies_another_keeps_the_size_of_its_own_term():
    """w = 1/(1 + 0.3 v) had 1e-25, v = exp(-t) 556; and acid and base, h, of 1e-7, 1e-32."""
    text = "name: a\ndomain: {t: [0, 1]}\nunknowns: [v, w]\nequations: [v_t = -v, w + 0.3*v*w = 1]\n"
    (v, w), _ = natural_sizes(parse_problem(text + "conditions: [{where: initial, equation: v = 1}]\n", "a.yaml"))
    assert 0.3 < v < 10.0
    assert 0.1 < w < 3.0


def test_nor_does_it_grow_beyond_that_where_it_drives_the_other():
    """w is one at most; w of 28 and v of 3 fitted as well."""
    text = "name: a\ndomain: {t: [0, 1]}\nunknowns: [v, w]\nequations: [v_t = -v + w, w + 0.3*v*w = 1]\n"
    (v, w), _ = natural_sizes(parse_problem(text + "conditions: [{where: initial, equation: v = 1}]\n", "a.yaml"))
    assert v < 1.5
    assert w < 5.0


def water(until):
    """Shallow water from rest, of depth one."""
    text = f"name: a\ndomain: {{x: [0, 1], t: [0, {until}], periodic: [x]}}\nunknowns: [h, q]\n"
    text += "equations: ['h_t + q_x = 0', 'q_t + dx(q**2/h + h**2/2) = 0']\n"
    text += "conditions: [{where: initial, equation: 'h = 1'}, {where: initial, equation: 'q = 0'}]\n"
    return parse_problem(text.encode(), "a.yaml")


@pytest.mark.parametrize("until", [0.05, 0.2, 5.0])
def test_terms_of_higher_degree_do_not_make_an_unknown_without_data_larger(until):
    """As if waves crossed the domain until t = 0.05, q was 37; it is at most 1, and weighs as in the linear problem."""
    (_, q), scales = natural_sizes(water(until))
    assert 0.3 < q < 4.0
    assert max(scales) < 10.0 * min(scales)


def test_a_depth_that_may_be_nothing_makes_no_term_large():
    (_, q), scales = natural_sizes(water(1.0))
    assert 0.1 < q < 10.0  # normal deviates as depths: 134, and equations 6e6 apart
    assert max(scales) < 100.0 * min(scales)


@pytest.mark.parametrize("rayleigh", [1e4, 1e6, 1e8])
def test_what_a_large_source_drives_is_as_large_as_what_holds_it(rayleigh):
    """Buoyancy Ra Pr T alone was in its equation at 1e6: velocity and pressure were negligible beside it, so stayed."""
    u, _, p, _ = natural_sizes(load_problem("heated_cavity", set={"Ra": rayleigh}))[0]
    assert 0.1 * rayleigh**0.5 < u < 10.0 * rayleigh**0.5
    assert 0.01 * rayleigh < p < rayleigh


@pytest.mark.parametrize("unit", ["1e3", "1e6", "1e-6"])
def test_sizes_follow_the_units_where_an_unknown_is_divided_by_another(unit):
    """Begun with a size of one in whatever units, depths of 1e6 ended 1e10 times too fast."""
    text = "name: a\ndomain: {{x: [0, 1], t: [0, 0.05], periodic: [x]}}\nunknowns: [h, q]\n"
    text += "equations: ['h_t/{H} + q_x = 0', 'q_t + dx(q**2/(h/{H}) + (h/{H})**2/2) = 0']\n"
    text += "conditions: [{{where: initial, equation: 'h = {H}'}}, {{where: initial, equation: 'q = 0'}}]\n"
    (one, other) = (natural_sizes(parse_problem(text.format(H=u).encode(), "a.yaml")) for u in ("1", unit))
    np.testing.assert_allclose(other[0], [one[0][0] * float(unit), one[0][1]], rtol=1e-6)
    np.testing.assert_allclose(other[1], one[1], rtol=1e-6)


def test_sizes_of_a_linear_problem_are_found_at_once_and_kept(monkeypatch):
    tries, balanced = [], natural_units._fit_sizes
    monkeypatch.setattr(natural_units, "_fit_sizes", lambda *given: tries.append(1) or balanced(*given))
    problem = load_problem("elasticity")
    found = natural_sizes(problem)
    assert len(tries) <= 10
    assert natural_sizes(problem) == found
    assert len(tries) <= 10
    monkeypatch.setattr(natural_units, "FIXED_POINT_TOLERANCE", 0.0)
    assert natural_sizes(load_problem("elasticity")) == found
    assert len(tries) > 12


def test_a_source_that_has_underflown_says_nothing_of_sizes(monkeypatch):
    """A spike where a slope is one: v had been taken to be 1e-227, and converged to nothing."""
    text = (
        "name: n\ndomain: {x: [0, 1]}\nunknowns: [u, v]\nequations:\n  - u_xx = -pi**2*sin(pi*x)\n"
        "  - -v_xx = 5e5*exp(-((u_x - 1)/1e-5)**2)\n"
        "conditions: [{where: boundary, equation: u = 0}, {where: boundary, equation: v = 0}]\n"
    )
    for size in natural_sizes(parse_problem(text.encode(), "t.yaml"))[0]:
        assert 1e-6 < size < 1e6
    monkeypatch.setattr(term_sizes, "UNDERFLOW_SHARE", 0.0)
    assert min(natural_sizes(parse_problem(text.encode(), "t.yaml"))[0]) < 1e-100


@pytest.mark.parametrize(
    ("equations", "sizes"),
    [
        (["h_t = 0.2 - h", "k_t = h**2 - 0.1*k", "l_t = k**2 - l"], [0.06, 0.0024, 4e-6]),
        (["h_t = 0.2 - sqrt(max(h, 0))", "k_t = sqrt(max(h, 0)) - k"], [0.06, 0.037]),
        (["h_t = 0.2 - h", "k_t = h - 0.1*sqrt(max(k, 0))"], [0.06, 0.018]),
    ],
)
def test_what_begins_with_nothing_is_as_large_as_others_make_it_one_by_one(equations, sizes):
    """l had 6e-35, k of the second 3e-51 and both of the third 1e-27: two tanks were not filled from empty."""
    names = "hkl"[: len(sizes)]
    lines = ["name: a", "domain: {t: [0, 3]}", f"unknowns: [{', '.join(names)}]", "equations:"]
    lines += [f'- "{e}"' for e in equations]
    lines += ["conditions:", *(f'- {{where: initial, equation: "{name} = 0"}}' for name in names)]
    found, _ = natural_sizes(parse_problem("\n".join(lines) + "\n", "a.yaml"))
    np.testing.assert_allclose(found, sizes, rtol=0.1)


@pytest.mark.parametrize(
    ("equations", "starts", "sizes"),
    [
        (["a_t = cos(t)", "u_t = -u + 1e-10*a"], [0, 1], [1.0, 1.0]),
        (["a_t = cos(t)", "u_t = 1e10*cos(t) + a"], [0, 0], [0.5, 4e9]),
        (["a_t = -0.3*(a - 300)", "u_t = -0.1*u + 1e3*a"], [400, "1e19"], [300.0, 1e19]),
        (["a_t = 1 - a", "u_t = -u*(1 + 1e-15*a)"], [0, 1], [1.0, 1.0]),
        (["a_t = -a", "u_t = u*(1 - u) + 1e-30*a"], [1, "1e-12"], [1.0, 1e-12]),
    ],
)
def test_a_small_coupling_says_nothing_of_what_it_couples(equations, starts, sizes):
    """a was 1e10, 5e4 and 1e16 times too large, and converged, with a off by 1 to 1e12."""
    lines = ["name: a", "domain: {t: [0, 6]}", "unknowns: [a, u]", "equations:", *(f'- "{e}"' for e in equations)]
    lines += ["conditions:", *(f"- {{where: initial, equation: {n} = {s}}}" for n, s in zip("au", starts, strict=True))]
    found, _ = natural_sizes(parse_problem("\n".join(lines) + "\n", "a.yaml"))
    assert all(0.1 * size < own < 1e3 * size for own, size in zip(found, sizes, strict=True))


def test_no_size_is_far_from_that_of_the_data():
    """-1e-18 couples a and u of one each: they had 1e9 and 1e-9."""
    text = "name: a\ndomain: {x: [0, 1]}\nunknowns: [a, u]\nequations: [a_xx = a, u_xx = 1e-18*a]\nconditions:\n"
    text += "- {where: boundary, equation: a = 1}\n- {where: boundary, equation: u = 1}\n"
    (a, u), _ = natural_sizes(parse_problem(text, "a.yaml"))
    assert 1.0 <= a <= 1.001e3
    assert 0.999e-3 <= u <= 1.0


def test_what_says_nothing_of_sizes_is_of_size_one():
    """Van der Waals' volume, whose terms are 1e60 at next to nothing: it had ended a solve as numpy's own error."""
    text = "name: a\ndomain: {x: [1e5, 2e5]}\nunknowns: [V]\nequations: ['(x + 0.364/V**2)*(V - 4.267e-5) = 2910']\n"
    sizes, _ = natural_sizes(parse_problem(text + "conditions: [{where: [left, right], equation: none}]\n", "a.yaml"))
    assert 0.0 < sizes[0] < np.inf


@pytest.mark.parametrize("rate", ["1e-3", "1", "1e3"])
def test_a_chain_of_powers_has_the_sizes_that_its_source_makes(rate):
    """From a_t = 1e-3 on they had been 1e-9, 8e-28, 3e-56 and 2e-74 of 2e-3, 4e-9, 6e-18 and 2e-24."""
    text = "name: a\ndomain: {t: [0, 2]}\nunknowns: [a, b, c, d]\nconditions:\n"
    text += "".join(f"- {{where: initial, equation: {u} = 0}}\n" for u in "abcd")
    text += f"equations: [a_t = {rate}, b_t = a**3, c_t = b**2, d_t = c*a**2]\n"
    found, _ = natural_sizes(parse_problem(text, "a.yaml"))
    b = 2.0 * (a := 2.0 * float(rate)) ** 3 / 4.0
    c = 2.0 * b**2 / 9.0
    truth = np.log([a, b, c, 2.0 * c * a**2 / 12.0])
    assert np.abs(np.log(found) - truth).max() < 7.0 * np.log(10.0)  # a tenth each, and powers of it


def test_what_damps_itself_is_as_large_as_that_leaves_it():
    """Robertson's b is 3.6e-5 at most, whatever 0.04 a would make of it alone."""
    (a, b, c), _ = natural_sizes(load_problem("robertson"))
    assert 0.5 < a < 2.0
    assert 1e-5 < b < 1e-4
    assert 0.1 < c < 1.0


def test_data_of_what_levels_off_are_no_larger_than_what_reaches_them():
    """By its slopes there h was 2e4, and the angle at the wall held nothing."""
    text = (
        "name: a\ndomain: {x: [0, 1]}\nunknowns: [h]\nequations: ['dx(h_x/sqrt(1 + h_x**2)) = h']\nconditions:\n"
        "  - {where: [left, right], equation: dn(h)/sqrt(1 + h_x**2) = 0.6}\n"
    )
    (size,), _ = natural_sizes(parse_problem(text.encode(), "a.yaml"))
    assert 0.01 < size < 1.0


CONTROL = """
name: control
domain: {{t: [0, 2.2]}}
unknowns: [x, v, k, l]
equations: [x_t = v, v_t = -tanh(l/{eps}), k_t = 0, l_t = -k]
conditions:
  - {{where: initial, equation: x = 1}}
  - {{where: initial, equation: v = 0}}
  - {{where: {{point: [2.2]}}, equation: x = 0}}
  - {{where: {{point: [2.2]}}, equation: v = 0}}
solver: {{tolerance: 1e-5}}
"""


@pytest.mark.parametrize("eps", [0.1, 3.0])
def test_what_levels_off_does_not_ask_for_sizes_beyond(eps):
    """They were 6e9, where tanh is flat: refused, "nothing fixes the level of l"; of eps alone l is a multiple."""
    problem = parse_problem(CONTROL.format(eps=eps).encode(), "a.yaml")
    assert 0.1 * eps < natural_sizes(problem)[0][3] < 10.0 * eps
    solution = pinnkan.solve(problem)
    assert solution.verdict.converged, solution.verdict.sentence
    assert solution(np.array([[1.0]]))["k"] == pytest.approx(1.8780240 * eps, rel=1e-5)  # solve_bvp, eps = 0.3


def test_others_say_how_large_is_what_levels_off():
    text = CONTROL.format(eps=0.1).replace("k_t = 0", "k_t = 1e3")
    assert natural_sizes(parse_problem(text.encode(), "a.yaml"))[0][3] > 10.0


STOKES = """
name: a
domain: {{x: [0, 1], y: [0, 1]}}
unknowns: [u, v, p]
vectors: {{w: [u, v]}}
equations:
  - -{mu}*lap(u) + p_x = -pi*sin(pi*x)*cos(pi*y)
  - -{mu}*lap(v) + p_y = -pi*cos(pi*x)*sin(pi*y)
  - u_x + v_y = 0
conditions:
  - {{where: [left, right, bottom], equation: u = 0}}
  - {{where: top, equation: 'u = {lid}*sin(pi*x)**2'}}
  - {{where: boundary, equation: v = 0}}
  - {{where: domain, equation: integral(p) = 0}}
"""


@pytest.mark.parametrize("mu", ["1.0", "1e-3", "1e-7"])
@pytest.mark.parametrize("lid", ["1.0", "1e-6"])
def test_an_equation_counts_no_more_than_those_with_higher_derivatives_see_of_its_unknowns(mu, lid):
    """As Agmon, Douglis and Nirenberg want it, whatever the pressure is: div u = 0 by viscosity over a tenth."""
    sizes, scales = natural_sizes(parse_problem(STOKES.format(mu=mu, lid=lid).encode(), "a.yaml"))
    momentum, _, continuity = scales
    seen_there, seen_here = float(mu) * sizes[0] * 100.0 / momentum, sizes[0] * 10.0 / continuity
    assert 0.1 * seen_there < seen_here < 10.0 * max(seen_there, 1e-12)


def test_what_leads_in_its_own_equation_keeps_its_weight(monkeypatch):
    """Of first-order systems nothing is changed, nor where others see an unknown as well."""
    for name in ("maxwell_cavity", "cavity", "kovasznay", "heated_cavity"):
        changed = natural_sizes(load_problem(name))
        with monkeypatch.context() as m:
            m.setattr(natural_units, "_raise_equation_sizes", lambda problem, inside, found: found.equations)
            assert natural_sizes(load_problem(name))[1] == changed[1]
