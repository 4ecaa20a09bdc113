// Distances, midpoints and shortest ways of two dimensions, in the coordinates of hier_nb.spaces: the ball of curvature
// -c, the sphere (here the unit circle) and the flat plane. tests/test_live.py compares them with Python's.

function dot([px, py], [qx, qy]) {
  return px * qx + py * qy;
}

function apart([px, py], [qx, qy]) {
  return Math.hypot(px - qx, py - qy);
}

export class BallPlane {
  constructor(c) {
    this.c = c;
    this.border = 1 / Math.sqrt(c);
  }

  gap(p) {
    return 1 - this.c * dot(p, p);
  }

  dist(p, q) {
    const ratio = (this.c * apart(p, q) ** 2) / (this.gap(p) * this.gap(q));
    return (2 / Math.sqrt(this.c)) * Math.asinh(Math.sqrt(ratio));
  }

  // The sum of the points' Lorentz vectors (time, x, y), scaled back to the ball.
  midpoint(p, q) {
    let [t, x, y] = [0, 0, 0];
    for (const point of [p, q]) {
      const gap = this.gap(point);
      t += (2 - gap) / gap;
      x += (2 * point[0]) / gap;
      y += (2 * point[1]) / gap;
    }
    const length = Math.sqrt(Math.max(1e-300, t * t - this.c * (x * x + y * y)));
    return [x / (t + length), y / (t + length)];
  }

  // The nearest point that may be: a little inside the border.
  inside([x, y]) {
    const r = Math.hypot(x, y);
    const most = 0.995 * this.border;
    return r > most ? [(x * most) / r, (y * most) / r] : [x, y];
  }
}

export class Circle {
  dist(p, q) {
    return Math.abs(Math.atan2(p[0] * q[1] - p[1] * q[0], dot(p, q)));
  }

  midpoint(p, q) {
    const [x, y] = [p[0] + q[0], p[1] + q[1]];
    const r = Math.hypot(x, y);
    return r < 1e-9 ? [-p[1], p[0]] : [x / r, y / r];
  }

  inside([x, y]) {
    const r = Math.hypot(x, y);
    return r < 1e-9 ? [1, 0] : [x / r, y / r];
  }
}

export class Plane {
  dist(p, q) {
    return apart(p, q);
  }

  midpoint(p, q) {
    return [(p[0] + q[0]) / 2, (p[1] + q[1]) / 2];
  }

  inside(p) {
    return p;
  }
}

export function spaceOf({ kind, c }) {
  if (kind === "ball") return new BallPlane(c);
  return kind === "sphere" ? new Circle() : new Plane();
}

// Points of the shortest way, in order: halved again and again.
export function way(space, p, q, halvings = 6) {
  let points = [p, q];
  for (let n = 0; n < halvings; n++) {
    points = points.flatMap((point, i) =>
      i + 1 < points.length ? [point, space.midpoint(point, points[i + 1])] : [point],
    );
  }
  return points;
}
