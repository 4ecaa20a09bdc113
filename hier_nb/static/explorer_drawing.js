// The canvas: border, tree, samples, pictures, and what is pointed at.

import { TAU, geodesicArc } from "./explorer_geometry.js";

// All pictures are tiles of one image.
export class Atlas {
  constructor(scene, onReady) {
    this.tile = scene.meta.tile;
    this.columns = scene.meta.columns;
    this.ready = false;
    this.image = new Image();
    this.image.onload = () => {
      this.ready = true;
      onReady();
    };
    if (!scene.meta.atlas_type) return;
    const blob = new Blob([scene.atlasBytes], { type: scene.meta.atlas_type });
    this.image.src = URL.createObjectURL(blob);
  }

  draw(ctx, i, x, y, size) {
    const { tile, columns } = this;
    const left = (i % columns) * tile;
    const top = Math.floor(i / columns) * tile;
    ctx.drawImage(this.image, left, top, tile, tile, x, y, size, size);
  }

  close() {
    if (this.image.src) URL.revokeObjectURL(this.image.src);
  }
}

// What the painter draws beyond the scene itself; the page changes it.
export class Selection {
  constructor(scene) {
    this.mode = 0; // which of the colourings
    this.pictures = true;
    this.marked = new Uint8Array(scene.N);
    this.anyMarked = false;
    this.node = -1;
    this.hover = null; // {kind: "sample", index} or {kind: "node", index}
    this.query = null; // {place, …} of a picture that was asked about
    this.lasso = null; // [[X, Y], …]
  }
}

export class Painter {
  constructor(canvas, scene, view, selection, atlas) {
    Object.assign(this, { canvas, scene, view, selection, atlas });
    this.ctx = canvas.getContext("2d");
    this.pixelRatio = 1;
    this.x = new Float32Array(scene.N); // on the screen
    this.y = new Float32Array(scene.N);
    this.nodeX = new Float32Array(scene.M);
    this.nodeY = new Float32Array(scene.M);
  }

  resize(side) {
    this.view.side = side;
    this.pixelRatio = Math.min(2, window.devicePixelRatio || 1);
    this.canvas.width = this.canvas.height = side * this.pixelRatio;
    this.canvas.style.width = this.canvas.style.height = side + "px";
  }

