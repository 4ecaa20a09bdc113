// What the live figures draw with: shapes, colors, a disk, points that can be dragged by hand or by arrow keys.

const NAMESPACE = "http://www.w3.org/2000/svg";
const MARGIN = 8;

export const NARROW = 520; // pixels: less than this is a phone

// Safe for the color-blind, after Okabe and Ito (2008); the same as `class_colors` of hier_nb.plots gives.
export const COLORS = [
  "#e69f00",
  "#56b4e9",
  "#009e73",
  "#f0e442",
  "#0072b2",
  "#d55e00",
  "#cc79a7",
  "#999999",
  "#7f5539",
  "#6a3d9a",
];

export function colorOf(number) {
  return COLORS[number % COLORS.length];
}

// A new shape inside `parent`: svg("circle", { r: 3 }, group).
export function svg(tag, attributes = {}, parent = null) {
  const shape = document.createElementNS(NAMESPACE, tag);
  change(shape, attributes);
  if (parent) parent.append(shape);
  return shape;
}

export function change(shape, attributes) {
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  return shape;
}

export function text(parent, x, y, words, attributes = {}) {
  const shape = svg("text", { x, y, ...attributes }, parent);
  shape.textContent = words;
  return shape;
}

// A drawing of `width` x `height` units that fills the width it is given; `label` is read to those who cannot see it.
export function canvas(stage, width, height, label) {
  const drawing = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
  drawing.style.maxWidth = `${width}px`;
  stage.append(drawing);
  return drawing;
}

// On a phone there is no room for what stands beside a drawing: it goes below, and letters stay legible. `side` is the
// group of all that is moved; it begins at x = `left` and reaches from y = `top()` to `bottom()`; `width` is what the rest
// needs. Returns what to call when the side has grown.
export function fold(drawing, side, { width: own, left, top, bottom, letters = 13 }) {
  const { width, height } = drawing.viewBox.baseVal;
  const stage = drawing.parentElement;
  const observer = new ResizeObserver(() => requestAnimationFrame(arrange));
  observer.observe(stage);
  arrange();
  return arrange;

  function arrange() {
    if (!drawing.parentElement) return observer.disconnect();
    const narrow = stage.clientWidth > 0 && stage.clientWidth < NARROW;
    const [wide, tall] = narrow ? [own, height + bottom() - top()] : [width, height];
    change(drawing, { viewBox: `0 0 ${wide} ${tall}` });
    change(side, { transform: narrow ? `translate(${MARGIN - left} ${height - top()})` : "translate(0 0)" });
    drawing.style.maxWidth = `${wide}px`;
    drawing.style.setProperty("--lf-letters", `${narrow ? letters : 13}px`);
  }
}

// Numbers of a range onto places of a drawing: scale([0, 1], [10, 90])(0.5) is 50.
export function scale([low, high], [from, to]) {
  const step = (to - from) / (high - low || 1);
  return (value) => from + (value - low) * step;
}

// Where a pointer stands, in the drawing's own units.
export function place(drawing, event) {
  const inverse = drawing.getScreenCTM().inverse();
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(inverse);
  return [x, y];
}

// Let `shape` be dragged by mouse, finger or arrow keys: move(x, y) gets the place asked for, where() says the present one.
export function draggable(drawing, shape, label, where, move, stride = 8) {
  change(shape, {
    tabindex: 0,
    role: "button",
    "aria-label": `${label}: drag it, or move it by the arrow keys`,
  });
  shape.classList.add("lf-drag");
  shape.addEventListener("pointerdown", (down) => {
    down.preventDefault();
    shape.focus();
    shape.setPointerCapture(down.pointerId);
    const follow = (event) => move(...place(drawing, event));
    const stop = () => {
      shape.removeEventListener("pointermove", follow);
      shape.removeEventListener("pointerup", stop);
      shape.removeEventListener("pointercancel", stop);
    };
    shape.addEventListener("pointermove", follow);
    shape.addEventListener("pointerup", stop);
    shape.addEventListener("pointercancel", stop);
  });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  shape.addEventListener("keydown", (event) => {
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = where();
    const [dx, dy] = steps[event.key];
    move(x + dx * stride, y + dy * stride);
  });
}

// The border of the ball as a circle, and the shell on which a clip radius holds points, dashed (null: none).
export function disk(parent, x, y, radius, shell = null) {
  svg("circle", { cx: x, cy: y, r: radius, class: "lf-border" }, parent);
  const dashed = svg("circle", { cx: x, cy: y, r: shell ?? 0, class: "lf-shell" }, parent);
  return dashed;
}
