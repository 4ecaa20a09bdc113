// The hyperbolic explorer: one canvas, one side panel, no dependencies. All geometry is in the unit disk, curvature -1.
// `model` is an anywidget model, or the shim of a static page with the same get / set / on / send / save_changes.

const TAU = 2 * Math.PI;

// ---- isometries of the disk: z -> (a z + b) / (conj(b) z + conj(a)), as [a.re, a.im, b.re, b.im]
const IDENTITY = [1, 0, 0, 0];
function normal([a, A, b, B]) { const n = Math.sqrt(Math.max(1e-300, a * a + A * A - b * b - B * B)); return [a / n, A / n, b / n, B / n]; }
function compose([a, A, b, B], [c, C, d, D]) { // first the second one, then the first one
  return normal([a * c - A * C + b * d + B * D, a * C + A * c + B * d - b * D, a * d - A * D + b * c + B * C, a * D + A * d + B * c - b * C]);
}
function apply([a, A, b, B], x, y) {
  const nx = a * x - A * y + b, ny = a * y + A * x + B, dx = b * x + B * y + a, dy = b * y - B * x - A, q = 1 / (dx * dx + dy * dy);
  return [(nx * dx + ny * dy) * q, (ny * dx - nx * dy) * q];
}
function translation(px, py, qx, qy) { // the one without rotation that takes p to q: t - (qp) conj(t) = q - p
  const kx = qx * px - qy * py, ky = qx * py + qy * px, dx = qx - px, dy = qy - py, w = 1 / Math.max(1e-9, 1 - kx * kx - ky * ky);
  return normal([1, 0, (dx + kx * dx + ky * dy) * w, (dy + ky * dx - kx * dy) * w]);
}
function within(x, y, most = 0.97) { const r = Math.hypot(x, y); return r > most ? [x * most / r, y * most / r] : [x, y]; }
function arc(ctx, x1, y1, x2, y2) { // the geodesic: a circle that meets the border at right angles
  const cross = x1 * y2 - x2 * y1;
  if (Math.abs(cross) < 1e-5) { ctx.moveTo(x1, y1); ctx.lineTo(x2, y2); return; }
  const s1 = 1 + x1 * x1 + y1 * y1, s2 = 1 + x2 * x2 + y2 * y2, cx = (s1 * y2 - s2 * y1) / (2 * cross), cy = (s2 * x1 - s1 * x2) / (2 * cross);
  const r = Math.hypot(x1 - cx, y1 - cy);
  if (r > 200) { ctx.moveTo(x1, y1); ctx.lineTo(x2, y2); return; }
  const a1 = Math.atan2(y1 - cy, x1 - cx), a2 = Math.atan2(y2 - cy, x2 - cx), turn = ((a2 - a1) % TAU + TAU) % TAU;
  ctx.moveTo(x1, y1); ctx.arc(cx, cy, r, a1, a2, turn > Math.PI);
}

// ---- data: buffers come as DataView from Jupyter, as ArrayBuffer on a static page
function array(Type, v) {
  if (!v) return new Type(0);
  const b = v.buffer ? v.buffer.slice(v.byteOffset, v.byteOffset + v.byteLength) : v;
  return new Type(b);
}
function h(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) k.startsWith("on") ? e.addEventListener(k.slice(2), v) : v === true ? e.setAttribute(k, "") : v != null && v !== false && e.setAttribute(k, v);
  e.append(...children.filter(c => c != null));
  return e;
}

