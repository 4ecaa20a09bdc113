"""What a GPU changes. Without one each test is skipped by its name; `pytest tests/test_gpu.py --rehearse` runs on the
CPU what can run there, against the CPU itself.

How far CPU and GPU may lie apart, relative to the larger number, and why:

EXACT   float64: the formulas are the same, only the order of sums is another; a thousand sums of 2⁻⁵³ are 1e-13, and
        steep places (the border of the ball, an arcosh near 1) take some digits more.
SINGLE  float32 without TF32: the same with 2⁻²⁴, through a network of a few layers.
HALF    bf16 keeps 8 bits of each number in the network (2⁻⁹ a rounding), fp16 11; losses are float32 in both.
LATER   after some steps: each starts from weights that differ by the roundings before, and atomic sums on a GPU
        have no order at all."""

import math
import warnings

import pytest
import ranks_gpu
import ranks_training
import torch
from ranks_resume import config, pictures

from hier_nb.benchmarks import network_step, no_waiting
from hier_nb.distributed import launch
from hier_nb.embeddings import Embeddings, Taxonomy
from hier_nb.hierarchy import HIERLoss, TripletSettings, triplet_loss
from hier_nb.metrics import retrieval_report
from hier_nb.models import create_model, embed
from hier_nb.neighbors import knn, reciprocal_neighbors
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.supervised import create_metric
from hier_nb.throughput import waits_of
from hier_nb.trainer import Trainer
from hier_nb.training import train
from hier_nb.triplets import sample_triplets

pytestmark = pytest.mark.gpu

EXACT = 1e-9
SINGLE = 1e-4
HALF = dict(bf16=3e-2, fp16=5e-3)
LATER = 1e-2

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(autouse=True)
def without_tf32():
    "TF32 keeps 10 bits of a float32, and cuDNN takes it by itself: such a convolution would prove nothing here."
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture
def device(request):
    "The other side of each comparison."
    if torch.cuda.is_available():
        return "cuda"
    if request.config.getoption("--rehearse"):
        return "cpu"
    pytest.skip("needs a GPU; --rehearse compares the CPU with itself")


def close(a, b, tolerance):
    a, b = torch.as_tensor(a).double().cpu(), torch.as_tensor(b).double().cpu()
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * max(1e-3, b.abs().max()))


