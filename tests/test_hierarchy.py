"HIER's loss: NaN, dead terms, saturated similarity, shared maps, labels of every kind."

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from fastcore.test import test_fail as fails

from hier_nb.geometry import ToPoincare, pairwise_dist
from hier_nb.hierarchy import HIERLoss, HierarchicalProxies, sample_triplets, triplet_loss
from hier_nb.losses import ImageAnchorLoss, HypLoss, create_loss
from hier_nb.neighbors import reciprocal_neighbors

LABELS = torch.arange(4).repeat_interleave(6)


def batch(n=24, dim=8, spread=1.0, **kwargs):
    return ToPoincare(**kwargs)(
        spread * torch.randn(n, dim, generator=torch.Generator().manual_seed(0))
    )


def seed():
    return torch.Generator().manual_seed(3)


def test_a_nan_distance_gives_a_nan_loss_and_gradient():
    D = torch.rand(12, 10)
    related = reciprocal_neighbors(torch.rand(12, 12).add(torch.eye(12)), 8)
    t, valid = sample_triplets(related | related.T, 20)
    valid[:] = True
    for place in ((0, 0), (5, 3), (11, 9)):
        broken = D.clone()
        broken[place] = math.nan
        broken.requires_grad_()
        loss = triplet_loss(broken, t, valid)[0]
        assert loss.isnan()
        loss.backward()
        assert broken.grad.isnan().any()


def test_one_nan_proxy_is_nobodys_ancestor():
    hier = HIERLoss(n_proxies=32, dim=8, n_neighbors=6)
    with torch.no_grad():
        hier.proxies.weight[7, 2] = math.nan
    fails(lambda: hier(batch(), LABELS), contains="1 of 32 hierarchical proxies hold NaN")
    rho = hier.proxies.on_ball()
    assert hier._term(batch(), rho, LABELS, None)[0].isnan(), (
        "without the check, as on a GPU, the loss is NaN"
    )


def test_nan_and_infinite_embeddings_are_refused():
    hier = HIERLoss(n_proxies=32, dim=8, n_neighbors=6)
    for value in (math.nan, math.inf):
        x = batch().clone()
        x[3, 1] = value
        fails(lambda: hier(x, LABELS), contains="1 of 24 embeddings hold NaN or infinite")
        fails(lambda: hier.diagnostics(x, LABELS), contains="1 of 24 embeddings")


