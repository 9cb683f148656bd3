"""The report in a browser: pictures decode, its script runs under its own policy, it reaches for nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import pytest

from orchestration.reports.report import report
from tests.support.corpus import POLICY, RECIPE, corpus

BROWSER = next((b for b in map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome")) if b), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1400,2400",
)  # fmt: skip
# What the page is asked, by a wrapper's script; the answers stand in the dumped DOM.
PROBE = """<script>addEventListener("load", () => {
  const d = document.documentElement.dataset, pictures = [...document.images];
  d.pictures = pictures.filter((p) => p.naturalWidth > 0 && p.getBoundingClientRect().height > 40).length;
  d.wide = document.documentElement.scrollWidth > innerWidth ? "yes" : "no";
  d.requests = performance.getEntriesByType("resource").filter((r) => !r.name.startsWith("data:")).length;
  const box = document.getElementById("filter");
  const shown = () => document.querySelectorAll("[data-find]:not([hidden])").length;
  d.all = shown();
  box.value = "too_dark"; box.dispatchEvent(new Event("input"));
  d.found = shown();
});</script></body>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine: apt-get install chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    return report(corpus(folder / "root"), RECIPE, POLICY, None, folder / "report.html")


def browse(page: Path, *flags: str) -> str:
    """What Chromium prints about a page."""
    profile = page.parent / f"profile-{len(list(page.parent.iterdir()))}"
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_pages_own_script_runs_and_nothing_else(page: Path) -> None:
    dom = browse(page, "--dump-dom")
    # The script takes `hidden` off the filter: its hash in the page's policy is right.
    assert re.search(r"<label>\s*Find", dom)
    assert "alert" not in "".join(re.findall(r"<script>.*?</script>", dom, re.S))


def test_pictures_decode_and_the_filter_filters(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    probe = page.with_name("probe.html")
    open_policy = re.sub(r"script-src '[^']+'", "script-src 'unsafe-inline'", html)
    probe.write_text(open_policy.replace("</body>", PROBE), encoding="utf-8")
    root = re.search(r"<html[^>]*>", browse(probe, "--dump-dom"))
    assert root is not None
    said = dict(re.findall(r'data-(\w+)="(\w+)"', root.group()))
    assert int(said["pictures"]) == html.count("<img src=") >= 12
    assert said["wide"] == "no"
    assert said["requests"] == "0"
    assert 0 < int(said["found"]) < int(said["all"])


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark(page: Path, dark: bool) -> None:
    shot = page.with_name(f"{dark}.png")
    browse(page, f"--screenshot={shot}", *(["--blink-settings=preferredColorScheme=0"] if dark else []))
    picture = cv2.imread(str(shot))
    assert picture is not None
    assert picture.shape[:2] == (2400, 1400)
    corner = picture[:20, :20].mean()
    assert corner < 60 if dark else corner > 200
    # The ledger's bar: a run of one colour that is neither paper nor ink.
    assert picture.std() > 10
