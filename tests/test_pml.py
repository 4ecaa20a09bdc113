"Losses as pytorch-metric-learning calls them: miners, references, weights, reducers, ranks; and proxies in samples."

import copy
import math
import pickle

import pytest
import ranks_pml
import torch
from fastcore.test import test_fail as fails
from pytorch_metric_learning import losses, miners, reducers

from hier_nb import hierarchy
from hier_nb.distributed import launch
from hier_nb.hierarchy import HIERLoss, TripletSettings, grouped_loss, shares_of, triplet_loss
from hier_nb.kinship import ClassKinship, ClassMemory, PictureKinship
from hier_nb.losses import HypLoss, create_loss, fingerprints
from hier_nb.neighbors import reciprocal_neighbors
from hier_nb.pml import as_pml, with_memory
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.supervised import HypMixLoss
from hier_nb.triplets import mutual_neighbors_of, pick_anchors, sample_triplets, sample_triplets_of

LABELS = torch.arange(4).repeat_interleave(6)
SETTINGS = TripletSettings(margin=0.1, temperature=0.1, distinct_ancestors=False)
SPACES = [Ball(), Ball(learn_curvature=True, riemannian=False), Sphere(), Flat()]


def numbers(seed=3):
    return torch.Generator().manual_seed(seed)


def points(n=24, dim=8, seed=0):
    return Ball()(torch.randn(n, dim, generator=numbers(seed))).detach()


def hier(**settings):
    torch.manual_seed(1)
    usual = dict(n_proxies=64, dim=8, n_neighbors=8, triplets_per_anchor=10)
    return HIERLoss(**usual | settings)


# A sample of the proxies' anchors


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("official", [False, True])
def test_lists_draw_what_the_table_draws(space, official):
    rho = space(torch.randn(50, 4, generator=numbers())).detach()
    table = reciprocal_neighbors(-space.pairwise_dist(rho, rho), 7)
    by_table = sample_triplets(table, 20, numbers(), official)
    for block in (1, 13, 1000):
        found = mutual_neighbors_of(torch.arange(50), rho, 7, space, block)
        by_list = sample_triplets_of(found, 50, 20, numbers(), official)
        assert torch.equal(by_list.valid, by_table.valid)
        counts = by_table.valid
        assert torch.equal(by_list.ids[:, counts], by_table.ids[:, counts])
        assert by_list.ids.min() >= 0 and by_list.ids.max() < 50, (
            "also of anchors that do not count"
        )


def test_copies_of_one_point_are_drawn_from_too():
    rho = torch.zeros(30, 4)
    rho[20:] = torch.randn(10, 4)
    found = mutual_neighbors_of(torch.arange(30), rho, 5, Flat(), 100)
    (i, j, k), valid = sample_triplets_of(found, 30, 200, numbers())
    assert (k != i).all()
    assert valid.any() and (j[valid] != i[valid]).all()


def test_every_proxy_is_picked_equally_often():
    counts = torch.zeros(20)
    for _ in range(1500):
        some = pick_anchors(20, 5, counts)
        assert len(some.unique()) == 5
        counts[some] += 1
    assert (counts / 1500 - 0.25).abs().max() < 0.05
    assert pick_anchors(4, 9, counts).tolist() == [0, 1, 2, 3]


