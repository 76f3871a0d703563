"""A headless Chromium, driven through chromedriver by the W3C WebDriver protocol."""

import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from tandem_cli import free_port

STARTUP_S = 20


def is_installed():
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Browser:
    """Use it in a `with`; it cannot reach any network."""

    def __enter__(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait_for_driver()
            session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {"args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                    "--window-size=1180,1000", "--hide-scrollbars",
                    "--host-resolver-rules=MAP * ~NOTFOUND"]}}}})
        except BaseException:
            self.driver.kill()
            self.driver.wait()
            raise
        self.url += f"/session/{session['sessionId']}"
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()

    def wait_for_driver(self):
        deadline_s = time.monotonic() + STARTUP_S
        while True:
            try:
                self.call("GET", "/status")
                return
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.05)

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, path):
        self.call("POST", "/url", {"url": f"file://{path}"})

    def run(self, script, *arguments):
        """What a function body in JavaScript returns."""
        return self.call("POST", "/execute/sync", {"script": script, "args": arguments})

    def errors(self):
        """What the console was told that is no mere remark, since the last time."""
        entries = self.call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def centre(self, selector):
        """Scrolls to the first such element; its middle in the window, and its size."""
        x, y, width, height = self.run(
            "const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center'});"
            "const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2, b.width, b.height];", selector)
        return round(x), round(y), width, height

    def pointer(self, *steps):
        """Lets the mouse do `steps`: (x, y) to move, "down" and "up"."""
        actions = []
        for step in steps:
            if isinstance(step, str):
                actions.append({"type": f"pointer{step.capitalize()}", "button": 0})
            else:
                actions.append({"type": "pointerMove", "x": step[0], "y": step[1],
                                "duration": 30, "origin": "viewport"})
        self.call("POST", "/actions", {"actions": [{
            "type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
            "actions": actions}]})
