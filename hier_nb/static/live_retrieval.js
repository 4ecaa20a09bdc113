// Points in a plane, one of which asks for those like it: who is right, in which order, and what measures say of it.
// data: { points: [[x, y], ...], labels: [class of each], names: [of the classes], box: [width, height], query };
// settings: { k }. Points are dragged, or moved by the arrow keys; a click, Enter or space lets one ask.

import { canvas, change, colorOf, draggable, scale, svg, text } from "./live_svg.js";
import { Plane } from "./space_geometry.js";

const [WIDTH, FIELD_WIDTH, FIELD_HEIGHT, EDGE] = [720, 400, 290, 24];
const [TABLE, BAR, LINE] = [424, 148, 54]; // x of the measures, length of a bar, from one measure to the next
const [ROW, PITCH, SIDE, QUERY] = [326, 56, 50, 8]; // y of the ranking, from tile to tile, a tile, x of the query's
const FIRST = QUERY + PITCH + 14; // x of the first neighbor's tile
const SHAPES = ["M0,-13L13,10H-13Z", "M-11,-11H11V11H-11Z", "M0,-12A12,12 0 1 1 -0.01,-12Z"]; // by class

const ASKS = { stroke: "var(--lf-ink)", "stroke-width": 3.5, "stroke-dasharray": "none" }; // the query's ring

// Rows of all other points, nearest first; ties go to the lower row.
export function ranked(points, query) {
  const distances = points.map((point) => new Plane().dist(point, points[query]));
  const others = points.map((_, row) => row).filter((row) => row !== query);
  return others.sort((a, b) => distances[a] - distances[b] || a - b);
}

// What one ranking is worth, as `query_scores` of hier_nb.retrieval says it; and its parts.
// hits: is each neighbor a class-mate; mates: how many there are to find; precision: share of class-mates up to each.
export function judge(hits, k) {
  let found = 0;
  const precision = hits.map((hit, n) => (found += Number(hit)) / (n + 1));
  const mates = found;
  const first = hits.slice(0, mates);
  const sum = first.reduce((total, hit, n) => total + (hit ? precision[n] : 0), 0);
  const scores = {
    recall_at_1: Number(hits[0]),
    recall_at_k: Number(hits.slice(0, k).some((hit) => hit)),
    r_precision: mates ? first.filter((hit) => hit).length / mates : NaN,
    map_at_r: mates ? sum / mates : NaN,
  };
  return { hits, mates, precision, scores };
}

// One ranking: { query, order, ...judge(hits, k) }.
export function ask(points, labels, query, k) {
  const order = ranked(points, query);
  return { query, order, ...judge(order.map((row) => labels[row] === labels[query]), k) };
}

// Each measure's mean over queries; those for which it is not defined are left out.
export function means(rankings) {
  const mean = (name) => {
    const known = rankings.map(({ scores }) => scores[name]).filter((value) => !Number.isNaN(value));
    return known.length ? known.reduce((total, value) => total + value, 0) / known.length : NaN;
  };
  return Object.fromEntries(Object.keys(rankings[0].scores).map((name) => [name, mean(name)]));
}

function number(value) {
  return Number.isNaN(value) ? "–" : value.toFixed(2);
}

