"""The layer found by itself in a network of every family of timm, with random weights: the last maps that matter.

Nothing is downloaded. Where timm does not import, these tests are skipped; they are slow.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import pytest
import torch
from torch import nn

from sygus.saliency.networks.classifier import MODEL, Classifier, pipeline, probe_pictures
from sygus.saliency.networks.families.timm import describe
from sygus.saliency.networks.layers import find_layer
from toy_models import CPU

LAYERS: dict[str, tuple[str, tuple[int, int, int]]] = {
    "beit_base_patch16_224": ("blocks.11.norm2", (768, 14, 14)),
    "botnet26t_256": ("final_conv", (2048, 8, 8)),
    "caformer_s18": ("stages", (512, 7, 7)),
    "cait_xxs24_224": ("blocks_token_only.1.norm1", (192, 14, 14)),
    "coat_lite_tiny": ("serial_blocks4.1.norm1", (320, 7, 7)),
    "coat_tiny": ("parallel_blocks.5.norm14", (152, 7, 7)),
    "convit_tiny": ("blocks.11.norm1", (192, 14, 14)),
    "convmixer_768_32": ("blocks", (768, 32, 32)),
    "cpubone_nano": ("head.in_conv", (1536, 7, 7)),
    "crossvit_tiny_240": ("blocks.2.fusion.1.norm1", (96, 20, 20)),
    "cs3darknet_s": ("stages", (512, 8, 8)),
    "csatv2": ("stages", (386, 8, 8)),
    "cspnext_tiny": ("stages", (384, 7, 7)),
    "davit_tiny": ("norm_pre", (768, 7, 7)),
    "deit_tiny_distilled_patch16_224": ("blocks.11.norm1", (192, 14, 14)),
    "deit_tiny_patch16_224": ("blocks.11.norm1", (192, 14, 14)),
    "densenet264d": ("features", (4032, 7, 7)),
    "dla34": ("level5", (512, 7, 7)),
    "dpn68": ("features", (832, 7, 7)),
    "edgenext_small": ("norm_pre", (304, 8, 8)),
    "efficientformer_l1": ("norm", (448, 7, 7)),
    "efficientformerv2_s0": ("norm", (176, 7, 7)),
    "efficientvim_m1": ("norm.3", (320, 4, 4)),
    "efficientvit_b0": ("head.in_conv", (1024, 7, 7)),
    "efficientvit_m0": ("stages", (192, 4, 4)),
    "ese_vovnet19b_slim": ("stages", (512, 7, 7)),
    "eva02_tiny_patch14_224": ("blocks.11.norm2", (192, 16, 16)),
    "eva02_tiny_patch14_336": ("blocks.11.norm2", (192, 24, 24)),
    "fasternet_s": ("stages", (1024, 7, 7)),
    "fastvit_s12": ("final_conv", (1024, 8, 8)),
    "focalnet_tiny_lrf": ("norm", (768, 7, 7)),
    "gcvit_xtiny": ("stages", (512, 7, 7)),
    "ghostnet_050": ("blocks", (480, 7, 7)),
    "gmlp_s16_224": ("norm", (256, 14, 14)),
    "halonet26t": ("final_conv", (2048, 8, 8)),
    "hardcorenas_a": ("blocks", (960, 7, 7)),
    "hgnet_tiny": ("stages", (768, 7, 7)),
    "hiera_tiny_224": ("blocks.11.norm2", (768, 7, 7)),
    "hieradet_small": ("blocks.15", (768, 8, 8)),
    "hrnet_w18_small": ("final_layer", (2048, 7, 7)),
    "iformer_s": ("stages", (320, 7, 7)),
    "inception_next_atto": ("stages", (320, 7, 7)),
    "inception_resnet_v2": ("conv2d_7b", (1536, 8, 8)),
    "inception_v3": ("Mixed_7c", (2048, 8, 8)),
    "inception_v4": ("features", (1536, 8, 8)),
    "lcnet_050": ("blocks", (256, 7, 7)),
    "lcnetv2_small": ("stages", (768, 7, 7)),
    "legacy_senet154": ("layer4", (2048, 7, 7)),
    "legacy_xception": ("act4", (2048, 10, 10)),
    "levit_128s": ("stages", (384, 4, 4)),
    "levit_192": ("stages", (384, 4, 4)),
    "levit_conv_192": ("stages", (384, 4, 4)),
    "lowformer_b0": ("in_conv", (1536, 7, 7)),
    "maxvit_tiny_rw_224": ("norm", (512, 7, 7)),
    "mixer_s16_224": ("norm", (512, 14, 14)),
    "mixer_s32_224": ("norm", (512, 7, 7)),
    "mobilevit_xxs": ("final_conv", (320, 8, 8)),
    "mvitv2_tiny": ("norm", (768, 7, 7)),
    "naflexvit_base_patch16_siglip": ("norm", (768, 24, 24)),
    "nasnetalarge": ("act", (4032, 11, 11)),
    "nest_tiny": ("norm", (384, 14, 14)),
    "nextvit_small": ("norm", (1024, 7, 7)),
    "pit_ti_224": ("transformers.2.blocks.3.norm1", (256, 7, 7)),
    "pit_xs_224": ("transformers.2.blocks.3.norm1", (384, 7, 7)),
    "pit_xs_distilled_224": ("transformers.2.pool", (384, 7, 7)),
    "pnasnet5large": ("act", (4320, 11, 11)),
    "pvt_v2_b0": ("stages", (256, 7, 7)),
    "qwen3_vit_88m": ("encoder", (768, 48, 48)),
    "rdnet_tiny": ("norm_pre", (1040, 7, 7)),
    "regnety_040_sgn": ("final_conv", (1088, 7, 7)),
    "repghostnet_050": ("blocks", (480, 7, 7)),
    "repvgg_b0": ("final_conv", (1280, 7, 7)),
    "repvit_m0_9": ("stages", (384, 7, 7)),
    "res2net50_26w_4s": ("layer4", (2048, 7, 7)),
    "resmlp_12_224": ("norm", (384, 14, 14)),
    "resnest26d": ("layer4", (2048, 7, 7)),
    "resnetv2_18": ("norm", (512, 7, 7)),
    "rexnet_100": ("features", (1280, 7, 7)),
    "selecsls42": ("head", (1280, 4, 4)),
    "sequencer2d_s": ("norm", (384, 16, 16)),
    "shvit_s1": ("stages", (320, 4, 4)),
    "skresnet18": ("layer4", (512, 7, 7)),
    "starnet_s050": ("norm", (128, 7, 7)),
    "swiftformer_xs": ("norm", (220, 7, 7)),
    "swin_s3_tiny_224": ("norm", (768, 7, 7)),
    "swin_tiny_patch4_window7_224": ("norm", (768, 7, 7)),
    "swinv2_cr_tiny_224": ("stages", (768, 7, 7)),
    "swinv2_tiny_window8_256": ("norm", (768, 8, 8)),
    "test_byobnet": ("final_conv", (256, 5, 5)),
    "test_coatnet": ("norm", (128, 5, 5)),
    "test_convnext": ("norm_pre", (64, 5, 5)),
    "test_efficientnet": ("bn2", (256, 5, 5)),
    "test_efficientnet_gn": ("bn2", (256, 5, 5)),
    "test_mambaout": ("stages", (64, 5, 5)),
    "test_maxvit": ("norm", (128, 5, 5)),
    "test_nfnet": ("final_act", (192, 5, 5)),
    "test_resnet": ("layer4", (96, 5, 5)),
    "test_vit": ("blocks.5.norm1", (64, 10, 10)),
    "test_vit2": ("blocks.7.norm2", (64, 10, 10)),
    "test_vit_relpos": ("blocks.8.norm2", (96, 10, 10)),
    "tiny_vit_5m_224": ("stages", (320, 7, 7)),
    "tnt_s_patch16_224": ("blocks.11.norm_out", (384, 14, 14)),
    "tresnet_l": ("body", (2432, 7, 7)),
    "twins_pcpvt_small": ("norm", (512, 7, 7)),
    "twins_svt_small": ("norm", (512, 7, 7)),
    "visformer_tiny": ("norm", (384, 7, 7)),
    "vit_small_r26_s32_224": ("blocks.11.norm1", (384, 7, 7)),
    "vit_tiny_patch16_224": ("blocks.11.norm1", (192, 14, 14)),
    "vit_tiny_r_s16_p8_224": ("blocks.11.norm1", (192, 7, 7)),
    "vitamin_small_224": ("blocks.13.mlp.norm", (384, 14, 14)),
    "volo_d1_224": ("norm", (384, 14, 14)),
    "xception41": ("act", (2048, 10, 10)),
    "xcit_nano_12_p16_224": ("cls_attn_blocks.1.norm1", (128, 14, 14)),
}
"""By the network's name: the module that is found, and K, h, w of its maps; read and judged one by one."""


