// What is drawn above the dots: border, tree, pictures, and what is pointed at.

import { TAU, geodesicArc } from "./explorer_geometry.js";
import { dotSize } from "./explorer_points.js";

// Pictures: tiles of one image, and what a kernel sends when somebody comes near.
export class Atlas {
  constructor(data, onChange, ask = null) {
    const { tile, columns, n_tiles: count, atlas_type: type } = data.meta;
    Object.assign(this, { tile, columns, onChange, ask });
    this.has = Boolean(type);
    this.ready = false;
    this.place = new Map(); // sample -> number of its tile
    for (let n = 0; n < count; n++) this.place.set(data.order[n], n);
    this.late = new Map(); // sample -> image that came later; null: it is on its way
    this.image = new Image();
    this.image.onload = () => {
      this.ready = true;
      onChange();
    };
    if (!type) return;
    this.image.src = URL.createObjectURL(new Blob([data.atlasBytes], { type }));
  }

  // Whether a picture can be drawn now; if not, it is asked for where that is possible.
  holds(i) {
    if (!this.has) return false;
    if (this.place.has(i)) return this.ready;
    if (this.late.get(i)) return true;
    if (this.ask && !this.late.has(i)) this.want(i);
    return false;
  }

  want(i) {
    this.late.set(i, null);
    this.wanted ??= [];
    this.wanted.push(i);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.ask(this.wanted.splice(0, 200));
    }, 120);
  }

  async receive(rows, files) {
    const one = async (i, n) =>
      this.late.set(i, await createImageBitmap(new Blob([files[n]], { type: "image/webp" })));
    await Promise.all(rows.map(one));
    this.onChange();
  }

  draw(ctx, i, x, y, size) {
    const late = this.late.get(i);
    if (late) {
      const k = size / Math.max(late.width, late.height);
      const [w, h] = [late.width * k, late.height * k];
      ctx.drawImage(late, x + (size - w) / 2, y + (size - h) / 2, w, h);
      return;
    }
    const { tile, columns } = this;
    const n = this.place.get(i);
    if (n === undefined) return;
    const left = (n % columns) * tile;
    const top = Math.floor(n / columns) * tile;
    ctx.drawImage(this.image, left, top, tile, tile, x, y, size, size);
  }

  close() {
    clearTimeout(this.timer);
    if (this.image.src) URL.revokeObjectURL(this.image.src);
  }
}

// `state`: what is chosen and shown (explorer.js); `look`: the samples' colors, see explorer_points.js.
export class Painter {
  constructor(canvas, scene, view, state, atlas) {
    Object.assign(this, { canvas, scene, view, state, atlas });
    this.ctx = canvas.getContext("2d");
    this.x = new Float32Array(scene.N); // on the screen, where they were needed
    this.y = new Float32Array(scene.N);
    this.nodeX = new Float32Array(scene.M);
    this.nodeY = new Float32Array(scene.M);
  }

  resize(side, ratio) {
    this.ratio = ratio;
    this.canvas.width = this.canvas.height = Math.round(side * ratio);
  }