@pytest.mark.slow
def test_a_sample_of_anchors_has_the_mean_of_all():
    "The loss within its standard error. A gradient's numbers have heavy tails: its direction and length."
    draws = 150
    weight = hier(n_proxies=24, dim=3).proxies.weight.detach().clone()

    def of(**settings):
        loss = hier(n_proxies=24, dim=3, n_neighbors=6, triplets_per_anchor=4, **settings)
        loss.proxies.weight.data.copy_(weight)
        values = []
        for _ in range(draws):
            rho = loss.proxies()
            found, _ = loss._term("proxies", hierarchy._Batch(rho), rho, None)
            found.loss.backward()
            values.append(found.loss.detach())
        return torch.stack(values), loss.proxies.weight.grad.flatten() / draws

    whole, gradient = of()
    for settings in (dict(proxy_anchors=8), dict(block=40), dict(proxy_anchors=8, block=16)):
        values, other = of(**settings)
        error = ((whole.var() + values.var()) / draws).sqrt()
        assert (whole.mean() - values.mean()).abs() < 3.5 * error, settings
        assert error < 0.1 * whole.mean(), "or the comparison says nothing"
        assert torch.cosine_similarity(gradient, other, dim=0) > 0.85, settings
        assert 0.75 < other.norm() / gradient.norm() < 1.33, settings


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_groups_are_one_sum(space):
    x = torch.randn(24, 5, generator=numbers(1)).requires_grad_()
    weight = torch.randn(12, 5, generator=numbers(2)).requires_grad_()
    related = reciprocal_neighbors(torch.rand(24, 24, generator=numbers()), 14)
    triplets = sample_triplets(related, 6, numbers())
    shares = shares_of(triplets.valid)
    learned = [p for p in space.parameters() if p.requires_grad]

    def gradients(loss):
        return torch.autograd.grad(loss, [x, weight, *learned], allow_unused=True)

    distances = space.pairwise_dist(space(x), space(weight))
    torch.manual_seed(4)
    whole = triplet_loss(distances, triplets, SETTINGS)
    torch.manual_seed(4)
    here = dict(space=space, shares=shares)
    once = grouped_loss(space(x), space(weight), triplets, SETTINGS, block=10_000, **here)
    torch.testing.assert_close(tuple(once[:3]), tuple(whole[:3]), rtol=1e-4, atol=1e-6)
    for a, b in zip(gradients(once.loss), gradients(whole.loss)):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    with torch.no_grad():
        quiet = grouped_loss(space(x), space(weight), triplets, SETTINGS, block=20, **here)
    assert quiet.loss > 0 and not quiet.loss.requires_grad
    assert abs(quiet.usage.sum() - 1) < 1e-5
    many = grouped_loss(space(x), space(weight), triplets, SETTINGS, block=20, **here)
    ids = triplets.ids[:, triplets.valid].flatten(1)
    assert torch.equal(many.ancestors.ids, ids), "ancestors speak of the points themselves"


def test_groups_refuse_a_second_derivative_and_hand_on_nan():
    loss = hier(proxy_anchors=16, space=Flat())
    value = loss.terms(Flat()(points()), LABELS)["proxies"]
    (gradient,) = torch.autograd.grad(value, loss.proxies.weight, create_graph=True)
    fails(gradient.sum().backward, contains="differentiated once")
    with torch.no_grad():
        loss.proxies.weight[3, 2] = math.nan
    found, _ = loss._term("proxies", hierarchy._Batch(loss.proxies()), loss.proxies(), None)
    assert found.loss.isnan()


def test_few_proxies_are_dead_in_samples_too():
    with pytest.warns(UserWarning, match="n_proxies=8 are not more than") as said:
        hier(n_proxies=8, proxy_anchors=4)(points(), LABELS)
    assert said[0].filename == __file__


# References


def test_copies_in_a_memory_change_nothing():
    loss = hier()
    alone = loss(points(), LABELS, generator=numbers())
    again = loss(points(), LABELS, None, points(), LABELS, generator=numbers())
    assert torch.equal(alone, again)
    assert loss(points(), LABELS, None, points()) > 0, "references without labels"


def test_a_batch_that_is_too_small_lives_with_references():
    x, y = points(6), torch.arange(6)
    loss = hier(label_bonus=0)
    with pytest.warns(UserWarning, match="6 embeddings are not more than"):
        assert loss.terms(x, y)["data"] == 0
    u = x.clone().requires_grad_()
    more = points(60, seed=7)
    value = loss.terms(u, y, None, more, torch.arange(60))["data"]
    value.backward()
    assert value > 0 and u.grad.norm() > 0


