"""What moves on a page, compared with the artifacts: the threshold, and the maps. Found by roles and labels, as people find it."""

import collections
import csv
import json
import math
import operator
import re
import statistics
import tempfile
import time
from pathlib import Path

from reading import quiet, shown
from truth import single

# Painting 10,000 points anew, in ms: the median of so many.
REDRAW, TIMES = 50, 100
MAPS = "[...document.querySelectorAll('canvas[role=application]')].filter((one) => /\\d points/.test(one.getAttribute('aria-label')))"
MATRICES = "[...document.querySelectorAll('canvas[role=application]')].filter((one) => /\\d rows, \\d+ columns/.test(one.getAttribute('aria-label')))"


def threshold(chrome, run, asked):
    """The slider, moved by keys: each number that it shows is that of the row of `thresholds.parquet`, or what this threshold makes
    of `matches.parquet`; a confusion matrix counts the same."""
    page = chrome.page().open(run.page.as_uri())
    table = run.columns("calibrate/thresholds.parquet")
    compared, counted = set(), 0
    for keys in (["Home"], ["End"], ["Home"] + ["PageUp"] * 3, ["ArrowRight"] * 2, ["PageUp"] * 2, ["ArrowLeft"]):
        page.value("document.querySelector('input[type=range]').scrollIntoView({ block: 'center', behavior: 'instant' }); document.querySelector('input[type=range]').focus()")
        for key in keys:
            page.press(key)
        at = float(page.value("document.querySelector('input[type=range]').getAttribute('aria-valuetext')"))
        rows = [row for row, distance in enumerate(table["distance"]) if abs(distance - at) < 2e-6]
        assert rows, f"no threshold {at}"
        judged = [verdicts(run, table["distance"][row]) for row in rows]
        panel = "document.querySelector('input[type=range]').closest('.panel')"
        said = page.value(f"[...{panel}.querySelectorAll('dt')].map((one) => [one.textContent, one.nextElementSibling.textContent])")
        for name, text in said:
            named = re.search(r"\((\w+)\)$", name)
            column = named[1] if named else name.removeprefix("Calibration: ")
            if column in SHARES:
                of = [SHARES[column](one) for one in judged]
                assert any(as_written(text, some, whole) for some, whole in of), f"{name} at {at}: {text}, not one of {of}"
                compared.add((column, at))
                continue
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
        counted += follows(page, run, at, judged)
    quiet(page)
    page.shoot(asked.out / f"{run.name}-threshold.png")
    page.close()
    columns = {column for column, _ in compared}
    assert len(columns - set(SHARES)) >= 3 and set(SHARES) <= columns, compared
    return f"{len(compared)} numbers at {len({at for _, at in compared})} thresholds, {counted} cells"


# What the rows about the queries are shares of, by what they are called.
SHARES = {
    "Queries accepted": lambda judged: (len(judged["accepted"]), judged["all"]),
    "Of these right": lambda judged: (judged["right"], len(judged["accepted"])),
    "Queries with their own class": lambda judged: (judged["right"], judged["all"]),
}


def verdicts(run, distance):
    """What becomes of the queries at a threshold: who is accepted with which class, how many of these with their own. Of distances
    that are compared in single precision, as the page compares them."""
    matches, limit = run.columns("match/matches.parquet"), single(distance)
    assert run.read("calibrate/calibration.json")["distance_metric"] == "cosine", "the smaller, the nearer"
    rows = list(zip(matches["label"], matches["predicted"], matches["distance"]))
    accepted = [(label, predicted) for label, predicted, at in rows if at <= limit]
    cells = collections.Counter((label, predicted if at <= limit else None) for label, predicted, at in rows)
    return {"accepted": accepted, "right": sum(label == predicted for label, predicted in accepted), "all": len(rows), "cells": cells}


def as_written(text, some, whole):
    """Whether a text is a share as the page writes it; one of nothing is a dash."""
    if whole == 0 or text == "–":
        return whole == 0 and text == "–"
    return abs(float(re.match(r"[\d.]+", text)[0]) - 100 * some / whole) <= 0.051


def follows(page, run, at, judged):
    """Two cells of a confusion matrix, opened by keys at a threshold: one of the first class, and its queries that are refused."""
    names, unknown = [shown(name) for name in run.classes()], run.read("match/match.json")["unknown_label"]
    page.value(f"{MATRICES}[0].focus({{ preventScroll: true }})")
    for key in ("ArrowLeft", "ArrowRight"):
        page.press(key, len(names))
        page.press("Enter")
        words = page.value(f"{MATRICES}[0].closest('.panel').querySelector('h4').textContent")
        true, given, count = re.match(r"True (.*), predicted (.*): (\d+) queries", words).groups()
        assert (given == unknown) == (key == "ArrowRight"), words
        cell = (names.index(true), None if given == unknown else names.index(given))
        counts = [one["cells"][cell] for one in judged]
        assert int(count) in counts, f"{words} at {at}, not one of {counts}"
    return 2


