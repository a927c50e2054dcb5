"""Presets are compared at equal sizes and steps, and told with their spread."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import presets
from examples.imaginator.config import PRESETS

ARGUMENTS = presets.Arguments(seeds=(0, 1), steps=7)


@pytest.mark.parametrize("name", ["released", "imaginator", "modern"])
def test_only_sizes_and_pace_are_set_for_all(name: str) -> None:
    found, start = presets.settings_of(name, 1, ARGUMENTS), PRESETS[name]
    sizes = ("num_frames", "image_size", "z_dim", "appearance_dim", "base_channels")
    common = {key: getattr(found.model, key) for key in sizes}
    assert common == {
        key: getattr(presets.settings_of("released", 0, ARGUMENTS).model, key) for key in sizes
    }
    assert replace(start.model, **common) == found.model
    assert replace(start.discriminator, channels=8) == found.discriminator
    assert found.loss == start.loss
    assert (found.train.steps, found.train.seed) == (7, 1)
    # A preset without an average keeps none.
    assert bool(found.train.ema_decay) == bool(start.train.ema_decay)


def test_a_finished_run_is_not_made_again_and_the_page_tells_mean_and_spread(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for preset, levels in {"released": (1.0, 3.0), "modern": (5.0, 5.0)}.items():
        for seed, level in enumerate(levels):
            folder = tmp_path / f"{preset}-{seed}"
            folder.mkdir()
            rows = {"generated": {"psnr": level, "accuracy": 0.5},
                    "first frame": {"psnr": 20.0}, "real": {"psnr": float("inf")}}  # fmt: skip
            (folder / "result.json").write_text(json.dumps(rows))
    page = tmp_path / "page.md"
    options = ["--presets", "released", "modern", "--seeds", "0", "1", "--out", str(tmp_path)]
    presets.main([*options, "--markdown", str(page)])
    text = page.read_text()
    assert capsys.readouterr().out.strip() == text.strip()
    assert "| `released` | 2.00 ±\u00a01.41 |" in text
    assert "| `modern` | 5.00 ±\u00a00.00 |" in text
    assert "| first frame | 20.00 ±\u00a00.00 |" in text
    assert "inf" not in text
    with pytest.raises(
        SystemExit, match="there is no preset 'tinny'; choose one of imaginator; released"
    ):
        presets.main(["--presets", "tinny"])
