// The explorer: one disk for each run, the tree beside them, a panel of papers. This module joins the others and gives
// them hands. The widget needs one file: `hier_nb.explorer` joins the modules and leaves their imports out, so no two
// of them may use the same name. `model` is anywidget's, or the one of a page without Python (explorer_page.js).

import { View, insideRing, midpoint, wayPoint, within } from "./explorer_geometry.js";
import { Data, Scene } from "./explorer_scene.js";
import { State } from "./explorer_state.js";
import { CanvasPoints, ScatterPoints, isSoftware, loadRenderer } from "./explorer_points.js";
import { Atlas, Painter } from "./explorer_drawing.js";
import { Dendrogram } from "./explorer_dendrogram.js";
import { Panel, createPage } from "./explorer_panel.js";

const FEW = 5000; // samples that the canvas draws as fast as anything

// One disk: a run's samples and nodes, and where one looks.
class Disk {
  constructor(scene, state, parts, atlas) {
    Object.assign(this, { scene, state, ...parts });
    this.view = new View();
    this.points = new CanvasPoints(this.dots);
    this.painter = new Painter(this.canvas, scene, this.view, state, atlas);
    this.queued = false; // a frame is asked for
    this.flight = 0; // its number; a newer one ends it
  }

  resize(side) {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    this.ratio = ratio;
    this.view.side = side;
    for (const canvas of [this.dots, this.canvas]) canvas.style.width = canvas.style.height = side + "px";
    this.points.resize(side, ratio);
    this.painter.resize(side, ratio);
    this.draw();
  }

  // From now on by another library, on a canvas of its own: one that was drawn on by one means takes no other.
  drawBy(library) {
    const dots = this.dots.cloneNode();
    try {
      this.dots.replaceWith(dots);
      this.points = new ScatterPoints(dots, library);
      this.points.resize(this.view.side, this.ratio);
      this.dots = dots;
    } catch {
      dots.replaceWith(this.dots);
      this.points = new CanvasPoints(this.dots);
      this.points.resize(this.view.side, this.ratio);
    }
    this.draw();
  }

