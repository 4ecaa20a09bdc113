// The page around the disks: the bar above, the tree beside, and three leaves of paper that say what one looks at.

import { scatter } from "./explorer_cut.js";

// An element: attributes, listeners (onclick …) and children; what is null or undefined is left out.
export function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (value === true) e.setAttribute(name, "");
    else if (value != null && value !== false) e.setAttribute(name, value);
  }
  e.append(...children.filter((child) => child != null));
  return e;
}

export function countPictures(n) {
  return n === 1 ? "1 picture" : `${n.toLocaleString("en")} pictures`;
}

const percent = (share) => `${(100 * share).toFixed(0)} %`;

// Every control and every canvas, put into `root`.
export function createPage(root, data, scenes, actions) {
  const stages = scenes.map((scene) => createStage(scene, scenes.length));
  const panel = element("div", {
    class: "hx-panel",
    role: "region",
    "aria-label": "Details",
    "aria-live": "polite",
  });
  const side = element("div", { class: "hx-side" }, createTabs(actions), panel);
  const tree = scenes[0].root < 0 ? null : createTree(scenes, actions);
  const bar = createBar(data, scenes, actions);
  const body = element("div", { class: "hx-body" }, ...stages.map(({ stage }) => stage), tree?.element, side);
  root.classList.add("hx");
  root.replaceChildren(bar.element, body);
  return { root, stages, panel, side, tree, ...bar, body };
}

function createStage(scene, runs) {
  const { data, M } = scene;
  const dots = element("canvas", { class: "hx-dots", "aria-hidden": "true" });
  const name = runs > 1 ? `Run ${scene.run + 1}: ` : "";
  const canvas = element("canvas", {
    class: "hx-canvas",
    tabindex: 0,
    role: "img",
    "aria-label":
      `${name}Poincaré disk with ${countPictures(data.N)} and ${M} inner nodes. ` +
      "Arrow keys move, plus and minus zoom, Home resets, Escape clears.",
  });
  const tip = element("div", { class: "hx-tip", hidden: true });
  const title = runs > 1 ? element("div", { class: "hx-run" }, `run ${scene.run + 1}`) : null;
  return { dots, canvas, tip, stage: element("div", { class: "hx-stage" }, dots, canvas, tip, title) };
}

function createTabs(actions) {
  const names = ["details", "clusters", "classes"];
  const tab = (name) =>
    element(
      "button",
      { type: "button", role: "tab", class: "hx-tab hx-tab-" + name, onclick: () => actions.openTab(name) },
      name,
    );
  return element(
    "div",
    { class: "hx-tabs", role: "tablist", "aria-label": "What the panel shows" },
    ...names.map(tab),
  );
}

function createTree(scenes, actions) {
  const canvas = element("canvas", {
    class: "hx-tree",
    tabindex: 0,
    role: "img",
    "aria-label":
      "The tree as a dendrogram. Left and right go to parent and child, up and down to brothers, " +
      "Enter zooms, Space collapses.",
  });
  const whole = createButton("whole", "whole tree", () => actions.focus(-1));
  const runs = scenes.map(({ run }) => element("option", { value: run }, `run ${run + 1}`));
  const choose = element("select", { class: "hx-tree-run", "aria-label": "Whose tree" }, ...runs);
  choose.addEventListener("change", () => actions.setRun(Number(choose.value)));
  const head = element("div", { class: "hx-bar" }, whole, scenes.length > 1 ? choose : null);
  return { canvas, choose, element: element("div", { class: "hx-branches" }, head, canvas) };
}

