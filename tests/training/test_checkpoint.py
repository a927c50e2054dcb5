import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations

from stgan.errors import CheckpointError
from stgan.training import (
    checkpoint,
    latest_checkpoint,
    load_checkpoint,
    load_networks,
    rng_state,
    save_checkpoint,
    set_rng_state,
)


def _networks() -> dict[str, nn.Module]:
    return {
        "generator": nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4)),
        "video_discriminator": parametrizations.spectral_norm(nn.Linear(4, 2)),
    }


def _train_a_little(networks: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> None:
    video = networks["generator"](torch.randn(2, 3, 2, 2, 2))
    networks["video_discriminator"](video.mean(dim=(2, 3, 4))).square().sum().backward()
    optimizer.step()


def _adam(networks: dict[str, nn.Module]) -> torch.optim.Adam:
    return torch.optim.Adam([p for network in networks.values() for p in network.parameters()])


def _state_of(networks: dict[str, nn.Module]) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }


def _assert_same(left: Any, right: Any) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)


def _save(folder: Path, step: int = 1, **settings: Any) -> Path:
    return save_checkpoint(
        folder,
        **{
            "step": step,
            "networks": _networks(),
            "state": {"step": step},
            "config": "",
            **settings,
        },
    )


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(st.integers(0, 2**32 - 1))
def test_everything_comes_back_bit_by_bit(tmp_path_factory: Any, seed: int) -> None:
    torch.manual_seed(seed)
    networks = _networks()
    optimizer = _adam(networks)
    _train_a_little(networks, optimizer)
    expected = _state_of(networks)
    path = save_checkpoint(
        tmp_path_factory.mktemp("run"),
        step=7,
        networks=networks,
        state={"optimizer": optimizer.state_dict(), "rng": rng_state(), "step": 7},
        config="seed: 7\n",
    )
    draws = torch.rand(3)
    loaded = _networks()
    state = load_checkpoint(path, loaded)
    _assert_same(_state_of(loaded), expected)
    _assert_same(state["optimizer"], optimizer.state_dict())
    set_rng_state(state["rng"])
    assert torch.equal(torch.rand(3), draws)
    assert state["step"] == 7
    assert (path / "config.yaml").read_text() == "seed: 7\n"


