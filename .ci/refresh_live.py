"""Today's scripts into the live figures of committed notebooks: refresh_live.py [NOTEBOOK ...], all of them if none.

For who has changed only a script of hier_nb/static: the saved answers stay, and no notebook is executed."""

import base64
import gzip
import html
import json
import re
import sys
from pathlib import Path

from hier_nb.live import fill_page, frame

root = Path(__file__).resolve().parent.parent
framed = re.compile(r'<iframe title="([^"]*)"[^>]* srcdoc="([^"]*)"></iframe>')
packed = re.compile(r'<script type="text/plain" id="data">\s*([A-Za-z0-9+/=]+)\s*</script>')


def with_todays_scripts(found):
    "The frame of a live figure, made anew; that of anything else as it is."
    title, page = (html.unescape(part) for part in found.groups())
    data = packed.search(page)
    if (
        data is None or "mount(" not in page or "hxModel" in page
    ):  # the explorer has a page of its own
        return found[0]
    answers = json.loads(gzip.decompress(base64.b64decode(data[1])))
    return frame(fill_page(answers["spec"]["figure"], answers, title), title)


def refresh(notebook):
    "Whether anything has changed."
    nb = json.loads(notebook.read_text(encoding="utf-8"))
    before = json.dumps(nb)
    for cell in nb["cells"]:
        for output in cell.get("outputs", []):
            lines = output.get("data", {}).get("text/html")
            if lines:
                text = framed.sub(with_todays_scripts, "".join(lines))
                output["data"]["text/html"] = text.splitlines(keepends=True)
    if json.dumps(nb) == before:
        return False
    notebook.write_text(
        json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )
    return True


def main(*names):
    notebooks = map(Path, names) if names else sorted((root / "nbs").rglob("*.ipynb"))
    for notebook in notebooks:
        if ".ipynb_checkpoints" not in notebook.parts and refresh(notebook):
            print(notebook)


if __name__ == "__main__":
    main(*sys.argv[1:])
