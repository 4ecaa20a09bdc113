"Labels, masks, K's and embeddings of every kind give the same numbers, or one clear sentence, in every measure."

import resource
import numpy as np
import pandas as pd
import pytest
import torch
from hier_nb.checks import check_embeddings, check_ks, check_labels, check_mask
from hier_nb.explorer import explore, read_embeddings
from hier_nb.figures import pick_triplet, place_nodes, plot_tree
from hier_nb.geometry import expmap0
from hier_nb.metrics import (
    delta_hyperbolicity,
    hierarchy_report,
    proxy_usage,
    retrieval_report,
    rho_spectrum,
)
from hier_nb.embeddings import Taxonomy
from hier_nb.pictures import ImageDataset
from hier_nb.relatedness import level_ids, levels_in_common, neighbor_agreement, taxonomy_scores
from hier_nb.retrieval import (
    average_linkage,
    bootstrap,
    cluster_scores,
    per_class,
    query_scores,
    recall_at_k,
)
from hier_nb.tree import (
    ancestor_heights,
    build_tree,
    leaf_counts,
    name_nodes,
    nearest_proxy,
    node_depths,
    proxy_parents,
)
from hier_nb.tree_metrics import (
    cophenetic_correlation,
    dasgupta_score,
    dendrogram_purity,
    linkage_arrays,
    spearman,
    taxonomy_tree,
    tree_scores,
    triplet_agreement,
)
from hier_nb.visualize import center, map_to_disk, place_proxies, plot_retrieval, plot_run

N, CLASSES = 48, 6


