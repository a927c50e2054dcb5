"""Run folders of strangers: resumed, scored and generated from, or refused in one sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from examples.imaginator import evaluate, generate, train
from stgan.io import write_strip
from tests.examples.runs import QUIET
from tests.training.hostile import FILES, lying_safetensors, sign

pytestmark = QUIET
CHECKPOINT = Path("checkpoints", "step_00000003")


def _state(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Change the state of the checkpoint, and sign it."""

    def hurt(run: Path) -> None:
        path = run / CHECKPOINT / "state.pt"
        state = torch.load(path, weights_only=True)
        change(state)
        torch.save(state, path)
        sign(run / CHECKPOINT)

    return hurt


def _put(*place: Any, to: Any) -> Callable[[Path], None]:
    def change(state: Any) -> None:
        for key in place[:-1]:
            state = state[key]
        state[place[-1]] = to

    return _state(change)


def _without(key: str) -> Callable[[Path], None]:
    return _state(lambda state: state.pop(key))


def _file(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def hurt(run: Path) -> None:
        make(run / CHECKPOINT / name)
        sign(run / CHECKPOINT)

    return hurt


def _weights(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Path], None]:
    def hurt(run: Path) -> None:
        for path in (run / CHECKPOINT).glob("*.safetensors"):
            tensors = load_file(path)
            key = next(key for key, t in tensors.items() if t.is_floating_point() and t.ndim > 1)
            save_file(tensors | {key: change(tensors[key]).contiguous()}, path)
        sign(run / CHECKPOINT)

    return hurt


def _log(content: bytes) -> Callable[[Path], None]:
    return lambda run: (run / "metrics.jsonl").write_bytes(content) and None


def _log_line(line: bytes) -> Callable[[Path], None]:
    return _log(b'{"step": 1}\n' + line + b"\n" + b'{"step": 3}\n')


def _link(name: str, *, to: str) -> Callable[[Path], None]:
    """Have a link to something of the user lie where the run would write."""

    def hurt(run: Path) -> None:
        path, mine = run / name, run.parent / "mine"
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(mine / to if to else mine)

    return hurt


