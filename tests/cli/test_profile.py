"""Everything with an example can be measured, and what cannot is refused in a sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.cli._profile import read_settings
from stgan.cli._screen import bytes_of, count, duration
from stgan.errors import ConfigError
from stgan.registry import REGISTRIES
from tests.cli.shell import Shell

# One of every kind; that each entry runs on its example is a law of the contracts.
TRIED = [
    (kind, [name for name in registry if registry.info(name).example][-1])
    for kind, registry in REGISTRIES.items()
]


@pytest.mark.parametrize(("kind", "name"), TRIED)
def test_a_module_of_every_kind_can_be_profiled(kind: str, name: str, shell: Shell) -> None:
    info = REGISTRIES[kind].info(name)
    assert info.example is not None
    status, out, err = shell(f"profile {kind}/{name} --rounds 1 --warmup 0")
    if status == 2:
        assert "is no module: there is nothing to measure" in " ".join(err.split())
        return
    assert status == 0
    assert out.startswith(f"{kind}/{name}\n  settings ")
    for fact in ("output", "parameters", "multiply-adds", "activations", "forward", "backward"):
        assert f"\n  {fact} " in out


def test_profile_takes_settings_sizes_and_conditions(shell: Shell, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    target = tmp_path / "cost.json"
    status, out, _ = shell(
        "profile conv_transpose_1p2d in_channels=6 kernel_size=3,4,4 mid_channels=2 norm=None "
        f"--size 2 5 7 --batch 3 --rounds 2 --dtype float64 --threads 1 --json {target}"
    )
    assert status == 0
    assert "\n  at             N=3, T=2, H=5, W=7\n" in out
    assert "\n  input video    N 6 T H W\n" in out
    assert "float64, training, median of 2 rounds" in out
    assert torch.get_num_threads() == before
    (cost,) = json.loads(target.read_text())["profiles"]
    assert cost["parameters"] == 6 * 2 * 3 + 2 + 2 * 3 * 16 + 3
    assert cost["multiply_adds"] == 3 * 35 * (2 * 6 * 2 * 3 + 3 * 2 * 3 * 16)
    assert cost["output_shape"] == [3, 3, 3, 10, 14]
    assert (cost["dtype"], cost["threads"]) == ("float64", 1)


def test_profile_for_inference_has_no_way_back(shell: Shell) -> None:
    _, out, _ = shell("profile conv_transpose_1p2d --inference --rounds 1")
    assert "\n  activations    -\n" in out
    assert "\n  backward       -\n" in out
    assert "inference, 1 round" in out


def test_profile_describes_inputs(shell: Shell) -> None:
    _, out, _ = shell("profile concat --inputs video='1 4 2 H W' --inputs appearance='1 2 H W' "
                      "--inputs label='1 < 3' --size 3 4 --rounds 1")  # fmt: skip
    assert "\n  at                H=3, W=4\n" in out
    assert "\n  output            (1, 9, 2, 3, 4)\n" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("zzzz", "no entry is named 'zzzz'"),
        ("conv_transpose_1p2d width=3", "has no setting named 'width'"),
        ("conv_transpose_1p2d kernel_size=wide", "kernel_size must be an integer or (T, H, W)"),
        ("conv_transpose_1p2d wide", "a setting must be written as key=value, got 'wide'"),
        ("conv_transpose_1p2d --size 4", "--size must be H W or T H W, got 1 numbers"),
        ("conv_transpose_1p2d --size 0 4 4", "size T must be at least 1, got 0"),
        ("conv_transpose_1p2d --rounds 0", "rounds must be at least 1, got 0"),
        ("conv_transpose_1p2d --threads 0", "--threads must be at least 1, got 0"),
        ("conv_transpose_1p2d --device nowhere", "device 'nowhere' cannot be used"),
        ("conv_transpose_1p2d --inputs video", "--inputs must be written as NAME="),
        ("conv_transpose_1p2d --inputs video='2 9 T H W'", "video must be laid out as"),
        ("conv_transpose_1p2d --inputs foo='N 4 T H W'", "cannot take these --inputs: "),
        ("conv_transpose_1p2d --inputs foo='N 4 T H W'", "unexpected keyword argument 'foo'; "),
        ("conv_transpose_1p2d --inputs video='= T H'", "cannot take these --inputs: "),
        ("conv_transpose_1p2d --inputs video='N 4 T H W < 5'", "describe others, as in --inputs"),
        ("video_residual --dtype bfloat16", "torch cannot run all of it in bfloat16 on cpu: "),
        ("video_pooled --dtype float16", "; give another --dtype or --device"),
        ("down_2d --size 2 8 8", "the inputs of blocks/down_2d have no axis T, only N, H, W"),
        ("factorization --inputs video='N 3 T H W'", "the factorization family has one input"),
        ("factorization kernel_size=1", "raise kernel_size[0] to at least 2"),
        ("factorization width=3", "unexpected keyword argument 'width'"),
    ],
)
def test_profile_refuses_in_a_sentence(arguments: str, sentence: str, shell: Shell) -> None:
    assert sentence in shell.error(f"profile {arguments}")


def test_a_defect_of_a_part_is_no_mistake_of_the_user(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise TypeError("half written")

    monkeypatch.setattr("stgan.cli._profile.compare", broken)
    with pytest.raises(TypeError, match="half written"):
        shell("profile conv_transpose_1p2d")


def test_profile_sets_the_family_side_by_side(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "family.json"
    status, out, _ = shell(
        "profile factorization in_channels=6 out_channels=4 mid_channels=released,match,out "
        f"--size 2 3 3 --batch 2 --rounds 1 --json {target}"
    )
    assert status == 0
    assert "\ninput     N 6 T H W at N=2, T=2, H=3, W=3\n" in out
    head, _, relative = out.partition("/ conv_transpose_3d")
    rows = [line.split() for line in relative.splitlines()[2:] if line.startswith(("conv", "res"))]
    assert len(rows) == 8
    costs = json.loads(target.read_text())["profiles"]
    assert all(f"\n{cost['name']} " in head for cost in costs)
    released = costs[1]["multiply_adds"] / costs[0]["multiply_adds"]
    assert rows[0][:2] == ["conv_transpose_1p2d", "released"]
    assert rows[0][3] == f"{released:.2f}"


def test_profile_tells_which_members_cannot_be_built(shell: Shell) -> None:
    _, out, _ = shell("profile factorization kernel_size=1 stride=1 padding=0 "
                      "mid_channels=released --size 1 2 2 --rounds 1")  # fmt: skip
    assert "conv_transpose_1p2d released is left out: mid_channels 'released' gives 0" in out


@given(st.dictionaries(
    st.sampled_from(["a", "b_c"]),
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.lists(st.integers(), min_size=2) | st.text("xyz_", min_size=1),
))  # fmt: skip
def test_settings_are_read_as_they_are_written(settings: dict[str, Any]) -> None:
    words = [f"{key}={value if isinstance(value, str) else json.dumps(value)}"
             for key, value in settings.items()]  # fmt: skip
    assert read_settings(words) == settings


def test_settings_may_be_written_as_in_python_or_with_commas() -> None:
    assert read_settings(["a=None", "b=True", "c=1,2,3", "d=x=y", "e=x,2"]) == {
        "a": None, "b": True, "c": (1, 2, 3), "d": "x=y", "e": ("x", 2),
    }  # fmt: skip
    with pytest.raises(ConfigError, match="got '1=2'"):
        read_settings(["1=2"])


def test_numbers_are_written_with_three_digits() -> None:
    assert [count(n) for n in (0, 999, 999_600, 1234, 7 * 10**12)] == [
        "0", "999", "1 M", "1.23 k", "7 T",
    ]  # fmt: skip
    assert [bytes_of(n) for n in (None, 0, 1000, 1536, 5 << 30)] == [
        "-", "0 B", "0.977 KiB", "1.5 KiB", "5 GiB",
    ]  # fmt: skip
    assert [duration(s) for s in (None, 1e-6, 0.0123, 75.0)] == ["-", "1 us", "12.3 ms", "75 s"]
