"The site without Quarto: nbdev prepares the notebooks, Sphinx with MyST-NB renders them; order and sections come from _quarto.yml."

import json, os, re, shutil, subprocess, sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
import tools, yaml

root = Path(__file__).resolve().parent.parent
work, site = root / "_proc", root / "_site"


def contents():
    "[(section, [notebooks])] from the sidebar; a plain entry is a section of its own, as is a section within one."

    def flat(entries, above=""):
        for c in entries:
            name, inside = above + c.get("section", ""), c.get("contents") or [c["href"]]
            if isinstance(inside[0], str):
                yield name or None, inside
            else:
                yield from flat(inside, f"{name} · ")

    return list(
        flat(
            yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))["website"][
                "sidebar"
            ]["contents"]
        )
    )


def prepare():
    shutil.rmtree(work, ignore_errors=True)
    p = subprocess.run(["nbdev-proc-nbs"], cwd=root, text=True, capture_output=True)
    listed = [n for _, ns in contents() for n in ns]
    missing = [n for n in listed if not (work / n).exists()]
    extra = [
        str(f.relative_to(work))
        for f in work.rglob("*.ipynb")
        if str(f.relative_to(work)) not in listed
    ]
    if missing or extra:
        sys.exit(
            f"{p.stdout[-3000:]}{p.stderr[-3000:]}\nMissing pages: {missing}. Not in _quarto.yml: {extra}."
        )
    for f in work.rglob("*.ipynb"):
        f.write_text(
            json.dumps(page(json.loads(f.read_text(encoding="utf-8")), f)), encoding="utf-8"
        )
    toc = "".join(
        f"```{{toctree}}\n:hidden:\n"
        + (f":caption: {s}\n" if s else "")
        + "\n"
        + "\n".join(n.removesuffix(".ipynb") for n in ns if n != "index.ipynb")
        + "\n```\n\n"
        for s, ns in contents()
        if ns != ["index.ipynb"]
    )
    index = json.loads((work / "index.ipynb").read_text(encoding="utf-8"))
    index["cells"].append(dict(cell_type="markdown", metadata={}, source=toc))
    (work / "index.ipynb").write_text(json.dumps(index), encoding="utf-8")
    (work / "conf.py").write_text(conf, encoding="utf-8")


def page(nb, path):
    "Front matter becomes a heading; Quarto's directives become MyST-NB's tags; raw text that only Quarto reads goes."
    cells = []
    for c in nb["cells"]:
        src = "".join(c["source"])
        if c["cell_type"] == "raw" and src.startswith("---"):
            fm = yaml.safe_load(src.strip().strip("-")) or {}
            c = dict(
                cell_type="markdown",
                metadata={},
                source=f"# {fm.get('title', path.stem)}\n\n"
                + (f"*{fm['description']}*\n" if fm.get("description") else ""),
            )
        elif src.startswith("<!-- WARNING"):
            continue
        elif c["cell_type"] == "code":
            said = dict(re.findall(r"^#\|\s*([\w-]+):\s*(.*)$", src, re.M))
            code = re.sub(r"^#\|.*\n?", "", src, flags=re.M).strip()
            c["source"] = code
            c.setdefault("metadata", {}).setdefault("tags", [])
            if said.get("echo") == "false":
                c["metadata"]["tags"].append("remove-input")
            if not code and not c.get("outputs"):
                continue
            for o in c.get("outputs", []):
                md = o.get("data", {}).get("text/markdown")
                if md:
                    o["data"] = {
                        "text/markdown": re.sub(
                            r"^---\n\n|\[source\]\([^)]*\)\{[^}]*\}\n*", "", "".join(md)
                        )
                    }
                if alt := said.get("fig-alt"):
                    for kind in ("image/png", "image/jpeg", "image/svg+xml"):
                        if kind in o.get("data", {}):
                            o.setdefault("metadata", {})["alt"] = alt
                            c["metadata"].setdefault("mystnb", {})["image"] = dict(alt=alt)
        cells.append(c)
    nb["cells"] = cells
    nb.get("metadata", {}).pop("widgets", None)
    return nb