def test_anchors_are_the_batch_alone():
    more = points(60, seed=7).requires_grad_()
    batch = hier()._add_references(
        hier()._check(points(), LABELS), more, torch.arange(60) % 4, None
    )
    triplets = hier()._draw_triplets("data", batch, numbers())
    assert torch.equal(triplets.ids[0, :, 0], torch.arange(24))
    assert triplets.ids[1:].max() >= 24
    hier().terms(points(), LABELS, None, more, torch.arange(60) % 4)["data"].backward()
    assert more.grad.norm() > 0, "references that want a gradient get one"


@pytest.mark.parametrize("labelled", [True, False])
def test_a_kinship_with_references(labelled):
    table = torch.rand(4, 4)
    kinship = ClassKinship(table + table.T)
    loss = hier(kinship=kinship)
    more = points(30, seed=7)
    given = (torch.arange(30) % 4) if labelled else None
    assert loss(points(), LABELS, None, more, given) > 0
    by_picture = hier(kinship=PictureKinship(torch.randn(100, 5)))
    named = dict(rows=torch.arange(24))
    call = points(), LABELS, None, more, given
    fails(lambda: by_picture(*call, **named), contains="ref_rows are not")
    assert by_picture(*call, **named, ref_rows=torch.arange(24, 54)) > 0


def test_fingerprints():
    x = torch.randn(500, 16)
    x[100:200] = x[:100]
    assert len(fingerprints(x).unique()) == 400
    a, b = torch.tensor([[1.0, 2, 2, 1]]), torch.tensor([[2.0, 1, 1, 2]])
    assert fingerprints(a) != fingerprints(b) and fingerprints(a.double()) != fingerprints(
        b.double()
    )
    assert torch.equal(fingerprints(x.half()), fingerprints(x.half().float()))


# One loss for each picture, weights, no label


@pytest.mark.long
@pytest.mark.parametrize("make", [hier, lambda **k: HypLoss(**k), lambda **k: as_pml(HypLoss(**k))])
def test_the_mean_of_all_is_the_loss(make):
    one, each = make(), make(reduction="none")
    if isinstance(one, HIERLoss):
        a = torch.stack([one(points(), LABELS).detach() for _ in range(80)])
        b = torch.stack([each(points(), LABELS).detach().mean() for _ in range(80)])
        assert (a.mean() - b.mean()).abs() < 4 * (a.var() / 80 + b.var() / 80).sqrt()
        assert each(points(), LABELS).shape == (24,)
        assert math.isfinite(each.diagnostics(points(), LABELS)["collisions_data"])
        return
    torch.testing.assert_close(one(points(), LABELS), each(points(), LABELS).mean())


def test_weights():
    only = torch.zeros(24)
    only[:6] = 2.0
    loss, each = hier(), hier(reduction="none")
    ones = loss(points(), LABELS, generator=numbers(), weights=torch.ones(24))
    torch.testing.assert_close(ones, loss(points(), LABELS, generator=numbers()))
    assert (each.terms(points(), LABELS, weights=only)["data"][6:] == 0).all()
    u = points().clone().requires_grad_()
    assert loss.terms(u, LABELS, weights=torch.zeros(24))["data"] == 0
    fails(lambda: loss(points(), LABELS, weights=-only), contains="below 0")
    fails(lambda: HypLoss()(points(), LABELS, weights=only[:3]), contains="for 24 embeddings")
    single = HypLoss(reduction="none")(points(), LABELS)
    by_call = HypLoss()(points(), LABELS, weights=only)
    torch.testing.assert_close(by_call, single[:6].mean())


@pytest.mark.long
def test_each_embedding_has_its_own_gradient():
    "What one embedding's number says of the proxies is what weights say that leave the others out."
    each, loss = hier(reduction="none"), hier()
    weigh = torch.rand(24)
    weigh[5:] = 0

    def gradients(value_of, model):
        found = []
        for _ in range(120):
            model.zero_grad()
            value_of().backward()
            found.append(model.proxies.weight.grad.flatten().clone())
        found = torch.stack(found)
        return found.mean(0), found.var(0) / 120

    def by_number():
        return (weigh * each.terms(points(), LABELS)["data"]).mean()

    def by_weight():
        n = loss.terms(points(), LABELS, weights=weigh)["data"]
        return n * weigh.sum() / 24

    (a, var_a), (b, var_b) = gradients(by_number, each), gradients(by_weight, loss)
    apart = (a - b) / (var_a + var_b).sqrt().clamp_min(1e-9)
    assert apart.abs().max() < 4.8 and apart.std() < 1.2


