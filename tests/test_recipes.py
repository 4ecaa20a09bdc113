"The recipes are the published runs, but for what is said aloud."

import pytest
import timm
from hier_nb.config import (
    load_config,
    published,
    published_settings,
    recipe_differences,
    recipe_names,
)

runs = [r for r in recipe_names() if r.split("-")[0] in ("cub", "cars", "sop", "inshop")]
on_purpose = {"hier_official_negatives", "hier_official_similarity"}


@pytest.mark.parametrize("recipe", runs)
def test_nothing_else_differs(recipe):
    expected = set(on_purpose)
    if recipe in ("sop-resnet50", "inshop-resnet50"):
        expected.add("freeze_batch_norm")
    if recipe == "inshop-vit":
        expected.add("dim")
    assert set(recipe_differences(recipe)) == expected
    assert load_config(recipe).adam_eps == 1e-4 and 50 < published(recipe) < 100


@pytest.mark.parametrize("recipe", recipe_names())
def test_half_precision_has_its_epsilon(recipe):
    config = load_config(recipe)
    assert config.adam_eps == (1e-4 if config.precision == "fp16" else 1e-8)
    assert timm.is_model(config.backbone)


def test_weights_are_those_of_the_published_runs():
    tags = {r: timm.get_pretrained_cfg(load_config(r).backbone).tag for r in runs}
    assert {t for r, t in tags.items() if "resnet" in r} == {"tv_in1k"} and {
        t for r, t in tags.items() if "deit" in r
    } == {"fb_in1k"}
    assert {t for r, t in tags.items() if "dino" in r} == {"dino"} and {
        t for r, t in tags.items() if r.endswith("-vit")
    } == {"augreg_in21k_ft_in1k"}


@pytest.mark.parametrize("recipe", ["emoji-x", "hyp-cub", "cub-clip"])
def test_other_names(recipe):
    with pytest.raises(ValueError, match="no published run"):
        published_settings(recipe)
