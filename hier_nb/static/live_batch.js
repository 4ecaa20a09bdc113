// Batches side by side: a tile is an image, a stack is a class. Images without a class-mate are hollow.
// data: { batches: [{ name, classes: [class of each image] }, ...], words }. Choose a tile to see its pairs.

import { canvas, change, colorOf, svg, text } from "./live_svg.js";

const [WIDTH, LEFT, TOP, BOTTOM] = [700, 2, 30, 30];
const [LARGEST, HIGHEST] = [29, 174];
const NONE = { name: "drawn blindly", classes: [] };
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 };

// The images of a batch by class, the fullest classes first: [[class, [rows]], ...].
export function stacks(classes) {
  const found = new Map();
  classes.forEach((label, row) => {
    if (!found.has(label)) found.set(label, []);
    found.get(label).push(row);
  });
  return [...found].sort(([a, first], [b, second]) => second.length - first.length || a - b);
}

// How many pairs of class-mates a batch holds.
export function pairs(classes) {
  return stacks(classes).reduce((sum, [, { length }]) => sum + (length * (length - 1)) / 2, 0);
}

export function create(stage, figure) {
  const panels = [];
  return { update, state: () => ({ panels: panels.map(({ state }) => state()) }) };

  function update({ batches }) {
    while (panels.length < batches.length) panels.push(panel(stage, figure));
    panels.forEach((drawn, n) => drawn.show(batches[n] ?? NONE));
  }
}

function panel(stage, figure) {
  const drawing = canvas(stage, WIDTH, TOP + BOTTOM, "");
  drawing.classList.add("lf-scrolls");
  let shown = { name: "", classes: [] };
  let tiles = [];
  let at = null; // the place, in the drawing's order, of the tile that is chosen
  return { show, state: () => ({ name: shown.name, pairs: pairs(shown.classes), at, lit: lit() }) };

  function show(batch) {
    shown = batch;
    at = null;
    tiles = [];
    drawing.replaceChildren();
    const { name, classes } = batch;
    if (!classes.length) return finish(`${name}: no such batch`);
    const count = pairs(classes);
    const title = `${name}: ${classes.length} images of ${stacks(classes).length} classes, ${count} ${count === 1 ? "pair" : "pairs"} of class-mates`;
    finish(title);
    draw(classes);
  }

  function finish(title) {
    change(drawing, { "aria-label": title });
    text(drawing, LEFT, 18, title, { "font-weight": 600 });
  }

  function draw(classes) {
    const found = stacks(classes);
    const levels = found[0][1].length;
    const pitch = Math.min(LARGEST, (WIDTH - 2 * LEFT) / found.length, HIGHEST / levels);
    const side = pitch - Math.min(3, 0.2 * pitch);
    const floor = TOP + pitch * levels;
    const every = Math.ceil(28 / pitch); // a class's number needs 28 units
    change(drawing, { viewBox: `0 0 ${WIDTH} ${floor + BOTTOM}` });
    svg("line", { x1: LEFT, x2: LEFT + pitch * found.length, y1: floor + 1, y2: floor + 1, class: "lf-axis" }, drawing);
    found.forEach(([label, rows], n) => {
      const x = LEFT + pitch * n;
      if (n % every === 0) text(drawing, x + side / 2, floor + 16, label, { "text-anchor": "middle", class: "lf-pale" });
      rows.forEach((_, level) => tile(x, floor - pitch * (level + 1), side, { label, size: rows.length, color: colorOf(n) }));
    });
  }

  function tile(x, y, side, { label, size, color }) {
    const shape = svg("rect", { x, y, width: side, height: side, rx: 2, stroke: color, "stroke-width": 1.5 }, drawing);
    const place = tiles.length;
    change(shape, { fill: color, "fill-opacity": size > 1 ? 1 : 0.08, tabindex: place ? -1 : 0, role: "button" });
    change(shape, { "aria-label": `image of class ${label}, ${size - 1} class-mates` });
    shape.style.cursor = "pointer";
    tiles.push({ shape, label, size, color });
    shape.addEventListener("click", () => choose(place));
    shape.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") choose(place);
      else if (event.key in STEPS) choose(place + STEPS[event.key]);
      else return;
      event.preventDefault();
    });
  }

  function choose(n) {
    if (n < 0 || n >= tiles.length) return;
    at = n;
    const { label, size } = tiles[n];
    tiles.forEach((other, m) => {
      const mine = other.label === label;
      change(other.shape, { opacity: mine ? 1 : 0.3, tabindex: m === n ? 0 : -1 });
      change(other.shape, { stroke: m === n ? "var(--lf-ink)" : other.color });
      change(other.shape, { "stroke-width": m === n ? 3 : 1.5 });
    });
    tiles[n].shape.focus();
    const mates = size === 1 ? "no class-mate: nothing to be pulled to" : `${size - 1} class-mates to be pulled to`;
    figure.say(`${shown.name}: an image of class ${label} has ${mates}, and ${tiles.length - size} others to be pushed from.`);
  }

  function lit() {
    return tiles.filter(({ shape }) => shape.getAttribute("opacity") === "1").length;
  }
}
