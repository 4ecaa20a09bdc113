"Every way in which names and values come in: right, or one sentence with the remedy, before anything starts."

import ast
import importlib.util
import inspect
import json
import re
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import get_args
import numpy as np
import pytest
import torch
from hier_nb import config as config_module
from hier_nb.commands import train_cli
from hier_nb.config import (
    TrainConfig,
    check_runs,
    config_comments,
    config_from_notebook,
    config_names,
    load_config,
    make_config,
    parse_words,
    published,
    read_values,
    recipe_names,
)
from hier_nb.datasets import data_check_cli, load_dataset
from hier_nb.hierarchy import HIERLoss
from hier_nb.losses import create_loss
from hier_nb.models import create_backbone, create_model, embed
from hier_nb.pictures import create_transform
from hier_nb.retrieval import recall_at_k
from hier_nb.samplers import ClassBalancedSampler
from hier_nb.spaces import Ball, Sphere
from hier_nb.notebooks import check_grid, expand, read_grid, run_cli
from hier_nb.trainer import create_optimizer

RIGHT = [
    ("lr", "1e-4", 1e-4),
    ("lr", 1, 1.0),
    ("lr", np.float32(0.5), 0.5),
    ("lr", torch.tensor(0.5), 0.5),
    ("lr", " 2e-4 ", 2e-4),
    ("epochs", 3.0, 3),
    ("epochs", "3", 3),
    ("epochs", "1e1", 10),
    ("epochs", np.int64(2), 2),
    ("weight_decay", "0", 0.0),
    ("compile", "true", True),
    ("compile", "No", False),
    ("compile", 1, True),
    ("compile", 0, False),
    ("pretrained", "False", False),
    ("pretrained", "auto", "auto"),
    ("clip_radius", None, None),
    ("clip_radius", "None", None),
    ("clip_radius", "2", 2.0),
    ("clip_grad_value", "null", None),
    ("max_steps", "none", None),
    ("max_steps", 5.0, 5),
    ("data_root", Path("a"), "a"),
    ("data_root", 2024, "2024"),
    ("data_root", None, None),
    ("recall_ks", 8, (8,)),
    ("recall_ks", [1, 2], (1, 2)),
    ("recall_ks", "(1, 2)", (1, 2)),
    ("recall_ks", np.array([1, 4]), (1, 4)),
    ("recall_ks", (1.0, 2), (1, 2)),
    ("loss_settings", {"margin": "1e-1"}, {"margin": 0.1}),
    ("loss_settings", "{margin: 1e-1}", {"margin": 0.1}),
    ("loss_settings", None, {}),
    ("data_settings", {"size": "64"}, {"size": 64}),
    (
        "data_settings",
        {"protocol": "style", "short_side": 2e2},
        {"protocol": "style", "short_side": 200},
    ),
    ("backbone_settings", {"drop_rate": "1e-1"}, {"drop_rate": 0.1}),
    ("seed", -3, -3),
    ("seed", "7", 7),
    ("wandb", "off", False),
]