def points(n=N, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return expmap0(torch.randn(n, 5, generator=generator))


x, proxies = points(), points(7, 1)
labels = torch.arange(N) % CLASSES
mask = torch.arange(N) < 12
taxonomy = Taxonomy(("kind",), tuple((f"kind {k // 2}",) for k in range(CLASSES)))


def sentence(error, *parts):
    "Two lines: what was wrong, the remedy; and all the parts are in them."
    lines = str(error.value).splitlines()
    assert len(lines) == 2 and all(len(line) > 5 for line in lines), lines
    for part in parts:
        assert part in str(error.value), (part, str(error.value))


LABELS = {
    "uint8": lambda y: y.to(torch.uint8),
    "int8": lambda y: y.to(torch.int8),
    "int16": lambda y: y.to(torch.int16),
    "int32": lambda y: y.int(),
    "float32": lambda y: y.float(),
    "float16": lambda y: y.half(),
    "numpy": lambda y: y.numpy(),
    "numpy uint64": lambda y: y.numpy().astype(np.uint64),
    "list": lambda y: y.tolist(),
    "tuple": lambda y: tuple(y.tolist()),
    "series": lambda y: pd.Series(y.numpy(), index=range(100, 100 + len(y))),
    "Int64": lambda y: pd.Series(y.tolist(), dtype="Int64"),
    "big endian": lambda y: y.numpy().astype(">i4"),
    "needs grad": lambda y: y.float().requires_grad_(),
    "strided": lambda y: y.repeat_interleave(2)[::2],
}
NAMES = {
    "negative": lambda y: y - 3,
    "minus one": lambda y: y - 1,
    "× 30,000,000": lambda y: y * 30_000_000,
    "+ 2⁴⁰": lambda y: y + 2**40,
    "− 2⁶²": lambda y: y - 2**62,
}
MASKS = {
    "bool": lambda m: m,
    "int64": lambda m: m.long(),
    "uint8": lambda m: m.to(torch.uint8),
    "float32": lambda m: m.float(),
    "numpy bool": lambda m: m.numpy(),
    "numpy int": lambda m: m.numpy().astype(int),
    "list": lambda m: m.tolist(),
    "list of int": lambda m: m.int().tolist(),
    "series": lambda m: pd.Series(m.numpy(), index=range(100, 100 + len(m))),
    "boolean": lambda m: pd.Series(m.tolist(), dtype="boolean"),
}


def measures(y, q=mask):
    "Every number that labels alone decide."
    report = retrieval_report(x, y, None, q, ks=(1, 4), interval=True)
    alone = retrieval_report(x, y, ks=(1, 4))
    y_query, y_rest = check_labels(y)[mask], check_labels(y)[~mask]
    rankings = taxonomy_scores(x[mask], y_query, None, x[~mask], y_rest)[0]
    tree = linkage_arrays(average_linkage(x))
    return [
        report,
        alone,
        recall_at_k(x, y, 2),
        neighbor_agreement(x, y, None),
        {k: v.tolist() for k, v in rankings.items()},
        cluster_scores(x, y),
        list(per_class(torch.arange(N), y).values()),
        bootstrap(torch.arange(N), y, n=20),
        dendrogram_purity(*tree, y),
    ]


expected = measures(labels)


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_type(kind):
    assert str(measures(LABELS[kind](labels))) == str(expected)


@pytest.mark.parametrize("kind", NAMES)
def test_labels_are_names(kind):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert str(measures(NAMES[kind](labels))) == str(expected)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_every_type(kind):
    got = retrieval_report(x, labels, taxonomy, MASKS[kind](mask), ks=(1, 4))
    by_hand = retrieval_report(x, labels, taxonomy, mask, ks=(1, 4))
    assert got == by_hand
    assert got["recall"] == recall_at_k(x[mask], labels[mask], (1, 4), x[~mask], labels[~mask])


def test_boolean_labels_are_two_classes():
    assert recall_at_k(x, labels > 2, 1) == recall_at_k(x, (labels > 2).long(), 1)


@pytest.mark.parametrize(
    "wrong, part",
    [
        (labels + 0.5, "0.5 at place 0"),
        (labels.float().masked_fill(labels == 3, torch.nan), "nan at place 3"),
        (labels[:-1], f"{N - 1} labels for {N}"),
        (labels[:, None], "shape (48, 1)"),
        ([str(k) for k in labels.tolist()], "'0'"),
        (pd.Series([None] * N), "None at place 0"),
        (None, "None"),
        (labels + 1j, "complex"),
        (labels.float() + 2**25, "merges integers"),
        ("0123", "'0123'"),
        (pd.Categorical(["a"] * N), "'a'"),
    ],
)
@pytest.mark.parametrize(
    "measure",
    [
        recall_at_k,
        query_scores,
        cluster_scores,
        retrieval_report,
        lambda x, y: neighbor_agreement(x, y, None),
        taxonomy_scores,
        lambda x, y: hierarchy_report(x, y, taxonomy),
        lambda x, y: bootstrap(torch.zeros(N), [None] if y is None else y),
        lambda x, y: per_class(torch.zeros(N), y),
        explore,
        lambda x, y: pick_triplet(x, y, proxies),
        lambda x, y: name_nodes(build_tree(x, proxies), y, list("abcdef")),
    ],
)
def test_wrong_labels(measure, wrong, part):
    with pytest.raises(ValueError) as error:
        measure(x, wrong)
    sentence(error, "labels")
    assert part in str(error.value) or "47 labels for" in str(error.value)


@pytest.mark.parametrize(
    "wrong, part",
    [
        ([3, 7, 9], "3 at place 0"),
        (mask[:-1], f"{N - 1} values for {N}"),
        (torch.ones(N).bool(), "True for all"),
        (torch.zeros(N).bool(), "False for all"),
        (mask[:, None], "shape (48, 1)"),
        (mask.float() * torch.nan, "nan at place 0"),
        (["yes"] * N, "'yes'"),
        (mask.long() * 2, "2 at place 0"),
        (mask.long() - 1, "-1 at place 12"),
    ],
)
def test_wrong_masks(wrong, part):
    with pytest.raises(ValueError) as error:
        retrieval_report(x, labels, None, wrong)
    sentence(error, "is_query", part)


@pytest.mark.parametrize(
    "ks, keys",
    [
        (1, [1]),
        (np.int64(2), [2]),
        ([4, 1], [4, 1]),
        ((1, 1, 2), [1, 2]),
        (np.array([1, 2]), [1, 2]),
        (range(1, 3), [1, 2]),
        (torch.tensor([3]), [3]),
        ((2.0,), [2]),
        (N - 1, [N - 1]),
        ({2, 1}, [1, 2]),
    ],
)
def test_ks(ks, keys):
    assert list(recall_at_k(x, labels, ks)) == keys
    assert list(retrieval_report(x, labels, ks=ks)["recall"]) == keys


@pytest.mark.parametrize(
    "ks",
    [
        (-1, 8),
        0,
        (1, 0),
        N,
        (1, N),
        (),
        None,
        True,
        "1",
        1.5,
        float("nan"),
        float("inf"),
        (None,),
        ["1"],
        {},
    ],
)
@pytest.mark.parametrize(
    "measure",
    [
        recall_at_k,
        query_scores,
        lambda x, y, ks: retrieval_report(x, y, ks=ks),
        lambda x, y, ks: retrieval_report(x, y, None, torch.arange(N) == 0, ks),
    ],
)
def test_wrong_ks(measure, ks):
    with pytest.raises(ValueError) as error:
        measure(x, labels, (N,) if ks == N else ks)
    sentence(error, "ks")


BROKEN = {
    "average_linkage": average_linkage,
    "cluster_scores": lambda x: cluster_scores(x, labels),
    "recall": lambda x: recall_at_k(x, labels),
    "gallery": lambda x: recall_at_k(points(), labels, 1, x, labels),
    "report": lambda x: retrieval_report(x, labels),
    "taxonomy_scores": lambda x: taxonomy_scores(x, labels),
    "agreement": lambda x: neighbor_agreement(x, labels, taxonomy),
    "hierarchy_report": lambda x: hierarchy_report(x, labels, taxonomy),
    "delta": delta_hyperbolicity,
    "rho": rho_spectrum,
    "proxy_usage": lambda x: proxy_usage(x, proxies),
    "proxies used": lambda x: proxy_usage(points(), x),
    "build_tree": lambda x: build_tree(x, proxies),
    "tree's proxies": lambda x: build_tree(points(), x),
    "radius tree": lambda x: build_tree(points(), x, rule="radius"),
    "parents": proxy_parents,
    "nearest_proxy": lambda x: nearest_proxy(x, proxies),
    "heights": lambda x: ancestor_heights(x, proxies, labels),
    "map_to_disk": map_to_disk,
    "explore": lambda x: explore(x, labels),
    "explored proxies": lambda x: explore(points(), labels, x),
    "center": lambda x: center(x[:, :2] / 9),
    "place_proxies": lambda x: place_proxies(x[:, :2] / 9, points(), proxies),
    "placed samples": lambda x: place_proxies(points()[:, :2] / 9, x, proxies),
    "plot_run": lambda x: plot_run(x[:, :2] / 9, points()[:3, :2] / 9),
    "triplet": lambda x: pick_triplet(x, labels, proxies),
    "nodes": lambda x: place_nodes(x[:, :2] / 9, build_tree(points(), proxies)),
    "figure": lambda x: plot_tree(x[:, :2] / 9, build_tree(points(), proxies)),
    "hierarchy's proxies": lambda x: hierarchy_report(points(), labels, taxonomy, x),
}


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("name", BROKEN)
def test_nan_is_never_a_number(name, value):
    broken = points()
    broken[5, 0], broken[40, 1] = value, value
    with pytest.raises(ValueError) as error:
        BROKEN[name](broken)
    sentence(error, "2 of 48 rows", "row 5")


@pytest.mark.parametrize("name", BROKEN)
def test_nothing_to_measure(name):
    if name in (
        "build_tree",
        "nearest_proxy",
        "explored proxies",
    ):  # proxies without samples, or samples without proxies, can be shown
        return
    with pytest.raises(ValueError) as error:
        BROKEN[name](points()[:0])
    assert len(str(error.value).splitlines()) == 2


def test_values_that_are_not_defined_are_left_out():
    values = torch.tensor([1.0, torch.nan, 3.0])
    assert per_class(values, [0, 0, 1]) == {0: 1.0, 1: 3.0}
    assert np.isnan(bootstrap([torch.nan] * 3, [0, 0, 1])).all()
    assert np.isnan(spearman(values, [1, 2, 3]))
    with pytest.raises(ValueError, match="infinity at place 0"):
        bootstrap([torch.inf, 1.0])


@pytest.mark.parametrize(
    "kind, convert",
    [
        ("numpy", lambda x: x.numpy()),
        ("list", lambda x: x.tolist()),
        ("float64", lambda x: x.double()),
        ("grad", lambda x: x.clone().requires_grad_()),
        ("frame", lambda x: pd.DataFrame(x.numpy())),
    ],
)
def test_embeddings_of_every_kind(kind, convert):
    assert recall_at_k(convert(x), labels, 2) == recall_at_k(x, labels, 2)
    assert neighbor_agreement(convert(x), labels, taxonomy) == neighbor_agreement(
        x, labels, taxonomy
    )
    assert (
        len(average_linkage(convert(x))) == N - 1
        and len(build_tree(convert(x), convert(proxies))) > N
    )
    assert abs(delta_hyperbolicity(convert(x)) - delta_hyperbolicity(x)) < 1e-4
    report = hierarchy_report(convert(x), labels, taxonomy, convert(proxies))
    assert abs(report["shape"]["rho"] - rho_spectrum(x)) < 1e-4


def test_half_precision_becomes_single():
    half = x.half()
    for measure in (
        lambda x: retrieval_report(x, labels),
        lambda x: cluster_scores(x, labels),
        rho_spectrum,
        lambda x: proxy_usage(x, proxies),
    ):
        assert measure(half) == measure(half.float())


@pytest.mark.parametrize(
    "wrong, part",
    [
        (x.long(), "int64"),
        (x[0], "shape (5,)"),
        (x[:, :0], "shape (48, 0)"),
        (x.to(torch.complex64), "complex64"),
        ("abc", "'abc'"),
        (x + 9, "outside the ball"),
        (None, "None"),
        ([[0.1], [0.1, 0.2]], "no vector or table"),
    ],
)
@pytest.mark.parametrize(
    "measure",
    [
        lambda x: recall_at_k(x, labels),
        lambda x: cluster_scores(x, labels),
        average_linkage,
        lambda x: taxonomy_scores(x, labels),
        lambda x: build_tree(x, proxies),
        delta_hyperbolicity,
    ],
)
def test_wrong_embeddings(measure, wrong, part):
    with pytest.raises(ValueError) as error:
        measure(wrong)
    sentence(error, "embeddings", part)


def test_one_and_two_points():
    for measure in (recall_at_k, neighbor_agreement):
        with pytest.raises(ValueError, match="nothing to be compared with"):
            measure(x[:1], labels[:1], *([] if measure is recall_at_k else [None]))
    assert recall_at_k(x[:2], [4, 4], 1) == {1: 1.0} and recall_at_k(x[:2], [4, 5], 1) == {1: 0.0}
    assert recall_at_k(x[:1], [7], 1, x[:1], [7]) == {1: 1.0}
    assert cluster_scores(x[:1], [3])["nmi"] == 1.0
    assert len(average_linkage(x[:2])) == 1
    assert build_tree(x[:1], proxies).number_of_nodes() >= 2
    with pytest.raises(ValueError, match="cannot be clustered"):
        average_linkage(x[:1])
    with pytest.raises(ValueError, match="have no pairs"):
        proxy_usage(x[:1], proxies)


def test_where_labels_point_at_something():
    for wrong, part in (
        (labels + 1, "Label 6 is not in the taxonomy of 6"),
        (labels - 1, "Label -1 is not"),
    ):
        for measure in (
            lambda y: level_ids(y, taxonomy),
            lambda y: hierarchy_report(x, y, taxonomy),
            lambda y: neighbor_agreement(x, y, taxonomy),
            lambda y: taxonomy_scores(x, y, taxonomy),
            lambda y: retrieval_report(x, y, taxonomy),
        ):
            with pytest.raises(ValueError) as error:
                measure(wrong)
            sentence(error, part)
    tree = build_tree(x, proxies)
    for names in (list("abc"), dict(enumerate("abc"))):
        with pytest.raises(ValueError):
            name_nodes(tree, labels, names)
    named = name_nodes(tree, labels * 2**40, {k * 2**40: f"class {k}" for k in range(CLASSES)})
    same = name_nodes(build_tree(x, proxies), labels, [f"class {k}" for k in range(CLASSES)])
    assert dict(named.nodes(data="name")) == dict(same.nodes(data="name"))


def test_trees_of_large_numbers():
    tree = linkage_arrays(average_linkage(x))
    ids = level_ids(labels, taxonomy)
    large = torch.where(ids >= 0, ids * 30_000_000 + 7, ids)
    assert tree_scores(*tree, ids, ["kind", "class"]) == tree_scores(
        *tree, large, ["kind", "class"]
    )
    assert (taxonomy_tree(ids)[0] == taxonomy_tree(large)[0]).all()
    assert levels_in_common(ids, ids).tolist() == levels_in_common(large, large).tolist()
    for measure in (dasgupta_score, cophenetic_correlation, triplet_agreement):
        with pytest.raises(ValueError, match="47 rows of ids for 48"):
            measure(*tree, ids[:-1])
    with pytest.raises(ValueError, match="dense_labels"):
        leaf_counts(*tree, labels + 2**40)
    with pytest.raises(ValueError, match="circle"):
        node_depths(torch.tensor([1, 2, 0]))


def test_queries_that_are_not_there():
    pictures = np.zeros((N, 4, 4, 3), np.uint8)
    ds = ImageDataset(pictures, labels, list("abcdef"), [str(n) for n in range(N)])
    with pytest.raises(ValueError, match="queries holds 99"):
        plot_retrieval(x, ds, [99])


def test_read_embeddings(tmp_path):
    path = tmp_path / "e.pt"
    for y in (
        labels,
        labels.to(torch.uint8),
        labels.float(),
        labels.bool(),
        labels[:, None],
        labels * 2**40,
    ):
        torch.save((x, y, proxies), path)
        found = read_embeddings(path)
        assert (
            found["labels"].tolist() == y.flatten().long().tolist() and len(found["proxies"]) == 7
        )
    torch.save(dict(embeddings=x.half(), labels=labels.double()), path)
    assert read_embeddings(path)["embeddings"].dtype == torch.float32
    broken = x.clone()
    broken[2] = torch.nan
    for content, part in (
        ((broken, labels), "row 2"),
        (dict(embeddings=x, labels=labels + 0.5), "0.5"),
        (dict(embeddings=x, labels=labels[:3]), "3 labels"),
        ((x, labels, broken[:9]), "1 of 9 rows of proxies"),
        (dict(embeddings=x[:0], labels=labels[:0]), "0 rows"),
    ):
        torch.save(content, path)
        with pytest.raises(ValueError) as error:
            read_embeddings(path)
        sentence(error, str(path), part)


def test_explorer_counts_classes_not_labels():
    widget = explore(x, labels * 30_000_000 - 60_000_000, on_map=x[:, :2] / 9)
    assert widget.meta["class_names"] == [
        f"class {30_000_000 * k - 60_000_000}" for k in range(CLASSES)
    ]
    assert np.frombuffer(widget.labels, np.int32).tolist() == labels.tolist()


def test_checks_by_themselves():
    assert (
        check_ks(5) == (5,)
        and check_mask([0, 1]).tolist() == [False, True]
        and check_labels([]).tolist() == []
    )
    assert check_embeddings(x.half()).dtype == torch.float32