  draw() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.paint();
    });
  }

  paint() {
    if (!this.view.side) return;
    const look = this.state.look();
    this.points.paint(this.scene, this.view, look);
    this.painter.paint(look);
    this.onPaint?.();
  }

  // In 350 ms to another point and magnification.
  fly(point, scale = this.view.scale) {
    const { view } = this;
    const from = view.middle;
    const goal = within(...point, 0.9999);
    const before = view.scale;
    const start = performance.now();
    const flight = ++this.flight;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = (now) => {
      if (flight !== this.flight) return;
      const t = still ? 1 : Math.min(1, Math.max(0, now - start) / 350);
      const e = t * t * (3 - 2 * t); // slow at both ends
      view.middle = t === 1 ? goal : wayPoint(from, goal, e);
      view.scale = before + (scale - before) * e;
      this.draw();
      if (t < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  zoom(factor, X, Y) {
    this.flight++;
    this.view.zoom(factor, X, Y);
    this.draw();
  }

  // Another layout; few enough samples go there in half a second.
  use(layout) {
    const { scene } = this;
    const [points, nodes] = [scene.points, scene.nodes];
    scene.use(layout);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (still || scene.N > 30_000) {
      this.draw();
      return;
    }
    const goal = [scene.points, scene.nodes];
    const start = performance.now();
    const flight = ++this.flight;
    const mix = (a, b, e) => b.map((v, n) => a[n] + (v - a[n]) * e);
    const step = (now) => {
      const t = Math.min(1, Math.max(0, now - start) / 500);
      const e = t * t * (3 - 2 * t);
      const moving = t < 1 && flight === this.flight;
      scene.points = moving ? mix(points, goal[0], e) : goal[0];
      scene.nodes = moving ? mix(nodes, goal[1], e) : goal[1];
      this.draw();
      if (moving) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}

class ExplorerView {
  constructor(model, root) {
    this.model = model;
    this.data = new Data(model);
    this.scenes = this.data.meta.runs.map((_, run) => new Scene(this.data, run));
    this.state = new State(this.data, this.scenes);
    this.actions = this.listActions();
    this.page = createPage(root, this.data, this.scenes, this.actions);
    const ask = this.data.meta.kernel ? (rows) => model.send({ kind: "pictures", rows }) : null;
    this.atlas = new Atlas(this.data, () => this.changed(), ask);
    this.disks = this.scenes.map((scene, n) => new Disk(scene, this.state, this.page.stages[n], this.atlas));
    if (this.page.tree) {
      this.dendrogram = new Dendrogram(this.page.tree.canvas, this.state.scene, this.state, this.actions);
    }
    this.panel = new Panel(this.page, this.state, this.atlas, this.actions);
    for (const disk of this.disks) disk.onPaint = () => this.remember();
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.page.body);
    this.theme = new MutationObserver(() => this.draw()); // light or dark: the colors are read when it is drawn
    this.theme.observe(document.documentElement, { attributes: true });
    this.theme.observe(document.body, { attributes: true });
    this.fit();
    this.accelerate();
  }

  // A graphics card draws many dots faster; few, and all of them without a card, the canvas draws faster.
  async accelerate() {
    const { draw } = this.data.meta;
    if (draw === "canvas" || (draw === "auto" && (this.data.N < FEW || isSoftware()))) return;
    const library = await loadRenderer(this.model.get("renderer"));
    if (library) this.disks.forEach((disk) => disk.drawBy(library));
  }

  listActions() {
    return {
      reset: () => this.disks.forEach((disk) => disk.fly([0, 0], 1)),
      showNode: (n, go, run = this.state.run) => this.showNode(n, go, run),
      showSample: (i, go) => this.showSample(i, go),
      showCluster: (number) => this.showCluster(number),
      showGroup: (coloring, group, name) => this.showGroup(coloring, group, name),
      setCut: (rule) => this.setCut(rule),
      setPurityMode: (mode) => this.setPurityMode(mode),
      setFilter: (mode, filter) => this.setFilter(mode, filter),
      setRun: (run) => this.setRun(run),
      focus: (n, run) => this.focusTree(n, run),
      collapse: (n, run = this.state.run) => this.collapse(n, run),
      openTab: (tab) => this.panel.open(tab),
      saveCsv: () => this.saveCsv(),
      copyCode: () => this.copy(this.code(), "the code"),
      copyLink: () => this.copy(this.link(), "the link"),
    };
  }

  close() {
    this.watch.disconnect();
    this.theme.disconnect();
    this.atlas.close();
    this.disks.forEach(({ points }) => points.close());
  }

  fit() {
    const { clientWidth: wide } = this.page.body;
    if (!wide) return;
    const narrow = wide < 640;
    const beside = narrow ? 0 : (this.page.tree ? 230 : 0) + 270;
    const room = narrow ? wide : (wide - beside) / this.disks.length - 10;
    const side = Math.max(narrow ? Math.min(wide, 280) : 240, Math.min(room, this.data.meta.size));
    if (side === this.side && wide === this.wide) return;
    Object.assign(this, { side, wide });
    this.disks.forEach((disk) => disk.resize(side));
    this.page.panel.style.maxHeight = (narrow ? 420 : side - 30) + "px";
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    this.dendrogram?.resize(narrow ? wide - 12 : 220, narrow ? 300 : side - 36, ratio);
    this.draw();
  }

  draw() {
    this.disks.forEach((disk) => disk.draw());
    this.dendrogram?.paint();
  }

  // Colors, cut or filter are others now.
  changed() {
    this.draw();
    this.panel?.refresh();
  }

  // ---- what one chooses

  mark(list) {
    this.state.mark(list);
    this.model.set(
      "selection",
      list.map((i) => this.data.rows[i]),
    );
    this.model.save_changes();
    this.draw();
  }

  choose(list, { node = null, sample = -1 } = {}) {
    Object.assign(this.state, { node, sample, query: null });
    this.mark(list);
  }

  showNode(n, go, run) {
    const scene = this.scenes[run];
    if (run !== this.state.run) this.setRun(run);
    const list = scene.samplesBelow(n);
    this.choose(list, { node: { run, n } });
    this.panel.show("node", run, n, list);
    if (go) this.disks[run].fly(scene.node(n));
  }

  showSample(i, go = false, run = this.state.run) {
    this.choose([i, ...this.scenes[run].neighborsOf(i)], { sample: i });
    this.panel.show("sampleOf", run, i);
    if (go) this.disks.forEach((disk) => disk.fly(disk.scene.point(i)));
  }

  showList(list) {
    this.choose(list);
    if (!list.length) return;
    for (const disk of this.disks) disk.fly(midpoint(list.map((i) => disk.scene.point(i))));
  }

  showCluster(number) {
    const { node, rest, list } = this.state.cut.clusters[number];
    const { run } = this.state;
    if (!rest) this.showNode(node, true, run);
    else {
      this.panel.show("found", this.state.clusterName(number), list);
      this.showList(list);
    }
  }

  showGroup({ index }, group, name) {
    const list = this.data.samplesWhere((i) => index[i] === group);
    this.panel.show("found", name, list);
    this.showList(list);
  }

  find(text) {
    const name = text.trim();
    if (!name) {
      this.clear();
      return;
    }
    const list = this.data.find(name);
    this.panel.show("found", name, list);
    this.showList(list);
  }

  // The samples inside a line on the screen.
  encircle(disk, ring) {
    const { painter, scene, view } = disk;
    view.project(scene.points, painter.x, painter.y);
    const { hidden } = this.state;
    const list = this.data.samplesWhere((i) => !hidden?.[i] && insideRing(ring, painter.x[i], painter.y[i]));
    this.choose(list);
    this.panel.show("selected", list);
  }

  clear() {
    this.choose([]);
    this.panel.show("welcome");
  }

  point(disk, target, X = 0, Y = 0) {
    const { state } = this;
    const { run } = disk.scene;
    const same =
      state.hover?.run === run && state.hover?.kind === target?.kind && state.hover?.index === target?.index;
    state.hover = target && { run, ...target };
    disk.canvas.style.cursor = target ? "pointer" : "grab";
    this.panel.point(disk.tip, disk.scene, target, X, Y, disk.view.side);
    if (!same) this.disks.forEach((other) => other.draw());
  }

  // ---- the tree

  setCut(rule) {
    this.state.cutRule = rule;
    this.recut();
  }

  setPurityMode(mode) {
    this.state.purityMode = mode;
    this.recut();
  }

  recut() {
    const { state } = this;
    state.recut();
    if (state.filters.has(state.clustersMode)) state.setFilter(state.clustersMode, {});
    if (this.panel.tab === "clusters" && state.mode !== state.clustersMode) this.colorBy(state.clustersMode);
    this.changed();
  }

  setRun(run) {
    this.state.run = run;
    this.state.recut();
    if (this.page.tree) {
      this.page.tree.choose.value = run;
      this.dendrogram.use(this.scenes[run]);
    }
    this.changed();
  }

  focusTree(n, run = this.state.run) {
    if (run !== this.state.run) this.setRun(run);
    this.state.focus = n < 0 ? null : { run, n };
    this.dendrogram.paint();
    this.remember();
  }

  collapse(n, run) {
    this.state.toggle(this.scenes[run], n);
    this.changed();
  }

  // ---- colors, filters, layouts

  colorBy(mode) {
    this.state.mode = mode;
    this.page.colorBy.value = mode;
    this.changed();
  }

  setFilter(mode, filter) {
    this.state.setFilter(mode, filter);
    this.changed();
  }

  setLayout(layout) {
    this.page.layout.value = layout;
    this.disks.forEach((disk) => disk.use(layout));
  }

  // ---- pictures that one asks about

  async ask(file) {
    this.panel.show("looking");
    this.state.query = null;
    this.askedUrl = URL.createObjectURL(file);
    this.model.send({ kind: "query", name: file.name }, undefined, [await file.arrayBuffer()]);
  }

  receive(answer) {
    if (answer.error) {
      this.panel.show("failure", answer.error);
      return;
    }
    const near = answer.neighbors.slice(0, 3);
    const placeIn = (scene) => midpoint(near.map((i) => scene.point(i)));
    const query = { ...answer, url: this.askedUrl, placeIn };
    this.choose(query.neighbors);
    this.state.query = query;
    this.panel.show("answer", query);
    this.disks.forEach((disk) => disk.fly(placeIn(disk.scene)));
  }

  // ---- what one takes away

  get chosenList() {
    return this.state.anyMarked ? this.state.list : this.data.samplesWhere((i) => !this.state.hidden?.[i]);
  }

  saveCsv() {
    const { data, state } = this;
    const levels = data.meta.levels.map(({ name }) => name);
    const head = ["row", "path", "class", ...levels, "confused", "distance to the centre", "cluster"];
    const line = (i) => [
      data.rows[i],
      data.meta.paths[i],
      data.nameOf(i),
      ...data.groupsOf(i).map((name) => name ?? ""),
      state.scene.wrong[i],
      state.scene.depth[i],
      state.cut?.of[i] >= 0 ? state.clusterName(state.cut.of[i]) : "",
    ];
    const quoted = (value) => {
      const text = String(value);
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = [head, ...this.chosenList.map(line)].map((values) => values.map(quoted).join(","));
    const url = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    const a = document.createElement("a");
    a.href = url;
    a.download = "selection.csv";
    a.click();
    URL.revokeObjectURL(url);
    return lines;
  }

  code() {
    const rows = this.chosenList.map((i) => this.data.rows[i]);
    return `rows = torch.tensor([${rows.join(", ")}])  # of the dataset\npart = e[torch.isin(e.rows, rows)]\n`;
  }

  link() {
    const { href, hash } = window.location;
    return (
      href.slice(0, href.length - hash.length) + "#" + encodeURIComponent(JSON.stringify(this.viewState()))
    );
  }

  async copy(text, what) {
    const told = this.page.panel.querySelector(".hx-told");
    try {
      await navigator.clipboard.writeText(text);
      if (told) told.textContent = `${what} is copied`;
    } catch {
      if (told)
        told.replaceChildren(
          Object.assign(document.createElement("textarea"), { value: text, readOnly: true }),
        );
    }
  }

  // ---- the state of the view, as a small value: kept in the address, and in Python's `view`

  viewState() {
    const { state } = this;
    const round = (v) => Number(v.toPrecision(6));
    const looks = this.disks.map(({ view }) => [...view.middle, view.scale].map(round));
    const color = state.mode === state.clustersMode ? "cluster" : this.data.colors[state.mode].name;
    const view = { layout: this.scenes[0].layout, color, looks, cut: state.cutRule, tab: this.panel.tab };
    if (state.node) view.node = [state.node.run, state.node.n];
    if (state.sample >= 0) view.row = this.data.rows[state.sample];
    if (state.focus) view.focus = [state.focus.run, state.focus.n];
    return view;
  }

  applyView(view) {
    const { state, data } = this;
    const mode =
      view.color === "cluster"
        ? state.clustersMode
        : data.colors.findIndex(({ name }) => name === view.color);
    if (mode >= 0) this.colorBy(mode);
    if (this.scenes[0].about.layouts.includes(view.layout)) this.setLayout(view.layout);
    if (["number", "height", "purity"].includes(view.cut?.by)) this.setCut(view.cut);
    const [run, n] = view.node ?? [];
    const sample = data.rows.indexOf(view.row ?? -1);
    if (this.scenes[run] && n >= 0 && n < this.scenes[run].M) this.showNode(n, false, run);
    else if (sample >= 0) this.showSample(sample);
    if (view.focus) this.focusTree(view.focus[1], view.focus[0]);
    if (view.tab) this.panel.open(view.tab);
    view.looks?.forEach(([x, y, scale], number) => {
      const disk = this.disks[number];
      if (!disk) return;
      disk.flight++;
      disk.view.middle = within(x, y, 0.9999);
      disk.view.scale = Math.min(60, Math.max(0.6, scale));
      disk.draw();
    });
  }

  remember() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const view = this.viewState();
      const text = JSON.stringify(view);
      if (text === this.told) return;
      this.told = text;
      this.model.set("view", view);
      this.model.save_changes();
    }, 300);
  }

  // ---- how fast it draws: pan continuously, pictures and all

  benchmark(frames = 120) {
    const [disk] = this.disks;
    const before = disk.view.middle;
    const gaps = [];
    const work = [];
    let last = performance.now();
    const tick = () => {
      const now = performance.now();
      gaps.push(now - last);
      last = now;
      const n = gaps.length;
      disk.view.shift(0.02 * Math.cos(n / 9), 0.02 * Math.sin(n / 9));
      disk.paint();
      disk.points.finish?.();
      work.push(performance.now() - now);
      if (n < frames) requestAnimationFrame(tick);
      else {
        disk.view.middle = before;
        disk.draw();
        this.report(frames, gaps, work);
      }
    };
    requestAnimationFrame(tick);
  }

  report(frames, gaps, work) {
    const median = (times) => times.slice(1).sort((a, b) => a - b)[Math.floor((times.length - 1) / 2)];
    const { N: points, M: nodes } = this.scenes[0];
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
  constructor(explorer, disk) {
    Object.assign(this, { explorer, disk });
    this.down = null; // {start, last, moved} while a button is pressed
    this.fingers = new Map();
    this.pinch = 0; // the two fingers' distance
    const { canvas } = disk;
    const listen = (name, f) =>
      canvas.addEventListener(name, (event) => f.call(this, event, placeOf(event, canvas)));
    listen("pointerdown", this.press);
    listen("pointermove", this.move);
    listen("pointerup", this.release);
    listen("pointercancel", this.release);
    listen("pointerleave", () => explorer.point(disk, null));
    listen("dblclick", this.goThere);
  }

  press(event, place) {
    this.fingers.set(event.pointerId, place);
    try {
      this.disk.canvas.setPointerCapture(event.pointerId);
    } catch {
      // a pointer that is gone already
    }
    this.down = { start: place, last: place, moved: false };
    this.explorer.state.lasso = event.shiftKey ? { run: this.disk.scene.run, ring: [place] } : null;
    this.disk.flight++;
    this.pinch = 0;
  }

  move(event, place) {
    const { disk, down, explorer } = this;
    const { lasso } = explorer.state;
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, place);
    if (this.fingers.size === 2) return this.spread();
    if (!down) return explorer.point(disk, disk.painter.at(...place), ...place);
    if (between(place, down.start) > 3) down.moved = true;
    if (lasso) lasso.ring.push(place);
    else if (down.moved) {
      disk.view.drag(down.last, place);
      down.last = place;
      disk.tip.hidden = true;
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
    const { disk, down, explorer } = this;
    const { lasso } = explorer.state;
    this.down = null;
    explorer.state.lasso = null;
    if (lasso && lasso.ring.length > 2) explorer.encircle(disk, lasso.ring);
    else if (!down.moved && event.type === "pointerup") this.click(down.start);
  }

  click(place) {
    const target = this.disk.painter.at(...place);
    const { run } = this.disk.scene;
    if (!target) this.explorer.clear();
    else if (target.kind === "node") this.explorer.showNode(target.index, false, run);
    else this.explorer.showSample(target.index, false, run);
  }

  goThere(event, place) {
    const { disk } = this;
    const target = disk.painter.at(...place);
    if (!target) disk.fly(disk.view.pointAt(...place));
    else if (target.kind === "node") disk.fly(disk.scene.node(target.index));
    else disk.fly(disk.scene.point(target.index));
  }
}

function listenToWheelAndKeys(explorer, disk) {
  const { canvas, view } = disk;
  // A page in a frame is scrolled past, until somebody clicks into it.
  const isPassedBy = () => window.self !== window.top && document.activeElement !== canvas;
  const onWheel = (event) => {
    if (isPassedBy()) return;
    event.preventDefault();
    const speed = event.deltaMode ? 0.03 : 0.0015;
    disk.zoom(Math.exp(-event.deltaY * speed), ...placeOf(event, canvas));
  };
  canvas.addEventListener("wheel", onWheel, { passive: false });
  const middle = () => [view.side / 2, view.side / 2];
  const keys = {
    ArrowLeft: () => view.shift(0.15, 0),
    ArrowRight: () => view.shift(-0.15, 0),
    ArrowUp: () => view.shift(0, -0.15),
    ArrowDown: () => view.shift(0, 0.15),
    "+": () => disk.zoom(1.25, ...middle()),
    "=": () => disk.zoom(1.25, ...middle()),
    "-": () => disk.zoom(0.8, ...middle()),
    Home: () => explorer.actions.reset(),
    Escape: () => explorer.clear(),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in keys)) return;
    keys[event.key]();
    event.preventDefault();
    event.stopPropagation();
    disk.draw();
  });
}