WRONG = [
    ("epochs", "abc", "'abc' is not a whole number"),
    ("epochs", 1.5, "1.5"),
    ("epochs", True, "True"),
    ("epochs", None, "None"),
    ("epochs", [3], "[3]"),
    ("epochs", "", "''"),
    ("epochs", 10**30, "whole number"),
    ("epochs", "9" * 5000, "whole number"),
    ("epochs", 0, "not positive"),
    ("epochs", -1, "not positive"),
    ("lr", "fast", "'fast' is not a number"),
    ("lr", float("nan"), "nan"),
    ("lr", "inf", "inf"),
    ("lr", True, "True"),
    ("lr", 10**400, "not a number"),
    ("lr", "0,1", "'0,1'"),
    ("lr", -1e-4, "not positive"),
    ("lr", 1j, "1j"),
    ("compile", "maybe", "'maybe' is not True or False"),
    ("compile", 2, "2"),
    ("compile", None, "None"),
    ("compile", 1.0, "1.0"),
    ("pretrained", None, "None"),
    ("clip_radius", 0, "not positive"),
    ("clip_radius", "wide", "'wide' is not a number or None"),
    ("data_root", True, "True"),
    ("data_root", ["a"], "['a']"),
    ("backbone", None, "None"),
    ("recall_ks", 0, "recall_ks"),
    ("recall_ks", (-1, 8), "-1"),
    ("recall_ks", "abc", "recall_ks"),
    ("recall_ks", [], "empty"),
    ("recall_ks", None, "recall_ks"),
    ("recall_ks", [1.5], "1.5"),
    ("loss_settings", "margin", "'margin'"),
    ("loss_settings", [1], "[1]"),
    ("loss_settings", {1: 2}, "1"),
    ("loss_settings", {"margn": 0.1}, "'margin'"),
    ("loss_settings", {"alhpa": 3}, "'alpha'"),
    ("loss_settings", {"margin": float("nan")}, "nan"),
    ("data_settings", {"protocl": "style"}, "'protocol'"),
    ("data_settings", {"size": "big"}, "'big'"),
    ("data_settings", {"short_sid": 3}, "'short_side'"),
    ("backbone_settings", {"drop_rat": 0.1}, "'drop_rate'"),
    ("loss", "PAA", "PA"),
    ("schedule", "cosin", "'cosine'"),
    ("optimizer", "lion", "adamw"),
    ("precision", "fp61", "'fp16'"),
    ("precision", 16, "16"),
    ("curvature", float("inf"), "inf"),
    ("curvature", -1, "not positive"),
    ("curvature", 0, "space='sphere'"),
    ("space", "bal", "'ball'"),
    ("learn_curvature", "maybe", "'maybe'"),
    ("hier_margin", -1, "negative"),
    ("hier_label_bonus", -1, "negative"),
    ("workers", -1, "negative"),
    ("min_scale", 1.5, "1.5"),
    ("min_scale", 0, "not positive"),
    ("adam_eps", 0, "not positive"),
    ("hier_neighbors", 1, "hier_neighbors=1"),
    ("max_steps", 0, "above 0 or None"),
    ("batch_size", 130, "multiple of images_per_class"),
    ("val_fraction", 1, "below 1"),
    ("hier_temperature_start", 0, "not positive"),
    ("images_at_once", 0, "not positive"),
]


def sentence(text, *parts):
    lines = text.strip().splitlines()
    assert len(lines) == 2 and all(len(line) > 4 for line in lines), lines
    for part in parts:
        assert part in text, (part, text)


def small_backbone(name):
    return dict(backbone="resnet18") if name == "backbone_settings" else {}


@pytest.mark.parametrize("name, value, expected", RIGHT)
def test_cast(name, value, expected):
    for config in (
        make_config(**{name: value}, **small_backbone(name)),
        replace(TrainConfig(), **{name: value}, **small_backbone(name)).check(),
        load_config("emoji", **{name: value}, **small_backbone(name)),
    ):
        got = getattr(config, name)
        assert got == expected and type(got) is type(expected)
    if isinstance(value, (bool, int, float, str, list, tuple, dict, type(None))):
        globals_ = {"recipe": "emoji", name: value, "other": torch} | small_backbone(name)
        assert getattr(config_from_notebook(globals_), name) == expected


@pytest.mark.parametrize("name, value, part", WRONG)
def test_refused(name, value, part):
    for make in (
        lambda: make_config(**{name: value}, **small_backbone(name)),
        lambda: replace(TrainConfig(), **{name: value}, **small_backbone(name)).check(),
        lambda: load_config("emoji", **{name: value}, **small_backbone(name)),
    ):
        with pytest.raises(ValueError) as error:
            make()
        sentence(str(error.value), part)
        assert name.split("_")[0] in str(error.value)


