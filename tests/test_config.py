"Every way in which names and values come in: right, or one sentence with the remedy, before anything starts."

import json
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
import numpy as np
import pytest
import torch
from hier_nb.config import (
    TrainConfig,
    check_runs,
    config_from,
    load_config,
    make_config,
    parse_words,
    published,
    read_values,
    recipe_names,
)
from hier_nb.datasets import data_check_cli, load_dataset
from hier_nb.grids import check_grid, expand, read_grid
from hier_nb.notebooks import run_cli
from hier_nb.trainer import create_optimizer
from hier_nb.training import train_cli

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
    ("c", float("inf"), "inf"),
    ("c", -1, "negative"),
    ("margin", -1, "negative"),
    ("workers", -1, "negative"),
    ("min_scale", 1.5, "1.5"),
    ("min_scale", 0, "not positive"),
    ("adam_eps", 0, "not positive"),
    ("n_neighbors", 1, "n_neighbors=1"),
    ("max_steps", 0, "above 0 or None"),
    ("batch_size", 130, "multiple of images_per_class"),
    ("val_fraction", 1, "below 1"),
    ("temperature_start", 0, "not positive"),
    ("chunk", 0, "not positive"),
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
    if value is not None:  # in a notebook, None is "as the recipe says"
        assert (
            getattr(config_from("emoji", {name: value, "other": 3} | small_backbone(name)), name)
            == expected
        )


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
        (["--epochs=3"], "'epochs'"),
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
        ("PNCA", {"oficial": True}, "oficial"),
        ("PA", {"margin": "wide"}, "'wide' is not a number"),
        ("Hyp", {"official": "maybe"}, "'maybe'"),
        ("MS", {"base": True}, "True"),
        ("SoftTriple", {"la": None}, "None"),
        ("PA", {"n_classes": 3}, "n_classes"),
        ("PA", {"margin": [1]}, "[1]"),
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
        ("Hyp", {"c": 0.2}),
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
    class Step(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = torch.nn.Module()
            self.model.backbone, self.model.head, self.hier, self.metric = (
                torch.nn.Linear(2, 2),
                torch.nn.Linear(2, 2),
                None,
                None,
            )

    for kind in ("adamw", "adam"):
        optimizer = create_optimizer(Step(), make_config(optimizer=kind, adam_eps="1e-4"))
        assert {g["eps"] for g in optimizer.param_groups} == {1e-4}
        assert {
            g["eps"] for g in create_optimizer(Step(), make_config(optimizer=kind)).param_groups
        } == {1e-8}
    assert (
        "eps"
        not in create_optimizer(Step(), make_config(optimizer="sgd", adam_eps=1e-4)).param_groups[0]
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
        (dict(c=0), "c=0"),
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


def test_one_sentence_from_a_real_process(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from hier_nb.training import train_cli; sys.exit(train_cli())",
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
    from hier_nb import training

    assert training._own_words(traceback) == words
