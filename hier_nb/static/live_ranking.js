// A ranking to reorder by hand, and what each measure says of it. Tiles move by dragging, or by the arrow keys.
// data: { query, top, names: [levels, coarse to fine, the class last], k, shown: { measure: label },
//         tiles: [{ name, level }, ...] nearest first, words? }

import { canvas, change, draggable, scale, svg, text } from "./live_svg.js";

const [WIDTH, PITCH, SIDE, TOP, FIRST] = [700, 74, 66, 30, 104];
const [ROW, BARS, LEFT, RIGHT] = [25, 126, 190, 610];
const SHARED = ["#bbbbbb", "#e8c33a", "#56b4e9", "#009e73"]; // nothing, ..., the class; as in 41_retrieval

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function share(part, whole) {
  return whole > 0 ? part / whole : NaN;
}

function count(levels, wanted) {
  return levels.filter(wanted).length;
}

// Mean, over the pictures that count, of the share of such pictures up to them.
export function averagePrecision(levels, m) {
  let hits = 0;
  let total = 0;
  levels.forEach((level, n) => {
    if (level >= m) total += ++hits / (n + 1);
  });
  return share(total, hits);
}

// Share of class-mates among the first R, where there are R class-mates.
export function rPrecision(levels, top) {
  const mates = count(levels, (level) => level === top);
  return share(count(levels.slice(0, mates), (level) => level === top), mates);
}

// H-AP: a picture's relevance is its level, divided among the pictures of that level.
export function gradedPrecision(levels, top) {
  const relevance = levels.map((level) => level / top / count(levels, (other) => other === level));
  const ranks = relevance.map((mine, k) => sum(relevance.slice(0, k + 1).map((r) => Math.min(r, mine))) / (k + 1));
  return share(sum(ranks), sum(relevance));
}

function discounted(levels) {
  return sum(levels.map((level, n) => (2 ** level - 1) / Math.log2(n + 2)));
}

function setAgreement(levels, best, top) {
  const related = count(levels, (level) => level > 0);
  const shares = [];
  for (let n = 1; n <= related; n++) {
    let both = 0;
    for (let m = 0; m <= top; m++) {
      const [mine, theirs] = [levels, best].map((row) => count(row.slice(0, n), (level) => level === m));
      both += Math.min(mine, theirs);
    }
    shares.push(both / n);
  }
  return share(sum(shares), related);
}

function cumulativeGain(levels, best, k) {
  const shares = [];
  for (let n = 1; n <= Math.min(k, levels.length); n++) shares.push(share(sum(levels.slice(0, n)), sum(best.slice(0, n))));
  return sum(shares) / shares.length;
}

// What `ranking_scores` of hier_nb.retrieval says of one ranking, but the severity; and R-Precision of the class.
export function scores(levels, top, names, k = 250) {
  const best = [...levels].sort((a, b) => b - a);
  const found = { r_precision: rPrecision(levels, top) };
  for (let m = top; m > 0; m--) found[`ap/${names[m - 1]}`] = averagePrecision(levels, m);
  found.h_ap = gradedPrecision(levels, top);
  found.ndcg = share(discounted(levels), discounted(best));
  found.asi = setAgreement(levels, best, top);
  found[`mahp@${Math.min(k, levels.length)}`] = cumulativeGain(levels, best, k);
  return found;
}

// The row with the tile from one place put into another; those between move up.
export function moved(row, from, to) {
  const rest = row.filter((_, n) => n !== from);
  return [...rest.slice(0, to), row[from], ...rest.slice(to)];
}

