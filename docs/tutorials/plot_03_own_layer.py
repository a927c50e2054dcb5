r"""
A layer of your own
===================

You have an idea for a layer: a transposed (1+2)D convolution that can close itself, so that parts
of a clip which should stand still are left alone. This tutorial writes it, gives it a name, proves
it against its formula, and puts it into a decoder where ImaGINator's layer was, by that name.

The formula is the gated linear unit of Dauphin et al. (Language modeling with gated convolutional
networks, ICML 2017, equation 1), with the convolution exchanged:

.. math:: y = (W_f * x + b_f) \odot \sigma(W_g * x + b_g)
"""

# %%
# Write it
# --------
#
# Both convolutions read the same clip, so one of twice the width does the work of two. Whatever
# stgan knows about geometry, widths, spectral norm and lazily fused features comes with the layer
# that is wrapped. What is added is one line of ``forward`` and one of ``output_shape``: the promise
# that decoders, error messages and tests rely on.
#
# The decorator registers it. It asks for a source and a shape in words, and for an example from
# which every check below draws its inputs: letters are sizes that inputs share, numbers are fixed.

import matplotlib.pyplot as plt
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import stgan
from stgan import Example
from stgan.decoders import VideoDecoder, decoder_stages
from stgan.functional import compose_kernels
from stgan.layers import ConvTranspose1Plus2d
from stgan.profiling import compare
from stgan.registry import LAYERS
from stgan.shapes import plan
from stgan.testing import ContractError, check_entry, check_module, conv_geometries


@LAYERS.register(
    "conv_transpose_gated",
    source="Dauphin et al., Gated Convolutional Networks, ICML 2017, equation 1; over clips",
    shape="(N, C_in, T, H, W) -> (N, C_out, T', H', W')",
    example=Example(
        settings={
            "in_channels": 2, "out_channels": 3, "kernel_size": 4, "stride": 2, "padding": 1
        },
        inputs={"video": "N 2 T H W"},
    ),
)  # fmt: skip
class GatedConvTranspose1Plus2d(nn.Module):
    """Transposed (1+2)D convolution whose output is let through by a gate of its own."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, **options):
        super().__init__()
        self.both = ConvTranspose1Plus2d(
            in_channels, 2 * out_channels, kernel_size, stride, padding, **options
        )

    def forward(self, video):
        return F.glu(self.both(video), dim=1)

    def output_shape(self, input_shape):
        n, channels, *size = self.both.output_shape(input_shape)
        return (n, channels // 2, *size)


print(stgan.list("layers", "*gated"))
layer = stgan.create("layers", "conv_transpose_gated", 8, 4, kernel_size=4, stride=2, padding=1)
print(layer.output_shape((1, 8, 4, 16, 16)), tuple(layer(torch.zeros(1, 8, 4, 16, 16)).shape))

# %%
# Prove it: the contract
# ----------------------
#
# :func:`stgan.testing.check_entry` asks the new entry what it asks of stgan's own: that the promise
# of the shape is kept over drawn sizes, that gradients are those of finite differences, that a clip
# does not depend on its neighbors in the batch, that the layer survives pickling, compiling and
# exporting. An answer other than "yes" is a reason, claimed in the example and checked too.

answers = check_entry("layers", "conv_transpose_gated")
for check, answer in answers.items():
    print(f"{check:18} {answer}")
assert all(answer == "yes" or answer.startswith("does not apply") for answer in answers.values())

# %%
# A promise is easily broken: halving the channels is easy to forget. The contract names the check,
# what was promised and what came.


class Forgetful(GatedConvTranspose1Plus2d):
    """The same without the second half of its promise."""

    def output_shape(self, input_shape):
        return self.both.output_shape(input_shape)


try:
    check_module(Forgetful(2, 3, kernel_size=4, stride=2, padding=1), torch.randn(2, 2, 3, 4, 5))
except ContractError as error:
    print(error)
else:
    raise AssertionError("the broken promise was not found")

# %%
# Prove it: the law
# -----------------
#
# A contract knows nothing of formulas. That the layer is its formula is a law of its own, for every
# geometry: without norm and activation between the steps, each of the two convolutions equals one
# dense transposed convolution, whose kernel :func:`stgan.functional.compose_kernels` gives. Written
# out with torch alone, that is the oracle. Hypothesis draws geometries, sizes and a seed, and would
# shrink a failure to the smallest that fails.


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    geometry=conv_geometries(),
    seed=st.integers(0, 2**31),
    sides=st.tuples(*[st.integers(1, 4)] * 3),
)
def test_the_layer_is_its_formula(geometry, seed, sides):
    torch.manual_seed(seed)
    video = torch.randn(2, 3, *sides, dtype=torch.float64)
    gated = GatedConvTranspose1Plus2d(3, 2, **vars(geometry), norm=None, act=None).double()
    nn.init.zeros_(gated.both.temporal.bias)  # there only because no norm follows
    kernel = compose_kernels(gated.both.temporal.weight, gated.both.spatial.weight, transposed=True)
    where = {"stride": geometry.stride, "padding": geometry.padding}
    features, gate = (
        F.conv_transpose3d(video, kernel[:, half], gated.both.spatial.bias[half], **where)
        for half in (slice(2), slice(2, 4))
    )
    assert tuple(features.shape) == gated.output_shape(tuple(video.shape))
    torch.testing.assert_close(gated(video), features * gate.sigmoid())


test_the_layer_is_its_formula()
print("holds for 40 drawn geometries")

# %%
# Use it by its name
# ------------------
#
# A decoder takes the convolution of its stages as an argument. Within this process the name finds
# the layer wherever stgan looks for one, such as in a configuration that is built again from JSON.
# Another process knows nothing of it: once a package of yours offers it by an entry point,
# ``stgan show layers/conv_transpose_gated`` and ``--model.conv`` of the recipe find it too
# (:doc:`/registries`).

route = plan((16, 32, 32))
stages = decoder_stages(route, base_channels=16)
decoders = {
    name: VideoDecoder(24, stages, num_classes=6, conv=stgan.registry.LAYERS.get(name)).eval()
    for name in ("conv_transpose_1p2d", "conv_transpose_gated")
}
latent, label = torch.randn(2, 24), torch.tensor([0, 5])
for name, decoder in decoders.items():
    print(name, tuple(decoder(latent, label=label).shape))

# %%
# What it costs
# -------------
#
# A gate is not free: the layer makes twice the channels, and since the width between its two steps
# follows them, nearly four times the weights. :func:`stgan.profiling.compare` counts, and measures
# both decoders in turn so that a drift of the machine meets both.

costs = compare(decoders, {"latent": latent, "label": label}, backward=False, rounds=5)
ratios = costs[1].ratios(costs[0])
shown = {
    "parameters": "weights",
    "multiply_adds": "multiply-adds",
    "forward_seconds": "time, forward",
}
figure, axes = plt.subplots(figsize=(6.5, 2.2), layout="constrained")
bars = axes.barh(list(shown.values()), [ratios[key] for key in shown], color="C0")
axes.bar_label(bars, fmt="%.2f x", padding=4)
axes.axvline(1, color="0.4", linewidth=1, linestyle="--")
axes.set(xlabel="gated against plain, on the machine that built this page", xlim=(0, None))
axes.margins(x=0.15)
axes.invert_yaxis()
axes.spines[["top", "right"]].set_visible(False)

# %%
# To keep such a layer for good, add the law to your tests as it stands here, and read
# :doc:`/contributing` for what stgan itself asks of a new part.
