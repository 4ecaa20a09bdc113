// The tree as a dendrogram beside the disk: the root on the left, branches as wide as they have samples, and the cut.

const LEFT = 14;
const TOP = 10;

export class Dendrogram {
  // `actions`: showNode(n, go), setCut(cut), focus(n)
  constructor(canvas, scene, state, actions) {
    Object.assign(this, { canvas, scene, state, actions });
    this.ctx = canvas.getContext("2d");
    this.hover = -1;
    this.dragging = false;
    this.width = this.height = 0;
    const listen = (name, f) => canvas.addEventListener(name, (event) => f.call(this, event));
    listen("pointerdown", this.press);
    listen("pointermove", this.move);
    listen("pointerup", this.release);
    listen("pointerleave", () => this.point(-1));
    listen("dblclick", this.open);
    listen("keydown", this.key);
  }

  use(scene) {
    this.scene = scene;
    this.floor = undefined;
  }

  resize(width, height, ratio) {
    Object.assign(this, { width, height, ratio });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = width + "px";
    this.canvas.style.height = height + "px";
  }

  // The node whose branch fills the drawing: the one that was zoomed to, else the root.
  get focus() {
    const { focus } = this.state;
    return focus?.run === this.scene.run ? focus.n : this.scene.root;
  }

  // --- places

  get right() {
    return this.width - 96; // behind it stand names
  }

  // The heights at both ends: of the branch that is shown, and of the lowest node.
  get span() {
    const { height } = this.scene;
    this.floor ??= Math.min(...height);
    const top = height[this.focus];
    return [top > this.floor ? top : this.floor + 1, this.floor];
  }

  toX(height) {
    const [top, floor] = this.span;
    return LEFT + (1 - Math.min(1.04, (height - floor) / (top - floor))) * (this.right - LEFT - 10);
  }

  toHeight(x) {
    const [top, floor] = this.span;
    const part = 1 - (x - LEFT) / (this.right - LEFT - 10);
    return floor + Math.max(0, Math.min(1.04, part)) * (top - floor);
  }

  toY(row) {
    const { scene, focus } = this;
    const part = (row - scene.first[focus]) / Math.max(1, scene.size[focus]);
    return TOP + part * (this.height - 2 * TOP);
  }

  // A node stands in the middle of its samples.
  yOf(n) {
    return this.toY(this.scene.first[n] + this.scene.size[n] / 2);
  }

  // --- drawing

  paint() {
    const { ctx, ratio, scene } = this;
    if (!this.width || scene.root < 0) return;
    const style = getComputedStyle(this.canvas);
    const color = (name) => style.getPropertyValue(name).trim();
    Object.assign(this, { ink: color("--hx-ink"), accent: color("--hx-accent"), faint: color("--hx-faint") });
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    this.paintBranches();
    this.paintNames();
    this.paintCut();
  }

  paintBranches() {
    const { ctx, scene, state } = this;
    const shown = [this.focus, ...scene.nodesBelow(this.focus)];
    const path = new Set(state.node?.run === scene.run ? scene.pathToRoot(state.node.n) : []);
    for (const n of shown) {
      if (state.hides(scene, n)) continue;
      const [x, y] = [this.toX(scene.height[n]), this.yOf(n)];
      const cluster = state.clusterOf(scene, n);
      const marked = path.has(n) || n === this.hover;
      if (n !== this.focus) {
        ctx.beginPath();
        ctx.moveTo(this.toX(scene.height[scene.parent[n]]), this.yOf(scene.parent[n]));
        ctx.lineTo(this.toX(scene.height[scene.parent[n]]), y);
        ctx.lineTo(x, y);
        ctx.strokeStyle = marked ? this.accent : cluster < 0 ? this.ink : state.cut.clusters[cluster].color;
        ctx.lineWidth = marked ? 2.4 : 1.2;
        ctx.stroke();
      }
      if (!scene.children[n].length || state.isCollapsed(scene, n)) this.paintEnd(n, x, cluster);
      else if (scene.samplesAt[n].length) this.paintOwn(n, x);
    }
  }

  // A branch ends in a bar as high as it has samples.
  paintEnd(n, x, cluster) {
    const { ctx, scene } = this;
    const [top, bottom] = [this.toY(scene.first[n]), this.toY(scene.first[n] + scene.size[n])];
    ctx.beginPath();
    ctx.moveTo(x, (top + bottom) / 2);
    ctx.lineTo(this.right, top);
    ctx.lineTo(this.right, Math.max(bottom, top + 0.6));
    ctx.closePath();
    ctx.fillStyle = cluster < 0 ? this.faint : this.state.cut.clusters[cluster].color;
    ctx.globalAlpha = 0.75;
    ctx.fill();
    ctx.globalAlpha = 1;
  }