@pytest.mark.parametrize("name, value, part", [w for w in WRONG if isinstance(w[1], str)])
def test_refused_by_the_command(name, value, part, tmp_path, capsys):
    assert train_cli([f"out={tmp_path / 'run'}", f"{name}={value}"]) == 2
    sentence(capsys.readouterr().err, name)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words, part",
    [
        (["ranks=two"], "ranks='two'"),
        (["ranks=0"], "ranks=0"),
        (["ranks=1.5"], "ranks=1.5"),
        (["ranks=None"], "ranks=None"),
        (["resume=maybe"], "resume='maybe'"),
        (["epochs"], "name=value"),
        (["=3"], "name=value"),
        (["epoch=3"], "'epochs'"),
        (["--epoch=3"], "'epochs'"),
        (["--epoch", "3"], "'epochs'"),
        (["--epochs"], "no value"),
        (["--epochs", "--compile"], "no value"),
        (["--", "3"], "name=value"),
        (["--lr", "fast"], "lr='fast'"),
        (["-epochs", "3"], "name=value"),
        (["margin=0.2"], "'hier_margin'"),
        (["c=0"], "`space: sphere`"),
        (["recipe=cub-vat"], "cub-vit"),
        (["recipe=none.yaml"], "none.yaml"),
        (["recipe="], "no recipe"),
        (["recipe=3"], "'3'"),
        (["loss_settings={'margn': 1}"], "'margin'"),
        (["loss_settings={margn: 1}"], "'margin'"),
        (["loss_settings={[]: 1}"], "loss_settings"),
        (["lr=1e400"], "lr=inf"),
        (["lr=" + "(" * 300], "lr="),
        (["seed=x"], "seed='x'"),
        (["data_settings={'protocl': 'style'}"], "'protocol'"),
        (["published=3"], "published"),
    ],
)
def test_command(words, part, tmp_path, capsys):
    assert train_cli([f"out={tmp_path / 'run'}", *words]) == 2
    sentence(capsys.readouterr().err, part)


@pytest.mark.parametrize("words", [["epochs=3"], ["out=", "epochs=3"], ["out=None"]])
def test_command_without_folder(words, capsys):
    assert train_cli(words) == 2
    sentence(capsys.readouterr().err, "no folder")


BROKEN = [
    ("lr: [1", "line"),
    ("lr:\n\t- 1", "line 2"),
    ("lr: 1\nepochs: 2\nlr: 2", "'lr' is there twice, line 3"),
    ("a: b: c", "line 1"),
    ("- lr\n- 3", "names and values"),
    ("", "names and values"),
    ("# only a comment", "names and values"),
    ("lr", "names and values"),
    ("1: 2", "has no 1"),
    ("on: 2", "has no True"),
    ("lr: fast", "'fast'"),
    ("lrr: 1", "'lr'"),
    ("lr: !!python/object:os.system x", "line 1"),
    ("lr: 2024-13-45", "cannot be read"),
    ("lr: .nan", "nan"),
    ("lr:", "lr=None"),
    ("epochs: yes", "True"),
    ("loss_settings: {margn: 1}", "'margin'"),
    ("? [a, b]\n: 1", ""),
]


@pytest.mark.parametrize("text, part", BROKEN)
def test_broken_files(text, part, tmp_path, capsys):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ValueError) as error:
        load_config(path)
    sentence(str(error.value), part)
    assert train_cli([f"out={tmp_path / 'run'}", f"recipe={path}"]) == 2
    sentence(capsys.readouterr().err, part)


