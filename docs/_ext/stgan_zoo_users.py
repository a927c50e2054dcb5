"""Who uses an entry: published methods, and modules of this repository."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["PAPERS", "importers"]

_ROOT = Path(__file__).resolve().parents[2]
# Published methods with an entry at their heart, and how that is known.
PAPERS: dict[str, dict[str, str]] = {
    "layers/conv_transpose_1p2d": {"ImaGINator": "its decoder, model/networks.py"},
    "layers/conv_transpose_2p1d": {"G3AN": "order 2p1d, model/ops.py"},
    "layers/conv_2p1d": {"R(2+1)D": "section 3.5"},
    "layers/conv_3d": {"C3D": "the paper"},
    "layers/conv_transpose_3d": {"VGAN": "the paper"},
    "layers/conv_gru": {"DVD-GAN": "its generator"},
    "layers/conv_lstm": {"TGANv2": "released code"},
    "layers/factorized_attention": {"G3AN": "factorized self-attention"},
    "layers/minibatch_stddev": {"Progressive GAN": "section 3"},
    "layers/axial_attention": {"DVD-GAN": "separable attention"},
    "layers/downsample_kaiser": {"LongVideoGAN": "its latent codes, at half the cutoff"},
    "layers/upsample_linear": {"LongVideoGAN": "generator_lres.py"},
    "layers/spatial_attention": {"SAGAN": "equations 1 to 3"},
    "layers/temporal_attention": {"G3AN": "temporal half of its attention"},
    "layers/temporal_shift": {"TSM": "the paper"},
    "layers/pixel_shuffle": {"ESPCN": "equation 4"},
    "fusions/film": {"FiLM": "section 2.1"},
    "fusions/spade": {"SPADE": "equation 1"},
    "fusions/concat": {"ImaGINator": "every level of its decoder"},
    "fusions/add_temporal_concat_spatial": {"G3AN": "model/ops.py"},
    "fusions/cross_attention": {"Latent Diffusion": "section 3.3"},
    "projectors/one_hot": {"ImaGINator": "label of its decoder"},
    "blocks/g3": {"G3AN": "section 3.1"},
    "blocks/composite_mask": {"VGAN": "equation 2"},
    "blocks/composite_flow": {"LIA": "section 3"},
    "blocks/latent_acyclic": {"StyleGAN-V": "section 3.1"},
    "blocks/latent_blurred_noise": {"LongVideoGAN": "generator_lres.py"},
    "blocks/latent_deconv": {"TGAN": "temporal generator"},
    "blocks/latent_gru": {"MoCoGAN": "motion codes"},
    "blocks/latent_lstm_walk": {"MoCoGAN-HD": "models/rnn.py"},
    "blocks/latent_repeat": {"MoCoGAN": "content code"},
    "blocks/up": {"ImaGINator": "its decoder"},
    "blocks/down_2d": {"ImaGINator": "its encoder"},
    "blocks/down_3d": {"ImaGINator": "its video discriminator"},
    "encoders/image_pyramid": {"ImaGINator": "its encoder"},
    "decoders/video": {"ImaGINator": "its decoder"},
    "discriminators/two_stream": {
        "ImaGINator": "both discriminators",
        "MoCoGAN": "both discriminators",
    },
    "discriminators/video": {"ImaGINator": "released code"},
    "discriminators/image": {"ImaGINator": "released code"},
    "discriminators/image_patch": {"pix2pix": "section 3.2.2"},
    "discriminators/video_patch": {"MoCoGAN": "PatchVideoDiscriminator"},
    "discriminators/video_2p1d": {"G3AN": "networks.py"},
    "discriminators/pair": {"DIGAN": "motion discriminator"},
    "discriminators/frame_merge": {"StyleGAN-V": "networks.py"},
    "discriminators/temporal_pyramid": {"InMoDeGAN": "the paper"},
    "discriminators/video_multi_scale_patch": {"MoCoGAN-HD": "D_3d.py"},
    "discriminators/first_frame_image": {"MoCoGAN-HD": "in-domain training"},
    "discriminators/first_frame_video": {"MoCoGAN-HD": "in-domain training"},
    "discriminators/video_pooled": {"DVD-GAN": "its temporal discriminator"},
    "discriminators/video_residual": {"DVD-GAN": "blocks of its temporal discriminator"},
    "heads/linear": {"ImaGINator": "last layer of both discriminators"},
    "heads/infogan": {"InfoGAN": "section 6"},
    "losses/non_saturating": {"ImaGINator": "both discriminators and the generator"},
    "losses/l1": {"ImaGINator": "distance to the real clip"},
    "losses/relativistic_average_least_squares": {"MoCoGAN-HD": "halved, to targets 1 and 0"},
    "losses/relativistic_pairing": {"R3GAN": "section 2"},
}


@cache
def importers() -> dict[str, list[str]]:
    """Map a name of a class or function to the modules of stgan and its recipes that import it."""
    found: dict[str, list[str]] = {}
    for folder in ("stgan", "examples"):
        for path in sorted((_ROOT / folder).rglob("*.py")):
            module = ".".join(path.relative_to(_ROOT).with_suffix("").parts)
            # A package that only offers names, and what is private, tell nothing.
            if path.name == "__init__.py" or module.startswith(("stgan.testing", "stgan.cli")):
                continue
            for name in _imported(path):
                found.setdefault(name, []).append(module)
    return found


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from dict.fromkeys(alias.name for alias in node.names)
