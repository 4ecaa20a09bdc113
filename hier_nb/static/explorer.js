// The interactive disk: one canvas, one side panel, no dependencies. This module joins the others and gives them
// hands. The widget needs one file: `hier_nb.explorer` joins the modules and leaves their imports out, so no two
// of them may use the same name. `model` is anywidget's, or the one of a page without Python (explorer_page.js).

import {
  IDENTITY,
  View,
  apply,
  compose,
  flightPath,
  insideRing,
  midpoint,
  translation,
  within,
} from "./explorer_geometry.js";
import { Scene } from "./explorer_scene.js";
import { Atlas, Painter, Selection } from "./explorer_drawing.js";
import { Panel, createPage } from "./explorer_panel.js";

class Disk {
  constructor(model, root) {
    this.model = model;
    this.scene = new Scene(model);
    this.view = new View();
    this.selection = new Selection(this.scene);
    this.queued = false; // a frame is asked for
    this.flight = 0; // its number; a newer one ends it
    const actions = {
      reset: () => this.fly(IDENTITY, true),
      showNode: (n, go) => this.showNode(n, go),
      showSample: (i, go) => this.showSample(i, go),
    };
    this.page = createPage(root, this.scene, actions);
    this.atlas = new Atlas(this.scene, () => {
      this.draw();
      this.panel.refresh();
    });
    this.painter = new Painter(this.page.canvas, this.scene, this.view, this.selection, this.atlas);
    this.panel = new Panel(this.page, this.scene, this.selection, this.atlas, actions);
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.page.stage);
    this.theme = new MutationObserver(() => this.draw()); // light or dark: the colors are read when it is drawn
    this.theme.observe(document.documentElement, { attributes: true });
    this.theme.observe(document.body, { attributes: true });
    this.fit();
  }

  close() {
    this.watch.disconnect();
    this.theme.disconnect();
    this.atlas.close();
  }

  fit() {
    const side = Math.max(200, Math.min(this.page.stage.clientWidth, this.scene.meta.size));
    this.painter.resize(side);
    this.page.panel.style.maxHeight = side + "px";
    this.draw();
  }

  draw() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.painter.paint();
    });
  }

  // ---- where one looks

  // In 350 ms to another isometry; `reset` also undoes the magnification.
  fly(goal, reset = false) {
    const { view } = this;
    const { scale, offset } = view;
    const along = flightPath(view.isometry, goal);
    const start = performance.now();
    const flight = ++this.flight;
    this.point(null);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = (now) => {
      if (flight !== this.flight) return;
      const t = still ? 1 : Math.min(1, (now - start) / 350);
      const e = t * t * (3 - 2 * t); // slow at both ends
      view.isometry = t === 1 && reset ? goal : along(e);
      view.scale = scale + ((reset ? 1 : scale) - scale) * e;
      view.offset = offset.map((v) => v * (1 - e));
      this.draw();
      if (t < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  recentre(x, y) {
    const { view } = this;
    const [X, Y] = within(...apply(view.isometry, x, y), 0.9995);
    this.fly(compose(translation(X, Y, 0, 0), view.isometry));
  }

  zoom(factor, X, Y) {
    this.flight++;
    this.view.zoom(factor, X, Y);
    this.draw();
  }

  // ---- what one chooses

  mark(list) {
    const { selection, scene, model } = this;
    selection.marked = new Uint8Array(scene.N);
    for (const i of list) selection.marked[i] = 1;
    selection.anyMarked = list.length > 0;
    model.set(
      "selection",
      list.map((i) => scene.rows[i]),
    );
    model.save_changes();
    this.draw();
  }

  choose(list, node = -1) {
    this.selection.node = node;
    this.mark(list);
  }

  showNode(n, go = false) {
    const list = this.scene.samplesBelow(n);
    this.choose(list, n);
    this.panel.show("node", n, list);
    if (go) this.recentre(...this.scene.node(n));
  }

  showSample(i, go = false) {
    this.choose([i, ...this.scene.neighborsOf(i)]);
    this.panel.show("sample", i);
    if (go) this.recentre(...this.scene.point(i));
  }

  showList(list) {
    this.choose(list);
    if (list.length) this.recentre(...midpoint(list.map((i) => this.scene.point(i))));
  }

  find(text) {
    const name = text.trim();
    if (!name) {
      this.clear();
      return;
    }
    const list = this.scene.find(name);
    this.panel.show("found", name, list);
    this.showList(list);
  }

  // The samples inside a line on the screen.
  encircle(ring) {
    const { x, y } = this.painter;
    const list = this.scene.samplesWhere((i) => insideRing(ring, x[i], y[i]));
    this.choose(list);
    this.panel.show("selected", list);
  }

  clear() {
    this.selection.query = null;
    this.choose([]);
    this.panel.show("welcome");
  }

  point(target, X = 0, Y = 0) {
    this.selection.hover = target;
    this.page.canvas.style.cursor = target ? "pointer" : "grab";
    this.panel.point(target, X, Y, this.view.side);
    this.draw();
  }

  // ---- pictures that one asks about

  async ask(file) {
    this.panel.show("looking");
    this.selection.query = null;
    this.askedUrl = URL.createObjectURL(file);
    this.model.send({ kind: "query", name: file.name }, undefined, [await file.arrayBuffer()]);
  }

  receive(answer) {
    if (answer.error) {
      this.panel.show("failure", answer.error);
      return;
    }
    const query = { ...answer, url: this.askedUrl };
    this.selection.query = query;
    this.choose(query.neighbors);
    this.panel.show("answer", query);
    this.recentre(...query.place);
  }

  // ---- how fast it draws: pan continuously, pictures and all

  benchmark(frames = 120) {
    const { view } = this;
    const before = view.isometry;
    const gaps = [];
    const work = [];
    let last = performance.now();
    const tick = () => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
      const n = gaps.length;
      view.shift(0.02 * Math.cos(n / 9), 0.02 * Math.sin(n / 9));
      this.painter.paint();
      work.push(performance.now() - now);
      if (n < frames) requestAnimationFrame(tick);
      else {
        view.isometry = before;
        this.draw();
        this.report(frames, gaps, work);
      }
    };
    requestAnimationFrame(tick);
  }

  report(frames, gaps, work) {
    const median = (times) => times.slice(1).sort((a, b) => a - b)[Math.floor((times.length - 1) / 2)];
    const { N: points, M: nodes } = this.scene;
    this.model.set("speed", { points, nodes, frames, frame_ms: median(gaps), draw_ms: median(work) });
    this.model.save_changes();
  }
}

// ---- hands

function placeOf(event, canvas) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

const between = ([x, y], [u, v]) => Math.hypot(x - u, y - v);

// The mouse or a finger drags; with Shift it draws a line around samples; two fingers zoom; a click chooses.
class Hands {
  constructor(disk) {
    this.disk = disk;
    this.down = null; // {start, last, moved} while a button is pressed
    this.fingers = new Map();
    this.pinch = 0; // the two fingers' distance
    const { canvas } = disk.page;
    const listen = (name, f) =>
      canvas.addEventListener(name, (event) => f.call(this, event, placeOf(event, canvas)));
    listen("pointerdown", this.press);
    listen("pointermove", this.move);
    listen("pointerup", this.release);
    listen("pointercancel", this.release);
    listen("pointerleave", () => disk.point(null));
    listen("dblclick", this.goThere);
  }

  press(event, place) {
    this.fingers.set(event.pointerId, place);
    try {
      this.disk.page.canvas.setPointerCapture(event.pointerId);
    } catch {
      // a pointer that is gone already
    }
    this.down = { start: place, last: place, moved: false };
    this.disk.selection.lasso = event.shiftKey ? [place] : null;
    this.disk.flight++;
    this.pinch = 0;
  }

  move(event, place) {
    const { disk, down } = this;
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, place);
    if (this.fingers.size === 2) return this.spread();
    if (!down) return disk.point(disk.painter.at(...place), ...place);
    if (between(place, down.start) > 3) down.moved = true;
    if (disk.selection.lasso) disk.selection.lasso.push(place);
    else if (down.moved) {
      disk.view.drag(down.last, place);
      down.last = place;
      disk.page.tip.hidden = true;
    }
    return disk.draw();
  }

  spread() {
    const [a, b] = [...this.fingers.values()];
    const pinch = between(a, b);
    if (this.pinch) this.disk.zoom(pinch / this.pinch, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
    this.pinch = pinch;
    this.down = null;
  }

  release(event) {
    this.fingers.delete(event.pointerId);
    if (!this.down) return;
    const { disk, down } = this;
    const { lasso } = disk.selection;
    this.down = null;
    disk.selection.lasso = null;
    if (lasso && lasso.length > 2) disk.encircle(lasso);
    else if (!down.moved && event.type === "pointerup") this.click(down.start);
  }

  click(place) {
    const target = this.disk.painter.at(...place);
    if (!target) this.disk.clear();
    else if (target.kind === "node") this.disk.showNode(target.index);
    else this.disk.showSample(target.index);
  }

  goThere(event, place) {
    const { disk } = this;
    const target = disk.painter.at(...place);
    if (!target) disk.recentre(...disk.view.pointAt(...place));
    else if (target.kind === "node") disk.recentre(...disk.scene.node(target.index));
    else disk.recentre(...disk.scene.point(target.index));
  }
}

function listenToWheelAndKeys(disk) {
  const { canvas } = disk.page;
  // A page in a frame is scrolled past, until somebody clicks into it.
  const isPassedBy = () => window.self !== window.top && document.activeElement !== canvas;
  const onWheel = (event) => {
    if (isPassedBy()) return;
    event.preventDefault();
    const speed = event.deltaMode ? 0.03 : 0.0015;
    disk.zoom(Math.exp(-event.deltaY * speed), ...placeOf(event, canvas));
  };
  canvas.addEventListener("wheel", onWheel, { passive: false });
  const middle = () => [disk.view.side / 2, disk.view.side / 2];
  const keys = {
    ArrowLeft: () => disk.view.shift(0.15, 0),
    ArrowRight: () => disk.view.shift(-0.15, 0),
    ArrowUp: () => disk.view.shift(0, -0.15),
    ArrowDown: () => disk.view.shift(0, 0.15),
    "+": () => disk.zoom(1.25, ...middle()),
    "=": () => disk.zoom(1.25, ...middle()),
    "-": () => disk.zoom(0.8, ...middle()),
    Home: () => disk.fly(IDENTITY, true),
    Escape: () => disk.clear(),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in keys)) return;
    keys[event.key]();
    event.preventDefault();
    event.stopPropagation();
    disk.draw();
  });
}

