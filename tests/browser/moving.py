"""What moves on a page, compared with the artifacts: the threshold, and the maps. Found by roles and labels, as people find it."""

import csv
import json
import re
import statistics
import tempfile
import time
from pathlib import Path

from reading import quiet, shown

# Painting 10,000 points anew, in ms: the median of so many.
REDRAW, TIMES = 50, 100
MAPS = "[...document.querySelectorAll('canvas[role=application]')].filter((one) => /\\d points/.test(one.getAttribute('aria-label')))"
MATRICES = "[...document.querySelectorAll('canvas[role=application]')].filter((one) => /\\d rows, \\d+ columns/.test(one.getAttribute('aria-label')))"


def threshold(chrome, run, asked):
    """The slider, moved by keys: each number that it shows is that of the row of `thresholds.parquet`."""
    page = chrome.page().open(run.page.as_uri())
    table = run.columns("calibrate/thresholds.parquet")
    page.value("document.querySelector('input[type=range]').scrollIntoView({ block: 'center', behavior: 'instant' }); document.querySelector('input[type=range]').focus()")
    compared = set()
    for keys in (["Home"], ["End"], ["Home"] + ["PageUp"] * 3, ["ArrowRight"] * 2, ["PageUp"] * 2, ["ArrowLeft"]):
        for key in keys:
            page.press(key)
        at = float(page.value("document.querySelector('input[type=range]').getAttribute('aria-valuetext')"))
        rows = [row for row, distance in enumerate(table["distance"]) if abs(distance - at) < 2e-6]
        assert rows, f"no threshold {at}"
        panel = "document.querySelector('input[type=range]').closest('.panel')"
        said = page.value(f"[...{panel}.querySelectorAll('dt')].map((one) => [one.textContent, one.nextElementSibling.textContent])")
        for name, text in said:
            named = re.search(r"\((\w+)\)$", name)
            column = named[1] if named else name.removeprefix("Calibration: ")
            # A fraction of nothing is a dash.
            if text == "–":
                continue
            if column == "rejected":
                queries = run.read("calibrate/calibration.json")["queries"]
                of = lambda row: 100 * (queries - table["tp"][row] - table["fp"][row]) / queries
                allowed = 0.051
            elif column in table:
                of, allowed = (lambda row: table[column][row]), 5.1e-5
            else:
                continue
            number = float(re.match(r"[\d.]+", text)[0])
            assert any(abs(of(row) - number) <= allowed for row in rows), f"{name} at {at}: {number}, not {[of(row) for row in rows]}"
            compared.add((column, at))
    quiet(page)
    page.shoot(asked.out / f"{run.name}-threshold.png")
    page.close()
    assert len({column for column, _ in compared}) >= 3, compared
    return f"{len(compared)} numbers at {len({at for _, at in compared})} thresholds"


# What a map says of the point, and the picture beside it as 32 x 32 colours.
HOVERED = """(() => {
  const panel = %s[%d].closest('.panel');
  const words = panel.querySelector('[role=status]').textContent;
  const beside = panel.querySelector('[role=status]').parentElement.querySelector('canvas, img');
  const copy = new OffscreenCanvas(32, 32).getContext('2d');
  copy.imageSmoothingEnabled = false;
  copy.drawImage(beside, 0, 0, 32, 32);
  return [words, [...copy.getImageData(0, 0, 32, 32).data]];
})()"""


def maps(chrome, run, asked):
    """Twenty points of each map under the mouse have their own label and image; a class alone has as many points as it has."""
    page, said = chrome.page().open(run.page.as_uri()), []
    examples, classes, mapped = run.examples(), run.classes(), run.mapped()
    for at in range(page.value(f"{MAPS}.length")):
        page.value(f"{MAPS}[{at}].scrollIntoView({{ block: 'center', behavior: 'instant' }})")
        page.frames()
        box = page.value(f"(({{ x, y, width, height }}) => ({{ x, y, width, height }}))({MAPS}[{at}].getBoundingClientRect())")
        seen = hovered(page, at, box, examples, classes)
        assert len(seen) >= 20, f"map {at}: {len(seen)} points found"
        alone = isolated(page, at, classes, mapped)
        saved = chosen(page, at, box, examples, classes, mapped)
        page.shoot(asked.out / f"{run.name}-map-{at}.png")
        said.append(f"{len(seen)} hovered, {alone}, {saved} saved")
    quiet(page)
    page.close()
    assert said, "no map"
    return "; ".join(said)