# What a map says of the point, and the picture beside it as 32 x 32 colours.
HOVERED = """(() => {
  const panel = %s[%d].closest('.panel');
  const words = panel.querySelector('[role=status]').textContent;
  const near = [...panel.querySelectorAll('.near li')].map((one) => one.textContent);
  const beside = panel.querySelector('[role=status]').parentElement.querySelector('canvas, img');
  const copy = new OffscreenCanvas(32, 32).getContext('2d');
  copy.imageSmoothingEnabled = false;
  copy.drawImage(beside, 0, 0, 32, 32);
  return [words, near, [...copy.getImageData(0, 0, 32, 32).data]];
})()"""


def maps(chrome, run, asked):
    """Twenty points of each map under the mouse have their own label, image and neighbours; a class or a verdict alone has the points
    that it has, and they are the ones that are pointed at; legends count what there is of each colour."""
    page, said = chrome.page().open(run.page.as_uri()), []
    examples, classes, mapped, drawn = run.examples(), run.classes(), run.mapped(), run.maps()
    assert page.value(f"{MAPS}.length") == len(drawn), f"{len(drawn)} maps"
    for at, rows in enumerate(drawn):
        assert len(rows["example_id"]) == counted(page, at)[1], f"map {at}: {counted(page, at)}"
        box = framed(page, at)
        seen = hovered(page, at, box, examples, classes, run.vectors(rows["example_id"]))
        assert len(seen) >= 20, f"map {at}: {len(seen)} points found"
        alone = isolated(page, at, rows, classes)
        kinds = coloured(page, at, rows, run)
        wrong = filtered(page, at, rows, run)
        saved = chosen(page, at, framed(page, at), examples, classes, mapped)
        page.shoot(asked.out / f"{run.name}-map-{at}.png")
        said.append(f"{len(seen)} hovered, {alone}, {wrong}, {kinds} colours counted, {saved} saved")
    quiet(page)
    page.close()
    assert said, "no map"
    return "; ".join(said)


def framed(page, at):
    """Where a map is in the window, once it is in its middle."""
    page.value(f"{MAPS}[{at}].scrollIntoView({{ block: 'center', behavior: 'instant' }})")
    page.frames()
    return page.value(f"(({{ x, y, width, height }}) => ({{ x, y, width, height }}))({MAPS}[{at}].getBoundingClientRect())")


def counted(page, at):
    """How many points a map says that it shows, and of how many."""
    said = page.value(f"[...{MAPS}[{at}].closest('.panel').querySelectorAll('output')].map((one) => one.textContent).join(' ')")
    return tuple(map(int, re.search(r"(\d+) of (\d+) points", said).groups()))


def spots(page, at, rows):
    """Where each example of a map lies in the window, by the range of the map's axes."""
    box = framed(page, at)
    left, top, width, height = page.value(f"((one) => [one.clientLeft, one.clientTop, one.width, one.height])({MAPS}[{at}])")
    west, east, south, north = page.value(f"JSON.parse(document.getElementById('numbers').textContent).maps[{at}].range")
    side = min(width, height)
    across = lambda x: box["x"] + left + width / 2 + ((x - west) / (east - west) - 0.5) * side
    down = lambda y: box["y"] + top + height / 2 - ((y - south) / (north - south) - 0.5) * side
    return {example: (across(x), down(y)) for example, x, y in zip(rows["example_id"], rows["x"], rows["y"])}


def pointed(page, at, where, some):
    """What a map says of examples under the mouse: of each the one that is told, which lies there, and the words."""
    told = []
    for example in some:
        page.point(*where[example])
        words = page.value(HOVERED % (MAPS, at))[0]
        found = int(re.search(r"example (\d+)", words)[1])
        apart = math.dist(where[found], where[example])
        assert apart < 2, f"at example {example} the map says {words}, which is {apart:.1f} pixels away"
        told.append((found, words))
    return told


