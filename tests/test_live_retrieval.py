"The figure whose points ask for their neighbours: what its JavaScript computes, against Python."

import pytest
import torch
from javascript import needs_node, run_figure
from hier_nb.embeddings import Embeddings
from hier_nb.neighbors import knn
from hier_nb.retrieval import query_scores
from hier_nb.spaces import Flat


def run_js(folder, code, data):
    return run_figure(folder, "retrieval", code, data)


def numbers(values):
    "NaN is null in JSON."
    return torch.tensor([float("nan") if v is None else v for v in values], dtype=torch.double)


@needs_node
@pytest.mark.parametrize(("n", "classes", "k"), [(12, 3, 1), (12, 3, 4), (30, 9, 2), (60, 2, 8)])
def test_measures_of_random_points(tmp_path, n, classes, k):
    generator = torch.Generator().manual_seed(n + k)
    points = torch.rand(n, 2, generator=generator)
    labels = torch.randint(classes, (n,), generator=generator)
    labels[0] = classes  # a lone one, who has nothing to find
    e = Embeddings(points, Flat(), labels)
    code = """
const rankings = input.points.map((_, row) => ask(input.points, input.labels, row, input.k));
out.orders = rankings.map(({ order }) => order);
out.scores = rankings.map(({ scores }) => scores);
out.means = means(rankings);
"""
    out = run_js(tmp_path, code, dict(points=points.tolist(), labels=labels.tolist(), k=k))
    assert out["orders"] == knn(e.points, n - 1, Flat())[1].tolist()
    expected = query_scores(e, (1, k))
    names = {"recall_at_1": "recall@1", "recall_at_k": f"recall@{k}"}
    names |= {"r_precision": "r_precision", "map_at_r": "map_at_r"}
    assert set(out["means"]) == set(names)
    for name, ours in names.items():
        got = numbers([scores[name] for scores in out["scores"]])
        assert torch.allclose(got, expected[ours], rtol=0, atol=1e-12, equal_nan=True), name
        assert abs(out["means"][name] - expected[ours].nanmean().item()) < 1e-12, name


@needs_node
def test_the_sum_in_words(tmp_path):
    code = "out.words = input.map((hits) => sumInWords(judge(hits, 1)));"
    rankings = [[True, False, True, True], [False, True], [False, False]]
    out = run_js(tmp_path, code, rankings)
    assert out["words"] == ["(1/1 + 0 + 2/3) / 3", "(0) / 1", "nothing to find"]
