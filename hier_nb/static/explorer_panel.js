// The page around the canvas: the bar above it, and the panel that says what one is looking at.

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

function countPictures(n) {
  return n === 1 ? "1 picture" : `${n.toLocaleString("en")} pictures`;
}

// Every control and the canvas, put into `root`.
export function createPage(root, scene, actions) {
  const { meta, N, M } = scene;
  const canvas = element("canvas", {
    class: "hx-canvas",
    tabindex: 0,
    role: "img",
    "aria-label":
      `Poincaré disk with ${countPictures(N)} and ${M} inner nodes. ` +
      "Arrow keys move, plus and minus zoom, Home resets, Escape clears.",
  });
  const tip = element("div", { class: "hx-tip", hidden: true });
  const panel = element("div", {
    class: "hx-panel",
    role: "region",
    "aria-label": "Details",
    "aria-live": "polite",
  });
  const bar = createBar(scene, actions);
  const stage = element("div", { class: "hx-stage" }, canvas, tip);
  root.classList.add("hx");
  root.replaceChildren(bar.element, element("div", { class: "hx-body" }, stage, panel));
  return { canvas, tip, panel, stage, ...bar };
}

function createBar(scene, actions) {
  const { meta } = scene;
  const list = "hx-" + Math.random().toString(36).slice(2);
  const search = element("input", {
    class: "hx-search",
    type: "search",
    placeholder: "search a class",
    list,
    "aria-label": "Search a class",
  });
  const names = scene.allNames().map((name) => element("option", { value: name }));
  const modes = meta.colors.map((color, n) => element("option", { value: n }, color.name));
  const colorBy = element("select", { class: "hx-by", "aria-label": "Colour by" }, ...modes);
  const pictures = element("input", { type: "checkbox", class: "hx-pictures" });
  pictures.checked = true;
  const file = element("input", { type: "file", accept: "image/*", class: "hx-file", hidden: true });
  const bar = element(
    "div",
    { class: "hx-bar" },
    search,
    element("datalist", { id: list }, ...names),
    element("label", {}, "colour by ", colorBy),
    element("label", {}, pictures, " pictures"),
    createButton("home", "reset view", actions.reset),
    meta.live ? createButton("upload", "query a picture", () => file.click()) : null,
    file,
    element(
      "span",
      { class: "hx-hint" },
      "drag: move · wheel: zoom · double click: recentre · shift-drag: select",
    ),
  );
  return { element: bar, search, colorBy, pictures, file };
}

function createButton(name, title, onclick) {
  return element(
    "button",
    { class: "hx-button hx-" + name, type: "button", title, "aria-label": title, onclick },
    title,
  );
}

// What the panel and the tip show; `actions` has showNode and showSample.
export class Panel {
  constructor(page, scene, selection, atlas, actions) {
    Object.assign(this, { page, scene, selection, atlas, actions });
    this.show("welcome");
  }

  // Show one of the contents below, and remember it for `refresh`.
  show(name, ...values) {
    this.shown = name;
    this.refresh = () => {
      const children = this[name](...values);
      this.page.panel.replaceChildren(...children.filter((child) => child != null));
    };
    this.refresh();
  }

  welcome() {
    const { meta, N, M } = this.scene;
    const { legend } = meta.colors[this.selection.mode];
    const swatch = (color) => element("span", { class: "hx-swatch", style: `background:${color}` });
    const entries = legend.map(([name, color]) => element("li", {}, swatch(color), name));
    return [
      element("h4", {}, meta.title),
      element(
        "p",
        {},
        `${countPictures(N)}, ${M} inner nodes. ` +
          "Click a black node to see what is below it, a picture to see its neighbours.",
      ),
      entries.length ? element("ul", { class: "hx-legend" }, ...entries) : null,
    ];
  }

  node(n, list) {
    return [
      element("h4", {}, this.scene.nodeName(n)),
      element("p", {}, `${countPictures(list.length)} below it`),
      this.shares(list),
      ...this.pathSection(n),
      element("h5", {}, "pictures"),
      this.grid(list),
      list.length > 60 ? element("p", {}, `and ${list.length - 60} more`) : null,
    ];
  }

  sample(i) {
    const { scene } = this;
    const near = scene.neighborsOf(i);
    const frame = (j) => (scene.labels[j] === scene.labels[i] ? "#2e7d32" : "#c62828");
    const facts = [
      scene.meta.paths[i],
      `row ${scene.rows[i]}`,
      scene.meta.has_centre ? `distance to the centre ${scene.depth[i].toFixed(2)}` : "",
    ];
    return [
      element("h4", {}, scene.nameOf(i)),
      scene.kindsOf(i) ? element("p", {}, scene.kindsOf(i)) : null,
      this.thumbnail(i, 112),
      element("p", { class: "hx-small" }, facts.filter((fact) => fact).join(" · ")),
      near.length ? element("h5", {}, "nearest neighbours (green: same class)") : null,
      element("div", { class: "hx-grid" }, ...near.map((j) => this.thumbnail(j, 56, frame(j)))),
      ...this.pathSection(scene.home[i]),
    ];
  }

