"BatchNorm that trains, on one rank and on two: the same run, and what is reported is what was saved."

import pytest
import torch
from fastcore.test import test_fail as fails
from ranks_training import first_batch, on_two_ranks, own_steps, pictures, small, steps

from hier_nb.config import TrainConfig
from hier_nb.distributed import batch_norms, launch
from hier_nb.trainer import Trainer
from hier_nb.training import evaluate, load_result

double = dict(precision="float64", loss="MS", optimizer="sgd", clip_grad_value=None)
backbones = ["test_efficientnet", "test_resnet"]
ways = [(sync, ema) for sync in (None, False) for ema in (0.0, 0.5)]
frozen = dict(freeze_batch_norm=True)
learned = frozen | dict(precision="float64", learn_curvature=True)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    "Everything that needs two ranks, in one start of them: (rank, name) -> result; and the folders of the runs."
    folders = {way: str(tmp_path_factory.mktemp("run")) for way in ways}
    last = int(
        first_batch(Trainer(TrainConfig(**small | frozen), pictures()))[2][-1]
    )  # a picture of the second rank
    calls = {("steps", name): ("steps", double | dict(backbone=name)) for name in backbones}
    calls |= {
        ("reported", *way): (
            "reported",
            dict(sync_batch_norm=way[0], ema_decay=way[1], max_steps=3),
            folders[way],
        )
        for way in ways
    }
    calls |= {
        ("learned",): ("steps", learned),
        ("own",): ("own_steps",),
        ("said",): ("said_without_sync",),
        ("named", last): ("name_the_picture", frozen, [last]),
    }
    return launch(on_two_ranks, calls, ranks=2), folders, last


@pytest.mark.long
def test_a_network_of_ones_own_begins_with_the_main_ranks_weights(ranks):
    "And a parameter of it that never gets a gradient stops nobody."
    history, weights = own_steps()
    for rank in (0, 1):
        there, theirs = ranks[0][rank]["own",]
        for a, b in zip(there, history, strict=True):
            assert all(abs(a[name] - b[name]) < 1e-9 for name in b)
        for name, value in weights.items():
            torch.testing.assert_close(theirs[name], value, rtol=1e-8, atol=1e-9)


@pytest.mark.long
@pytest.mark.parametrize("backbone", backbones)
def test_two_ranks_are_one(ranks, backbone):
    alone = steps(double | dict(backbone=backbone))
    for rank in (0, 1):
        history, weights, x = ranks[0][rank]["steps", backbone]
        for a, b in zip(history, alone[0]):
            assert a.keys() == b.keys() and all(abs(a[k] - b[k]) < 1e-9 for k in a), (
                "the losses of every step"
            )
        for name, value in alone[1].items():
            torch.testing.assert_close(
                weights[name], value, rtol=1e-8, atol=1e-9, msg=f"{name} differs"
            )
        torch.testing.assert_close(x, alone[2], rtol=1e-5, atol=1e-6)


def test_two_ranks_learn_one_curvature(ranks):
    alone, weights, _ = steps(learned)
    curvatures = [row["curvature"] for row in alone]
    assert len(set(curvatures)) == len(curvatures)
    for rank in (0, 1):
        history, others, _ = ranks[0][rank]["learned",]
        for a, b in zip(history, alone):
            assert a.keys() == b.keys() and all(abs(a[k] - b[k]) < 1e-8 for k in a)
        torch.testing.assert_close(others, weights, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("sync,ema", ways)
def test_what_is_reported_is_what_was_saved(ranks, sync, ema):
    results, folders, _ = ranks
    (first, resumed), (second, _) = (results[rank]["reported", sync, ema] for rank in (0, 1))
    assert first[0] == second[0] and torch.equal(first[1], second[1]), (
        "both ranks evaluated one network"
    )
    assert resumed[0] == first[0] and torch.equal(resumed[1], first[1]), (
        "and a finished run that is resumed says it again"
    )
    r = load_result(folders[sync, ema], pictures(seed=1))
    again, e = evaluate(r.model, r.embeddings.dataset, r.config, progress=False)
    assert again["recall"][1] == first[0] == r.after["recall"][1]
    torch.testing.assert_close(e.points, first[1], rtol=1e-4, atol=1e-5)


def test_ranks_that_differ_are_announced(ranks):
    said = [ranks[0][rank]["said",] for rank in (0, 1)]
    assert (
        len(said[0]) == 1
        and "normalises its 12 pictures by themselves" in said[0][0]
        and not said[1]
    )


def test_the_picture_is_named_on_every_rank(ranks):
    results, _, last = ranks
    assert all(f"on picture {last} ({last}.png)" in results[rank]["named", last] for rank in (0, 1))


def test_frozen_batch_norm_stays_as_it_is():
    t = Trainer(TrainConfig(**small | dict(freeze_batch_norm=True)), pictures())
    assert not batch_norms(t.module.train())


def test_parts_beside_batch_norm_are_refused():
    for size in (1, 5, 24):
        config = TrainConfig(**small | dict(images_at_once=size))
        fails(Trainer, args=(config, pictures()), contains="do not go together")
    Trainer(TrainConfig(**small | dict(images_at_once=5, freeze_batch_norm=True)), pictures())
    Trainer(
        TrainConfig(
            **small | dict(images_at_once=5, backbone="test_vit", image_size=160, eval_size=160)
        ),
        pictures(size=160),
    )