# What is done to the run, and what training, evaluating and generating say; None: they do it.
NOT_OURS = "use a checkpoint that a run wrote"
OTHERS = "was trained with classes "
NOT_ITS_STEP = "must hold the step that it is named after"
NO_CLASSES = (OTHERS, *["names of class folders"] * 2)
OTHER = "use a checkpoint that the same code saved"
HURT: dict[str, tuple[Callable[[Path], None], str | None, str | None, str | None]] = {
    "no classes": (_without("classes"), *["lacks classes; use"] * 3),
    "no step": (_without("step"), *["lacks step; use"] * 3),
    "empty": (_state(lambda state: state.clear()), "lacks classes", *["lacks step"] * 2),
    "no rng": (_without("rng"), "lacks rng; use", None, None),
    "no optimizer": (
        _without("generator_optimizer"), "lacks generator_optimizer; use", None, None
    ),
    "no moments of a parameter": (
        _state(lambda state: state["generator_optimizer"]["state"].pop(0)),
        "state of Adam has no entry for a parameter of shape (4, 3, 4, 4)", None, None,
    ),
    "no health": (_without("health"), "lacks health; use", None, None),
    "another step": (_put("step", to=10**15), NOT_ITS_STEP, None, None),
    "paths": (_put("classes", to=["slide", "../../mine/x"]), *NO_CLASSES),
    "more classes": (
        _put("classes", to=[f"c{k}" for k in range(5000)]),
        "was trained with classes c0, c1, ",
        "build the network with the settings in the checkpoint's config.yaml",
        "build the network with the settings in the checkpoint's config.yaml",
    ),
    "escape": (
        _put("classes", to=["slide", "\x1b]0;mine\x07"]),
        r"was trained with classes slide, \x1b]0;mine\x07, got slide, swell;",
        r"was trained on the classes slide, \x1b]0;mine\x07, but the clips",
        None,
    ),
    "optimizer of text": (_put("generator_optimizer", to="x"), OTHER, None, None),
    "moment": (
        _put("discriminator_optimizer", "state", 0, "exp_avg", to=torch.zeros(1)), OTHER, None, None
    ),
    "rng of a list": (_put("rng", to=[]), "state of the random generators must be", None, None),
    "rng beyond": (
        _put("rng", "numpy", "state", "pos", to=10**9), "is not one that they take", None, None
    ),
    "schedules of a list": (_put("schedules", to=[]), OTHER, None, None),
    "phase": (_put("schedules", "penalties", "phase", to="x"), OTHER, None, None),
    "health of text": (_put("health", to="x"), OTHER, None, None),
    "guard below 0": (_put("guard", to={"skipped": -1}), OTHER, None, None),
    "metrics of text": (_put("metrics", to={"a": "x"}), NOT_OURS, None, None),
    "NaN": (_weights(lambda w: w * float("nan")), *["not finite in"] * 3),
    "explosive": (_weights(lambda w: w * 1e37), "not finite at step 4", *["finite"] * 2),
    "integers": (_weights(lambda w: w.int()), *["torch.float32"] * 3),
    "complex": (_weights(lambda w: w + 1j), *["torch.float32"] * 3),
    "shape": (_weights(lambda w: w[:1]), *["of shape"] * 3),
    "lying weights": (
        _file("generator_ema.safetensors",
              lambda path: path.write_bytes(lying_safetensors("huge shape"))),
        *["generator_ema.safetensors is damaged"] * 3,
    ),
    "log of text": (_log_line(b"x"), *["line 2 of "] * 2, None),
    "log of lists": (_log_line(b"[]"), *["line 2 of "] * 2, None),
    "log without steps": (_log_line(b'{"a": 1}'), *["line 2 of "] * 2, None),
    "log with steps of text": (_log_line(b'{"step": "2"}'), *["line 2 of "] * 2, None),
    "log of bytes": (_log_line(bytes(range(128, 256))), *["line 2 of "] * 2, None),
    "log without end": (_log(b'{"step": 1' + b" " * 2**22), *["line 1 of "] * 2, None),
    "log of NaN": (_log_line(b'{"step": 2, "generator/a": NaN, "health/a": 1e999}'), *[None] * 3),
    "log of strange names": (
        _log_line(b'{"step": 2, "generator/$x_{": 1, "health/alarm/\\u001b[1m\\udcff": 1,'
                  b' "generator/large": 1e308, "generator/small": -1e308,'
                  b' "generator/list": [1], "discriminator/t": "x"}'),
        *[None] * 3,
    ),
    "log of many names": (
        _log_line(b'{"step": 2, ' + b", ".join(b'"health/gradient/%d": 1' % k for k in range(9999))
                  + b"}"),
        *[None] * 3,
    ),
    "half a line": (_log(b'{"step": 1}\n{"step": 2}\n{"step": 3, "a'), *[None] * 3),
    "log elsewhere": (
        _link("metrics.jsonl", to="notes"), "metrics.jsonl must be a plain file", None, None
    ),
    "checkpoints elsewhere": (
        _link("checkpoints", to=""), "checkpoints must be a plain file", *["holds no check"] * 2
    ),
    "tensorboard elsewhere": (
        _link("tensorboard", to=""), "tensorboard must be a plain file or folder", None, None
    ),
    "settings elsewhere": (
        _link("config.yaml", to="notes"), "config.yaml is no valid YAML", None, None
    ),
    "scores elsewhere": (_link("evaluation.json", to="notes"), None, None, None),
    "report elsewhere": (_link("report.html", to="notes"), None, None, None),
    "clips elsewhere": (
        _link("generated", to=""), None, None, "generated must be a plain file or folder"
    ),
    "lock elsewhere": (_link(".lock", to="notes"), ".lock", None, None),
    **{
        f"state: {kind}": (_file("state.pt", make), *[sentence or "has no"] * 3)
        for kind, (make, sentence) in FILES.items()
        if kind in ("deflated", "bare pickle", "wide", "itself", "meta")  # all: tests/training
    },
}  # fmt: skip


def _told(call: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> str | None:
    """Return the sentence with which a program ended, or None where it did what it was asked."""
    ended = None
    try:
        call()
    except SystemExit as end:
        ended = end.code
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out
    if ended is None:
        return None
    assert ended == 2
    assert "Traceback" not in printed.err
    *_, sentence = printed.err.splitlines()
    assert sentence.startswith("error: ")
    assert len(sentence) < 4100
    assert sentence.isprintable()
    return sentence


@pytest.mark.parametrize("kind", HURT)
def test_a_run_folder_of_a_stranger_is_used_or_refused_in_a_sentence(
    kind: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes").write_text("mine: [")
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    write_strip(torch.zeros(3, 1, 16, 16), tmp_path / "face.png")
    for other in (copy / "checkpoints").iterdir():  # where one is sound, it would be taken
        if other.name != CHECKPOINT.name:
            shutil.rmtree(other)
    hurt, training, evaluating, generating = HURT[kind]
    hurt(copy)
    commands: list[tuple[str | None, Callable[[], object]]] = [
        (generating, lambda: generate.main([str(copy), str(tmp_path / "face.png")])),
        (evaluating, lambda: evaluate.main([str(copy), "--samples", "1", "--no-classifier"])),
        (training, lambda: train.main(["--out", str(copy), "--resume", "--train.steps", "4"])),
    ]
    for wanted, command in commands:
        said = _told(command, capsys)
        if wanted is None:
            assert said is None
        else:
            assert said is not None, wanted
            assert any(words in said for words in wanted.split("|")), said
    assert {path.name for path in tmp_path.iterdir()} == {"face.png", "mine", "run"}
    assert list(mine.iterdir()) == [mine / "notes"]
    assert (mine / "notes").read_text() == "mine: ["
