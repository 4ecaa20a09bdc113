// The samples as dots, on a canvas below all else. This one needs nothing but the browser.

export class CanvasPoints {
  constructor(canvas) {
    this.ctx = canvas.getContext("2d");
    this.canvas = canvas;
  }

  resize(side, ratio) {
    this.canvas.width = this.canvas.height = Math.round(side * ratio);
    this.ratio = ratio;
  }

  // `look`: { index, palette: of each sample's color, pale: 1 for samples in the background, or null,
  // hidden: 1 for those that are left out, or null }
  paint(scene, view, look) {
    const { ctx, ratio } = this;
    const X = (this.X ??= new Float32Array(scene.N));
    const Y = (this.Y ??= new Float32Array(scene.N));
    view.project(scene.points, X, Y);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, view.side, view.side);
    const passes = look.pale ? [1, 0] : [null]; // pale ones first
    for (const pass of passes) {
      ctx.globalAlpha = pass ? 0.15 : 1;
      this.paintDots(view, look, pass);
    }
    ctx.globalAlpha = 1;
  }

  paintDots(view, { index, palette, pale, hidden }, pass) {
    const { ctx, X, Y } = this;
    const dot = dotSize(view);
    const end = view.side + 9;
    let last = -1; // a color is set only when it changes
    for (let i = 0; i < X.length; i++) {
      if (hidden?.[i] || (pass !== null && pale[i] !== pass)) continue;
      if (X[i] < -9 || Y[i] < -9 || X[i] > end || Y[i] > end) continue;
      if (index[i] !== last) ctx.fillStyle = palette[index[i]];
      last = index[i];
      ctx.fillRect(X[i] - dot / 2, Y[i] - dot / 2, dot, dot);
    }
  }

  close() {}
}

export function dotSize(view) {
  return Math.max(2, Math.min(7, 2.4 * Math.sqrt(view.scale)));
}

// The same by hyper-scatter, on the graphics card: its view is ours, and its colors are a palette, in which every color
// stands twice, bright and pale, and once more for what is not shown.
export class ScatterPoints {
  constructor(canvas, { HyperbolicWebGLCandidate }) {
    if (!canvas.getContext("webgl2")) throw new Error("no WebGL 2");
    this.canvas = canvas;
    this.renderer = new HyperbolicWebGLCandidate();
    this.shown = {};
  }

  resize(side, ratio) {
    this.side = side;
    if (!this.begun) {
      const clear = "#00000000";
      this.renderer.init(this.canvas, {
        width: side,
        height: side,
        devicePixelRatio: ratio,
        pointRadius: 2,
        poincareDiskFillColor: this.paper(),
        poincareDiskBorderColor: clear,
        poincareGridColor: clear,
        poincareDiskBorderWidthPx: 0,
        poincareGridWidthPx: 0,
        backgroundColor: this.paper(),
      });
      this.begun = true;
    } else this.renderer.resize(side, side);
  }

  paper() {
    return getComputedStyle(this.canvas).getPropertyValue("--hx-paper").trim() || "#ffffff";
  }

  paint(scene, view, look) {
    const paper = this.paper();
    this.dress(paper);
    this.color(scene, look, paper);
    const { middle, side } = view;
    const radius = view.frame().radius;
    this.renderer.pointRadiusCss = dotSize(view) * 0.8;
    const displayZoom = radius / (0.45 * side);
    this.renderer.setView({ type: "poincare", ax: middle[0], ay: middle[1], displayZoom });
    this.renderer.render();
  }

  // Light or dark.
  dress(paper) {
    if (paper === this.shown.paper) return;
    Object.assign(this.renderer, { backgroundColor: paper, poincareDiskFillColor: paper });
    this.renderer.uploadPoincareDiskStyleUniforms?.();
    this.renderer.markBackdropDirty?.();
  }

  // Colors go to the card only when they have changed.
  color(scene, look, paper) {
    const { shown } = this;
    const same = ["index", "pale", "hidden", "palette"].every((name) => shown[name] === look[name]);
    if (same && shown.points === scene.points && shown.paper === paper) return;
    this.shown = { ...look, points: scene.points, paper };
    const count = look.palette.length;
    const labels = new Uint16Array(scene.N);
    for (let i = 0; i < scene.N; i++) {
      if (look.hidden?.[i]) labels[i] = 2 * count;
      else labels[i] = look.index[i] + (look.pale?.[i] ? count : 0);
    }
    const pale = look.palette.map((color) => blend(color, paper, 0.15));
    this.renderer.setPalette([...look.palette, ...pale, paper]);
    this.renderer.setCategoryVisibility([...new Array(2 * count).fill(1), 0]);
    this.renderer.setDataset({ n: scene.N, positions: scene.points, labels, geometry: "poincare" });
  }

  // Wait for the card, to measure.
  finish() {
    const gl = this.canvas.getContext("webgl2");
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  close() {
    this.renderer.destroy();
  }
}

// A part of the first color over the second, both "#rrggbb".
function blend(color, paper, part) {
  const channels = (text) => [1, 3, 5].map((n) => parseInt(text.slice(n, n + 2), 16));
  const below = channels(paper);
  const mixed = channels(color).map((value, n) => Math.round(part * value + (1 - part) * below[n]));
  return "#" + mixed.map((value) => value.toString(16).padStart(2, "0")).join("");
}

// The library, from its source; null where the browser does not take it.
export async function loadRenderer(source) {
  if (!source) return null;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return await import(/* @vite-ignore */ url);
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}

// Whether the browser has no graphics card to give and computes WebGL by itself. Its plain canvas is faster then.
export function isSoftware() {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) return true;
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(name);
}
