"The live figures in a browser: each is moved by every control it has, in JupyterLab and on the pages of the site."

import html, json, re, time
from pathlib import Path

root = Path(__file__).resolve().parent.parent
framed = re.compile(r'<iframe title="([^"]*)"[^>]* srcdoc="')


def figures_of(notebook):
    "How many live figures its committed outputs hold."
    outputs = [
        "".join(output.get("data", {}).get("text/html", ""))
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        for output in cell.get("outputs", [])
    ]
    return sum(is_live(text) for text in outputs if framed.search(text))


def is_live(page):
    "Whether a frame holds a live figure or an explorer."
    return "mount(" in html.unescape(page) or "hxModel" in page


def live_notebooks():
    "Notebooks that show live figures, and how many."
    found = {
        file: figures_of(file)
        for file in sorted((root / "nbs").rglob("*.ipynb"))
        if ".ipynb_checkpoints" not in file.parts
    }
    return {file: number for file, number in found.items() if number}


def watched(browser):
    "A page, and what its console complained of."
    page = browser.new_page(viewport=dict(width=1400, height=1000))
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if is_ours(message) else None)
    return page, errors


def is_ours(message):
    "An error, but not that something of another site is out of reach: the formulas' letters, without a network."
    elsewhere = re.match(r"https?://(?!127\.0\.0\.1|localhost)", message.location.get("url", ""))
    return message.type == "error" and not elsewhere


class Figure:
    "A live figure: its element in a page or a frame, and hands to move it."

    def __init__(self, page, element):
        self.page, self.element = page, element

    @property
    def state(self):
        return self.element.evaluate("e => JSON.stringify(e.live.state())")

    def settled(self):
        "The state, once no answer is awaited; the words below the figure."
        for _ in range(600):
            state = json.loads(self.state)
            if not state["pending"]:
                return state
            time.sleep(0.1)
        raise TimeoutError("The figure awaits an answer for a minute.")

    def controls(self):
        return self.element.query_selector_all("input[type=range], select, input[type=checkbox]")

    def moved_by_controls(self):
        "[(control, did the figure change, what went wrong)]"
        return [self.moved_by(control) for control in self.controls()]

    def moved_by(self, control):
        name = control.get_attribute("name") or control.get_attribute("aria-label") or "control"
        before = self.state
        tag = control.evaluate("e => e.tagName")
        if tag == "SELECT":
            last = control.evaluate("e => e.options.length - 1")
            control.select_option(index=last)
        else:
            control.focus()
            at_end = control.evaluate("e => e.value === e.max")
            control.press("Home" if at_end else "End")
        state = self.settled()
        wrong = state.get("error", "")
        return name, self.state != before, wrong

    def moved_by_drags(self):
        "The same for all that can be dragged: by mouse and by arrow keys."
        number = len(self.element.query_selector_all(".lf-drag"))
        return [outcome for n in range(number) for outcome in self.drag(n)]

    def drag(self, n):
        def grip():
            return self.element.query_selector_all(".lf-drag")[n]

        name = grip().get_attribute("aria-label").split(":")[0]
        before = self.state
        for step in (170, -170):  # what stands at the right end can only go to the left
            box = grip().bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            self.page.mouse.move(x, y)
            self.page.mouse.down()
            self.page.mouse.move(x + step, y + 18, steps=4)
            self.page.mouse.up()
            after = self.state
            if after != before:
                break
        yield f"{name} by mouse", after != before, ""
        grip().focus()
        for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):
            self.page.keyboard.press(key)
            if self.state != after:
                break
        yield f"{name} by keys", self.state != after, ""


def try_it(check, where, page, element):
    if "hx" in element.get_attribute("class").split():
        return try_explorer(check, where, page, element)
    figure = Figure(page, element)
    for name, changed, wrong in [*figure.moved_by_controls(), *figure.moved_by_drags()]:
        check(f"{where}: {name}{' ' + wrong if wrong else ''}", changed and not wrong)


def try_explorer(check, where, page, element):
    "A drag moves the disk; what else it can do is tried by browser.py."
    view = "e => JSON.stringify(e.explorer.state().view)"
    before = element.evaluate(view)
    box = element.query_selector("canvas").bounding_box()
    x, y = box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 50, y + 30, steps=5)
    page.mouse.up()
    time.sleep(0.6)
    check(f"{where}: the disk by mouse", element.evaluate(view) != before)


def look_at_site(browser, checks, shots):
    "The pages of the built site, as files: no kernel, no network."
    done = []
    for notebook, number in live_notebooks().items():
        file = root / "_site" / notebook.relative_to(root / "nbs").with_suffix(".html")
        page, errors = watched(browser)
        check = checks(lambda name, page=page: page.screenshot(path=shots / f"site-{name}.png"))
        page.goto(f"file://{file}")
        frames = [
            element.content_frame()
            for element in page.query_selector_all("iframe[srcdoc]")
            if is_live(element.get_attribute("srcdoc"))
        ]
        check(f"{file.name} shows {number} figures", len(frames) == number)
        for n, frame in enumerate(frames):
            frame.wait_for_selector(".lf svg, .hx canvas")
            ready = "document.querySelector('.lf')?.live || document.querySelector('.hx')?.explorer?.state().ready"
            frame.wait_for_function(ready)
            holder = frame.frame_element()
            holder.scroll_into_view_if_needed()
            time.sleep(0.3)
            holder.screenshot(path=shots / f"site-{notebook.stem}-{n}-before.png")
            try_it(check, f"{file.name} {n}", page, frame.query_selector(".lf, .hx"))
            holder.screenshot(path=shots / f"site-{notebook.stem}-{n}-after.png")
        check.no_errors([e for e in errors if "mathjax" not in e.lower()])
        page.close()
        done += check.done
    return done


failed_cells = """
jupyterapp.shell.currentWidget.content.widgets
    .filter((cell) => cell.model.type === "code")
    .flatMap((cell) => cell.model.outputs.toJSON())
    .filter((output) => output.output_type === "error")
    .map((output) => `${output.ename}: ${output.evalue}`)
"""


def look_at_lab(opened, browser, checks, shots):
    "The notebooks themselves, executed in JupyterLab."
    done = []
    for notebook, number in live_notebooks().items():
        name = notebook.relative_to(root / "nbs").as_posix()
        page, errors, run_all = opened(browser, name)
        check = checks(lambda name, page=page: page.screenshot(path=shots / f"lab-{name}.png"))
        run_all()
        failed = page.evaluate(failed_cells)
        check(f"{name}: every cell runs{''.join(f' {said}' for said in failed)}", not failed)
        elements = page.query_selector_all(".jp-OutputArea .lf, .jp-OutputArea .hx")
        check(f"{name} shows {number} figures", len(elements) == number)
        for n, element in enumerate(elements):
            element.scroll_into_view_if_needed()
            time.sleep(0.3)
            element.screenshot(path=shots / f"lab-{notebook.stem}-{n}-before.png")
            try_it(check, f"{name} {n}", page, element)
            element.screenshot(path=shots / f"lab-{notebook.stem}-{n}-after.png")
        check.no_errors(errors)
        page.close()
        done += check.done
    return done