def hovered(page, at, box, examples, classes, vectors):
    """Sweeps the mouse over a map until twenty points were told; each is compared with the data set, and its neighbours with those
    that comparing it with every other point of the map gives."""
    seen = set()
    for step in range(600):
        # Places that fill a square evenly (Roberts, 2018, the R2 sequence), denser in the middle where points are.
        u, v = (0.5 + step * 0.7548776662) % 1, (0.5 + step * 0.5698402910) % 1
        page.point(box["x"] + box["width"] * (0.25 + u / 2), box["y"] + box["height"] * v)
        words, near, pixels = page.value(HOVERED % (MAPS, at))
        example = re.search(r"example (\d+)", words)
        # Where the mouse is at no point, the words of the last one stay, its neighbours do not.
        if not example or not near or int(example[1]) in seen:
            continue
        example = int(example[1])
        name = shown(classes[examples["label"][example]])
        assert name in words, f"example {example} is {name}, not {words}"
        off = difference(pixels, examples["image"][example])
        assert off < 2, f"example {example} has another picture: {off:.1f} of 255 off"
        told_nearest(example, near, vectors, {one: shown(classes[examples["label"][one]]) for one in vectors})
        seen.add(example)
        if len(seen) == 20:
            break
    return seen


def told_nearest(example, near, vectors, names):
    """The five neighbours that a map tells are the nearest by cosine, with a mark of whether their class is the point's own. Of two
    that are equally near in single precision either may come first."""
    length = lambda row: math.sqrt(sum(value * value for value in row)) or 1
    own = vectors[example]
    cosine = {other: sum(map(operator.mul, own, row)) / length(own) / length(row) for other, row in vectors.items() if other != example}
    ranked = sorted(cosine.values(), reverse=True)[:5]
    assert len(near) == len(ranked), f"example {example} has the neighbours {near}"
    for words, value in zip(near, ranked):
        fitting = {names[other] for other, one in cosine.items() if abs(one - value) < 1e-6}
        expected = {f"{'✓' if name == names[example] else '✗'} {name}" for name in fitting}
        assert words in expected, f"neighbours of example {example}: {near}, but {words} should be one of {sorted(expected)}"


def difference(pixels, image):
    """The mean difference between 32 x 32 colours with opacity and an image of three channels of that size."""
    colours = [value for at, value in enumerate(pixels) if at % 4 < 3]
    assert len(colours) == len(image), f"an image of {len(image)} bytes"
    return sum(abs(one - other) for one, other in zip(colours, image)) / len(image)


def isolated(page, at, rows, classes):
    """Keeps the class of a point alone, by keys, points at what is left and at what is gone, and shows all again."""
    labels = dict(zip(rows["example_id"], rows["label"]))
    page.value(f"{MAPS}[{at}].focus()")
    page.press("ArrowRight")
    page.press("ArrowLeft")
    words = page.value(HOVERED % (MAPS, at))[0]
    label = labels[int(re.search(r"example (\d+)", words)[1])]
    name = shown(classes[label])
    page.press("Enter")
    own = [example for example, other in labels.items() if other == label]
    found = counted(page, at)
    assert found == (len(own), len(labels)), f"{found} points of {name}, not {len(own)}"
    where = spots(page, at, rows)
    told = pointed(page, at, where, own[:20])
    assert len(told) == min(20, len(own)), f"{len(told)} of {len(own)} points of {name}"
    for example, words in told:
        assert labels[example] == label and words.startswith(f"{name}, example "), f"among those of {name}: {words}"
    for example in [example for example, other in labels.items() if other != label][:20]:
        page.point(*where[example])
        words = page.value(HOVERED % (MAPS, at))[0]
        assert words.startswith(f"{name}, example "), f"where another class lies: {words}"
    page.press("Enter")
    again = counted(page, at)
    assert again == (len(labels), len(labels)), again
    return f"{len(own)} of {len(labels)} alone"


# Sets one of a map's lists, by its label, as a hand does.
CHOOSE = """((name, value) => {
  const list = [...%s[%d].closest('.panel').querySelectorAll('label')].find((one) => one.firstChild.textContent === name).querySelector('select');
  list.value = value;
  list.dispatchEvent(new Event('change'));
})(%s, %s)"""


def choose(page, at, name, value):
    page.value(CHOOSE % (MAPS, at, json.dumps(name), json.dumps(value)))
    page.frames()


def filtered(page, at, rows, run):
    """Each verdict shown alone has as many points as there are in the matches; those that are wrong are pointed at."""
    verdict, pointed_at = {example: kind for example, (kind, _) in run.judged(rows["example_id"]).items()}, 0
    for wanted in ("right", "wrong", "no match"):
        choose(page, at, "Show", wanted)
        some = [example for example, kind in verdict.items() if kind == wanted]
        found = counted(page, at)
        assert found == (len(some), len(verdict)), f"{wanted}: {found}, not {len(some)}"
        if wanted != "wrong":
            continue
        where = spots(page, at, rows)
        for example, words in pointed(page, at, where, some[:20]):
            assert verdict[example] == wanted and f"example {example}: {wanted}" in words, f"among those that are wrong: {words}"
            pointed_at += 1
    choose(page, at, "Show", "all")
    return f"{pointed_at} wrong ones pointed at"