function createBar(data, scenes, actions) {
  const list = "hx-" + Math.random().toString(36).slice(2);
  const search = element("input", {
    class: "hx-search",
    type: "search",
    placeholder: "search a class or file",
    list,
    "aria-label": "Search a class or file",
  });
  const names = data.allNames().map((name) => element("option", { value: name }));
  const modes = data.colors.map((color, n) => element("option", { value: n }, color.name));
  if (scenes[0].root >= 0) modes.push(element("option", { value: modes.length }, "cluster"));
  const colorBy = element("select", { class: "hx-by", "aria-label": "Colour by" }, ...modes);
  const { layouts } = scenes[0].about;
  const layout = element(
    "select",
    { class: "hx-layout", "aria-label": "Layout" },
    ...layouts.map((name) => element("option", { value: name }, name)),
  );
  const [pictures, tree] = ["pictures", "tree"].map((name) =>
    element("input", { type: "checkbox", class: "hx-" + (name === "tree" ? "edges" : name), checked: true }),
  );
  const file = element("input", { type: "file", accept: "image/*", class: "hx-file", hidden: true });
  const bar = element(
    "div",
    { class: "hx-bar" },
    search,
    element("datalist", { id: list }, ...names),
    layouts.length > 1 ? element("label", {}, "layout ", layout) : null,
    element("label", {}, "colour by ", colorBy),
    data.meta.atlas_type ? element("label", {}, pictures, " pictures") : null,
    scenes[0].root >= 0 ? element("label", {}, tree, " tree") : null,
    createButton("home", "reset view", actions.reset),
    data.meta.live ? createButton("upload", "query a picture", () => file.click()) : null,
    file,
    element(
      "span",
      { class: "hx-hint" },
      "drag: move · wheel: zoom · double click: recentre · shift-drag: select",
    ),
  );
  return { element: bar, search, colorBy, layout, pictures, edges: tree, file };
}

export function createButton(name, title, onclick) {
  return element(
    "button",
    { class: "hx-button hx-" + name, type: "button", title, "aria-label": title, onclick },
    title,
  );
}

// What a hand or the keyboard is using stays in its hold: a slider is not taken out while it is dragged, and what
// comes in the place of another control has the focus that it had.
function replaceAll(panel, children) {
  const held = panel.querySelector("input:focus, select:focus");
  const fresh = element("div", {}, ...children);
  const number = held && alike(panel, held).indexOf(held);
  const twin = held && alike(fresh, held)[number];
  if (!twin || !held.matches(".hx-cut")) panel.replaceChildren(...fresh.childNodes);
  else replaceAround(panel, fresh, held, twin);
  if (twin && !held.isConnected) twin.focus({ preventScroll: true });
}

function alike(parent, one) {
  const name = (control) => control.tagName + control.className + control.getAttribute("aria-label");
  return [...parent.querySelectorAll("*")].filter((control) => name(control) === name(one));
}

// The children of `fresh` in the place of the parent's, but for `held`, which stays where `twin` would come.
function replaceAround(parent, fresh, held, twin) {
  const kept = [...parent.children].find((child) => child.contains(held));
  const goes = [...fresh.children].find((child) => child.contains(twin));
  if (kept !== held) replaceAround(kept, goes, held, twin);
  else for (const name of ["min", "max", "step", "value"]) held[name] = twin[name];
  const nodes = [...fresh.childNodes];
  const at = nodes.indexOf(goes);
  for (const child of [...parent.childNodes]) if (child !== kept) child.remove();
  kept.before(...nodes.slice(0, at));
  kept.after(...nodes.slice(at + 1));
}

// What the panel and the tip show; `actions` are the explorer's.
export class Panel {
  constructor(page, state, atlas, actions) {
    Object.assign(this, { page, state, data: state.data, atlas, actions });
    this.tab = "details";
    this.sortBy = "count";
    this.show("welcome");
  }

  // Show one of the contents below under "details", and remember it.
  show(name, ...values) {
    this.shown = name;
    this.values = values;
    this.open("details");
  }

  open(tab) {
    this.tab = tab;
    this.refresh();
  }

