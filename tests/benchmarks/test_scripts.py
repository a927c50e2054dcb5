"""Every measurement runs at tiny widths, refuses wrong values, and tells what it should."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks import (
    _pair,
    bench,
    breakdown,
    factorization,
    generator,
    gpu,
    iteration,
    loader,
    write_pages,
)
from benchmarks._measure import Options, Ratio
from benchmarks._pair import Recipe, Sizes, check_equal, check_iteration, draw_batch, share

TINY = Sizes(channels=2, z_dim=4, appearance_dim=6)
SIZES = ["--sizes.channels", "2", "--sizes.z-dim", "4", "--sizes.appearance-dim", "6"]
ONCE = ["--rounds", "1", "--warmup", "0", "--threads", "1", *SIZES]


def rows_of(page: str) -> list[list[str]]:
    """Cells of all lines of all tables of a page, without their rules."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if set(row[0]) != {"-"}]


def damage(network: nn.Module, name: str) -> None:
    with torch.no_grad():
        # Half of it: a norm would take out a factor of all.
        network.get_parameter(name).flatten()[::2].mul_(1.01)


@pytest.mark.parametrize("error", [2e-4, float("nan")])
def test_values_that_differ_end_the_program(error: float) -> None:
    twin = {"a": torch.tensor([1.0, -2.0]), "b": torch.tensor([1e-9])}
    assert check_equal("gradient of", {**twin, "a": twin["a"] + 1e-4}, twin) < 1e-4
    with pytest.raises(SystemExit, match=r"gradient of a differs from the plain twin by .* of its"):
        check_equal("gradient of", {**twin, "a": twin["a"] + 2 * error}, twin)


def test_tensors_of_rounding_have_to_be_small_on_both_sides() -> None:
    twin = {"a": torch.tensor([1.0]), "b": torch.tensor([1e-9])}
    check_equal("gradient of", {**twin, "b": torch.tensor([-2e-9])}, twin)
    with pytest.raises(SystemExit, match="b differs"):
        check_equal("gradient of", {**twin, "b": torch.tensor([1e-3])}, twin)


def test_both_sides_have_to_name_the_same_tensors() -> None:
    with pytest.raises(SystemExit, match=r"name different tensors: \{'b'\}"):
        check_equal("output", {"a": torch.ones(1), "b": torch.ones(1)}, {"a": torch.ones(1)})


@pytest.mark.parametrize("name", ["decoder.stages.1.conv.spatial.weight", "encoder.head.weight"])
@pytest.mark.parametrize("measure", [generator.inference, generator.training])
def test_the_generator_is_not_timed_with_another_weight(
    name: str, measure: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(sizes: Sizes) -> tuple[nn.Module, nn.Module]:
        twin, mine = _pair.build_generators(sizes)
        damage(mine, name)
        return twin, mine

    monkeypatch.setattr(generator, "build_generators", damaged)
    with pytest.raises(SystemExit, match=r"differs from the plain twin by .*; nothing was timed"):
        measure(2, TINY, Options(rounds=1, warmup=0))


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("generator", "decoder.stages.0.conv.temporal.weight"),
        ("discriminator.video", "stages.2.conv.bias"),
        ("discriminator.image", "head.parametrizations.weight.original"),
    ],
)
def test_the_iteration_is_not_timed_with_another_weight(network: str, name: str) -> None:
    torch.manual_seed(0)
    twin, recipe, batch = TINY.twin(), Recipe("released", TINY), draw_batch(2, TINY.z_dim)
    twin.start()
    share(twin, recipe.gan)
    damage(recipe.gan.get_submodule(network), name)
    with pytest.raises(SystemExit, match=r"differs from the plain twin by .*; nothing was timed"):
        check_iteration(twin, recipe, batch)


def test_equal_weights_take_equal_iterations() -> None:
    torch.manual_seed(0)
    twin, recipe, batch = TINY.twin(), Recipe("released", TINY), draw_batch(2, TINY.z_dim)
    twin.start()
    share(twin, recipe.gan)
    assert check_iteration(twin, recipe, batch) < 1e-4


def test_a_batch_is_drawn_alike() -> None:
    one, other = draw_batch(3, 4, size=(8, 32, 32)), draw_batch(3, 4, size=(8, 32, 32))
    assert torch.equal(one.video, other.video)
    assert torch.equal(one.z, other.z)
    assert one.video.shape == (3, 3, 8, 32, 32)
    assert max(one.real_frame, one.fake_frame) < 8


def test_generator(tmp_path: Path) -> None:
    page = tmp_path / "generator.md"
    generator.main([*ONCE, "--inference", "1", "--training", "2", "--markdown", str(page)])
    text = page.read_text()
    header, *rows = rows_of(text)
    assert header == ["what", "by", "ms", "times faster"]
    assert [row[:2] for row in rows] == [
        [what, variant]
        for what in ("evaluation, batch 1", "forward and backward, batch 2")
        for variant in generator.VARIANTS
    ]
    assert all(row[3] == "1.00 (1.00-1.00)" for row in rows if row[1] == "twin")
    assert re.search(r"agree with the twin's within \de[-+]\d\d relative", text)


