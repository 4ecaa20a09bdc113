// The unit disk of curvature -1: its isometries, geodesics and midpoints, and where it stands on the screen.
// Functions and one small class, without a page. tests/test_explorer_js.py compares them with Python's.
//
// An isometry z -> (a z + b) / (conj(b) z + conj(a)) is the array [Re a, Im a, Re b, Im b].

export const TAU = 2 * Math.PI;
const FURTHEST = 0.99999; // from the centre that one may go

function normalized([ar, ai, br, bi]) {
  const length = Math.sqrt(Math.max(1e-300, ar * ar + ai * ai - br * br - bi * bi));
  return [ar / length, ai / length, br / length, bi / length];
}

export function inverse([ar, ai, br, bi]) {
  return [ar, -ai, -br, -bi];
}

export function apply([ar, ai, br, bi], x, y) {
  const topX = ar * x - ai * y + br;
  const topY = ar * y + ai * x + bi;
  const bottomX = br * x + bi * y + ar;
  const bottomY = br * y - bi * x - ai;
  const q = 1 / (bottomX * bottomX + bottomY * bottomY);
  return [(topX * bottomX + topY * bottomY) * q, (topY * bottomX - topX * bottomY) * q];
}

// The isometry without rotation that takes p to q: z -> (z + t) / (conj(t) z + 1),
// where t - (q p) conj(t) = q - p.
export function translation(px, py, qx, qy) {
  const productX = qx * px - qy * py;
  const productY = qx * py + qy * px;
  const dx = qx - px;
  const dy = qy - py;
  const w = 1 / Math.max(1e-9, 1 - productX * productX - productY * productY);
  const tx = (dx + productX * dx + productY * dy) * w;
  const ty = (dy + productY * dx - productX * dy) * w;
  return normalized([1, 0, tx, ty]);
}

// The point, or the one in its direction at radius `most` if it is further out.
export function within(x, y, most = 0.97) {
  const r = Math.hypot(x, y);
  return r > most ? [(x * most) / r, (y * most) / r] : [x, y];
}

// The point at the part e in [0, 1] of the way from one point to another.
export function wayPoint(from, to, e) {
  const there = apply(translation(...from, 0, 0), ...to);
  const r = Math.hypot(...there);
  if (r < 1e-12) return from;
  const k = Math.tanh(e * Math.atanh(Math.min(r, 1 - 1e-12))) / r;
  return apply(translation(0, 0, ...from), there[0] * k, there[1] * k);
}

// The geodesic between two points, part of a circle that meets the border at right angles:
// {x, y, radius, from, to, clockwise}, or null where a straight line is as good.
export function geodesicArc(x1, y1, x2, y2) {
  const cross = x1 * y2 - x2 * y1;
  if (Math.abs(cross) < 1e-5) return null;
  const s1 = 1 + x1 * x1 + y1 * y1;
  const s2 = 1 + x2 * x2 + y2 * y2;
  const x = (s1 * y2 - s2 * y1) / (2 * cross);
  const y = (s2 * x1 - s1 * x2) / (2 * cross);
  const radius = Math.hypot(x1 - x, y1 - y);
  if (radius > 200) return null;
  const from = Math.atan2(y1 - y, x1 - x);
  const to = Math.atan2(y2 - y, x2 - x);
  const turn = (((to - from) % TAU) + TAU) % TAU;
  return { x, y, radius, from, to, clockwise: turn > Math.PI };
}

// The hyperbolic midpoint of points [x, y]: the normalised sum of their Lorentz vectors.
export function midpoint(points) {
  let [t, x, y] = [0, 0, 0];
  for (const [px, py] of points) {
    const q = Math.max(1e-9, 1 - px * px - py * py);
    t += (2 - q) / q;
    x += (2 * px) / q;
    y += (2 * py) / q;
  }
  const length = Math.sqrt(Math.max(1e-12, t * t - x * x - y * y));
  return [x / (length + t), y / (length + t)];
}

// Whether a point lies inside a closed line: how often a ray from it crosses the line, odd or even.
export function insideRing(ring, x, y) {
  let inside = false;
  for (let n = 0, before = ring.length - 1; n < ring.length; before = n++) {
    const [ax, ay] = ring[n];
    const [bx, by] = ring[before];
    const crosses = ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax;
    if (crosses) inside = !inside;
  }
  return inside;
}

// What part of the disk is seen. The point `middle` of the disk is moved to the centre, by
// z -> (z - m) / (1 - conj(m) z); nothing turns around it. Then the disk is magnified about its centre.
export class View {
  constructor() {
    this.middle = [0, 0];
    this.scale = 1;
    this.side = 0; // of the square canvas, in pixels
  }

  get isometry() {
    return normalized([1, 0, -this.middle[0], -this.middle[1]]);
  }

  // The disk on the canvas, in pixels.
  frame() {
    const half = this.side / 2;
    return { x: half, y: half, radius: (half - 6) * this.scale };
  }

  // A point of the disk -> pixels.
  place(x, y) {
    const { x: x0, y: y0, radius } = this.frame();
    const [u, v] = apply(this.isometry, x, y);
    return [x0 + radius * u, y0 - radius * v];
  }

  // Pixels -> a point of the disk as it is drawn, before the isometry is undone.
  drawnAt(X, Y) {
    const { x, y, radius } = this.frame();
    return within((X - x) / radius, (y - Y) / radius);
  }

  // Pixels -> the point of the disk that is drawn there.
  pointAt(X, Y) {
    return apply(inverse(this.isometry), ...this.drawnAt(X, Y));
  }

  // A point of the disk comes to a place of the screen.
  hold(point, X, Y) {
    const [ar, , br, bi] = translation(...point, ...this.drawnAt(X, Y));
    this.middle = within(-br / ar, -bi / ar, FURTHEST);
  }

  // What is under the first place of the screen comes under the second.
  drag(from, to) {
    this.hold(this.pointAt(...from), ...to);
  }

  shift(dx, dy) {
    const { x, y, radius } = this.frame();
    this.drag([x, y], [x + dx * radius, y - dy * radius]);
  }

  // The place (X, Y) of the screen stays where it is.
  zoom(factor, X, Y) {
    const point = this.pointAt(X, Y);
    this.scale = Math.min(60, Math.max(0.6, this.scale * factor));
    this.hold(point, X, Y);
  }

  // Points (x, y, x, y, …) through the view: `apply` written out. Of all, or of the numbers in `some`.
  project(points, X, Y, some = null, count = X.length) {
    const [ar, ai, br, bi] = this.isometry;
    const { x: x0, y: y0, radius } = this.frame();
    for (let n = 0; n < count; n++) {
      const i = some ? some[n] : n;
      const x = points[2 * i];
      const y = points[2 * i + 1];
      const topX = ar * x - ai * y + br;
      const topY = ar * y + ai * x + bi;
      const bottomX = br * x + bi * y + ar;
      const bottomY = br * y - bi * x - ai;
      const q = radius / (bottomX * bottomX + bottomY * bottomY);
      X[i] = x0 + (topX * bottomX + topY * bottomY) * q;
      Y[i] = y0 - (topY * bottomX - topX * bottomY) * q;
    }
  }

  // How many pixels long a short step of hyperbolic length 1 is at a place of the screen.
  unitAt(X, Y) {
    const { x, y, radius } = this.frame();
    const square = ((X - x) ** 2 + (Y - y) ** 2) / (radius * radius);
    return Math.max(0, ((1 - square) / 2) * radius);
  }
}
