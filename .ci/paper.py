"A study as a PDF, without its code, printed by Chromium: `python .ci/paper.py [notebook] [out.pdf]`."

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import tools
from nbconvert import HTMLExporter

style = """
@page { size: A4; margin: 18mm 17mm 20mm }
body { font: 10pt/1.45 "Source Serif 4", "TeX Gyre Termes", "Liberation Serif", Georgia, serif;
       color: #111; max-width: none; padding: 0; margin: 0 }
h1 { font-size: 20pt; line-height: 1.2; margin: 0 0 2mm }
h2 { font-size: 13pt; margin: 7mm 0 1.5mm; break-after: avoid }
h3 { font-size: 11pt; margin: 4mm 0 1mm; break-after: avoid }
blockquote { margin: 0 0 4mm; padding: 0; border: 0; font-style: italic; color: #444 }
a { color: inherit; text-decoration: none; border-bottom: 0.3pt solid #999 }
figure, .figure { margin: 3mm 0; break-inside: avoid; text-align: center }
svg, img { max-width: 100%; height: auto }
.caption { font-size: 8.5pt; color: #333; text-align: left; margin: 1mm 0 3mm }
table { border-collapse: collapse; font-size: 6.6pt; line-height: 1.25; margin: 2mm 0; width: 100% }
th, td { padding: 0.7mm 1mm; text-align: right; white-space: nowrap; font-weight: normal;
         border: 0; border-bottom: 0.2pt solid #ccc }
th { font-weight: 600 }
tbody th { text-align: left; font-weight: normal }
tr { break-inside: avoid }
pre, code { font-size: 8pt; white-space: pre-wrap }
.jp-Cell, .cell { break-inside: auto }
"""


def option(source, name):
    found = re.search(rf'^#\| {name}: *"?(.*?)"?$', source, re.M)
    return found and found[1]


def as_paper(notebook) -> nbformat.NotebookNode:
    "A caption below each figure, links between notebooks as plain words, and no cell without anything to see."
    cells, figures = [], 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            source = re.sub(r"\]\((?!http|#)[^)]*\)", "]", cell.source)
            cell.source = re.sub(r"(?<!!)\[([^\]]*)\](?!\()", r"\1", source)
            cells.append(cell)
            continue
        if not cell.get("outputs") or option(cell.source, "include") == "false":
            continue
        cells.append(cell)
        caption = option(cell.source, "fig-cap")
        if caption:
            figures += 1
            text = f'<div class="caption"><b>Figure {figures}.</b> {caption}</div>'
            cells.append(nbformat.v4.new_markdown_cell(text))
    notebook.cells = cells
    return notebook


def page(notebook) -> str:
    exporter = HTMLExporter(template_name="basic", exclude_input=True, exclude_output_prompt=True)
    exporter.anchor_link_text = " "
    body, _ = exporter.from_notebook_node(as_paper(notebook))
    title = re.search(r"<h1[^>]*>(.*?)<", body)
    head = f'<meta charset="utf-8"><title>{title[1] if title else "hier_nb"}</title><style>{style}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'


def main(source="nbs/experiments/kinship.ipynb", out="_site/kinship.pdf"):
    browser = tools.chromium()
    if browser is None:
        sys.exit(
            "A PDF is printed by Chromium, and there is none.\nOn Debian or Ubuntu: apt install chromium"
        )
    out = Path(out).resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        html = Path(folder) / "paper.html"
        html.write_text(page(nbformat.read(source, 4)), encoding="utf-8")
        switches = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={folder}/user",
        ]
        subprocess.run(
            [browser, *switches, f"--print-to-pdf={out}", html.as_uri()],
            check=True,
            capture_output=True,
        )
    print(f"{out}: {out.stat().st_size / 1e3:,.0f} kB")


if __name__ == "__main__":
    main(*sys.argv[1:])
