"A run goes on as itself or not at all, wherever its checkpoint lies."

import json
import shutil
import warnings

import pytest
import ranks_resume
from ranks_resume import config, pictures
from hier_nb.files import checkpoints, read_checkpoint, save_checkpoint
from hier_nb.config import load_config
from hier_nb.distributed import launch
from hier_nb.trainer import Trainer
from hier_nb.training import train


def run(folder, train_set=None, resume=False, eval_set=None, **changes):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = train(
            config(**changes),
            folder,
            train_set or pictures(),
            eval_set or pictures(1),
            progress=False,
            resume=resume,
        )
    return result, " ".join(str(w.message) for w in caught)


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    "Folders of runs that were stopped after four of six steps."
    base = tmp_path_factory.mktemp("half")
    for name, changes in dict(
        plain={}, average=dict(ema_decay=0.9), validated=dict(val_fraction=0.5, batch_size=4)
    ).items():
        run(base / name, max_steps=4, **changes)
        (base / name / "result.json").unlink()
    return base


@pytest.fixture
def copy(half, tmp_path):
    def copied(name="plain", to="run"):
        return shutil.copytree(half / name, tmp_path / to)

    return copied


def tree(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


refused = [
    ("plain", dict(ema_decay=0.9), "ema_decay"),
    ("average", dict(ema_decay=0.0), "ema_decay"),
    ("plain", dict(freeze_batch_norm=False), "freeze_batch_norm"),
    ("plain", dict(freeze_patch_embed=False), "freeze_patch_embed"),
    ("plain", dict(optimizer="sgd"), "optimizer"),
    ("plain", dict(optimizer="adam"), "optimizer"),
    ("plain", dict(batch_size=4), "batch_size"),
    ("plain", dict(images_per_class=4), "images_per_class"),
    ("plain", dict(seed=1), "seed"),
    ("plain", dict(dim=4), "dim"),
    ("plain", dict(curvature=0.2), "curvature"),
    ("plain", dict(clip_radius=None), "clip_radius"),
    ("plain", dict(loss="MS"), "loss"),
    ("plain", dict(hier_weight=0.0), "hier_weight"),
    ("plain", dict(loss_weight=0.0), "loss_weight"),
    ("plain", dict(hier_proxies=9), "hier_proxies"),
    ("plain", dict(pretrained=True), "pretrained"),
    ("plain", dict(val_fraction=0.5, batch_size=4), "val_fraction"),
    ("validated", dict(val_fraction=0.5, batch_size=4, recall_ks=(2,)), "recall_ks"),
]


@pytest.mark.parametrize("name, changes, what", refused, ids=[f"{n}-{w}" for n, _, w in refused])
def test_another_run_is_refused_by_name_and_nothing_is_touched(copy, name, changes, what):
    folder = copy(name)
    before = tree(folder)
    t = Trainer(
        config(**changes | (dict(pretrained=False) if what == "pretrained" else {})),
        pictures(),
        folder,
    )
    t.config = config(**changes)  # no weights are fetched for a refusal
    with pytest.raises(ValueError) as e:
        t.resume()
    first, remedy = str(e.value).splitlines()
    assert f"{what}=" in first and f"{what}=" in remedy and "anew" in remedy and t.steps_done == 0
    assert f"{changes[what]!r}".strip("()").rstrip(",") in first
    assert tree(folder) == before


def test_refusal_leaves_the_folder_as_it_was(copy):
    folder = copy()
    before = tree(folder)
    with pytest.raises(ValueError, match="batch_size=8, not 4"):
        train(config(batch_size=4), folder, pictures(), pictures(1), progress=False, resume=True)
    assert tree(folder) == before


@pytest.mark.parametrize(
    "what, other",
    [
        ("pictures", dict(each=7)),
        ("classes", dict(classes=5)),
        ("paths", dict(paths=[f"new/{n}.jpg" for n in range(24)])),
        ("class names", {}),
        ("labels", {}),
    ],
)
def test_another_training_set_is_refused(copy, what, other):
    others = pictures(**other)
    if what == "class names":
        others.class_names[0] = "renamed"
    if what == "labels":
        others.labels = others.labels.roll(1)
    with pytest.raises(ValueError, match=f"another training set: 24 pictures of 4 classes.*{what}"):
        Trainer(config(), others, copy()).resume()


def test_the_same_training_set_may_have_moved(tmp_path):
    there, here = (
        pictures(paths=[f"{root}/class/{n}.png" for n in range(24)])
        for root in ("/old/place", "C:\\new")
    )
    run(tmp_path, there, max_steps=4)
    run(tmp_path, here, resume=True)


def test_a_checkpoint_without_a_training_set_goes_on_with_a_word(copy):
    folder = copy()
    path = checkpoints(folder / "checkpoints")[-1]
    tensors, state = read_checkpoint(path)
    del state["training_set"], state["config"]["adam_eps"]
    save_checkpoint(folder / "checkpoints", state["step"], tensors, state)
    result, told = run(folder, resume=True, adam_eps=1e-6)
    assert (
        "does not say which training set" in told
        and "adam_eps: unknown -> 1e-06" in told
        and len(result.history) == 6
    )


def test_what_may_change_is_told_takes_effect_and_is_written_down(copy):
    folder = copy("average")
    changes = dict(
        lr=2e-3,
        weight_decay=0.1,
        epochs=3,
        schedule="constant",
        clip_grad_norm=1.0,
        hier_margin=0.2,
        ema_decay=0.8,
    )
    result, told = run(folder, resume=True, workers=0, keep=5, save_every=2, **changes)
    for name, value in changes.items():
        assert f"{name}: " in told and f"-> {value!r}" in told
    assert "keep" not in told and "save_every" not in told
    assert len(result.history) == 9
    assert load_config(folder / "config.yaml") == config(keep=5, save_every=2, **changes)
    assert json.loads((folder / "result.json").read_text())["config"]["lr"] == 2e-3
    t = Trainer(config(keep=5, save_every=2, **changes), pictures(), folder)
    assert (
        t.resume()
        and t.changed_settings == {}
        and {g["weight_decay"] for g in t.optimizer.param_groups} == {0.1}
    )


def test_nothing_changed_nothing_said(copy):
    _, told = run(copy(), resume=True, max_steps=4)
    assert told == ""
    _, told = run(copy(to="on"), resume=True)
    assert "max_steps: 4 -> None" in told and "training set" not in told


def test_fewer_steps_than_were_done_are_refused(copy):
    with pytest.raises(ValueError, match="stands at step 4, beyond the 3 steps of epochs=1"):
        run(copy(), resume=True, epochs=1)
    with pytest.raises(ValueError, match="max_steps=2"):
        run(copy(to="again"), resume=True, max_steps=2)


@pytest.mark.long
def test_reports_from_before_training_are_of_the_untrained_network(copy):
    first, _ = run(copy(), resume=True)
    for n, spoil in enumerate((
        lambda p: p.unlink(),
        lambda p: p.write_text("{"),
        lambda p: p.write_text("[1, 2]"),
    )):
        folder = copy(to=f"spoiled {n}")
        spoil(folder / "start.json")
        result, told = run(folder, resume=True)
        assert result.before == first.before and result.raw == first.raw and "start.json" in told
        assert result.history == first.history
    old = copy(to="old")  # as an earlier version wrote it
    (old / "start.json").write_text(json.dumps(json.loads((old / "start.json").read_text())[:2]))
    result, told = run(old, resume=True)
    assert result.before == first.before and "start.json" not in told
    result, told = run(copy(to="others"), resume=True, eval_set=pictures(1, classes=3))
    assert (
        "evaluation split is another" in told
        and result.before == run(None, eval_set=pictures(1, classes=3))[0].before
    )
    result, _ = run(copy(to="ks"), resume=True, recall_ks=(1, 3))
    assert list(result.before["recall"]) == list(result.after["recall"]) == [1, 3]


def test_lost_best_weights_do_not_lose_the_run(copy):
    folder = copy("validated")
    result, told = run(folder, resume=True, val_fraction=0.5, batch_size=4, max_steps=4)
    assert result.chosen and "best" not in told
    for spoil in (lambda p: p.write_bytes(b"no"), lambda p: p.unlink()):
        spoil(folder / "best.safetensors")
        result, told = run(folder, resume=True, val_fraction=0.5, batch_size=4, max_steps=4)
        assert result.chosen is None and result.after and "best.safetensors cannot be read" in told


changes = dict(val_fraction=0.5, batch_size=4, ema_decay=0.9)
steady = dict(schedule="constant")  # its steps do not depend on how many there will be
calls = dict(  # a folder for each rank: only the main rank's holds something
    half=("whole_run", "half", steady | dict(max_steps=4), False),
    make_rest=("copied", "half", "rest"),
    rest=("whole_run", "rest", steady, True),
    whole=("whole_run", "whole", steady, False),
    half_validated=("whole_run", "validated", changes | dict(max_steps=3), False),
    validated=("whole_run", "validated", changes, True),
    other_batch=("resumed", "half", steady | dict(batch_size=4)),
    make_damaged=("copied", "half", "damaged"),
    damage=("damaged", "damaged"),
    spoiled=("resumed", "damaged", steady),
    make_leftovers=("copied", "half/rank 0", "leftovers/rank 1"),
    leftovers=("resumed", "leftovers", steady),
    no_folder=("resumed", "half", steady, None, (True, False)),
    no_main_folder=("resumed", "half", steady, None, (False, True)),
    other_pictures=("resumed", "half", steady, dict(each=7)),
)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    "What each of two ranks returned for each of the calls, and their folder."
    base = tmp_path_factory.mktemp("ranks")
    got = launch(ranks_resume.in_turn, str(base), calls, ranks=2)
    return base, {key: (got[0][key], got[1][key]) for key in calls}


@pytest.mark.long
def test_only_the_main_rank_has_the_checkpoint(ranks):
    base, got = ranks
    assert (
        got["rest"][0] == got["rest"][1] == got["whole"][0] == got["whole"][1]
        and len(got["rest"][0][0]) == 6
    )
    assert [p.name for p in (base / "rest").iterdir()] == ["rank 0"]
    assert (
        json.loads((base / "rest" / "rank 0" / "result.json").read_text())["history"]
        == got["rest"][0][0]
    )


@pytest.mark.long
def test_validation_and_averages_on_two_folders(ranks):
    main, other = ranks[1]["validated"]
    assert main == other and main[3] is not None


def both_refuse(pair, *words):
    main, other = pair
    assert main[0] == other[0] and all(w in main[0] for w in words), pair
    assert main[1] == other[1] == 0


def test_all_ranks_refuse_what_the_main_rank_refuses(ranks):
    both_refuse(ranks[1]["other_batch"], "ValueError", "batch_size=8, not 4")
    both_refuse(ranks[1]["spoiled"], "ValueError", "damaged")
    both_refuse(ranks[1]["no_main_folder"], "ValueError", "out_dir")


def test_no_checkpoint_on_the_main_rank_means_a_new_start_on_all(ranks):
    main, other = ranks[1]["leftovers"]
    assert main == other and main[:2] == (False, 0)


def test_other_ranks_need_no_folder_but_the_same_pictures(ranks):
    main, other = ranks[1]["no_folder"]
    assert main == other and main[:2] == (True, 4)
    assert all("Rank 1 trains on 28 pictures" in said for said, *_ in ranks[1]["other_pictures"])