  found(text, list) {
    const none = "nothing is called that; try a part of the name";
    return [
      element("h4", {}, `“${text}”`),
      element("p", {}, list.length ? countPictures(list.length) : none),
      list.length ? this.shares(list) : null,
      this.grid(list),
    ];
  }

  selected(list) {
    return [
      element("h4", {}, `${list.length} selected`),
      list.length ? this.shares(list) : element("p", {}, "no picture is inside the line"),
      this.grid(list),
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
      ...this.pathSection(query.node),
    ];
  }

  failure(message) {
    return [element("h4", {}, "that did not work"), element("p", { class: "hx-error" }, message)];
  }

  // The classes of some samples, the most frequent first, as bars.
  shares(list) {
    const count = new Map();
    for (const i of list) count.set(this.scene.nameOf(i), (count.get(this.scene.nameOf(i)) || 0) + 1);
    const most = [...count].sort((a, b) => b[1] - a[1]).slice(0, 8);
    const bar = ([name, n]) => {
      const percent = (100 * n) / list.length;
      const fill = element("span", { class: "hx-fill", style: `width:${percent}%` });
      const word = element("span", { class: "hx-word" }, `${name}  ${percent.toFixed(0)} %`);
      return element("div", { class: "hx-share" }, fill, word);
    };
    return element("div", { class: "hx-shares" }, ...most.map(bar));
  }

  grid(list) {
    return element("div", { class: "hx-grid" }, ...list.slice(0, 60).map((i) => this.thumbnail(i)));
  }

  // A heading and the nodes from `n` up to the root; of a long way, both ends. Nothing without a tree.
  pathSection(n) {
    if (n < 0) return [];
    const { scene } = this;
    const path = scene.pathToRoot(n);
    const gap = element("li", {}, `… ${path.length - 8} more …`);
    const crumb = (m) => {
      const onclick = () => this.actions.showNode(m, true);
      const name = `${scene.nodeName(m)} (${scene.size[m]})`;
      return element("li", {}, element("button", { type: "button", class: "hx-crumb", onclick }, name));
    };
    const entries =
      path.length > 9 ? [...path.slice(0, 5).map(crumb), gap, ...path.slice(-3).map(crumb)] : path.map(crumb);
    const list = element("ol", { class: "hx-path", "aria-label": "Path to the root" }, ...entries);
    return [element("h5", {}, "path to the root"), list];
  }

  // A picture that leads to its sample.
  thumbnail(i, size = 56, border = null) {
    const name = this.scene.nameOf(i);
    const canvas = element("canvas", {
      width: size * 2,
      height: size * 2,
      class: "hx-thumb",
      style: `width:${size}px;height:${size}px` + (border ? `;border-color:${border}` : ""),
      title: name,
      role: "img",
      "aria-label": name,
      onclick: (event) => {
        event.stopPropagation();
        this.actions.showSample(i, true);
      },
    });
    const ctx = canvas.getContext("2d");
    ctx.fillStyle = "#ccc";
    if (this.atlas.ready) this.atlas.draw(ctx, i, 0, 0, 2 * size);
    else ctx.fillRect(0, 0, 2 * size, 2 * size);
    return canvas;
  }

  // The tip beside the pointer at (X, Y): what is there; nothing hides it.
  point(target, X, Y, side) {
    const { tip } = this.page;
    tip.hidden = !target;
    if (!target) return;
    tip.replaceChildren(
      ...(target.kind === "node" ? this.nodeTip(target.index) : this.sampleTip(target.index)),
    );
    tip.style.left = Math.min(X + 14, side - 150) + "px";
    tip.style.top = (Y > side - 190 ? Y - 170 : Y + 14) + "px";
  }

  nodeTip(n) {
    return [
      element("b", {}, this.scene.nodeName(n)),
      element("div", {}, `${countPictures(this.scene.size[n])} below`),
    ];
  }

  sampleTip(i) {
    const { scene } = this;
    const error = element("div", { class: "hx-error" }, "nearest is of another class");
    return [
      this.thumbnail(i, 96),
      element("b", {}, scene.nameOf(i)),
      element("div", {}, scene.kindsOf(i)),
      scene.wrong[i] ? error : "",
    ];
  }
}
