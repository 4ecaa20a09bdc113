// Curves over a common axis: data { x: [...], curves: [{ name, y, color?, dashed? }], xlabel, ylabel, ylim?, yscale?,
// mark? }. A `yscale` of "log" is a logarithmic axis, on which only positive values are drawn. `mark` is an x at which a vertical line stands. The pointer, or the arrow keys, read the values off.

import { canvas, change, COLORS, place, scale, svg, text } from "./live_svg.js";

// Lines are thin, so they take the darker colors first.
const LINES = [4, 5, 2, 6, 0, 1, 8, 9].map((n) => COLORS[n]);
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [680, 320, 62, 150, 14, 46];

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, HEIGHT, figure.spec.alt);
  const layer = svg("g", {}, drawing);
  const cursor = svg("g", { visibility: "hidden" }, drawing);
  const line = svg("line", { class: "lf-axis", y1: TOP, y2: HEIGHT - BOTTOM }, cursor);
  const words = text(cursor, 0, TOP + 12, "", { class: "lf-pale" });
  let shown = null;
  let at = 0;

  drawing.addEventListener("pointermove", (event) => read(nearest(place(drawing, event)[0])));
  drawing.addEventListener("pointerleave", () => change(cursor, { visibility: "hidden" }));
  change(drawing, { tabindex: 0 });
  drawing.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") read(at - 1);
    if (key === "ArrowRight") read(at + 1);
  });
  return { update, state: () => ({ reading: words.textContent, curves: shown?.curves.map(({ name }) => name) }) };

  function update(data) {
    shown = { ...data, ...axes(data) };
    layer.replaceChildren();
    frame(layer, shown);
    data.curves.forEach((curve, n) => drawCurve(layer, shown, curve, n));
    if (data.mark !== undefined) {
      const x = shown.toX(data.mark);
      svg("line", { x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM, class: "lf-shell" }, layer);
    }
  }

  function nearest(pixel) {
    const distances = shown.x.map((value) => Math.abs(shown.toX(value) - pixel));
    return distances.indexOf(Math.min(...distances));
  }

  function read(n) {
    at = Math.max(0, Math.min(shown.x.length - 1, n));
    const x = shown.toX(shown.x[at]);
    const said = shown.curves.map(({ name, y }) => `${name} ${number(y[at])}`);
    words.textContent = `${shown.xlabel.split(" (")[0]} ${number(shown.x[at])}: ${said.join(", ")}`;
    change(words, { x: LEFT + 6, visibility: "inherit" });
    change(line, { x1: x, x2: x });
    change(cursor, { visibility: "visible" });
  }
}

function number(value) {
  if (value === null || Number.isNaN(value)) return "–";
  const shown = Number(value.toPrecision(3));
  const small = shown !== 0 && (Math.abs(shown) < 1e-3 || Math.abs(shown) >= 1e6);
  return (small ? shown.toExponential() : String(shown)).replaceAll("-", "−");
}

function axes({ x, curves, ylim, yscale }) {
  const log = yscale === "log";
  const usable = (value) => Number.isFinite(value) && (!log || value > 0);
  const values = curves.flatMap(({ y }) => y).filter(usable);
  const range = ylim ?? [log ? Math.min(...values) : Math.min(0, ...values), Math.max(...values)];
  const toX = scale([x[0], x.at(-1)], [LEFT, WIDTH - RIGHT]);
  const straight = scale(log ? range.map(Math.log10) : range, [HEIGHT - BOTTOM, TOP]);
  const inside = (value) => Math.min(range[1], Math.max(range[0], value));
  const toY = (value) => straight(log ? Math.log10(inside(value)) : inside(value));
  return { toX, toY, range, usable, yticks: log ? powers(...range) : ticks(...range) };
}

// The powers of ten within a range.
function powers(low, high) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  return Array.from({ length: last - first + 1 }, (_, n) => 10 ** (first + n));
}

// About five round numbers within a range.
export function ticks(low, high) {
  const rough = (high - low) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}

function frame(layer, { x, toX, toY, yticks, xlabel, ylabel }) {
  const bottom = HEIGHT - BOTTOM;
  for (const value of yticks) {
    svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: toY(value), y2: toY(value), class: "lf-grid" }, layer);
    text(layer, LEFT - 7, toY(value) + 4, number(value), { "text-anchor": "end", class: "lf-pale" });
  }
  for (const value of ticks(x[0], x.at(-1))) {
    svg("line", { x1: toX(value), x2: toX(value), y1: bottom, y2: bottom + 5, class: "lf-axis" }, layer);
    text(layer, toX(value), bottom + 19, number(value), { "text-anchor": "middle", class: "lf-pale" });
  }
  svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: bottom, y2: bottom, class: "lf-axis" }, layer);
  text(layer, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, xlabel, { "text-anchor": "middle" });
  const middle = (TOP + bottom) / 2;
  text(layer, 14, middle, ylabel, { "text-anchor": "middle", transform: `rotate(-90 14 ${middle})` });
}

function drawCurve(layer, { x, toX, toY, usable }, { name, y, color, dashed }, n) {
  const stroke = color ?? LINES[n % LINES.length];
  let path = "";
  let pen = "M";
  y.forEach((value, i) => {
    if (!usable(value)) {
      pen = "M";
      return;
    }
    path += `${pen}${toX(x[i]).toFixed(1)} ${toY(value).toFixed(1)}`;
    pen = "L";
  });
  svg("path", { d: path, fill: "none", stroke, "stroke-width": 2, "stroke-dasharray": dashed ? "6 4" : "" }, layer);
  const row = TOP + 30 + 20 * n;
  svg("line", { x1: WIDTH - RIGHT + 12, x2: WIDTH - RIGHT + 34, y1: row, y2: row, stroke, "stroke-width": 3, "stroke-dasharray": dashed ? "6 4" : "" }, layer);
  text(layer, WIDTH - RIGHT + 40, row + 4, name);
}
