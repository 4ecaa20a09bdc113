"A run in each of the spaces, with a learned curvature, resumed; and settings that no other test trains with."

import math
import shutil
from dataclasses import replace

import pytest
import torch
from kill_job import CONFIG, color_pictures

from hier_nb.embeddings import Embeddings
from hier_nb.trainer import Trainer
from hier_nb.training import load_result, train

SMALL = replace(CONFIG, epochs=1, max_steps=4, learn_curvature=False)
SPACES = {
    "ball": dict(),
    "soft ball": dict(soft_clip=True),
    "sphere": dict(space="sphere"),
    "flat": dict(space="flat"),
    "clipped flat": dict(space="flat", clip_radius=1.0),
    "learned": dict(learn_curvature=True),
}


def run(out, resume=False, **changes):
    config = replace(SMALL, **changes)
    return train(config, out, color_pictures(0), color_pictures(1), progress=False, resume=resume)


def fit(**changes):
    trainer = Trainer(replace(SMALL, **changes), color_pictures(0))
    trainer.fit(progress=False)
    return trainer


@pytest.mark.parametrize("name", SPACES)
def test_a_run_in_each_space(name, tmp_path):
    settings = SPACES[name]
    whole = run(tmp_path / "whole", **settings)
    e = whole.embeddings
    assert e.space.kind == settings.get("space", "ball")
    assert len(whole.history) == 4 and all(map(math.isfinite, whole.history[-1].values()))
    assert not list(e.space.parameters()), "what comes after training learns nothing"
    e.space.check(e.points, "embeddings")
    e.space.check(e.proxies, "proxies")
    again = load_result(tmp_path / "whole", color_pictures(1))
    assert again.after == whole.after and str(again.embeddings.space) == str(e.space)
    assert torch.equal(again.embeddings.points, e.points)
    assert torch.equal(again.embeddings.proxies, e.proxies)
    from_folder = Embeddings.load(tmp_path / "whole")
    assert torch.equal(from_folder.points, e.points) and str(from_folder.space) == str(e.space)


SOMETIMES = ("soft ball", "flat", "clipped flat")  # they share the code of those that always run


@pytest.mark.long
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SOMETIMES)) for name in SPACES],
)
def test_a_resumed_run_in_each_space(name, tmp_path):
    settings = SPACES[name] | dict(schedule="constant", hier_init_from_classes=True)
    whole = run(None, **settings)
    run(tmp_path, max_steps=2, **settings)
    resumed = run(tmp_path, resume=True, **settings)
    assert resumed.history == whole.history and resumed.after == whole.after
    assert str(resumed.embeddings.space) == str(whole.embeddings.space)


def test_one_curvature_is_learned_by_all():
    trainer = fit(learn_curvature=True)
    space = trainer.space
    assert trainer.model.space is space and trainer.module.hier.space is space
    assert len(list(space.parameters())) == 1
    groups = {group["name"]: group for group in trainer.optimizer.param_groups}
    assert groups["space"]["weight_decay"] == 0 and len(groups["space"]["params"]) == 1
    learned = [id(p) for group in groups.values() for p in group["params"]]
    assert len(learned) == len(set(learned)), "no parameter is in two groups"
    curvatures = [row["curvature"] for row in trainer.history]
    assert len(set(curvatures)) == 4 and curvatures[-1] == space.fixed().c


def test_hyps_curvature_is_the_same_one():
    trainer = fit(learn_curvature=True, loss="Hyp", hier_weight=0.0)
    assert trainer.module.metric.space is trainer.model.space is trainer.space
    assert len({row["curvature"] for row in trainer.history}) == 4


def test_a_curvature_that_is_not_learned_stays_out_of_the_history():
    trainer = fit()
    assert "curvature" not in trainer.history[-1] and not list(trainer.space.parameters())
    assert "space" not in [group["name"] for group in trainer.optimizer.param_groups]


def test_an_average_of_the_weights_has_a_curvature_of_its_own(tmp_path):
    result = run(tmp_path, learn_curvature=True, ema_decay=0.5)
    last = result.history[-1]["curvature"]
    averaged = result.embeddings.space.c
    assert averaged != last and abs(averaged - last) < 0.01
    result.embeddings.space.check(result.embeddings.proxies, "proxies")
    assert load_result(tmp_path, color_pictures(1)).embeddings.space.c == averaged


def test_a_learned_curvature_in_parts_and_in_float64():
    no_dropout = CONFIG.backbone_settings | dict(proj_drop_rate=0.0)
    exact = dict(precision="float64", learn_curvature=True, backbone_settings=no_dropout)
    whole, parts = fit(**exact).history, fit(**exact, images_at_once=5).history
    for a, b in zip(whole, parts):
        assert all(abs(a[name] - b[name]) < 1e-9 for name in a)


@pytest.mark.parametrize(
    "changes, words",
    [
        (dict(space="sphere"), "space='ball', not 'sphere'"),
        (dict(space="flat"), "space='ball', not 'flat'"),
        (dict(curvature=0.2), "curvature=0.1, not 0.2"),
        (dict(learn_curvature=True), "learn_curvature=False, not True"),
        (dict(soft_clip=True), "soft_clip=False, not True"),
        (dict(clip_radius=1.0), "clip_radius=2.3, not 1.0"),
    ],
)
def test_a_checkpoint_of_another_space_is_refused(changes, words, made, tmp_path):
    folder = shutil.copytree(made, tmp_path / "run")
    trainer = Trainer(replace(SMALL, **changes), color_pictures(0), folder)
    with pytest.raises(ValueError, match=words) as e:
        trainer.resume()
    told, remedy = str(e.value).splitlines()
    assert "it makes the space that all proxies lie in" in told and "anew" in remedy


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "run"
    run(out, max_steps=1)
    return out


@pytest.mark.parametrize(
    "changes",
    [
        dict(optimizer="sgd", lr=1e-2),
        dict(optimizer="adam"),
        dict(ema_decay=0.9),
        dict(loss="Hyp", hier_weight=0.0),
        dict(loss="Hyp", hier_weight=0.0, space="sphere"),
        dict(loss="Hyp", hier_weight=0.0, space="flat"),
        dict(precision="bf16"),
        dict(precision="bf16", learn_curvature=True),
        dict(soft_clip=True),
        dict(schedule="step"),
        dict(hier_official_negatives=True, hier_official_similarity=True),
        dict(loss_weight=0.0),
    ],
    ids=lambda changes: " ".join(f"{name}={value}" for name, value in changes.items()),
)
def test_other_settings_train(changes):
    history = fit(max_steps=2, **changes).history
    assert len(history) == 2
    assert all(math.isfinite(value) for row in history for value in row.values())
