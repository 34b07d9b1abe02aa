"""Headless Chromium through its DevTools protocol, over two pipes: needs nothing but Python and Debian's `chromium`."""

import base64
import fcntl
import json
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path

FLAGS = """--headless --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update
--disable-sync --hide-scrollbars --force-color-profile=srgb --remote-debugging-pipe""".split()

# Seconds without a word after which a browser is given up; axe-core takes most of a minute for the largest page on a busy machine.
PATIENCE = 180

# What a key is to the browser: its name and the number that Windows gave it.
KEYS = {"Enter": 13, "PageUp": 33, "PageDown": 34, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


class Chrome:
    """A browser with an empty profile, ended with the block that it stands in."""

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_read, self.to = pipe()
        self.back, to_write = pipe()

        def hand_over():
            os.dup2(to_read, 3)
            os.dup2(to_write, 4)

        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            ["chromium", *FLAGS, *root, f"--user-data-dir={self.profile.name}", "about:blank"],
            pass_fds=(3, 4), preexec_fn=hand_over, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.left, self.number, self.events = b"", 0, []
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.profile.cleanup()

    def read(self):
        """The next message; those that answer nothing are kept as events."""
        while b"\0" not in self.left:
            if not select.select([self.back], [], [], PATIENCE)[0]:
                raise RuntimeError(f"the browser says nothing for {PATIENCE} s")
            some = os.read(self.back, 1 << 20)
            if not some:
                raise RuntimeError("the browser has ended")
            self.left += some
        text, self.left = self.left.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message:
            self.events.append(message)
        return message

    def call(self, method, session=None, **params):
        """What a method of the protocol gives."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self.to, rest):]
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def page(self, **look):
        """A new tab; see `Page`."""
        return Page(self, **look)


def pipe():
    """Both ends at numbers that no child is given."""
    ends = []
    for end in os.pipe():
        ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20))
        os.close(end)
    return ends


class Page:
    """A tab of a size, light or dark, with or without scripts, that notes what it asks for and complains about."""

    def __init__(self, chrome, width=1400, height=1000, dark=False, scripts=True):
        self.chrome, self.scripts = chrome, scripts
        self.target = chrome.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = chrome.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def call(self, method, **params):
        return self.chrome.call(method, self.session, **params)

    def close(self):
        self.chrome.call("Target.closeTarget", targetId=self.target)

    def events(self, *methods):
        """What came of some kinds so far, in order."""
        own = (event for event in self.chrome.events if event.get("sessionId") == self.session)
        return [event["params"] for event in own if event["method"] in methods]

    def wait(self, method):
        """Reads on until an event came that was not there before the call."""
        while not self.events(method):
            self.chrome.read()

    def open(self, address):
        """Goes to a page and waits until it is loaded and painted."""
        self.chrome.events = [event for event in self.chrome.events if event.get("sessionId") != self.session]
        self.call("Page.navigate", url=address)
        self.wait("Page.loadEventFired")
        self.frames()
        return self

    def value(self, expression):
        """What an expression is, once it is."""
        asked = dict(expression=expression, returnByValue=True, awaitPromise=True)
        answer = self.call("Runtime.evaluate", **asked)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", expression))
        return answer["result"].get("value")

    def frames(self):
        """Lets two frames pass: what was changed before is painted."""
        if self.scripts:
            self.value("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
        else:
            time.sleep(0.2)  # no clock runs on such a page

    def press(self, name, times=1):
        """Presses and lets go of a key."""
        number = KEYS.get(name, ord(name[0].upper()))
        text = {"Enter": "\r"}.get(name, name if len(name) == 1 else "")
        for _ in range(times):
            key = dict(key=name, code=name, windowsVirtualKeyCode=number)
            self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **key)
            self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def point(self, x, y):
        """Moves the mouse there, in pixels of the window."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x, y):
        """Presses and lets go of the mouse there."""
        for kind, buttons in (("mousePressed", 1), ("mouseReleased", 0)):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)

    def drag(self, places, shift=False):
        """Draws a line with the mouse pressed."""
        kinds = ["mousePressed"] + ["mouseMoved"] * (len(places) - 2) + ["mouseReleased"]
        for kind, (x, y) in zip(kinds, places):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1, modifiers=8 if shift else 0)

    def shoot(self, file, whole=False):
        """A picture of what is in the window, or of the whole page."""
        file.parent.mkdir(parents=True, exist_ok=True)
        more = {}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            more = {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        picture = self.call("Page.captureScreenshot", format="png", **more)["data"]
        file.write_bytes(base64.b64decode(picture))

    def megabytes(self):
        """The memory that the largest tab has to itself or shares in part."""
        found = 0
        for one in self.chrome.call("SystemInfo.getProcessInfo")["processInfo"]:
            if one["type"] != "renderer":
                continue
            try:
                lines = Path(f"/proc/{one['id']}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            found = max(found, *(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")))
        return found

    def requests(self):
        """Addresses that were asked for, but the page's own and those that hold what they name."""
        asked = [event["request"]["url"] for event in self.events("Network.requestWillBeSent")]
        return [address for address in asked[1:] if not address.startswith(("data:", "blob:"))]

    def complaints(self):
        """Errors and warnings of scripts, of the policy and of the browser, and boxes that a script opened."""
        said = [event["exceptionDetails"]["text"] for event in self.events("Runtime.exceptionThrown")]
        said += [str(event["args"][:1]) for event in self.events("Runtime.consoleAPICalled") if event["type"] in ("error", "warning", "assert")]
        said += [event["entry"]["text"] for event in self.events("Log.entryAdded") if event["entry"]["level"] in ("error", "warning")]
        return said + [event["message"] for event in self.events("Page.javascriptDialogOpening")]
