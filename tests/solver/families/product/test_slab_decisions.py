"""What becomes of a solved slab, asked of the decisions alone: slabs are numbers here, in units of what is allowed."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pinnkan.errors import SolverError
from pinnkan.problem.registry import load_problem
from pinnkan.solver.families.product import slabs
from pinnkan.solver.families.product.slab_correction import NEGLIGIBLE_SHARE
from pinnkan.solver.families.product.slab_start import SlabStart
from pinnkan.solver.families.product.slabs import (
    DOUBTFUL_RATIO,
    DOUBTFUL_SHARE,
    MOST_AMPLIFICATION,
    MOST_REJECTIONS,
    RETESTED_RATIO,
    UNDERESTIMATE_FACTOR,
    ProductSlabs,
)
from pinnkan.solver.families.product.step_control import (
    FEW_DEGREES,
    GROW,
    MANY_DEGREES,
    SHRINK,
    Aim,
    length_factor,
    next_degree,
)
from pinnkan.solver.linear.rate_spread import MOST_RATE_SPREAD
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.slab_history import SlabHistory
from pinnkan.solver.time_pass import TimePass
from pinnkan.solver.verify.growth.slab_growth import MAX_GROWTH_EXPONENT

HEAT = load_problem("heat1d")
H = 0.01
#: The largest correction allowed, of which those below are shares.
ALLOWED = 2.0
#: A norm of two everywhere, and squares that say so of the slab and of all before it.
NORM = 2.0


def begun(knots=4):
    return SlabStart(0.0, (), (np.zeros(knots),), (np.zeros(1),))


def family(given=None, **settings):
    settings = replace(HEAT.solver, time_slabs=given, **settings)
    problem = replace(HEAT, domain=HEAT.domain.time_part(0.0, 2.0), solver=settings)
    model = SimpleNamespace(problem=problem, orders=(2, 1))
    return ProductSlabs(model, (6, 8), 4, 3)


def at_time(time=0.5, slabs_so_far=0):
    squares = np.array([NORM**2 * time])
    run = SlabHistory(("a slab",) * slabs_so_far, (), (0.0, time), squares, np.zeros(1))
    return TimePass(family().problem, run, 1.0, (2.0,), 0.1, Monitor(None, None))


def slab(in_space=(0.1,), in_time=0.1, length=H, **more):
    error = SimpleNamespace(norm=lambda base: np.array([NORM * length**0.5])), None
    known = {
        "correction_size": 1.0,
        "residual_ratio": 0.0,
        "hidden_error": 0.0,
        "correction_noise": 0.0,
        "is_rounding": False,
        "growth_exponent": 0.0,
        "rate_spread": 0.0,
    }
    known |= {"carried_error": (0.0, 0.0)} | more
    known |= {"correction_size": ALLOWED * known["correction_size"], "hidden_error": ALLOWED * known["hidden_error"]}
    known |= {
        "carried_error": (ALLOWED * known["carried_error"][0], known["carried_error"][1]),
        "squared_norms": np.array([NORM**2 * length]),
        "error": error,
        "base": None,
    }
    share = SimpleNamespace(size=tuple(ALLOWED * x for x in (*in_space, in_time)), mass=(np.ones(4), np.ones(1)))
    return SimpleNamespace(
        **(
            {"extra_degrees": FEW_DEGREES, "vain_enrichments": 0}
            | known
            | {"length": length, "coordinate_shares": share}
        )
    )


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setattr(slabs, "allowed_correction", lambda slab, at: ALLOWED)


@pytest.mark.parametrize(
    ("given", "more", "expected"),
    [
        (
            None,
            {"correction_size": DOUBTFUL_SHARE, "hidden_error": 2 * NORM},
            False,
        ),  # its correction lowers the residual
        (None, {"correction_size": 1.01 * DOUBTFUL_SHARE, "residual_ratio": 1.01 * DOUBTFUL_RATIO}, True),
        (None, {"correction_size": 0.99 * DOUBTFUL_SHARE, "residual_ratio": 1.01 * DOUBTFUL_RATIO}, False),
        (
            None,
            {"correction_size": 0.0, "residual_ratio": 1.01 * DOUBTFUL_RATIO, "hidden_error": 1.01 * NORM * H**0.5},
            True,
        ),
        (
            None,
            {"correction_size": 0.0, "residual_ratio": 1.01 * DOUBTFUL_RATIO, "hidden_error": 0.99 * NORM * H**0.5},
            False,
        ),
        (
            None,
            {"correction_size": 1.01, "residual_ratio": 1.01 * DOUBTFUL_RATIO},
            False,
        ),  # it is tried again in any case
        (3, {"correction_size": 1.01, "residual_ratio": 1.01 * DOUBTFUL_RATIO}, True),
    ],
)
def test_a_correction_that_leaves_much_is_doubted_where_it_may_matter(given, more, expected):
    assert family(given).is_doubtful(slab(**more), at_time()) == expected


@pytest.mark.parametrize(
    ("so_far", "doubts", "fall", "is_due"),
    [
        (0, 0, DOUBTFUL_RATIO, True),
        (3, 1, DOUBTFUL_RATIO, False),
        (4, 2, DOUBTFUL_RATIO, True),
        (6, 2, DOUBTFUL_RATIO, False),
        (6, 2, 1.01 * RETESTED_RATIO, True),
    ],
)
@pytest.mark.parametrize("times", [0.99 * UNDERESTIMATE_FACTOR, 1.01 * UNDERESTIMATE_FACTOR])
def test_doubts_that_are_not_founded_are_looked_into_ever_less(monkeypatch, so_far, doubts, fall, is_due, times):
    monkeypatch.setattr(ProductSlabs, "is_doubtful", lambda self, slab, at: True)
    monkeypatch.setattr(
        ProductSlabs,
        "_enriched_slab",
        lambda *given: Replaceable(correction_size=2.0 * times, extra_degrees=MANY_DEGREES),
    )
    monkeypatch.setattr(slabs, "replace", lambda slab, **new: slab.but(**new) if hasattr(slab, "but") else None)
    aim, found = (
        Aim(begun(), H, 8, vain_enrichments=doubts),
        Replaceable(correction_size=2.0, extra_degrees=FEW_DEGREES, residual_ratio=fall),
    )
    judged = family()._with_enrichment(aim, found, None, at_time(slabs_so_far=so_far))
    founded = is_due and times > UNDERESTIMATE_FACTOR
    assert (judged.extra_degrees, judged.vain_enrichments) == (
        MANY_DEGREES if founded else FEW_DEGREES,
        doubts + (is_due and not founded),
    )


class Replaceable(SimpleNamespace):
    """A slab of which some things may be others."""

    def but(self, **new):
        return Replaceable(**(vars(self) | new))


@pytest.mark.parametrize(
    ("given", "rejections", "more", "time", "expected"),
    [
        (None, 0, {"correction_size": 1.01}, 0.5, False),
        (None, 0, {"correction_size": 1.0}, 0.5, True),
        (None, 0, {"correction_size": 9.0, "is_rounding": True}, 0.5, True),
        (None, 0, {"correction_size": 9.0}, 0.0, True),  # the first instants
        (None, MOST_REJECTIONS, {"correction_size": 9.0}, 0.5, True),
        (None, MOST_REJECTIONS - 1, {"correction_size": 9.0}, 0.5, False),
        (3, 0, {"correction_size": 9.0}, 0.5, True),
    ],
)
def test_a_slab_may_stay_where_it_is_small_or_no_other_is_to_be_had(given, rejections, more, time, expected):
    assert (
        family(given)._may_be_accepted(Aim(begun(), H, 8, rejections=rejections), slab(**more), at_time(time))
        == expected
    )


@pytest.mark.parametrize(
    ("given", "more", "expected"),
    [
        (None, {}, True),
        (None, {"correction_size": 1.01}, False),
        (None, {"correction_size": 1.01, "is_rounding": True}, True),
        (None, {"growth_exponent": 1.01 * MAX_GROWTH_EXPONENT}, False),
        (None, {"carried_error": (1.01 * NEGLIGIBLE_SHARE * NORM, 1.01 * MOST_AMPLIFICATION)}, False),
        (None, {"carried_error": (0.99 * NEGLIGIBLE_SHARE * NORM, 1.01 * MOST_AMPLIFICATION)}, True),
        (None, {"carried_error": (1.01 * NEGLIGIBLE_SHARE * NORM, 0.99 * MOST_AMPLIFICATION)}, True),
        (3, {"carried_error": (1.01 * NEGLIGIBLE_SHARE * NORM, 1.01 * MOST_AMPLIFICATION)}, True),
    ],
)
def test_a_slab_passes_where_it_is_small_and_what_it_carries_on_does_not_grow(given, more, expected):
    assert family(given).is_accurate(Aim(begun(), H, 8), slab(**more), at_time()) == expected


def again(monkeypatch, aim, solved, given=None, knots=8, time=0.5):
    monkeypatch.setattr(slabs, "insert_knots", lambda old, slab, allowed: (begun(knots), "a guess"))
    return family(given).plan_retry(aim, solved, at_time(time))


@pytest.mark.parametrize(
    ("given", "knots", "in_space", "in_time", "more", "held", "refined"),
    [
        (None, 8, (0.1,), 1.0, {}, 0.8, False),
        (None, 8, (0.3, 0.3), 1.0, {}, 0.8, False),
        (None, 8, (0.4, 0.4), 1.0, {}, 0.8, True),
        (None, 8, (0.9,), 0.69, {}, None, True),
        (None, 8, (0.9,), 0.71, {}, 0.8, True),
        (None, 8, (0.1,), 0.1, {}, None, True),
        (None, 4, (0.1,), 0.1, {}, SHRINK, True),  # no knots are wanted
        (None, 4, (0.9,), 1.0, {}, 0.8, True),
        (None, 8, (0.1,), 0.1, {"growth_exponent": 2.0 * MAX_GROWTH_EXPONENT}, 0.5, False),
        (None, 8, (0.1,), 0.1, {"carried_error": (np.inf, np.inf)}, 0.5, False),
        (None, 8, (), 0.1, {}, 0.8, False),
        (3, 4, (0.9,), 1.0, {}, None, True),
    ],
)
def test_a_slab_is_tried_again_shorter_or_with_knots_as_its_shares_say(
    monkeypatch, given, knots, in_space, in_time, more, held, refined
):
    aim = Aim(begun(), 2 * H, 8, last_attempt=(2 * H, 5.0), guess="old", extra_degrees=3, vain_enrichments=5)
    tried = again(monkeypatch, aim, slab(in_space, in_time, **more), given, knots)
    factor = 2.0 if held is None else min(length_factor(H, in_time, 1.0, (2 * H, 2.5), 8), held)
    assert tried.length == pytest.approx(H * factor)
    assert tried.start.traces[0].size == (knots if refined else 4)
    assert tried.guess == ("a guess" if held is None else None)
    assert (tried.rejections, tried.last_attempt, tried.extra_degrees, tried.vain_enrichments) == (
        1,
        (H, ALLOWED * in_time),
        FEW_DEGREES,
        0,
    )


def test_a_slab_is_not_tried_again_for_ever_nor_where_nothing_would_be_another(monkeypatch):
    assert again(monkeypatch, Aim(begun(), H, 8, rejections=MOST_REJECTIONS), slab()) is None
    assert again(monkeypatch, Aim(begun(), H, 8, rejections=MOST_REJECTIONS - 1), slab()) is not None
    assert again(monkeypatch, Aim(begun(), H, 8), slab(in_time=1.0), given=3) is None


def test_a_slab_is_tried_no_shorter_than_may_be_and_then_not_at_all(monkeypatch):
    shortest = at_time().shortest()
    tried = again(monkeypatch, Aim(begun(), H, 8), slab(in_time=1e9, length=1.5 * shortest))
    assert tried.length == shortest
    with pytest.raises(SolverError, match=r"at t = 0.5 the slabs became too short"):
        again(monkeypatch, Aim(begun(), H, 8), slab(in_time=1e9, length=0.9 * shortest))
    # a slab that is as short as may be but for rounding is shortened no more: it was tried ten times
    with pytest.raises(SolverError, match="too short"):
        again(monkeypatch, Aim(begun(), H, 8), slab(in_time=1e9, length=(1.0 + 1e-6) * shortest))
    early = at_time(0.0).shortest()
    assert again(monkeypatch, Aim(begun(), H, 8), slab(in_time=1e9, length=0.9 * early), time=0.0) is None


@pytest.mark.parametrize(
    ("more", "settings", "expected", "held"),
    [
        ({"in_time": 0.5}, {}, 9, None),
        ({"in_time": 1e-6}, {}, 7, None),
        ({"in_time": 0.5}, {"degree": 6}, 8, None),
        ({"in_time": 0.5}, {"given": 3}, 8, None),
        ({"in_time": 0.5, "is_rounding": True}, {}, 7, None),
        ({"in_time": 1e-2, "rate_spread": MOST_RATE_SPREAD}, {}, 7, 1.0),
        ({"in_time": 1e-2, "rate_spread": MOST_RATE_SPREAD / 2}, {}, 7, 2.0),
        ({"in_time": 1e-2, "growth_exponent": 2 * MAX_GROWTH_EXPONENT}, {}, 7, 0.5),
        ({"in_time": 1e-2, "growth_exponent": 9 * MAX_GROWTH_EXPONENT}, {}, 7, SHRINK),
        ({"in_time": 1e-2}, {}, 8, None),
    ],
)
def test_the_next_slab_is_as_long_as_the_last_one_allows(monkeypatch, more, settings, expected, held):
    space = SimpleNamespace(axes=(None, SimpleNamespace(breaks=np.array([0.5, 0.5 + H]))))
    for name in ("end_trace", "taylor_coefficients"):
        monkeypatch.setattr(slabs, name, lambda *given: np.zeros(4))
    seen = []
    monkeypatch.setattr(slabs, "unresolved_data_growth", lambda *given: 3.0)
    monkeypatch.setattr(slabs, "axes_for_late_forcing", lambda *given: None)
    monkeypatch.setattr(slabs, "adapt_knots", lambda begun, *given: seen.append((begun.time, given[2])) or begun)
    aim = Aim(begun(), H, 8, last_attempt=(2 * H, 5.0), rejections=3, failures=2, guess="old")
    solved = slab(**more, piece=(space, None))
    solved.error, solved.vain_enrichments, solved.extra_degrees = (space, None), 2, MANY_DEGREES
    following = family(**settings).plan_next(aim, solved, at_time())
    in_time = 0.0 if "is_rounding" in more else more["in_time"]
    factor = length_factor(H, in_time, 1.0, (2 * H, 2.5), 8)
    assert following.length == pytest.approx(H * min(factor, GROW if held is None else held))
    assert following.degree == expected == (8 if settings else next_degree(8, in_time, 1.0, held is not None))
    assert (following.rejections, following.failures, following.guess, following.last_attempt) == (0, 0, None, None)
    assert (following.extra_degrees, following.vain_enrichments) == (MANY_DEGREES, 2)
    assert seen == [(0.5 + H, pytest.approx(3.0 * (1.5 - H) / 2.0))]
