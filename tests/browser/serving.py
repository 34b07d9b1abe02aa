"""Drops pictures on the page of a server, in headless Chromium, as people do.

    python3 tests/browser/serving.py URL --token TOKEN --picture FILE --label LABEL [--out target/browser/seen]

The server wants the token; FILE is a picture to which it answers LABEL. Prints a line a check; ends with 1 if one failed.
"""

import argparse
import base64
import json
import sys
import time
from pathlib import Path

from chrome import Chrome

HOSTILE = ["<img src=x onerror=alert(1)>.png", "\"><svg onload=alert(2)>.png", "' onmouseover='alert(3).png", "\u202egnp.exe", "<script>alert(4)</script>"]


def until(page, expression, seconds=30):
    """Waits until an expression is true."""
    end = time.monotonic() + seconds
    while not page.value(expression):
        assert time.monotonic() < end, f"never: {expression}; the page says {page.value('document.body.innerText')!r}"
        time.sleep(0.05)


def drop(page, picture, names):
    """Drops a picture on the page, once under each name."""
    page.value(f"""(() => {{
        const bytes = Uint8Array.from(atob({json.dumps(base64.b64encode(picture).decode())}), (letter) => letter.charCodeAt(0));
        const data = new DataTransfer();
        for (const name of {json.dumps(names)}) data.items.add(new File([bytes], name, {{ type: "image/png" }}));
        document.getElementById("drop").dispatchEvent(new DragEvent("drop", {{ dataTransfer: data, bubbles: true, cancelable: true }}));
    }})()""")


def asks_for_token(page, asked):
    page.open(asked.url)
    until(page, "!document.getElementById('secret').hidden")
    page.value(f"(() => {{ const token = document.getElementById('token'); token.value = {json.dumps(asked.token)}; token.dispatchEvent(new Event('change')); }})()")
    until(page, "document.getElementById('about').textContent.includes('vectors of')")
    until(page, "document.getElementById('said').textContent === ''")
    return page.value("document.getElementById('about').textContent")


def answers(page, asked):
    drop(page, asked.picture.read_bytes(), ["a.png"])
    until(page, "document.querySelectorAll('#answers li').length === 1")
    found = page.value("document.querySelector('#answers h2').textContent")
    assert found == asked.label, f"{found} instead of {asked.label}"
    until(page, "document.querySelector('#answers img').naturalWidth === 32")
    near = page.value("document.querySelectorAll('#answers .near span').length")
    assert near > 0, "no neighbours"
    page.shoot(asked.out / "serve.png", whole=True)
    return f"{found}, {near} neighbours"


def escapes(page, asked):
    drop(page, asked.picture.read_bytes(), HOSTILE)
    until(page, f"document.querySelectorAll('#answers li').length === {1 + len(HOSTILE)}")
    shown = page.value("[...document.querySelectorAll('#answers p:first-of-type')].map((name) => name.textContent)")
    assert shown[: len(HOSTILE)] == HOSTILE[::-1], shown
    inside = page.value("document.querySelectorAll('#answers svg, #answers script, #answers [onerror], #answers [onmouseover]').length")
    assert inside == 0, f"{inside} names became a part of the page"
    # What went wrong with one picture stays, whatever comes after it.
    drop(page, b"no picture", ["<b>words</b>.png", "more words.png"])
    until(page, "document.querySelectorAll('#answers .failed').length === 2")
    said = page.value("[...document.querySelectorAll('#answers .failed p')].map((words) => words.textContent).join()")
    assert "<b>words</b>.png: " in said and "more words.png: " in said, said
    return f"{len(HOSTILE)} names stay text"


def runs_nothing_else(page, asked):
    """A script that slipped in does not run, and nothing is loaded from elsewhere."""
    page.value("""(() => {
        const script = document.createElement("script"); script.textContent = "window.ran = 1"; document.body.append(script);
        const image = document.createElement("img"); image.setAttribute("onerror", "window.ran = 2"); image.src = "http://127.0.0.1:9/x.png"; document.body.append(image);
    })()""")
    time.sleep(0.3)
    assert page.value("window.ran === undefined"), "a script ran that the policy does not name"
    fetched = page.value("fetch('http://127.0.0.1:9/').then(() => 'reached', (error) => 'refused')")
    assert fetched == "refused", fetched
    return "the policy holds"


def main():
    reader = argparse.ArgumentParser(prog="tests/browser/serving.py")
    reader.add_argument("url")
    reader.add_argument("--token", required=True)
    reader.add_argument("--picture", type=Path, required=True)
    reader.add_argument("--label", required=True)
    reader.add_argument("--out", type=Path, default=Path("target/browser/seen"))
    asked = reader.parse_args()
    failed = 0
    with Chrome() as chrome:
        page = chrome.page(width=1000, height=900)
        for check in (asks_for_token, answers, escapes):
            failed += told(check, page, asked)
        # Before the policy is tried: what it refuses is a complaint too. The one answer 401 that opens the field for the token,
        # and that about the picture that is none, are the browser's own lines.
        complaints = [line for line in page.complaints() if "Failed to load resource" not in line]
        print(f"{'FAILED' if complaints else 'ok'} complaints: {complaints}", flush=True)
        failed += told(runs_nothing_else, page, asked) + bool(complaints)
    sys.exit(1 if failed else 0)


def told(check, page, asked):
    """Runs a check and prints what it says; 1 if it failed."""
    try:
        said, sign = check(page, asked), "ok"
    except (AssertionError, RuntimeError, KeyError, TypeError, ValueError) as error:
        said, sign = f"{type(error).__name__}: {error}", "FAILED"
    print(f"{sign} {check.__name__}: {said}", flush=True)
    return sign == "FAILED"


main()