function number(value) {
  return Number.isNaN(value) ? "–" : value.toFixed(2);
}

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, 10, figure.spec.alt);
  drawing.classList.add("lf-scrolls");
  const along = scale([0, 1], [LEFT, RIGHT]);
  let data = null;
  let row = []; // the tiles, nearest first: { name, level, shape }
  let before = {}; // the measures of the ranking that one began with
  let bars = {};
  return { update, state: () => ({ ranking: row.map(({ name }) => name), scores: measured() }) };

  function measured() {
    const levels = row.map(({ level }) => level);
    return scores(levels, data.top, data.names, data.k);
  }

  function update(answer) {
    data = answer;
    drawing.replaceChildren();
    const measures = Object.entries(data.shown);
    const height = BARS + ROW * measures.length + 18;
    change(drawing, { viewBox: `0 0 ${WIDTH} ${height}` });
    row = [];
    tile({ name: data.query, level: data.top }, 6, "query");
    for (let n = 0; n < data.tiles.length; n++) {
      text(drawing, middle(n), 18, n + 1, { "text-anchor": "middle", class: "lf-pale" });
    }
    data.tiles.forEach((each) => row.push(seat(each)));
    before = measured();
    axis(BARS + ROW * measures.length);
    bars = Object.fromEntries(measures.map(([name, label], n) => [name, bar(name, label, BARS + ROW * n)]));
    show();
  }

  function middle(n) {
    return FIRST + PITCH * n + SIDE / 2;
  }

  function tile({ name, level }, x, note) {
    const shape = svg("g", { transform: `translate(${x} ${TOP})` }, drawing);
    const color = SHARED[Math.round((level / data.top) * (SHARED.length - 1))];
    svg("rect", { width: SIDE, height: SIDE, rx: 5, fill: "var(--lf-paper)", stroke: color, "stroke-width": 3 }, shape);
    svg("rect", { width: SIDE, height: 14, rx: 5, fill: color }, shape);
    text(shape, SIDE / 2, 36, name, { "text-anchor": "middle", "font-weight": 600 });
    text(shape, SIDE / 2, 55, note, { "text-anchor": "middle", class: "lf-pale" });
    return shape;
  }

  function seat(each) {
    const mine = { ...each, shape: tile(each, 0, `ℓ = ${each.level}`) };
    const where = () => [middle(row.indexOf(mine)), TOP];
    draggable(drawing, mine.shape, each.name, where, (x) => put(mine, x), PITCH);
    return mine;
  }

  // Where a tile is let go counts, not how it came there: the place whose middle is nearest.
  function put(mine, x) {
    const from = row.indexOf(mine);
    const to = Math.max(0, Math.min(row.length - 1, Math.round((x - middle(0)) / PITCH)));
    if (to === from) return;
    row = moved(row, from, to);
    show();
    const now = measured();
    const changes = Object.entries(data.shown).map(([name, label]) => `${label} ${number(now[name])}`);
    figure.say(`${mine.name} to place ${to + 1}: ${changes.join(", ")}.`);
  }

  function axis(y) {
    svg("line", { x1: LEFT, x2: RIGHT, y1: y, y2: y, class: "lf-axis" }, drawing);
    for (const value of [0, 0.5, 1]) {
      svg("line", { x1: along(value), x2: along(value), y1: BARS - 6, y2: y, class: "lf-grid" }, drawing);
      text(drawing, along(value), y + 15, value, { "text-anchor": "middle", class: "lf-pale" });
    }
  }

  function bar(name, label, y) {
    text(drawing, LEFT - 10, y + 14, label, { "text-anchor": "end" });
    const shape = svg("rect", { x: LEFT, y: y + 2, height: ROW - 9, fill: "#0072b2" }, drawing);
    const x = along(Number.isNaN(before[name]) ? 0 : before[name]);
    svg("line", { x1: x, x2: x, y1: y - 2, y2: y + ROW - 3, stroke: "#d55e00", "stroke-width": 3 }, drawing);
    return { shape, value: text(drawing, RIGHT + 14, y + 14, "") };
  }

  function show() {
    row.forEach(({ name, level, shape }, n) => {
      change(shape, { transform: `translate(${FIRST + PITCH * n} ${TOP})` });
      const label = `${name}, place ${n + 1}, ${level} levels in common: drag it, or move it by the arrow keys`;
      change(shape, { "aria-label": label });
    });
    const now = measured();
    for (const [name, { shape, value }] of Object.entries(bars)) {
      change(shape, { width: Number.isNaN(now[name]) ? 0 : along(now[name]) - LEFT });
      const by = now[name] - before[name];
      const sign = by > 0 ? "+" : "−";
      value.textContent = `${number(now[name])}${Math.abs(by) < 0.005 || Number.isNaN(by) ? "" : `  ${sign}${Math.abs(by).toFixed(2)}`}`;
    }
  }
}
