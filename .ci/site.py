"""The site without Quarto: nbdev prepares the notebooks, Sphinx with MyST-NB renders them.

Order and sections come from _quarto.yml."""

import json, os, re, shutil, subprocess, sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
import api_tables, tools, yaml

root = Path(__file__).resolve().parent.parent
nbs, work, site = root / "nbs", root / "_proc", root / "_site"


def contents():
    "[(section, [notebooks])] from the sidebar; a plain entry is a section of its own, as is a section within one."
    quarto = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
    return list(flat(quarto["website"]["sidebar"]["contents"]))


def flat(entries, above=""):
    for entry in entries:
        name = above + entry.get("section", "")
        inside = entry.get("contents") or [entry["href"]]
        if isinstance(inside[0], str):
            yield name or None, inside
        else:
            yield from flat(inside, f"{name} · ")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def prepare():
    "Notebooks as pages, in _proc."
    shutil.rmtree(work, ignore_errors=True)
    nbdev = subprocess.run(["nbdev-proc-nbs"], cwd=root, text=True, capture_output=True)
    pages = {str(f.relative_to(work)): f for f in work.rglob("*.ipynb")}
    listed = [name for _, names in contents() for name in names]
    missing = [name for name in listed if name not in pages]
    extra = [name for name in pages if name not in listed]
    if missing or extra:
        said = nbdev.stdout[-3000:] + nbdev.stderr[-3000:]
        sys.exit(f"{said}\nMissing pages: {missing}. Not in _quarto.yml: {extra}.")
    for name, file in pages.items():
        nb = read(file)
        if module := api_tables.module_of(read(nbs / name)["cells"]):
            api_tables.fill(nb["cells"], module)
        nb["cells"] = [cell for old in nb["cells"] if (cell := page_cell(old, file.stem))]
        nb.get("metadata", {}).pop("widgets", None)
        if name == "index.ipynb":
            nb["cells"].append(markdown(table_of_contents()))
        file.write_text(json.dumps(nb), encoding="utf-8")
    (work / "conf.py").write_text(conf, encoding="utf-8")


def table_of_contents():
    text = ""
    for section, names in contents():
        if names == ["index.ipynb"]:
            continue
        caption = f":caption: {section}\n" if section else ""
        pages = "\n".join(n.removesuffix(".ipynb") for n in names if n != "index.ipynb")
        text += f"```{{toctree}}\n:hidden:\n{caption}\n{pages}\n```\n\n"
    return text


def markdown(text):
    return dict(cell_type="markdown", metadata={}, source=text)


def page_cell(cell, name):
    "Front matter becomes a heading, Quarto's directives MyST-NB's tags; None for what only Quarto reads."
    source = "".join(cell["source"])
    if cell["cell_type"] == "raw" and source.startswith("---"):
        return markdown(heading(source, name))
    if source.startswith("<!-- WARNING"):
        return None
    return code_cell(cell, source) if cell["cell_type"] == "code" else cell


def heading(front_matter, name):
    said = yaml.safe_load(front_matter.strip().strip("-")) or {}
    description = f"*{said['description']}*\n" if said.get("description") else ""
    return f"# {said.get('title', name)}\n\n{description}"


def code_cell(cell, source):
    directives = dict(re.findall(r"^#\|\s*([\w-]+):\s*(.*)$", source, re.M))
    cell["source"] = re.sub(r"^#\|.*\n?", "", source, flags=re.M).strip()
    if not cell["source"] and not cell.get("outputs"):
        return None
    tags = cell.setdefault("metadata", {}).setdefault("tags", [])
    if directives.get("echo") == "false":
        tags.append("remove-input")
    if directives.get("code-fold") == "true":  # a click away: what only draws
        tags.append("hide-input")
    for output in cell.get("outputs", []):
        without_source_link(output)
        if "fig-alt" in directives:
            describe(output, directives["fig-alt"], cell["metadata"])
    return cell


def without_source_link(output):
    if text := output.get("data", {}).get("text/markdown"):
        link = r"^---\n\n|\[source\]\([^)]*\)\{[^}]*\}\n*"
        output["data"] = {"text/markdown": re.sub(link, "", "".join(text))}


def describe(output, alt, metadata):
    "A picture gets its text for those who cannot see it."
    for kind in ("image/png", "image/jpeg", "image/svg+xml"):
        if kind in output.get("data", {}):
            output.setdefault("metadata", {})["alt"] = alt
            metadata.setdefault("mystnb", {})["image"] = dict(alt=alt)