function render({ model, el }) {
  const xy = array(Float32Array, model.get("points")), nodeXY = array(Float32Array, model.get("nodes"));
  const parent = array(Int32Array, model.get("node_parent")), home = array(Int32Array, model.get("home"));
  const labels = array(Int32Array, model.get("labels")), rows = array(Int32Array, model.get("rows")), near = array(Int32Array, model.get("neighbors"));
  const radius = array(Float32Array, model.get("radius")), wrong = array(Uint8Array, model.get("wrong")), meta = model.get("meta");
  const paint3 = array(Uint8Array, model.get("colour_bytes")), colours = meta.colours.map((c, n) => paint3.subarray(3 * labels.length * n, 3 * labels.length * (n + 1)));
  const N = labels.length, M = parent.length, K = N ? near.length / N : 0, tile = meta.tile, columns = meta.columns;
  const under = Array.from({ length: M }, () => []), below = Array.from({ length: M }, () => []);
  parent.forEach((p, n) => p >= 0 && below[p].push(n));
  home.forEach((p, i) => p >= 0 && under[p].push(i));
  const size = new Int32Array(M);
  for (let i = 0; i < N; i++) for (let n = home[i], hops = 0; n >= 0 && hops <= M; n = parent[n], hops++) size[n]++;
  const samplesOf = n => { const out = [], todo = [n]; while (todo.length) { const m = todo.pop(); for (const i of under[m]) out.push(i); for (const b of below[m]) todo.push(b); } return out; };

  // ---- the page
  const canvas = h("canvas", { class: "hx-canvas", tabindex: 0, role: "img", "aria-label": `Poincaré disk with ${N} pictures and ${M} inner nodes. Arrow keys move, plus and minus zoom, Home resets, Escape clears.` });
  const tip = h("div", { class: "hx-tip", hidden: true }), panel = h("div", { class: "hx-panel", role: "region", "aria-label": "Details", "aria-live": "polite" });
  const listId = "hx-" + Math.random().toString(36).slice(2), things = [...new Set([...meta.class_names, ...meta.levels.flatMap(l => l.names)])].sort();
  const search = h("input", { class: "hx-search", type: "search", placeholder: "search a class", list: listId, "aria-label": "Search a class" });
  const by = h("select", { class: "hx-by", "aria-label": "Colour by" }, ...meta.colours.map((c, n) => h("option", { value: n }, c.name)));
  const button = (name, title, f) => h("button", { class: "hx-button hx-" + name, type: "button", title, "aria-label": title, onclick: f }, title);
  const file = h("input", { type: "file", accept: "image/*", class: "hx-file", hidden: true });
  const pictures = h("input", { type: "checkbox", class: "hx-pictures" }); pictures.checked = true;
  const bar = h("div", { class: "hx-bar" }, search, h("datalist", { id: listId }, ...things.map(t => h("option", { value: t }))), h("label", {}, "colour by ", by), h("label", {}, pictures, " pictures"),
    button("home", "reset view", () => fly(IDENTITY, true)), meta.live ? button("upload", "query a picture", () => file.click()) : null, file,
    h("span", { class: "hx-hint" }, "drag: move · wheel: zoom · double click: recentre · shift-drag: select"));
  el.classList.add("hx"); el.replaceChildren(bar, h("div", { class: "hx-body" }, h("div", { class: "hx-stage" }, canvas, tip), panel));
  const ctx = canvas.getContext("2d");

  // ---- the view
  let view = IDENTITY, scale = 1, off = [0, 0], side = 0, dpr = 1, mode = 0, marked = new Uint8Array(N), anyMarked = false, node = -1, hover = null, query = null, lasso = null, queued = false, flight = 0;
  const sx = new Float32Array(N), sy = new Float32Array(N), nx = new Float32Array(M), ny = new Float32Array(M);
  const order = Int32Array.from({ length: N }, (_, i) => i); for (let i = N - 1, s = 1; i > 0; i--) { s = (s * 16807) % 2147483647; const j = s % (i + 1); [order[i], order[j]] = [order[j], order[i]]; }
  const atlas = new Image(); let ready = false; atlas.onload = () => { ready = true; draw(); details(); };
  if (meta.atlas_type) { const u = URL.createObjectURL(new Blob([array(Uint8Array, model.get("atlas"))], { type: meta.atlas_type })); atlas.src = u; }
  const R = () => (side / 2 - 6) * scale, toScreen = (x, y) => [side / 2 + off[0] + R() * x, side / 2 + off[1] - R() * y], toDisk = (X, Y) => [(X - side / 2 - off[0]) / R(), -(Y - side / 2 - off[1]) / R()];
  const css = name => getComputedStyle(el).getPropertyValue(name).trim();

  function project() { // every point through the view, once a frame
    const [a, A, b, B] = view, r = R(), X0 = side / 2 + off[0], Y0 = side / 2 + off[1];
    const one = (src, n, X, Y) => { for (let i = 0; i < n; i++) {
      const x = src[2 * i], y = src[2 * i + 1], px = a * x - A * y + b, py = a * y + A * x + B, dx = b * x + B * y + a, dy = b * y - B * x - A, q = 1 / (dx * dx + dy * dy);
      X[i] = X0 + r * (px * dx + py * dy) * q; Y[i] = Y0 - r * (py * dx - px * dy) * q; } };
    one(xy, N, sx, sy); one(nodeXY, M, nx, ny);
  }
  function arcs(pairs, style, width) {
    const r = R(), X0 = side / 2 + off[0], Y0 = side / 2 + off[1];
    ctx.save(); ctx.translate(X0, Y0); ctx.scale(r, -r); ctx.beginPath();
    for (const [x1, y1, x2, y2] of pairs) arc(ctx, (x1 - X0) / r, (Y0 - y1) / r, (x2 - X0) / r, (Y0 - y2) / r);
    ctx.restore(); ctx.strokeStyle = style; ctx.lineWidth = width; ctx.stroke();
  }
  function paint() {
    queued = false;
    if (!side) return;
    project();
    const ink = css("--hx-ink") || "#000", faint = css("--hx-faint") || "#ddd", accent = css("--hx-accent") || "#c62828";
    ctx.setTransform(dpr, 0, 0, dpr, 0, 0); ctx.clearRect(0, 0, side, side);
    ctx.beginPath(); ctx.arc(...toScreen(0, 0), R(), 0, TAU); ctx.strokeStyle = ink; ctx.lineWidth = 1; ctx.stroke();
    if (node >= 0) arcs(samplesOf(node).slice(0, 1500).map(i => [nx[home[i]], ny[home[i]], sx[i], sy[i]]), faint, .6);
    const edges = []; for (let n = 0; n < M; n++) if (parent[n] >= 0) edges.push([nx[parent[n]], ny[parent[n]], nx[n], ny[n]]);
    arcs(edges, ink + "70", .8);
    if (node >= 0) { const up = []; for (let n = node, hops = 0; parent[n] >= 0 && hops < M; n = parent[n], hops++) up.push([nx[n], ny[n], nx[parent[n]], ny[parent[n]]]); arcs(up, accent, 2); }
    const c = colours[mode], dot = Math.max(2, Math.min(7, 2.4 * Math.sqrt(scale))), half = dot / 2; let last = -1;
    for (const pass of anyMarked ? [0, 1] : [1]) { // unmarked ones first, pale
      ctx.globalAlpha = anyMarked && !pass ? .18 : 1;
      for (let i = 0; i < N; i++) {
        if (anyMarked && marked[i] !== pass) continue;
        const X = sx[i], Y = sy[i]; if (X < -9 || Y < -9 || X > side + 9 || Y > side + 9) continue;
        const k = c[3 * i] << 16 | c[3 * i + 1] << 8 | c[3 * i + 2]; if (k !== last) { ctx.fillStyle = "#" + k.toString(16).padStart(6, "0"); last = k; }
        ctx.fillRect(X - half, Y - half, dot, dot);
      }
    }
    ctx.globalAlpha = 1; ctx.fillStyle = ink;
    for (let n = 0; n < M; n++) { const r = Math.min(5, 1 + .33 * Math.log2(1 + size[n])); ctx.beginPath(); ctx.arc(nx[n], ny[n], n === node ? r + 2 : r, 0, TAU); ctx.fillStyle = n === node ? accent : ink; ctx.fill(); }
    if (pictures.checked && ready) thumbnails();
    if (query) { const [X, Y] = toScreen(...apply(view, ...query.place)); ctx.strokeStyle = accent; ctx.lineWidth = 3; ctx.beginPath(); ctx.arc(X, Y, 11, 0, TAU); ctx.moveTo(X - 17, Y); ctx.lineTo(X + 17, Y); ctx.moveTo(X, Y - 17); ctx.lineTo(X, Y + 17); ctx.stroke(); }
    if (hover && hover.kind === "sample") { ctx.strokeStyle = accent; ctx.lineWidth = 2; ctx.strokeRect(sx[hover.i] - half - 3, sy[hover.i] - half - 3, dot + 6, dot + 6); }
    if (lasso) { ctx.beginPath(); lasso.forEach(([X, Y], n) => n ? ctx.lineTo(X, Y) : ctx.moveTo(X, Y)); ctx.closePath(); ctx.fillStyle = accent + "22"; ctx.fill(); ctx.strokeStyle = accent; ctx.lineWidth = 1; ctx.stroke(); }
  }
  function thumbnails() { // as many as fit without overlap; marked ones first
    const s = Math.min(48, Math.max(20, 15 * Math.sqrt(scale) + 8)), cell = s * 1.25, taken = new Set();
    for (const pass of anyMarked ? [1, 0] : [1]) for (const i of order) {
      if (anyMarked && marked[i] !== pass) continue;
      if (anyMarked && !pass && taken.size > 12) break;
      const X = sx[i], Y = sy[i]; if (X < 0 || Y < 0 || X > side || Y > side) continue;
      const gx = Math.floor(X / cell), gy = Math.floor(Y / cell); let free = true;
      for (let a = -1; a <= 1 && free; a++) for (let b = -1; b <= 1; b++) if (taken.has((gx + a) * 4096 + gy + b)) { free = false; break; }
      if (!free) continue;
      taken.add(gx * 4096 + gy); ctx.globalAlpha = anyMarked && !pass ? .3 : 1; ctx.drawImage(atlas, (i % columns) * tile, Math.floor(i / columns) * tile, tile, tile, X - s / 2, Y - s / 2, s, s);
      if (taken.size > 90) break;
    }
    ctx.globalAlpha = 1;
  }
  function draw() { if (!queued) { queued = true; requestAnimationFrame(paint); } }
  function fly(goal, reset = false) { // along the geodesic of isometries, 350 ms
    const from = view, s0 = scale, o0 = off.slice(), t0 = performance.now(), id = ++flight;
    hover = null; tip.hidden = true;
    const [px, py] = apply(inverse(goal), 0, 0); // what will be at the centre
    const [qx, qy] = apply(from, px, py);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = now => {
      if (id !== flight) return;
      const t = still ? 1 : Math.min(1, (now - t0) / 350), e = t * t * (3 - 2 * t), d = Math.atanh(Math.min(.9999, Math.hypot(qx, qy))), k = Math.tanh(d * (1 - e)) / Math.max(1e-12, Math.hypot(qx, qy));
      view = t === 1 && reset ? goal : compose(translation(...within(qx, qy, .9999), qx * k, qy * k), from);
      scale = s0 + ((reset ? 1 : scale) - s0) * e; off = o0.map(v => v * (1 - e));
      draw(); if (t < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
  function inverse([a, A, b, B]) { return [a, -A, -b, -B]; }
  function recentre(x, y) { const [X, Y] = within(...apply(view, x, y), .9995); fly(compose(translation(X, Y, 0, 0), view)); }
  function middle(list) { let t = 0, x = 0, y = 0; for (const i of list) { const a = xy[2 * i], b = xy[2 * i + 1], q = Math.max(1e-9, 1 - a * a - b * b); t += (2 - q) / q; x += 2 * a / q; y += 2 * b / q; } const n = Math.sqrt(Math.max(1e-12, t * t - x * x - y * y)); return [x / (n + t), y / (n + t)]; }

  // ---- what is under the pointer
  function at(X, Y, reach = 11) {
    let best = null, d = reach * reach;
    for (let n = 0; n < M; n++) { const q = (nx[n] - X) ** 2 + (ny[n] - Y) ** 2; if (q < d) { d = q; best = { kind: "node", n }; } }
    if (best && d < 36) return best;
    for (let i = 0; i < N; i++) { const q = (sx[i] - X) ** 2 + (sy[i] - Y) ** 2; if (q < d) { d = q; best = { kind: "sample", i }; } }
    return best;
  }
  function thumb(i, s = 56, border = null) {
    const c = h("canvas", { width: s * 2, height: s * 2, class: "hx-thumb", style: `width:${s}px;height:${s}px` + (border ? `;border-color:${border}` : ""), title: nameOf(i), role: "img", "aria-label": nameOf(i), onclick: e => { e.stopPropagation(); showSample(i); recentre(xy[2 * i], xy[2 * i + 1]); } });
    const g = c.getContext("2d");
    if (ready) g.drawImage(atlas, (i % columns) * tile, Math.floor(i / columns) * tile, tile, tile, 0, 0, 2 * s, 2 * s); else { g.fillStyle = "#ccc"; g.fillRect(0, 0, 2 * s, 2 * s); }
    return c;
  }
  const nameOf = i => meta.class_names[labels[i]] ?? "class " + labels[i];
  const kinds = i => meta.levels.map(l => l.names[l.ids[labels[i]]] ?? "unknown").join(" › ");
  const nodeName = n => meta.node_names[n] || "node " + n;

  // ---- the panel
  let details = welcome;
  function put(...children) { panel.replaceChildren(...children.filter(c => c != null)); }
  function welcome() {
    details = welcome;
    const legend = meta.colours[mode].legend;
    put(h("h4", {}, meta.title), h("p", {}, `${N.toLocaleString("en")} pictures, ${M} inner nodes. Click a black node to see what is below it, a picture to see its neighbours.`),
      legend.length ? h("ul", { class: "hx-legend" }, ...legend.map(([name, c]) => h("li", {}, h("span", { class: "hx-swatch", style: `background:${c}` }), name))) : null);
  }
  function shares(list) {
    const count = new Map(); for (const i of list) count.set(nameOf(i), (count.get(nameOf(i)) || 0) + 1);
    return h("div", { class: "hx-shares" }, ...[...count].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([name, n]) => h("div", { class: "hx-share" }, h("span", { class: "hx-fill", style: `width:${100 * n / list.length}%` }), h("span", { class: "hx-word" }, `${name}  ${(100 * n / list.length).toFixed(0)} %`))));
  }
  function pathOf(n) {
    const crumbs = []; for (let m = n, hops = 0; m >= 0 && hops <= M; m = parent[m], hops++) crumbs.push(m);
    const long = crumbs.length > 9; const shown = long ? [...crumbs.slice(0, 5), -1, ...crumbs.slice(-3)] : crumbs;
    return h("ol", { class: "hx-path", "aria-label": "Path to the root" }, ...shown.map(m => m < 0 ? h("li", {}, `… ${crumbs.length - 8} more …`) : h("li", {}, h("button", { type: "button", class: "hx-crumb", onclick: () => showNode(m, true) }, `${nodeName(m)} (${size[m]})`))));
  }
  function mark(list) { marked = new Uint8Array(N); for (const i of list) marked[i] = 1; anyMarked = list.length > 0; model.set("selection", list.map(i => rows[i])); model.save_changes(); draw(); }
  function showNode(n, go = false) {
    node = n; const list = samplesOf(n); mark(list);
    details = () => put(h("h4", {}, nodeName(n)), h("p", {}, `${list.length} pictures below it`), shares(list), h("h5", {}, "path to the root"), pathOf(n), h("h5", {}, "pictures"), h("div", { class: "hx-grid" }, ...list.slice(0, 60).map(i => thumb(i))), list.length > 60 ? h("p", {}, `and ${list.length - 60} more`) : null);
    details(); if (go) recentre(nodeXY[2 * n], nodeXY[2 * n + 1]);
  }
  function showSample(i) {
    node = -1; mark([i, ...near.subarray(K * i, K * (i + 1))]);
    details = () => put(h("h4", {}, nameOf(i)), kinds(i) ? h("p", {}, kinds(i)) : null, thumb(i, 112), h("p", { class: "hx-small" }, (meta.paths[i] ? meta.paths[i] + " · " : "") + `row ${rows[i]} · distance to the centre ${radius[i].toFixed(2)}`),
      K ? h("h5", {}, "nearest in the ball (green: same class)") : null, h("div", { class: "hx-grid" }, ...[...near.subarray(K * i, K * (i + 1))].map(j => thumb(j, 56, labels[j] === labels[i] ? "#2e7d32" : "#c62828"))), home[i] >= 0 ? h("h5", {}, "path to the root") : null, home[i] >= 0 ? pathOf(home[i]) : null);
    details(); draw();
  }
  function find(text) {
    const t = text.trim().toLowerCase(); if (!t) { clear(); return; }
    const match = names => names.map(n => (n ?? "").toLowerCase()), exact = match(meta.class_names).includes(t) || meta.levels.some(l => match(l.names).includes(t));
    const hit = n => exact ? n === t : n.includes(t), list = [];
    for (let i = 0; i < N; i++) if (hit(nameOf(i).toLowerCase()) || meta.levels.some(l => hit((l.names[l.ids[labels[i]]] ?? "").toLowerCase()))) list.push(i);
    node = -1; mark(list);
    details = () => put(h("h4", {}, `“${text.trim()}”`), h("p", {}, list.length ? `${list.length} pictures` : "nothing is called that; try a part of the name"), list.length ? shares(list) : null, h("div", { class: "hx-grid" }, ...list.slice(0, 60).map(i => thumb(i))));
    details(); if (list.length) recentre(...middle(list));
  }
  function clear() { node = -1; query = null; mark([]); welcome(); }
  function showQuery(m) {
    if (m.error) { details = () => put(h("h4", {}, "that did not work"), h("p", { class: "hx-error" }, m.error)); details(); return; }
    query = m; node = -1; mark(m.neighbors);
    details = () => put(h("h4", {}, "your picture"), query.url ? h("img", { src: query.url, class: "hx-yours", alt: "the picture you asked for" }) : null, h("p", {}, `lands near ${m.name}`), h("h5", {}, "nearest in the ball"), h("div", { class: "hx-grid" }, ...m.neighbors.map(i => thumb(i))), m.node >= 0 ? h("h5", {}, "path to the root") : null, m.node >= 0 ? pathOf(m.node) : null);
    details(); recentre(...m.place);
  }

  // ---- hands
  const spot = e => { const b = canvas.getBoundingClientRect(); return [e.clientX - b.left, e.clientY - b.top]; };
  let down = null; const fingers = new Map(); let pinch = 0;
  canvas.addEventListener("pointerdown", e => { const p = spot(e); fingers.set(e.pointerId, p); try { canvas.setPointerCapture(e.pointerId); } catch { } down = { p, q: p, moved: false }; lasso = e.shiftKey ? [p] : null; flight++; pinch = 0; });
  canvas.addEventListener("pointermove", e => {
    const p = spot(e);
    if (fingers.has(e.pointerId)) fingers.set(e.pointerId, p);
    if (fingers.size === 2) { const [a, b] = [...fingers.values()], d = Math.hypot(a[0] - b[0], a[1] - b[1]); if (pinch) zoom(d / pinch, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2); pinch = d; down = null; return; }
    if (!down) { point(p); return; }
    if (Math.hypot(p[0] - down.p[0], p[1] - down.p[1]) > 3) down.moved = true;
    if (lasso) { lasso.push(p); draw(); return; }
    if (!down.moved) return;
    const a = within(...toDisk(...down.q)), b = within(...toDisk(...p));
    view = compose(translation(...a, ...b), view); down.q = p; tip.hidden = true; draw();
  });
  const up = e => {
    fingers.delete(e.pointerId); if (!down) return;
    const { p, moved } = down; down = null;
    if (lasso && lasso.length > 2) { const ring = lasso; lasso = null; choose(ring); return; }
    lasso = null; if (moved || e.type !== "pointerup") return;
    const t = at(...p); if (!t) clear(); else t.kind === "node" ? showNode(t.n) : showSample(t.i);
  };
  canvas.addEventListener("pointerup", up); canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => { hover = null; tip.hidden = true; draw(); });
  canvas.addEventListener("dblclick", e => { const t = at(...spot(e)), p = t ? (t.kind === "node" ? [nodeXY[2 * t.n], nodeXY[2 * t.n + 1]] : [xy[2 * t.i], xy[2 * t.i + 1]]) : apply(inverse(view), ...within(...toDisk(...spot(e)))); recentre(...p); });
  canvas.addEventListener("wheel", e => { e.preventDefault(); zoom(Math.exp(-e.deltaY * (e.deltaMode ? .03 : .0015)), ...spot(e)); }, { passive: false });
  function zoom(f, X, Y) { flight++; const s = Math.min(60, Math.max(.6, scale * f)), k = s / scale; off = [X - side / 2 - (X - side / 2 - off[0]) * k, Y - side / 2 - (Y - side / 2 - off[1]) * k]; scale = s; draw(); }
  canvas.addEventListener("keydown", e => {
    const move = { ArrowLeft: [.15, 0], ArrowRight: [-.15, 0], ArrowUp: [0, -.15], ArrowDown: [0, .15] }[e.key];
    if (move) view = compose(translation(0, 0, ...move), view); else if (e.key === "+" || e.key === "=") zoom(1.25, side / 2, side / 2); else if (e.key === "-") zoom(.8, side / 2, side / 2); else if (e.key === "Home") fly(IDENTITY, true); else if (e.key === "Escape") clear(); else return;
    e.preventDefault(); e.stopPropagation(); draw();
  });
  function point(p) {
    hover = at(...p); canvas.style.cursor = hover ? "pointer" : "grab"; draw();
    if (!hover) { tip.hidden = true; return; }
    hover.kind === "node" ? tip.replaceChildren(h("b", {}, nodeName(hover.n)), h("div", {}, `${size[hover.n]} pictures below`)) : tip.replaceChildren(thumb(hover.i, 96), h("b", {}, nameOf(hover.i)), h("div", {}, kinds(hover.i)), wrong[hover.i] ? h("div", { class: "hx-error" }, "nearest is of another class") : "");
    tip.hidden = false; tip.style.left = Math.min(p[0] + 14, side - 150) + "px"; tip.style.top = (p[1] > side - 190 ? p[1] - 170 : p[1] + 14) + "px";
  }
  function choose(ring) {
    const list = []; for (let i = 0; i < N; i++) { let c = false; for (let a = 0, b = ring.length - 1; a < ring.length; b = a++) if (ring[a][1] > sy[i] !== ring[b][1] > sy[i] && sx[i] < (ring[b][0] - ring[a][0]) * (sy[i] - ring[a][1]) / (ring[b][1] - ring[a][1]) + ring[a][0]) c = !c; if (c) list.push(i); }
    node = -1; mark(list); details = () => put(h("h4", {}, `${list.length} selected`), list.length ? shares(list) : h("p", {}, "no picture is inside the line"), h("div", { class: "hx-grid" }, ...list.slice(0, 60).map(i => thumb(i)))); details();
  }
  search.addEventListener("change", () => find(search.value));
  search.addEventListener("keydown", e => { e.stopPropagation(); if (e.key === "Enter") find(search.value); });
  by.addEventListener("change", () => { mode = +by.value; if (details === welcome) welcome(); draw(); });
  pictures.addEventListener("change", draw);
  file.addEventListener("change", async () => {
    const f = file.files[0]; if (!f) return; file.value = "";
    details = () => put(h("p", {}, "looking …")); details();
    query = null; el.hxUrl = URL.createObjectURL(f); model.send({ kind: "query", name: f.name }, undefined, [await f.arrayBuffer()]);
  });
  model.on("msg:custom", m => { if (m.kind === "answer") { m.url = el.hxUrl; showQuery(m); } else if (m.kind === "benchmark") benchmark(m.frames); });
  model.on("change:focus", () => { const rowsWanted = new Set(model.get("focus")), list = []; for (let i = 0; i < N; i++) if (rowsWanted.has(rows[i])) list.push(i); node = -1; mark(list); if (list.length) recentre(...middle(list)); });

  function benchmark(frames = 120) { // pan continuously, pictures and all; what the browser manages
    const keep = view, gaps = [], work = []; let n = 0, before = performance.now();
    const tick = () => {
      const now = performance.now(); gaps.push(now - before); before = now;
      view = compose(translation(0, 0, .02 * Math.cos(n / 9), .02 * Math.sin(n / 9)), view);
      const t = performance.now(); paint(); work.push(performance.now() - t);
      if (++n < frames) requestAnimationFrame(tick); else { view = keep; draw(); const mid = a => a.slice(1).sort((x, y) => x - y)[Math.floor((a.length - 1) / 2)]; model.set("speed", { points: N, nodes: M, frames, frame_ms: mid(gaps), draw_ms: mid(work) }); model.save_changes(); }
    };
    requestAnimationFrame(tick);
  }

  const fit = () => { const w = canvas.parentElement.clientWidth; side = Math.max(200, Math.min(w, meta.size)); dpr = Math.min(2, window.devicePixelRatio || 1); canvas.width = canvas.height = side * dpr; canvas.style.width = canvas.style.height = side + "px"; panel.style.maxHeight = side + "px"; draw(); };
  const watch = new ResizeObserver(fit); watch.observe(canvas.parentElement);
  el.explorer = { // for tests and for people at the console
    screen: i => [sx[i], sy[i]], node: n => [nx[n], ny[n]], state: () => ({ view, scale, node, marked: marked.reduce((a, b) => a + b, 0), hover, query, panel: panel.innerText, ready }), benchmark, find,
  };
  fit(); welcome();
  return () => { watch.disconnect(); if (atlas.src) URL.revokeObjectURL(atlas.src); };
}

export default { render };