conf = """
project, author, copyright, html_title = "hier_nb", "the hier_nb maintainers", "the hier_nb maintainers", "hier_nb"
extensions = ["myst_nb", "sphinx_copybutton"]
root_doc, exclude_patterns = "index", ["_build"]
nb_execution_mode, nb_merge_streams = "off", True
myst_enable_extensions, myst_heading_anchors = ["dollarmath", "amsmath", "attrs_inline", "html_image"], 4
html_theme, html_favicon, html_copy_source, html_show_sourcelink, html_use_index = "sphinx_book_theme", None, False, False, False
html_theme_options = dict(show_navbar_depth=1, show_toc_level=2, use_download_button=False, use_fullscreen_button=False, home_page_in_toc=True, pygments_light_style="a11y-high-contrast-light", pygments_dark_style="a11y-high-contrast-dark")
html_static_path, html_css_files, html_js_files = ["_extra"], ["site.css"], ["site.js"]
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "myst.xref_missing"]
"""
css = "img { max-width: 100%; height: auto; } table { display: block; overflow-x: auto; font-size: .85rem; } .dataframe { font-size: .8rem; } .dataframe th, .dataframe td { padding: 0 .4em; } .dataframe tbody th, .dataframe td { white-space: nowrap; } .cell_output pre { max-height: 30rem; overflow: auto; }\n"
js = """addEventListener("load", () => document.querySelectorAll("table, pre").forEach(e => { // what scrolls can be scrolled from the keyboard
  if (e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight) e.tabIndex = 0 }));\n"""


def formulas():
    "MathJax beside the pages, if npm is there; else the theme loads it from its usual place."
    if not tools.npm_file("mathjax@3.2.2", "es5/tex-svg-full.js", work / "_extra" / "mathjax.js"):
        return
    with open(work / "conf.py", "a", encoding="utf-8") as f:
        f.write('mathjax_path = "mathjax.js"\n')


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.out, self.ids, self.no_alt = [], set(), 0

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids.update(v for k in ("id", "name") if (v := a.get(k)))
        self.out += [
            v for k in ("href", "src") if (v := a.get(k)) and tag in ("a", "img", "script", "link")
        ]
        if tag == "img" and a.get("alt") in (None, ""):
            self.no_alt += 1


def check():
    "Every link and picture inside the site leads somewhere."
    pages, bad = {}, []
    for f in site.rglob("*.html"):
        if "_static" in f.parts:
            continue  # the theme's templates
        p = Links()
        p.feed(f.read_text(encoding="utf-8"))
        pages[f.resolve()] = p
    for f, p in pages.items():
        for link in p.out:
            u = urlsplit(link)
            if u.scheme or u.netloc or link.startswith(("#", "data:")) and len(link) < 2:
                continue
            goal = (f.parent / unquote(u.path)).resolve() if u.path else f
            if goal.is_dir():
                goal = goal / "index.html"
            if not goal.exists():
                bad.append(f"{f.relative_to(site)}: {link}")
            elif (
                u.fragment
                and goal in pages
                and unquote(u.fragment) not in pages[goal].ids
                and u.path
            ):
                bad.append(f"{f.relative_to(site)}: {link} (no such place)")
    return bad, sum(p.no_alt for p in pages.values()), len(pages)


def by_number():
    "nbdev links names to pages without their number: geometry.html -> 00_geometry.html."
    name = {
        re.sub(r"^\d+_", "", f.name): f.name
        for f in site.glob("*.html")
        if re.match(r"\d+_", f.name)
    }
    for f in site.rglob("*.html"):
        up = os.path.relpath(site, f.parent)

        def fix(m):
            page, rest = m[2], m[3] or ""
            anchor = "#" + rest[1:].lower().replace(".", "-").replace("_", "-") if rest else ""
            target = name.get(page, page)
            known = (site / target).exists()
            return f'href="{os.path.join(up, target) if known else m[1] + page}{anchor if known and page in name else rest}"'

        text = f.read_text(encoding="utf-8")
        f.write_text(
            re.sub(
                r'href="((?:https?://[^"/]*/)?(?:hier_nb/)?)([a-z_]+\.html)(#[\w.]+)?"',
                lambda m: fix(m) if m[2] in name else m[0],
                text,
            ),
            encoding="utf-8",
        )


def main():
    prepare()
    (work / "_extra").mkdir(exist_ok=True)
    (work / "_extra" / "site.css").write_text(css, encoding="utf-8")
    (work / "_extra" / "site.js").write_text(js, encoding="utf-8")
    formulas()
    shutil.rmtree(site, ignore_errors=True)
    built = work / "_build" / "html"  # MyST-NB leaves a copy of every notebook beside it
    p = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(work), str(built)],
        text=True,
        capture_output=True,
    )
    warnings = [l for l in p.stderr.splitlines() if "WARNING" in l or "ERROR" in l]
    print("\n".join(warnings[:40]))
    if p.returncode:
        sys.exit(p.stderr[-3000:])
    shutil.move(built, site)
    by_number()
    bad, no_alt, n = check()
    print("\n".join("broken: " + b for b in bad[:60]))
    print(
        f"{n} pages in {site.name}/, {len(bad)} broken links, {no_alt} pictures without a text, {len(warnings)} warnings"
    )
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