  // Samples that hang on a node beside its branches.
  paintOwn(n, x) {
    this.ctx.beginPath();
    this.ctx.arc(x, this.yOf(n), 1.8, 0, 2 * Math.PI);
    this.ctx.fillStyle = this.ink;
    this.ctx.fill();
  }

  // Names of ends and clusters, as many as fit below each other.
  paintNames() {
    const { ctx, scene, state } = this;
    const cut = state.cut && state.run === scene.run ? state.cut.clusters.filter(({ rest }) => !rest) : [];
    const nodes = cut.length
      ? cut.map(({ node }) => node)
      : scene.fromLeaves().filter((n) => !scene.children[n].length);
    const inside = new Set([this.focus, ...scene.nodesBelow(this.focus)]);
    const large = nodes.filter((n) => inside.has(n)).sort((a, b) => scene.size[b] - scene.size[a]);
    const taken = [];
    ctx.font = "10px system-ui, sans-serif";
    ctx.textAlign = "left";
    ctx.fillStyle = this.ink;
    for (const n of large) {
      const y = this.yOf(n);
      if (taken.some((other) => Math.abs(other - y) < 11)) continue;
      taken.push(y);
      ctx.fillText(short(scene.nodeName(n)), this.right + 4, y + 3.5);
    }
  }

  paintCut() {
    const { ctx, state } = this;
    if (!state.cut || state.run !== this.scene.run || state.cutRule.by !== "height") return;
    const x = this.toX(state.cutRule.value);
    ctx.beginPath();
    ctx.setLineDash([6, 4]);
    ctx.moveTo(x, 0);
    ctx.lineTo(x, this.height);
    ctx.strokeStyle = this.ink;
    ctx.lineWidth = 1.5;
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.beginPath();
    ctx.arc(x, 8, 6, 0, 2 * Math.PI);
    ctx.fillStyle = this.ink;
    ctx.fill();
  }

  // --- hands

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  // The branch at a place: the deepest whose horizontal part or end is there.
  at(x, y) {
    const { scene, state } = this;
    let [best, least] = [-1, 9];
    for (const n of [this.focus, ...scene.nodesBelow(this.focus)]) {
      if (state.hides(scene, n)) continue;
      const ends = !scene.children[n].length || state.isCollapsed(scene, n);
      const from = this.toX(scene.height[scene.parent[n]] ?? scene.height[n]) - 4;
      const to = ends ? this.right : this.toX(scene.height[n]) + 5;
      if (x < from || x > to) continue;
      const half = ends && x > this.toX(scene.height[n]) ? (this.toY(scene.size[n]) - this.toY(0)) / 2 : 0;
      const gap = Math.max(0, Math.abs(this.yOf(n) - y) - half);
      if (gap < least) [best, least] = [n, gap];
    }
    return best;
  }

  nearCut(x) {
    const { state } = this;
    return state.cut && state.cutRule.by === "height" && Math.abs(this.toX(state.cutRule.value) - x) < 8;
  }

  press(event) {
    const [x] = this.place(event);
    this.dragging = this.nearCut(x);
    if (this.dragging) this.canvas.setPointerCapture(event.pointerId);
  }

  move(event) {
    const [x, y] = this.place(event);
    if (this.dragging) {
      this.actions.setCut({ by: "height", value: this.toHeight(x) });
      return;
    }
    this.canvas.style.cursor = this.nearCut(x) ? "ew-resize" : "pointer";
    this.point(this.at(x, y));
  }

  release(event) {
    if (this.dragging) {
      this.dragging = false;
      return;
    }
    const n = this.at(...this.place(event));
    if (n >= 0) this.actions.showNode(n);
  }

  point(n) {
    if (n === this.hover) return;
    this.hover = n;
    this.canvas.title = n < 0 ? "" : `${this.scene.nodeName(n)}: ${this.scene.size[n].toLocaleString("en")}`;
    this.paint();
  }

  open(event) {
    const n = this.at(...this.place(event));
    this.actions.focus(n === this.focus || n < 0 ? this.scene.parent[this.focus] : n);
  }

  // Up and down the tree: left to the parent, right to the first child, up and down to the next brother.
  key(event) {
    const { scene } = this;
    const n = this.state.node?.run === scene.run ? this.state.node.n : this.focus;
    const brothers = scene.children[scene.parent[n]] ?? [n];
    const at = brothers.indexOf(n);
    const goals = {
      ArrowLeft: scene.parent[n],
      ArrowRight: scene.children[n][0],
      ArrowUp: brothers[at - 1],
      ArrowDown: brothers[at + 1],
    };
    if (event.key === "Enter") this.actions.focus(n === this.focus ? scene.parent[n] : n);
    else if (event.key === " ") this.actions.collapse(n);
    else if (goals[event.key] >= 0) this.actions.showNode(goals[event.key]);
    else if (!(event.key in goals)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function short(name) {
  return name.length > 17 ? name.slice(0, 16) + "…" : name;
}
