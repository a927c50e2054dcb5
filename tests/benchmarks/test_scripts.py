"""Every measurement runs at tiny widths, and its table says what it should."""

import re
import subprocess
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import breakdown, factorization, generator, iteration, loader, write_pages
from benchmarks._measure import Options, Ratio
from benchmarks._memory import Resident
from benchmarks._pair import Recipe, draw_batch
from benchmarks.twin import Twin
from tests.benchmarks.tiny import ONCE, TINY, rows_of


@pytest.mark.parametrize("gain", [0.2, 2.0])
def test_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gain: float) -> None:
    monkeypatch.setattr(generator, "bf16_gain", lambda _: Ratio(gain, gain, gain))
    page = tmp_path / "generator.md"
    generator.main([*ONCE, "--inference", "1", "--training", "2", "--markdown", str(page)])
    text = page.read_text()
    header, *rows = rows_of(text)
    assert header == ["what", "by", "ms", "times faster"]
    assert [row[:2] for row in rows] == [
        [what, variant]
        for what, variants in (
            ("evaluation, batch 1", generator.INFERENCE),
            ("forward and backward, batch 2", generator.VARIANTS),
        )
        for variant in variants
        if gain > 1 or "bf16" not in variant
    ]
    assert all(row[3] == "1.00 (1.00-1.00)" for row in rows if row[1] == "twin")
    assert re.search(r"values agree with the twin's within \de[-+]\d\d relative, and float64", text)


def test_iteration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def memory_of(variant: iteration.Variant | None, *_: object) -> Resident:
        peak = 4 if variant is None else 3 if variant.equals_the_twin else 1
        return Resident(peak * 2**20, None if variant is None else 2**20)

    monkeypatch.setattr(iteration, "memory_of", memory_of)
    page, names = tmp_path / "iteration.md", ["released", "mid_channels=out, one pass"]
    iteration.main([*ONCE, "--batch-size", "2", "--variants", *names, "--markdown", str(page)])
    text = page.read_text()
    header, *rows = rows_of(text)
    assert header[:2] == ["variant", "ms"]
    assert [row[0] for row in rows] == ["twin", *names]
    assert [row[4:] for row in rows] == [
        ["4", "1.00", "-"],
        ["3", "0.75", "1"],
        ["1", "0.25", "1"],
    ]
    assert "float32 values agree with the twin's within" in text


@pytest.mark.parametrize("variant", [None, iteration.Variant()])
def test_what_the_peak_is_of(variant: iteration.Variant | None) -> None:
    kept = iteration._iterate(variant, TINY, 2)
    assert isinstance(kept, Twin if variant is None else Recipe)


def test_recomputing_keeps_less_and_learns_the_same() -> None:
    batch, losses, kept = draw_batch(2, TINY.z_dim), [], []
    for recompute in (False, True):
        recipe = iteration.Variant(recompute=recompute).open(TINY)
        generator_ = recipe.gan.generator
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, s=saved: s.append(t.nbytes) or t,
                                                      lambda t: t):  # fmt: skip
            generator_(batch.video[:, :, 0], batch.z, batch.label)
        kept.append(sum(saved))
        losses.append([recipe.step(batch) for _ in range(2)])
    assert kept[1] < kept[0] / 2
    torch.testing.assert_close(*losses)


def test_every_variant_is_another_network_or_precision() -> None:
    variants = list(iteration.VARIANTS.values())
    assert len(set(map(str, variants))) == len(variants)
    assert [variant.equals_the_twin for variant in variants] == [True] + [False] * (
        len(variants) - 1
    )


def test_loader(tmp_path: Path) -> None:
    page = tmp_path / "loader.md"
    few = ["--clips", "2", "--frames", "33", "--epoch", "4", "--batch-size", "2", "--workers", "0"]
    loader.main([*ONCE, *few, "--markdown", str(page)])
    header, *rows = rows_of(page.read_text())
    assert header[0] == "source"
    files = ["mp4 files", "JPEG strips", "folders of PNG frames"]
    expected = [[form, cache, "0"] for form in files for cache in ("no", "yes")]
    assert [row[:3] for row in rows] == [*expected, ["moving shapes", "-", "0"]]
    assert "from 2 clips of 33 frames" in page.read_text()


