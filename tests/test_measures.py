"Labels, masks, K's and embeddings of every kind give the same numbers, or one clear sentence, in every measure."

import resource

import numpy as np
import pandas as pd
import pytest
import torch

from hier_nb.checks import check_embeddings, check_ks, check_labels, check_mask
from hier_nb.embeddings import Embeddings, Taxonomy
from hier_nb.metrics import (
    cophenetic_correlation,
    dasgupta_score,
    delta_hyperbolicity,
    dendrogram_purity,
    hierarchy_report,
    linkage_tree,
    proxy_usage,
    retrieval_report,
    rho_spectrum,
    score_tree,
    spearman,
    taxonomy_tree,
    triplet_agreement,
)
from hier_nb.retrieval import (
    average_linkage,
    bootstrap,
    cluster_scores,
    level_ids,
    levels_in_common,
    neighbor_agreement,
    per_class,
    query_scores,
    recall_at_k,
    taxonomy_scores,
)
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.tree import (
    ancestor_heights,
    build_tree,
    leaf_counts,
    name_nodes,
    nearest_proxy,
    node_depths,
    proxy_parents,
)

N, CLASSES = 48, 6
ball = Ball(clip_radius=None)


def points(n=N, seed=0):
    return ball(torch.randn(n, 5, generator=torch.Generator().manual_seed(seed)))


x, proxies = points(), points(7, 1)
labels = torch.arange(N) % CLASSES
mask = torch.arange(N) < 12
taxonomy = Taxonomy(("kind",), tuple((f"kind {k // 2}",) for k in range(CLASSES)))


def made(points=x, labels=labels, **more):
    return Embeddings(points, ball, labels, **more)


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
    "words": lambda y: [f"class {k}" for k in y.tolist()],
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
    e, asked = made(labels=y), made(labels=y, is_query=q)
    rankings = taxonomy_scores(asked).scores
    return [
        retrieval_report(asked, (1, 4), interval=True),
        retrieval_report(e, (1, 4)),
        recall_at_k(e, 2),
        neighbor_agreement(e),
        {name: values.tolist() for name, values in rankings.items()},
        cluster_scores(e),
        list(per_class(torch.arange(N), e.labels).values()),
        bootstrap(torch.arange(N), e.labels, n=20),
        dendrogram_purity(linkage_tree(average_linkage(e)), e.labels),
    ]


@pytest.fixture(scope="module")
def expected():
    return str(measures(labels))


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_every_type(kind, expected):
    assert str(measures(LABELS[kind](labels))) == expected


@pytest.mark.parametrize("kind", NAMES)
def test_labels_are_names(kind, expected):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert str(measures(NAMES[kind](labels))) == expected
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_every_type(kind):
    got = retrieval_report(made(is_query=MASKS[kind](mask), taxonomy=taxonomy), (1, 4))
    e = made(taxonomy=taxonomy)
    assert got == retrieval_report(e[mask], (1, 4), gallery=e[~mask])
    assert got["recall"] == recall_at_k(e[mask], (1, 4), gallery=e[~mask])


def test_boolean_labels_are_two_classes():
    assert recall_at_k(made(labels=labels > 2), 1) == recall_at_k(
        made(labels=(labels > 2).long()), 1
    )


@pytest.mark.parametrize(
    "wrong, part",
    [
        (labels + 0.5, "0.5 at place 0"),
        (labels.float().masked_fill(labels == 3, torch.nan), "nan at place 3"),
        (labels[:-1], f"{N - 1} labels for {N}"),
        (labels[:, None], "shape (48, 1)"),
        (pd.Series([None] * N), "None at place 0"),
        (labels + 1j, "complex"),
        (labels.float() + 2**25, "merges integers"),
        ("0123", "'0123'"),
        (pd.Categorical([1.5] * N), "1.5"),
    ],
)
@pytest.mark.parametrize(
    "measure",
    [
        lambda y: made(labels=y),
        lambda y: bootstrap(torch.zeros(N), y),
        lambda y: per_class(torch.zeros(N), y),
        lambda y: level_ids(y, None) if len(y) == N else made(labels=y),
    ],
)
def test_wrong_labels(measure, wrong, part):
    with pytest.raises(ValueError) as error:
        measure(wrong)
    sentence(error, "labels", part)