// The sum behind a query's average precision in words: "(1/1 + 0 + 2/3) / 3".
export function sumInWords({ hits, mates }) {
  let found = 0;
  const parts = hits.slice(0, mates).map((hit, n) => (hit ? `${++found}/${n + 1}` : "0"));
  return mates ? `(${parts.join(" + ")}) / ${mates}` : "nothing to find";
}

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, ROW + SIDE + 66, figure.spec.alt);
  drawing.classList.add("lf-scrolls");
  svg("rect", { x: 1, y: 1, width: FIELD_WIDTH, height: FIELD_HEIGHT, rx: 6, fill: "none", class: "lf-axis" }, drawing);
  const rays = svg("g", {}, drawing);
  const crowd = svg("g", {}, drawing);
  const table = svg("g", {}, drawing);
  const strip = svg("g", {}, drawing);
  let data = null;
  let points = [];
  let query = 0;
  let k = 1;
  let dots = []; // the shapes: { shape, ring, words }
  let mine = null; // the query's ranking
  let all = {}; // the means
  const state = () => ({ points, query, order: mine.order, hits: mine.hits, scores: mine.scores, means: all });
  return { update, state };

  // Moved points and the chosen query outlive a change of k, not another arrangement.
  function update(answer, settings) {
    k = settings.k;
    if (JSON.stringify(answer) !== JSON.stringify(data)) {
      data = answer;
      points = data.points.map((point) => [...point]);
      query = data.query;
      drawPoints();
    }
    show();
  }

  function across() {
    return scale([0, data.box[0]], [1 + EDGE, FIELD_WIDTH + 1 - EDGE]);
  }

  function up() {
    return scale([0, data.box[1]], [FIELD_HEIGHT + 1 - EDGE, 1 + EDGE]);
  }

  function toScreen([x, y]) {
    return [across()(x), up()(y)];
  }

  function put(row, x, y) {
    const [wide, high] = data.box;
    const back = (value, range, most) => Math.min(most, Math.max(0, scale(range, [0, most])(value)));
    points[row] = [
      back(x, [1 + EDGE, FIELD_WIDTH + 1 - EDGE], wide),
      back(y, [FIELD_HEIGHT + 1 - EDGE, 1 + EDGE], high),
    ];
    show();
  }

  function choose(row) {
    query = row;
    show();
  }

  function drawPoints() {
    crowd.replaceChildren();
    dots = points.map((_, row) => {
      const shape = svg("g", {}, crowd);
      const ring = svg("circle", { r: 17, fill: "none" }, shape);
      svg("path", { d: outline(data.labels[row]), fill: colorOf(data.labels[row]), stroke: "var(--lf-ink)" }, shape);
      const look = "fill: #000; font-size: 12px; font-weight: 600";
      const words = text(shape, 0, 5, "", { "text-anchor": "middle", style: look });
      shape.addEventListener("pointerdown", () => choose(row));
      shape.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        choose(row);
      });
      draggable(drawing, shape, "", () => toScreen(points[row]), (x, y) => put(row, x, y));
      return { shape, ring, words };
    });
  }

  function outline(label) {
    return SHAPES[label % SHAPES.length];
  }

  function nameOf(row) {
    return data.names[data.labels[row]];
  }

  function show() {
    const rankings = points.map((_, row) => ask(points, data.labels, row, k));
    mine = rankings[query];
    all = means(rankings);
    showPoints();
    showMeasures();
    showRanking();
    const order = mine.order.slice(0, Math.max(k, mine.mates)).map(nameOf);
    const { recall_at_1: one, recall_at_k: some, r_precision: share, map_at_r: precision } = mine.scores;
    figure.say(
      `A ${nameOf(query)} asks and finds ${order.join(", ")}. Recall@1 ${one}, Recall@${k} ${some}, ` +
        `R-Precision ${number(share)}, average precision ${number(precision)}.`,
    );
  }

  function showPoints() {
    const place = new Map(mine.order.map((row, n) => [row, n]));
    const [x1, y1] = toScreen(points[query]);
    rays.replaceChildren();
    dots.forEach(({ shape, ring, words }, row) => {
      const [x, y] = toScreen(points[row]);
      const n = place.get(row); // none for the query
      const right = mine.hits[n];
      change(shape, { transform: `translate(${x} ${y})`, "aria-pressed": row === query });
      const role = row === query ? "asks" : `${right ? "right" : "wrong"}, place ${n + 1}`;
      change(shape, { "aria-label": `${nameOf(row)}, ${role}: Enter lets it ask, the arrow keys move it` });
      words.textContent = row === query ? "?" : n + 1;
      change(ring, row === query ? ASKS : mark(right));
      if (n < k) svg("line", { x1, y1, x2: x, y2: y, stroke: "var(--lf-pale)", "stroke-width": 1.5 }, rays);
    });
  }

  function mark(right) {
    const stroke = right ? "var(--lf-push)" : "var(--lf-pull)";
    return { stroke, "stroke-width": 2.2, "stroke-dasharray": right ? "none" : "3 3" };
  }

  function showMeasures() {
    table.replaceChildren();
    const heads = [[`this ${nameOf(query)}`, "var(--lf-push)"], [`mean of all ${points.length}`, "var(--lf-pale)"]];
    heads.forEach(([words, fill], n) => {
      svg("rect", { x: TABLE + 118 * n, y: 8, width: 12, height: 12, fill }, table);
      text(table, TABLE + 18 + 118 * n, 19, words);
    });
    const measures = {
      recall_at_1: ["Recall@1", "is the nearest right?"],
      recall_at_k: [`Recall@${k}`, k === 1 ? "is the nearest right?" : `is one of ${k} right?`],
      r_precision: ["R-Precision", `how many of ${mine.mates} are right?`],
      map_at_r: ["MAP@R", "are they in front?"],
    };
    Object.entries(measures).forEach(([name, [label, question]], n) => {
      const y = 44 + LINE * n;
      text(table, TABLE, y + 2, label, { style: "font-weight: 600" });
      text(table, TABLE + 96, y + 2, question, { class: "lf-pale" });
      bar(y + 9, mine.scores[name], "var(--lf-push)");
      bar(y + 22, all[name], "var(--lf-pale)");
    });
    data.names.forEach((name, n) => {
      const group = svg("g", { transform: `translate(${TABLE + 10 + 92 * n} 278)` }, table);
      svg("path", { d: outline(n), fill: colorOf(n), stroke: "var(--lf-ink)", transform: "scale(0.7)" }, group);
      text(group, 16, 5, name);
    });
  }

  function bar(y, value, fill) {
    const box = { x: TABLE, y, height: 10 };
    svg("rect", { ...box, width: BAR, fill: "none", class: "lf-grid" }, table);
    svg("rect", { ...box, width: Number.isNaN(value) ? 0 : BAR * value, fill }, table);
    text(table, TABLE + BAR + 8, y + 10, number(value));
  }

  function showRanking() {
    strip.replaceChildren();
    tile(QUERY, query, "asks", ASKS);
    mine.order.forEach((row, n) => {
      const right = mine.hits[n];
      tile(FIRST + PITCH * n, row, right ? `${n + 1} ✓` : `${n + 1} ✗`, mark(right));
    });
    brace(ROW + SIDE + 10, k, `first ${k}`);
    if (mine.mates && mine.mates !== k) brace(ROW + SIDE + 28, mine.mates, `first R = ${mine.mates}`);
    const precision = mine.mates ? ` = ${number(mine.scores.map_at_r)}` : "";
    const sum = `average precision of the first R = ${mine.mates}: ${sumInWords(mine)}${precision}`;
    text(strip, QUERY, ROW + SIDE + 58, sum);
  }

  function tile(x, row, note, look) {
    const shape = svg("g", { transform: `translate(${x} ${ROW})` }, strip);
    svg("rect", { width: SIDE, height: SIDE, rx: 5, fill: "var(--lf-paper)", ...look }, shape);
    svg("rect", { x: 4, y: 4, width: SIDE - 8, height: 5, fill: colorOf(data.labels[row]) }, shape);
    text(shape, SIDE / 2, 25, nameOf(row), { "text-anchor": "middle" });
    text(shape, SIDE / 2, 42, note, { "text-anchor": "middle", class: "lf-pale" });
  }

  function brace(y, count, words) {
    const end = FIRST + PITCH * count - (PITCH - SIDE);
    svg("path", { d: `M${FIRST},${y - 4}V${y}H${end}V${y - 4}`, class: "lf-axis" }, strip);
    text(strip, end + 6, y + 5, words, { class: "lf-pale" });
  }
}
