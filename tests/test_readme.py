"""The README says what the tables say."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "benchmark"))

import readme  # noqa: E402  (after its path)
from accuracy import Row  # noqa: E402
from tables import read_rows  # noqa: E402

ACCURACY = [
    dict(problem="a", tolerance="0.0001", verdict="converged", error="8.3e-09", estimate="1.04e-08", seconds="0.08"),
    dict(problem="a", tolerance="1e-06", verdict="converged", error="8.3e-09", estimate="1.04e-08", seconds="0.08"),
    dict(problem="b", tolerance="1e-06", verdict="max_time", error="nan", estimate="2e-8", seconds="31.2"),
]
DEEP = [dict(problem="a", verdict="max_time", error="2e-4", seconds="60.1")]


def test_a_table_is_read_back_as_it_was_measured():
    """Above its columns it says how: rows of other problems stay when some are measured again."""
    rows = read_rows(ROOT / "results" / "tables" / "accuracy.csv", Row)
    known = readme.rows_of("accuracy")
    assert [(r.problem, r.verdict) for r in rows] == [(k["problem"], k["verdict"]) for k in known]


def test_the_table_of_the_readme_is_the_one_measured():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.with_table(text, readme.short_table(readme.rows_of("accuracy"))) == text


def test_the_readme_is_read_in_five_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_readme_and_the_pages_lead_to_what_is_there():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    assert {f"{page.name}: {link}" for page in pages for link in dead(page.read_text(encoding="utf-8"), page)} == set()


def test_a_dead_link_would_be_noticed():
    assert dead("[a](docs/start.md) [b](docs/end.md#x) [c](https://x.y)", ROOT / "README.md") == {"docs/end.md"}


def dead(text, page):
    """Links to files at which nothing is."""
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text)
    return {link for link in links if not (page.parent / link).exists()}


PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page):
    assert lacking((ROOT / page).read_text(encoding="utf-8")) == set()


def test_a_file_that_is_not_there_would_be_noticed():
    assert lacking("`solver/driver.py`, `tests/fuzz/`, `solver/drivers.py`") == {"solver/drivers.py"}


def lacking(text):
    """Paths of code and folders between backquotes at which nothing ends: a page may leave out the rooms before."""
    named = set(re.findall(r"`([a-z_/]+/(?:[a-z_]+\.py)?)`", text)) - {"domain/"}  # planned, and said to be so
    there = [path.relative_to(ROOT) for top in ("pinnkan", "tests", "problems") for path in (ROOT / top).rglob("*")]
    known = [f"/{top}/" for top in ("pinnkan", "tests", "problems")]
    known += [f"/{path}/" if (ROOT / path).is_dir() else f"/{path}" for path in there]
    return {
        name
        for name in named
        if not name.startswith("results/") and not any(path.endswith(f"/{name}") for path in known)
    }


def test_the_short_table_has_one_row_of_each_problem_shown_and_says_what_was_not_reached():
    rows = [dict(ACCURACY[1], problem=name) for name in readme.SHOWN]
    rows[-1] = dict(ACCURACY[2], problem=rows[-1]["problem"])
    *converged, missed = readme.short_table(rows).removeprefix(readme.SHORT_HEAD).splitlines()
    assert (
        converged[0]
        == "| poisson2d | Poisson's equation on the unit square, a product of sines | 8e-9 | 1e-8 | 0.08 s |"
    )
    assert missed.startswith("| van_der_pol | van der Pol's oscillator")
    assert missed.endswith("| – (max_time) | 2e-8 | 31 s |")


def test_a_row_that_repeats_the_one_above_is_left_out_and_what_is_not_known_is_a_dash():
    first, second = readme.table(ACCURACY, DEEP).removeprefix(readme.HEAD).splitlines()
    assert first == "| a | 1e-4 | 8e-9 | 1e-8 | 0.08 s | 2e-4 (not converged) | 60 s |"
    assert second == "| b | 1e-6 | – (max_time) | 2e-8 | 31 s |  |  |"


def test_a_header_gets_its_figures_and_one_that_says_more_stays():
    plain = "# x\n# Expected: error 1e-5 at the default tolerance, in 9.9 s on two cores.\nname: a\n"
    assert "error 8e-9 at the default tolerance, in 0.1 s" in readme.with_header(plain, ACCURACY[0])
    more = plain.replace("two cores.", "two cores; more")
    assert readme.with_header(more, ACCURACY[0]) == more


def test_a_readme_without_a_place_for_the_table_is_refused():
    with pytest.raises(ValueError, match="unpack"):
        readme.with_table("no marks", "")
