"A folder holds one run, a result is believed only beside its configuration, and numbers survive a full disk."

import json
import os
import shutil
import subprocess
import warnings
from contextlib import contextmanager
from dataclasses import asdict, replace
import numpy as np
import pytest
import torch
import hier_nb.training
from hier_nb.commands import train_cli
from hier_nb.config import TrainConfig, load_config, read_values
from hier_nb.files import write_json, write_tensors
from hier_nb.metrics import retrieval_report
from hier_nb.pictures import ImageDataset, create_transform
from hier_nb.trainer import Trainer
from hier_nb.training import load_result, train

LABELS = [n for n in range(4) for _ in range(6)]
SMALL = TrainConfig(
    backbone="vit_tiny_patch16_224",
    backbone_settings=dict(img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=3),
    pretrained=False,
    dim=16,
    hier_proxies=16,
    hier_neighbors=4,
    hier_triplets=5,
    batch_size=8,
    images_per_class=2,
    epochs=2,
    lr=1e-3,
    hier_lr_scale=10,
    device="cpu",
    tensorboard=False,
    recall_ks=(1, 2),
)
RUN = {
    "checkpoints",
    "config.yaml",
    "embeddings.safetensors",
    "progress.json",
    "result.json",
    "start.json",
    "weights.safetensors",
}


def colors(seed):  # noise around one colour per class
    rng = np.random.default_rng(seed)
    base = rng.uniform(0, 255, (4, 3))
    pictures = np.clip(
        base[LABELS][:, None, None] + rng.normal(0, 25, (len(LABELS), 16, 16, 3)), 0, 255
    ).astype(np.uint8)
    return ImageDataset(
        pictures,
        LABELS,
        list("abcd"),
        [str(n) for n in range(len(LABELS))],
        transform=create_transform(True, 32, augmentation="affine"),
        name="colors",
    )


def run(out, resume=False, ranks=1, **changes):
    return train(
        replace(SMALL, **changes),
        out,
        colors(0),
        colors(1),
        progress=False,
        resume=resume,
        ranks=ranks,
    )


def names(folder):
    return {p.name for p in folder.iterdir()}


@contextmanager
def small_disk(folder, size):
    "A file system of so many bytes."
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def refuse(word):
    raise ValueError(f"{word} is no JSON")


def strict(path):
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_json_is_strict(tmp_path):
    nan, infinite = float("nan"), float("inf")
    obj = {
        "a": nan,
        "b": [infinite, -infinite, (nan, 1)],
        "c": {"d": np.float32("nan"), "e": np.float64("inf")},
        "f": torch.tensor(torch.nan),
        "g": torch.tensor([1.0, torch.inf]),
        "h": np.array([[nan, 2.0]]),
        "i": torch.tensor([1.5], dtype=torch.bfloat16),
        "j": np.bool_(True),
        "k": np.int64(3),
        np.int64(4): "NaN",
        "l": torch.ones(1, requires_grad=True),
    }
    write_json(tmp_path / "a.json", obj)
    assert strict(tmp_path / "a.json") == {
        "a": None,
        "b": [None, None, [None, 1]],
        "c": {"d": None, "e": None},
        "f": None,
        "g": [1.0, None],
        "h": [[None, 2.0]],
        "i": [1.5],
        "j": True,
        "k": 3,
        "4": "NaN",
        "l": [1.0],
    }
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert strict(tmp_path / "a.json")["k"] == 3 and names(tmp_path) == {
        "a.json"
    }  # the old one is there, and nothing beside it


def test_every_file_of_a_run_is_strict(tmp_path, monkeypatch):
    real = Trainer.take_step

    def one_is_nan(self, *batch):
        real(self, *batch)
        if self.steps_done == 2:
            self.history[-1] = dict.fromkeys(self.history[-1], float("nan"))

    monkeypatch.setattr(Trainer, "take_step", one_is_nan)
    r = run(tmp_path / "run", max_steps=2)
    r.after["recall"][1] = float("inf")
    hier_nb.training.save_result(r, tmp_path / "run")
    for path in (tmp_path / "run").glob("*.json"):
        strict(path)
    assert (
        strict(tmp_path / "run" / "progress.json")["PA"] is None
        and strict(tmp_path / "run" / "progress.json")["images_per_second"] > 0
    )
    again = load_result(tmp_path / "run", colors(1))
    assert (
        np.isnan(again.history[1]["PA"])
        and again.history[0] == r.history[0]
        and np.isnan(again.after["recall"][1])
        and again.chosen is None
    )