  paint(look) {
    const { ctx, view, ratio, state } = this;
    if (!view.side) return;
    this.look = look;
    view.project(this.scene.nodes, this.nodeX, this.nodeY);
    this.readTheme();
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, view.side, view.side);
    this.paintBorder();
    if (state.tree) this.paintTree();
    if (state.pictures) this.paintPictures();
    if (state.tree) this.paintNodes();
    if (state.query) this.paintQuery();
    this.paintRings();
    if (state.lasso?.run === this.scene.run) this.paintLasso();
  }

  readTheme() {
    const style = getComputedStyle(this.canvas);
    const color = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
    this.ink = color("--hx-ink", "#000000");
    this.paper = color("--hx-paper", "#ffffff");
    this.faint = color("--hx-faint", "#dddddd");
    this.accent = color("--hx-accent", "#c62828");
  }

  stroke(color, width) {
    this.ctx.strokeStyle = color;
    this.ctx.lineWidth = width;
    this.ctx.stroke();
  }

  paintBorder() {
    const { x, y, radius } = this.view.frame();
    this.ctx.beginPath();
    this.ctx.arc(x, y, radius, 0, TAU);
    this.stroke(this.ink, 1);
  }

  get chosen() {
    const { node } = this.state;
    return node && node.run === this.scene.run ? node.n : -1;
  }

  // Edges between nodes, edges down to samples where there are few, and the way from the chosen node to the root.
  paintTree() {
    const { scene, state } = this;
    const shown = [...scene.parent.keys()].filter((n) => !state.hides(scene, n));
    this.paintTwigs(shown);
    for (const [color, nodes] of this.edgeColors(shown)) {
      const edges = nodes.map((n) => this.edgeUp(n));
      this.paintArcs(edges, color, color === this.ink + "70" ? 0.9 : 1.6);
    }
    if (this.chosen < 0) return;
    const up = scene.pathToRoot(this.chosen).slice(0, -1);
    this.paintArcs(
      up.map((n) => this.edgeUp(n)),
      this.accent,
      2.2,
    );
  }

  // Edges by color: where clusters are shown, each has its own.
  edgeColors(shown) {
    const { scene, state } = this;
    const found = new Map();
    for (const n of shown) {
      if (scene.parent[n] < 0) continue;
      const cluster = state.mode === state.clustersMode ? state.clusterOf(scene, n) : -1;
      const color = cluster < 0 ? this.ink + "70" : state.cut.clusters[cluster].color;
      if (!found.has(color)) found.set(color, []);
      found.get(color).push(n);
    }
    return found;
  }

  // Below a chosen node, and where the tree itself is laid out.
  paintTwigs(shown) {
    const { scene } = this;
    const nodes = this.chosen >= 0 ? [this.chosen, ...scene.nodesBelow(this.chosen)] : [];
    if (scene.layout === "tree") nodes.push(...shown);
    const twigs = [];
    for (const n of new Set(nodes)) {
      if (twigs.length > 1500) break;
      const list = scene.samplesAt[n];
      const step = Math.max(1, Math.ceil(list.length / 40));
      for (let k = 0; k < list.length; k += step) twigs.push([n, list[k]]);
    }
    const samples = twigs.map(([, i]) => i);
    this.view.project(scene.points, this.x, this.y, samples, samples.length);
    const edges = twigs.map(([n, i]) => [this.nodeX[n], this.nodeY[n], this.x[i], this.y[i]]);
    this.paintArcs(edges, this.faint, 0.6);
  }

  edgeUp(n) {
    const p = this.scene.parent[n];
    return [this.nodeX[p], this.nodeY[p], this.nodeX[n], this.nodeY[n]];
  }

  paintArcs(edges, color, width) {
    const { ctx } = this;
    const { x: x0, y: y0, radius } = this.view.frame();
    ctx.save();
    ctx.translate(x0, y0);
    ctx.scale(radius, -radius);
    ctx.beginPath();
    for (const [X1, Y1, X2, Y2] of edges) {
      const [x1, y1] = [(X1 - x0) / radius, (y0 - Y1) / radius];
      const [x2, y2] = [(X2 - x0) / radius, (y0 - Y2) / radius];
      const arc = geodesicArc(x1, y1, x2, y2);
      ctx.moveTo(x1, y1);
      if (arc) ctx.arc(arc.x, arc.y, arc.radius, arc.from, arc.to, arc.clockwise);
      else ctx.lineTo(x2, y2);
    }
    ctx.restore();
    this.stroke(color, width);
  }

  paintNodes() {
    const { ctx, scene, state } = this;
    const small = Math.min(1, Math.max(0.5, this.view.side / 640)); // on a phone
    for (let n = 0; n < scene.M; n++) {
      if (state.hides(scene, n)) continue;
      const chosen = n === this.chosen;
      const collapsed = state.isCollapsed(scene, n);
      const radius = small * Math.min(5, 1 + 0.33 * Math.log2(1 + scene.size[n])) + (chosen ? 2 : 0);
      ctx.beginPath();
      ctx.arc(this.nodeX[n], this.nodeY[n], radius + (collapsed ? 3 : 0), 0, TAU);
      ctx.fillStyle = chosen ? this.accent : this.ink;
      ctx.fill();
      if (collapsed) this.paintCount(n);
    }
  }

  paintCount(n) {
    const { ctx } = this;
    ctx.font = "11px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.fillText(this.scene.size[n].toLocaleString("en"), this.nodeX[n], this.nodeY[n] - 11);
  }

  // As many pictures as fit without overlap: the chosen ones first, then some of the others, pale. They are as large as
  // the disk is wide where they stand.
  paintPictures() {
    const { ctx, look, atlas } = this;
    if (!atlas.has) return;
    const taken = new Cells(this.view.side);
    const { pale } = look;
    ctx.globalAlpha = 1;
    this.paintPicturesOf((i) => !pale?.[i], taken, 220);
    ctx.globalAlpha = 0.25;
    if (pale) this.paintPicturesOf((i) => pale[i], taken, 25);
    ctx.globalAlpha = 1;
  }

  paintPicturesOf(wanted, taken, most, look = 40_000) {
    const { x, y, scene, view, atlas } = this;
    const { order } = scene.data;
    const { hidden } = this.look;
    const one = new Int32Array(1);
    let painted = 0;
    for (let n = 0; n < Math.min(order.length, look) && painted < most; n++) {
      const i = order[n];
      if (hidden?.[i] || !wanted(i)) continue;
      one[0] = i;
      view.project(scene.points, x, y, one, 1);
      if (x[i] < 0 || y[i] < 0 || x[i] > view.side || y[i] > view.side) continue;
      const size = Math.min(44, Math.max(14, 0.5 * view.unitAt(x[i], y[i])));
      if (!taken.isFree(x[i], y[i], size) || !atlas.holds(i)) continue;
      taken.take(x[i], y[i], size);
      atlas.draw(this.ctx, i, x[i] - size / 2, y[i] - size / 2, size);
      painted++;
    }
  }

  paintQuery() {
    const { ctx, scene } = this;
    const [x, y] = this.view.place(...this.state.query.placeIn(scene));
    ctx.beginPath();
    ctx.arc(x, y, 11, 0, TAU);
    ctx.moveTo(x - 17, y);
    ctx.lineTo(x + 17, y);
    ctx.moveTo(x, y - 17);
    ctx.lineTo(x, y + 17);
    this.stroke(this.accent, 3);
  }

  // Around what is pointed at, in this disk and in the other one.
  paintRings() {
    const { hover, sample } = this.state;
    const size = dotSize(this.view) + 6;
    const around = [sample, hover?.kind === "sample" ? hover.index : -1];
    for (const i of around) {
      if (i < 0) continue;
      const [x, y] = this.view.place(...this.scene.point(i));
      this.ctx.beginPath();
      this.ctx.rect(x - size / 2, y - size / 2, size, size);
      this.stroke(this.accent, 2);
    }
  }

  paintLasso() {
    const { ctx } = this;
    ctx.beginPath();
    for (const [x, y] of this.state.lasso.ring) ctx.lineTo(x, y);
    ctx.closePath();
    ctx.fillStyle = this.accent + "22";
    ctx.fill();
    this.stroke(this.accent, 1);
  }

  // What is drawn at a place of the screen: {kind, index}, or null. A node under the pointer comes first.
  at(X, Y, reach = 11) {
    const { scene, state } = this;
    const seen = (n) => state.tree && !state.hides(scene, n);
    const node = nearest(this.nodeX, this.nodeY, X, Y, reach, seen);
    if (node && node.square < 36) return { kind: "node", index: node.index };
    this.view.project(scene.points, this.x, this.y);
    const { hidden } = this.look;
    const sample = nearest(this.x, this.y, X, Y, node ? Math.sqrt(node.square) : reach, (i) => !hidden?.[i]);
    if (sample) return { kind: "sample", index: sample.index };
    return node && { kind: "node", index: node.index };
  }
}

