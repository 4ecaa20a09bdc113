"""Copy the outputs of an executed notebook into its source: keep_outputs.py EXECUTED SOURCE.

Papermill's own cell and metadata stay out."""

import json, sys
from pathlib import Path

executed, source = (Path(p) for p in sys.argv[1:])
done, nb = (json.loads(p.read_text(encoding="utf-8")) for p in (executed, source))
code = lambda cells: [c for c in cells if c["cell_type"] == "code"]
cells = [
    c for c in code(done["cells"]) if "injected-parameters" not in c["metadata"].get("tags", [])
]
if ["".join(c["source"]) for c in cells] != ["".join(c["source"]) for c in code(nb["cells"])]:
    sys.exit(f"{executed} was made from another version of {source}.\nExecute it again.")
for a, b in zip(cells, code(nb["cells"])):
    b["outputs"] = [
        o
        for o in a["outputs"]
        if o.get("name") != "stderr"
        and "application/vnd.jupyter.widget-view+json" not in o.get("data", {})
    ]
source.write_text(json.dumps(nb, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
