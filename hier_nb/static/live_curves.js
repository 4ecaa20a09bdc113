// Curves over a common axis: data { x: [...], curves: [{ name, y, color?, dashed? }], xlabel, ylabel, ylim?, mark? }.
// `mark` is an x at which a vertical line stands. The pointer, or the arrow keys, read the values off.

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
  return value === null || Number.isNaN(value) ? "–" : String(Number(value.toPrecision(3)));
}

function axes({ x, curves, ylim }) {
  const values = curves.flatMap(({ y }) => y).filter(Number.isFinite);
  const range = ylim ?? [Math.min(0, ...values), Math.max(...values)];
  const toX = scale([x[0], x.at(-1)], [LEFT, WIDTH - RIGHT]);
  const toY = scale(range, [HEIGHT - BOTTOM, TOP]);
  return { toX, toY, range };
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

function frame(layer, { x, toX, toY, range, xlabel, ylabel }) {
  const bottom = HEIGHT - BOTTOM;
  for (const value of ticks(...range)) {
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

function drawCurve(layer, { x, toX, toY }, { name, y, color, dashed }, n) {
  const stroke = color ?? LINES[n % LINES.length];
  let path = "";
  let pen = "M";
  y.forEach((value, i) => {
    if (!Number.isFinite(value)) {
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
