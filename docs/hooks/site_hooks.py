"""What MkDocs calls while it builds: tables made from the code, files of the repository that pages link to, notebooks.

In a page ``<!-- made: NAME -->`` on a line of its own stands for a table of that NAME; a name that means nothing fails
the build. A link that leaves docs/ (``../results/figures/cost.png``) works in the repository as it is written; in the
site what it leads to has the same place beside the pages.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import code_tables
import gallery_page
import notebook_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "benchmark"))

import readme  # noqa: E402  (after its path)


def peers_page(text: str) -> str:
    """Of results/tables/peers.md the table of each problem and who is faster, one level of headings lower."""
    tables = "## " + text.partition("\n## ")[2].partition("\n## Settings")[0]
    return tables.replace("## ", "### ")


MADE: dict[str, Callable[[], str]] = {
    "keys of a problem": code_tables.problem_keys,
    "words of expressions": code_tables.words,
    "commands": code_tables.commands,
    "reasons": code_tables.reasons,
    "checks": code_tables.checks,
    "evidence": code_tables.evidence,
    "numbers": code_tables.numbers,
    "accuracy": lambda: readme.table(readme.rows_of("accuracy"), readme.rows_of("deep")),
    "peers": lambda: peers_page((ROOT / "results" / "tables" / "peers.md").read_text(encoding="utf-8")),
    "gallery": gallery_page.problems,
    "traps": gallery_page.traps,
}
_MARK = re.compile(r"^<!-- made: (.+) -->$", re.MULTILINE)
_LINK = re.compile(r"(\]\(|src=\")([^)\"#\s:]+)")


def made(markdown: str) -> str:
    """A page with its tables.

    Raises:
        PluginError: it names one that there is not.
    """

    def table(mark: re.Match[str]) -> str:
        if mark[1] not in MADE:
            raise PluginError(f"nothing is made by the name of '{mark[1]}'; known: {', '.join(MADE)}")
        return MADE[mark[1]]()

    return _MARK.sub(table, markdown)


def leaving(markdown: str, source: str) -> Iterator[tuple[str, str]]:
    """Links of a page of the repository to files that are not in docs/: as written, and the file."""
    for _, link in _LINK.findall(markdown):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        if not target.startswith(("docs/", "..")) and (ROOT / target).is_file():
            yield link, target


def reached(files: Files) -> set[str]:
    """Files of the repository outside docs/ that the pages lead to, and those that these lead to."""
    found = {"CONTRIBUTING.md", "CHANGELOG.md"} | {
        str(p.relative_to(ROOT)) for p in gallery_page.PICTURES.glob("*.png")
    }
    waiting = [(f"docs/{page.src_uri}", page.content_string) for page in files.documentation_pages()]
    while waiting:
        source, text = waiting.pop()
        for _, target in leaving(text, source):
            if target not in found and target.endswith(".md"):
                waiting.append((target, (ROOT / target).read_text(encoding="utf-8")))
            found.add(target)
    return found


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what pages lead to outside docs/, and the notebooks as pages."""
    for target in sorted(reached(files)):
        files.append(File.generated(config, target, abs_src_path=str(ROOT / target)))
    for file in list(files):
        if file.src_uri.endswith(".ipynb"):
            for uri, content in notebook_page.shown(Path(str(file.abs_src_path)), file.src_uri):
                files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Puts the tables in, and leads links that leave docs/ to their place in the site."""
    if page.file.generated_by:
        return markdown
    links = dict(leaving(markdown, f"docs/{page.file.src_uri}"))
    return made(_LINK.sub(lambda found: found[1] + _in_the_site(found[2], links), markdown))


def _in_the_site(link: str, links: dict[str, str]) -> str:
    return link.replace("../", "", 1) if link in links else link
