"BatchNorm that trains, on one rank and on two: the same run, and what is reported is what was saved."
import warnings

import pytest
import torch
from fastcore.test import test_fail as fails
from ranks_training import pictures, small, steps, trained

from hier_nb.config import TrainConfig
from hier_nb.distributed import batch_norms, launch
from hier_nb.trainer import Trainer
from hier_nb.training import evaluate, load_result

double = dict(precision="float64", loss="MS", optimizer="sgd", clip_grad_value=None)


slow = pytest.mark.slow


@pytest.mark.parametrize("backbone", ["test_efficientnet", pytest.param("test_resnet", marks=slow)])
def test_two_ranks_are_one(backbone):
    settings = double | dict(backbone=backbone)
    alone = steps(settings)
    together = launch(steps, settings, ranks=2)
    for history, weights, x in together.values():
        for a, b in zip(history, alone[0]):
            assert a.keys() == b.keys() and all(abs(a[k] - b[k]) < 1e-9 for k in a), "the losses of every step"
        for name, value in alone[1].items():
            torch.testing.assert_close(weights[name], value, rtol=1e-8, atol=1e-9, msg=f"{name} differs")
        torch.testing.assert_close(x, alone[2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sync,ema", [(None, 0.0), (False, 0.5), pytest.param(False, 0.0, marks=slow), pytest.param(None, 0.5, marks=slow)])
def test_what_is_reported_is_what_was_saved(sync, ema, tmp_path):
    settings = dict(sync_batch_norm=sync, ema_decay=ema, max_steps=3)
    first, second = launch(trained, settings, str(tmp_path), ranks=2).values()
    assert first[0] == second[0] and torch.equal(first[1], second[1]), "both ranks evaluated one network"
    r = load_result(tmp_path, pictures(seed=1))
    again, x, _ = evaluate(r.model, r.dataset, r.config, progress=False)
    assert again["recall"][1] == first[0] == r.after["recall"][1]
    torch.testing.assert_close(x, first[1], rtol=1e-4, atol=1e-5)
    resumed = launch(trained, settings, str(tmp_path), True, ranks=2)[0]
    assert resumed[0] == first[0] and torch.equal(resumed[1], first[1]), "and a finished run that is resumed says it again"


def test_frozen_batch_norm_stays_as_it_is():
    t = Trainer(TrainConfig(**small | dict(freeze_batch_norm=True)), pictures())
    assert not batch_norms(t.step.train())


def test_chunks_beside_batch_norm_are_refused():
    for chunk in (1, 5, 24):
        fails(lambda: Trainer(TrainConfig(**small | dict(chunk=chunk)), pictures()), contains="do not go together")
    Trainer(TrainConfig(**small | dict(chunk=5, freeze_batch_norm=True)), pictures())
    Trainer(TrainConfig(**small | dict(chunk=5, backbone="test_vit", image_size=160, eval_size=160)), pictures(size=160))


def said_on_two_ranks():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        Trainer(TrainConfig(**small | dict(sync_batch_norm=False)), pictures())
    return [str(w.message) for w in said if "sync_batch_norm" in str(w.message)]


def test_ranks_that_differ_are_announced():
    said = launch(said_on_two_ranks, ranks=2)
    assert len(said[0]) == 1 and "normalises its 12 pictures by themselves" in said[0][0] and not said[1]
