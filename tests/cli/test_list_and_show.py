"""Everything that is registered can be listed and shown, and misspelled names are answered."""

import re
from types import SimpleNamespace

import pytest

from stgan.registry import REGISTRIES
from tests.cli.shell import Shell

ENTRIES = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry]


def test_show_finds_words_of_the_field_and_names_them(shell: Shell) -> None:
    status, out, _ = shell("show lsgan")
    assert status == 0
    assert out.startswith("losses/least_squares\n")
    assert re.search(r"^also +lsgan$", out, re.MULTILINE)
    assert shell("show losses/LeastSquaresLoss")[1] == out


def test_list_counts_the_entries_of_every_kind(shell: Shell) -> None:
    status, out, _ = shell("list")
    assert status == 0
    rows = dict(line.split() for line in out.splitlines()[2:])
    assert rows == {kind: str(len(registry)) for kind, registry in REGISTRIES.items()}


@pytest.mark.parametrize("kind", [kind for kind, registry in REGISTRIES.items() if registry])
def test_list_names_and_summarizes_every_entry_of_a_kind(kind: str, shell: Shell) -> None:
    status, out, _ = shell(f"list {kind}")
    assert status == 0
    names = [line.split()[0] for line in out.splitlines()[2:] if not line.startswith(" ")]
    assert names == REGISTRIES[kind].list()
    assert "``" not in out
    assert ":class:" not in out


def test_list_filters_by_patterns(shell: Shell) -> None:
    _, out, _ = shell("list layers 'conv_transpose*' --exclude '*1p2d' --exclude '*separable'")
    names = [line.split()[0] for line in out.splitlines()[2:] if not line.startswith(" ")]
    assert names == ["conv_transpose_2p1d", "conv_transpose_3d"]


def test_list_of_nothing_has_the_status_1(shell: Shell) -> None:
    status, out, _ = shell("list layers 'x*'")
    assert status == 1
    assert out.startswith("no name in layers matches; 'stgan list layers' shows all ")


def test_list_of_an_unknown_kind_suggests_the_nearest(shell: Shell) -> None:
    assert shell.error("list layer").startswith(
        "error: stgan has no kind named 'layer'; did you mean 'layers'? known: augmentations, "
    )


class _Point:
    """An entry point of a package whose import fails."""

    name = "broken_layer"
    value = "other_package:Broken"
    dist = SimpleNamespace(name="other-package", version="1.2")

    def load(self) -> None:
        raise ModuleNotFoundError("No module named 'gone'")


@pytest.fixture
def _broken_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = REGISTRIES["layers"]
    monkeypatch.setitem(layers.__dict__, "_plugins", {_Point.name: _Point()})


@pytest.mark.usefixtures("_broken_plugin")
def test_a_package_that_cannot_be_loaded_is_named_in_its_row(shell: Shell) -> None:
    status, out, _ = shell("list layers")
    assert status == 0
    text = " ".join(out.split())
    assert "which the package other-package 1.2 offers to layers: ModuleNotFoundError" in text
    assert "conv_transpose_1p2d" in text
    assert "No module named 'gone'" in shell.error("show broken_layer")


def test_show_tells_what_the_registry_knows(shell: Shell) -> None:
    for kind, name in ENTRIES:
        status, out, _ = shell(f"show {kind}/{name}")
        assert status == 0
        info = REGISTRIES[kind].info(name)
        text = re.sub(r"\s+", "", out)
        assert out.startswith(f"{kind}/{name}\n")
        for fact in (info.shape, info.source, info.owner):
            assert re.sub(r"\s+", "", fact) in text, (kind, name)
        if info.example is not None:
            assert "\n  output " in out, (kind, name)


def test_show_explains_settings_and_example(shell: Shell) -> None:
    _, out, _ = shell("show conv_transpose_1p2d")
    lines = out.splitlines()
    start = lines.index("settings") + 1
    assert lines[start : start + 7] == [
        "  in_channels: int",
        "  out_channels: int",
        "  kernel_size: Size3",
        "  stride: Size3 = 1",
        "  padding: Size3 = 0",
        "  mid_channels: MidChannels = 'out'",
        "  norm: Norm = BatchNorm3d",
    ]
    assert "  video       N 4 T H W as (2, 4, 4, 6, 5)" in lines
    assert "  output      (2, 3, 8, 12, 10)" in lines
    layer = REGISTRIES["layers"].create("conv_transpose_1p2d", 4, 3, 4, 2, 1)
    assert f"  parameters  {sum(p.numel() for p in layer.parameters())}" in lines


def test_show_asks_for_the_kind_where_a_name_stands_in_several(shell: Shell) -> None:
    homes = [kind for kind, registry in REGISTRIES.items() if "video" in registry]
    assert len(homes) > 1
    sentence = shell.error("show video")
    assert sentence.startswith("error: video stands in several kinds; write ")
    assert all(f"{kind}/video" in sentence for kind in homes)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("conv_transpos_1p2d", "no entry is named 'conv_transpos_1p2d'; did you mean layers/conv"),
        ("concatt", "did you mean fusions/concat"),
        ("separable", "did you mean layers/conv_separable or layers/conv_transpose_separable"),
        ("zzzz", "no entry is named 'zzzz'; 'stgan list' shows the kinds"),
        ("layers/concat", "layers has no entry named 'concat'"),
        ("layer/concat", "stgan has no kind named 'layer'; did you mean 'layers'?"),
    ],
)
def test_show_of_an_unknown_name_suggests_near_ones_of_all_kinds(
    asked: str, sentence: str, shell: Shell
) -> None:
    assert sentence in shell.error(f"show {asked}")
