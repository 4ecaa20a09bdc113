// Two points to drag: the shortest way between them, the point halfway, their distance by the space's own ruler.
// data: { kind: "ball" | "sphere" | "flat", c, shell: radius of the clip shell or null, points: [[x, y], [x, y]] }

import { canvas, change, disk, draggable, fold, svg, text } from "./live_svg.js";
import { spaceOf, way } from "./space_geometry.js";

const [WIDTH, HEIGHT, UNIT] = [640, 430, 62]; // UNIT: pixels of a length of 1
const [CENTRE_X, CENTRE_Y] = [215, 215];

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, HEIGHT, figure.spec.alt);
  const under = svg("g", {}, drawing);
  const line = svg("path", { fill: "none", stroke: "var(--lf-ink)", "stroke-width": 2 }, drawing);
  const ruler = svg("line", { class: "lf-push" }, drawing);
  const half = svg("circle", { r: 6, fill: "var(--lf-mark)", stroke: "var(--lf-ink)" }, drawing);
  const names = ["A", "B"].map((name) => text(drawing, 0, 0, name, { class: "lf-name" }));
  const dots = ["A", "B"].map((name, n) => {
    const dot = svg("circle", { r: 10, fill: "var(--lf-push)", stroke: "var(--lf-paper)", "stroke-width": 2 }, drawing);
    const where = () => toScreen(points[n]);
    draggable(drawing, dot, `point ${name}`, where, (x, y) => put(n, fromScreen(x, y)));
    return dot;
  });
  names.forEach((name) => drawing.append(name));
  const side = svg("g", {}, drawing);
  const rows = [0, 1, 2, 3, 4, 5].map((n) => text(side, 448, 48 + 26 * n, ""));
  text(side, 448, 220, "yellow: halfway", { class: "lf-pale" });
  text(side, 448, 244, "dotted: the straight line", { class: "lf-pale" });
  fold(drawing, side, { width: 430, left: 430, top: () => 28, bottom: () => 256 });
  let points = null;
  let data = null;
  let space = null;
  return { update, state: () => ({ points, distance: space.dist(...points) }) };

  function toScreen([x, y]) {
    return [CENTRE_X + UNIT * x, CENTRE_Y - UNIT * y];
  }

  function fromScreen(x, y) {
    return [(x - CENTRE_X) / UNIT, (CENTRE_Y - y) / UNIT];
  }

  function put(n, point) {
    points[n] = space.inside(point.map((v) => Math.max(-3.4, Math.min(3.4, v))));
    show();
  }

  function update(next) {
    data = next;
    space = spaceOf(data);
    points = (points ?? data.points).map((point) => space.inside(point));
    under.replaceChildren();
    if (data.kind === "ball") disk(under, CENTRE_X, CENTRE_Y, UNIT * space.border, data.shell && UNIT * data.shell);
    if (data.kind === "sphere") svg("circle", { cx: CENTRE_X, cy: CENTRE_Y, r: UNIT, class: "lf-border" }, under);
    svg("path", { d: `M${CENTRE_X - 5} ${CENTRE_Y}h10m-5 -5v10`, class: "lf-axis" }, under);
    show();
  }

  function show() {
    const path = way(space, ...points).map((point, n) => `${n ? "L" : "M"}${toScreen(point).map((v) => v.toFixed(1)).join(" ")}`);
    change(line, { d: path.join("") });
    const [[x1, y1], [x2, y2]] = points.map(toScreen);
    change(ruler, { x1, y1, x2, y2 });
    const middle = space.midpoint(...points);
    const [cx, cy] = toScreen(middle);
    change(half, { cx, cy });
    points.forEach((point, n) => {
      const [x, y] = toScreen(point);
      change(dots[n], { cx: x, cy: y });
      change(names[n], { x: x + 12, y: y - 10 });
    });
    const straight = Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1]);
    const said = [`distance ${space.dist(...points).toFixed(2)}`, `straight line ${straight.toFixed(2)}`];
    if (data.kind === "ball") {
      const depths = [...points, middle].map((point) => space.dist(point, [0, 0]).toFixed(2));
      said.push("", "from the centre:", `A ${depths[0]}, B ${depths[1]}`, `halfway ${depths[2]}`);
    }
    rows.forEach((row, n) => (row.textContent = said[n] ?? ""));
  }
}