  refresh() {
    const children = this.tab === "details" ? this[this.shown](...this.values) : this[this.tab]();
    const scrolled = this.page.panel.scrollTop;
    replaceAll(this.page.panel, children.filter((child) => child != null));
    if (this.lastTab === this.tab) this.page.panel.scrollTop = scrolled;
    this.lastTab = this.tab;
    for (const button of this.page.side.querySelectorAll(".hx-tab"))
      button.setAttribute("aria-selected", button.textContent === this.tab);
  }

  // --- details

  welcome() {
    const { data, state } = this;
    const { M } = state.scene;
    const look = "Click a black node to see what is below it, a picture to see its neighbours.";
    const nodes = M ? `${countPictures(data.N)}, ${M} inner nodes. ` : `${countPictures(data.N)}. `;
    return [element("h4", {}, data.meta.title), element("p", {}, nodes + look), this.legend()];
  }

  legend(most = 12) {
    const { state } = this;
    const { kind, palette, names } = state.colors(state.mode);
    const entry = (name, color) => element("li", {}, this.swatch(color), name);
    if (kind === "numbers") {
      const ramp = [palette[0], palette[64], palette[128], palette[192], palette[255]].join(",");
      const bar = element("span", { class: "hx-ramp", style: `background:linear-gradient(90deg,${ramp})` });
      return element("p", { class: "hx-scale" }, names[0], bar, names[1]);
    }
    if (!names || names.length - 1 > most) return null;
    const used = new Set(state.colors(state.mode).index);
    const entries = names.map((name, n) => (used.has(n) ? entry(name, palette[n]) : null));
    return element("ul", { class: "hx-legend" }, ...entries);
  }

  swatch(color) {
    return element("span", { class: "hx-swatch", style: `background:${color}` });
  }

  node(run, n, list) {
    const scene = this.state.scenes[run];
    const open = scene.children[n].length
      ? createButton("fold", this.state.isCollapsed(scene, n) ? "expand" : "collapse", () =>
          this.actions.collapse(n, run),
        )
      : null;
    const zoom = createButton("zoom-tree", "zoom the tree here", () => this.actions.focus(n, run));
    return [
      element("h4", {}, scene.nodeName(n)),
      element("p", {}, `${countPictures(list.length)} below it`),
      element("div", { class: "hx-bar" }, open, zoom),
      this.madeOf(list),
      ...this.pathSection(scene, n),
      ...this.strangersSection(scene, list),
      ...this.gridSection(list),
      this.tools(),
    ];
  }

  sampleOf(run, i) {
    const { data, state } = this;
    const parts = [
      element("h4", {}, data.nameOf(i)),
      data.kindsOf(i) ? element("p", {}, data.kindsOf(i)) : null,
      this.thumbnail(i, 112),
      element("p", { class: "hx-small" }, this.factsOf(run, i)),
    ];
    for (const scene of state.scenes) parts.push(...this.neighborsSection(scene, i));
    parts.push(...this.pathSection(state.scenes[run], state.scenes[run].home[i]), this.tools());
    return parts;
  }

  factsOf(run, i) {
    const { data, state } = this;
    const facts = [data.meta.paths[i], `row ${data.rows[i]}`];
    if (data.meta.has_centre) facts.push(`distance to the centre ${state.scenes[run].depth[i].toFixed(2)}`);
    data.colors.forEach(({ name, kind }, mode) => {
      if (kind === "numbers" && name !== "radius")
        facts.push(`${name} ${data.values(mode)[i].toPrecision(3)}`);
    });
    return facts.filter((fact) => fact).join(" · ");
  }

  neighborsSection(scene, i) {
    const near = scene.neighborsOf(i);
    if (!near.length) return [];
    const { data, state } = this;
    const frame = (j) => (data.labels[j] === data.labels[i] ? "#2e7d32" : "#c62828");
    const whose = state.scenes.length > 1 ? ` in run ${scene.run + 1}` : "";
    return [
      element("h5", {}, `nearest neighbours${whose} (green: same class)`),
      element("div", { class: "hx-grid" }, ...near.map((j) => this.thumbnail(j, 56, frame(j)))),
    ];
  }

