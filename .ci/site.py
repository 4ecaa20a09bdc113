"""The site: nbdev prepares the notebooks, smalldocs renders them. Both read `_quarto.yml`, and so does Quarto itself.

What stands here is what neither does: the names of a page in one table at its end, works cited with their place in
`nbs/references.bib`, a caption for every figure, the notebook itself to download, and a look at every link."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import api_tables
import bibliography
import links
import tools
import yaml
from nbdev.serve import proc_nbs
from smalldocs import layout
from smalldocs.markdown import pandoc_id
from smalldocs.site import build

root = Path(__file__).resolve().parent.parent
nbs, work, site = root / "nbs", root / "_proc", root / "_site"
made_by_nbdev = "<!-- WARNING"
only_quarto = "output-file|commonmark|format-links|bibliography|nocite|grid"  # not for smalldocs


def listed():
    "The notebooks that _quarto.yml names, in its order."
    quarto = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    return list(flat(quarto["website"]["sidebar"]["contents"]))


def flat(entries):
    for entry in entries:
        if isinstance(entry, str):
            yield entry
        elif "contents" in entry:
            yield from flat(entry["contents"])
        else:
            yield entry["href"]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell):
    return "".join(cell["source"])


def prepare():
    "Notebooks as pages, in _proc; what can be said of names and symbols under the pointer."
    proc_nbs(force=True, n_workers=os.cpu_count() or 1)
    pages = {str(file.relative_to(work)): file for file in work.rglob("*.ipynb")}
    missing = [name for name in listed() if name not in pages]
    extra = [name for name in pages if name not in listed()]
    if missing or extra:
        sys.exit(f"Missing pages: {missing}. Not in _quarto.yml: {extra}.")
    works = bibliography.read(nbs / "references.bib")
    names, places = {}, {}
    for name, file in pages.items():
        notebook = read(file)
        module = api_tables.module_of(read(nbs / name)["cells"])
        if module:
            described = api_tables.gather(notebook["cells"], module)
            names |= described
            places |= {n: f"/{name}#{n}" for n in described}
        dress(notebook, name, works)
        file.write_text(json.dumps(notebook), encoding="utf-8")
    (work / "_symbols.json").write_text(json.dumps(places), encoding="utf-8")
    return names, places


def dress(notebook, name, works):
    "What only the site's page of a notebook has."
    cells = [cell for cell in notebook["cells"] if not source(cell).startswith(made_by_nbdev)]
    for cell in cells:
        if cell["cell_type"] == "code":
            caption(cell)
        elif cell["cell_type"] == "markdown":
            cell["source"] = links.to_places(source(cell), pandoc_id)
    if name != "index.ipynb":
        bibliography.cite(cells, works, name)
        first_text = next(n for n, cell in enumerate(cells) if cell["cell_type"] != "raw")
        cells.insert(first_text, api_tables.markdown(to_take_away(name)))
    notebook["cells"] = cells


def to_take_away(name):
    file = Path(name).name
    copy = Path(file).with_suffix(".llms.md")
    return (
        f'```{{=html}}\n<p class="take-away"><a href="{file}" download>Open this page in JupyterLab: '
        f'the notebook</a> <a href="{copy}">as Markdown</a></p>\n```'
    )


def caption(cell):
    "A figure without a caption shows what it says to those who cannot see it."
    lines = source(cell).splitlines(keepends=True)
    options = {}
    for n, line in enumerate(lines):
        if line.startswith("#|"):
            lines[n] = quoted(line)
            options |= yaml.safe_load(lines[n][2:]) or {}
    pictures = [o for o in cell["outputs"] if any("image/" in kind for kind in o.get("data", {}))]
    if "fig-alt" in options and "fig-cap" not in options and pictures:
        captions = [options["fig-alt"]] + [""] * (len(pictures) - 1)
        cell["source"] = f"#| fig-cap: {json.dumps(captions, ensure_ascii=False)}\n" + "".join(
            lines
        )


def quoted(line):
    "A line `#| key: value` whose value is no YAML as it stands, such as a sentence with a colon."
    try:
        yaml.safe_load(line[2:])
    except yaml.YAMLError:
        key, value = line.rstrip("\n").split(":", 1)
        return f"{key}: {json.dumps(value.strip(), ensure_ascii=False)}\n"
    return line


def finish(names, places):
    "What the browser shows under the pointer; formulas' letters beside the pages; the notebooks themselves."
    up = {}
    for name, place in places.items():
        call, _, said = names[name].partition("\n")
        up[name] = [place[1:].replace(".ipynb", ".html"), f"{call}\n{bare(said)}"]
    symbols = table_of_symbols()
    text = json.dumps(dict(names=up, symbols=symbols), ensure_ascii=False)
    (site / "hover.json").write_text(text, encoding="utf-8")
    for name in listed():
        shutil.copy(nbs / name, site / name)
    for copy in site.rglob("*.llms.md"):
        text = copy.read_text(encoding="utf-8")
        text = re.sub(r"<iframe.*?</iframe>", "(A figure to move: see the page.)", text, flags=re.S)
        copy.write_text(text, encoding="utf-8")
    formulas()


def table_of_symbols():
    "{letter: what it is}, from the table of nbs/symbols.ipynb."
    text = "\n".join(source(cell) for cell in read(nbs / "symbols.ipynb")["cells"])
    rows = re.findall(r"^\| \$(.+?)\$ \| (.+?) \|", text, re.M)
    return {letters(tex): bare(said) for tex, said in rows}


def bare(text):
    "Markdown without its marks, for a place that shows text only."
    return re.sub(r"[`*$]|\]\([^)]*\)|\[", "", text)


def letters(tex):
    "The letters of a formula as a page shows them: \\rho_{ij} is ρij."
    for name, letter in greek.items():
        tex = tex.replace(f"\\{name}", letter)
    return re.sub(r"[\\{}_^ ]|mathrm|operatorname", "", tex)


greek = dict(rho="ρ", tau="τ", delta="δ", lambda_1="λ1", lambda_2="λ2", lambda_="λ", oplus="⊕")


def formulas():
    "KaTeX beside the pages, if npm is there; else it comes from its usual place."
    folder = site / "site_libs" / "katex"
    if not tools.npm_folder("katex@0.16.22", "dist", folder):
        return
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        here = os.path.relpath(folder, file.parent)
        file.write_text(text.replace(layout.KATEX, here), encoding="utf-8")


def main():
    names, places = prepare()
    shutil.rmtree(site, ignore_errors=True)
    built = build(work, quiet=True)
    shutil.copytree(built.out, site)
    finish(names, places)
    pages = links.read_pages(site)
    bad = links.check(site, pages)
    no_alt = sum(page.no_alt for page in pages.values())
    said = [w for w in built.warnings if not re.search(only_quarto, w)]
    print("\n".join(said[:40]))
    print("\n".join("broken: " + sentence for sentence in bad[:60]))
    print(
        f"{len(pages)} pages in {site.name}/, {len(bad)} broken links, "
        f"{no_alt} pictures without a text, {len(said)} warnings"
    )
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
