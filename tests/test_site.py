"What the site needs of the notebooks: works in the bibliography, options that are YAML, pages that are listed."

import csv
import json
import re
import statistics
import sys
from pathlib import Path

import pytest
import yaml

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root / ".ci"))
NOTEBOOKS = [
    f for f in sorted((root / "nbs").rglob("*.ipynb")) if ".ipynb_checkpoints" not in f.parts
]


@pytest.fixture(scope="module")
def bibliography():
    pytest.importorskip("bibtexparser")
    pytest.importorskip("nbdev")
    import bibliography

    return bibliography


@pytest.fixture(scope="module")
def works(bibliography):
    return bibliography.read(root / "nbs" / "references.bib")


def cells(notebook):
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda f: f.stem)
def test_every_work_that_is_cited_is_in_the_bibliography(notebook, works):
    known = {address for work in works.values() for address in work["at"]}
    text = "\n".join("".join(cell["source"]) for cell in cells(notebook))
    cited = re.findall(r"https?://(?:doi\.org/|arxiv\.org/abs/)([^\s)\"\\]+)", text)
    missing = sorted({work for work in cited if work.lower() not in known})
    assert not missing, f"add to nbs/references.bib: {missing}"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda f: f.stem)
def test_the_options_of_cells_are_yaml(notebook):
    for cell in cells(notebook):
        for line in "".join(cell["source"]).splitlines():
            if re.match(r"#\|\s*fig-\w+:", line):
                try:
                    yaml.safe_load(line[2:])
                except yaml.YAMLError:
                    pytest.fail(f"a sentence with a colon stands in quotes: {line}")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda f: f.stem)
def test_the_first_cell_is_a_title_and_nothing_else(notebook):
    "nbdev makes the page's title of it, and drops what else stands there: an introduction is a cell of its own."
    written = ["".join(c["source"]) for c in cells(notebook) if c["cell_type"] == "markdown"]
    first = written[0]
    if first.startswith("# "):
        lines = [line for line in first.splitlines() if line.strip()]
        assert all(line.startswith(("# ", "> ", "- ")) for line in lines), notebook.name


def test_citations_become_links_with_the_whole_work(bibliography, works):
    text = "By [Kim et al. 2023](https://arxiv.org/abs/2212.14258) and others [@kim2020proxyanchor; @yue2024hypmix]."
    page = [dict(cell_type="markdown", source=text)]
    bibliography.cite(page, works, "page.ipynb")
    assert '"Sungyeon Kim, Boseung Jeong, Suha Kwak (2023). HIER:' in page[0]["source"]
    assert "[Yue et al. 2024](https://arxiv.org/abs/2404.15523" in page[0]["source"]
    listed = page[1]["source"]
    assert listed.startswith("## References") and listed.count("\n- ") == 3


def test_a_key_without_a_work_is_told(bibliography, works):
    page = [dict(cell_type="markdown", source="As shown [@nobody2020].")]
    with pytest.raises(ValueError, match=r"page\.ipynb cites 'nobody2020', which is not in"):
        bibliography.cite(page, works, "page.ipynb")


def test_the_list_of_pages_is_that_of_the_folder():
    text = (root / "_quarto.yml").read_text(encoding="utf-8")
    missing = [str(f.relative_to(root / "nbs")) for f in NOTEBOOKS]
    missing = [name for name in missing if not re.search(rf"[\s\[]{re.escape(name)}\b", text)]
    assert not missing, f"add to _quarto.yml: {missing}"


def test_the_first_pages_table_is_that_of_the_runs():
    "Means and standard deviations in the README, from the lines of kinship-whole.csv."
    with open(root / "nbs" / "experiments" / "kinship-whole.csv", encoding="utf-8") as f:
        runs = list(csv.DictReader(f))
    readme = (root / "README.md").read_text(encoding="utf-8")
    measures = (
        "after.recall.1",
        "after.recall.8",
        "after.nearest.subgroup",
        "after.nearest.group",
        "ranking.ap/group",
    )

    def shown(rows, measure):
        values = [100 * float(row[measure]) for row in rows]
        return f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"

    for kinship in ("", "own", "wordnet+features", "taxonomy"):
        rows = [row for row in runs if row["hier_kinship"] == kinship and not row["loss"]]
        line = " | ".join(shown(rows, measure) for measure in measures)
        assert f"| {line} |" in readme, kinship


def headings(notebook):
    written = ["".join(c["source"]) for c in cells(notebook) if c["cell_type"] == "markdown"]
    return re.findall(r"^#{1,6} +(.+)$", "\n".join(written), re.M)


def test_links_to_headings_are_those_of_jupyterlab():
    "It finds a heading by its words as they stand, with hyphens: #The-same,-fast. The site's page gets its own."
    import links

    ids = {file.resolve(): {links.jupyter_id(h) for h in headings(file)} for file in NOTEBOOKS}
    lost = []
    for file in NOTEBOOKS:
        written = ["".join(c["source"]) for c in cells(file) if c["cell_type"] == "markdown"]
        for path, fragment in links.to_heading.findall("\n".join(written)):
            goal = (file.parent / path if path else file).resolve()
            if goal in ids and fragment not in ids[goal]:
                lost.append(f"{file.name}: {path}#{fragment}")
    assert not lost, f"no such heading, letter by letter: {lost}"


def test_a_page_has_places_of_its_own():
    import links

    text = "[a](x.ipynb#The-same,-fast) [b](https://x.org/#A) [c](#A)"
    said = links.to_places(text, lambda words: words.lower())
    assert said == "[a](x.ipynb#the same, fast) [b](https://x.org/#A) [c](#a)"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda f: f.stem)
def test_drawings_fit_jupyterlab(notebook):
    "It does not scale an SVG; beside its list of files a window of 1440 px leaves about 1000."
    for cell in cells(notebook):
        for output in cell.get("outputs", []):
            drawing = "".join(output.get("data", {}).get("image/svg+xml", ""))
            width = re.search(r'<svg[^>]* width="([\d.]+)pt"', drawing)
            assert not width or float(width[1]) * 4 / 3 <= 1000, f"{width[0]}: a smaller figsize"
