"""The report lists what there is, and has no section for what there is not."""

from dataclasses import replace

import pytest
from closed_form import solved, with_mean

from pinnkan.export.report import _FILES, quantity_lines, report_of


def test_every_warning_and_every_file_has_a_line() -> None:
    text = report_of(solved("plane"), ["solution.vtu", "levels.csv"], ["the disk is nearly full"])
    assert "## Warnings\n\n- the disk is nearly full\n\n" in text
    assert f"## Files\n\n- `solution.vtu`: {_FILES['.vtu']}\n- `levels.csv`: {_FILES['levels.csv']}\n" in text


def test_parameters_and_functions_stand_in_it_as_they_were_written() -> None:
    """They stood in the page alone."""
    plane = solved("plane")
    source = "parameters: {k: 5e4}\nfunctions:\n  f: 1 +\n    k*x\n"
    text = report_of(replace(plane, problem=replace(plane.problem, source=source)), [])
    assert "\n\nparameters\n\n    k = 5e4\n\nfunctions\n\n    f = 1 + k*x\n\nwith\n\n" in text
    assert "\n\nparameters\n\n" not in report_of(replace(plane, problem=replace(plane.problem, source="")), [])


def test_a_run_without_warnings_and_files_has_no_such_sections() -> None:
    text = report_of(solved("plane"), [])
    assert "Warnings" not in text
    assert "## Files" not in text
    assert "## Verdict" in text


@pytest.mark.parametrize(
    ("name", "end"), [("a.spacetime.vtu", ".spacetime.vtu"), ("a.vtu", ".vtu"), ("convergence.png", "convergence.png")]
)
def test_a_file_is_explained_by_the_longest_ending_that_fits(name: str, end: str) -> None:
    assert f"`{name}`: {_FILES[end]}" in report_of(solved("plane"), [name])


def test_quantities_have_a_table_with_as_many_digits_as_their_error_leaves() -> None:
    stated = with_mean("plane")
    ((line,),) = ([x for x in report_of(stated, []).splitlines() if x.startswith("| mean |")],)
    assert "| integral of u |" in line
    reading = stated.quantities["mean"]
    assert reading.errors is not None
    assert line.endswith(f"| {reading.errors[0]:.1e} |")
    assert "## Quantities" not in report_of(solved("plane"), [])


def test_a_curve_shows_its_end() -> None:
    stated = with_mean("front")
    assert "integral of u, over time | 1.00000" in report_of(stated, [])
    assert " at t = 1 |" in report_of(stated, [])


def test_several_unknowns_have_their_errors_in_a_table_and_their_vectors_a_word() -> None:
    text = report_of(solved("flow"), ["solution.vtu"])
    assert "| velocity | 0.707 |" in text
    assert "`error_estimate_velocity`" in text
    assert "`Glyph` and `Stream Tracer` show a vector: `velocity`." in text
    assert "## Unknowns" not in report_of(solved("plane"), [])


def test_every_row_of_a_shortened_table_has_all_columns() -> None:
    solution = solved("front")
    text = report_of(replace(solution, levels=solution.levels * 20), [])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert any("…" in row for row in rows)
    assert len({row.count("|") for row in rows}) == 1


def test_units_stand_beside_ranges_unknowns_and_quantities() -> None:
    stated = with_mean("flow")
    units = {"x": "m", "velocity": "m/s", "mean": "Pa|bar"}
    said = replace(stated, problem=replace(stated.problem, units=units))
    text = report_of(said, [])
    assert "x (m) in [-1, 1]; y in [-1, 1]" in text
    assert "| velocity (m/s) |" in text
    assert "| mean (Pa\\|bar) |" in text
    assert " Pa|bar, error" in quantity_lines(said)[0]
    assert "(m)" not in report_of(stated, [])


def test_a_quantity_that_was_not_computed_is_not_known() -> None:
    """It was printed as `nan`."""
    stated = with_mean("flow")
    reading = replace(stated.quantities["mean"], values=(float("nan"),), errors=None, note="not computed")
    assert (
        "mean = not known, error not known; not computed"
        in quantity_lines(replace(stated, quantities={"mean": reading}))[0]
    )
