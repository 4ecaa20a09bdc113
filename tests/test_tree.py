"Trees of odd points, and files that are no trees."

import networkx as nx
import pytest
import torch
from fastcore.test import test_fail as fails

from hier_nb.embeddings import Embeddings, Taxonomy
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.tree import (
    TreeArrays,
    build_tree,
    cut_tree,
    load_tree,
    name_nodes,
    proxy_parents,
    save_tree,
)
from hier_nb.tree import tree_arrays, tree_table

ball = Ball()
rho = torch.tensor([[-1.0, 0.0], [-0.4, 0.0], [-0.7, 0.0], [0.3, 0.0]])


def made(points, proxies, space=ball):
    return Embeddings(points, space, proxies=proxies)


@pytest.mark.parametrize("rule", ["lca", "radius"])
@pytest.mark.parametrize("space", [ball, Flat()], ids=lambda space: space.kind)
def test_odd_points_make_a_tree(rule, space):
    for points, proxies in (
        (torch.rand(5, 2), rho[:1]),  # one proxy
        (torch.rand(1, 2), rho),  # one sample
        (torch.rand(30, 2), rho.repeat(3, 1)),  # copies of proxies
        (torch.rand(1, 2).expand(9, 2), rho),  # copies of samples
    ):
        tree = build_tree(made(points, proxies, space), rule)
        assert nx.is_arborescence(tree)
        assert all("radius" in tree.nodes[n] for n in tree if n[0] != "ancestor")


def test_a_sphere_has_common_ancestors_and_no_radius():
    sphere = Sphere()
    e = made(sphere(torch.rand(30, 3)), sphere(torch.rand(6, 3)), sphere)
    tree = build_tree(e)
    assert nx.is_arborescence(tree) and not any("radius" in tree.nodes[n] for n in tree)
    fails(lambda: build_tree(e, "radius"), contains="has no centre")
    fails(lambda: proxy_parents(e), contains="has no centre")


def test_the_taxonomy_is_a_tree():
    taxonomy = Taxonomy(("family", "order"), (("a", "x"), ("a", "y"), ("b", "x"), None))
    e = Embeddings(torch.rand(6, 2), Flat(), [0, 0, 1, 2, 3, 3], taxonomy=taxonomy)
    tree = build_tree(e, "taxonomy")
    assert nx.is_arborescence(tree) and tree_arrays(tree).leaves.numel() == 6
    assert cut_tree(tree, height=3.5).tolist() == [0, 0, 0, 1, 2, 2]  # a, b, and what has no place
    assert cut_tree(tree, height=1.5).tolist() == [0, 0, 1, 2, 3, 3]
    fails(lambda: build_tree(made(torch.rand(2, 2), rho), "taxonomy"), contains="labels")


def test_files(tmp_path):
    e = Embeddings(torch.rand(30, 2), ball, torch.arange(30) % 3, rho)
    tree = name_nodes(build_tree(e), e)
    for suffix in ("json", "parquet"):
        path = tmp_path / f"t.{suffix}"
        save_tree(tree, path)
        back = load_tree(path)
        assert set(back.edges) == set(tree.edges)
        assert cut_tree(back, n_clusters=2).equal(cut_tree(tree, n_clusters=2))
        for node in tree:
            assert back.nodes[node] == pytest.approx(tree.nodes[node])
    assert len(tree_table(tree)) == len(tree)


def test_quotes_and_long_paths(tmp_path):
    chain = nx.DiGraph([(("proxy", n), ("proxy", n + 1)) for n in range(5000)])
    chain.add_edge(("proxy", 5000), ("sample", 0))
    chain.nodes["proxy", 0]["name"] = "cat's"
    for suffix in ("json", "nwk"):
        save_tree(chain, tmp_path / f"t.{suffix}")
    assert (tmp_path / "t.nwk").read_text().endswith("'cat''s';")


def test_files_that_are_no_trees(tmp_path):
    contents = {
        "bad.json": "[1, 2",
        "other.json": '{"kind": "x"}',
        "t.xml": "<tree/>",
        "t.parquet": "PAR",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        fails(load_tree, args=[tmp_path / name], contains="is no tree", exc=ValueError)
    fails(
        lambda: load_tree(tmp_path / "none.json"),
        contains="There is no tree",
        exc=FileNotFoundError,
    )


def test_graphs_that_are_no_trees():
    two_roots = nx.DiGraph([(("proxy", 0), ("sample", 0)), (("proxy", 1), ("sample", 1))])
    for graph in (nx.DiGraph(), two_roots):
        fails(tree_arrays, args=[graph], contains="not a tree with one root")
    arrays = TreeArrays(torch.tensor([-1, 0]), torch.tensor([1]))
    assert tree_arrays(arrays) is arrays