def test_pictures_without_a_label():
    y = LABELS.clone()
    y[::2] = -1
    loss = hier(ignore_index=-1)
    batch = loss._check(points(), y)
    mates = hierarchy._mates(batch)
    assert mates.diagonal().all() and mates[0].sum() == 1 and mates[1].sum() == 3
    assert loss.terms(points(), y)["data"] > 0
    assert hier()._check(points(), y).labelled is None, "without ignore_index -1 is a class"
    for kinship in (ClassKinship(torch.eye(4)), ClassMemory(4, 8)):
        assert hier(ignore_index=-1, kinship=kinship)(points(), y).isfinite()
    similarity = hier(ignore_index=-1, kinship=ClassKinship(torch.eye(4)))._similarity(batch)
    assert similarity[0].isnan().all() and not similarity[1, 1::2].isnan().any()


@pytest.mark.parametrize("name", ["PA", "MS", "PNCA", "SoftTriple", "Hyp"])
def test_metric_losses_leave_out_what_has_no_label(name):
    torch.manual_seed(0)
    loss = create_loss(name, 4, 8, ignore_index=9)
    x, y = torch.cat([points(), points(5, seed=8)]), torch.cat([LABELS, torch.full((5,), 9)])
    u = x.clone().requires_grad_()
    value = loss(u, y)
    torch.testing.assert_close(value, loss(points(), LABELS))
    value.backward()
    assert (u.grad[24:] == 0).all() and u.grad[:24].norm() > 0
    fails(lambda: loss(x, torch.full((29,), 9)), contains="All 29 labels are ignore_index=9")
    pickle.loads(pickle.dumps(loss))


# Miners


def test_a_miner_says_how_much_a_picture_counts():
    pairs = miners.MultiSimilarityMiner()(points(), LABELS)
    weights = torch.cat(pairs).bincount(minlength=24)
    a = hier()(points(), LABELS, pairs, generator=numbers())
    b = hier()(points(), LABELS, weights=weights, generator=numbers())
    torch.testing.assert_close(a, b)
    nothing = tuple(torch.zeros(0, dtype=torch.long) for _ in range(4))
    assert hier()(points(), LABELS, nothing) > 0


def test_pairs_that_are_relations():
    loss = hier(pairs="relations")
    positive, negative = torch.tensor([1, 2, 3]), torch.tensor([9, 10, 11])
    anchor = torch.zeros(3, dtype=torch.long)
    batch = loss._weigh(loss._check(points(), LABELS), (anchor, positive, anchor, negative), None)
    (i, j, k), valid = loss._draw_triplets("data", batch, numbers())
    assert valid.tolist() == [True] + 23 * [False]
    assert set(j[0].tolist()) <= {1, 2, 3} and set(k[0].tolist()) <= {9, 10, 11}
    batch = loss._weigh(loss._check(points(), LABELS), (anchor, positive, negative), None)
    (i, j, k), valid = loss._draw_triplets("data", batch, numbers())
    assert (i[:, 0].tolist(), j[:, 0].tolist(), k[:, 0].tolist()) == (
        [0] * 3,
        [1, 2, 3],
        [9, 10, 11],
    )
    for kind in (dict(), dict(reduction="none"), dict(block=500)):
        mined = miners.TripletMarginMiner(margin=9)(points(), LABELS)
        assert hier(pairs="relations", **kind)(points(), LABELS, mined).isfinite().all()
        references = points(30, seed=7), torch.arange(30) % 4
        mined = miners.BatchHardMiner()(points(), LABELS, *references)
        assert hier(pairs="relations", **kind)(points(), LABELS, mined, *references).mean() > 0


