"""Checkpoints of strangers, whose sums are right: read in a sentence, and without their memory."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from stgan.errors import CheckpointError
from stgan.training import (
    check_checkpoint,
    load_checkpoint,
    load_networks,
    load_state,
    resume_checkpoint,
    save_checkpoint,
    sound_checkpoint,
)
from tests.training.hostile import FILES, lying_safetensors, sign


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    return save_checkpoint(
        tmp_path / "run",
        step=1,
        networks={"net": nn.Linear(2, 3)},
        state={"step": 1, "a": torch.arange(5.0)},
        config="",
    )


@pytest.mark.parametrize("kind", FILES)
def test_a_state_that_anyone_made_is_read_or_refused_in_a_sentence(kind: str, saved: Path) -> None:
    make, sentence = FILES[kind]
    make(saved / "state.pt")
    sign(saved)
    reads = (
        lambda: load_state(saved),
        lambda: check_checkpoint(saved),
        lambda: load_checkpoint(saved, {}),
        lambda: resume_checkpoint(saved.parent, {}),
        lambda: sound_checkpoint(saved.parent),
    )
    for read in reads:
        if sentence is None:
            read()
            continue
        with pytest.raises(CheckpointError, match=sentence) as caught:
            read()
        assert len(str(caught.value)) < 600


def test_a_bomb_is_refused_without_the_memory_of_what_is_in_it(saved: Path) -> None:
    FILES["bomb"][0](saved / "state.pt")
    sign(saved)
    code = (
        "import resource, sys; from stgan.training import load_state\n"
        "from stgan.errors import CheckpointError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: load_state(sys.argv[1])\n"
        "except CheckpointError as error: print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(saved)], capture_output=True, text=True, check=True
    )
    sentence, grown = done.stdout.splitlines()
    assert "is compressed" in sentence
    assert int(grown) < 200, "MiB for a file that would take 1,024"


@pytest.mark.parametrize(
    "kind",
    ["header without end", "header of 0", "too few bytes", "too many bytes", "overlapping",
     "backwards", "huge shape", "deep", "no JSON", "empty"],
)  # fmt: skip
def test_weights_whose_header_lies_are_refused(kind: str, saved: Path) -> None:
    (saved / "net.safetensors").write_bytes(lying_safetensors(kind))
    sign(saved)
    network = nn.Linear(2, 3)
    before = network.weight.clone()
    for load in (load_networks, load_checkpoint):
        with pytest.raises(CheckpointError, match=r"net\.safetensors is damaged"):
            load(saved, {"net": network})
    assert torch.equal(network.weight, before)


def _nan(weight: Tensor) -> Tensor:
    return weight.index_fill(0, torch.tensor([1]), float("nan"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param(_nan, "has values that are not finite in weight; use an earlier", id="NaN"),
        pytest.param(lambda w: w / 0, "has values that are not finite in weight", id="infinite"),
        pytest.param(lambda w: w.double() * 1e300, "not finite in weight", id="finite as float64"),
        pytest.param(lambda w: w.int(), r"torch\.float32, \S+ has torch\.int32", id="integer"),
        pytest.param(lambda w: w > 0, r"torch\.float32, \S+ has torch\.bool", id="bool"),
        pytest.param(lambda w: w + 1j, r"torch\.float32, \S+ has torch\.complex64", id="complex"),
        pytest.param(lambda w: w.T.contiguous(), r"shape \(3, 2\), \S+ has \(2, 3\)", id="shape"),
    ],
)
def test_weights_are_refused_when_loaded_as_they_are_when_saved(
    change: Any, sentence: str, saved: Path
) -> None:
    network = nn.Linear(2, 3)
    file = saved / "net.safetensors"
    bad = {"weight": change(network.weight.detach() + 1), "bias": network.bias.detach()}
    save_file(bad, file)
    sign(saved)
    before = network.weight.clone()
    for load in (
        lambda: load_checkpoint(saved, {"net": network}),
        lambda: load_networks(saved, {"net": network}),
        lambda: resume_checkpoint(saved.parent, {"net": network}),
    ):
        with pytest.raises(CheckpointError, match=sentence):
            load()
    assert torch.equal(network.weight, before)


def test_weights_that_are_not_finite_are_loaded_where_they_are_asked_for(saved: Path) -> None:
    broken = nn.Linear(2, 3)
    nn.init.constant_(broken.weight, float("inf"))
    path = save_checkpoint(
        saved.parent, step=2, networks={"net": broken}, state={}, config="", finite=False
    )
    network = nn.Linear(2, 3)
    assert resume_checkpoint(saved.parent, {"net": network}).path == saved
    for load in (
        lambda: load_checkpoint(path, {"net": network}, finite=False),
        lambda: load_networks(path, {"net": network}, finite=False),
        lambda: resume_checkpoint(saved.parent, {"net": network}, finite=False),
    ):
        nn.init.zeros_(network.weight)
        load()
        assert torch.equal(network.weight, broken.weight)


def test_half_precision_is_loaded_into_floats_and_whole_numbers_stay_so(tmp_path: Path) -> None:
    saved, loaded = nn.BatchNorm1d(2).half(), nn.BatchNorm1d(2)
    nn.init.constant_(saved.weight, 0.5)
    path = save_checkpoint(tmp_path, step=1, networks={"net": saved}, state={}, config="")
    load_networks(path, {"net": loaded})
    assert loaded.weight.tolist() == [0.5, 0.5]
    assert loaded.weight.dtype == torch.float32
    assert loaded.num_batches_tracked.dtype == torch.int64


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"a": torch.zeros(1).expand(3)}, "a tensor that repeats its entries; make it contiguous"),
        ({"a": torch.eye(2).to_sparse()}, "more than plain, dense tensors and numbers: torch"),
    ],
    ids=["repeating", "sparse"],
)
def test_what_could_not_be_read_is_not_saved(
    state: dict[str, Tensor], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=f"state cannot be saved: it holds {sentence}"):
        save_checkpoint(tmp_path, step=1, networks={}, state=state, config="")


@pytest.mark.parametrize(
    "content",
    [b'{"fvd": 1' + b"0" * 400 + b"}", b'{"fvd": 1e999}', b"[" * 9999, b"{" + b" " * 2**21 + b"}"],
    ids=["digits", "infinite", "deep", "long"],
)
def test_metrics_that_are_none_rank_nothing(content: bytes, saved: Path) -> None:
    (saved / "metrics.json").write_bytes(content)
    sign(saved)
    save_checkpoint(saved.parent, step=2, networks={}, state={}, config="", metrics={"fvd": 1.0})
    assert load_state(saved)["step"] == 1


def test_a_pipe_for_metrics_is_not_waited_for(saved: Path) -> None:
    os.mkfifo(saved / "metrics.json")
    code = (
        "import sys; from stgan.training import save_checkpoint\n"
        "save_checkpoint(sys.argv[1], step=2, networks={}, state={}, config='')\n"
    )
    subprocess.run([sys.executable, "-c", code, str(saved.parent)], check=True, timeout=100)
    assert load_state(saved)["step"] == 1


def test_sums_without_end_are_refused(saved: Path) -> None:
    with (saved / "SHA256SUMS").open("ab") as file:
        file.write(b"0" * 2**21)
    with pytest.raises(CheckpointError, match="SHA256SUMS is damaged"):
        load_state(saved)
