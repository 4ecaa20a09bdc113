"Rankings and trees against slow definitions, other libraries, and what chance gives."

import math
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

try:
    from pytorch_metric_learning.evaluation import AccuracyCalculator  # from version 3 on
except ImportError:
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from sklearn.metrics import ndcg_score

from hier_nb.embeddings import Embeddings, Taxonomy
from hier_nb.metrics import (
    common_ancestor,
    dasgupta_score,
    dendrogram_purity,
    hierarchy_report,
    linkage_tree,
    make_binary,
    random_tree,
    some_pairs,
    taxonomy_tree,
    tree_agreement,
    tree_scores,
)
from hier_nb.retrieval import (
    average_linkage,
    level_ids,
    levels_in_common,
    query_scores,
    ranking_scores,
    taxonomy_scores,
)
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.tree import build_tree, leaf_counts

ball, sphere = Ball(), Sphere()
owl, eel, rose = ("animal", "owls"), ("animal", "eels"), ("plant", "roses")
zoo = Taxonomy(("kingdom", "order"), (owl, owl, eel, rose))
six = level_ids(torch.tensor([0, 0, 1, 2, 3, 3]), zoo)
truth = taxonomy_tree(six)


@pytest.fixture(scope="module")
def tree_like():
    "Points that are a tree: 2 groups of 4 families of 2 classes of 12 samples; proxies at groups, families, root."
    generator = torch.Generator().manual_seed(0)

    def draw(n, length):
        return torch.randn(n, 24, generator=generator).mul(length)

    labels = torch.arange(16).repeat_interleave(12)
    taxonomy = Taxonomy(("group", "family"), tuple((f"g{k // 8}", f"f{k // 2}") for k in range(16)))
    group, family = draw(2, 0.8), draw(8, 0.6)
    vectors = group[labels // 8] + family[labels // 2] + draw(16, 0.4)[labels] + draw(192, 0.3)
    centres = torch.cat([group, group.repeat_interleave(4, 0) + family, torch.zeros(1, 24)])
    return Embeddings(ball(vectors), ball, labels, ball(centres), taxonomy=taxonomy)


def changed(e, points=None, labels=None, proxies=None, taxonomy=None):
    return Embeddings(
        e.points if points is None else points,
        ball,
        e.labels if labels is None else labels,
        e.proxies if proxies is None else proxies,
        taxonomy=taxonomy or e.taxonomy,
    )


def test_blocks_change_nothing():
    e = Embeddings(torch.tensor([[0.0, 0], [0.1, 0], [0.5, 0], [0.65, 0]]), ball, [0, 0, 1, 0])
    whole, one_by_one = query_scores(e, (1, 2, 3)), query_scores(e, (1, 2, 3), block=1)
    for name, values in whole.items():
        assert values.nan_to_num(-1).equal(one_by_one[name].nan_to_num(-1))


def test_a_gallery_as_pytorch_metric_learning_has_it():
    torch.manual_seed(0)
    e = Embeddings(sphere(torch.randn(400, 8)), sphere, torch.randint(90, (400,)))
    queries, gallery = e[:100], e[100:]
    oracle = AccuracyCalculator(include=("mean_average_precision_at_r",), k="max_bin_count")
    theirs = oracle.get_accuracy(queries.points, queries.labels, gallery.points, gallery.labels)
    ours = query_scores(queries, 1, gallery=gallery)["map_at_r"]
    assert abs(ours.nanmean() - theirs["mean_average_precision_at_r"]) < 1e-6


def test_ndcg_as_scikit_learn_has_it():
    generator = torch.Generator().manual_seed(0)
    gallery = torch.tensor([0] * 12 + [1] * 9 + [2] * 6 + [3] * 3)
    levels = torch.stack([gallery[torch.randperm(30, generator=generator)] for _ in range(50)])
    gains = (2.0**levels - 1).numpy()
    theirs = ndcg_score(gains, -np.arange(30)[None].repeat(50, 0))
    assert abs(theirs - ranking_scores(levels, 3)["ndcg"].mean()) < 1e-9


def test_thirds_are_double():
    "MAP@R, H-AP and NDCG to the last digits, where a third or 2^30 shows what float32 would lose."
    line = torch.arange(8.0)[:, None]
    query = Embeddings(line[:1], Flat(), [1])
    gallery = Embeddings(line[1:], Flat(), [0, 0, 1, 1, 0, 1, 0])
    by_class = query_scores(query, (1,), gallery=gallery)
    assert abs(by_class["map_at_r"].item() - 1 / 9) < 1e-15
    assert abs(by_class["r_precision"].item() - 1 / 3) < 1e-15
    graded = ranking_scores(
        torch.tensor([[1, 1, 0, 1, 2]]), 2
    )  # a third of a half for each of three
    by_hand = (1 / 6 + 2 / 6 / 2 + 3 / 6 / 4 + (1 + 3 / 6) / 5) / 1.5
    assert abs(graded["h_ap"].item() - by_hand) < 1e-15
    many = ranking_scores(torch.tensor([[29, 30]]), 30)["ndcg"].item()
    first, second = 2.0**29 - 1, 2.0**30 - 1
    third = 1 / math.log2(3)
    assert abs(many - (first + second * third) / (second + first * third)) < 1e-15


def test_taxonomy_scores_of_galleries_and_blocks(tree_like):
    e = tree_like
    everyone = taxonomy_scores(e)
    assert everyone.queries.equal(torch.arange(192))
    blocks = taxonomy_scores(e, block=100).scores
    for name, values in everyone.scores.items():
        assert values.nan_to_num(-1).equal(blocks[name].nan_to_num(-1))
    away = taxonomy_scores(e[:5], gallery=e[5:]).scores
    assert away["ap/class"].shape == (5,)
    assert (query_scores(e, 1)["recall@1"] == 1).equal(everyone.scores["severity"].isnan())
    asked = Embeddings(
        e.points, ball, e.labels, taxonomy=e.taxonomy, is_query=torch.arange(192) < 5
    )
    assert taxonomy_scores(asked).scores["h_ap"].equal(away["h_ap"])


def test_tiny_balls_are_flat():
    points = torch.randn(300, 16, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(300) % 20
    nearly = query_scores(Embeddings(points, Ball(c=1e-8), labels), 5)
    flat = query_scores(Embeddings(points, Flat(), labels), 5)
    for name, values in flat.items():
        assert values.allclose(nearly[name])


def above(tree, node):
    "The node and its ancestors, from below."
    path = []
    while node >= 0:
        path.append(node)
        node = int(tree.parent[node])
    return path


def slow_ancestor(tree, a, b):
    others = set(above(tree, b))
    return next(node for node in above(tree, a) if node in others)


def test_purity_is_a_mean_over_pairs():
    torch.manual_seed(0)
    groups, tree = torch.randint(3, (20,)), random_tree(20, 1)
    paths, purity = [above(tree, n) for n in tree.leaves.tolist()], []
    for i in range(20):
        for j in range(i):
            if groups[i] == groups[j]:
                a = slow_ancestor(tree, paths[i][0], paths[j][0])
                below = groups[[a in path for path in paths]]
                purity.append(float((below == groups[i]).double().mean()))
    assert abs(dendrogram_purity(tree, groups) - sum(purity) / len(purity)) < 1e-12


def slow_cost(tree, similarity):
    "Σ s |lca| over pairs."
    sizes = leaf_counts(tree, torch.zeros_like(tree.leaves))[:, 0]
    leaves, total = tree.leaves.tolist(), 0.0
    for i, a in enumerate(leaves):
        for j, b in enumerate(leaves[:i]):
            total += float(similarity[i, j] * sizes[slow_ancestor(tree, a, b)])
    return total


def test_dasgupta_has_its_optimum_and_its_chance():
    similarity = levels_in_common(six, six).double()
    costs = [slow_cost(random_tree(6, seed), similarity) for seed in range(300)]
    best = slow_cost(truth._replace(parent=make_binary(truth.parent)), similarity)
    chance = 2 / 3 * 7 * float(similarity.triu(1).sum())
    assert min(costs) >= best - 1e-9
    assert abs(sum(costs) / 300 - chance) < 0.02 * chance
    tree = random_tree(6, 5)
    expected = (chance - slow_cost(tree, similarity)) / (chance - best)
    assert abs(dasgupta_score(tree, six) - expected) < 1e-9


def test_common_ancestors_by_walking_up():
    tree = random_tree(40, 3)
    i, j = some_pairs(40, 200)
    slow = [slow_ancestor(tree, a, b) for a, b in zip(i.tolist(), j.tolist())]
    assert common_ancestor(tree.parent, i, j).tolist() == slow
    assert common_ancestor(tree.parent, i, i).equal(i)


def test_every_tree_of_points_that_are_one(tree_like):
    e = tree_like
    trees = {
        "taxonomy": taxonomy_tree(level_ids(e.labels, e.taxonomy)),
        "average linkage": linkage_tree(average_linkage(e)),
        "lca": build_tree(e),
        "radius": build_tree(e, "radius"),
        "chance": random_tree(192),
    }
    table = pd.DataFrame({name: tree_scores(tree, e) for name, tree in trees.items()}).T
    assert (table.loc["taxonomy"].drop("cophenetic") > 1 - 1e-9).all()
    assert table.loc["lca", "dasgupta"] > 0.5 > 0.1 > abs(table.loc["chance", "dasgupta"])
    assert tree_agreement(trees["average linkage"], trees["average linkage"]) == 1
    assert abs(tree_agreement(random_tree(192, 1), random_tree(192, 2)) - 1 / 3) < 0.05
    with pytest.raises(ValueError, match="Trees of 192 and 9 samples"):
        tree_agreement(trees["lca"], random_tree(9))


def test_a_hierarchy_that_is_there_is_found_and_no_other(tree_like):
    report = hierarchy_report(tree_like)
    generator = torch.Generator().manual_seed(1)
    mixed = tree_like.labels[torch.randperm(192, generator=generator)]
    shuffled = hierarchy_report(changed(tree_like, labels=mixed))
    assert report["ranking"]["h_ap"] > 0.9 > 0.4 > shuffled["ranking"]["h_ap"]
    assert report["pairs"]["distance_correlation"] > 0.5
    assert abs(shuffled["pairs"]["distance_correlation"]) < 0.1
    assert shuffled["trees"].pop("taxonomy")["dasgupta"] > 0.999
    assert all(abs(scores["dasgupta"]) < 0.1 for scores in shuffled["trees"].values())
    assert report["proxies"]["nearest"] >= 8


def test_queries_are_part_of_the_hierarchy(tree_like):
    e = tree_like
    asked = Embeddings(
        e.points,
        ball,
        e.labels,
        e.proxies,
        taxonomy=e.taxonomy,
        is_query=torch.arange(192) % 3 == 0,
    )
    assert str(hierarchy_report(asked)) == str(hierarchy_report(e))


def test_taxonomies_with_holes(tree_like):
    e = tree_like
    holes = Taxonomy(e.taxonomy.levels, (None,) + e.taxonomy.paths[1:])
    with pytest.warns(UserWarning, match="12 of 192 pictures are left out"):
        report = hierarchy_report(changed(e, proxies=e.proxies[:1], taxonomy=holes))
    by_radius = report["trees"]["proxies, by radius"]  # one proxy resolves nothing
    assert abs(by_radius["triplets"] - 1 / 3) < 1e-12
    with pytest.raises(ValueError, match="No class of these pictures has a path"):
        hierarchy_report(changed(e, labels=e.labels * 0, taxonomy=holes))
    with pytest.raises(ValueError, match="is not in the taxonomy"):
        changed(e, labels=e.labels + 100)


def test_points_that_are_all_one(tree_like):
    same = Embeddings(
        tree_like.points[:1].expand(40, 24),
        ball,
        tree_like.labels[:40],
        tree_like.proxies,
        taxonomy=tree_like.taxonomy,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert hierarchy_report(same)["pairs"]["distance_correlation"] != 1