conf = """
project = html_title = "hier_nb"
author = copyright = "the hier_nb maintainers"
extensions = ["myst_nb", "sphinx_copybutton"]
root_doc, exclude_patterns = "index", ["_build"]
nb_execution_mode, nb_merge_streams = "off", True
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_inline", "html_image"]
myst_heading_anchors = 4
html_theme, html_favicon = "sphinx_book_theme", None
html_context = dict(default_mode="auto")
html_copy_source, html_show_sourcelink, html_use_index = False, False, False
html_theme_options = dict(
    show_navbar_depth=1,
    show_toc_level=2,
    use_download_button=False,
    use_fullscreen_button=False,
    home_page_in_toc=True,
    pygments_light_style="a11y-high-contrast-light",
    pygments_dark_style="a11y-high-contrast-dark",
)
html_static_path, html_css_files, html_js_files = ["_extra"], ["site.css"], ["site.js"]
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "myst.xref_missing"]
"""
css = """img { max-width: 100%; height: auto; }
.cell_output img { max-width: min(100%, 46rem); max-height: 40rem; width: auto; }
table { display: block; overflow-x: auto; font-size: .85rem; }
.dataframe { font-size: .8rem; }
.dataframe th, .dataframe td { padding: 0 .4em; }
.dataframe tbody th, .dataframe td { white-space: nowrap; }
.bd-page-width { max-width: 100rem; }
.bd-sidebar-primary { flex: 0 0 15rem; }
.bd-main .bd-content .bd-article-container { max-width: 66rem; }
.bd-main .bd-content .bd-article-container .bd-article { padding-inline: 1.2rem; }
.bd-article :is(p, li, blockquote) { max-width: 50rem; }
.bd-sidebar-secondary { flex: 0 0 13rem; width: 13rem; }
.bd-article-container div.highlight pre { font-size: .78rem; padding: .8rem; }
.cell_output pre { max-height: 30rem; overflow: auto; }
"""
js = """addEventListener("load", () => {
  for (const e of document.querySelectorAll("table, pre")) { // what scrolls can be scrolled from the keyboard
    if (e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight) e.tabIndex = 0;
  }
});
"""


def formulas():
    "MathJax beside the pages, if npm is there; else the theme loads it from its usual place."
    if not tools.npm_file("mathjax@3.2.2", "es5/tex-svg-full.js", work / "_extra" / "mathjax.js"):
        return
    with open(work / "conf.py", "a", encoding="utf-8") as f:
        f.write('mathjax_path = "mathjax.js"\n')


class Links(HTMLParser):
    "What a page links to, the places on it, and how many of its pictures have no text."

    def __init__(self):
        super().__init__()
        self.out, self.ids, self.no_alt = [], set(), 0

    def handle_starttag(self, tag, attrs):
        given = {name: value for name, value in attrs if value}
        self.ids.update(given[name] for name in ("id", "name") if name in given)
        if tag in ("a", "img", "script", "link"):
            self.out += [given[name] for name in ("href", "src") if name in given]
        if tag == "img" and "alt" not in given:
            self.no_alt += 1


def read_pages():
    "{file: its links}, without the theme's templates."
    pages = {}
    for file in site.rglob("*.html"):
        if "_static" not in file.parts:
            pages[file.resolve()] = links = Links()
            links.feed(file.read_text(encoding="utf-8"))
    return pages


def check(pages):
    "Sentences on links and pictures inside the site that lead nowhere."
    bad = []
    for file, links in pages.items():
        name = file.relative_to(site.resolve())
        bad += [f"{name}: {link}{why}" for link in links.out if (why := broken(pages, file, link))]
    return bad


def broken(pages, file, link):
    "What is wrong with a link, for behind its name; None: nothing."
    url = urlsplit(link)
    if url.scheme or url.netloc or link == "#":
        return None
    goal = (file.parent / unquote(url.path)).resolve() if url.path else file
    if goal.is_dir():
        goal = goal / "index.html"
    if not goal.exists():
        return " (no such page)"
    if url.path and url.fragment and goal in pages:
        return None if unquote(url.fragment) in pages[goal].ids else " (no such place)"
    return None


def by_number():
    "nbdev links names to pages without their number: geometry.html -> 01_geometry.html."
    numbered = [f.name for f in site.glob("*.html") if re.match(r"\d+_", f.name)]
    full_name = {re.sub(r"^\d+_", "", name): name for name in numbered}
    link = re.compile(r'href="(?:https?://[^"/]*/)?(?:hier_nb/)?([a-z_]+\.html)(#[\w.]+)?"')
    for file in site.rglob("*.html"):
        up = os.path.relpath(site, file.parent)

        def numbered_link(match, up=up):
            page, place = match.groups()
            if page not in full_name:
                return match[0]
            if place:
                place = "#" + place[1:].lower().replace(".", "-").replace("_", "-")
            return f'href="{os.path.join(up, full_name[page])}{place or ""}"'

        text = file.read_text(encoding="utf-8")
        # a page of ours that is linked is to be opened, not saved
        text = text.replace(
            'class="reference download internal" download=""', 'class="reference internal"'
        )
        file.write_text(link.sub(numbered_link, text), encoding="utf-8")


def render():
    "Pages as HTML, in _site; the warnings of Sphinx."
    shutil.rmtree(site, ignore_errors=True)
    built = work / "_build" / "html"  # MyST-NB leaves a copy of every notebook beside it
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(work), str(built)]
    sphinx = subprocess.run(command, text=True, capture_output=True)
    if sphinx.returncode:
        sys.exit(sphinx.stderr[-3000:])
    shutil.move(built, site)
    return [s for s in sphinx.stderr.splitlines() if "WARNING" in s or "ERROR" in s]


def main():
    prepare()
    (work / "_extra").mkdir(exist_ok=True)
    (work / "_extra" / "site.css").write_text(css, encoding="utf-8")
    (work / "_extra" / "site.js").write_text(js, encoding="utf-8")
    formulas()
    warnings = render()
    print("\n".join(warnings[:40]))
    by_number()
    pages = read_pages()
    bad = check(pages)
    no_alt = sum(links.no_alt for links in pages.values())
    print("\n".join("broken: " + sentence for sentence in bad[:60]))
    print(
        f"{len(pages)} pages in {site.name}/, {len(bad)} broken links, "
        f"{no_alt} pictures without a text, {len(warnings)} warnings"
    )
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