@pytest.mark.parametrize(
    "measure",
    [
        recall_at_k,
        query_scores,
        cluster_scores,
        retrieval_report,
        neighbor_agreement,
        taxonomy_scores,
        hierarchy_report,
        lambda e: name_nodes(build_tree(e), e),
    ],
)
def test_no_labels(measure):
    with pytest.raises(ValueError) as error:
        measure(made(labels=None, proxies=proxies))
    sentence(error, "labels")


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
        retrieval_report(made(is_query=wrong))
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
    assert list(recall_at_k(made(), ks)) == keys
    assert list(retrieval_report(made(), ks)["recall"]) == keys


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
        retrieval_report,
        lambda e, ks: retrieval_report(made(is_query=torch.arange(N) == 0), ks),
    ],
)
def test_wrong_ks(measure, ks):
    with pytest.raises(ValueError) as error:
        measure(made(), (N,) if ks == N else ks)
    sentence(error, "ks")


def test_counts_that_are_no_counts():
    for measure in (
        lambda: taxonomy_scores(made(), n_queries=0),
        lambda: taxonomy_scores(made(), k=0),
        lambda: hierarchy_report(made(taxonomy=taxonomy), n_tree=-1),
        lambda: delta_hyperbolicity(made(), n=0),
        lambda: cluster_scores(made(), n_clusters=N + 1),
        lambda: build_tree(made(proxies=proxies), pairs=0),
        lambda: bootstrap(torch.zeros(3), n=0),
        lambda: bootstrap(torch.zeros(3), level=95),
    ):
        with pytest.raises(ValueError) as error:
            measure()
        sentence(error)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("name", ["points", "proxies"])
def test_nan_is_never_a_number(name, value):
    broken = points()
    broken[5, 0], broken[40, 1] = value, value
    with pytest.raises(ValueError) as error:
        made(**{"points": x, name: broken})
    sentence(error, "2 of 48 rows", "row 5")


def test_nothing_to_measure():
    for arguments in (dict(points=x[:0], labels=None), dict(proxies=x[:0])):
        with pytest.raises(ValueError) as error:
            made(**arguments)
        sentence(error, "0 rows")
    for measure in (build_tree, proxy_usage, proxy_parents, nearest_proxy):
        with pytest.raises(ValueError) as error:
            measure(made())
        sentence(error, "proxies")
    with pytest.raises(ValueError) as error:
        ancestor_heights(made(), labels)
    sentence(error, "proxies")


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
    plain = made(proxies=proxies, taxonomy=taxonomy)
    e = made(convert(x), proxies=convert(proxies), taxonomy=taxonomy)
    assert recall_at_k(e, 2) == recall_at_k(plain, 2)
    assert neighbor_agreement(e) == neighbor_agreement(plain)
    assert len(average_linkage(e)) == N - 1 and len(build_tree(e)) > N
    assert abs(delta_hyperbolicity(e) - delta_hyperbolicity(plain)) < 1e-4
    assert abs(hierarchy_report(e)["shape"]["rho"] - rho_spectrum(plain)) < 1e-4


def test_half_precision_becomes_single():
    half, single = (made(p, proxies=proxies) for p in (x.half(), x.half().float()))
    for measure in (retrieval_report, cluster_scores, rho_spectrum, proxy_usage):
        assert measure(half) == measure(single)


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
def test_wrong_embeddings(wrong, part):
    with pytest.raises(ValueError) as error:
        recall_at_k(made(wrong))
    sentence(error, "embeddings", part)


def test_one_and_two_points():
    for measure in (recall_at_k, neighbor_agreement, retrieval_report, taxonomy_scores):
        with pytest.raises(ValueError, match="nothing to be compared with"):
            measure(made()[:1])
    assert recall_at_k(made(x[:2], [4, 4]), 1) == {1: 1.0}
    assert recall_at_k(made(x[:2], [4, 5]), 1) == {1: 0.0}
    alone = made(x[:1], [7])
    assert recall_at_k(alone, 1, gallery=alone) == {1: 1.0}
    assert cluster_scores(made(x[:1], [3]))["nmi"] == 1.0
    assert len(average_linkage(made()[:2])) == 1
    assert build_tree(made(x[:1], [0], proxies=proxies)).number_of_nodes() >= 2
    with pytest.raises(ValueError, match="cannot be clustered"):
        average_linkage(alone)
    with pytest.raises(ValueError, match="have no pairs"):
        proxy_usage(made(x[:1], [0], proxies=proxies))


