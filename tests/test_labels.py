"Labels, masks, K's and embeddings of every kind give the same numbers, or one clear sentence, in every measure."

import resource

import numpy as np
import pandas as pd
import pytest
import torch

from hier_nb.checks import check_embeddings, check_ks, check_labels, check_mask
from hier_nb.embeddings import Embeddings, Taxonomy
from hier_nb.explorer import explore
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
from hier_nb.pictures import ImageDataset
from hier_nb.plots import plot_retrieval
from hier_nb.retrieval import (
    average_linkage,
    bootstrap,
    cluster_scores,
    level_ids,
    levels_in_common,
    neighbor_agreement,
    per_class,
    recall_at_k,
    taxonomy_scores,
)
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.tree import TreeArrays, build_tree, leaf_counts, name_nodes, node_depths, proxy_parents

N, CLASSES = 48, 6


def points(n=N, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Ball(clip_radius=None)(torch.randn(n, 5, generator=generator))


x, proxies = points(), points(7, 1)
labels = torch.arange(N) % CLASSES
mask = torch.arange(N) < 12
taxonomy = Taxonomy(("kind",), tuple((f"kind {k // 2}",) for k in range(CLASSES)))


def emb(points=x, y=labels, space=None, **known):
    return Embeddings(points, space or Ball(), y, **known)


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


def measures(y):
    "Every number that labels alone decide."
    e, asked = emb(y=y), emb(y=y, is_query=mask)
    return [
        retrieval_report(asked, ks=(1, 4), interval=True),
        retrieval_report(e, ks=(1, 4)),
        recall_at_k(e, 2),
        neighbor_agreement(e),
        {name: values.tolist() for name, values in taxonomy_scores(asked).scores.items()},
        cluster_scores(e),
        list(per_class(torch.arange(N), y).values()),
        bootstrap(torch.arange(N), y, n=20),
        dendrogram_purity(linkage_tree(average_linkage(e)), e.labels),
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


def test_names_are_labels():
    words = [f"class {k}" for k in labels.tolist()]
    for kind in (words, tuple(words), np.array(words), np.array(words, object)):
        e = emb(y=kind)
        assert e.labels.tolist() == labels.tolist()
        assert e.class_names == [f"class {k}" for k in range(CLASSES)]


@pytest.mark.parametrize("kind", MASKS)
def test_masks_of_every_type(kind):
    got = retrieval_report(emb(taxonomy=taxonomy, is_query=MASKS[kind](mask)), ks=(1, 4))
    by_hand = retrieval_report(emb(taxonomy=taxonomy, is_query=mask), ks=(1, 4))
    assert got == by_hand
    assert got["recall"] == recall_at_k(emb()[mask], (1, 4), gallery=emb()[~mask])


def test_boolean_labels_are_two_classes():
    assert recall_at_k(emb(y=labels > 2), 1) == recall_at_k(emb(y=(labels > 2).long()), 1)


@pytest.mark.parametrize(
    "wrong, part",
    [
        (labels + 0.5, "0.5 at place 0"),
        (labels.float().masked_fill(labels == 3, torch.nan), "nan at place 3"),
        (labels[:-1], f"{N - 1} labels for {N}"),
        (labels[:, None], "shape (48, 1)"),
        (pd.Series([None] * N), "None at place 0"),
        ([None, *["a"] * (N - 1)], "None"),
        (labels + 1j, "complex"),
        (labels.float() + 2**25, "merges integers"),
        ("0123", "'0123'"),
        (pd.Categorical(["a"] * N), "'a'"),
    ],
)
def test_wrong_labels(wrong, part):
    for measure in (
        lambda y: emb(y=y),
        lambda y: per_class(torch.zeros(N), y),
        lambda y: bootstrap(torch.zeros(N), y),
    ):
        with pytest.raises(ValueError) as error:
            measure(wrong)
        sentence(error, "labels")
        assert part in str(error.value) or "47 labels for" in str(error.value)


@pytest.mark.parametrize(
    "measure",
    [
        recall_at_k,
        cluster_scores,
        retrieval_report,
        neighbor_agreement,
        taxonomy_scores,
        hierarchy_report,
    ],
)
def test_no_labels(measure):
    with pytest.raises(ValueError) as error:
        measure(Embeddings(x, Ball()))
    sentence(error, "have no labels")


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
        emb(is_query=wrong)
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
    assert list(recall_at_k(emb(), ks)) == keys
    assert list(retrieval_report(emb(), ks)["recall"]) == keys


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
        retrieval_report,
        lambda e, ks: retrieval_report(emb(is_query=torch.arange(N) == 0), ks),
    ],
)
def test_wrong_ks(measure, ks):
    with pytest.raises(ValueError) as error:
        measure(emb(), (N,) if ks == N else ks)
    sentence(error, "ks")


BROKEN = {
    "points": lambda x: emb(x),
    "sphere": lambda x: emb(x, space=Sphere()),
    "flat": lambda x: emb(x, space=Flat()),
    "proxies": lambda x: emb(proxies=x),
}


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("name", BROKEN)
def test_nan_is_never_a_number(name, value):
    "No measure, tree or picture sees such points: they cannot become Embeddings."
    broken = points()
    broken[5, 0], broken[40, 1] = value, value
    with pytest.raises(ValueError) as error:
        BROKEN[name](broken)
    sentence(error, "2 of 48 rows", "row 5")