def test_other_files(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    for text, part in (
        ("{", "line 1"),
        ('{"lr": NaN}', "nan"),
        ("[]", "names and values"),
        ('{"lr": 1,}', "line 1"),
        ("", "line 1"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError) as error:
            load_config(path)
        sentence(str(error.value), part)
    for content, part in ((b"\xff\xfe\x00l", "UTF-8"), (b"lr: \x00", "cannot be read")):
        (tmp_path / "b.yaml").write_bytes(content)
        with pytest.raises(ValueError) as error:
            load_config(tmp_path / "b.yaml")
        sentence(str(error.value), part)
    (tmp_path / "c.yml").write_bytes(
        "\ufefflr: 1e-4\nloss_settings: {margin: 2E-1}\nweight_decay: 1_0e-3".encode()
    )  # a byte order mark
    config = load_config(tmp_path / "c.yml")
    assert (config.lr, config.loss_settings, config.weight_decay) == (1e-4, {"margin": 0.2}, 0.01)
    monkeypatch.setenv("HOME", str(tmp_path))
    config.save("~/d.yaml")
    assert load_config("~/d.yaml") == config
    with pytest.raises(FileNotFoundError) as error:
        load_config(tmp_path)
    sentence(str(error.value))
    for source in (None, 3, "", ["emoji"]):
        with pytest.raises(ValueError, match="no recipe"):
            load_config(source)


def test_words():
    assert parse_words([
        "data_root=2024",
        "dataset=1e3",
        "device=None",
        "loss='PA'",
        "seed=7",
        "out=x=y",
    ]) == dict(data_root="2024", dataset="1e3", device=None, loss="PA", seed=7, out="x=y")
    config = make_config(
        lr=3e-5,
        loss_settings={"margin": 0.2},
        clip_radius=None,
        clip_grad_value=None,
        recall_ks=(1, 10),
        pretrained=False,
    )
    assert make_config(**parse_words(f"{k}={v}" for k, v in asdict(config).items())) == config
    assert make_config(**json.loads(json.dumps(asdict(config)))) == config


def test_defaults_have_their_types():
    assert TrainConfig().check() == TrainConfig()
    for f in fields(TrainConfig):
        assert f.type is not None and f.name in asdict(TrainConfig())
    for name in recipe_names():
        assert load_config(name).check() == load_config(name) and (
            published(name) is None or 50 < published(name) < 100
        )


def test_checking_draws_no_random_numbers():
    torch.manual_seed(0)
    make_config(backbone="resnet18", backbone_settings={"drop_rate": 0.5}, loss="SoftTriple")
    first = torch.rand(1)
    torch.manual_seed(0)
    assert first == torch.rand(1)


@pytest.mark.parametrize(
    "loss, settings, part",
    [
        ("MS", {"bas": 0.5}, "'base'"),
        ("PNCA", {"softmax_scal": 1}, "'softmax_scale'"),
        ("SoftTriple", {"center_per_class": 1}, "'centers_per_class'"),
        ("Hyp", {"temprature": 0.1}, "'temperature'"),
        ("Hyp", {"c": 0.2}, "'c'"),
        ("PNCA", {"oficial": True}, "oficial"),
        ("PA", {"margin": "wide"}, "'wide' is not a number"),
        ("Hyp", {"official": "maybe"}, "'maybe'"),
        ("MS", {"base": True}, "True"),
        ("SoftTriple", {"la": None}, "None"),
        ("PA", {"n_classes": 3}, "n_classes"),
        ("PA", {"margin": [1]}, "[1]"),
        ("HAPPIER", {"temperatur": 0.1}, "'temperature'"),
        ("HAPPIER", {"table": 1}, "table"),
        ("HypMix", {"wight": 0.1}, "'weight'"),
    ],
)
def test_settings_of_every_loss(loss, settings, part):
    with pytest.raises(ValueError) as error:
        make_config(loss=loss, loss_settings=settings)
    sentence(str(error.value), part)


def test_settings_that_are_right():
    for loss, settings in (
        ("MS", {"base": 0.4}),
        ("PNCA", {"official": True, "margin": 0.2}),
        ("PNCA", {"softmax_scale": 2}),
        ("SoftTriple", {"la": 10}),
        ("Hyp", {"temperature": 0.1, "official": True}),
        ("HAPPIER", {"slope": 20.0, "cluster": 0.5}),
        ("HypMix", {"weight": 1.0}),
    ):
        assert make_config(loss=loss, loss_settings=settings).loss_settings == settings
    assert make_config(
        loss="SoftTriple", loss_settings={"la": "10", "centers_per_class": "4", "gamma": "0.2"}
    ).loss_settings == dict(la=10, centers_per_class=4, gamma=0.2)
    assert make_config(
        loss="Hyp", loss_settings={"temperature": "0.1", "official": "true"}
    ).loss_settings == dict(temperature=0.1, official=True)
    assert make_config(loss="none of these", loss_weight=0).loss_weight == 0
    assert make_config(dataset="mine", data_settings={"anything": 1}).data_settings == {
        "anything": 1
    }  # a dataset of one's own
    assert (
        make_config(
            backbone="vit_tiny_patch16_224",
            backbone_settings={"dynamic_img_size": True, "pool": "avg"},
        ).backbone_settings["pool"]
        == "avg"
    )


def test_adam_eps():
    module = torch.nn.Module()
    module.hier = module.metric = None
    module.model = torch.nn.Module()
    module.model.backbone, module.model.head = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    module.model.space = Sphere()
    for kind in ("adamw", "adam"):
        optimizer = create_optimizer(module, make_config(optimizer=kind, adam_eps="1e-4"))
        assert {g["eps"] for g in optimizer.param_groups} == {1e-4}
        assert {
            g["eps"] for g in create_optimizer(module, make_config(optimizer=kind)).param_groups
        } == {1e-8}
    assert (
        "eps"
        not in create_optimizer(module, make_config(optimizer="sgd", adam_eps=1e-4)).param_groups[0]
    )


template = Path(__file__).parent.parent / "nbs/experiments/run.ipynb"


def test_a_grid_is_checked_before_it_starts(tmp_path):
    grid = tmp_path / "g.yaml"
    grid.write_text("lr: [1e-4, 2e-4]\nloss: [PA, MS]")
    check_grid(template, expand(read_grid(grid), 2))
    for axes, part in (
        (dict(lr="fast"), "lr='fast'"),
        (dict(seed="x"), "seed='x'"),
        (dict(recipe="cub-vat"), "cub-vit"),
        (dict(loss_settings={"margn": 1}), "'margin'"),
        (dict(curvature=0), "curvature=0"),
        (dict(c=0), "'curvature'"),
        (dict(space="flat", soft_clip=True), "space='flat'"),
        (dict(ranks="two"), "ranks='two'"),
        (dict(resume="maybe"), "resume='maybe'"),
        (dict(epoch=3), "'epochs'"),
        (dict(epochs=["3", "abc"]), "epochs='abc'"),
    ):
        with pytest.raises((ValueError, FileNotFoundError)) as error:
            check_grid(template, expand(axes))
        sentence(str(error.value), part)


def test_a_notebook_is_checked_before_it_starts(tmp_path, capsys):
    for word, part in (
        ("lr=fast", "lr='fast'"),
        ("ranks=two", "ranks='two'"),
        ("loss_settings={'margn': 1}", "'margin'"),
        ("recipe=cub-vat", "cub-vit"),
    ):
        assert run_cli([str(template), str(tmp_path / "out"), word]) == 2
        sentence(capsys.readouterr().err, part)
    assert not (tmp_path / "out").exists()
    assert check_runs(dict(recipe="emoji", lr=None, ranks=1), [dict(lr="1e-4", ranks="2")]) == [
        dict(lr=1e-4, ranks=2)
    ]


@pytest.mark.long
def test_one_sentence_from_a_real_process(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from hier_nb.commands import train_cli; sys.exit(train_cli())",
            f"out={tmp_path / 'r'}",
            "lr=abc",
        ],
        capture_output=True,
        text=True,
    )
    assert (
        done.returncode == 2
        and "Traceback" not in done.stderr
        and "lr='abc' is not a number" in done.stderr
        and not (tmp_path / "r").exists()
    )


@pytest.mark.parametrize(
    "argv, part",
    [
        (["foldr"], "'folder'"),
        (["folder"], "None"),
        (["folder", "/nowhere/at/all"], "/nowhere/at/all"),
        (["cub", "/nowhere"], "CUB"),
        (["folder", "TABLE"], "cannot be read"),
        (["folder", "BYTES"], "cannot be read"),
        (["folder", "EMPTY"], "cannot be read"),
        (["folder", "PARQUET"], "cannot be read"),
        (["cars", "CARS"], "cars_annos.mat"),
    ],
)
def test_data_check(argv, part, tmp_path, capsys):
    (tmp_path / "t.csv").write_text('path,label\na.jpg,"x\nb.jpg,y,z\n')
    (tmp_path / "b.csv").write_bytes(b"path,label\n\xff\xfe,x\n")
    (tmp_path / "e.csv").write_text("")
    (tmp_path / "p.parquet").write_text("no table")
    (tmp_path / "cars_annos.mat").write_text("no annotations")
    places = dict(
        TABLE=tmp_path / "t.csv",
        BYTES=tmp_path / "b.csv",
        EMPTY=tmp_path / "e.csv",
        PARQUET=tmp_path / "p.parquet",
        CARS=tmp_path,
    )
    assert data_check_cli([str(places.get(a, a)) for a in argv]) == 2
    sentence(capsys.readouterr().err, part)


def test_datasets_by_name():
    with pytest.raises(ValueError) as error:
        load_dataset("emoij")
    sentence(str(error.value), "'emoji'")
    with pytest.raises(ValueError) as error:
        load_dataset("folder", "x", train_fractoin=0.5)
    sentence(str(error.value), "'train_fraction'")


def test_read_values(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "a: [1e-4, -2E3, 1.5e+2, .5e1, 12e03]\nb: 1e\nc: e5\nd: 10\ne: 1.5\nf: 'x'\ng: 0x1e\nh: '1e-4'"
    )
    assert read_values(tmp_path / "a.yaml") == dict(
        a=[1e-4, -2000.0, 150.0, 5.0, 12000.0], b="1e", c="e5", d=10, e=1.5, f="x", g=30, h="1e-4"
    )


@pytest.mark.slow
def test_a_rank_that_fails_is_one_sentence(tmp_path, capsys):
    words = [
        "recipe=emoji",
        f"out={tmp_path / 'run'}",
        "dataset=openmoji",
        "batch_size=127",
        "images_per_class=1",
        "ranks=2",
        "pretrained=False",
        "backbone=test_efficientnet",
    ]
    assert train_cli(words) == 2
    said = capsys.readouterr().err
    assert (
        said.startswith("batch_size=127 cannot be shared among 2 ranks.")
        and "Traceback" not in said
    ), said


@pytest.mark.parametrize(
    "traceback, words",
    [
        (
            "Rank 1 failed:\nTraceback (most recent call last):\n  File x\nValueError: lr=-1 is bad.\nPass more.",
            "lr=-1 is bad.\nPass more.",
        ),
        (
            "Rank 0 failed:\nTraceback\ntorch.OutOfMemoryError: CUDA out of memory.",
            "CUDA out of memory.",
        ),
        (
            "Rank 0 failed:\nIt ended without a word, with exit code -9.",
            "Rank 0 failed:\nIt ended without a word, with exit code -9.",
        ),
    ],
)
def test_own_words_of_a_traceback(traceback, words):
    from hier_nb import commands

    assert commands._own_words(traceback) == words


# One place for every default

WHOSE = {  # what a run makes, with the parameters that it does not hand on from the configuration
    HIERLoss: {"dim", "space", "kinship", "reduction", "pairs", "ignore_index"},
    Ball: {"riemannian"},
}


@pytest.mark.parametrize("component", WHOSE)
def test_every_parameter_is_reachable(component):
    parameters = set(inspect.signature(component).parameters) - WHOSE[component]
    settings = TrainConfig().settings_of(component)
    assert set(settings) == parameters
    plain = component()
    for name, value in settings.items():
        assert getattr(plain, name, value) == value


def test_a_changed_setting_arrives():
    config = make_config(hier_margin=0.3, hier_proxies=7, hier_official_similarity=True, dim=5)
    hier = HIERLoss(dim=config.dim, **config.settings_of(HIERLoss))
    assert hier.margin == 0.3 and hier.official_similarity and hier.proxies.weight.shape == (7, 5)


def test_defaults_are_the_components_own():
    for f in fields(TrainConfig):
        if "component" in f.metadata:
            parameters = inspect.signature(f.metadata["component"]).parameters
            assert f.default == parameters[f.metadata["parameter"]].default, f.name


COMPONENTS = (
    load_dataset,
    create_transform,
    ClassBalancedSampler,
    create_backbone,
    create_model,
    create_loss,
    embed,
    recall_at_k,
    Ball,
    HIERLoss,
)
OTHER_MEANING = {("device", "embed")}  # None: the model's device there, a GPU's here


def test_no_default_is_written_twice():
    "A field that repeats the default of a component's parameter of the same meaning reads it there."
    theirs = {
        (name, component.__name__): parameter.default
        for component in COMPONENTS
        for name, parameter in inspect.signature(component).parameters.items()
    }
    for f in fields(TrainConfig):
        if "component" in f.metadata:
            continue
        names = {f.name, f.name.removeprefix("hier_"), f.name.removeprefix("data_")}
        for (name, owner), default in theirs.items():
            if name in names and (name, owner) not in OTHER_MEANING:
                assert default != f.default, f"{f.name} repeats the default of {owner}"


def test_a_default_changes_in_one_place(monkeypatch):
    "With another margin in HIERLoss's signature, the configuration has it, and the recipes too."
    signature = inspect.signature(HIERLoss.__init__)
    changed = [
        p.replace(default=0.7) if p.name == "margin" else p for p in signature.parameters.values()
    ]
    monkeypatch.setattr(
        HIERLoss.__init__, "__signature__", signature.replace(parameters=changed), raising=False
    )
    path = Path(config_module.__file__)
    spec = importlib.util.spec_from_file_location("hier_nb.config_again", path)
    again = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, again)
    spec.loader.exec_module(again)
    assert again.TrainConfig().hier_margin == 0.7
    assert again.load_config("cub-vit").hier_margin == 0.7
    assert TrainConfig().hier_margin != 0.7