def vectors(n=48, dim=16, dtype=torch.float64):
    g = torch.Generator().manual_seed(0)
    y = torch.arange(n // 4).repeat_interleave(4)
    centres = torch.randn(n // 4, dim, generator=g)
    return (centres[y] + 0.5 * torch.randn(n, dim, generator=g)).to(dtype), y


@pytest.mark.parametrize("space", [Ball(), Sphere(), Flat()], ids=lambda s: s.kind)
def test_distances_agree(space, device):
    u, _ = vectors()
    x = space(u)
    close(space.pairwise_dist(x.to(device), x.to(device)), space.pairwise_dist(x, x), EXACT)


# --- losses

taxonomy = Taxonomy(("half",), tuple((str(k // 6),) for k in range(12)))


@pytest.mark.parametrize("name", ["PA", "MS", "PNCA", "SoftTriple", "Hyp", "HAPPIER", "HypMix"])
@pytest.mark.parametrize("dtype, tolerance", [("float64", EXACT), ("float32", SINGLE)])
def test_losses_agree(name, dtype, tolerance, device):
    "The loss and its gradient."
    u, y = vectors(dtype=getattr(torch, dtype))
    space = Ball()
    torch.manual_seed(0)
    told = dict(taxonomy=taxonomy) if name == "HAPPIER" else {}
    loss = create_metric(name, 12, 16, space, **told).to(u.dtype)
    found = []
    for where in ("cpu", device):
        v = u.to(where, copy=True).requires_grad_()
        value = loss.to(where)(space(v), y.to(where))
        value.backward()
        found.append((value.detach(), v.grad))
    assert found[1][0].device.type == torch.device(device).type
    close(found[1][0], found[0][0], tolerance)
    close(found[1][1], found[0][1], tolerance)


def triplets_of(distances, generator):
    related = reciprocal_neighbors(-distances, 8)
    return sample_triplets(related, 20, generator)


def test_hier_draws_the_same(device):
    "With numbers from a CPU generator: triplets to the bit, and the loss of those triplets."
    space = Ball()
    x = space(vectors()[0])
    torch.manual_seed(0)
    rho = HIERLoss(40, 16, space).double().proxies().detach()
    found = []
    for where in ("cpu", device):
        points, proxies = x.to(where), rho.to(where)
        triplets = triplets_of(
            space.pairwise_dist(points, points), torch.Generator().manual_seed(1)
        )
        settings = TripletSettings(0.1, 0.1, False)
        distances = space.pairwise_dist(points, proxies)
        g = torch.Generator().manual_seed(2)
        found.append((triplets, triplet_loss(distances, triplets, settings, g)))
    (mine, loss), (theirs, other) = found
    assert torch.equal(mine.ids, theirs.ids.cpu()) and torch.equal(mine.valid, theirs.valid.cpu())
    close(other.loss, loss.loss, EXACT)
    close(other.collisions, loss.collisions, EXACT)
    close(other.usage, loss.usage, EXACT)


def test_hier_agrees_on_average(device, draws=100):
    "Each device draws its own noise; the mean of the loss and of the gradient over draws is the same."
    space = Ball()
    u, y = vectors(dtype=torch.float32)
    torch.manual_seed(0)
    hier = HIERLoss(40, 16, space, n_neighbors=8, triplets_per_anchor=20)
    found = {}
    for seed, where in enumerate(("cpu", device)):
        torch.manual_seed(seed)
        v = u.to(where, copy=True).requires_grad_()
        hier = hier.to(where)
        losses, slopes = [], []
        for _ in range(draws):
            loss = hier(space(v), y.to(where))
            (slope,) = torch.autograd.grad(loss, v)
            losses.append(loss.item())
            slopes.append((slope * v.detach()).sum().item())
        found[seed] = torch.tensor([losses, slopes])
    a, b = found[0], found[1]
    z = (a.mean(1) - b.mean(1)) / ((a.var(1) + b.var(1)) / draws).sqrt()
    assert z.abs().max() < 4.5, f"standard errors apart: loss {z[0]:.1f}, gradient {z[1]:.1f}"


# --- search


@pytest.mark.parametrize("kind", ["apart", "copies", "last digits"])
def test_neighbors_are_the_same(kind, device):
    "Rows to the last one, for ties go to the lower row; distances as exact as their own float32."
    g = torch.Generator().manual_seed(0)
    x = Ball()(2 * torch.randn(600, 32, generator=g))
    if kind == "copies":
        x = x[:100].repeat(6, 1)
    if kind == "last digits":
        x = x[:1] + 1e-7 * torch.randn(600, 32, generator=g)
    here = knn(x, 10, Ball(), backend="torch")
    there = knn(x.to(device), 10, Ball())
    assert there[0].device.type == torch.device(device).type
    close(there[0], here[0], 1e-6)
    if kind == "apart":
        assert torch.equal(there[1].cpu(), here[1])
    else:  # where distances tie but for their last bit, the order of sums decides
        assert (there[1].cpu() == here[1]).double().mean() > 0.9


def test_reports_agree(device):
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(600) % 60
    x = Ball()(torch.randn(60, 32, generator=g)[labels] + torch.randn(600, 32, generator=g))
    here = retrieval_report(Embeddings(x, Ball(), labels))
    there = retrieval_report(Embeddings(x.to(device), Ball(), labels.to(device)))
    assert here["recall"] == there["recall"] and here["nearest"] == there["nearest"]


def test_embeddings_agree(device):
    torch.manual_seed(0)
    settings = dict(img_size=32, depth=2)
    model = create_model("vit_tiny_patch16_224", 16, pretrained=False, **settings)
    data = ranks_training.pictures()
    here = embed(model, data, progress=False).points
    there = embed(model.to(device), data, progress=False).points
    assert there.device.type == "cpu"
    close(there, here, SINGLE)


# --- trainer

plain = dict(hier_weight=0.0, schedule="constant", epochs=2)  # nothing in it is drawn on the GPU


def history(settings, n=3):
    return ranks_training.steps(settings, n)[0]


@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_first_step_agrees(precision, device):
    "The loss before anything was learned is that of float32 on the CPU, and later ones stay near."
    if precision == "fp16" and device == "cpu":
        pytest.skip("fp16 needs a GPU")
    here = history(plain | dict(device="cpu"))
    there = history(plain | dict(device=device, precision=precision))
    tolerance = HALF.get(precision, SINGLE)
    close(there[0]["PA"], here[0]["PA"], tolerance)
    close([r["PA"] for r in there], [r["PA"] for r in here], 3 * max(tolerance, LATER))


@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_training_learns(precision, device, tmp_path):
    "A whole run with HIER, from pictures to a folder; half precision's scaler is in the checkpoint."
    if precision == "fp16" and device == "cpu":
        pytest.skip("fp16 needs a GPU")
    settings = ranks_training.small | dict(device=device, precision=precision, epochs=6, lr=3e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = ranks_training.pictures(), ranks_training.pictures(seed=1)
        result = train(
            ranks_training.TrainConfig(**settings), tmp_path / "run", *data, progress=False
        )
    rows = result.history
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert {"PA", "HIER"} <= set(rows[0])
    assert rows[-1]["PA"] < rows[0]["PA"]
    assert (tmp_path / "run" / "result.json").is_file()


@needs_gpu
def test_scaler_survives_an_overflow():
    "A scale that is too large costs a step, not the weights, and is lowered."
    data = ranks_training.pictures()
    settings = ranks_training.small | plain | dict(precision="fp16")
    t = Trainer(ranks_training.TrainConfig(**settings), data)
    assert t.scaler.is_enabled()
    batch = ranks_training.first_batch(t)
    t.take_step(*batch)
    t.scaler.update(2.0**60)
    before = [p.detach().clone() for p in t.module.parameters()]
    t.take_step(*batch)
    assert all(torch.equal(a, b) for a, b in zip(before, t.module.parameters()))
    assert t.scaler.get_scale() < 2.0**60
    t.scaler.update(2.0**10)
    t.take_step(*batch)
    assert any(not torch.equal(a, b) for a, b in zip(before, t.module.parameters()))


@needs_gpu
def test_compiled_backbone_computes_the_same():
    "Fused kernels sum in another order: as far as after some steps."
    vit = dict(backbone="vit_tiny_patch16_224", backbone_settings=dict(img_size=32, depth=1))
    plainly, compiled = (history(plain | vit | dict(compile=c), 2) for c in (False, True))
    close(compiled[0]["PA"], plainly[0]["PA"], 10 * SINGLE)
    close(compiled[1]["PA"], plainly[1]["PA"], LATER)


def test_one_rank_in_a_group(device):
    "NCCL on one GPU, gloo on a CPU: collectives, and a training whose gradients go through DDP."
    settings = plain | dict(device=None)
    said, by_ddp = launch(ranks_gpu.both, settings, ranks=1)[0]
    assert said["backend"] == ("nccl" if device == "cuda" else "gloo")
    assert said["device"] == device
    for name in ("total", "every", "first"):
        assert said[name] == [0.0, 1.0, 2.0, 3.0]
    assert said["words"] == ["here"]
    alone = history(settings)
    close(by_ddp[0]["PA"], alone[0]["PA"], SINGLE)
    close(by_ddp[-1]["PA"], alone[-1]["PA"], LATER)


def resumed(folder, device, **changes):
    t = Trainer(config(**changes, schedule="constant", device=device), pictures(), folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert t.resume()
    return t


def test_run_goes_on(device, tmp_path):
    "From a GPU's checkpoint, on the GPU and on the CPU: every tensor to the bit, and the next loss."
    stopped = config(schedule="constant", device=device, max_steps=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        train(stopped, tmp_path, pictures(), pictures(1), progress=False)
        whole = train(config(schedule="constant", device=device), None, pictures(), pictures(1))
    there, here = resumed(tmp_path, device), resumed(tmp_path, "cpu")
    assert there.steps_done == here.steps_done == 4
    for name, tensor in here.tensors().items():
        assert torch.equal(tensor, there.tensors()[name].cpu()), name
    for t in (there, here):
        t.fit(progress=False)
        assert t.steps_done == len(whole.history) == 6
        close(t.history[4]["PA"], whole.history[4]["PA"], LATER)


# --- nobody waits


@needs_gpu
@pytest.mark.parametrize("seed", [None, 0], ids=["numbers from the GPU", "numbers from the CPU"])
def test_python_does_not_wait(seed):
    "Network, HIER, backward and optimiser: PyTorch raises an error at the first wait."
    step = network_step(True, batch=60, image_size=32, seed=seed, img_size=32, depth=1)
    step()
    torch.cuda.synchronize()
    with no_waiting():
        step()
        step()


@needs_gpu
def test_waits_are_found():
    "The measure itself: a question is counted, by its line."
    x = torch.ones((), device="cuda")
    assert sum(waits_of(x.item).values()) == 1
    assert not waits_of(lambda: x + 1)


@needs_gpu
def test_profiler_sees_no_wait():
    "The same by the profiler: no copy to the CPU, and no synchronisation but the profiler's own."
    from torch.profiler import ProfilerActivity, profile

    step = network_step(True, batch=60, image_size=32, seed=0, img_size=32, depth=1)
    step()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        step()
    names = {event.key for event in profiler.key_averages()}
    waits = [name for name in names if "StreamSynchronize" in name or "Memcpy DtoH" in name]
    assert not waits, waits
