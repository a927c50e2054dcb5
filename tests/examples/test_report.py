"""The report of a run: one page that holds all it shows, and opens in a browser."""

import base64
import html
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from examples.imaginator import evaluate
from examples.imaginator.config import PRESETS
from examples.imaginator.examined import SCORES
from examples.imaginator.report import settings_of
from examples.imaginator.report_clips import _liveliest_rows
from tests.examples.runs import QUIET, train_run

pytestmark = QUIET


def _find_browser() -> str | None:
    """Return one that starts: on some systems the name is that of a stub."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            started = subprocess.run([path, "--version"], capture_output=True, check=False)
            if started.returncode == 0:
                return path
    return None


BROWSER = _find_browser()
# What the page says of itself after it was loaded, for a browser that prints the page.
PROBE = """<script>
const errors = [];
addEventListener("error", event => errors.push(event.message));
addEventListener("load", () => {
  document.querySelectorAll("details").forEach(one => one.open = true);
  const widths = [...document.images].map(one => one.naturalWidth);
  const wide = document.documentElement.scrollWidth - innerWidth;
  const told = document.createElement("pre");
  told.id = "probe";
  told.textContent = JSON.stringify({ errors, widths, wide });
  document.body.append(told);
});
</script>"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run in a folder whose name has signs that mean something in HTML."""
    out = tmp_path_factory.mktemp("runs") / "mine<b>&co"
    with pytest.MonkeyPatch.context() as patch:
        # Four clips to score, as many as matter here.
        patch.setattr("examples.imaginator.data._VALIDATION_SHAPES", 6)
        train_run(out, "--train.steps", "3")
        evaluate.main([str(out), "--samples", "2"])
    return out


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(page: str) -> None:
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(addresses) > 6
    assert all(address.startswith("data:") for address in addresses)
    assert not re.search(r"@import|url\(|<script|<link[^>]*stylesheet", page)
    for kind, content in re.findall(r'src="data:image/(\w+);base64,([^"]*)"', page):
        with Image.open(io.BytesIO(base64.b64decode(content))) as picture:
            assert picture.format == kind.upper()
            assert getattr(picture, "n_frames", 1) == (4 if kind == "gif" else 1)


def test_the_scores_are_those_of_the_file_and_carry_their_protocol(page: str, run: Path) -> None:
    scores = json.loads((run / "evaluation.json").read_text())["scores"]
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [re.findall(r"<td>([^<]*)</td>", row) for row in body.split("</tr>")[:-1]]
    assert [row[0] for row in rows] == list(scores)
    for cells, wanted in zip(rows, scores.values(), strict=True):
        shown = [f"{wanted[k]:.{SCORES[k].decimals}f}" if k in wanted else "" for k in SCORES]
        assert cells[1:] == shown
    lines = [html.unescape(line) for line in re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)]
    assert len(lines) == len(scores["generated"])
    assert all("4 frames of 16 x 16, stride 1, first window of each" in line for line in lines)
    assert "features a motion classifier trained on 12 real clips" in "".join(lines)
    assert "FVD" not in re.sub(r'"data:[^"]*"', "", page)


def test_what_a_name_holds_is_no_html(page: str) -> None:
    assert "mine&lt;b&gt;&amp;co" in page
    assert "<b>" not in page


def test_slices_are_cut_where_the_real_clip_moves_most(page: str) -> None:
    video = torch.zeros(3, 3, 4, 8, 8)
    video[0, :, 1::2, 6] = 0.5
    video[0, :, 1, 4] = 0.5  # for a moment only
    video[1] = torch.rand(3, 1, 8, 8)  # stands still
    video[2, :, 2, 0, 3] = 1
    assert _liveliest_rows(video) == [6, 4, 0]
    assert "for each clip the row in which the real one moves most" in page


def test_settings_that_differ_from_the_preset_are_marked() -> None:
    tiny = PRESETS["tiny"]
    changed = replace(tiny, train=replace(tiny.train, steps=7, precision="bf16-mixed"))
    assert [entry[:2] for entry in settings_of(changed) if entry[2]] == [
        ("train.steps", "7"), ("train.precision", "bf16-mixed"),
    ]  # fmt: skip
    assert not any(own for _, _, own in settings_of(tiny))
    penalties = dict(entry[:2] for entry in settings_of(PRESETS["modern"]))["loss.penalties"]
    assert penalties == "{'r1': 0.5, 'r2': 0.5}"


def _again(run: Path, log: str | None) -> str:
    path = run / "metrics.jsonl"
    kept = path.read_text()
    try:
        path.unlink()
        if log is not None:
            path.write_text(log)
        evaluate.main([str(run), "--samples", "1", "--no-classifier"])
        return (run / "report.html").read_text(encoding="utf-8")
    finally:
        path.write_text(kept)


@pytest.fixture
def copy(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("examples.imaginator.data._VALIDATION_SHAPES", 2)
    return Path(shutil.copytree(run, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (None, "metrics.jsonl is not in the run folder, so there are no curves."),
        ('{"step": 1}\n', "The log has fewer than two lines, so there are no curves."),
    ],
)
def test_a_run_without_a_log_has_a_sentence_in_its_place(
    log: str | None, sentence: str, copy: Path
) -> None:
    page = _again(copy, log)
    assert sentence in page
    assert "raised no alarm" not in page


def test_half_a_line_at_the_end_of_a_log_is_one_that_is_being_written(copy: Path) -> None:
    whole = (copy / "metrics.jsonl").read_text()
    page = _again(copy, whole + '{"step": 4, "gener')
    assert "raised no alarm" in page


def test_alarms_are_told_with_their_steps(copy: Path) -> None:
    lines = [
        {"step": step, "generator/reconstruction": 0.5, "health/alarm/dead/video": float(step > 2)}
        for step in (1, 2, 3, 4)
    ]
    page = _again(copy, "".join(json.dumps(line) + "\n" for line in lines))
    assert "<code>dead/video</code>: 2 readings from step 3 to 4" in page


def test_a_broken_log_is_refused_and_the_report_before_it_stays(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (copy / "report.html").read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        _again(copy, '{\n{"step": 1}\n')
    assert "metrics.jsonl is not a JSON object with a step; remove the" in capsys.readouterr().err
    assert (copy / "report.html").read_text(encoding="utf-8") == before
    assert not list(copy.glob(".report*"))


def test_without_a_report_none_is_written(copy: Path) -> None:
    (copy / "report.html").unlink()
    evaluate.main([str(copy), "--samples", "1", "--no-classifier", "--no-report"])
    assert not (copy / "report.html").exists()


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [1280, 500])
def test_a_browser_shows_all_pictures_and_has_no_complaint(
    page: str, width: int, tmp_path: Path
) -> None:
    assert BROWSER is not None
    probed = tmp_path / "report.html"
    probed.write_text(page.replace("<head>", f"<head>{PROBE}", 1), encoding="utf-8")
    shown = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900",
            "--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom",
            probed.as_uri(),
        ],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    found = re.search(r'<pre id="probe">(.*?)</pre>', shown.stdout)
    assert found is not None, shown.stderr
    told = json.loads(html.unescape(found[1]))
    assert told["errors"] == []
    assert len(told["widths"]) == page.count("<img")
    assert min(told["widths"]) > 0
    assert told["wide"] <= 0
    assert "CONSOLE" not in shown.stderr
