"""Kinship on its way from a word in a configuration into every rank's loss."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from hier_nb.config import make_config
from hier_nb.kinship import ClassKinship, ClassMemory, PictureKinship, smooth_table
from hier_nb.pictures import ImageDataset, create_transform
from hier_nb.trainer import Trainer
from hier_nb.training import train