def test_new_run_sets_the_old_one_aside(tmp_path, monkeypatch):
    out = tmp_path / "run"
    first = run(out, max_steps=2)
    others = [
        "run.json",
        "parameters.json",
        "heartbeat",
        "log.txt",
        ".lock",
        "cancel",
        "train.ipynb",
        "mine.png",
    ]
    for name in others:
        (out / name).write_text(name)
    for name in ("disk.png", "tree.json", "explorer.html", "measured.json"):
        (out / name).write_text(name)

    def fails(self, *batch):
        raise RuntimeError("no luck")

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "take_step", fails)
        with pytest.raises(RuntimeError, match="no luck"):
            run(out, max_steps=2, seed=1)
    assert names(out) == {"previous", "config.yaml", "start.json"} | set(others)
    assert names(out / "previous") == RUN | {
        "disk.png",
        "tree.json",
        "explorer.html",
        "measured.json",
    }
    assert load_config(out / "config.yaml").seed == 1
    with pytest.raises(
        FileNotFoundError, match="no finished run(.|\n)*An earlier run is in previous"
    ):
        load_result(out, colors(1))
    old = load_result(out / "previous", colors(1))
    assert old.config.seed == 0 and torch.equal(old.embeddings.points, first.embeddings.points)
    run(out, max_steps=2, seed=1)  # what was begun only is set aside too
    assert names(out / "previous-2") == {"config.yaml", "start.json"} and names(out) >= RUN
    run(out, max_steps=3, seed=1, resume=True)  # going on sets nothing aside
    assert {n for n in names(out) if "previous" in n} == {"previous", "previous-2"} and load_result(
        out, colors(1)
    ).config.max_steps == 3


def test_interrupted_run_begun_anew(tmp_path, monkeypatch):
    out, real = tmp_path / "run", Trainer.take_step

    def stopped(self, *batch):
        real(self, *batch)
        if self.steps_done == 3:
            self.stop_signal = 2

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "take_step", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(out)
    run(out, max_steps=2)
    assert names(out) == RUN | {"previous"} and names(out / "previous") == {
        "checkpoints",
        "config.yaml",
        "progress.json",
        "start.json",
    }
    assert (out / "previous" / "checkpoints" / "step-00000003").is_dir()
    shutil.rmtree(out / "checkpoints")
    run(
        out, max_steps=2, resume=True
    )  # nothing to go on from: it begins anew, and the old result is no longer beside it
    assert names(out / "previous-2") == RUN - {"checkpoints"}