def test_clips_of_ones_own_are_loaded_in_every_form(tmp_path: Path) -> None:
    clips = loader.source_clips(loader.Arguments(clips=3, frames=32))
    roots = loader.write_clips(clips, tmp_path)
    again = loader.source_clips(
        loader.Arguments(root=roots["folders of PNG frames"], clips=2, frames=0)
    )
    assert len(again) == 2
    assert torch.equal(again[0], clips[0])
    for root in roots.values():
        read = loader.source_clips(loader.Arguments(root=root, clips=3))
        assert (read[1].float() - clips[1].float()).abs().mean() < 12  # some forms lose detail


def test_factorization(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = factorization.Stage(8, 4, (2, 4, 4))
    monkeypatch.setattr(factorization, "STAGES", {"block": stage})
    page = factorization.page(
        {"block": factorization.measure(stage, factorization.Arguments(rounds=1, warmup=0))},
        factorization.Arguments(rounds=1),
    )
    assert "medians of 1 round, batch of 2, float32" in page
    assert "- Command: `python benchmarks/factorization.py" in page


def test_breakdown(tmp_path: Path) -> None:
    page = tmp_path / "breakdown.md"
    breakdown.main([*ONCE, "--batch-size", "2", "--variants", "released", "--markdown", str(page)])
    header, *rows = rows_of(page.read_text())
    assert header == ["ms", "twin", "released"]
    groups = {row[0]: [float(cell) for cell in row[1:]] for row in rows}
    whole = groups.pop("in all")
    assert sum(values[0] for values in groups.values()) == pytest.approx(whole[0], abs=len(groups))
    assert groups["convolution, backward"][0] > 0


def test_time_is_put_where_it_belongs() -> None:
    network = nn.Sequential(nn.Conv3d(2, 3, 3, bias=False), nn.BatchNorm3d(3), nn.LeakyReLU())
    optimizer = torch.optim.Adam(network.parameters())

    def step() -> None:
        torch.autograd.backward(network(torch.randn(2, 2, 8, 8, 8)).sum())
        optimizer.step()

    found = breakdown.breakdown({"step": step}, Options(rounds=2, warmup=0))["step"]
    for group in ("convolution, forward", "convolution, backward", "batch norm", "Adam"):
        assert found[group] > 0, group
    assert found["matrix products"] == 0


@pytest.mark.parametrize(("seconds", "pays"), [((2.0, 1.0), "8"), ((1.0, 2.0), "never")])
def test_compile_break_even(
    seconds: tuple[float, float], pays: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 9.0 if pays == "8" else 10.0])
    compiled = []
    monkeypatch.setattr(Recipe, "compile", lambda self: compiled.append(self))
    monkeypatch.setattr(Recipe, "step", lambda self, batch: None)
    monkeypatch.setattr(iteration.time, "perf_counter", lambda: next(clock))
    turns = {name: [each] for name, each in zip(("eager", "compiled"), seconds, strict=True)}
    monkeypatch.setattr(iteration, "take_turns", lambda *_: turns)
    page = tmp_path / "compile.md"
    options = ["--compile-break-even", "--variants", "released", "--markdown", str(page)]
    iteration.main([*ONCE, *options])
    _, row = rows_of(page.read_text())
    assert len(compiled) == 1
    assert row == [
        "released", "8.0", f"{seconds[0] * 1e3:.0f}", f"{seconds[1] * 1e3:.0f}",
        str(Ratio(*[seconds[0] / seconds[1]] * 3)), pays,
    ]  # fmt: skip


def test_all_pages_are_written_even_if_a_target_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], *, check: bool, cwd: Path) -> subprocess.CompletedProcess[str]:
        assert (cwd / command[1]).is_file()
        ran.append(command[1:])
        return subprocess.CompletedProcess(command, command[1] == "benchmarks/bench.py")

    monkeypatch.setattr(write_pages.subprocess, "run", run)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    write_pages.main()
    assert [Path(command[-1]).name for command in ran] == [*write_pages.COMMANDS, "gpu.md"]
    monkeypatch.setattr(
        write_pages.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 3)
    )
    monkeypatch.setattr(write_pages, "COMMANDS", {"generator.md": ["generator.py"]})
    with pytest.raises(SystemExit, match=r"generator\.py ended with 3"):
        write_pages.main()