  found(text, list) {
    const none = "nothing is called that; try a part of the name";
    return [
      element("h4", {}, `“${text}”`),
      element("p", {}, list.length ? countPictures(list.length) : none),
      ...(list.length ? this.about(list) : []),
    ];
  }

  selected(list) {
    return [
      element("h4", {}, `${list.length.toLocaleString("en")} selected`),
      ...(list.length ? this.about(list) : [element("p", {}, "no picture is inside the line")]),
    ];
  }

  about(list) {
    return [
      this.madeOf(list),
      ...this.spreadSection(list),
      ...this.strangersSection(this.state.scene, list),
      ...this.gridSection(list),
      this.tools(),
    ];
  }

  looking() {
    return [element("p", {}, "looking …")];
  }

  answer(query) {
    const alt = "the picture you asked for";
    return [
      element("h4", {}, "your picture"),
      query.url ? element("img", { src: query.url, class: "hx-yours", alt }) : null,
      element("p", {}, `lands near ${query.name}`),
      element("h5", {}, "nearest neighbours"),
      this.grid(query.neighbors),
      ...this.pathSection(this.state.scenes[0], query.node),
    ];
  }

  failure(message) {
    return [element("h4", {}, "that did not work"), element("p", { class: "hx-error" }, message)];
  }

  // --- parts of the details

  // The groups of some samples, of every level: which, and how pure.
  madeOf(list) {
    const { levels } = this.data;
    const rows = [];
    for (const level of levels) {
      if (this.data.meta.class_names.length < 2 && level.name === "class") continue;
      const groups = this.data.countGroups(list, level);
      rows.push(
        element(
          "h5",
          {},
          `${level.name}: ${groups.length} of them, ${percent(groups[0][1] / list.length)} one`,
        ),
      );
      rows.push(...groups.slice(0, 4).map(([group, n]) => this.share(level.names[group], n / list.length)));
    }
    return element("div", { class: "hx-shares" }, ...rows);
  }

  share(name, share) {
    const fill = element("span", { class: "hx-fill", style: `width:${100 * share}%` });
    const word = element("span", { class: "hx-word" }, `${name ?? "unknown"}  ${percent(share)}`);
    return element("div", { class: "hx-share" }, fill, word);
  }

  // In which clusters of the cut a selection lies.
  spreadSection(list) {
    const { cut } = this.state;
    if (!cut) return [];
    const count = new Map();
    for (const i of list) count.set(cut.of[i], (count.get(cut.of[i]) ?? 0) + 1);
    const clusters = [...count].filter(([number]) => number >= 0).sort(([, a], [, b]) => b - a);
    const go = (number) => () => this.actions.showCluster(number);
    const line = ([number, n]) =>
      element(
        "li",
        {},
        this.swatch(this.state.cut.clusters[number].color),
        element(
          "button",
          { type: "button", class: "hx-crumb", onclick: go(number) },
          this.state.clusterName(number),
        ),
        ` ${percent(n / list.length)}`,
      );
    return [
      element(
        "h5",
        {},
        clusters.length === 1 ? "in one cluster of the cut" : `in ${clusters.length} clusters of the cut`,
      ),
      element("ul", { class: "hx-list" }, ...clusters.slice(0, 5).map(line)),
    ];
  }

  strangersSection(scene, list) {
    if (list.length > 20_000 || list.length === this.data.N) return [];
    const strangers = scene.strangers(list).slice(0, 8);
    if (!strangers.length) return [];
    return [
      element("h5", {}, "nearest strangers"),
      element("div", { class: "hx-grid" }, ...strangers.map(([i]) => this.thumbnail(i, 44))),
    ];
  }

