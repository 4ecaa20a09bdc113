"The live dendrogram: its clusters are those of `cut_tree`, for every number of clusters."

import pytest
import torch
from javascript import needs_node, run_figure
from hier_nb.embeddings import Embeddings
from hier_nb.spaces import Ball
from hier_nb.tree import build_tree, cut_tree, leaf_counts, tree_arrays


def run_js(folder, code, data):
    return run_figure(folder, "dendrogram", code, data)


def as_data(tree):
    "What the figure draws, without names."
    arrays = tree_arrays(tree)
    counts = leaf_counts(arrays, torch.zeros_like(arrays.leaves))[:, 0].long().tolist()
    return dict(
        parent=arrays.parent.tolist(),
        height=[tree.nodes[node].get("height", 0.0) for node in arrays.nodes],
        names=["" for _ in arrays.nodes],
        leaves=[dict(node=node, label=f"{n % 3}") for n, node in enumerate(arrays.leaves.tolist())],
        counts=counts,
    )


def a_tree(rule, seed, n=60, n_proxies=14):
    torch.manual_seed(seed)
    ball = Ball()
    points, proxies = ball(torch.randn(n, 3)), ball(torch.randn(n_proxies, 3))
    return build_tree(Embeddings(points, ball, proxies=proxies), rule=rule)


@needs_node
@pytest.mark.parametrize("rule", ["lca", "linkage", "radius"])
@pytest.mark.parametrize("seed", range(3))
def test_the_clusters_are_those_of_cut_tree(tmp_path, rule, seed):
    tree = a_tree(rule, seed)
    code = """
const tree = readTree(input);
out.cuts = tree.leaves.map((_, n) => clusterOfLeaves(tree, largestFirst(tree, n + 1)));
"""
    out = run_js(tmp_path, code, as_data(tree))
    assert len(out["cuts"]) == 60
    for k, numbers in enumerate(out["cuts"], 1):
        assert numbers == cut_tree(tree, n_clusters=k).tolist(), k


@needs_node
def test_a_straight_line_cuts_at_one_height(tmp_path):
    "Clusters are the groups whose branch crosses the line, as anybody would count them."
    tree = a_tree("lca", 0)
    data = as_data(tree)
    code = """
const tree = readTree(input);
out.steps = steps(tree);
out.cuts = out.steps.map((_, n) => clusterOfLeaves(tree, highestFirst(tree, n + 2)));
"""
    out = run_js(tmp_path, code, data)
    falling = out["steps"]
    assert falling == sorted(falling, reverse=True) and len(falling) > 5
    for height, lower, numbers in zip(falling, falling[1:] + [0.0], out["cuts"]):
        line = (height + lower) / 2
        tops = []
        for leaf in data["leaves"]:
            at = leaf["node"]
            while (up := data["parent"][at]) >= 0 and data["height"][up] <= line:
                at = up
            tops.append(at)
        numbered = {top: n for n, top in enumerate(sorted(set(tops)))}
        assert numbers == [numbered[top] for top in tops]


@needs_node
def test_members_are_counted(tmp_path):
    data = as_data(a_tree("lca", 1))
    code = """
const tree = readTree(input);
const clusters = largestFirst(tree, 5);
const numbers = clusterOfLeaves(tree, clusters);
out.members = clusters.map((_, n) => membersOf(tree, numbers, n));
out.counts = clusters.map((node) => tree.counts[node]);
out.places = layout(tree);
out.rows = wrap(["wren", "robin", "tawny owl"], 12);
"""
    out = run_js(tmp_path, code, data)
    for members, count in zip(out["members"], out["counts"]):
        many = [number for _, number in members]
        assert sum(many) == count and many == sorted(many, reverse=True)
    ys = [out["places"][leaf["node"]][1] for leaf in data["leaves"]]
    assert len(set(ys)) == 60, "no two leaves in one row"
    assert out["rows"] == ["wren, robin, ", "tawny owl"]
