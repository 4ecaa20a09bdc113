"A run that says each of its steps, for tests that kill it: `python kill_job.py FOLDER SECONDS_BETWEEN_STEPS`."

import sys
import time

import torch

from hier_nb.config import TrainConfig
from hier_nb.pictures import ImageDataset, create_transform
from hier_nb.trainer import Trainer
from hier_nb.training import train

LABELS = [n for n in range(8) for _ in range(9)]
CONFIG = TrainConfig(
    backbone="vit_tiny_patch16_224",
    backbone_settings=dict(
        img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=3, proj_drop_rate=0.1
    ),
    pretrained=False,
    dim=16,
    hier_proxies=32,
    hier_neighbors=8,
    hier_triplets=10,
    batch_size=12,
    images_per_class=2,
    epochs=8,
    lr=1e-3,
    hier_lr_scale=10,
    save_every=1,
    learn_curvature=True,
    tensorboard=False,
    device="cpu",
)


def color_pictures(seed):
    "Noise around one colour per class."
    generator = torch.Generator().manual_seed(seed)
    base = torch.rand(max(LABELS) + 1, 3, generator=generator) * 255
    noise = 25 * torch.randn(len(LABELS), 16, 16, 3, generator=generator)
    images = (base[LABELS][:, None, None] + noise).clamp(0, 255)
    return ImageDataset(
        images.to(torch.uint8).numpy(),
        LABELS,
        [f"color {n}" for n in range(max(LABELS) + 1)],
        [str(n) for n in range(len(LABELS))],
        transform=create_transform(True, 32, augmentation="affine"),
        name="colors",
    )


def run(out_dir, wait=0.0, long_after=20):
    "Say every step; wait after each, and long after one of them."
    real = Trainer.take_step

    def take_step(self, *batch):
        real(self, *batch)
        print("step", self.steps_done, flush=True)
        time.sleep(wait * (3000 if self.steps_done == long_after else 1))

    Trainer.take_step = take_step
    train(CONFIG, out_dir, color_pictures(0), color_pictures(1), progress=False, resume=True)
    print("finished", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(sys.argv[1], float(sys.argv[2]))
