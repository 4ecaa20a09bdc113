"README.md from nbs/index.ipynb: its markdown, with links that work from the top of the repository."

import json, re
from pathlib import Path

root = Path(__file__).resolve().parent.parent
cells = json.loads((root / "nbs" / "index.ipynb").read_text(encoding="utf-8"))["cells"]
text = (
    "\n\n".join("".join(c["source"]).strip() for c in cells if c["cell_type"] == "markdown") + "\n"
)
text = re.sub(r"\]\((?!https?://|#|/)([^)]+\.(?:ipynb|png|jpg|svg|html))\)", r"](nbs/\1)", text)
(root / "README.md").write_text(
    "<!-- Generated from nbs/index.ipynb by `make prepare`. -->\n\n" + text, encoding="utf-8"
)
