"""The promised ratios: what is measured, and that a miss is an error."""

from collections.abc import Callable

import pytest

from benchmarks import bench, iteration
from benchmarks._measure import Ratio
from benchmarks._memory import Resident
from tests.benchmarks.tiny import TINY, rows_of


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


def test_bench_asks_for_bf16_where_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: bench.Arguments) -> Ratio:
        raise AssertionError("measured without being asked for")

    for measure, gain, verdict in (
        (never, 0.8, "not asked"),
        (fixed(1.0), 1.9, "MISSED"),
        (fixed(3.0), 1.9, "met"),
    ):
        targets = {"bf16": bench.Target(2.5, measure, needs_bf16=True)}
        monkeypatch.setattr(bench, "TARGETS", targets)
        monkeypatch.setattr(bench, "bf16_gain", fixed(gain))
        text, met = bench.report(bench.Arguments())
        assert met == (verdict != "MISSED")
        assert verdict in text
    monkeypatch.undo()
    assert bench.bf16_gain(bench.Arguments(rounds=1, warmup=0)).median > 0


def test_variants_in_bf16_are_left_out_where_it_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iteration, "memory_of", lambda *_: Resident(10, None))
    monkeypatch.setattr(iteration, "bf16_gain", fixed(0.5))
    names = ("released", "released, bf16")
    page = iteration.page(iteration.Arguments(
        rounds=1, warmup=0, batch_size=2, threads=1, sizes=TINY, variants=names,
    ))  # fmt: skip
    _, *rows = rows_of(page)
    assert [row[0] for row in rows] == ["twin", *names]
    assert rows[2][1:] == ["-"] * 6
    assert "a bf16 convolution is 0.50 (0.25-1.00) times as fast" in page


def test_bench_measures_what_it_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    def memory_of(variant: iteration.Variant | None, *_: object) -> Resident:
        return Resident(7 if variant else 10, 1)

    monkeypatch.setattr(iteration, "memory_of", memory_of)
    arguments = bench.Arguments(rounds=1, warmup=0, batch_size=2, threads=1, sizes=TINY)
    for name, target in bench.TARGETS.items():
        ratio = target.measure(arguments)
        assert 0 < ratio.minimum <= ratio.median <= ratio.maximum, name
        if target.at_most:
            assert ratio.median == 0.7


def test_bench_refuses_an_unknown_target() -> None:
    with pytest.raises(SystemExit, match="there is no target 'speed'; choose from generator, eval"):
        bench.main(["--only", "speed"])
