"""``pinnkan study geometry``: what the two bases do to gradient descent, computed and drawn."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes

from pinnkan.export.style import BLUE, GREEN, GREY, ORANGE, RED
from pinnkan.kan.field import Array
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network, random_network
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.study import spectrum
from pinnkan.study.bases.power_relu import network_in_powers
from pinnkan.study.contest import Say
from pinnkan.study.cost import Cost, measure
from pinnkan.study.curves import markdown
from pinnkan.study.descent import Kernels, Path, added_share, descend, layer_kernels, network_kernels, radius, remaining
from pinnkan.study.report import StudyReport
from pinnkan.study.task import Task, Term

ORDERS = (1, 2, 3, 4)
COLOURS = dict(zip((1, 2, 3, 4, 5, 6), (GREY, ORANGE, BLUE, GREEN, RED, "#CC79A7"), strict=True))


def study_geometry(report: StudyReport, quick: bool, say: Say) -> None:
    """Spectra, kernels, descents and costs, each with its table and picture."""
    say("spectrum of the change of basis")
    _spectra(report, quick)
    say("neural tangent kernels")
    _kernels(report, quick)
    say("descent in one basis seen from the other")
    _descents(report, quick)
    say("cost per evaluation")
    _costs(report, quick)


def _spectra(report: StudyReport, quick: bool) -> None:
    sizes = np.array([5, 10, 20, 40, 80] if quick else [5, 10, 20, 40, 80, 160])
    conditions = {r: np.array([spectrum.condition(spectrum.uniform_splines(r, n)) for n in sizes]) for r in ORDERS}
    count = 40 if quick else 100
    rows = []
    for r in ORDERS:
        splines = spectrum.uniform_splines(r, 50)
        ours = spectrum.gram_eigenvalues(splines)
        ratio = ours / spectrum.difference_eigenvalues(r, splines.count, 0.02)
        vectors = spectrum.gram_eigenvectors(spectrum.uniform_splines(r, count)).T
        wrong = sum(spectrum.sign_changes(v) != n for n, v in enumerate(vectors))
        ratios = f"{ratio[0]:.2g}", f"{ratio[len(ratio) // 2]:.3f}", f"{ratio[-1]:.5f}"
        condition = f"{conditions[r][1]:.2g}", f"{spectrum.slope(sizes, conditions[r]):.2f}"
        rows.append([r, *ratios, *condition, f"{len(vectors) - wrong} of {len(vectors)}"])
    head = ["r", "smallest", "middle", "largest", "cond, n = 10", "exponent of cond in n", "sign changes as claimed"]
    report.say("## Eigenvalues of A^T A against the finite difference of order 2r")
    report.say(markdown(head, rows))
    report.say(
        "Columns smallest, middle and largest: eigenvalues of A^T A over those of the prediction G (n = 50). The "
        "upper half agrees; the lowest do not, for A has zero values beyond one end only: at the other end its "
        "eigenvectors are free. The law l^(2r), the condition n^(2r), and the l - 1 sign changes of the l-th "
        "eigenvector hold as the paper says."
    )
    caption = "Eigenvalues, eigenvectors, condition and sign changes of A^T A."
    with report.figure("spectrum", caption, 10.5, 7.0) as drawing:
        panels = drawing.subplots(2, 2).ravel()
        _draw_eigenvalues(panels[0])
        _draw_eigenvectors(panels[1])
        _draw_conditions(panels[2], sizes, conditions)
        _draw_sign_changes(panels[3], count)


def _draw_eigenvalues(axes: Axes) -> None:
    for r in (1, 3):
        splines = spectrum.uniform_splines(r, 50)
        index = np.arange(1, splines.count + 1)
        axes.loglog(index, spectrum.gram_eigenvalues(splines), color=COLOURS[r], label=f"A$^T$A, r = {r}")
        predicted = spectrum.difference_eigenvalues(r, splines.count, 0.02)
        axes.loglog(index, predicted, "--", lw=1.0, color=COLOURS[r], label=f"difference G, r = {r}")
    axes.set(xlabel="number l", ylabel="eigenvalue", title="eigenvalues, n = 50")
    axes.legend()


def _draw_eigenvectors(axes: Axes) -> None:
    vectors = spectrum.gram_eigenvectors(spectrum.uniform_splines(3, 50))
    for place, label, colour in ((0, "first", BLUE), (1, "second", GREEN), (2, "third", ORANGE), (-1, "last", GREY)):
        vector = vectors[:, place] * np.sign(vectors[np.abs(vectors[:, place]).argmax(), place])
        axes.plot(np.arange(1, len(vector) + 1), vector, color=colour, lw=0.8 if place == -1 else 1.6, label=label)
    axes.set(xlabel="knot", ylabel="entry", title="eigenvectors, r = 3, n = 50")
    axes.legend(ncols=2)


def _draw_conditions(axes: Axes, sizes: Array, conditions: dict[int, Array]) -> None:
    for r in ORDERS:
        axes.loglog(sizes, conditions[r], "o-", ms=4, color=COLOURS[r], label=f"r = {r}")
        guide = conditions[r][-1] * (sizes / sizes[-1]) ** (2.0 * r)
        axes.loglog(sizes, guide, ":", color=COLOURS[r], lw=1.0)
    axes.set(xlabel="intervals n", ylabel="largest / smallest eigenvalue", title="condition; dotted: n$^{2r}$")
    axes.legend()


def _draw_sign_changes(axes: Axes, intervals: int) -> None:
    for r in (4, 3, 2, 1):
        vectors = spectrum.gram_eigenvectors(spectrum.uniform_splines(r, intervals)).T
        changes = [spectrum.sign_changes(v) for v in vectors]
        axes.plot(range(1, len(changes) + 1), changes, color=COLOURS[r], lw=1.0 + 0.9 * (r - 1), label=f"r = {r}")
    axes.set(xlabel="number l", ylabel="sign changes", title=f"sign changes of the l-th eigenvector, n = {intervals}")
    axes.legend()


def _kernels(report: StudyReport, quick: bool) -> None:
    x = torch.linspace(0.0, 1.0, 201 if quick else 401, dtype=torch.float64)
    sizes = (1, 2, 4, 8, 16, 32)
    rows = []
    for r in (1, 2, 3, 4, 5):
        norms = [spectrum.rescaled_norm(r, n) ** 2 for n in (8, 256)]
        layer = [layer_kernels(spectrum.uniform_splines(r, n), x).ratio for n in sizes]
        deep = f"{_deep_kernels(r, 8).ratio:.1e}" if r > 1 else ""
        rows.append([r, f"{norms[0]:.2f}", f"{norms[1]:.3f}", *(f"{q:.1e}" for q in layer), deep])
    head = ["r", "norm², n = 8", "norm², n = 256", *(f"edge, n = {n}" for n in sizes), "[2,5,5,1], n = 8"]
    report.say("## Neural tangent kernels and the bound on their spectral radius")
    report.say(markdown(head, rows))
    worst = max(float(row[2]) for row in rows)
    report.say(
        "Theorem 2 claims rho(NTK_S) <= 4 rho(NTK_R) in the basis ((x - t)/h)^(r-1), from |A| <= 2^r/(r-1)! <= 4. That "
        f"norm is right and sharp, but it enters squared: for a Jacobian without structure the factor is {worst:.3f} "
        "(r = 2 and 3, n = 256, tending to 16), so that the argument gives 16, and 4 does not follow from it. For the "
        "kernels of actual edges and networks (the other columns are rho(NTK_S) / rho(NTK_R) as measured) the "
        "inequality holds all the same, even with the factor 1: powers of ReLU grow across the interval, splines sum "
        "to one."
    )
    kernels = layer_kernels(spectrum.uniform_splines(4, 16), x)
    caption = "Kernels of one cubic edge with 16 intervals in both bases, and their eigenvalues."
    with report.figure("kernels", caption, 11.0, 3.6) as drawing:
        panels = drawing.subplots(1, 3, gridspec_kw={"width_ratios": [1.0, 1.0, 1.1]})
        pair = ((kernels.spline, "spline"), (kernels.powers, "power ReLU, rescaled"))
        for axes, (kernel, label) in zip(panels, pair, strict=False):
            shown = axes.imshow(
                kernel.numpy(), origin="lower", extent=(0, 1, 0, 1), cmap="viridis", interpolation="none"
            )
            axes.set(xlabel="x", ylabel="x'", title=label)
            drawing.colorbar(shown, ax=axes, shrink=0.85)
        for kernel, label, colour in ((kernels.spline, "spline", BLUE), (kernels.powers, "power ReLU", ORANGE)):
            values = torch.linalg.eigvalsh(kernel).flip(0)[:19] / radius(kernel)
            panels[2].semilogy(range(1, 20), values.clamp_min(1e-17), "o-", ms=3, color=colour, label=label)
        panels[2].set(xlabel="number", ylabel="eigenvalue / largest", title="spectra")
        panels[2].legend()


def _deep_kernels(order: int, intervals: int) -> Kernels:
    points = 2.0 * torch.rand((200, 2), generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1.0
    return network_kernels(random_network((2, 5, 5, 1), order - 1, intervals, 0.3, seed=1234), points)


#: Frequencies in the target of the descents, on [0, 1].
FREQUENCIES = (1, 4, 9)


def _descents(report: StudyReport, quick: bool) -> None:
    x = torch.linspace(0.0, 1.0, 201, dtype=torch.float64)
    target = sum((torch.sin(k * torch.pi * x) for k in FREQUENCIES), torch.zeros_like(x))
    paths, gaps = four_descents(x, target, 100 if quick else 1000)
    report.say("## Gradient descent in one basis is preconditioned descent in the other")
    report.say(
        "A cubic edge with 16 intervals fitted to sin(pi x) + sin(4 pi x) + sin(9 pi x), every iteration at half its "
        "largest stable rate. Spline descent and the spline geometry on power-ReLU weights give the same losses to "
        f"{gaps[0]:.0e} (relative), power-ReLU descent and its geometry on spline weights to {gaps[1]:.0e}."
    )
    rows = []
    for r in (2, 3, 4):
        coarse, fine = spectrum.uniform_splines(r, 8), spectrum.uniform_splines(r, 16)
        shares = [added_share(coarse, fine, x, target, other) for other in (False, True)]
        rows.append([r, *(f"{100 * s:.2g} %" for s in shares)])
    report.say(markdown(["r", "spline step", "power-ReLU step"], rows))
    report.say(
        "Share of the first step after halving 8 intervals, from the best coarse fit, that the coarse space cannot "
        'represent: spline descent acts at once on what the level added ("complementary"), power-ReLU descent moves '
        "inside the old space, where the optimum had been reached already."
    )
    caption = "Losses of the four iterations, and what is left of a sine after 1000 steps."
    with report.figure("descent", caption, 10.0, 3.8) as drawing:
        left, right = drawing.subplots(1, 2)
        styles = ((BLUE, "-", 2.4), (RED, ":", 2.0), (ORANGE, "-", 2.4), (GREEN, ":", 2.0))
        for (name, found), (colour, style, width) in zip(paths.items(), styles, strict=True):
            left.loglog(range(1, len(found.losses) + 1), found.losses, style, color=colour, lw=width, label=name)
        left.set(xlabel="step", ylabel="mean squared error", title="four iterations; pairs coincide")
        left.legend(fontsize=8)
        kernels = layer_kernels(spectrum.uniform_splines(4, 16), x)
        frequencies = range(1, 17)
        for kernel, label, colour in ((kernels.spline, "spline", BLUE), (kernels.powers, "power ReLU", ORANGE)):
            left_over = [remaining(kernel, torch.sin(k * torch.pi * x), 1000) for k in frequencies]
            right.semilogy(frequencies, left_over, "o-", ms=4, color=colour, label=label)
        right.set(xlabel="k", ylabel="share left", title="what 1000 steps leave of sin(kπx)")
        right.legend()


def four_descents(x: torch.Tensor, target: torch.Tensor, steps: int) -> tuple[dict[str, Path], tuple[float, float]]:
    """The four iterations of Table 1 on one cubic edge with 16 intervals on [0, 1], from zero.

    Returns paths by name, and the largest relative difference of the losses in each of the two pairs.
    """
    splines = spectrum.uniform_splines(4, 16)
    spline = Network((Spline(splines, x.new_zeros((1, 1, splines.count))),))
    powers = network_in_powers(spline)
    task = Task(JetSet([(0,)]), [Term("fit", x.reshape(1, -1, 1), lambda u: u[0, ..., 0] - target)], lambda n: x[:1])
    kernels = layer_kernels(splines, x)
    rates = [len(x) / (2.0 * radius(k)) for k in (kernels.spline, kernels.powers * (1 / 16) ** 6)]
    paths = {
        "spline descent": descend(task.descend, spline, steps, rates[0], False),
        "spline geometry, power-ReLU weights": descend(task.descend, powers, steps, rates[0], True),
        "power-ReLU descent": descend(task.descend, powers, steps, rates[1], False),
        "power-ReLU geometry, spline weights": descend(task.descend, spline, steps, rates[1], True),
    }
    losses = [p.losses for p in paths.values()]
    gaps = [float(((b - a).abs() / a).max()) for a, b in (losses[:2], losses[2:])]
    return paths, (gaps[0], gaps[1])


def _costs(report: StudyReport, quick: bool) -> None:
    orders, sizes = ((2, 4), (4, 16)) if quick else ((2, 3, 4, 5, 6), (2, 4, 8, 16, 32, 64))
    by_order = [measure(r, 8) for r in orders]
    by_size = [measure(4, n) for n in sizes]
    report.say("## Cost of an evaluation")
    head = ["r", "n", "spline, ms", "power ReLU, ms", "spline / power ReLU", "the functions alone"]
    rows = []
    for c in [*by_order, *by_size]:
        ratios = f"{c.spline / c.powers:.2f}", f"{c.spline_tables / c.powers_tables:.2f}"
        rows.append([c.order, c.intervals, f"{1e3 * c.spline:.1f}", f"{1e3 * c.powers:.1f}", *ratios])
    report.say(markdown(head, rows))
    report.say(
        "[2,64,64,64,1] at 256 points, loss and gradient, CPU time. The paper counts Cox-de Boor on all "
        "functions, O(nr + r²) an edge input against O(n + r) for powers of ReLU, and finds splines the "
        "dearer basis. Here coefficients of either basis become polynomial pieces first, of which a point needs "
        "one: an evaluation does not know the basis. Where the functions themselves are needed (the last column), "
        "only the r splines that live at a point are computed, while a power of ReLU lives on everything to the "
        "right of its knot: beyond a few intervals splines are the cheaper basis."
    )
    caption = "Time of an evaluation in splines over that in powers of ReLU."
    with report.figure("cost", caption, 9.0, 3.4) as drawing:
        left, right = drawing.subplots(1, 2, sharey=True)
        _draw_ratio(left, [c.order for c in by_order], by_order)
        left.set(xlabel="order r (n = 8)", ylabel="time in splines / in powers of ReLU")
        _draw_ratio(right, [c.intervals for c in by_size], by_size)
        right.set(xlabel="intervals n (r = 4)", xscale="log")
        right.set_xticks(sizes, [str(n) for n in sizes])
        for axes in (left, right):
            axes.minorticks_off()
        right.legend()


def _draw_ratio(axes: Axes, x: Sequence[int], costs: Sequence[Cost]) -> None:
    axes.plot(x, [c.spline / c.powers for c in costs], "o-", color=BLUE, label="loss and gradient")
    axes.plot(x, [c.spline_tables / c.powers_tables for c in costs], "o--", color=GREY, label="the functions alone")
    axes.axhline(1.0, color=GREY, lw=0.8)
    axes.set_yscale("log")
    axes.set_yticks([0.25, 0.5, 1.0, 2.0, 4.0], ["1/4", "1/2", "1", "2", "4"])
    axes.set_xticks(list(x))