@pytest.fixture(scope="module")
def timm() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("timm")
    except Exception as error:  # compiled parts that do not fit this torch raise what they like
        return pytest.skip(f"timm does not import: {str(error).splitlines()[0]}")


def with_random_weights(timm: Any, name: str) -> nn.Module:
    """The network; what begins as zero, as heads and last layers of blocks do, would hide that anything matters."""
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        model: nn.Module = timm.create_model(name, pretrained=False).eval()
        for parameter in model.parameters():
            if parameter.dim() > 1 and not parameter.any():
                nn.init.normal_(parameter, std=0.02)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_the_last_maps_that_matter(timm: Any, name: str) -> None:
    if not timm.is_model(name):
        pytest.skip(f"this timm has no {name}")
    classifier: Classifier = describe(with_random_weights(timm, name))
    steps, _ = pipeline(classifier, classifier.model, CPU)
    pictures = probe_pictures(2, classifier.shape)
    grid = classifier.grid if isinstance(classifier.grid, tuple | str) else None
    layer = find_layer(steps, pictures, None, grid)
    assert (layer.name, layer.view.shape) == LAYERS[name]

    kept: list[Any] = []
    module = steps.get_submodule(f"{MODEL}.{layer.name}")
    handle = module.register_forward_hook(lambda _, __, output: kept.append(output))
    logits = steps(pictures.requires_grad_())
    handle.remove()
    output = kept[-1][0] if layer.view.listed else kept[-1]
    direction = torch.linspace(-1, 1, logits.shape[1])
    (gradient,) = torch.autograd.grad((logits * direction).sum(), output)
    maps = layer.view.extract((gradient,) if layer.view.listed else gradient)
    assert bool((maps.abs().amax(1) > 0).all()), "some place of the maps does not matter"