def test_recipe_and_default_agree():
    assert load_config("emoji") == TrainConfig()


def test_every_number_has_a_range():
    checked = set(config_module._positive) | set(config_module._not_negative)
    for f in fields(TrainConfig):
        kinds = get_args(f.type) or (f.type,)
        if int in kinds or float in kinds:
            assert f.name in checked | {"seed", "hier_neighbors"}, f.name
    assert checked <= {f.name for f in fields(TrainConfig)}
    for owner in (config_module._choices, config_module._renamed.values()):
        assert set(owner) <= {f.name for f in fields(TrainConfig)}


# Spaces


def test_spaces():
    assert str(make_config().make_space()) == str(Ball())
    learned = make_config(curvature=0.3, learn_curvature=True, clip_radius=None).make_space()
    assert list(learned.parameters()) and learned.clip_radius is None
    assert float(learned.c.detach()) == pytest.approx(0.3)
    assert make_config(space="sphere").make_space().kind == "sphere"
    flat = make_config(space="flat", hier_weight=0.5).make_space()
    assert (flat.kind, flat.clip_radius) == ("flat", Ball().clip_radius)
    assert make_config(soft_clip=True).make_space().soft_clip
    for wrong, part in (
        (dict(space="sphere", learn_curvature=True), "needs a ball"),
        (dict(space="flat", soft_clip=True), "needs a ball"),
        (dict(clip_radius=None, soft_clip=True), "clip radius"),
        (dict(hier_official_negatives=True, hier_across_classes=True), "Switch one"),
    ):
        with pytest.raises(ValueError) as error:
            make_config(**wrong)
        sentence(str(error.value), part)


