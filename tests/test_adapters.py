"Adapters, rates by layer, a linear warm-up: small files, the same run after a stop, one sentence for what cannot be."

import math
import sys
import warnings
from dataclasses import replace
from importlib.util import find_spec

import pytest
import timm
import torch
from fastcore.test import test_fail as fails
from own_things import Net
from ranks_resume import config, pictures, small, still
from torch import nn

from hier_nb.adapters import add_lora, layer_groups, learned_state, load_learned, lora_targets
from hier_nb.config import TrainConfig, lr_factor, make_config
from hier_nb.export import export_model, load_model, save_model
from hier_nb.models import create_model, embed, merged
from hier_nb.trainer import Trainer
from hier_nb.training import load_result, train, train_heads, trained_model

needs_peft = pytest.mark.skipif(not find_spec("peft"), reason="needs peft")
needs_onnx = pytest.mark.skipif(not find_spec("onnxruntime"), reason="needs onnxruntime")
tiny = dict(img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=2)


def vit(name="vit_tiny_patch16_224", **settings):
    return create_model(name, 8, pretrained=False, **tiny | settings)


def adapted():
    "A network whose adapters say something."
    torch.manual_seed(0)
    model = add_lora(vit(), rank=2)
    for name, p in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(p, std=0.3)
    return model.eval()


