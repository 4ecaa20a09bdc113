// What a head into the ball does: vectors in the plane (left), clipped and mapped to points of the ball (right).
// data: { c, radius, soft, vectors: [[x, y], ...], classes: [number of each], start: [x, y] }. The vector v can be dragged.

import { canvas, change, colorOf, disk, draggable, fold, svg, text } from "./live_svg.js";

const [WIDTH, HEIGHT, HALF, MIDDLE] = [720, 330, 146, 172];
const [PLANE, BALL] = [158, 552]; // where the two centres stand
const UNIT = HALF / 6; // the plane is seen from -6 to 6

const length = ([x, y]) => Math.hypot(x, y);

// A vector, not longer than `radius`: cut there, or (soft) bent so that it comes near and never arrives.
export function clip([x, y], radius, soft) {
  const r = length([x, y]);
  if (r < 1e-12) return [x, y];
  const wanted = soft ? radius * Math.tanh(r / radius) : Math.min(r, radius);
  return [(x * wanted) / r, (y * wanted) / r];
}

// A vector as a point of the ball of curvature -c, by the exponential map at the centre.
export function toBall([x, y], c) {
  const r = Math.sqrt(c) * length([x, y]);
  if (r < 1e-12) return [x, y];
  return [(x * Math.tanh(r)) / r, (y * Math.tanh(r)) / r];
}

// How far a point lies from the centre.
export function depth(point, c) {
  return (2 / Math.sqrt(c)) * Math.atanh(Math.sqrt(c) * length(point));
}

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, HEIGHT, figure.spec.alt);
  text(drawing, PLANE, 16, "what the linear map gives: a plane", { "text-anchor": "middle" });
  svg(
    "rect",
    { x: PLANE - HALF, y: MIDDLE - HALF, width: 2 * HALF, height: 2 * HALF, class: "lf-grid" },
    drawing,
  );
  const circle = svg("circle", { cx: PLANE, cy: MIDDLE, r: 0, class: "lf-shell" }, drawing);
  const there = svg("g", {}, drawing); // the ball, and what lies in it
  text(there, BALL, 16, "what the head gives: the ball", { "text-anchor": "middle" });
  const shell = disk(there, BALL, MIDDLE, HALF);
  svg("circle", { cx: PLANE, cy: MIDDLE, r: 2, fill: "var(--lf-pale)" }, drawing);
  svg("circle", { cx: BALL, cy: MIDDLE, r: 2, fill: "var(--lf-pale)" }, there);
  const [dots, lines] = [drawing, drawing].map((parent) => svg("g", {}, parent));
  const [dotsThere, linesThere] = [there, there].map((parent) => svg("g", {}, parent));
  fold(drawing, there, { width: 316, left: 394, top: () => 0, bottom: () => HEIGHT });
  const handle = svg(
    "circle",
    { r: 9, fill: "var(--lf-mark)", stroke: "var(--lf-ink)", "stroke-width": 2 },
    drawing,
  );
  const name = text(drawing, 0, 0, "v", {
    "font-style": "italic",
    "font-weight": 600,
    "pointer-events": "none",
  });
  let data = null;
  let v = null;

  draggable(drawing, handle, "the vector v", () => screen(v), moveTo, UNIT / 4);
  return { update, state: () => ({ v, point: point(v), depth: depth(point(v), data.c) }) };

  function screen([x, y]) {
    return [PLANE + UNIT * x, MIDDLE - UNIT * y];
  }

  function ball([x, y]) {
    const unit = HALF * Math.sqrt(data.c);
    return [BALL + unit * x, MIDDLE - unit * y];
  }

  function point(vector) {
    return toBall(clip(vector, data.radius, data.soft), data.c);
  }

  function moveTo(x, y) {
    const within = (value) => Math.max(-5.8, Math.min(5.8, value));
    v = [within((x - PLANE) / UNIT), within((MIDDLE - y) / UNIT)];
    show();
  }

  function update(next) {
    data = next;
    v ??= data.start;
    const dashed = Math.min(data.radius, 100);
    change(circle, { r: dashed * UNIT > HALF ? 0 : dashed * UNIT });
    change(shell, { r: HALF * Math.tanh(Math.sqrt(data.c) * data.radius) });
    for (const layer of [dots, dotsThere]) layer.replaceChildren();
    data.vectors.forEach((vector, n) => {
      const look = { r: 4, fill: colorOf(data.classes[n]), "fill-opacity": 0.85 };
      for (const [layer, [cx, cy]] of [
        [dots, screen(vector)],
        [dotsThere, ball(point(vector))],
      ]) {
        svg("circle", { cx, cy, ...look }, layer);
      }
    });
    show();
  }

  function show() {
    const [x, y] = screen(v);
    change(handle, { cx: x, cy: y });
    change(name, { x: x + 12, y: y - 8 });
    for (const layer of [lines, linesThere]) layer.replaceChildren();
    const kept = clip(v, data.radius, data.soft);
    const [keptX, keptY] = screen(kept);
    const [ballX, ballY] = ball(point(v));
    const ink = { stroke: "var(--lf-ink)", "stroke-width": 2 };
    svg("line", { x1: PLANE, y1: MIDDLE, x2: keptX, y2: keptY, ...ink }, lines);
    svg(
      "line",
      { x1: keptX, y1: keptY, x2: x, y2: y, ...ink, "stroke-width": 1, "stroke-dasharray": "3 4" },
      lines,
    );
    svg("line", { x1: BALL, y1: MIDDLE, x2: ballX, y2: ballY, ...ink }, linesThere);
    svg("circle", { cx: ballX, cy: ballY, r: 8, fill: "var(--lf-mark)", ...ink }, linesThere);
    const [long, left] = [length(v), length(kept)].map((value) => value.toFixed(2));
    const rest = long === left ? "and stays so" : `and is ${data.soft ? "bent" : "cut"} to ${left}`;
    figure.say(
      `v is ${long} long ${rest}. Its point lies ${depth(point(v), data.c).toFixed(2)} from the centre.`,
    );
  }
}
