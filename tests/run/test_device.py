"""Other devices than the host: one that is pretended, and a GPU where there is one."""

import numpy as np
import pytest
import torch
from elsewhere import DEVICE, MixedError, pretended

from pinnkan import load_problem, solve
from pinnkan.run import solving
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
#: Diffusion that varies, products, a slab with conductivities that are numbers, a flow, a factor alone, a march of a
#: system: everyone who solves, with a tolerance that is soon reached.
PROBLEMS = [
    ("poisson_varying", 1e-2),
    ("poisson3d_waves", 1e-2),
    ("heat_multiscale", 1e-2),
    ("stokes", 1e-3),
    ("shallow_water", 1e-2),
    pytest.param("taylor_green", 1e-3, marks=pytest.mark.slow),
    pytest.param("cavity", 1e-3, marks=pytest.mark.slow),
    pytest.param("poisson5d", 1e-3, marks=pytest.mark.slow),
    pytest.param("allen_cahn", 1e-2, marks=pytest.mark.slow),
]


def test_what_a_gpu_would_refuse_is_refused():
    with pretended() as mode:
        there, here = torch.ones(3).to(DEVICE), torch.ones(3)
        with pytest.raises(MixedError):
            there + here
        with pytest.raises(MixedError):
            there[:] = here
        with pytest.raises(MixedError):
            here[there > 0.0]
        with pytest.raises(RuntimeError, match="numpy"):
            there.numpy()
        assert mode.moves == 1
        assert (there + 1.0).cpu().tolist() == [2.0] * 3
        assert mode.moves == 2


@pytest.mark.parametrize(("name", "tolerance"), PROBLEMS)
def test_a_solve_elsewhere_says_the_same_and_moves_nothing_in_a_step(monkeypatch, name, tolerance):
    """Conjugate gradients ask for numbers, not for arrays; it had ended with arrays of the host among the others."""
    problem, loops = load_problem(name), []
    here = solve(problem, tolerance=tolerance)
    steps, times = ConjugateGradients._iterate, ConjugateGradients._damped_product
    with pretended() as mode:

        def begun(self, *given):
            loops.append([])
            return steps(self, *given)

        def multiplied(self, direction):
            loops[-1].append(mode.moves)
            return times(self, direction)

        monkeypatch.setattr(ConjugateGradients, "_iterate", begun)
        monkeypatch.setattr(ConjugateGradients, "_damped_product", multiplied)
        monkeypatch.setattr(solving, "require_device", lambda device: None)
        there = solve(problem, tolerance=tolerance, device=str(DEVICE))
    assert there.verdict.reason == here.verdict.reason
    assert there.verdict.estimate == pytest.approx(here.verdict.estimate, rel=1e-2)
    points = np.array([problem.box.ranges]).mean(2)
    for unknown, value in here(points).items():
        assert there(points)[unknown] == pytest.approx(value, rel=1e-6, abs=1e-9)
    assert all(moves[-1] == moves[0] for moves in loops if moves)
    assert any(len(moves) > 1 for moves in loops) == ("conjugate gradients" in str(here.levels))


@needs_gpu
@pytest.mark.parametrize(("name", "tolerance"), PROBLEMS)
def test_a_gpu_says_the_same(name, tolerance):
    problem = load_problem(name)
    here, there = solve(problem, tolerance=tolerance), solve(problem, tolerance=tolerance, device="cuda")
    assert there.verdict.reason == here.verdict.reason
    assert there.verdict.estimate == pytest.approx(here.verdict.estimate, rel=0.1)
