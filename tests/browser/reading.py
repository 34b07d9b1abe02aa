"""What holds of a page that is only read: on a screen, on paper, by a screen reader, without scripts."""

import base64
import functools
import http.server
import json
import re
import threading
import unicodedata

from truth import flat

# What a script may be allowed for the first paint, in ms, and for the memory of a tab, in MB.
PAINT, MEMORY, BYTES, SHEETS = 1000, 300, 5_000_000, 25
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Windows, and whether they are dark.
LOOKS = ((1400, False), (1400, True), (400, False), (400, True))


def quiet(page):
    """Nothing complained and nothing was asked for."""
    assert not page.complaints(), page.complaints()
    assert not page.requests(), page.requests()


def serve(folder, policy=None):
    """A server of a folder on this machine, with a policy in its headers if there is one, and the paths that it is asked for."""
    lines = []

    class Server(http.server.SimpleHTTPRequestHandler):
        def log_message(self, _, *rest):
            lines.append(str(rest[0]))

        def end_headers(self):
            if policy:
                self.send_header("Content-Security-Policy", policy)
            super().end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Server, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, lines


def opens(chrome, run, asked):
    """From a file and from a server: soon painted, small, silent, and alone."""
    size = run.page.stat().st_size
    assert size < BYTES, f"{size} bytes"
    server, lines = serve(run.page.parent)
    paints = []
    for address in [run.page.as_uri()] * 3 + [f"http://127.0.0.1:{server.server_port}/{run.page.name}"]:
        page = chrome.page().open(address)
        quiet(page)
        paints.append(page.value("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        memory = page.megabytes()
        page.close()
    server.shutdown()
    others = [line for line in lines if run.page.name not in line and "favicon" not in line]
    assert not others, others
    # The least of four: what else the machine does is no fault of the page.
    assert min(paints) < PAINT, f"first painted after {min(paints):.0f} ms"
    assert memory < MEMORY, f"{memory:.0f} MB"
    return f"first paint {min(paints):.0f} ms, tab {memory:.0f} MB, file {size / 1e6:.2f} MB, no request, no complaint"


def looks(chrome, run, asked):
    """Nothing is wider than the window but what scrolls in a box of its own. Leaves pictures for people."""
    for width in (1400, 400):
        for dark in (False, True):
            page = chrome.page(width=width, dark=dark).open(run.page.as_uri())
            name = f"{run.name}-{width}-{'dark' if dark else 'light'}"
            page.shoot(asked.out / f"{name}.png", whole=True)
            page.shoot(asked.out / f"{name}-first.png")
            wide = page.value("document.documentElement.scrollWidth")
            page.close()
            assert wide <= width, f"{name}: {wide} pixels at {width}"
    return "1,400 and 400 pixels, light and dark"


def accessible(chrome, run, asked, looks=LOOKS):
    """No rule of WCAG 2.2 AA that axe-core can check is broken, everything opened, wide and narrow, light and dark."""
    source, checked = asked.axe.read_text(), 0
    for width, dark in looks:
        page = chrome.page(width=width, dark=dark).open(run.page.as_uri())
        page.value("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        page.value(source + "; 0")
        options = json.dumps({"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]})
        found = page.value(f"axe.run(document, {options}).then((all) => ({{ passes: all.passes.length, violations: all.violations.map("
                           "(one) => `${one.id}: ${one.nodes.length} of ${one.nodes[0].html.slice(0, 160)}: ${one.nodes[0].failureSummary}`) }))")
        page.close()
        assert not found["violations"], f"{width}, {'dark' if dark else 'light'}: " + "; ".join(found["violations"])
        checked += found["passes"]
    return f"no violation, {checked} rules passed in {len(looks)} look{'s' * (len(looks) > 1)}"


def accessible_once(chrome, run, asked):
    """The same in one look, of a page whose script and style are those of another that is looked at in all ways."""
    return accessible(chrome, run, asked, LOOKS[:1])


def printed(chrome, run, asked):
    """On paper it has few sheets, and what was closed is read there too."""
    page = chrome.page(dark=True).open(run.page.as_uri())
    pdf = base64.b64decode(page.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)["data"])
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / f"{run.name}.pdf").write_bytes(pdf)
    sheets = len(re.findall(rb"/Type\s*/Page\b", pdf))
    # As it is printed: light in the dark, and no closed part is left out but the numbers of charts.
    page.call("Emulation.setEmulatedMedia", media="print")
    ground = page.value("getComputedStyle(document.body).backgroundColor")
    closed = page.value("[...document.querySelectorAll('details:not(.figure details) > :not(summary)')].filter((one) => !one.checkVisibility())"
                        ".map((one) => one.parentElement.firstChild.textContent)")
    page.close()
    assert ground == "rgb(255, 255, 255)", ground
    assert 0 < sheets < SHEETS, f"{sheets} sheets"
    assert not closed, f"not on paper: {closed}"
    return f"{sheets} sheets"


def without_scripts(chrome, run, asked):
    """Every number of the match and of the cutpoints is there, and every picture."""
    page = chrome.page(scripts=False).open(run.page.as_uri())
    assert not page.value("document.querySelector('input, canvas, button')"), "something that needs a script"
    rows = page.value("[...document.querySelectorAll('tr')].map((row) => [...row.cells].map((cell) => cell.textContent))")
    said = {row[0]: row[1].replace(",", "").replace("−", "-") for row in rows if len(row) == 2}
    for name, number in flat(run.read("match/metrics.json")):
        assert name in said and abs(float(said[name]) - number) < 5.1e-5, f"{name} is {number}, the page says {said.get(name)}"
    points = cutpoints(rows, run.read("calibrate/calibration.json")["cutpoints"])
    dark = page.value("[...document.images].filter((one) => !one.complete || !one.naturalWidth).length")
    images = page.value("document.images.length")
    charts = page.value("[...document.querySelectorAll('svg[role=img]')].filter((one) => one.getBoundingClientRect().width > 100).length")
    figures, articles = len(run.read("report/metrics.json")["figures"]), page.value("document.querySelectorAll('article').length")
    page.close()
    assert dark == 0 and images > 0, f"{dark} of {images} images are not shown"
    assert charts > 0 and articles == figures, f"{charts} charts, {articles} of {figures} figures"
    return f"{points} numbers of cutpoints, {images} images, {charts} charts, {figures} figures"


def cutpoints(rows, known):
    """The table of the cutpoints has each of them, with every number that the calibration has of it."""
    header, compared = next(row for row in rows if row[:3] == ["name", "value", "distance"]), 0
    for name, cutpoint in known.items():
        row = next(row for row in rows if row[0] == name and len(row) == len(header))
        for column, cell in list(zip(header, row))[1:]:
            if column == "target":
                continue
            number, allowed = cutpoint[column.replace("-", "_")], 5.1e-7 if column == "distance" else 5.1e-5
            assert abs(float(cell.replace("−", "-")) - number) < allowed, f"{column} at {name} is {number}, the page says {cell}"
            compared += 1
    assert compared >= 3 * len(known) > 0, f"{compared} numbers of {len(known)} cutpoints"
    return compared


# The rows of the table behind a figure, by its title.
BEHIND = """[...document.querySelectorAll('article')].filter((one) => one.querySelector('h3').textContent === %s)
  .flatMap((one) => [...one.querySelectorAll('tr')]).map((row) => [...row.cells].map((cell) => cell.textContent))"""
# What the history calls the columns of these tables.
TOLD = {
    "Learning rate": {"learning rate": "learning_rate"},
    "Distances of pairs while training": {
        f"{kind}: {share}": f"{column}-{name}"
        for kind, column in (("one class", "positive"), ("two classes", "negative"))
        for share, name in (("5 %", "p5"), ("50 %", "p50"), ("95 %", "p95"))
    },
}


def training(chrome, run, asked):
    """The tables behind the curves of the training have the numbers of its history."""
    page, history, compared = chrome.page(scripts=False).open(run.page.as_uri()), run.columns("train/history.parquet"), 0
    at = {step: row for row, step in enumerate(history["step"])}
    number = lambda text: float(text.replace(",", "").replace("−", "-"))
    for title, columns in TOLD.items():
        header, *rows = page.value(BEHIND % json.dumps(title))
        assert header == ["Training step", *columns], f"{title}: {header}"
        assert rows, f"{title}: no row"
        for step, *cells in rows:
            for name, cell in zip(columns.values(), cells):
                expected = history[name][at[int(number(step))]]
                assert abs(number(cell) - expected) <= 6e-4 * abs(expected), f"{name} at {step} is {expected}, the page says {cell}"
                compared += 1
    page.close()
    return f"{compared} numbers"


# What build servers allow of a page that a build has left.
STRICT = "sandbox; default-src 'none'; img-src 'self'; style-src 'self'"


def apart(chrome, run, asked):
    """A page that was taken apart is whole where nothing but its own pictures and style sheets is allowed."""
    server, lines = serve(asked.split, STRICT)
    page = chrome.page(scripts=False).open(f"http://127.0.0.1:{server.server_port}/report.html")
    complaints = page.complaints()
    missing = page.value("[...document.images].filter((one) => !one.naturalWidth).length")
    images, words = page.value("document.images.length"), page.value("document.body.textContent.length")
    styled = page.value("getComputedStyle(document.querySelector('.card')).display === 'block' && document.styleSheets.length === 1"
                        " && getComputedStyle(document.querySelector('.cards')).display === 'grid'")
    page.shoot(asked.out / f"{run.name}-apart.png")
    page.close()
    server.shutdown()
    assert not complaints, complaints
    assert images > 0 and missing == 0 and styled, f"{missing} of {images} images are not shown; styled: {styled}"
    return f"{images} images, {words:,} characters, {len(lines)} files asked for"


def shown(name):
    """A name as the page writes it: what nobody would see, by its escape, what no font has, by its number."""
    def letter(one):
        kind = unicodedata.category(one)
        if kind == "Cc":
            return f"\\x{ord(one):02x}"
        # Of what no bundled font has the tests have emoji alone.
        return f"\\u{{{ord(one):x}}}" if kind in ("Cf", "Zl", "Zp") else f"U+{ord(one):04X}" if ord(one) > 0xFFFF else one
    return "".join(map(letter, name))


def written(chrome, run, asked):
    """Names and headings are written with the page's own fonts, whatever the machine has: not one letter with another."""
    page = chrome.page().open(run.page.as_uri())
    page.value("document.fonts.ready.then(() => 0)")
    page.frames()
    page.call("DOM.enable")
    page.call("CSS.enable")
    root = page.call("DOM.getDocument", depth=0)["root"]["nodeId"]
    nodes = page.call("DOM.querySelectorAll", nodeId=root, selector="h1, h2, bdi, figcaption b, svg text")["nodeIds"]
    letters, foreign = {}, set()
    for node in nodes[:1500]:
        for font in page.call("CSS.getPlatformFontsForNode", nodeId=node)["fonts"]:
            if font["isCustomFont"]:
                letters[font["familyName"]] = letters.get(font["familyName"], 0) + font["glyphCount"]
            else:
                foreign.add(f"{font['familyName']}: {page.call('DOM.getOuterHTML', nodeId=node)['outerHTML'][:120]}")
    page.close()
    assert not foreign, "; ".join(sorted(foreign)[:5])
    assert letters, "no text"
    return ", ".join(f"{count:,.0f} glyphs of {name}" for name, count in sorted(letters.items()))


def harmless(chrome, run, asked):
    """Names from outside are text, whatever they hold, and stand in their own direction."""
    page = chrome.page().open(run.page.as_uri())
    quiet(page)
    text, names = page.value("document.body.textContent"), run.classes()
    for name in names:
        assert shown(name) in text, f"{name!r} is nowhere"
    assert not any(unicodedata.category(one) == "Cc" and one not in "\n\t" for one in text), "a control character"
    assert not set(text) & set("\u202a\u202b\u202d\u202e\u2066\u2067"), "a mark of direction"
    scripts = page.value("[...document.scripts].map((one) => one.type)")
    assert sorted(scripts) == ["", "application/json"], scripts
    handlers = page.value("[...document.querySelectorAll('*')].flatMap((one) => [...one.attributes]).filter((one) => /^on|^style$/i.test(one.name)"
                          " || /^\\s*javascript:/i.test(one.value)).map((one) => one.name)")
    outside = page.value("[...document.querySelectorAll('[src], [href]')].map((one) => one.getAttribute('src') || one.getAttribute('href'))"
                         ".filter((one) => !/^(#|data:image\\/png)/.test(one))")
    page.close()
    # A style that the script set is an attribute too, but of its own element.
    assert not [one for one in handlers if one != "style"] and not outside, f"{handlers} {outside}"
    return f"{len(names)} hostile names are text"
