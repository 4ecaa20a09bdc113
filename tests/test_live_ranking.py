"The figure with a ranking to reorder: what its JavaScript computes, against Python."

import pytest
import torch
from javascript import needs_node, run_figure
from hier_nb.embeddings import Embeddings
from hier_nb.retrieval import query_scores, ranking_scores
from hier_nb.spaces import Flat


def run_js(folder, code, data):
    return run_figure(folder, "ranking", code, data)


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