function listenToBar(explorer) {
  const { search, colorBy, layout, pictures, edges, file } = explorer.page;
  const { state } = explorer;
  search.addEventListener("input", () => explorer.find(search.value));
  search.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the notebook has shortcuts of its own
    if (event.key === "Enter") explorer.find(search.value);
  });
  colorBy.addEventListener("change", () => explorer.colorBy(Number(colorBy.value)));
  layout.addEventListener("change", () => explorer.setLayout(layout.value));
  pictures.addEventListener("change", () => {
    state.pictures = pictures.checked;
    explorer.draw();
  });
  edges.addEventListener("change", () => {
    state.tree = edges.checked;
    explorer.draw();
  });
  file.addEventListener("change", () => {
    const [chosen] = file.files;
    if (chosen) explorer.ask(chosen);
    file.value = "";
  });
}

function listenToPython(explorer) {
  const { model, data } = explorer;
  model.on("msg:custom", (message, buffers) => {
    if (message.kind === "answer") explorer.receive(message);
    else if (message.kind === "pictures") explorer.atlas.receive(message.rows, buffers);
    else if (message.kind === "benchmark") explorer.benchmark(message.frames);
  });
  model.on("change:focus", () => {
    const rows = new Set(model.get("focus"));
    explorer.showList(data.samplesWhere((i) => rows.has(data.rows[i])));
  });
  const follow = () => {
    const view = model.get("view") ?? {};
    if (Object.keys(view).length && JSON.stringify(view) !== explorer.told) explorer.applyView(view);
  };
  model.on("change:view", follow);
  follow();
}