def hovered(page, at, box, examples, classes):
    """Sweeps the mouse over a map until twenty points were told; each is compared with the data set."""
    seen = set()
    for step in range(600):
        # Places that fill a square evenly (Roberts, 2018, the R2 sequence), denser in the middle where points are.
        u, v = (0.5 + step * 0.7548776662) % 1, (0.5 + step * 0.5698402910) % 1
        page.point(box["x"] + box["width"] * (0.25 + u / 2), box["y"] + box["height"] * v)
        words, pixels = page.value(HOVERED % (MAPS, at))
        example = re.search(r"example (\d+)", words)
        if not example or int(example[1]) in seen:
            continue
        example = int(example[1])
        name = shown(classes[examples["label"][example]])
        assert name in words, f"example {example} is {name}, not {words}"
        off = difference(pixels, examples["image"][example])
        assert off < 2, f"example {example} has another picture: {off:.1f} of 255 off"
        seen.add(example)
        if len(seen) == 20:
            break
    return seen


def difference(pixels, image):
    """The mean difference between 32 x 32 colours with opacity and an image of three channels of that size."""
    colours = [value for at, value in enumerate(pixels) if at % 4 < 3]
    assert len(colours) == len(image), f"an image of {len(image)} bytes"
    return sum(abs(one - other) for one, other in zip(colours, image)) / len(image)


def isolated(page, at, classes, mapped):
    """Keeps the class of a point alone, by keys, and shows all again."""
    status = f"[...{MAPS}[{at}].closest('.panel').querySelectorAll('output')].map((one) => one.textContent).join(' ')"
    page.value(f"{MAPS}[{at}].focus()")
    page.press("ArrowRight")
    page.press("ArrowLeft")
    words, _ = page.value(HOVERED % (MAPS, at))
    label = mapped[int(re.search(r"example (\d+)", words)[1])]
    page.press("Enter")
    page.frames()
    shown_points, total = map(int, re.search(r"(\d+) of (\d+) points", page.value(status)).groups())
    page.press("Enter")
    page.frames()
    again = re.search(r"(\d+) of (\d+) points", page.value(status)).groups()
    assert again == (str(total), str(total)), again
    assert total <= len(mapped), f"{total} points of {len(mapped)}"
    if total == len(mapped):
        expected = sum(other == label for other in mapped.values())
        assert shown_points == expected, f"{shown_points} points of {classes[label]}, not {expected}"
    return f"{shown_points} of {total} alone"