def test_a_checkpoint_is_a_folder_of_plain_files(tmp_path: Path) -> None:
    path = _save(tmp_path / "runs" / "a", step=1000)
    assert path == tmp_path / "runs" / "a" / "step_00001000"
    assert _names(path) == [
        "SHA256SUMS",
        "config.yaml",
        "generator.safetensors",
        "state.pt",
        "video_discriminator.safetensors",
    ]
    for line in (path / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((path / name).read_bytes()).hexdigest() == digest


def test_tied_and_partly_shared_tensors_are_saved(tmp_path: Path) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            self.second.weight = self.first.weight
            whole = torch.randn(4, 2)
            self.register_buffer("upper", whole[:3])
            self.register_buffer("lower", whole[1:].t())

    saved, loaded = Tied(), Tied()
    load_networks(_save(tmp_path, networks={"net": saved}), {"net": loaded})
    _assert_same(loaded.state_dict(), saved.state_dict())
    assert loaded.second.weight is loaded.first.weight


def test_some_of_the_networks_can_be_loaded_alone(tmp_path: Path) -> None:
    networks = _networks()
    path = _save(tmp_path, networks=networks)
    (path / "state.pt").write_bytes(b"not read")
    loaded = {"generator": _networks()["generator"]}
    load_networks(path, loaded)
    _assert_same(_state_of(loaded), _state_of({"generator": networks["generator"]}))


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        _save(tmp_path, step, keep=2)
    assert _names(tmp_path) == ["step_00000015", "step_00000020"]
    assert latest_checkpoint(tmp_path).name == "step_00000020"


def test_the_one_just_written_stays_even_if_later_steps_are_there(tmp_path: Path) -> None:
    for step in (10, 20, 30):
        _save(tmp_path, step)
    assert _save(tmp_path, 15, keep=2).is_dir()
    assert _names(tmp_path) == ["step_00000015", "step_00000030"]


def test_the_same_step_is_replaced(tmp_path: Path) -> None:
    _save(tmp_path, state={"try": 1})
    path = _save(tmp_path, state={"try": 2})
    assert _names(tmp_path) == ["step_00000001"]
    assert load_checkpoint(path, {}) == {"try": 2}


def test_steps_are_ordered_as_numbers(tmp_path: Path) -> None:
    _save(tmp_path, 99_999_999)
    _save(tmp_path, 100_000_000)
    assert latest_checkpoint(tmp_path).name == "step_100000000"


@pytest.mark.parametrize("broken", ["write_network", "write_state", "sha256", "flush"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_a_failed_save_leaves_the_previous_checkpoint_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, error: BaseException
) -> None:
    previous = _save(tmp_path, 1)
    networks = _networks()
    load_checkpoint(previous, networks)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(checkpoint, broken, fail)
    told = CheckpointError if isinstance(error, OSError) else type(error)
    with pytest.raises(told, match=r"step_00000001 and those before|^$"):
        _save(tmp_path, 2, keep=1)
    monkeypatch.undo()
    assert _names(tmp_path) == ["step_00000001"]
    loaded = _networks()
    load_checkpoint(latest_checkpoint(tmp_path), loaded)
    _assert_same(_state_of(loaded), _state_of(networks))


def test_old_checkpoints_go_only_after_the_new_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _save(tmp_path, 1)
    seen = []
    remove = checkpoint._remove

    def watch(path: Path) -> None:
        seen.append((path.name, load_checkpoint(latest_checkpoint(tmp_path), {})))
        remove(path)

    monkeypatch.setattr(checkpoint, "_remove", watch)
    _save(tmp_path, 2, keep=1)
    assert seen == [("step_00000001", {"step": 2})]


def test_leftovers_of_killed_saves_are_ignored_and_cleared_by_the_next(tmp_path: Path) -> None:
    _save(tmp_path, 1)
    for name in (".saving_step_00000002", ".removing_step_00000000", ".replaced_step_00000001"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.pt").write_bytes(b"half")
    assert latest_checkpoint(tmp_path).name == "step_00000001"
    _save(tmp_path, 2)
    assert _names(tmp_path) == ["step_00000001", "step_00000002"]
    assert load_checkpoint(tmp_path / "step_00000001", {}) == {"step": 1}


def test_a_kill_in_the_middle_of_a_replacement_loses_nothing(tmp_path: Path) -> None:
    _save(tmp_path, 1).rename(tmp_path / ".replaced_step_00000001")
    _save(tmp_path, 2)
    assert load_checkpoint(tmp_path / "step_00000001", {}) == {"step": 1}


def test_other_files_of_a_run_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("{}")
    (tmp_path / "step_notes").mkdir()
    _save(tmp_path, 3, keep=1)
    assert _names(tmp_path) == ["metrics.jsonl", "step_00000003", "step_notes"]


def _drop(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


def _flip_a_byte(name: str) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        data = bytearray((path / name).read_bytes())
        data[-7] ^= 1
        (path / name).write_bytes(data)

    return flip


def _cut(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).write_bytes((path / name).read_bytes()[:-10])


def _write(name: str, data: bytes, *, signed: bool = False) -> Callable[[Path], None]:
    """Replace a file, and its checksum too if ``signed``."""

    def write(path: Path) -> None:
        old = hashlib.sha256((path / name).read_bytes()).hexdigest()
        (path / name).write_bytes(data)
        if signed:
            sums = (path / "SHA256SUMS").read_text()
            (path / "SHA256SUMS").write_text(sums.replace(old, hashlib.sha256(data).hexdigest()))

    return write


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("harm"),))


_GENERATOR = "generator.safetensors"


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        pytest.param(_drop("state.pt"), r"is incomplete, it lacks state\.pt; use", id="no state"),
        pytest.param(_drop(_GENERATOR), "is incomplete, it lacks generator", id="no network"),
        pytest.param(_drop("config.yaml"), "is incomplete, it lacks config", id="no config"),
        pytest.param(_drop("SHA256SUMS"), "is not a whole checkpoint, it has no SHA", id="no sums"),
        pytest.param(_write("SHA256SUMS", b"?"), "SHA256SUMS is damaged", id="other sums"),
        pytest.param(_flip_a_byte(_GENERATOR), r"generator\.safetensors is damaged", id="bit"),
        pytest.param(_cut(_GENERATOR), r"generator\.safetensors is damaged", id="cut network"),
        pytest.param(_flip_a_byte("state.pt"), r"state\.pt is damaged, it is not", id="state bit"),
        pytest.param(_cut("state.pt"), r"state\.pt is damaged", id="cut state"),
        pytest.param(
            _write(_GENERATOR, b"?", signed=True), r"safetensors is damaged", id="no safetensors"
        ),
        pytest.param(
            _write("state.pt", b"PK\x03\x04", signed=True), r"state\.pt is damaged", id="no archive"
        ),
        pytest.param(_write("state.pt", b"", signed=True), r"state\.pt is damaged", id="empty"),
        pytest.param(
            _write("state.pt", pickle.dumps(_Code(), protocol=2), signed=True),
            r"state\.pt was refused, it would run code when loaded: a pickle without an",
            id="code",
        ),
    ],
)
def test_broken_checkpoints_are_refused_and_change_no_network(
    tmp_path: Path, harm: Callable[[Path], None], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = _save(tmp_path)
    harm(path)
    networks = _networks()
    before = _state_of(networks)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path, networks)
    _assert_same(_state_of(networks), before)
    assert not (tmp_path / "harm").exists()