# Names of an earlier version


@pytest.mark.parametrize("old, new", config_module._renamed.items())
def test_old_names(old, new, tmp_path, capsys):
    path = tmp_path / "old.yaml"
    path.write_text(f"{old}: 0")
    for make in (
        lambda: load_config(path),
        lambda: make_config(**{old: 0}),
        lambda: config_from_notebook({"recipe": "emoji", old: 0}),
        lambda: check_runs(dict(recipe="emoji"), [{old: 0}]),
    ):
        with pytest.raises(ValueError) as error:
            make()
        sentence(str(error.value), f"no {old!r} any more", f"'{new}' now")
    assert train_cli([f"out={tmp_path / 'run'}", f"recipe={path}"]) == 2
    sentence(capsys.readouterr().err, f"'{new}' now")


# The command


def test_both_ways_to_write():
    both = dict(epochs=3, lr=1e-4, loss_settings={"margin": 0.2}, backbone="resnet18", compile=True)
    words = ["epochs=3", "lr=1e-4", "loss_settings={'margin': 0.2}", "backbone=resnet18"]
    assert parse_words([*words, "compile=True"]) == both
    options = [part for word in words for part in ("--" + word).split("=", 1)]
    assert parse_words([*options, "--compile"]) == both
    assert parse_words(["--compile", *options]) == both
    assert parse_words(["--" + word for word in words] + ["--compile", "True"]) == both
    assert parse_words(["--loss-settings", "{'margin': 0.2}"]) == dict(
        loss_settings={"margin": 0.2}
    )
    assert parse_words(["--resume", "lr=3"], switches=["resume"]) == dict(resume=True, lr=3)
    assert parse_words(["--seed", "-3"]) == dict(seed=-3)


