"""What other programs and paper call it is answered with what is written here; every answer is a known word."""

from __future__ import annotations

import pytest
from edited import edited, only_fault, problem

from pinnkan.errors import ProblemError
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.scope import OPERATORS
from pinnkan.problem.notation_hints import _FUNCTIONS

SQUARE = "u_x**2 + u_y**2 for grad(u) times itself; equations hold at every point, in no weak form: -div(k*grad(u)) = f"
DEFINE = "give it a value under `parameters`, or a formula under `functions`"


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("k*laplacian(u)", "write lap(u)"),
        ("k*nabla2(u)", "write lap(u)"),
        ("k*diff(u, x, 2)", "write u_x, u_xx or dx(u)"),
        ("k*Δ*u", "write lap(u)"),
        ("k*∂u", "write u_x or dx(u)"),
        ("κ*u_xx", "names have letters from a to z: write kappa"),
        ("λ*u_xx", "names have letters from a to z: write lam"),
        ("k*u_xx + π", "write pi"),
        ("k*uxx", "write u_xx"),
        ("k*u_xx + ln(2)", "write log"),
        ("k*u_xx + Sin(u)", "did you mean 'sin'?"),
        ("k*u_xx + cos(Pi)", "did you mean 'pi'?"),
        ("k*u_xx + U", "did you mean 'u'?"),
        ("k*Laplacian[u, {x}]", "write lap(u)"),
        ("k*D[u, {x, 2}]", "write u_x, u_xx or dx(u)"),
        ("k*u_xx + Sin[u]", "write sin(...)"),
        ("k*u[x]", "derivatives are written u_x or dx(u)"),
        ("dde.grad.hessian(u, x)", "write u_x, u_xx, u_xy or dx(u)"),
        ("k*u_xx + np.sin(u)", "write sin(...)"),
        ("k*u.diff(x, 2)", "write u_x, u_xx or dx(u)"),
        ("k*u_xx + math.pi", "write pi"),
        ("inner(grad(u), grad(v))", f"write {SQUARE}"),
        ("k*dxx(u)", "write dx(dx(u))"),
        ("k*d2_dx2(u)", "write dx(dx(u))"),
        ("k*Dx(u)", "write dx(u)"),
        ("k*dx2(u)", "write dx(dx(u))"),
        ("k*u_2x", "write u_xx"),
        ("k*u_xx + sinx", "write sin(x)"),
        ("k*u_xx + Piecewise((u, x), (0, t))", "write heaviside"),
        ("u_xx if x else 0", "use heaviside(a - b), min or max"),
        (r"k*\\nabla u", "write it as in Python: a/b, x**2, sin(x), u_xx, lap(u)"),
        ("k*u_xx + 1j*u", "complex numbers are two unknowns, the real and the imaginary part"),
        ("k*u_xx + 1_000", "write 1000"),
        ("k*u_xx + 50%", "write /100 for percent; there is no remainder"),
        ("mu*u_xx", DEFINE),
        ("nu*u_xx", DEFINE),
        ("D*u_xx", DEFINE),
        ("k*T_xx", "'T' is not among the unknowns: u"),
        ("K*u_xx", "did you mean 'k'?"),
        ("k*uu", "did you mean 'u'?"),
        ("k*u_xx + asinh(u)", "write log(x + sqrt(x**2 + 1))"),
        ("k*u_xx + dot(u, u)", f"write {SQUARE}"),
        ("k*u_xx + dirac(x - 0.5)", "write a narrow peak: exp(-(x/w)**2)/(w*sqrt(pi))"),
        ("k*u_xx + |u|", "write abs(...)"),
        ("k*u_{xx}", "write u_x, without { }"),
        ("k*u''", "derivatives are written u_x or u_t"),
        ("1d-3*u_xx", "write 1e-3"),
        ("lambda*u_xx", "write lam"),
        ("k*u_xx/du", "derivatives are written u_x, u_t"),
        ("k*d2udx2", "write u_xx"),
        ("k*u_xx + dudx", "write u_x"),
        ("k*u_xx + u(x, 0)", "write u alone: a place or a time stands in `where`"),
        ("k*u_xx + sin(0,5)", "decimals have a dot, factors a *"),
        ("0.1 m*u_xx", "write * to multiply; numbers have no units"),
        ("k.*u_xx", "only numbers have a dot: functions are named alone, as sin(x), and factors have a *"),
        ("k*inf*u_xx", "every number is finite: write one that is large enough"),
    ],
)
def test_the_hint_says_how_it_is_written(written: str, hint: str) -> None:
    assert only_fault(edited("u_t = k*u_xx", f"u_t = {written}")).hint == hint


def test_an_unknown_function_without_a_likeness_lists_the_known_ones() -> None:
    assert only_fault(edited("u_t = k*u_xx", "u_t = k*u_xx + mod(u)")).hint.startswith("known functions: sin, cos")


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("u = sin(pi*x)", "u = sin(pi*x) + dudn", "write dn(u) on a side"),
        ("u = sin(pi*x)", "u = sin(pi*x) + u_n", "write dn(u) on a side"),
        ("  k: 0.1", "  k: 0.1\n  lambda: 2", "write lam"),
        ("  k: 0.1", "  k: 0.1\n  λ: 2", "names have letters from a to z: write lam"),
        ("  k: 0.1", "  k: 0.1\n  m: [1, 2]", "several values: `pinnkan sweep FILE --set NAME=..`"),
        ("unknowns:", "functions: {W: 1 + u_x**2}\nunknowns:", "write it out in the equations"),
        ("unknowns:", "tolerance: 1e-3\nunknowns:", "it belongs into the section `solver`"),
        ("where: initial", "where: t = 0", "write initial"),
        ("where: [left, right]", "where: [left, x = 1]", "write right"),
        ("equation: u = 0", "equation: periodic", "write `periodic: [x]` under `domain`, and no condition there"),
    ],
)
def test_what_stands_elsewhere_is_told_its_place(old: str, new: str, hint: str) -> None:
    with pytest.raises(ProblemError) as refused:
        problem(edited(old, new))
    assert hint in [fault.hint for fault in refused.value.faults]


def test_a_decimal_comma_inside_braces_is_named() -> None:
    braces = "  - {where: initial, equation: u = 0,5*x}"
    fault = only_fault(edited("  - where: initial\n    equation: u = sin(pi*x)", braces))
    assert fault.hint == "a text with a comma inside { } needs quotes, and decimals have a dot"


def test_no_hint_hides_a_name_that_has_a_meaning() -> None:
    assert not set(_FUNCTIONS) & {*FUNCTIONS, *OPERATORS}