def test_queries_and_gallery_must_fit():
    e = made()
    for other, part in (
        (Embeddings(x, Flat(), labels), "gallery lies in Flat"),
        (Embeddings(x, Ball(c=0.05), labels), "gallery lies in Ball(c=0.05"),
        (Embeddings(x, ball), "labels"),
        (Embeddings(x[:, :3], ball, labels), "3 columns instead of 5"),
    ):
        for measure in (recall_at_k, neighbor_agreement, taxonomy_scores, retrieval_report):
            with pytest.raises(ValueError) as error:
                measure(e, gallery=other)
            sentence(error, part)


def test_where_labels_point_at_something():
    for wrong in (labels + 1, labels - 1):
        with pytest.raises(ValueError) as error:
            made(labels=wrong, taxonomy=taxonomy)
        sentence(error, "is not in the taxonomy of 6")
        with pytest.raises(ValueError) as error:
            level_ids(wrong, taxonomy)
        sentence(error, "is not in the taxonomy of 6")
    with pytest.raises(ValueError):
        made(class_names=list("abc"))
    named = name_nodes(build_tree(made(proxies=proxies)), made())
    words = made(class_names=[f"class {k}" for k in range(CLASSES)])
    same = name_nodes(build_tree(made(proxies=proxies)), words)
    assert dict(named.nodes(data="name")) == dict(same.nodes(data="name"))
    with pytest.raises(ValueError, match="samples for 3 embeddings"):
        name_nodes(named, made()[:3])


def test_trees_of_large_numbers():
    tree = linkage_tree(average_linkage(made()))
    ids = level_ids(labels, taxonomy)
    large = torch.where(ids >= 0, ids * 30_000_000 + 7, ids)
    names = ["kind", "class"]
    assert score_tree(tree, ids, names) == score_tree(tree, large, names)
    assert (taxonomy_tree(ids).parent == taxonomy_tree(large).parent).all()
    assert levels_in_common(ids, ids).tolist() == levels_in_common(large, large).tolist()
    for measure in (dasgupta_score, cophenetic_correlation, triplet_agreement):
        with pytest.raises(ValueError, match="47 rows of ids for 48"):
            measure(tree, ids[:-1])
    with pytest.raises(ValueError, match="dense_labels"):
        leaf_counts(tree, labels + 2**40)
    with pytest.raises(ValueError, match="circle"):
        node_depths(torch.tensor([1, 2, 0]))


@pytest.mark.parametrize("space", [ball, Sphere(), Flat()], ids=lambda space: space.kind)
def test_every_space(space):
    vectors = torch.randn(N, 5, generator=torch.Generator().manual_seed(2))
    e = Embeddings(space(vectors), space, labels, space(vectors[:7] / 2), taxonomy=taxonomy)
    report = hierarchy_report(e)
    assert ("proxies, by radius" in report["trees"]) == space.has_centre
    assert 0 <= report["shape"]["delta"] <= 1 and report["proxies"]["proxies"] == 7
    # near and far are what a plain table of distances says
    distances = space.pairwise_dist(e.points.double(), e.points.double())
    nearest = distances.fill_diagonal_(torch.inf).argmin(1)
    plain = (labels[nearest] == labels).double()
    assert query_scores(e, 1)["recall@1"].equal(plain)


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y,
        lambda y: y.to(torch.uint8),
        lambda y: y.float(),
        lambda y: y.bool(),
        lambda y: y[:, None],
        lambda y: y * 2**40,
    ],
)
def test_tuples_in_files(tmp_path, convert):
    torch.save((x, convert(labels), proxies), tmp_path / "e.pt")
    found = Embeddings.load(tmp_path / "e.pt", ball)
    assert found.labels.tolist() == convert(labels).flatten().long().tolist()
    assert len(found.proxies) == 7


def test_broken_files(tmp_path):
    path = tmp_path / "e.pt"
    torch.save(dict(embeddings=x.half(), labels=labels.double()), path)
    assert Embeddings.load(path, ball).points.dtype == torch.float32
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
            Embeddings.load(path, ball)
        sentence(error, str(path), part)


def test_checks_by_themselves():
    assert check_ks(5) == (5,)
    assert check_mask([0, 1]).tolist() == [False, True]
    assert check_labels([]).tolist() == []
    assert check_embeddings(x.half()).dtype == torch.float32
