#!/usr/bin/env python3
"""report_page_test.py BIN SOURCE: a report in headless Chromium, by its remote debugging pipe.

No request leaves the page, the console stays silent, nothing is wider than the window or a sheet of paper, text stands
out from its ground, tables sort and the slider moves, by mouse and by keyboard. Exit status 77 where there is no
Chromium."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

WIDTHS = (400, 800, 1600)
SCHEMES = ("light", "dark")
HOSTILE = '<script>document.title="broken"</script><img src=x onerror="alert(1)">'


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    print("skipped: there is no Chromium (Debian: chromium)")
    sys.exit(77)


class Browser:
    """Commands and events of the DevTools protocol, each a JSON object that ends in a null byte."""

    def __init__(self, program, folder):
        to_read, self.to_browser = os.pipe()
        self.from_browser, to_write = os.pipe()

        def hand_over():
            first, second = os.dup(to_read), os.dup(to_write)
            os.dup2(first, 3)
            os.dup2(second, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", f"--user-data-dir={folder}/profile", "--remote-debugging-pipe"],
            preexec_fn=hand_over, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.buffer, self.number, self.events, self.session = b"", 0, [], None

    def receive(self):
        while b"\0" not in self.buffer:
            piece = os.read(self.from_browser, 1 << 16)
            if not piece:
                sys.exit("the browser has ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while (answer := self.receive()).get("id") != self.number:
            self.events.append(answer)
        if "error" in answer:
            sys.exit(f"{method}: {answer['error']}")
        return answer["result"]

    def wait_for(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())

    def value(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def close(self):
        self.session = None
        self.call("Browser.close")
        self.process.wait(timeout=30)


# Elements that reach beyond the window, but for what lies in a region that scrolls by itself.
TOO_WIDE = """(() => {
  const wide = [...document.body.querySelectorAll("*")].filter(e => !e.closest(".scroll, .skip, .over") &&
    e.getBoundingClientRect().right > innerWidth + 1);
  return [document.documentElement.scrollWidth - innerWidth, wide.map(e => e.tagName + "." + e.className).join(" ")];
})()"""

# What a screen reader reads: pictures have words, tables have heads, headings leave no level out.
UNREADABLE = """(() => {
  const wrong = [];
  for (const e of document.querySelectorAll("img")) if (!e.alt) wrong.push("a picture without words");
  for (const e of document.querySelectorAll("svg:not([aria-hidden])"))
    if (e.getAttribute("role") !== "img" || !e.getAttribute("aria-label")) wrong.push("a drawing without words");
  for (const e of document.querySelectorAll("input, select"))
    if (!e.labels.length || !(e.labels[0].textContent + (e.getAttribute("aria-label") || "")).trim()) wrong.push("a control without label");
  let level = 0;
  for (const e of document.querySelectorAll("h1, h2, h3, h4")) {
    if (+e.tagName[1] > level + 1) wrong.push("a heading that leaves a level out: " + e.textContent);
    level = +e.tagName[1];
  }
  for (const e of document.querySelectorAll("a[href^='#']"))
    if (!document.querySelector(e.getAttribute("href"))) wrong.push("a link to nowhere");
  return wrong;
})()"""

SORTED = """(() => {
  const table = document.querySelector("#classes").parentElement.querySelector("table");
  const head = table.tHead.rows[0].cells[1];
  const values = () => [...table.tBodies[0].rows].map(row => parseFloat(row.cells[1].textContent));
  const falls = values();
  head.querySelector("button").click();
  const rises = values();
  return head.getAttribute("aria-sort") === "ascending" && rises.every((v, i) => i === 0 || rises[i - 1] <= v) &&
    falls.every((v, i) => i === 0 || falls[i - 1] >= v);
})()"""

WIPED = """(() => {
  const slider = document.querySelector(".wipe input");
  slider.value = 20;
  slider.dispatchEvent(new Event("input"));
  const over = document.querySelector(".view .over");
  return getComputedStyle(over).clipPath.includes("20%") && over.naturalWidth > 0;
})()"""


# Texts whose contrast with their ground is less than WCAG's 4.5 to 1 (3 to 1 where they are large).
PALE = """(() => {
  const parts = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const color = parts(getComputedStyle(e).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const pale = new Set();
  for (const e of document.body.querySelectorAll("*:not(svg *):not(script):not(style)")) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), a = light(parts(style.color)), b = light(ground(e));
    const least = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    if ((Math.max(a, b) + .05) / (Math.min(a, b) + .05) < least) pale.add(e.tagName + "." + e.className);
  }
  return [...pale].join(" ");
})()"""

# On paper: what is for the screen is gone, and no picture or detail is left out.
PAPER = """(() => {
  const shown = e => e.getClientRects().length > 0;
  const wrong = [];
  for (const e of document.querySelectorAll("nav, .skip, .wipe")) if (shown(e)) wrong.push("on paper: " + e.className + e.tagName);
  for (const e of document.querySelectorAll(".panels img")) if (!shown(e)) wrong.push("not on paper: a picture");
  for (const e of document.querySelectorAll("details")) if (!e.open) wrong.push("not on paper: a detail");
  return wrong;
})()"""
A4_WIDTH = 718  # CSS pixels between margins of 1 cm

FOCUSED = "document.activeElement.className + ' ' + document.activeElement.tagName"


def press(browser, key, code):
    text = {"text": "\r"} if key == "Enter" else {}
    browser.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **text)
    browser.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)


def by_keyboard(browser):
    """What is wrong for somebody without a mouse."""
    wrong = []
    browser.value("document.activeElement.blur()")
    press(browser, "Tab", 9)
    if "skip" not in browser.value(FOCUSED):
        wrong.append("the first Tab does not lead to the link to the contents: " + browser.value(FOCUSED))
    head = "document.querySelector('table.sortable th button')"
    browser.value(head + ".focus()")
    press(browser, "Enter", 13)
    before = browser.value(head + ".parentElement.getAttribute('aria-sort')")
    press(browser, "Enter", 13)
    if not before or before == browser.value(head + ".parentElement.getAttribute('aria-sort')"):
        wrong.append("Enter does not sort a table")
    if browser.value("document.querySelectorAll('.wipe input').length"):
        browser.value("document.querySelector('.wipe input').focus()")
        before = browser.value("document.querySelector('.wipe input').value")
        press(browser, "ArrowRight", 39)
        if before == browser.value("document.querySelector('.wipe input').value"):
            wrong.append("an arrow does not move the slider")
    return wrong


def on_paper(browser):
    browser.call("Emulation.setDeviceMetricsOverride", width=A4_WIDTH, height=1000, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", media="print")
    browser.value("dispatchEvent(new Event('beforeprint'))")
    wrong = browser.value(PAPER)
    excess, elements = browser.value(TOO_WIDE.replace(".scroll, .skip, .over", ".skip, .over"))
    if excess > 0 or elements:
        wrong.append(f"on paper {excess} px too wide: {elements}")
    if len(browser.call("Page.printToPDF")["data"]) < 1000:
        wrong.append("nothing is printed")
    browser.call("Emulation.setEmulatedMedia", media="")
    return wrong


def make_reports(binaries, source, folder):
    environment = dict(os.environ, GRAPHRUN_HOME=source, OMP_WAIT_POLICY="passive")

    def run(program, *words):
        subprocess.run([os.path.join(binaries, program), *words], cwd=folder, env=environment, check=True)

    run("graphc", os.path.join(source, "graphs/spnet_tiny.json"), "-o", "tiny.fb", "-D", "width=8", "-q")
    run("grun", "train", "tiny.fb", "--dataset", "shapes", "-o", "run", "--seed", "1", "-q", "--set", "epochs=2",
        "--set", "evaluate=true", "--set", "train_h=33", "--set", "train_w=33", "--set", "batch_size=8",
        "--profile", "run_profile.json")
    run("grun", "eval", "run", "-q")
    run("grun", "report", "run", "--profile", "run_profile.json", "-q", "-o", "run.html")
    os.remove(os.path.join(folder, "run_profile.json"))
    hostile = {"mIoU": 0.5, "per_class": [{"name": HOSTILE, "iou": 0.6, "acc": 0.7}, {"name": "b" * 200, "iou": 0.4}],
               "confusion": [[9, 1], [3, 7]], "protocol": {"name": HOSTILE}, "images": 2, HOSTILE: 1,
               "calibration": {"ece": 0.1, "bins": [{"confidence": 0.7, "accuracy": 0.5, "pixels": 9}]}}
    with open(os.path.join(folder, "metrics.json"), "w", encoding="utf-8") as file:
        json.dump(hostile, file)
    run("grun", "report", "metrics.json", "-q", "-o", "hostile.html")
    return ["run.html", "hostile.html"]


def look_at(browser, path, pictures):
    wrong = []
    browser.events.clear()
    browser.call("Page.navigate", url="file://" + path)
    browser.wait_for("Page.loadEventFired")
    for width in WIDTHS:
        for scheme in SCHEMES:
            browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            excess, elements = browser.value(TOO_WIDE)
            if excess > 0 or elements:
                wrong.append(f"at {width} px, {scheme}: {excess} px too wide: {elements}")
            if pale := browser.value(PALE):
                wrong.append(f"{scheme}: hardly to be read: {pale}")
            if pictures:
                take_picture(browser, f"{pictures}/{os.path.basename(path)}_{width}_{scheme}.png")
    wrong += browser.value(UNREADABLE)
    if not browser.value(SORTED):
        wrong.append("the table of classes is not sorted by its heads")
    if browser.value("document.querySelectorAll('figure.sample').length") and not browser.value(WIPED):
        wrong.append("the slider does not move the picture")
    wrong += by_keyboard(browser) + on_paper(browser)
    if "broken" in browser.value("document.title"):
        wrong.append("a name became a script")
    for event in browser.events:
        method, params = event.get("method", ""), event.get("params", {})
        if method == "Network.requestWillBeSent" and not params["request"]["url"].startswith(("file://" + path, "data:")):
            wrong.append("a request: " + params["request"]["url"][:200])
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            wrong.append(f"a message: {params}")
    return [f"{os.path.basename(path)}: {text}" for text in wrong]


def take_picture(browser, path):
    import base64
    size = browser.call("Page.getLayoutMetrics")["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    data = browser.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
    with open(path, "wb") as file:
        file.write(base64.b64decode(data))


def main():
    binaries, source, *rest = sys.argv[1:]
    program = chromium()
    with tempfile.TemporaryDirectory() as folder:
        pages = make_reports(os.path.abspath(binaries), os.path.abspath(source), folder)
        browser = Browser(program, folder)
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            browser.call(domain + ".enable")
        wrong = [text for page in pages for text in look_at(browser, os.path.join(folder, page), rest[0] if rest else "")]
        browser.close()
    for text in wrong:
        print(text)
    sys.exit(1 if wrong else 0)


main()