@pytest.mark.parametrize("make", [HIERLoss, HIERLoss.official, HIERLoss.paper])
@pytest.mark.parametrize("n", [2, 12, 20])
def test_a_dead_data_term_says_so_once(make, n):
    hier = make(n_proxies=64, dim=8)
    x = batch(n)
    with pytest.warns(
        UserWarning,
        match=f"data term teaches nothing: {n} embeddings are not more than n_neighbors=20",
    ):
        hier(x, torch.arange(n) % 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hier(x, torch.arange(n) % 3)
    if hier.official_negatives:
        return  # there k is i itself, and what is left is noise
    u = torch.randn(n, 8, requires_grad=True)
    hier.terms(ToPoincare()(u), torch.arange(n) % 3)["data"].backward()
    assert u.grad.eq(0).all(), "that it is dead is true"


def test_other_dead_terms():
    with pytest.warns(
        UserWarning, match="proxies term teaches nothing: n_proxies=16 are not more than"
    ):
        HIERLoss(n_proxies=16, dim=8, n_neighbors=16)(batch(), LABELS)
    lonely = HIERLoss(n_proxies=64, dim=8, n_neighbors=2, label_bonus=0)
    with pytest.warns(UserWarning, match="none has both two mutual neighbours"):
        lonely(batch(), LABELS)


def test_a_living_batch_is_silent_and_its_terms_add_up():
    hier = HIERLoss(n_proxies=64, dim=8, n_neighbors=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        terms = hier.terms(batch(), LABELS, seed())
    assert terms["data"] > 0 and terms["proxies"] > 0
    torch.testing.assert_close(sum(terms.values()), hier(batch(), LABELS, seed()))
    assert {k: v.item() for k, v in hier.last_terms.items()} == {
        k: v.item() for k, v in terms.items()
    }
    assert not any(v.requires_grad for v in hier.last_terms.values())
    assert copy.deepcopy(hier) is not hier and pickle.loads(pickle.dumps(hier)).n_neighbors == 8
    assert set(hier.state_dict()) == {"proxies.weight"}


@pytest.mark.parametrize("radius,per_class", [(5.0, 50), (8.0, 30), (2.3, 10)])
def test_class_mates_are_ranked_by_distance(radius, per_class):
    labels = torch.arange(4).repeat_interleave(per_class)
    x = batch(len(labels), 16, spread=20, clip_radius=radius)
    mates = labels[:, None] == labels
    d = pairwise_dist(x, x)
    table = pairwise_dist(x.double(), x.double())
    rank = torch.where(mates, table, table + 1e6).sort(dim=1, stable=True).indices[:, :20]
    near = torch.zeros_like(mates).scatter_(1, rank, True)
    truth = (near & near.T).fill_diagonal_(False)
    ours = reciprocal_neighbors(HIERLoss(8, 16)._nearness(d, mates), 20)
    assert (ours != truth).sum() <= 0.002 * truth.sum(), "but for ties in float32"
    official = reciprocal_neighbors(HIERLoss.official(n_proxies=8, dim=16)._nearness(d, mates), 20)
    if radius < 3:
        assert torch.equal(official, ours), "at the published radius both readings agree"
    else:
        assert (official & ~truth).sum() > 0.3 * official.sum(), "the published reading saturates"


def test_duplicates_do_not_break_the_ranking():
    x = batch(24)
    x[6:12] = x[6]
    hier = HIERLoss(n_proxies=32, dim=8, n_neighbors=6)
    u = x.clone().requires_grad_()
    loss = hier(u, LABELS)
    loss.backward()
    assert loss.isfinite() and u.grad.isfinite().all()


def test_a_second_derivative_is_refused():
    hier = HIERLoss(n_proxies=32, dim=8, n_neighbors=6)
    u = torch.randn(24, 8, requires_grad=True)
    (grad,) = torch.autograd.grad(
        hier(ToPoincare(riemannian=False)(u), LABELS), u, create_graph=True
    )
    fails(lambda: grad.sum().backward(), contains="can be differentiated once")
    hier(ToPoincare()(u), LABELS).backward()
    assert u.grad.isfinite().all(), "once is fine"


@pytest.mark.parametrize("c,r", [(0.1, 2.3), (1.0, 0.5), (0.01, 5.0), (0.3, None), (0.1, None)])
def test_proxies_start_in_the_map_they_share(c, r):
    for proxies in (
        HierarchicalProxies(512, 64, to_ball=ToPoincare(c=c, clip_radius=r)),
        HierarchicalProxies(512, 64, c, r),
        HierarchicalProxies(512, 64, to_ball=ToPoincare(c=c, clip_radius=r, learn_c=True)),
    ):
        length = proxies.weight.norm(dim=1)
        expected = 0.9 * (r or 2.3 * math.sqrt(0.1 / c))
        assert abs(length.mean().item() / expected - 1) < 0.02
        assert not r or (length >= r).float().mean() < 0.3


def test_without_a_clip():
    hier = HIERLoss(n_proxies=64, dim=8, n_neighbors=8, clip_radius=None)
    loss = hier(ToPoincare(clip_radius=None)(torch.randn(24, 8)), LABELS)
    loss.backward()
    assert loss.isfinite() and hier.diagnostics(batch(), LABELS)["at_clip_radius"] == 0


kinds = dict(
    int32=LABELS.int(),
    uint8=LABELS.byte(),
    float=LABELS.float(),
    array=LABELS.numpy(),
    list=LABELS.tolist(),
    negative=LABELS - 7,
    huge=LABELS * 30_000_000 + 2**40,
    floats=LABELS.numpy().astype(np.float64),
)


@pytest.mark.parametrize("kind", kinds)
def test_labels_of_every_kind(kind):
    hier = HIERLoss(n_proxies=64, dim=8, n_neighbors=8)
    assert hier(batch(), kinds[kind], seed()) == hier(batch(), LABELS, seed())
    assert HypLoss()(batch(), kinds[kind]) == HypLoss()(batch(), LABELS)


@pytest.mark.parametrize(
    "bad,sentence",
    [
        (LABELS + 0.5, "no whole number"),
        (LABELS[:5], "5 labels for 24 embeddings"),
        (LABELS[:, None], "not one dimension"),
        (["a"] * 24, "no number"),
        (torch.full((24,), math.nan), "no whole number"),
    ],
)
def test_labels_that_are_none(bad, sentence):
    for loss in (
        HIERLoss(n_proxies=64, dim=8, n_neighbors=8),
        HypLoss(),
        ImageAnchorLoss(4, 8),
        create_loss("MS", 4, 8),
        create_loss("PA", 4, 8),
    ):
        fails(lambda: loss(batch(), bad), contains=sentence)


names = ["PA", "MS", "PNCA", "SoftTriple", "Hyp"]


@pytest.mark.parametrize("name", names)
def test_metric_losses_take_what_hier_takes(name):
    loss = create_loss(name, 4, 8)
    for kind in ("int32", "uint8", "float", "array", "list"):
        assert loss(batch(), kinds[kind]) == loss(batch(), LABELS)
    fails(lambda: loss(torch.zeros(0, 8), torch.zeros(0)), contains="no embeddings in this batch")
    broken = batch().clone()
    broken[5, 1] = math.nan
    assert loss(broken, LABELS).isnan()
    if name in ("PA", "PNCA", "SoftTriple"):
        fails(lambda: loss(batch(), LABELS + 1), contains="there are 4 to choose from")
        fails(lambda: loss(batch(), LABELS - 1), contains="there are 4 to choose from")
    pickle.loads(pickle.dumps(loss))


def test_nan_class_proxies():
    for loss in (
        ImageAnchorLoss(4, 8),
        create_loss("PA", 4, 8),
        create_loss("PNCA", 4, 8),
        create_loss("SoftTriple", 4, 8),
    ):
        with torch.no_grad():
            next(loss.parameters()).view(-1)[3] = math.nan
        assert loss(batch(), LABELS).isnan()


def test_empty_batches_are_one_sentence():
    for loss in (HIERLoss(n_proxies=64, dim=8), HypLoss(), ImageAnchorLoss(4, 8)):
        fails(
            lambda: loss(torch.zeros(0, 8), torch.zeros(0)), contains="no embeddings in this batch"
        )