  gridSection(list) {
    return [
      element("h5", {}, "pictures"),
      this.grid(list),
      list.length > 60 ? element("p", {}, `and ${(list.length - 60).toLocaleString("en")} more`) : null,
    ];
  }

  // Representatives first.
  grid(list, most = 60, size = 56) {
    let shown = list;
    if (list.length > most) {
      const inside = new Set(list);
      shown = [];
      for (const i of this.data.order) {
        if (inside.has(i)) shown.push(i);
        if (shown.length === most) break;
      }
    }
    return element("div", { class: "hx-grid" }, ...shown.map((i) => this.thumbnail(i, size)));
  }

  // A heading and the nodes from `n` up to the root; of a long way, both ends. Nothing without a tree.
  pathSection(scene, n) {
    if (n < 0) return [];
    const path = scene.pathToRoot(n);
    const gap = element("li", {}, `… ${path.length - 8} more …`);
    const crumb = (m) => {
      const onclick = () => this.actions.showNode(m, true, scene.run);
      const name = `${scene.nodeName(m)} (${scene.size[m].toLocaleString("en")})`;
      return element("li", {}, element("button", { type: "button", class: "hx-crumb", onclick }, name));
    };
    const entries =
      path.length > 9 ? [...path.slice(0, 5).map(crumb), gap, ...path.slice(-3).map(crumb)] : path.map(crumb);
    const list = element("ol", { class: "hx-path", "aria-label": "Path to the root" }, ...entries);
    return [element("h5", {}, "path to the root"), list];
  }

  tools() {
    const { actions } = this;
    return element(
      "div",
      { class: "hx-bar hx-tools" },
      createButton("csv", "save as CSV", actions.saveCsv),
      createButton("code", "copy as code", actions.copyCode),
      createButton("link", "copy a link here", actions.copyLink),
      element("span", { class: "hx-told", role: "status" }),
    );
  }

  // --- clusters

  clusters() {
    const { cut, scene } = this.state;
    if (!cut) return [element("p", {}, "There is no tree to cut.")];
    const { clusters } = cut;
    const many = clusters.length > 60 ? `; the 60 largest of ${clusters.length}` : "";
    const order = clusters
      .map((_, number) => number)
      .sort((a, b) => clusters[b].list.length - clusters[a].list.length);
    const whose = this.state.scenes.length > 1 ? ` of run ${scene.run + 1}` : "";
    return [
      this.cutControls(),
      element("p", {}, `${clusters.length} ${clusters.length === 1 ? "cluster" : "clusters"}${whose}${many}`),
      ...order.slice(0, 60).map((number) => this.card(number)),
    ];
  }

  cutControls() {
    const { state, data, actions } = this;
    const { by, value } = state.cutRule;
    const rules = { number: "number of clusters", height: "height of the cut", purity: "purity, at least" };
    const option = ([name, text]) => element("option", { value: name, selected: name === by }, text);
    const select = element(
      "select",
      { class: "hx-cut-by", "aria-label": "Cut by" },
      ...Object.entries(rules).map(option),
    );
    select.addEventListener("change", () =>
      actions.setCut({ by: select.value, value: this.startOf(select.value) }),
    );
    const [min, max, step] = this.rangeOf(by);
    const slider = element("input", {
      type: "range",
      class: "hx-cut",
      min,
      max,
      step,
      value,
      "aria-label": rules[by],
    });
    slider.addEventListener("input", () => actions.setCut({ by, value: Number(slider.value) }));
    const parts = [
      select,
      slider,
      element("output", {}, by === "purity" ? percent(value) : String(+value.toFixed(2))),
    ];
    if (by === "purity") parts.push(this.levelSelect(data));
    return element("div", { class: "hx-bar" }, ...parts);
  }

  levelSelect({ colors, levels }) {
    const { state, actions } = this;
    const option = (level) => {
      const mode = colors.indexOf(level);
      return element("option", { value: mode, selected: mode === state.purityMode }, level.name);
    };
    const select = element(
      "select",
      { class: "hx-cut-level", "aria-label": "Purity of" },
      ...levels.map(option),
    );
    select.addEventListener("change", () => actions.setPurityMode(Number(select.value)));
    return select;
  }

