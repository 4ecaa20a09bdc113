"Trees in the disk: nothing crosses, nothing leaves the disk, whatever the tree looks like."

import math
import networkx as nx
import numpy as np
import pytest
import torch
from hier_nb.embeddings import Embeddings
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.tree import build_tree
from hier_nb.tree_layout import (
    collapse_tree,
    count_crossings,
    edge_arcs,
    from_klein,
    layout_quality,
    layout_tree,
    to_klein,
    unit_disk,
)

shapes = {
    "random": lambda number, random: int(random.integers(number)),
    "chain": lambda number, random: number - 1,
    "twofold": lambda number, random: (number - 1) // 2,
    "star": lambda number, random: 0,
    "skew": lambda number, random: int(number * random.random() ** 3),
}
sizes = [(50, 20), (300, 60), (800, 200), (30, 200), (1, 3), (1000, 10), (2, 1), (400, 90)]


def random_tree(n_samples, n_nodes, shape, seed=0):
    random = np.random.default_rng(seed)
    tree = nx.DiGraph()
    tree.add_node(("ancestor", 0))
    for number in range(1, n_nodes):
        tree.add_edge(("ancestor", shapes[shape](number, random)), ("ancestor", number))
    for sample in range(n_samples):
        tree.add_edge(("ancestor", int(random.integers(n_nodes))), ("sample", sample))
    return tree


def random_embeddings(n, seed=1):
    return Embeddings(torch.randn(n, 4, generator=torch.Generator().manual_seed(seed)), Flat())


def check(placed):
    there = placed.size > 0
    assert placed.at[there].isfinite().all() and placed.at[~there].isnan().all()
    assert (placed.at[there].norm(dim=1) < 1).all()
    assert count_crossings(placed) == 0


@pytest.mark.parametrize("shape", shapes)
@pytest.mark.parametrize("n_samples, n_nodes", sizes)
def test_nothing_crosses(shape, n_samples, n_nodes):
    tree = random_tree(n_samples, n_nodes, shape, seed=n_nodes)
    check(layout_tree(tree))
    check(layout_tree(tree, random_embeddings(n_samples), spacing=0.05))
    check(layout_tree(collapse_tree(tree, 15), random_embeddings(n_samples), spacing=3))


@pytest.mark.parametrize("space", [Ball(), Sphere(), Flat()], ids=str)
@pytest.mark.parametrize("rule", ["lca", "linkage"])
def test_trees_of_embeddings(space, rule):
    generator = torch.Generator().manual_seed(0)
    points = space(torch.randn(300, 8, generator=generator))
    proxies = space(torch.randn(40, 8, generator=generator))
    e = Embeddings(points, space, proxies=proxies)
    tree = build_tree(e, rule)
    check(layout_tree(tree, e))
    check(layout_tree(collapse_tree(tree, 20), e))


def test_one_class_and_one_picture():
    e = Embeddings(Ball()(torch.ones(5, 3)), Ball())  # all at one place
    check(layout_tree(build_tree(e, "linkage"), e))
    one = Embeddings(Ball()(torch.ones(1, 3)), Ball())
    check(layout_tree(build_tree(one, "linkage"), one))


def test_many_samples_below_one_node():
    tree = random_tree(50_000, 3, "chain")
    placed = layout_tree(tree, random_embeddings(50_000))
    assert placed.at.isfinite().all() and (placed.at.norm(dim=1) < 1).all()
    gaps = unit_disk.dist(*placed.at[placed.is_sample].sort(0).values[:2])
    assert gaps > 0


def test_a_tree_of_two_hundred_generations_is_drawn_apart():
    placed = layout_tree(random_tree(400, 200, "chain"))
    check(placed)
    inner = placed.at[~placed.is_sample & (placed.size > 0)]
    beside = inner[
        inner.norm(dim=1) > 0
    ]  # the others hold nearly everything and stand in the middle
    assert len(beside.unique(dim=0)) == len(beside) > 50


def test_crossings_are_found():
    "Two edges that cross by construction, and two that touch."
    tree = nx.DiGraph()
    tree.add_edges_from([(("ancestor", 0), ("ancestor", 1)), (("ancestor", 0), ("ancestor", 2))])
    tree.add_edges_from([(("ancestor", 1), ("sample", 0)), (("ancestor", 2), ("sample", 1))])
    placed = layout_tree(tree)
    assert count_crossings(placed) == 0
    places = {("ancestor", 1): (0.3, 0.2), ("ancestor", 2): (0.3, -0.2)}
    places |= {("sample", 0): (0.6, -0.5), ("sample", 1): (0.6, 0.5), ("ancestor", 0): (0, 0)}
    at = torch.tensor([places[node] for node in placed.nodes], dtype=torch.double)
    assert count_crossings(placed._replace(at=at)) == 1


def test_klein_and_back():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(100, 2, generator=generator, dtype=torch.double) - 0.5
    torch.testing.assert_close(from_klein(to_klein(x)), x)
    radius = math.tanh(2.0 / 2)  # a point at the distance 2
    klein = to_klein(torch.tensor([radius, 0.0], dtype=torch.double))
    assert abs(klein[0].item() - math.tanh(2.0)) < 1e-12


def test_edges_are_shortest_paths():
    "Every point on an edge lies between its ends: the two parts are as long as the whole."
    placed = layout_tree(random_tree(30, 10, "random"))
    arcs = torch.from_numpy(edge_arcs(placed))
    whole = unit_disk.dist(arcs[:, 0], arcs[:, -1])
    parts = unit_disk.dist(arcs[:, :1], arcs) + unit_disk.dist(arcs, arcs[:, -1:])
    torch.testing.assert_close(parts, whole[:, None].expand_as(parts), rtol=1e-6, atol=1e-6)


def test_collapsing_keeps_every_sample_below_what_stays_above_it():
    tree = random_tree(200, 60, "random")
    small = collapse_tree(tree, 10)
    assert sum(kind != "sample" for kind, _ in small) == 10
    assert nx.is_arborescence(small)
    for node in small:
        below = {n for n in nx.descendants(tree, node) if n[0] == "sample"}
        assert {n for n in nx.descendants(small, node) if n[0] == "sample"} == below
    large = collapse_tree(tree, 10_000)
    for node in set(tree) - set(large):  # what is left out kept hardly anything apart
        below = [
            len([n for n in nx.descendants(tree, c) | {c} if n[0] == "sample"]) for c in tree[node]
        ]
        assert sum(below) - max(below, default=0) < 0.01 * max(1, sum(below)) or not sum(below)


def test_quality_of_the_points_themselves_and_by_hand():
    e = Embeddings(
        torch.tensor([[0.1, 0.0], [0.12, 0.0], [0.5, 0.1], [0.5, 0.13]], dtype=torch.double),
        unit_disk,
    )
    tree = build_tree(e, "linkage")
    kept = layout_quality(e, e.points, tree, k=1, triplets=500)
    assert kept.neighbors == 1 and kept.tree == 1 and math.isnan(kept.taxonomy)
    other = e.points[[0, 2, 1, 3]]  # neighbours torn apart
    assert layout_quality(e, other, tree, k=1, triplets=500).neighbors == 0
