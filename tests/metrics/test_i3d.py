"""I3D: its layers, its padding, and weights that are what they claim to be."""

import hashlib
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stgan.errors import CheckpointError, ShapeError, UnknownNameError
from stgan.metrics import I3D, FrechetVideoDistance, I3DFeatures, KernelVideoDistance
from stgan.metrics.i3d import _same

# Branch widths as in table 1 of Szegedy et al., from 3a to 5b there.
TABLE = [
    ("3b", 192, (64, 96, 128, 16, 32, 32)),
    ("3c", 256, (128, 128, 192, 32, 96, 64)),
    ("4b", 480, (192, 96, 208, 16, 48, 64)),
    ("4c", 512, (160, 112, 224, 24, 64, 64)),
    ("4d", 512, (128, 128, 256, 24, 64, 64)),
    ("4e", 512, (112, 144, 288, 32, 64, 64)),
    ("4f", 528, (256, 160, 320, 32, 128, 128)),
    ("5b", 832, (256, 160, 320, 32, 128, 128)),
    ("5c", 832, (384, 192, 384, 48, 128, 128)),
]


@pytest.fixture(scope="module")
def i3d() -> I3D:
    torch.manual_seed(0)
    network = I3D().eval()
    # Norms that are not the identity.
    for name, tensor in network.state_dict().items():
        if name.endswith(("running_var", "bn.weight")):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith(("running_mean", "bn.bias")):
            tensor.normal_(0, 0.1)
    return network