def test_help_lists_every_name_with_its_comment(capsys):
    assert train_cli(["recipe=cub-resnet50", "hier_margin=0.25", "--help"]) == 0
    said = re.sub(r"[│╭╮╰╯─\s]+", " ", capsys.readouterr().out)
    comments = config_comments()
    assert list(comments) == config_names()
    for f in fields(TrainConfig):
        start = re.search(rf"--{f.name} ", said)
        assert start, f.name
        of_this = said[start.end() :].split(" --")[0]
        comment = re.sub(r"^\S+ ", "", of_this).split("(default")[0]
        assert len(comment.strip()) > 3, (f.name, of_this)
        assert comment.strip() == comments[f.name] or comment.strip().endswith(comments[f.name])
    assert "--hier_margin FLOAT δ, a difference of distances (default: 0.25)" in said
    assert "(default: resnet50.tv_in1k)" in said and "hier options" in said


def test_help_refuses_what_the_command_refuses(capsys):
    assert train_cli(["--help", "epoch=3"]) == 2
    sentence(capsys.readouterr().err, "'epochs'")
    assert train_cli([]) == 2 and "--help" in capsys.readouterr().out
    assert train_cli(["--completion", "fish"]) == 2
    sentence(capsys.readouterr().err, "'fish'")


# Parameters of a notebook


