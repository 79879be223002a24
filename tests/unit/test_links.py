"""Every link of the documents leads somewhere, on GitHub and on the site."""

import re
import subprocess

import pytest
import yaml

from docs.assemble import ROOT, assemble, pages
from docs.links import Link, anchors, relative_links, swallowed

PAGES = {str(page.relative_to(ROOT)): page for page in pages()}


@pytest.mark.parametrize("name", PAGES)
def test_a_relative_link_names_a_file_and_a_heading_that_exist(name):
    page = PAGES[name]
    for link in relative_links(page.read_text()):
        file = link.target(page)
        assert file.is_file(), f"{name}: {link.path}"
        assert file.is_relative_to(ROOT)
        if link.anchor:
            assert link.anchor in anchors(file.read_text()), f"{name}: {link.path}#{link.anchor}"


def test_links_in_code_are_none():
    markdown = "see [a](a.md), `[b](b.md)`, [c](https://c.example/c.md)\n\n```\n[d](d.md)\n```\n[e](#e-e)"
    assert relative_links(markdown) == [Link("a.md", ""), Link("", "e-e")]


@pytest.mark.parametrize("name", PAGES)
def test_a_list_or_table_begins_after_an_empty_line(name):
    assert swallowed(PAGES[name].read_text()) == []


def test_what_the_site_would_swallow_is_found():
    assert swallowed("text\n- item\n- item\n\n1. one\n   more\n2. two\n\n# head\n| a |\n| - |\nmore\n| b |") == [
        "- item",
        "| b |",
    ]


def test_an_anchor_is_what_github_makes_of_a_heading():
    assert anchors('# What `predict` says, and why?\n## P10, P50\n```\n# comment\n```\n| <a id="row"></a>x |') == {
        "row",
        "what-predict-says-and-why",
        "p10-p50",
    }


def test_the_site_s_navigation_lists_each_page_once():
    # The file is read as plain YAML: the tag that names the function which makes anchors has no meaning here.
    text = re.sub(r"!!python/\S+", "", (ROOT / "mkdocs.yml").read_text())
    listed = re.findall(r"[\w./-]+\.(?:md|html)\b", str(yaml.safe_load(text)["nav"]))
    notebooks = {f"notebooks/{path.stem}.md" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert sorted(listed) == sorted({*PAGES, *notebooks, "reference/mlops_core.html"})


def test_pages_are_gathered_in_their_places_with_what_they_link_to(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "quickstart.md").write_text("[next](your_own_data.ipynb)")
    assemble(tmp_path)
    assert (tmp_path / "notebooks" / "quickstart.md").read_text() == "[next](your_own_data.md)"
    assert (tmp_path / "docs" / "glossary.md").read_text() == (ROOT / "docs" / "glossary.md").read_text()
    for page in tmp_path.glob("docs/**/*.md"):
        for link in relative_links(page.read_text()):
            assert link.target(page).exists() or link.path.startswith("../notebooks/")


@pytest.mark.verify
def test_make_docs_builds_a_site_that_loads_nothing_from_elsewhere():
    done = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    site = ROOT / "build" / "docs"
    assert "simulate_fleet" in (site / "reference" / "mlops_core.html").read_text()
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=[\"']?(https?:[^\"' >]+)", page.read_text()
        )
        assert not loaded, page