  rangeOf(by) {
    const { scene } = this.state;
    const [top, floor] = [scene.height[scene.root], Math.min(...scene.height)];
    if (by === "number") return [1, Math.min(100, scene.M), 1];
    return by === "height" ? [floor, top, (top - floor) / 200] : [0.05, 1, 0.01];
  }

  startOf(by) {
    const { scene, cut } = this.state;
    if (by === "number") return cut.clusters.length;
    const [top, floor] = [scene.height[scene.root], Math.min(...scene.height)];
    return by === "height" ? floor + 0.7 * (top - floor) : 0.5;
  }

  card(number) {
    const { state, data } = this;
    const { list } = state.cut.clusters[number];
    const level = data.colors[state.purityMode];
    const [group, n] = data.countGroups(list, level)[0];
    const facts = `${countPictures(list.length)} · ${level.names[group]} ${percent(n / list.length)}`;
    const onclick = () => this.actions.showCluster(number);
    return element(
      "div",
      { class: "hx-card", style: `border-color:${this.state.cut.clusters[number].color}` },
      element("button", { type: "button", class: "hx-crumb", onclick }, state.clusterName(number)),
      element("div", { class: "hx-small" }, facts),
      this.grid(list, 6, 40),
    );
  }

  // --- classes: of the coloring that is chosen, with what may be left out

  classes() {
    const { state } = this;
    const coloring = state.colors(state.mode);
    const head = element(
      "p",
      {},
      `${state.countShown().toLocaleString("en")} of ${countPictures(this.data.N)} shown`,
    );
    if (coloring.kind === "numbers") return [head, this.legend(), this.rangeControls()];
    return [head, this.classTable(coloring)];
  }

  rangeControls() {
    const { state, data } = this;
    const values = data.values(state.mode).filter((value) => Number.isFinite(value));
    const ends = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const now = state.filters.get(state.mode)?.range ?? ends;
    const input = (n, name) => {
      const attributes = {
        type: "range",
        class: "hx-range",
        min: ends[0],
        max: ends[1],
        step: "any",
        value: now[n],
      };
      const slider = element("input", { ...attributes, "aria-label": name });
      slider.addEventListener("change", () => {
        const range = [...now];
        range[n] = Number(slider.value);
        this.actions.setFilter(state.mode, { range });
      });
      return element("label", {}, `${name} `, slider, ` ${now[n].toPrecision(3)}`);
    };
    return element("div", { class: "hx-bar" }, input(0, "from"), input(1, "to"));
  }

  classTable(coloring) {
    const { state, data } = this;
    const rows = this.classRows(coloring);
    const hidden = state.filters.get(state.mode)?.groups ?? new Set();
    const heads = { name: "group", count: "pictures", wrong: "confused", together: "in one cluster" };
    const head = ([key, text]) => {
      const onclick = () => {
        this.sortBy = key;
        this.refresh();
      };
      const sorted = key === this.sortBy ? "ascending" : null;
      return element(
        "th",
        { "aria-sort": sorted },
        element("button", { type: "button", class: "hx-crumb", onclick }, text),
      );
    };
    const bulk = (text, groups) =>
      createButton(text, text, () => this.actions.setFilter(state.mode, { groups: new Set(groups) }));
    const all = rows.map(({ group }) => group);
    return element(
      "div",
      {},
      element("div", { class: "hx-bar" }, bulk("all", []), bulk("none", all)),
      element(
        "table",
        { class: "hx-table" },
        element("thead", {}, element("tr", {}, element("th"), ...Object.entries(heads).map(head))),
        element("tbody", {}, ...rows.slice(0, 300).map((row) => this.classRow(row, coloring, hidden))),
      ),
      rows.length > 300 ? element("p", {}, `and ${rows.length - 300} more`) : null,
    );
  }

