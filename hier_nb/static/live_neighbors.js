// A query to drag among many points: its k nearest by the ball's distance, and by a ruler laid on the page.
// data: { c, points: [[x, y], …], query: [x, y], k }

import { canvas, change, disk, draggable, fold, svg, text } from "./live_svg.js";
import { BallPlane, Plane } from "./space_geometry.js";

const [WIDTH, HEIGHT, RADIUS] = [680, 430, 206];
const [CENTRE_X, CENTRE_Y] = [215, 215];

// Rows of the k nearest.
export function nearest(space, query, points, k) {
  const distances = points.map((point) => space.dist(query, point));
  const rows = points.map((_, row) => row);
  return rows.sort((a, b) => distances[a] - distances[b] || a - b).slice(0, k);
}

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, HEIGHT, figure.spec.alt);
  disk(drawing, CENTRE_X, CENTRE_Y, RADIUS);
  const crowd = svg("g", {}, drawing);
  const cross = svg("circle", { r: 9, fill: "var(--lf-pull)", stroke: "var(--lf-paper)", "stroke-width": 2 }, drawing);
  draggable(drawing, cross, "query", () => toScreen(query), (x, y) => put(fromScreen(x, y)));
  const side = svg("g", {}, drawing);
  const legend = [
    ["var(--lf-push)", "none", "near in the ball"],
    ["none", "#d55e00", "near by a ruler"],
    ["var(--lf-push)", "#d55e00", "near by both"],
  ];
  legend.forEach(([fill, stroke, words], n) => {
    svg("circle", { cx: 456, cy: 60 + 28 * n, r: 5.5, fill, stroke, "stroke-width": 2.5 }, side);
    text(side, 470, 64 + 28 * n, words);
  });
  const rows = [0, 1, 2].map((n) => text(side, 450, 170 + 26 * n, ""));
  fold(drawing, side, { width: 430, left: 430, top: () => 44, bottom: () => 232 });
  let data = null;
  let query = null;
  let ball = null;
  let found = null;
  return { update, state: () => ({ query, ...found }) };

  function toScreen([x, y]) {
    const unit = RADIUS / ball.border;
    return [CENTRE_X + unit * x, CENTRE_Y - unit * y];
  }

  function fromScreen(x, y) {
    const unit = RADIUS / ball.border;
    return [(x - CENTRE_X) / unit, (CENTRE_Y - y) / unit];
  }

  function put(point) {
    query = ball.inside(point);
    show();
  }

  function update(next) {
    data = next;
    ball = new BallPlane(data.c);
    query = query ?? data.query;
    show();
  }

  function show() {
    found = {
      ball: nearest(ball, query, data.points, data.k),
      flat: nearest(new Plane(), query, data.points, data.k),
    };
    const [near, ruled] = [new Set(found.ball), new Set(found.flat)];
    crowd.replaceChildren();
    data.points.forEach((point, row) => {
      const [cx, cy] = toScreen(point);
      const marked = near.has(row) || ruled.has(row);
      const dot = svg("circle", { cx, cy, r: marked ? 5 : 2.5, fill: "var(--lf-pale)", opacity: marked ? 1 : 0.55 }, crowd);
      if (!marked) return;
      change(dot, { fill: near.has(row) ? "var(--lf-push)" : "var(--lf-paper)" });
      if (ruled.has(row)) change(dot, { stroke: "#d55e00", "stroke-width": 2.5 });
    });
    const [cx, cy] = toScreen(query);
    change(cross, { cx, cy });
    const both = found.ball.filter((row) => ruled.has(row)).length;
    const depth = (chosen) => chosen.reduce((sum, row) => sum + ball.dist(data.points[row], [0, 0]), 0) / chosen.length;
    rows[0].textContent = `the query is ${ball.dist(query, [0, 0]).toFixed(1)} from the centre`;
    rows[1].textContent = `${both} of ${data.k} are the same`;
    rows[2].textContent = `theirs: ball ${depth(found.ball).toFixed(1)}, ruler ${depth(found.flat).toFixed(1)}`;
  }
}
