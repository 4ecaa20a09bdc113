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

  // `look`: { index, palette: of each sample's color, pale: 1 for samples in the background or null, hidden: 1 or null }
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