  classRows(coloring) {
    const { state, data } = this;
    const { wrong } = state.scene;
    const mistakes = new Map();
    for (let i = 0; i < data.N; i++) {
      const group = coloring.index[i];
      mistakes.set(group, (mistakes.get(group) ?? 0) + wrong[i]);
    }
    const cut = state.cut ?? { of: new Int32Array(data.N) };
    const rows = scatter(data, cut, coloring).map((row) => ({
      ...row,
      name: state.groupName(state.mode, row.group) ?? "unknown",
      wrong: mistakes.get(row.group) / row.count,
    }));
    const by = {
      name: (a, b) => String(a.name).localeCompare(b.name),
      count: (a, b) => b.count - a.count,
      wrong: (a, b) => b.wrong - a.wrong || b.count - a.count,
      together: (a, b) => a.together - b.together || b.count - a.count,
    };
    return rows.sort(by[this.sortBy]);
  }

  classRow({ group, name, count, wrong, together }, coloring, hidden) {
    const { state, actions } = this;
    const box = element("input", {
      type: "checkbox",
      checked: !hidden.has(group),
      "aria-label": `show ${name}`,
    });
    box.addEventListener("change", () => {
      const groups = new Set(hidden);
      if (!groups.delete(group)) groups.add(group);
      actions.setFilter(state.mode, { groups });
    });
    const onclick = () => actions.showGroup(coloring, group, name);
    return element(
      "tr",
      {},
      element("td", {}, box, this.swatch(coloring.palette[group])),
      element("td", {}, element("button", { type: "button", class: "hx-crumb", onclick }, name)),
      element("td", {}, count.toLocaleString("en")),
      element("td", {}, percent(wrong)),
      element("td", {}, percent(together)),
    );
  }

  // --- small things

  // A picture that leads to its sample.
  thumbnail(i, size = 56, border = null) {
    const name = this.data.nameOf(i);
    const go = (event) => {
      event.stopPropagation();
      this.actions.showSample(i, true);
    };
    const canvas = element("canvas", {
      width: size * 2,
      height: size * 2,
      class: "hx-thumb",
      style: `width:${size}px;height:${size}px` + (border ? `;border-color:${border}` : ""),
      title: name,
      tabindex: 0,
      role: "button",
      "aria-label": name,
      onclick: go,
      onkeydown: (event) => event.key === "Enter" && go(event),
    });
    const ctx = canvas.getContext("2d");
    if (this.atlas.holds(i)) this.atlas.draw(ctx, i, 0, 0, 2 * size);
    else {
      const { palette, index } = this.state.colors(this.state.mode);
      ctx.fillStyle = palette[index[i]] ?? "#cccccc";
      ctx.fillRect(size / 2, size / 2, size, size);
    }
    return canvas;
  }

  // The tip beside the pointer at (X, Y): what is there; nothing hides it.
  point(tip, scene, target, X, Y, side) {
    tip.hidden = !target;
    if (!target) return;
    const about =
      target.kind === "node" ? this.nodeTip(scene, target.index) : this.sampleTip(scene, target.index);
    tip.replaceChildren(...about);
    tip.style.left = Math.min(X + 14, side - 150) + "px";
    tip.style.top = (Y > side - 190 ? Y - 170 : Y + 14) + "px";
  }

  nodeTip(scene, n) {
    return [element("b", {}, scene.nodeName(n)), element("div", {}, `${countPictures(scene.size[n])} below`)];
  }

  sampleTip(scene, i) {
    const { data } = this;
    const error = element("div", { class: "hx-error" }, "nearest is of another class");
    return [
      this.thumbnail(i, 96),
      element("b", {}, data.nameOf(i)),
      element("div", {}, data.kindsOf(i)),
      scene.wrong[i] ? error : "",
    ];
  }
}