  paint() {
    const { ctx, view, pixelRatio: ratio, selection } = this;
    if (!view.side) return;
    view.project(this.scene.points, this.x, this.y);
    view.project(this.scene.nodes, this.nodeX, this.nodeY);
    this.readTheme();
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, view.side, view.side);
    this.paintBorder();
    this.paintTree();
    this.paintSamples();
    this.paintNodes();
    if (selection.pictures && this.atlas.ready) this.paintPictures();
    if (selection.query) this.paintQuery();
    if (selection.hover?.kind === "sample") this.paintHover();
    if (selection.lasso) this.paintLasso();
  }

  readTheme() {
    const style = getComputedStyle(this.canvas);
    const color = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
    this.ink = color("--hx-ink", "#000000");
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

  // The edges down to the marked samples, those between nodes, and the way from the chosen node to the root.
  paintTree() {
    const { scene } = this;
    const { node } = this.selection;
    if (node >= 0) {
      const below = scene.samplesBelow(node).slice(0, 1500);
      const edge = (i) => [this.nodeX[scene.home[i]], this.nodeY[scene.home[i]], this.x[i], this.y[i]];
      this.paintArcs(below.map(edge), this.faint, 0.6);
    }
    const inner = [...scene.parent.keys()].filter((n) => scene.parent[n] >= 0);
    this.paintArcs(
      inner.map((n) => this.edgeUp(n)),
      this.ink + "70",
      0.8,
    );
    if (node >= 0) {
      const up = scene.pathToRoot(node).slice(0, -1);
      this.paintArcs(
        up.map((n) => this.edgeUp(n)),
        this.accent,
        2,
      );
    }
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

  dotSize() {
    return Math.max(2, Math.min(7, 2.4 * Math.sqrt(this.view.scale)));
  }

  paintSamples() {
    const { ctx, selection } = this;
    const passes = selection.anyMarked ? [0, 1] : [1]; // unmarked ones first, pale
    for (const pass of passes) {
      ctx.globalAlpha = selection.anyMarked && !pass ? 0.18 : 1;
      this.paintDots(pass);
    }
    ctx.globalAlpha = 1;
  }

  paintDots(pass) {
    const { ctx, x, y, selection } = this;
    const rgb = this.scene.colors[selection.mode];
    const dot = this.dotSize();
    const end = this.view.side + 9;
    let last = -1; // a colour is set only when it changes
    for (let i = 0; i < x.length; i++) {
      if (selection.anyMarked && selection.marked[i] !== pass) continue;
      if (x[i] < -9 || y[i] < -9 || x[i] > end || y[i] > end) continue;
      const color = (rgb[3 * i] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i + 2];
      if (color !== last) ctx.fillStyle = "#" + color.toString(16).padStart(6, "0");
      last = color;
      ctx.fillRect(x[i] - dot / 2, y[i] - dot / 2, dot, dot);
    }
  }

  paintNodes() {
    const { ctx, scene, selection } = this;
    for (let n = 0; n < scene.M; n++) {
      const chosen = n === selection.node;
      const radius = Math.min(5, 1 + 0.33 * Math.log2(1 + scene.size[n]));
      ctx.beginPath();
      ctx.arc(this.nodeX[n], this.nodeY[n], chosen ? radius + 2 : radius, 0, TAU);
      ctx.fillStyle = chosen ? this.accent : this.ink;
      ctx.fill();
    }
  }

  // As many pictures as fit without overlap; marked ones first, then some of the others, pale.
  paintPictures() {
    const { ctx, selection } = this;
    const { marked, anyMarked } = selection;
    const size = Math.min(48, Math.max(20, 15 * Math.sqrt(this.view.scale) + 8));
    const taken = new Places(size * 1.25);
    ctx.globalAlpha = 1;
    this.paintPicturesOf((i) => !anyMarked || marked[i], size, taken, 90);
    ctx.globalAlpha = 0.3;
    if (anyMarked) this.paintPicturesOf((i) => !marked[i], size, taken, 12);
    ctx.globalAlpha = 1;
  }

  paintPicturesOf(wanted, size, taken, most) {
    const { x, y } = this;
    const { side } = this.view;
    for (const i of this.scene.order) {
      if (taken.count > most) return;
      if (!wanted(i) || x[i] < 0 || y[i] < 0 || x[i] > side || y[i] > side) continue;
      if (taken.take(x[i], y[i])) this.atlas.draw(this.ctx, i, x[i] - size / 2, y[i] - size / 2, size);
    }
  }

  paintQuery() {
    const { ctx } = this;
    const [x, y] = this.view.place(...this.selection.query.place);
    ctx.beginPath();
    ctx.arc(x, y, 11, 0, TAU);
    ctx.moveTo(x - 17, y);
    ctx.lineTo(x + 17, y);
    ctx.moveTo(x, y - 17);
    ctx.lineTo(x, y + 17);
    this.stroke(this.accent, 3);
  }

  paintHover() {
    const i = this.selection.hover.index;
    const size = this.dotSize() + 6;
    this.ctx.strokeStyle = this.accent;
    this.ctx.lineWidth = 2;
    this.ctx.strokeRect(this.x[i] - size / 2, this.y[i] - size / 2, size, size);
  }

  paintLasso() {
    const { ctx } = this;
    ctx.beginPath();
    for (const [x, y] of this.selection.lasso) ctx.lineTo(x, y);
    ctx.closePath();
    ctx.fillStyle = this.accent + "22";
    ctx.fill();
    this.stroke(this.accent, 1);
  }

  // What is drawn at a place of the screen: {kind, index}, or null. A node under the pointer comes first.
  at(X, Y, reach = 11) {
    const node = nearest(this.nodeX, this.nodeY, X, Y, reach);
    if (node && node.square < 36) return { kind: "node", index: node.index };
    const sample = nearest(this.x, this.y, X, Y, node ? Math.sqrt(node.square) : reach);
    if (sample) return { kind: "sample", index: sample.index };
    return node && { kind: "node", index: node.index };
  }
}

function nearest(xs, ys, X, Y, reach) {
  let best = null;
  let least = reach * reach;
  for (let index = 0; index < xs.length; index++) {
    const square = (xs[index] - X) ** 2 + (ys[index] - Y) ** 2;
    if (square >= least) continue;
    least = square;
    best = { index, square };
  }
  return best;
}

// Cells of the screen where a picture stands already.
class Places {
  constructor(cell) {
    this.cell = cell;
    this.cells = new Set();
  }

  get count() {
    return this.cells.size;
  }

  // Whether the cell of (x, y) and its neighbours were free; then it is taken.
  take(x, y) {
    const column = Math.floor(x / this.cell);
    const row = Math.floor(y / this.cell);
    const key = (c, r) => c * 4096 + r;
    for (const c of [column - 1, column, column + 1])
      for (const r of [row - 1, row, row + 1]) if (this.cells.has(key(c, r))) return false;
    this.cells.add(key(column, row));
    return true;
  }
}