def _generator(*, channels: int = 4, norm: bool = True) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv3d(3, channels, 1)]
    return nn.Sequential(*layers, *([nn.BatchNorm3d(channels)] if norm else []))


@pytest.mark.parametrize(
    ("saved", "loaded", "message"),
    [
        pytest.param(
            {"norm": False},
            {},
            r"network generator needs 1\.weight, which \S+generator\.safetensors does not have; "
            r"build the network with the settings in the checkpoint's config\.yaml",
            id="missing",
        ),
        pytest.param(
            {}, {"norm": False}, r"network generator has no 1\.\w+, which \S+ has; build", id="more"
        ),
        pytest.param(
            {},
            {"channels": 5},
            r"network generator has \S+ of shape \(5.*\), \S+ has \(4.*\); build",
            id="shape",
        ),
    ],
)
def test_a_checkpoint_from_other_settings_is_refused(
    tmp_path: Path, saved: dict[str, Any], loaded: dict[str, Any], message: str
) -> None:
    path = _save(tmp_path, networks={"generator": _generator(**saved), "last": nn.Linear(1, 1)})
    networks = {"last": nn.Linear(1, 1), "generator": _generator(**loaded)}
    before = _state_of(networks)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path, networks)
    _assert_same(_state_of(networks), before)


def test_a_network_that_was_not_saved_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        CheckpointError, match="has no network critic, only generator, video_discriminator"
    ):
        load_networks(_save(tmp_path), {"critic": nn.Linear(1, 1)})


def test_folders_without_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"folder \S+none does not exist; give the one"):
        latest_checkpoint(tmp_path / "none")
    with pytest.raises(CheckpointError, match=r"folder \S+ holds no checkpoint; one is a folder"):
        latest_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match=r"checkpoint \S+none does not exist; give a folder"):
        load_checkpoint(tmp_path / "none", {})
    with pytest.raises(CheckpointError, match="is not a whole checkpoint"):
        load_checkpoint(tmp_path, {})