// For tests, and for people at the console.
function handle(explorer) {
  const { state, page, atlas, disks } = explorer;
  const disk = (run) => disks[run ?? 0];
  return {
    disks,
    screen: (i, run) => disk(run).view.place(...disk(run).scene.point(i)),
    node: (n, run) => disk(run).view.place(...disk(run).scene.node(n)),
    cutX: () => explorer.dendrogram.toX(state.cutRule.value),
    showNode: (n, run) => explorer.showNode(n, false, run ?? state.run),
    hiddenNodes: () => state.below[state.run].reduce((a, b) => a + b, 0),
    state: () => ({
      view: disks[0].view.middle,
      scale: disks[0].view.scale,
      layout: disks[0].scene.layout,
      renderer: disks[0].points.constructor.name,
      node: state.node?.n ?? -1,
      marked: state.marked.reduce((a, b) => a + b, 0),
      hover: state.hover,
      query: state.query,
      cut: state.cutRule,
      clusters: state.cut?.clusters.length ?? 0,
      shown: state.countShown(),
      tab: explorer.panel.tab,
      panel: page.panel.innerText,
      ready: atlas.ready || !atlas.has,
    }),
    benchmark: (frames) => explorer.benchmark(frames),
    find: (text) => explorer.find(text),
    viewState: () => explorer.viewState(),
    csv: () => explorer.saveCsv(),
    code: () => explorer.code(),
  };
}

export function render({ model, el }) {
  const explorer = new ExplorerView(model, el);
  for (const disk of explorer.disks) {
    new Hands(explorer, disk);
    listenToWheelAndKeys(explorer, disk);
  }
  listenToBar(explorer);
  listenToPython(explorer);
  el.explorer = handle(explorer);
  return () => explorer.close();
}

export default { render };