def shell(*cells):
    "What a notebook's cells leave, with the history that IPython keeps."
    names = {"In": [""], "Out": {}}
    for cell in cells:
        names["In"].append(cell)
        exec(cell, names)
    return names


def test_parameters_of_a_notebook():
    first = "recipe = 'emoji'  # which\nout_dir = 'runs'\nrows = 8"
    injected = "# Parameters\nhier_margin = 0.2\nclip_radius = None\nrows = 3\n"
    names = shell(first, injected)
    config = config_from_notebook(names, also=["rows"])
    assert (config.hier_margin, config.clip_radius) == (0.2, None)
    later = "import math\ntable = {'a': 1}\nx = [math.pi]\nfor n in range(2):\n    y = n\n"
    again = shell(first, injected, later)
    assert config_from_notebook(again, also=["rows"]) == config
    for cell, part in (
        ("hier_margn = 0.2", "'hier_margin'"),
        ("# Parameters\nlr = float('nan')", "nan"),
        ("epoch: int = 3", "'epochs'"),
        ("row = 3", "'rows'"),
        ("margin = 0.2", "'hier_margin' now"),
        ("lr = None", "lr=None"),
    ):
        with pytest.raises(ValueError) as error:
            config_from_notebook(shell(first, cell), also=["rows"])
        sentence(str(error.value), part)
    with pytest.raises(ValueError, match="'rows'"):
        config_from_notebook(names)


def templates():
    folder = Path(__file__).parent.parent / "nbs/experiments"
    return [folder / f"{name}.ipynb" for name in ("train", "run")]


@pytest.mark.parametrize("path", templates(), ids=lambda path: path.stem)
def test_templates_are_short_and_know_their_own_names(path):
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    tagged = [n for n, cell in enumerate(cells) if cell["metadata"].get("tags")]
    (at,) = tagged
    first, second = ("".join(c["source"]) for c in cells[at : at + 2])
    assert cells[at]["metadata"]["tags"] == ["parameters"]
    names = [target.id for node in ast.parse(first).body for target in node.targets]
    assert len(names) <= 10 and len(first.splitlines()) <= 12
    known = {"recipe", "out_dir", "resume", "ranks"}
    assert known <= set(names)
    for name in set(names) - known:
        assert f'"{name}"' in second


def papermill(tmp_path, *words):
    "Execute the template as somebody would who knows papermill only."
    tiny = "dataset openmoji backbone test_efficientnet pretrained False max_steps 2".split()
    tiny += "image_size 32 eval_size 32 hier_proxies 16".split()
    tiny += ["out_dir", str(tmp_path / "run")]
    pairs = [part for name in range(0, len(tiny), 2) for part in ("-p", *tiny[name : name + 2])]
    command = [sys.executable, "-m", "papermill", str(template), str(tmp_path / "done.ipynb")]
    command += ["-k", "python3", "--no-progress-bar", *pairs, *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.long
@pytest.mark.parametrize(
    "words, part",
    [
        (["-p", "hier_margn", "0.2"], "Did you mean 'hier_margin'?"),
        pytest.param(
            ["-y", "{margin: 0.2}"], "It is called 'hier_margin' now.", marks=pytest.mark.slow
        ),
        pytest.param(
            ["-y", "{loss_settings: {margn: 0.2}}"],
            "Did you mean 'margin'?",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_papermill_with_a_wrong_name(words, part, tmp_path):
    done = papermill(tmp_path, *words)
    assert done.returncode != 0 and part in done.stderr, done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_papermill_with_names_of_the_configuration(tmp_path):
    done = papermill(tmp_path, "-p", "hier_margin", "0.2", "-y", "{clip_radius: null, lr: 1e-4}")
    assert done.returncode == 0, done.stderr
    config = load_config(tmp_path / "run/config.yaml")
    assert (config.hier_margin, config.clip_radius, config.lr) == (0.2, None, 1e-4)
    assert config.max_steps == 2 and (tmp_path / "run/result.json").exists()