def run(folder=None, resume=False, **changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = dict(adapter="lora", lora_rank=2, schedule="constant") | changes
        return train(
            config(**settings),
            folder,
            pictures(),
            still(1),
            progress=False,
            resume=resume,
        )


# The network


@needs_peft
@torch.no_grad()
def test_merged_is_the_same_and_ordinary():
    model, images = adapted(), torch.randn(3, 3, 32, 32)
    plain = merged(model)
    torch.testing.assert_close(plain(images), model(images), rtol=1e-4, atol=1e-5)
    assert (model.features(images) - vit().eval().features(images)).abs().max() > 0.01
    assert plain.state_dict().keys() == vit().state_dict().keys()
    wanted = {name for name, p in vit().named_parameters() if p.requires_grad}
    assert {name for name, p in plain.named_parameters() if p.requires_grad} == wanted
    assert model.adapter and any("lora_" in name for name in model.state_dict())


@needs_peft
@torch.no_grad()
def test_a_folder_needs_no_peft(tmp_path, monkeypatch):
    model, images = adapted(), torch.randn(3, 3, 32, 32)
    save_model(model, tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "peft"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "peft", None)
    again = load_model(tmp_path)
    torch.testing.assert_close(again(images), model(images), rtol=1e-4, atol=1e-5)
    with pytest.raises(ImportError, match="lora"):
        add_lora(vit())


@pytest.mark.long
@needs_peft
@needs_onnx
def test_a_graph_of_the_merged_network(tmp_path):
    assert export_model(adapted(), tmp_path / "model.onnx", size=32) < 1e-4


@needs_peft
def test_only_adapters_and_the_head_learn():
    model = add_lora(vit(), rank=2).train()
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    moving = {name for name, p in model.named_parameters() if p.grad is not None}
    assert all("lora_" in name or name.startswith("head.") for name in moving)
    assert sum("lora_B" in name for name in moving) == 8


@needs_peft
@pytest.mark.parametrize(
    "name, settings",
    [
        ("vit_small_patch14_dinov2", tiny | dict(img_size=28, patch_size=14)),
        ("eva02_tiny_patch14_224", dict(depth=1, img_size=28, embed_dim=48, num_heads=3)),
        ("beit_base_patch16_224", dict(depth=1, img_size=32, embed_dim=48, num_heads=3)),
        (
            "swin_tiny_patch4_window7_224",
            dict(img_size=56, depths=(1, 1), embed_dim=24, num_heads=(2, 2), drop_path_rate=0.0),
        ),
    ],
)
def test_every_adapter_is_asked(name, settings):
    "Each layer with an adapter gets a gradient: none multiplies by itself."
    model = create_model(name, 8, pretrained=False, **settings)
    add_lora(model, rank=1).train()
    size = settings["img_size"]
    points = model(torch.randn(2, 3, size, size))
    (points @ torch.randn(8)).sum().backward()
    found = {name: p.grad for name, p in model.named_parameters() if "lora_B" in name}
    assert found and all(g is not None and g.abs().max() > 0 for g in found.values())


def test_what_cannot_be_is_one_sentence():
    for name in ("tf_efficientnet_lite0", "resnet10t"):
        model = create_model(name, 8, pretrained=False)
        fails(lambda m=model: add_lora(m), contains="has no linear layer that an adapter")
    fails(lambda: lora_targets(vit().backbone, "qkv prj"), contains="is called 'prj'")
    assert len(lora_targets(vit().backbone, "qkv proj")) == 4
    fails(lambda: lora_targets(vit().backbone, " "), contains="lora_targets names no layer")
    for wrong in (dict(rank=0), dict(rank=2.5), dict(alpha=0.0), dict(alpha=math.nan)):
        fails(lambda w=wrong: add_lora(vit(), **w), contains="Both must be positive")


@pytest.mark.parametrize(
    "wrong, part",
    [
        (dict(adapter="lroa"), "Pass 'lora', or None"),
        (dict(adapter="lora", heads_only=True), "Switch one of them off"),
        (dict(lora_rank=0), "lora_rank=0 is not positive"),
        (dict(layer_decay=1.5), "learn fastest"),
        (dict(layer_decay=0), "not positive"),
        (dict(lr_warmup_epochs=-1), "negative"),
        (dict(lr_warmup_epochs=9, epochs=8), "longer than the run"),
    ],
)
def test_settings_that_cannot_be(wrong, part):
    fails(lambda: make_config(**wrong), contains=part)


# A run


@needs_peft
def test_files_hold_adapters_and_come_back(tmp_path):
    result = run(tmp_path, ema_decay=0.5, val_fraction=0.5, batch_size=4)
    again = load_result(tmp_path, still(1))
    for model in (result.model, again.model, merged(again.model)):
        found = embed(model, still(1), progress=False).points
        torch.testing.assert_close(found, result.embeddings.points, rtol=1e-4, atol=1e-5)
    assert result.chosen["recall"] and result.cost["cpu_seconds"] > 0
    from safetensors.torch import load_file

    for path in tmp_path.rglob("*.safetensors"):
        names = [name for name in load_file(path) if "backbone" in name]
        assert all("lora_" in name for name in names), path
    assert learned_state(again.model).keys() == load_file(tmp_path / "weights.safetensors").keys()


@needs_peft
def test_it_goes_on_after_a_stop(tmp_path):
    whole = run(tmp_path / "whole", layer_decay=0.5)
    run(tmp_path / "parts", layer_decay=0.5, max_steps=4)
    (tmp_path / "parts" / "result.json").unlink()
    parts = run(tmp_path / "parts", resume=True, layer_decay=0.5)
    assert parts.history == whole.history
    assert torch.equal(parts.embeddings.points, whole.embeddings.points)
    for name, value in (("lora_rank", 3), ("adapter", None), ("layer_decay", None)):
        fails(lambda c={name: value}: run(tmp_path / "parts", True, **dict(layer_decay=0.5) | c))


@needs_peft
def test_what_rests_does_not_move():
    short, long = run(max_steps=1), run()
    before, after = short.model.state_dict(), long.model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("lora_B" in name for name in moved)
    assert all("lora_" in name or name.startswith("head.") for name in moved)


@needs_peft
def test_files_of_another_network():
    tensors = learned_state(adapted())
    with pytest.raises(RuntimeError, match="size mismatch"):
        load_learned(add_lora(vit(), rank=3), tensors)
    tensors.popitem()
    with pytest.raises(RuntimeError, match="Missing key"):
        load_learned(add_lora(vit(), rank=2), tensors)


@needs_peft
def test_a_network_of_ones_own_with_adapters(tmp_path):
    "Its backbone rests and is in no file, so it must be the same when the run goes on or comes back."

    def network(seed):
        torch.manual_seed(seed)
        backbone = small["backbone_settings"]
        return add_lora(create_model("vit_tiny_patch16_224", 8, pretrained=False, **backbone), 2)

    def run_own(model, **changes):
        passed = dict(model=model, progress=False, resume=True)
        return train(config(**changes), tmp_path, pictures(), still(1), **passed)

    result = run_own(network(0), max_steps=3)
    again = load_result(tmp_path, still(1), network(0))
    found = embed(again.model, still(1), progress=False).points
    torch.testing.assert_close(found, result.embeddings.points, rtol=1e-4, atol=1e-5)
    for call in (lambda m: run_own(m), lambda m: load_result(tmp_path, still(1), m)):
        with pytest.raises(ValueError, match="on a resting network with other weights"):
            call(network(1))
    assert len(run_own(network(0)).history) == 6
    with pytest.raises(ValueError, match="is for a configured backbone") as error:
        run_own(network(0), adapter="lora")
    assert "model=add_lora(" in str(error.value)


@needs_peft
def test_a_pretrained_backbone_that_has_changed_since(tmp_path):
    "Adapters belong to the weights that they were trained beside."

    def weights(seed):
        torch.manual_seed(seed)
        backbone = timm.create_model("vit_tiny_patch16_224", **small["backbone_settings"])
        torch.save(backbone.state_dict(), tmp_path / "weights.pt")

    def again(**changes):
        return run(tmp_path / "run", True, pretrained=str(tmp_path / "weights.pt"), **changes)

    weights(0)
    again(max_steps=3, precision="float64")
    assert trained_model(tmp_path / "run") and load_result(tmp_path / "run", still(1))
    assert len(again(precision="float64").history) == 6
    weights(1)
    calls = (
        lambda: again(),
        lambda: load_result(tmp_path / "run", still(1)),
        lambda: trained_model(tmp_path / "run"),
    )
    for call in calls:
        with pytest.raises(ValueError, match="other weights.\nPass pretrained=…, a file of the"):
            call()


def test_heads_of_a_whole_configuration():
    settings = dict(max_steps=2, epochs=1)
    heads = train_heads(config(**settings), None, pictures(), pictures(1), progress=False)
    assert heads.config.heads_only and len(heads.history) == 2


# Rates


def test_rates_fall_with_depth_and_only_in_the_backbone():
    alike, falling = (
        Trainer(config(layer_decay=q, head_lr_scale=1.0), pictures()).optimizer.param_groups
        for q in (None, 0.5)
    )
    assert [g["lr"] for g in falling if g["name"] == "backbone"] == [1e-3, 0.5e-3]
    of_others = [(g["name"], g["lr"]) for g in alike if g["name"] != "backbone"]
    assert of_others == [(g["name"], g["lr"]) for g in falling if g["name"] != "backbone"]
    sizes = [sorted(p.numel() for g in groups for p in g["params"]) for groups in (alike, falling)]
    assert sizes[0] == sizes[1]
    assert {g["weight_decay"] for g in falling if g["name"] == "backbone"} == {1e-4}


def test_without_settings_groups_are_what_they_were():
    names = [g["name"] for g in Trainer(config(), pictures()).optimizer.param_groups]
    assert names == ["backbone", "head", "hierarchy", "classes"]
    assert layer_groups(nn.Identity()) == []


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet10t"])
def test_layers_of_other_networks(name):
    model = create_model(name, None, pretrained=False)
    groups = layer_groups(model.backbone, 0.9)
    assert len(groups) > 3 and groups[0][0] == 1.0
    learning = {id(p) for p in model.backbone.parameters() if p.requires_grad}
    assert {id(p) for _, params in groups for p in params} == learning


def test_every_decay_has_the_same_order(tmp_path):
    "Else a run that goes on with another would give one layer what the optimiser knows of another."
    backbone = vit().backbone
    orders = [[list(map(id, p)) for _, p in layer_groups(backbone, q)] for q in (1.0, 0.5, 1e-9)]
    assert orders[0] == orders[1] == orders[2]
    assert [scale for scale, _ in layer_groups(backbone, 0.7)] == [1.0, 0.7, 0.7**2]
    first = Trainer(config(layer_decay=1.0, max_steps=3), pictures(), tmp_path)
    first.fit(progress=False)
    second = Trainer(config(layer_decay=0.5), pictures(), tmp_path)
    with pytest.warns(UserWarning, match="layer_decay: 1.0 -> 0.5"):
        second.resume()
    known = first.optimizer.state, second.optimizer.state
    assert len(known[0]) == len(known[1]) > 10
    for p, q in zip(first.module.parameters(), second.module.parameters()):
        if p in known[0]:
            assert torch.equal(known[0][p]["exp_avg"], known[1][q]["exp_avg"])
    second.fit(progress=False)


def test_layers_that_timm_does_not_find():
    with pytest.raises(ValueError, match="layer_decay=0.5: timm finds no layers in Net"):
        layer_groups(Net(), 0.5)


def test_a_warm_up_that_max_steps_cuts_off():
    with pytest.warns(UserWarning, match="6 steps, and the run has 2: .* below 33%"):
        Trainer(config(lr_warmup_epochs=2, max_steps=2), pictures())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Trainer(config(lr_warmup_epochs=2), pictures())


@pytest.mark.parametrize("schedule", ["cosine", "constant", "step"])
def test_a_linear_warm_up(schedule):
    plain = TrainConfig(schedule=schedule)
    warm = replace(plain, lr_warmup_epochs=2)
    factors = [lr_factor(step, 80, 10, warm) / lr_factor(step, 80, 10, plain) for step in range(80)]
    assert factors[:20] == pytest.approx([(step + 1) / 20 for step in range(20)])
    assert factors[20:] == [1.0] * 60
