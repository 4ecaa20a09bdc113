// Curves over a common axis: data { x: [...], curves: [{ name, y, color?, dashed? }], xlabel, ylabel, ylim?, yscale?,
// mark? }. A `yscale` of "log" is a logarithmic axis, on which only positive values are drawn; what leaves `ylim` is cut
// off there. `mark` is an x at which a vertical line stands. The pointer, a tap, or the arrow keys read the values off.

import { canvas, change, COLORS, fold, place, scale, svg, text } from "./live_svg.js";

// Lines are thin, so they take the darker colors first.
const LINES = [4, 5, 2, 6, 0, 1, 8, 9].map((n) => COLORS[n]);
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [680, 320, 62, 150, 14, 46];
const [ROW, LETTERS] = [20, 17]; // of the legend: from row to row, letters in one

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, HEIGHT, figure.spec.alt);
  const layer = svg("g", {}, drawing);
  const inside = svg("g", { "clip-path": frameOf(drawing) }, drawing);
  const legend = svg("g", {}, drawing);
  const cursor = svg("g", { visibility: "hidden" }, drawing);
  const line = svg("line", { class: "lf-axis", y1: TOP, y2: HEIGHT - BOTTOM }, cursor);
  const words = svg("g", {}, cursor);
  let shown = null;
  let at = null; // what is read off
  let rows = 0; // of the legend
  const bottom = () => TOP + 28 + ROW * rows;
  const grown = fold(drawing, legend, {
    width: WIDTH - RIGHT + 14,
    left: WIDTH - RIGHT,
    top: () => TOP + 10,
    bottom,
    letters: 14,
  });

  for (const kind of ["pointerdown", "pointermove"]) {
    drawing.addEventListener(kind, (event) => read(nearest(place(drawing, event)[0])));
  }
  drawing.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && hide());
  drawing.addEventListener("blur", hide);
  change(drawing, { tabindex: 0 });
  drawing.addEventListener("keydown", (event) => {
    const last = shown.x.length - 1;
    const to = { ArrowLeft: (at ?? 1) - 1, ArrowRight: (at ?? -1) + 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    read(to);
  });
  return { update, state: () => ({ reading: reading(), curves: shown?.curves.map(({ name }) => name) }) };

  function update(data) {
    shown = { ...data, ...axes(data) };
    for (const group of [layer, inside, legend]) group.replaceChildren();
    frame(layer, shown);
    rows = 0;
    data.curves.forEach((curve, n) => {
      const look = {
        stroke: curve.color ?? LINES[n % LINES.length],
        "stroke-dasharray": curve.dashed ? "6 4" : "none",
      };
      drawCurve(inside, shown, curve, look);
      rows += nameCurve(legend, curve.name, look, TOP + 30 + ROW * rows);
    });
    grown();
    if (data.mark !== undefined) {
      const x = shown.toX(data.mark);
      svg("line", { x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM, class: "lf-shell" }, inside);
    }
    if (at !== null) read(at); // other curves, other values
  }

  function hide() {
    at = null;
    change(cursor, { visibility: "hidden" });
  }

  function nearest(pixel) {
    const distances = shown.x.map((value) => Math.abs(shown.toX(value) - pixel));
    return distances.indexOf(Math.min(...distances));
  }

  function read(n) {
    at = Math.max(0, Math.min(shown.x.length - 1, n));
    const x = shown.toX(shown.x[at]);
    words.replaceChildren();
    said().forEach((row, n) => text(words, LEFT + 6, TOP + 12 + 18 * n, row, { class: "lf-read" }));
    change(line, { x1: x, x2: x });
    change(cursor, { visibility: "visible" });
  }

  // Where the cursor stands, and the value of each curve there.
  function said() {
    const values = shown.curves.map(({ name, y }) => `${name} ${number(y[at])}`);
    return [`${shown.xlabel.split(" (")[0]} ${number(shown.x[at])}`, ...values];
  }

  function reading() {
    if (at === null) return "";
    const [first, ...values] = said();
    return `${first}: ${values.join(", ")}`;
  }
}

// What clips curves to the axes; its name must be the only one of a page with several figures.
function frameOf(drawing) {
  const id = `lf-${Math.random().toString(36).slice(2)}`;
  const clip = svg("clipPath", { id }, drawing);
  svg("rect", { x: LEFT, y: TOP - 1, width: WIDTH - RIGHT - LEFT, height: HEIGHT - BOTTOM - TOP + 2 }, clip);
  return `url(#${id})`;
}

// A curve's name in the legend, in as many rows as it needs: how many.
function nameCurve(legend, words, look, y) {
  svg(
    "line",
    { x1: WIDTH - RIGHT + 12, x2: WIDTH - RIGHT + 34, y1: y, y2: y, "stroke-width": 3, ...look },
    legend,
  );
  const rows = [];
  for (const word of words.split(" ")) {
    if (rows.length && rows.at(-1).length + word.length < LETTERS) rows.push(`${rows.pop()} ${word}`);
    else rows.push(word);
  }
  rows.forEach((row, n) => text(legend, WIDTH - RIGHT + 40, y + 4 + ROW * n, row));
  return rows.length;
}

function number(value) {
  if (value === null || Number.isNaN(value)) return "–";
  const shown = Number(value.toPrecision(3));
  const small = shown !== 0 && (Math.abs(shown) < 1e-3 || Math.abs(shown) >= 1e6);
  return (small ? shown.toExponential() : String(shown)).replaceAll("-", "−");
}

// A value beside the axis; large and small powers of ten as powers.
function tick(value) {
  const power = value > 0 ? Math.round(Math.log10(value)) : 0;
  if (value !== 10 ** power || Math.abs(power) < 4) return number(value);
  return `10${String(power).replace(/./g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)])}`;
}

function axes({ x, curves, ylim, yscale }) {
  const log = yscale === "log";
  const usable = (value) => Number.isFinite(value) && (!log || value > 0);
  const values = curves.flatMap(({ y }) => y).filter(usable);
  const range = ylim ?? [log ? Math.min(...values) : Math.min(0, ...values), Math.max(...values)];
  const toX = scale([x[0], x.at(-1)], [LEFT, WIDTH - RIGHT]);
  const straight = scale(log ? range.map(Math.log10) : range, [HEIGHT - BOTTOM, TOP]);
  const toY = (value) => straight(log ? Math.log10(value) : value);
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
    text(layer, LEFT - 7, toY(value) + 4, tick(value), { "text-anchor": "end", class: "lf-pale" });
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

function drawCurve(layer, { x, toX, toY, usable }, { y }, look) {
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
  svg("path", { d: path, fill: "none", "stroke-width": 2, ...look }, layer);
}