@pytest.mark.parametrize("make", [HypLoss, HypMixLoss])
def test_hyp_of_pairs(make):
    loss = make()
    two = torch.arange(12).repeat(2)
    same = two[:, None] == two
    anchors, positives = (same & ~torch.eye(24, dtype=torch.bool)).nonzero().T
    others, negatives = (~same).nonzero().T
    pairs = anchors, positives, others, negatives
    torch.testing.assert_close(loss(points(), two, pairs), loss(points(), two))
    torch.testing.assert_close(loss(points(), None, pairs), loss(points(), two))
    torch.testing.assert_close(loss(points(), two, None, points(), two), loss(points(), two))
    none = tuple(torch.zeros(0, dtype=torch.long) for _ in range(4))
    u = points().clone().requires_grad_()
    value = loss(u, two, none)
    value.backward()
    assert value == 0 and u.grad.eq(0).all()
    uneven = torch.tensor([0] * 5 + [1] * 19)
    assert loss(points(), uneven, None, points(40, seed=3), torch.arange(40) % 2) > 0


# In that library


def test_multiple_losses_and_a_second_call_style():
    both = losses.MultipleLosses([losses.ContrastiveLoss(), hier()], weights=[1.0, 0.5])
    both(points(), LABELS).backward()
    pairs = miners.BatchHardMiner()(points(), LABELS)
    assert both(points(), LABELS, pairs).isfinite()
    loss = hier()
    assert loss(points(), LABELS, numbers()) == loss(points(), LABELS, generator=numbers())


@pytest.mark.parametrize("make", [hier, HypLoss, HypMixLoss])
def test_memories(make):
    loss = make()
    memory = with_memory(
        loss, 8, size=60, miner=None if make is not hier else miners.BatchHardMiner()
    )
    for seed in range(4):
        u = points(seed=seed).clone().requires_grad_()
        value = memory(u, LABELS)
        value.backward()
        assert value.isfinite() and u.grad.norm() > 0
    assert memory.has_been_filled and isinstance(memory, losses.CrossBatchMemory)
    again = pickle.loads(pickle.dumps(memory))
    assert torch.equal(again.embedding_memory, memory.embedding_memory)
    copy.deepcopy(memory)


def test_reducers():
    loss = as_pml(
        hier(reduction="none"), reducers.ClassWeightedReducer(torch.tensor([1.0, 0, 0, 0]))
    )
    u = points().clone().requires_grad_()
    loss(u, LABELS).backward()
    assert u.grad.norm() > 0 and {name for name, _ in loss.named_parameters()} == {
        "loss.proxies.weight"
    }
    raw = as_pml(hier(reduction="none"), reducers.DoNothingReducer())(points(), LABELS)
    assert raw["loss"]["losses"].shape == (24,) and raw["proxies"]["losses"].ndim == 0
    without = as_pml(hier(reduction="none", proxy_weight=0), reducers.ThresholdReducer(low=0))
    assert without(points(), LABELS) > 0
    assert isinstance(as_pml(HypLoss()), losses.BaseMetricLossFunction)
    pickle.loads(pickle.dumps(loss))


@pytest.mark.long
def test_two_ranks():
    alone, of_ranks = ranks_pml.steps(), launch(ranks_pml.steps, ranks=2)
    for here in of_ranks.values():
        torch.testing.assert_close(here["hyp"][0], alone["hyp"][0], rtol=1e-4, atol=1e-6)
        assert here["hyp"][1] == pytest.approx(of_ranks[0]["hyp"][1], rel=1e-4)
        (network, *_, proxies), remembered = here["hier"]
        network_alone, *_, proxies_alone = alone["hier"][0]
        ratio = proxies.norm() / proxies_alone.norm()
        assert 1.6 < ratio < 2.4, "the proxies' gradient is twice as large on two ranks"
        assert torch.cosine_similarity(network.flatten(), network_alone.flatten(), dim=0) > 0.7
        assert 0.6 < network.norm() / network_alone.norm() < 1.5
        assert all(map(math.isfinite, remembered))
