"A batch is augmented as its pictures would be one by one, beside whatever neighbours, and after a resume."

import copy
import math
import os
import signal
import warnings

import numpy as np
import own_things
import pytest
import torch
from ranks_resume import config, pictures
from torch import nn
from torch.utils.data import get_worker_info
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as one

from hier_nb import trainer as trainer_module
from hier_nb.augment import _one_slice, batch_of_pictures, create_batch_transform, crop_box
from hier_nb.augment import read_batch, turn_hue
from hier_nb.config import TrainConfig
from hier_nb.depthwise import QuickConv2d, quick_depthwise
from hier_nb.files import checkpoints, load_checkpoint
from hier_nb.models import create_model, embed
from hier_nb.pictures import ImageDataset
from hier_nb.trainer import Trainer
from hier_nb.training import train

RNG = np.random.default_rng(0)
DRAWINGS = RNG.integers(0, 255, (12, 40, 40, 3), np.uint8)


def uniform(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def by_torchvision(drawing, u, size):
    "One drawing through torchvision's functions, with the same numbers; floats, and the negative for white."

    def between(n, low, high):
        return low + (high - low) * float(u[n])

    most = 0.08 * size
    x = torch.from_numpy(drawing.copy()).permute(2, 0, 1)
    x = one.resize(x, [size, size], antialias=True).float() / 255
    x = 1 - one.affine(
        1 - x,
        angle=between(0, -15, 15),
        translate=[round(between(1, -most, most)), round(between(2, -most, most))],
        scale=between(3, 0.8, 1.1),
        shear=[0, 0],
        interpolation=v2.InterpolationMode.BILINEAR,
    )
    x = one.horizontal_flip(x) if u[4] < 0.5 else x
    changes = [
        lambda x: one.adjust_brightness(x, between(5, 0.7, 1.3)),
        lambda x: one.adjust_contrast(x, between(6, 0.7, 1.3)),
        lambda x: one.adjust_saturation(x, between(7, 0.7, 1.3)),
        lambda x: one.adjust_hue(x, between(8, -0.05, 0.05)),
    ]
    for n in u[10:].argsort().tolist():
        x = changes[n](x)
    x = one.rgb_to_grayscale(x, 3) if u[9] < 0.1 else x
    return (x - 0.5) / 0.5


def test_drawings_as_one_by_one():
    transform = create_batch_transform(32, augmentation="affine")
    numbers = uniform(12, transform.n_numbers)
    numbers[3, 9] = 0.05  # grey
    images = transform(batch_of_pictures(DRAWINGS, numbers))
    for image, drawing, u in zip(images, DRAWINGS, numbers):
        assert (image - by_torchvision(drawing, u, 32)).abs().max() < 2e-3
    assert (images[3, 0] - images[3, 1]).abs().max() < 1e-6


PHOTOS = [RNG.integers(0, 255, (h, w, 3), np.uint8) for h, w in [(40, 60), (70, 50), (33, 90)]]


def photo_set():
    return ImageDataset(PHOTOS, [0, 1, 1], ["a", "b"], ["x", "y", "z"])


def test_photographs_as_one_by_one():
    transform = create_batch_transform(24, min_scale=0.3)
    numbers = uniform(3, transform.n_numbers)
    images = transform(read_batch(photo_set(), [0, 1, 2], numbers, transform))
    for image, photo, u in zip(images, PHOTOS, numbers):
        top, left, height, width = crop_box(*photo.shape[:2], u.tolist(), 0.3)
        x = torch.from_numpy(photo).permute(2, 0, 1).float()
        x = x[:, top : top + height, left : left + width]
        x = one.resize(x, [24, 24], v2.InterpolationMode.BICUBIC, antialias=True).clamp(0, 255)
        x = one.horizontal_flip(x) if u[-1] < 0.5 else x
        assert (image - (x / 255 - 0.5) / 0.5).abs().max() < 1e-4
    alone = transform(read_batch(photo_set(), [1], numbers[1:2], transform))
    assert (alone[0] - images[1]).abs().max() < 1e-5


def test_drawings_beside_any_neighbour():
    "On two ranks a picture has other neighbours than on one."
    transform = create_batch_transform(24, augmentation="affine")
    numbers = uniform(5, transform.n_numbers)
    alone = transform(batch_of_pictures(DRAWINGS[:4], numbers[:4]))
    beside = transform(batch_of_pictures([*DRAWINGS[:4], PHOTOS[1]], numbers))
    assert torch.equal(alone, beside[:4])


@pytest.mark.parametrize("augmentation", ["affine", "crop"])
@pytest.mark.parametrize(
    "wrong",
    [DRAWINGS / np.float32(255), DRAWINGS[..., 0], DRAWINGS[..., [0, 1, 2, 2]]],
    ids=["floats", "grey", "four channels"],
)
def test_what_is_no_picture_of_bytes(wrong, augmentation):
    transform = create_batch_transform(24, augmentation=augmentation)
    for images in (wrong, list(wrong)):
        dataset = ImageDataset(images, [0] * 12, ["a"], ["x"] * 12)
        with pytest.raises(ValueError, match="Picture 5 is .* augmented from bytes") as error:
            read_batch(dataset, [5, 2], uniform(2, transform.n_numbers), transform)
        assert "augmentation_by='picture'" in str(error.value)


def test_own_pictures_and_an_own_network_by_the_batch():
    settings = TrainConfig(**own_things.small | dict(augmentation_by="batch", max_steps=2))
    labels = [n // 6 for n in range(60)]
    photos = RNG.integers(0, 255, (60, 20, 20), np.uint8)
    passed = dict(progress=False, model=own_things.Pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = train(settings, None, (photos, labels), **passed)
        assert len(result.history) == 2 and result.after["recall"]
        tokens = (torch.randint(0, 50, (60, 7)), labels)
        passed["model"] = own_things.Words
        with pytest.raises(ValueError, match="is for pictures, and the training set has none"):
            train(settings, None, tokens, **passed)


def test_a_crop_lies_inside():
    for n in range(200):
        u = uniform(22, seed=n).tolist()
        for height, width in [(30, 40), (5, 200), (1, 1), (200, 5)]:
            top, left, h, w = crop_box(height, width, u, 0.08)
            assert 0 <= top and top + h <= height and 0 <= left and left + w <= width
            assert h > 0 and w > 0


def test_a_slice_of_a_slice():
    dataset = ImageDataset(DRAWINGS, [0] * 12, ["a"], ["x"] * 12).subset([3, 5, 7, 9])
    part = dataset.subset([2, 0])
    assert np.array_equal(_one_slice(part.images, [0, 1]), DRAWINGS[[7, 3]])
    assert _one_slice(photo_set().images, [0]) is None


def test_hues_without_colour():
    grey = torch.full((1, 3, 2, 2), 0.3)
    assert torch.equal(turn_hue(grey, torch.full((1, 1, 1, 1), 0.05)), grey)


def test_a_pictures_numbers_are_its_own(monkeypatch):
    "And nobody else's: what draws on a GPU, or after it, goes on as if no picture had been read."

    class Noise(torch.utils.data.Dataset):
        labels = [0] * 9

        def __len__(self):
            return 9

        def __getitem__(self, i):
            return torch.rand(3)

    seeded = trainer_module.SeededDataset(Noise())
    torch.manual_seed(5)
    before = torch.get_rng_state()
    monkeypatch.setattr(torch.cuda, "manual_seed_all", None)  # a call would raise
    once = [seeded[i] for i in range(9)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(seeded[4, 17], seeded[8, 17]) and not torch.equal(once[0], once[1])
    monkeypatch.undo()
    torch.manual_seed(17)
    assert torch.equal(seeded[0, 17], torch.rand(3))


def drawn_set(seed=0):
    dataset = pictures(seed)
    dataset.batch_transform = create_batch_transform(16, augmentation="affine")
    return dataset


def test_a_run_by_the_batch_goes_on_as_itself(tmp_path):
    changes = dict(augmentation_by="batch", epochs=2)
    whole = Trainer(config(**changes), drawn_set())
    whole.fit(progress=False)
    halves = [Trainer(config(**changes), drawn_set(), tmp_path) for _ in range(2)]

    def stop(trainer, epoch):
        trainer.stop_signal = signal.SIGTERM

    with pytest.raises(SystemExit):
        halves[0].fit(stop, progress=False)
    assert halves[1].resume() and halves[1].steps_done == whole.steps_per_epoch
    halves[1].fit(progress=False)
    assert halves[1].history == whole.history
    with_workers = Trainer(config(**changes, workers=1), drawn_set())
    with_workers.fit(progress=False)
    assert with_workers.history == whole.history


def test_proxies_start_alike_where_features_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("HIER_NB_CACHE", str(tmp_path))
    changes = dict(augmentation_by="batch", hier_init_from_classes=True, hier_kinship="features")
    first, second = (Trainer(config(**changes), drawn_set()) for _ in range(2))
    assert list(tmp_path.rglob("*.safetensors"))  # the source of kinship has asked
    first.start_proxies(drawn_set())
    monkeypatch.setattr(trainer_module, "find_features", lambda *_: None)
    second.start_proxies(drawn_set())
    a, b = (t.module.hier.proxies.weight for t in (first, second))
    torch.testing.assert_close(a, b)
    alone = Trainer(config(**changes | dict(hier_kinship="own")), drawn_set())
    with pytest.raises(AssertionError):
        torch.testing.assert_close(a, alone.module.hier.proxies.weight)


def test_a_set_that_nobody_prepared():
    with pytest.raises(ValueError, match="no batch_transform") as error:
        Trainer(config(augmentation_by="batch"), pictures())
    assert len(str(error.value).splitlines()) == 2
    parts = drawn_set().subset([1, 2]), drawn_set().of_classes([0, 2])
    assert all(part.batch_transform is not None for part in parts)


def test_checkpoints_in_the_background(tmp_path):
    quiet = Trainer(config(save_in_background=True), pictures(), tmp_path / "a")
    quiet.fit(progress=False)
    plain = Trainer(config(), pictures(), tmp_path / "b")
    plain.fit(progress=False)
    ours, theirs = (load_checkpoint(tmp_path / name / "checkpoints") for name in "ab")
    assert ours[0].keys() == theirs[0].keys() and ours[1]["history"] == theirs[1]["history"]
    assert all(torch.equal(ours[0][name], value) for name, value in theirs[0].items())


def test_what_is_saved_is_the_moment_of_saving(tmp_path, monkeypatch):
    t = Trainer(config(save_in_background=True), pictures(), tmp_path)
    weight = next(t.model.parameters())
    before = weight.detach().clone()
    t.save()
    with torch.no_grad():
        weight.add_(1)
    t.wait_for_save()
    name = "module.model." + next(name for name, _ in t.model.named_parameters())
    assert torch.equal(load_checkpoint(tmp_path / "checkpoints")[0][name], before)


def test_a_disk_that_fills_in_the_background(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trainer_module, "save_checkpoint", full)
    t = Trainer(config(save_in_background=True), pictures(), tmp_path)
    with pytest.raises(OSError, match="No space left"):
        t.fit(progress=False)
    assert not checkpoints(tmp_path / "checkpoints")


def test_quick_layers_are_the_layers():
    plain = nn.Sequential(nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False), nn.Conv2d(4, 8, 1))
    quick = quick_depthwise(copy.deepcopy(plain))
    assert [type(layer) for layer in quick] == [QuickConv2d, nn.Conv2d]
    assert repr(quick) == repr(plain) and quick.state_dict().keys() == plain.state_dict().keys()
    x = torch.randn(3, 4, 3, 3)
    for network in (plain, quick, copy.deepcopy(quick)):
        network(x).square().sum().backward()
    torch.testing.assert_close(quick[0].weight.grad, plain[0].weight.grad)
    large = torch.randn(1, 4, 9, 9)
    assert torch.equal(quick(large), plain(large)) and math.isfinite(quick(large).sum())


def test_layers_that_others_have_a_hand_in_stay():
    def layer():
        return nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False)

    seen, x = [], torch.randn(2, 4, 3, 3)
    hooked = nn.Sequential(layer())
    hooked[0].register_forward_hook(lambda *_: seen.append(1))
    quick_depthwise(hooked)(x)
    assert seen == [1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        computed = nn.Sequential(nn.utils.weight_norm(layer()))
    quick_depthwise(computed)(x).sum().backward()
    quick_depthwise(nn.Sequential(layer()))(x[0]).sum().backward()  # one map without a batch


class Interrupted(ImageDataset):
    "In a process that loads, Ctrl-C arrives at every item, and SIGTERM once."

    terminated = False

    def __getitem__(self, i):
        if get_worker_info():
            os.kill(os.getpid(), signal.SIGINT)
            if not self.terminated:
                self.terminated = True
                os.kill(os.getpid(), signal.SIGTERM)
        return super().__getitem__(i)


def test_loaders_outlive_the_signals_of_their_group():
    "A terminal sends them to all processes; the trainer still needs its batches, to stop in good order."
    data = pictures()
    data.__class__ = Interrupted
    model = create_model("resnet10t", 4, pretrained=False)
    assert len(embed(model, data, 8, workers=1, progress=False)) == len(data)
    t = Trainer(config(workers=1), data)
    t.fit(progress=False)
    assert t.steps_done == t.steps


def test_fit_again_after_a_stop():
    t = Trainer(config(), pictures())

    def stop(trainer, epoch):
        trainer.stop_signal = signal.SIGINT

    with pytest.raises(KeyboardInterrupt, match="Stopped after step 3"):
        t.fit(stop, progress=False)
    t.fit(progress=False)
    assert t.steps_done == t.steps