def chosen(page, at, box, examples, classes, mapped):
    """Draws a lasso round half of a map and saves what is in it: rows of CSV with labels of the data set."""
    left, top, right, bottom = box["x"] + 2, box["y"] + 2, box["x"] + box["width"] / 2, box["y"] + box["height"] - 2
    page.drag([(left, top), (right, top), (right, bottom), (left, bottom), (left, top), (left, top)], shift=True)
    button = f"[...{MAPS}[{at}].closest('.panel').querySelectorAll('button')].find((one) => one.textContent.includes('CSV') && !one.hidden)"
    with tempfile.TemporaryDirectory() as folder:
        page.chrome.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
        page.value(f"{button}.click()")
        end = time.monotonic() + 10
        while not (files := list(Path(folder).glob("*.csv"))) and time.monotonic() < end:
            time.sleep(0.05)
        assert files, "nothing was saved"
        with open(files[0], newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    assert 0 < len(rows) < len(mapped), f"{len(rows)} of {len(mapped)} points"
    for row in rows:
        example = int(row["example_id"])
        assert example in mapped and row["class"] == shown(classes[examples["label"][example]]), row
    return len(rows)


def cells(chrome, run, asked):
    """A confusion matrix walked by keys and opened by Enter: each count is that of the matches, and so are the images."""
    page = chrome.page().open(run.page.as_uri())
    matches, names, examples = run.columns("match/matches.parquet"), [shown(name) for name in run.classes()], run.examples()
    taken = [None if label is None or not matched else names[label] for label, matched in zip(matches["predicted"], matches["matched"])]
    page.value(f"{MATRICES}[0].scrollIntoView({{ block: 'center', behavior: 'instant' }}); {MATRICES}[0].focus({{ preventScroll: true }})")
    found, seen = 0, 0
    for keys in (["Enter"], ["ArrowRight", "Enter"], ["ArrowDown", "Enter"], ["ArrowRight"] * 2 + ["Enter"], ["ArrowDown"] * 4 + ["Enter"]):
        for key in keys:
            page.press(key)
        page.frames()
        words, tiles = page.value(CELL % MATRICES)
        true, given, count = re.match(r"True (.*), predicted (.*): (\d+) queries", words).groups()
        ids = {query for query, label, one in zip(matches["query_id"], matches["label"], taken)
               if names[label] == true and (one == given or one is None and given not in names)}
        assert len(ids) == int(count), f"{words}: {len(ids)} in the matches"
        for label, pixels in tiles:
            query = int(re.search(r"\d+", label)[0])
            assert query in ids, f"query {query} is not of {words}"
            off = difference(pixels, examples["image"][query])
            assert off < 2, f"query {query} has another picture: {off:.1f} of 255 off"
        found, seen = found + int(count), seen + len(tiles)
    quiet(page)
    page.shoot(asked.out / f"{run.name}-cells.png")
    page.close()
    assert found > 0 and seen > 0, f"{found} queries, {seen} images"
    return f"{found} queries in 5 cells, {seen} images"


# What is said of the cell that is open, and every image of its queries, with its label, as 32 x 32 colours.
CELL = """(() => {
  const panel = %s[0].closest('.panel');
  const tiles = [...panel.querySelectorAll('figure canvas, figure img')].map((one) => {
    const copy = new OffscreenCanvas(32, 32).getContext('2d');
    copy.imageSmoothingEnabled = false;
    copy.drawImage(one, 0, 0, 32, 32);
    return [one.getAttribute('aria-label') || one.alt, [...copy.getImageData(0, 0, 32, 32).data]];
  });
  return [panel.querySelector('[role=status]').textContent, tiles];
})()"""


def lists(chrome, run, asked):
    """A list of neighbours that is filtered by a class shows the queries of that class, and says how many they are."""
    page = chrome.page().open(run.page.as_uri())
    total, name = page.value(f"[{STRIPS}.length, {STRIPS}[0].querySelector('figcaption .name').textContent]")
    own = page.value(f"{STRIPS}.filter((one) => one.querySelector('figcaption .name').textContent.includes({json.dumps(name)})).length")
    found = []
    for wanted in (name, "no class is called so", ""):
        page.value(f"(({{ previousElementSibling: panel }}) => {{ const field = panel.querySelector('input'); field.value = {json.dumps(wanted)};"
                   f" field.dispatchEvent(new Event('input')); }})({STRIPS}[0].parentElement)")
        said = page.value(f"{STRIPS}[0].parentElement.previousElementSibling.querySelector('output').textContent")
        found.append((page.value(f"{STRIPS}.filter((one) => one.checkVisibility()).length"), said))
    quiet(page)
    page.close()
    assert found == [(count, f"{count} of {total} shown") for count in (own, 0, total)], found
    return f"{own} of {total} queries of {name}"


# The strips of the first list of neighbours.
STRIPS = "[...document.querySelector('#neighbours ul.strips').children]"


def redraws(chrome, run, asked):
    """A map of 10,000 points, zoomed a hundred times by keys: what script and paint take of the page's thread, by a trace."""
    page = chrome.page().open(run.page.as_uri())
    page.value(f"{MAPS}[0].scrollIntoView({{ block: 'center', behavior: 'instant' }}); {MAPS}[0].focus({{ preventScroll: true }})")
    total = page.value(f"/([\\d,]+) points/.exec({MAPS}[0].getAttribute('aria-label'))[1]").replace(",", "")
    page.frames()
    page.call("Tracing.start", transferMode="ReportEvents", traceConfig={"includedCategories": ["devtools.timeline", "toplevel"]})
    for step in range(TIMES):
        page.press("+-"[step % 2])
        page.value("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    page.call("Tracing.end")
    page.wait("Tracing.tracingComplete")
    events = [event for part in page.events("Tracing.dataCollected") for event in part["value"]]
    page.shoot(asked.out / f"{run.name}-{total}-points.png")
    page.close()
    frames = spent(events)
    assert len(frames) >= TIMES * 0.9, f"{len(frames)} frames for {TIMES} keys"
    median = statistics.median(frames)
    assert median < REDRAW, f"{total} points take {median:.1f} ms"
    return f"{total} points: median {median:.1f} ms, 95 % under {sorted(frames)[len(frames) * 95 // 100]:.1f} ms, of {len(frames)}"


# A frame's work on the page's thread, none of which is part of another.
WORK = {"FireAnimationFrame", "Layout", "UpdateLayoutTree", "PrePaint", "Paint", "Layerize", "Commit"}


def spent(events):
    """Milliseconds of the processor that each frame took, from one animation frame to the next; the thread is that which has the
    most of them. Time in which another program had the processor is no fault of the page."""
    frames = [event for event in events if event["name"] == "FireAnimationFrame" and event["ph"] == "X"]
    if not frames:
        return []
    threads = [(event["pid"], event["tid"]) for event in frames]
    thread = max(set(threads), key=threads.count)
    work = sorted((event["ts"], event["name"], event.get("dur", 0), event.get("tdur", event.get("dur", 0))) for event in events
                  if event["ph"] == "X" and event["name"] in WORK and (event["pid"], event["tid"]) == thread)
    found, end = [], 0
    for start, name, lasted, took in work:
        if start < end:
            continue  # part of what is counted
        end = start + lasted
        if name == "FireAnimationFrame":
            found.append(0)
        if found:
            found[-1] += took / 1000
    # Of the two callbacks of a frame, the page's and this script's, the drawing is one.
    return [took for took in found if took > 0.5]