@pytest.mark.parametrize("name", BROKEN)
def test_nothing_to_measure(name):
    with pytest.raises(ValueError) as error:
        BROKEN[name](points()[:0])
    sentence(error, "0 rows")


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
    e, same = (
        emb(convert(x), proxies=convert(proxies), taxonomy=taxonomy),
        emb(proxies=proxies, taxonomy=taxonomy),
    )
    assert recall_at_k(e, 2) == recall_at_k(same, 2)
    assert neighbor_agreement(e) == neighbor_agreement(same)
    assert len(average_linkage(e)) == N - 1
    assert len(build_tree(e)) > N
    assert abs(delta_hyperbolicity(e) - delta_hyperbolicity(same)) < 1e-4
    assert abs(hierarchy_report(e)["shape"]["rho"] - rho_spectrum(same)) < 1e-4


def test_half_precision_becomes_single():
    half = emb(x.half(), proxies=proxies.half())
    single = emb(x.half().float(), proxies=proxies.half().float())
    assert half.points.dtype == torch.float32
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
        emb(wrong)
    sentence(error, "embeddings", part)


def test_one_and_two_points():
    one, two = emb(proxies=proxies)[:1], emb(proxies=proxies)[:2]
    for measure in (recall_at_k, neighbor_agreement):
        with pytest.raises(ValueError, match="nothing to be compared with"):
            measure(one)
    assert recall_at_k(emb(x[:2], [4, 4]), 1) == {1: 1.0}
    assert recall_at_k(emb(x[:2], [4, 5]), 1) == {1: 0.0}
    assert recall_at_k(one, 1, gallery=one) == {1: 1.0}
    assert cluster_scores(one)["nmi"] == 1.0
    assert len(average_linkage(two)) == 1
    assert build_tree(one).number_of_nodes() >= 2
    with pytest.raises(ValueError, match="cannot be clustered"):
        average_linkage(one)
    with pytest.raises(ValueError, match="have no pairs"):
        proxy_usage(one)


def test_proxies_are_asked_for():
    for measure in (build_tree, proxy_usage, proxy_parents):
        with pytest.raises(ValueError) as error:
            measure(emb())
        sentence(error, "have no proxies")


def test_where_labels_point_at_something():
    for wrong, part in ((labels + 1, "Label 6 is not"), (labels - 1, "Label -1 is not")):
        for measure in (lambda y: level_ids(y, taxonomy), lambda y: emb(y=y, taxonomy=taxonomy)):
            with pytest.raises(ValueError) as error:
                measure(wrong)
            sentence(error, part)
    with pytest.raises(ValueError, match="there are 3 to choose from"):
        emb(class_names=list("abc"))
    named = name_nodes(
        build_tree(emb(proxies=proxies)), emb(proxies=proxies, class_names=list("abcdef"))
    )
    assert set("abcdef") & {name for _, name in named.nodes(data="name")}


def test_trees_of_large_numbers():
    tree = linkage_tree(average_linkage(emb()))
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
        leaf_counts(TreeArrays(*tree), labels + 2**40)
    with pytest.raises(ValueError, match="circle"):
        node_depths(torch.tensor([1, 2, 0]))


def test_queries_that_are_not_there():
    pictures = np.zeros((N, 4, 4, 3), np.uint8)
    dataset = ImageDataset(pictures, labels, list("abcdef"), [str(n) for n in range(N)])
    with pytest.raises(ValueError, match="queries holds 99"):
        plot_retrieval(Embeddings(x, Ball(), dataset=dataset), [99])


def test_load_sorts_out_what_a_file_holds(tmp_path):
    path = tmp_path / "e.pt"
    kinds = (
        labels,
        labels.to(torch.uint8),
        labels.float(),
        labels.bool(),
        labels[:, None],
        labels * 2**40,
    )
    for y in kinds:
        torch.save((x, y, proxies), path)
        found = Embeddings.load(path, Ball())
        assert found.labels.tolist() == y.flatten().long().tolist() and len(found.proxies) == 7
    torch.save(dict(embeddings=x.half(), labels=labels.double()), path)
    assert Embeddings.load(path, Ball()).points.dtype == torch.float32
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
            Embeddings.load(path, Ball())
        sentence(error, str(path), part)


def test_explorer_counts_classes_not_labels():
    on_map = emb(x[:, :2] / 9, space=Ball())
    widget = explore(emb(y=labels * 30_000_000 - 60_000_000), on_map=on_map)
    names = [f"class {30_000_000 * k - 60_000_000}" for k in range(CLASSES)]
    assert widget.meta["class_names"] == names
    assert np.frombuffer(widget.labels, np.int32).tolist() == labels.tolist()


def test_checks_by_themselves():
    assert (
        check_ks(5) == (5,)
        and check_mask([0, 1]).tolist() == [False, True]
        and check_labels([]).tolist() == []
    )
    assert check_embeddings(x.half()).dtype == torch.float32
