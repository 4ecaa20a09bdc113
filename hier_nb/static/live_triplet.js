// Five points to drag: i, j, k and two proxies; what each bracket of the loss costs and where it pulls.
// data: { c, shell, margin, places: { i, j, k, two, three } }

import { canvas, change, disk, draggable, fold, svg, text } from "./live_svg.js";
import { BallPlane } from "./space_geometry.js";

const [WIDTH, HEIGHT, RADIUS] = [700, 430, 206];
const [CENTRE_X, CENTRE_Y, LEFT] = [215, 215, 440];
const NAMES = { i: "i", j: "j", k: "k", two: "ρᵢⱼ", three: "ρᵢⱼₖ" };
const DEMANDS = [
  ["i", "two", "three"], // who, to which proxy it is to be nearer, than to which
  ["j", "two", "three"],
  ["k", "three", "two"],
];

// The three brackets: { who, near, far, to, from, cost }.
export function brackets(space, places, margin) {
  return DEMANDS.map(([who, near, far]) => {
    const to = space.dist(places[who], places[near]);
    const from = space.dist(places[who], places[far]);
    return { who, near, far, to, from, cost: Math.max(0, to - from + margin) };
  });
}

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, HEIGHT, figure.spec.alt);
  const shell = disk(drawing, CENTRE_X, CENTRE_Y, RADIUS);
  const lines = svg("g", {}, drawing);
  let space = null;
  let places = null;
  let margin = 0;
  const dots = {};
  const labels = {};
  for (const [name, shown] of Object.entries(NAMES)) {
    const proxy = name === "two" || name === "three";
    const look = proxy ? { r: 8, class: "lf-proxy" } : { r: 10, fill: "#e69f00", stroke: "var(--lf-ink)" };
    dots[name] = svg("circle", look, drawing);
    if (name === "k") change(dots[name], { fill: "#009e73" });
    labels[name] = text(drawing, 0, 0, shown, { class: "lf-name" });
    const where = () => toScreen(places[name]);
    draggable(drawing, dots[name], shown, where, (x, y) => put(name, fromScreen(x, y)));
  }
  const ledger = svg("g", {}, drawing);
  fold(drawing, ledger, { width: 430, left: 430, top: () => 60, bottom: () => 294 });
  return { update, state: () => ({ places, costs: brackets(space, places, margin).map(({ cost }) => cost) }) };

  function toScreen([x, y]) {
    const unit = RADIUS / space.border;
    return [CENTRE_X + unit * x, CENTRE_Y - unit * y];
  }

  function fromScreen(x, y) {
    const unit = RADIUS / space.border;
    return [(x - CENTRE_X) / unit, (CENTRE_Y - y) / unit];
  }

  function put(name, point) {
    places[name] = space.inside(point);
    show();
  }

  function update(data) {
    space = new BallPlane(data.c);
    margin = data.margin;
    places = places ?? data.places;
    change(shell, { r: (data.shell * RADIUS) / space.border });
    show();
  }

  function show() {
    const rows = brackets(space, places, margin);
    lines.replaceChildren();
    for (const { who, near, far, cost } of rows) {
      for (const [proxy, kind] of [
        [near, "lf-pull"],
        [far, "lf-push"],
      ]) {
        const [x1, y1] = toScreen(places[who]);
        const [x2, y2] = toScreen(places[proxy]);
        svg("line", { x1, y1, x2, y2, class: cost > 0 ? kind : "lf-grid" }, lines);
      }
    }
    for (const [name, point] of Object.entries(places)) {
      const [x, y] = toScreen(point);
      change(dots[name], { cx: x, cy: y });
      change(labels[name], { x: x + 12, y: y - 9 });
    }
    write(rows);
  }

  function write(rows) {
    ledger.replaceChildren();
    const columns = [LEFT, LEFT + 50, LEFT + 116, LEFT + 184];
    const put = (y, cells, more = {}) => cells.forEach((cell, n) => text(ledger, columns[n], y, cell, more));
    put(80, ["", "to ρᵢⱼ", "to ρᵢⱼₖ", "bracket"], { class: "lf-pale" });
    rows.forEach(({ who, near, to, from, cost }, n) => {
      const both = near === "two" ? [to, from] : [from, to];
      const weight = cost > 0 ? { "font-weight": 700 } : {};
      put(106 + 26 * n, [who, ...both.map((d) => d.toFixed(2)), cost.toFixed(2)], weight);
    });
    const sum = rows.reduce((total, { cost }) => total + cost, 0);
    text(ledger, LEFT, 206, `loss ${sum.toFixed(2)}`, { "font-weight": 700 });
    text(ledger, LEFT, 240, "red: to be shorter", { class: "lf-pale" });
    text(ledger, LEFT, 262, "blue, dotted: to be longer", { class: "lf-pale" });
    text(ledger, LEFT, 284, "grey: as it should be", { class: "lf-pale" });
  }
}