@pytest.fixture(scope="module")
def state_file(i3d: I3D, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    path = tmp_path_factory.mktemp("weights") / "i3d_pretrained_400.pt"
    # A port of other weights has no counters of batches.
    state = {k: v for k, v in i3d.state_dict().items() if not k.endswith("num_batches_tracked")}
    torch.save(state, path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_state_dict_is_that_of_the_published_ports(i3d: I3D) -> None:
    def unit(name: str, inside: int, outside: int, kernel: int) -> dict[str, tuple[int, ...]]:
        statistics = ("weight", "bias", "running_mean", "running_var")
        return {
            f"{name}.conv3d.weight": (outside, inside, *(kernel,) * 3),
            **{f"{name}.bn.{key}": (outside,) for key in statistics},
            f"{name}.bn.num_batches_tracked": (),
        }

    expected = {
        **unit("Conv3d_1a_7x7", 3, 64, 7),
        **unit("Conv3d_2b_1x1", 64, 64, 1),
        **unit("Conv3d_2c_3x3", 64, 192, 3),
        "logits.conv3d.weight": (400, 1024, 1, 1, 1),
        "logits.conv3d.bias": (400,),
    }
    for name, inside, (one, red3, three, red5, five, pool) in TABLE:
        expected |= unit(f"Mixed_{name}.b0", inside, one, 1)
        expected |= unit(f"Mixed_{name}.b1a", inside, red3, 1)
        expected |= unit(f"Mixed_{name}.b1b", red3, three, 3)
        expected |= unit(f"Mixed_{name}.b2a", inside, red5, 1)
        expected |= unit(f"Mixed_{name}.b2b", red5, five, 3)
        expected |= unit(f"Mixed_{name}.b3b", inside, pool, 1)
    assert {name: tuple(t.shape) for name, t in i3d.state_dict().items()} == expected


Triple = tuple[int, int, int]


def _padded(video: Tensor, kernel: Triple, stride: Triple, value: float = 0.0) -> Tensor:
    """Padding of the original framework, axis by axis, from its documentation."""
    for axis, k, s in zip((2, 3, 4), kernel, stride, strict=True):
        rest = video.shape[axis] % s
        total = max(k - s if rest == 0 else k - rest, 0)
        video = F.pad(video, [0, 0] * (4 - axis) + [total // 2, total - total // 2], value=value)
    return video


def test_the_network_is_a_plain_chain_of_its_layers(i3d: I3D) -> None:
    """The forward pass again, from the state dict alone."""
    state = {name: tensor.double() for name, tensor in i3d.state_dict().items()}
    video = torch.rand(2, 3, 11, 34, 41, dtype=torch.float64) * 2 - 1

    def unit(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = state[f"{name}.conv3d.weight"]
        k = weight.shape[-1]
        x = F.conv3d(_padded(x, (k, k, k), (stride,) * 3), weight, stride=stride)
        mean, var = state[f"{name}.bn.running_mean"], state[f"{name}.bn.running_var"]
        scale, shift = state[f"{name}.bn.weight"], state[f"{name}.bn.bias"]
        form = (1, -1, 1, 1, 1)
        x = (x - mean.view(form)) / (var.view(form) + 1e-3).sqrt()
        return (x * scale.view(form) + shift.view(form)).clamp(min=0)

    def pool(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
        return F.max_pool3d(_padded(x, kernel, stride, -torch.inf), kernel, stride)

    def mixed(x: Tensor, name: str) -> Tensor:
        return torch.cat(
            [
                unit(x, f"{name}.b0"),
                unit(unit(x, f"{name}.b1a"), f"{name}.b1b"),
                unit(unit(x, f"{name}.b2a"), f"{name}.b2b"),
                unit(pool(x, (3, 3, 3), (1, 1, 1)), f"{name}.b3b"),
            ],
            dim=1,
        )

    x = pool(unit(video, "Conv3d_1a_7x7", 2), (1, 3, 3), (1, 2, 2))
    x = pool(unit(unit(x, "Conv3d_2b_1x1"), "Conv3d_2c_3x3"), (1, 3, 3), (1, 2, 2))
    x = mixed(mixed(x, "Mixed_3b"), "Mixed_3c")
    x = pool(x, (3, 3, 3), (2, 2, 2))
    for name in ("4b", "4c", "4d", "4e", "4f"):
        x = mixed(x, f"Mixed_{name}")
    x = mixed(mixed(pool(x, (2, 2, 2), (2, 2, 2)), "Mixed_5b"), "Mixed_5c")
    pairs = (x[:, :, 1:] + x[:, :, :-1]) / 2
    features = pairs.mean(dim=(2, 3, 4))
    expected = features @ state["logits.conv3d.weight"].flatten(1).T + state["logits.conv3d.bias"]
    with torch.no_grad():
        torch.testing.assert_close(I3D.forward(i3d.double(), video), expected)
    i3d.float()


@pytest.mark.parametrize("size", [7, 8, 9, 16, 17])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (7, 2), (3, 2), (2, 2)])
def test_padding_leaves_size_over_stride(size: int, kernel: int, stride: int) -> None:
    video = torch.rand(1, 1, size, size, size)
    padded = _same(video, (kernel,) * 3, (stride,) * 3)
    torch.testing.assert_close(padded, _padded(video, (kernel,) * 3, (stride,) * 3))
    assert (padded.shape[2] - kernel) // stride + 1 == -(-size // stride)


def test_weights_come_from_a_file_whose_hash_is_checked(
    i3d: I3D, state_file: tuple[Path, str]
) -> None:
    path, digest = state_file
    features = I3DFeatures(path, sha256=digest.upper())
    assert (features.sha256, features.name, features.is_fvd) == (digest, "I3D logits", True)
    assert features.resize == "bilinear 224 x 224, squash"
    small = I3DFeatures(path, sha256=digest, image_size=32)
    clips = torch.rand(2, 3, 9, 32, 32) * 2 - 1
    torch.testing.assert_close(small(clips), i3d(clips))
    assert not small.is_fvd
    unchecked = I3DFeatures(path)
    assert (unchecked.sha256, unchecked.is_fvd) == (digest, False)
    assert unchecked.name == "I3D logits, hash not checked"
    with pytest.raises(CheckpointError, match=f"must have the SHA-256 {'0' * 64}, got {digest}"):
        I3DFeatures(path, sha256="0" * 64)


class _Script(nn.Module):
    """The face of the published TorchScript file, over a few numbers."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(
        self,
        video: Tensor,
        rescale: bool = True,
        resize: bool = True,
        return_features: bool = False,
    ) -> Tensor:
        assert not rescale
        assert not resize
        assert return_features
        return video.mean(dim=(1, 2, 3, 4)).unsqueeze(1).repeat(1, self.length)


def _script(folder: Path, length: int) -> tuple[Path, str]:
    path = folder / "i3d_torchscript.pt"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        torch.jit.save(torch.jit.script(_Script(length)), path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_torchscript_is_called_on_clips_that_are_resized_here(tmp_path: Path) -> None:
    path, digest = _script(tmp_path, 400)
    features = I3DFeatures(path, sha256=digest)
    clips = torch.full((2, 3, 9, 20, 20), 0.25)
    torch.testing.assert_close(features(clips), torch.full((2, 400), 0.25))
    assert (features.name, features.is_fvd) == ("I3D (TorchScript) logits", True)


def test_torchscript_of_another_network_is_refused(tmp_path: Path) -> None:
    features = I3DFeatures(_script(tmp_path, 1024)[0])
    with pytest.raises(ShapeError, match=r"must return the 400 logits of I3D, got \(1, 1024\)"):
        features(torch.zeros(1, 3, 9, 20, 20))


def test_only_checked_weights_make_an_fvd(state_file: tuple[Path, str], tmp_path: Path) -> None:
    path, digest = _script(tmp_path, 400)
    names = {}
    for extractor in (
        I3DFeatures(path, sha256=digest),
        I3DFeatures(path),
        I3DFeatures(path, sha256=digest, image_size=112),
        I3DFeatures(image_size=16),
    ):
        for metric in (FrechetVideoDistance(extractor), KernelVideoDistance(extractor)):
            for real in (True, False):
                metric.update(torch.rand(3, 3, 9, 16, 16), real=real)
            result = metric.result(resamples=0, splits=0)
            names[result.metric] = result.sha256
    assert list(names) == [
        "FVD",
        "KVD",
        "Frechet distance on I3D (TorchScript) logits, hash not checked",
        "kernel distance on I3D (TorchScript) logits, hash not checked",
        "Frechet distance on I3D (TorchScript) logits",
        "kernel distance on I3D (TorchScript) logits",
        "Frechet distance on I3D with random weights",
        "kernel distance on I3D with random weights",
    ]
    assert names["FVD"] == digest


def test_files_that_are_no_weights_of_i3d_are_refused(tmp_path: Path) -> None:
    other, text, code = tmp_path / "other.pt", tmp_path / "text.pt", tmp_path / "code.pt"
    torch.save(nn.Linear(2, 2).state_dict(), other)
    text.write_text("no weights")
    torch.save(nn.Linear(2, 2), code)  # a whole module, which only code could unpack
    for path, message in (
        (other, "holds no weights of I3D: .*[Mm]issing key"),
        (text, "cannot be read as a state dict"),
        (code, "cannot be read as a state dict: .*dense tensors and numbers"),
        (tmp_path / "missing.pt", "does not exist; check the path"),
    ):
        with pytest.raises(CheckpointError, match=message):
            I3DFeatures(path)
    with pytest.raises(ValueError, match="sha256 is that of the file of weights; give weights"):
        I3DFeatures(sha256="0" * 64)
    with pytest.raises(UnknownNameError, match="resize has no entry named 'stretch'"):
        I3DFeatures(resize="stretch")


@pytest.mark.parametrize("network", [I3D(), I3DFeatures(image_size=32)])
def test_short_clips_are_refused(network: nn.Module) -> None:
    with pytest.raises(ShapeError, match="video must have at least 9 frames for I3D, got 8"):
        network(torch.zeros(1, 3, 8, 32, 32))
    with pytest.raises(ShapeError, match=r"laid out as \(N, C=3, T, H, W\), got \(1, 1, 9, 32, 32"):
        network(torch.zeros(1, 1, 9, 32, 32))
