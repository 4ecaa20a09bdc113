"README.md: the text of the first page and of `Install and try`, with links from the top of the repository."

import json
import re
from pathlib import Path

root = Path(__file__).resolve().parent.parent


def text_of(notebook):
    cells = json.loads((root / "nbs" / notebook).read_text(encoding="utf-8"))["cells"]
    return ["".join(c["source"]).strip() for c in cells if c["cell_type"] == "markdown"]


text = "\n\n".join(text_of("index.ipynb") + text_of("install.ipynb")[1:]) + "\n"
text = text.replace("(install.ipynb)", "(#two-commands)")
elsewhere = r"\]\((?!https?://|#|/)([^)]+\.(?:ipynb|png|jpg|svg|html)(?:#[^)]*)?)\)"
text = re.sub(elsewhere, r"](nbs/\1)", text)
first = "<!-- Generated from nbs/index.ipynb and nbs/install.ipynb by `make prepare`. -->\n\n"
(root / "README.md").write_text(first + text, encoding="utf-8")