def test_iteration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def peak_of(variant: iteration.Variant | None, *_: object) -> int:
        return (4 if variant is None else 3 if variant.equals_the_twin else 1) * 2**20

    monkeypatch.setattr(iteration, "peak_of", peak_of)
    page, names = tmp_path / "iteration.md", ["released", "imaginator, mid_channels=out"]
    iteration.main([*ONCE, "--batch-size", "2", "--variants", *names, "--markdown", str(page)])
    text = page.read_text()
    header, *rows = rows_of(text)
    assert header[:2] == ["variant", "ms"]
    assert [row[0] for row in rows] == ["twin", *names]
    assert [row[4:] for row in rows] == [["4", "1.00"], ["3", "0.75"], ["1", "0.25"]]
    assert "losses and gradients agree within" in text


@pytest.mark.parametrize("variant", [None, iteration.Variant()])
def test_what_the_peak_is_of(variant: iteration.Variant | None) -> None:
    iteration._iterate(variant, TINY, 2)


def test_every_variant_is_another_network_or_precision() -> None:
    variants = list(iteration.VARIANTS.values())
    assert len(set(map(str, variants))) == len(variants)
    assert [variant.equals_the_twin for variant in variants] == [True] + [False] * 5


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


def test_gpu_on_a_cpu(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    few = ["--ways", "float32", "bf16", "--batch-size", "2", "--scaling", "1", "2", "--matrix", "8"]
    shapes = ["--shapes", "8", "32", "32", "--shape-batch-size", "2"]
    gpu.main(["--device", "cpu", *ONCE, *few, *shapes, "--markdown", str(page)])
    rows = rows_of(page.read_text())
    assert [row[0] for row in rows] == [
        "variant", "twin", "float32", "bf16", "batch", "1", "2", "T x H x W", "8 x 32 x 32",
    ]  # fmt: skip


def test_gpu_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="torch finds no CUDA device here; run it where there is"):
        gpu.main([])


def test_what_does_not_fit_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(gpu, "draw_batch", exhausted)
    arguments = gpu.Arguments(device="cpu", sizes=TINY, scaling=(1,), shapes=())
    assert gpu.scaling(arguments) == ([[1, "does not fit", "-"]], [])


def test_allowing_tensor_cores_ends_with_the_block() -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    for allowed in (True, False):
        with gpu.tensor_cores(allowed):
            inside = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
            assert inside == (allowed, allowed)
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before
    with gpu.tensor_cores(None):
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


def fixed(median: float) -> Callable[[bench.Arguments], Ratio]:
    return lambda _: Ratio(median, median / 2, median * 2)


@pytest.mark.parametrize(
    ("speed", "memory", "met"),
    [(2.0, 0.7, True), (2.5, 0.5, True), (1.99, 0.5, False), (2.5, 0.71, False)],
)
def test_bench_fails_on_a_miss(
    speed: float,
    memory: float,
    met: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    targets = {
        "speed": bench.Target(2.0, fixed(speed)),
        "memory": bench.Target(0.7, fixed(memory), at_most=True),
    }
    monkeypatch.setattr(bench, "TARGETS", targets)
    if met:
        bench.main([])
    else:
        with pytest.raises(SystemExit) as ended:
            bench.main([])
        assert ended.value.code == 1
    _, *rows = rows_of(capsys.readouterr().out)
    assert [row[:2] for row in rows] == [["speed", "at least 2"], ["memory", "at most 0.7"]]
    assert [row[3] for row in rows].count("MISSED") == (0 if met else 1)


def test_bench_does_not_ask_for_bf16_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = bench.Target(2.5, fixed(1.0), needs_bf16=True)
    monkeypatch.setattr(bench, "TARGETS", {"bf16": target})
    monkeypatch.setattr(bench, "has_bf16", lambda: False)
    text, met = bench.report(bench.Arguments())
    assert met
    assert "not measured" in text
    monkeypatch.setattr(bench, "has_bf16", lambda: True)
    assert not bench.report(bench.Arguments())[1]


def test_bench_measures_what_it_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iteration, "peak_of", lambda variant, *rest: 7 if variant else 10)
    arguments = bench.Arguments(rounds=1, warmup=0, batch_size=2, threads=1, sizes=TINY)
    for name, target in bench.TARGETS.items():
        ratio = target.measure(arguments)
        assert 0 < ratio.minimum <= ratio.median <= ratio.maximum, name
        if target.at_most:
            assert ratio.median == 0.7


def test_bench_refuses_an_unknown_target() -> None:
    with pytest.raises(SystemExit, match="there is no target 'speed'; choose from generator, eval"):
        bench.main(["--only", "speed"])


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
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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