function nearest(xs, ys, X, Y, reach, counts) {
  let best = null;
  let least = reach * reach;
  for (let index = 0; index < xs.length; index++) {
    const square = (xs[index] - X) ** 2 + (ys[index] - Y) ** 2;
    if (square >= least || !counts(index)) continue;
    least = square;
    best = { index, square };
  }
  return best;
}

// Small cells of the screen, and whether something stands there.
class Cells {
  constructor(side, cell = 6) {
    this.cell = cell;
    this.columns = Math.ceil(side / cell) + 1;
    this.taken = new Uint8Array(this.columns * this.columns);
  }

  // The cells that a square around (x, y) covers, as [first, last] column and row.
  cover(x, y, size) {
    const cells = (v) => [v - size / 2, v + size / 2].map((end) => Math.floor(end / this.cell));
    const inside = (n) => Math.min(this.columns - 1, Math.max(0, n));
    return [cells(x).map(inside), cells(y).map(inside)];
  }

  isFree(x, y, size) {
    const [[left, right], [top, bottom]] = this.cover(x, y, size);
    for (let row = top; row <= bottom; row++)
      for (let column = left; column <= right; column++)
        if (this.taken[row * this.columns + column]) return false;
    return true;
  }

  take(x, y, size) {
    const [[left, right], [top, bottom]] = this.cover(x, y, size);
    for (let row = top; row <= bottom; row++)
      this.taken.fill(1, row * this.columns + left, row * this.columns + right + 1);
  }
}