# Entries that a legend has at most.
NAMED = 20


def coloured(page, at, rows, run):
    """The legend of each colouring counts what data set and matches have of each kind."""
    names, judged, compared = [shown(name) for name in run.classes()], run.judged(rows["example_id"]), 0
    kinds = {
        "class": [names[label] for label in rows["label"]],
        "prediction": [kind if given is None else names[given] for kind, given in judged.values()],
        "correctness": [kind for kind, _ in judged.values()],
    }
    for colour in ("prediction", "correctness", "class"):
        choose(page, at, "Colour", colour)
        expected = collections.Counter(kinds[colour])
        said = page.value(f"[...{MAPS}[{at}].closest('.panel').querySelectorAll('.legend li')].map((one) => one.textContent)")
        assert len(said) == len(expected) if len(expected) <= NAMED else len(said) == NAMED + 1, f"{colour}: {said}"
        for line in said[:NAMED]:
            name, count = line.rsplit(": ", 1)
            assert expected[name] == int(count), f"{colour}: {line}, not {expected[name]}"
            compared += 1
    return compared


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
    share = clicked(page, names, collections.Counter(zip(matches["label"], taken)), run.read("match/match.json")["unknown_label"])
    quiet(page)
    page.shoot(asked.out / f"{run.name}-cells.png")
    page.close()
    assert found > 0 and seen > 0, f"{found} queries, {seen} images"
    return f"{found} queries in 5 cells, {seen} images; {share}"


def clicked(page, names, counts, unknown):
    """The most frequent cell, found and clicked with the mouse: its count, its share of the row, and its shade by counts and by shares."""
    (label, given), count = counts.most_common(1)[0]
    row = sum(other for (one, _), other in counts.items() if one == label)
    true, given = names[label], given or unknown
    x, y, width, height = page.value(f"(({{ x, y, width, height }}) => [x, y, width, height])({MATRICES}[0].getBoundingClientRect())")
    status = f"{MATRICES}[0].closest('.panel').querySelector('[role=status]').textContent"

    def along(places, wanted):
        # The words of the last cell stay where there is none: away from the row first.
        for away in (y + 114, y + height - 8):
            page.point(x + 160, away)
            if f"True {true}, " not in page.value(status):
                break
        for at in places:
            page.point(*at)
            if wanted in page.value(status):
                return at
        raise AssertionError(f"no cell says {wanted}")

    # From above and from the left: a place near the cell's corner, where no number is written over its shade.
    across = x + 160  # behind the names, so in a column
    _, down = along([(across, y + at) for at in range(0, int(height), 4)], f"True {true}, ")
    across, down = along([(x + at, down + 5) for at in range(0, int(width), 4)], f"True {true}, predicted {given}: ")
    across += 5
    page.point(across, down)
    page.click(across, down)
    words = page.value(f"{MATRICES}[0].closest('.panel').querySelector('h4').textContent")
    said = re.match(r"True (.*), predicted (.*): (\d+) queries, ([\d.]+) % of the row's (\d+)", words).groups()
    assert said[:3] == (true, given, str(count)) and int(said[4]) == row, f"{words}, not {count} of {row}"
    assert abs(float(said[3]) - 100 * count / row) <= 0.051, f"{words}, not {100 * count / row} %"
    grounds = page.value("JSON.parse(document.getElementById('numbers').textContent).shades.grounds")
    for _ in range(2):
        by_row = page.value(f"{SHARED}.querySelector('input').checked")
        shade = page.value(SHADE % (MATRICES, across - x, down - y))
        step = max(math.floor(count / (row if by_row else max(counts.values())) * (len(grounds) - 1) + 0.5), 1)
        assert shade == grounds[step], f"a share of {'the row' if by_row else 'the largest count'} is {shade}, not {grounds[step]}"
        page.value(f"{SHARED}.click()")
        page.frames()
    return f"{true} as {given} clicked: {said[3]} % of {row}"


# The switch between counts and shares of rows, and the colour of a place of the canvas.
SHARED = f"[...{MATRICES}[0].closest('.panel').querySelectorAll('label')].find((one) => one.textContent.includes('Shares of each row'))"
SHADE = """(() => {
  const copy = new OffscreenCanvas(1, 1).getContext('2d');
  copy.drawImage(%s[0], -%d, -%d);
  const [red, green, blue] = copy.getImageData(0, 0, 1, 1).data;
  return '#' + [red, green, blue].map((one) => one.toString(16).padStart(2, '0')).join('');
})()"""

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