function listenToBar(disk) {
  const { search, colorBy, pictures, file } = disk.page;
  search.addEventListener("change", () => disk.find(search.value));
  search.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the notebook has shortcuts of its own
    if (event.key === "Enter") disk.find(search.value);
  });
  colorBy.addEventListener("change", () => {
    disk.selection.mode = Number(colorBy.value);
    if (disk.panel.shown === "welcome") disk.panel.refresh();
    disk.draw();
  });
  pictures.addEventListener("change", () => {
    disk.selection.pictures = pictures.checked;
    disk.draw();
  });
  file.addEventListener("change", () => {
    const [chosen] = file.files;
    if (chosen) disk.ask(chosen);
    file.value = "";
  });
}

function listenToPython(disk) {
  const { model, scene } = disk;
  model.on("msg:custom", (message) => {
    if (message.kind === "answer") disk.receive(message);
    else if (message.kind === "benchmark") disk.benchmark(message.frames);
  });
  model.on("change:focus", () => {
    const rows = new Set(model.get("focus"));
    disk.showList(scene.samplesWhere((i) => rows.has(scene.rows[i])));
  });
}

// For tests, and for people at the console.
function handle(disk) {
  const { painter, view, selection, page, atlas } = disk;
  return {
    screen: (i) => [painter.x[i], painter.y[i]],
    node: (n) => [painter.nodeX[n], painter.nodeY[n]],
    state: () => ({
      view: view.isometry,
      scale: view.scale,
      node: selection.node,
      marked: selection.marked.reduce((a, b) => a + b, 0),
      hover: selection.hover,
      query: selection.query,
      panel: page.panel.innerText,
      ready: atlas.ready,
    }),
    benchmark: (frames) => disk.benchmark(frames),
    find: (text) => disk.find(text),
  };
}

export function render({ model, el }) {
  const disk = new Disk(model, el);
  new Hands(disk);
  listenToWheelAndKeys(disk);
  listenToBar(disk);
  listenToPython(disk);
  el.explorer = handle(disk);
  return () => disk.close();
}

export default { render };