def test_run_killed_before_its_first_checkpoint_goes_on(tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    SMALL.save(out / "config.yaml")
    (out / "progress.json").write_text("{}")
    run(out, max_steps=1, resume=True)
    assert names(out) == RUN


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    run(out, max_steps=2)
    return out


@pytest.mark.long
@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("moves", [0, 1, 2, 3, 6, 7])
def test_kill_while_setting_aside(tmp_path, monkeypatch, finished, moves, resume):
    out, real, left = tmp_path / "run", os.replace, [moves]
    shutil.copytree(finished, out)

    class Killed(BaseException):
        "As if the process ended here."

    def replace_some(source, target):
        if (
            os.path.dirname(source) == str(out) and os.path.basename(source)[:2] != ".c"
        ):  # not config.yaml's own writing
            if left[0] == 0:
                raise Killed
            left[0] -= 1
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", replace_some)
        with pytest.raises(Killed):
            run(out, max_steps=2, seed=1)
    assert not (out / "config.yaml").exists() or read_values(out / "config.yaml")["seed"] == 0
    if (out / "result.json").exists():
        assert load_result(out, colors(1)).config.seed == 0
    if (
        resume and moves == 0
    ):  # the old checkpoints are still there, so this goes on with the old run
        return
    run(out, max_steps=2, seed=1, resume=resume)
    assert names(out) == RUN | {"previous"} and names(out / "previous") == RUN
    assert (
        load_result(out, colors(1)).config.seed == 1
        and load_result(out / "previous", colors(1)).config.seed == 0
    )


def test_result_beside_another_configuration(tmp_path, finished):
    out = tmp_path / "run"
    shutil.copytree(finished, out)
    values = asdict(load_config(out / "config.yaml"))

    def config_is(**changes):
        import yaml

        (out / "config.yaml").write_text(
            yaml.safe_dump(
                {k: v for k, v in (values | changes).items() if v != "gone"}
                | dict(recall_ks=[1, 2])
            )
        )

    config_is(lr=5e-4)
    with pytest.raises(ValueError, match="lr=0.001, config.yaml lr=0.0005.*\n.+"):
        load_result(out, colors(1))
    for changes in (
        dict(),
        dict(of_a_later_version=3),
        dict(seed="gone"),
        dict(workers=3, data_root="elsewhere", keep=1),
        dict(lr=0.001),
    ):
        config_is(**changes)
        assert load_result(out, colors(1)).config.seed == 0
    (out / "config.yaml").unlink()
    assert load_result(out, colors(1)).config.seed == 0


def test_final_save_that_fails(tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    monkeypatch.setattr(
        hier_nb.training,
        "load_split",
        lambda config, split, progress, model: colors(int(split == "eval")),
    )

    def full(path, *args, **about):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(hier_nb.training, "write_tensors", full)
    SMALL.save(tmp_path / "small.yaml")
    words = [f"out={out}", f"recipe={tmp_path / 'small.yaml'}", "max_steps=2"]
    assert train_cli(words) == 1
    said, told = capsys.readouterr()
    assert json.loads(said)["after"]["recall"]["1"] >= 0
    what, remedy = [line for line in told.splitlines() if "results" in line or "resume" in line]
    assert (
        "Missing: weights.safetensors, embeddings.safetensors, result.json." in what
        and "only evaluates" in remedy
        and "Traceback" not in told
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        r = run(out, max_steps=2)
    assert [str(w.message) for w in caught if "could not be written" in str(w.message)] == [
        r.unsaved
    ]
    assert r.after["recall"] == {int(k): v for k, v in json.loads(said)["after"]["recall"].items()}
    with pytest.raises(FileNotFoundError, match="no finished run"):
        load_result(out, colors(1))
    monkeypatch.setattr(hier_nb.training, "write_tensors", write_tensors)
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "take_step", lambda *a: pytest.fail("trained again"))
        again = run(out, max_steps=2, resume=True)
    assert (
        not again.unsaved
        and again.after == r.after
        and load_result(out, colors(1)).after == r.after
    )


@pytest.mark.long
def test_final_save_on_a_full_disk(tmp_path, monkeypatch):
    with small_disk(tmp_path / "disk", "50m"):
        out, real = tmp_path / "disk" / "run", hier_nb.training.evaluate

        def fill(*args, **settings):  # between the last checkpoint and the results
            if (out / "checkpoints" / "step-00000002").exists():
                with (
                    pytest.raises(OSError),
                    open(tmp_path / "disk" / "others", "wb", buffering=0) as f,
                ):
                    while True:
                        f.write(bytes(1 << 14))
            return real(*args, **settings)

        monkeypatch.setattr(hier_nb.training, "evaluate", fill)
        with pytest.warns(UserWarning, match="(?s)No space left.*only evaluates"):
            r = run(out, max_steps=2)
        assert not (out / "result.json").exists() and not [
            n for n in names(out) if n.endswith(".tmp")
        ]
        with pytest.raises(OSError, match="No space left"):
            write_tensors(tmp_path / "disk" / "t.safetensors", dict(t=torch.zeros(1 << 18)))
        monkeypatch.setattr(hier_nb.training, "evaluate", real)
        (tmp_path / "disk" / "others").unlink()
        again = run(out, max_steps=2, resume=True)
        assert again.after == r.after and load_result(out, colors(1)).after == r.after


def test_best_weights_that_do_not_fit(tmp_path):
    out = tmp_path / "run"
    trainer = Trainer(SMALL, colors(0), out)
    (out / "best.safetensors").mkdir(parents=True)
    (out / "best.safetensors" / "x").touch()
    with pytest.warns(UserWarning, match="best weights so far"):
        trainer.validate(colors(1), progress=False)
    assert len(trainer.validation) == 1


class Blocking(ImageDataset):
    "From the last checkpoint on, nothing can be written in the place of the embeddings: by any user, on any rank."

    def __getitem__(self, i):
        if (self.out / "checkpoints" / "step-00000002").exists():
            (self.out / "embeddings.safetensors" / "x").mkdir(parents=True, exist_ok=True)
        return super().__getitem__(i)


@pytest.mark.slow
def test_two_ranks(tmp_path):
    out = tmp_path / "run"
    first = run(out, max_steps=2, ranks=2)
    assert retrieval_report(first.embeddings, (1, 2)) == first.after  # the ranks shared the search
    blocking = colors(1)
    blocking.__class__, blocking.out = Blocking, out
    settings = replace(SMALL, max_steps=2, seed=1, val_fraction=0.5, batch_size=4)
    with pytest.warns(
        UserWarning, match="(?s)Missing: embeddings.safetensors, result.json.*only evaluates"
    ):
        r = train(settings, out, colors(0), blocking, progress=False, ranks=2)
    assert load_result(out / "previous", colors(1)).after == first.after
    assert (
        len(r.embeddings) == len(LABELS)
        and len(r.history) == 2
        and r.model is not None
        and not (out / "result.json").exists()
    )
    shutil.rmtree(out / "embeddings.safetensors")
    again = train(settings, out, colors(0), colors(1), progress=False, resume=True, ranks=2)
    assert again.after == r.after and again.chosen == r.chosen
    assert all(torch.equal(v, again.model.state_dict()[k]) for k, v in r.model.state_dict().items())
