"""What a user may leave open, and the rules that fill it in."""

from dataclasses import replace

from deep_problems import SQUARE, UT, UXX, U, burgers, equation, poisson, stated
from edited import only_fault

from pinnkan.problem.statement import Equation, Jet
from pinnkan.solver.families.deep.settings import choose_settings, default_slab_count
from pinnkan.solver.families.deep.sweeps import untrained_network


def test_the_degree_covers_the_order_of_the_equation():
    assert choose_settings(poisson()).degree == 5
    high = Equation(UXX, {UXX: Jet(0, (4,))}, "")
    assert choose_settings(replace(poisson(), equations=(high,))).degree == 6
    assert choose_settings(poisson(degree=8)).degree == 8


def test_slabs_follow_the_kind_of_equation():
    assert default_slab_count(poisson()) == 1
    assert default_slab_count(burgers()) == 8
    heat = equation(UT - UXX, u_t=(0, 1), u_xx=(2, 0))
    assert default_slab_count(replace(burgers(), equations=(heat,))) == 2
    wave = equation(UT - UXX + U**3, u=(0, 0), u_t=(0, 2), u_xx=(2, 0))
    assert default_slab_count(replace(burgers(), equations=(wave,))) == 4
    assert choose_settings(burgers()).slabs == 2  # the user's word
    free = replace(burgers(), solver=replace(burgers().solver, time_slabs=None))
    assert choose_settings(free).slabs == default_slab_count(free)
    assert choose_settings(poisson(time_slabs=3)).slabs == 1  # not where there is no time


def test_one_hidden_layer_is_frozen_and_two_are_trained():
    one = choose_settings(stated(SQUARE, "network: ridge, hidden: [6]"))
    two = choose_settings(stated(SQUARE, "network: ridge, hidden: [6, 4]"))
    first = choose_settings(stated(SQUARE, "network: ridge, hidden: [6], method: adam"))
    assert (one.has_fixed_directions, two.has_fixed_directions, first.has_fixed_directions) == (True, False, False)
    frozen, trained = (untrained_network(s, 2, 1, 0, "cpu") for s in (one, two))
    assert frozen.parameters == 6 * (4 + one.degree)
    assert trained.parameters == 2 * 6 + (4 + two.degree) * (6 * 4 + 4)


def test_adam_for_a_product_network_is_refused_where_it_stands():
    fault = only_fault(SQUARE.replace("SOLVER", "network: product, method: adam"))
    assert "for deep and ridge networks" in fault.message
    assert (fault.line, fault.column) == (8, 36)
    assert choose_settings(stated(SQUARE, "method: adam")).network == "deep"
    assert stated(SQUARE, "method: adam, hidden: [3]").warnings == ()
    assert any("no effect" in str(w) for w in stated(SQUARE, "hidden: [3]").warnings)
