// A dendrogram with a cut that is dragged; what hangs below a cut branch is a cluster and has its color.
// data: { parent: [node above, -1 for the root], height: [of each node], names: [of each node, "" for leaves],
//         counts: [samples below each node], leaves: [{ node, label }] }; settings: { clusters, cut }

import { canvas, change, colorOf, draggable, fold, scale, svg, text } from "./live_svg.js";

const [WIDTH, TOP, BOTTOM, ROW] = [740, 28, 40, 15];
const [ROOT, PROXY, LEAF, LIST] = [24, 330, 352, 470]; // x of the root, of height 0, of the leaves, of the list
const STRAIGHT = "straight line";

// --- the tree

// { parent, height, names, counts, leaves, children: of each node, leafOf: node -> row of leaves, root }
export function readTree(data) {
  const children = data.parent.map(() => []);
  data.parent.forEach((above, node) => above >= 0 && children[above].push(node));
  const leafOf = new Map(data.leaves.map(({ node }, row) => [node, row]));
  return { ...data, children, leafOf, root: data.parent.indexOf(-1) };
}

// Children that are groups of samples themselves, and whether a node consists of nothing else.
function parts(tree, node) {
  const below = tree.children[node].filter((child) => !tree.leafOf.has(child) && tree.counts[child] > 0);
  const held = below.reduce((sum, child) => sum + tree.counts[child], 0);
  return below.length && held === tree.counts[node] ? below : [];
}

// The clusters, as nodes: again and again the most pressing one is split, until there are k. before(a, b) < 0: a first.
function splitUntil(tree, k, before) {
  const waiting = tree.leafOf.has(tree.root) ? [] : [tree.root];
  const whole = [];
  while (waiting.length && waiting.length + whole.length < k) {
    const node = waiting.sort(before).shift();
    const below = parts(tree, node);
    if (below.length) waiting.push(...below);
    else whole.push(node);
  }
  return [...whole, ...waiting].sort((a, b) => a - b);
}

// As `cut_tree(tree, n_clusters=k)` does it: the largest is split.
export function largestFirst(tree, k) {
  return splitUntil(tree, k, (a, b) => tree.counts[b] - tree.counts[a] || a - b);
}

// As one straight line through the drawing does it: the highest is split.
export function highestFirst(tree, k) {
  return splitUntil(tree, k, (a, b) => tree.height[b] - tree.height[a] || a - b);
}

// Which of the clusters each leaf is in; numbered by their nodes as in `cut_tree`.
export function clusterOfLeaves(tree, clusters) {
  const number = new Map(clusters.map((node, n) => [node, n]));
  return tree.leaves.map(({ node }) => {
    let at = node;
    while (at >= 0 && !number.has(at)) at = tree.parent[at];
    return number.get(at) ?? -1;
  });
}

// The heights at which one straight line changes its number of clusters, from the root down.
export function steps(tree) {
  const most = largestFirst(tree, Infinity).length;
  const found = [];
  for (let k = 2; k <= most; k++) {
    const split = highestFirst(tree, k - 1).map((node) => (parts(tree, node).length ? tree.height[node] : 0));
    found.push(Math.max(...split));
  }
  return found;
}

// How many members of a cluster bear which label, the commonest first: [["gull", 3], ...].
export function membersOf(tree, numbers, cluster) {
  const found = new Map();
  tree.leaves.forEach(({ label }, row) => numbers[row] === cluster && found.set(label, (found.get(label) ?? 0) + 1));
  return [...found].sort(([, a], [, b]) => b - a);
}

// --- the drawing

// Where the nodes go: leaves in rows one below the other, what is above them in the middle of its children.
export function layout(tree) {
  const x = scale([tree.height[tree.root], 0], [ROOT, PROXY]);
  const places = tree.parent.map(() => null);
  const waiting = [[tree.root, false]];
  let row = 0;
  while (waiting.length) {
    const [node, seen] = waiting.pop();
    const below = tree.children[node];
    if (tree.leafOf.has(node)) places[node] = [LEAF, TOP + ROW * (0.5 + row++)];
    else if (seen) {
      const ys = below.map((child) => places[child][1]);
      places[node] = [x(tree.height[node]), (Math.min(...ys) + Math.max(...ys)) / 2];
    } else {
      waiting.push([node, true]);
      for (const child of [...below].reverse()) waiting.push([child, false]);
    }
  }
  return places;
}

export function create(stage, figure) {
  let tree = null;
  let places = null;
  let falls = []; // the line's steps
  let drawn = null; // the shapes
  let settings = null;
  let height = null; // of the line
  let found = { clusters: [], numbers: [] };
  return { update, state: () => ({ height, ...found, names: found.clusters.map((node) => tree.names[node]) }) };

  function update(data, chosen) {
    settings = chosen;
    if (JSON.stringify(data.parent) !== JSON.stringify(tree?.parent)) {
      tree = readTree(data);
      places = layout(tree);
      falls = steps(tree);
      draw();
    }
    if (height === null || count(height) !== chosen.clusters) {
      const k = Math.min(chosen.clusters, falls.length + 1);
      height = ((falls[k - 2] ?? tree.height[tree.root] * 1.04) + (falls[k - 1] ?? 0)) / 2;
    }
    show(chosen.clusters);
  }

  // How many clusters a straight line at this height gives.
  function count(h) {
    return 1 + falls.filter((step) => step > h).length;
  }

  function toX(h) {
    return scale([tree.height[tree.root], 0], [ROOT, PROXY])(h);
  }

  function put(x) {
    const asked = scale([ROOT, PROXY], [tree.height[tree.root], 0])(x);
    height = Math.min(tree.height[tree.root] * 1.04, Math.max(0, asked));
    const k = count(height);
    show(k);
    if (k !== settings.clusters) figure.change("clusters", k);
  }

  function draw() {
    const tall = TOP + ROW * tree.leaves.length + BOTTOM;
    stage.replaceChildren();
    const drawing = canvas(stage, WIDTH, tall, figure.spec.alt);
    const floor = tall - BOTTOM + 4;
    axis(drawing, floor);
    const branches = tree.parent.map(() => svg("path", { fill: "none", "stroke-width": 1.6 }, drawing));
    tree.parent.forEach((above, node) => {
      const [x, y] = places[node];
      const from = above >= 0 ? places[above] : [x - 12, y];
      change(branches[node], { d: `M${from[0]},${from[1]}V${y}H${x}` });
    });
    const labels = tree.leaves.map(({ node, label }) => {
      const [x, y] = places[node];
      return { dot: svg("circle", { cx: x, cy: y, r: 4.5 }, drawing), words: text(drawing, x + 9, y + 4.5, label) };
    });
    const ticks = svg("g", {}, drawing);
    const line = svg("g", {}, drawing);
    const list = svg("g", {}, drawing);
    const dashes = { y1: TOP - 14, y2: floor, stroke: "var(--lf-ink)", "stroke-width": 1.6, "stroke-dasharray": "6 4" };
    svg("line", dashes, line);
    svg("line", { y1: TOP - 14, y2: floor, stroke: "transparent", "stroke-width": 22 }, line);
    svg("circle", { cy: TOP - 14, r: 8, fill: "var(--lf-ink)" }, line);
    draggable(drawing, line, "the cut", () => [toX(height), TOP], put, 6);
    line.style.cursor = "ew-resize";
    const grown = fold(drawing, list, { width: LIST - 8, left: LIST, top: () => 0, bottom: () => drawn?.end ?? tall });
    drawn = { branches, labels, ticks, line, list, grown, end: tall };
  }

  function axis(drawing, floor) {
    svg("line", { x1: ROOT, x2: PROXY, y1: floor, y2: floor, class: "lf-axis" }, drawing);
    const top = tree.height[tree.root];
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20].find((wide) => top / wide <= 6) ?? top;
    for (let h = 0; h <= top; h += step) {
      svg("line", { x1: toX(h), x2: toX(h), y1: floor, y2: floor + 4, class: "lf-axis" }, drawing);
      text(drawing, toX(h), floor + 17, String(+h.toFixed(1)), { "text-anchor": "middle", class: "lf-pale" });
    }
    const middle = (ROOT + PROXY) / 2;
    text(drawing, middle, floor + 33, "height of the common ancestor", { "text-anchor": "middle", class: "lf-pale" });
  }

  function show(k) {
    const clusters = (settings.cut === STRAIGHT ? highestFirst : largestFirst)(tree, k);
    const numbers = clusterOfLeaves(tree, clusters);
    found = { clusters, numbers };
    const down = [...clusters].sort((a, b) => places[a][1] - places[b][1]); // colors from the top down
    const colors = new Map(down.map((node, n) => [clusters.indexOf(node), colorOf(n)]));
    const numberOf = tree.parent.map(() => -1);
    const mark = (node, number) => {
      const waiting = [node];
      while (waiting.length) {
        const at = waiting.pop();
        numberOf[at] = number;
        waiting.push(...tree.children[at]);
      }
    };
    clusters.forEach(mark);
    drawn.branches.forEach((branch, node) => {
      const stroke = colors.get(numberOf[node]) ?? "var(--lf-pale)";
      change(branch, { stroke, "stroke-width": numberOf[node] < 0 ? 1.6 : 2.4 });
    });
    drawn.labels.forEach(({ dot, words }, row) => {
      change(dot, { fill: colors.get(numbers[row]) ?? "var(--lf-pale)" });
      change(words, { "aria-label": `${tree.leaves[row].label}, cluster ${numbers[row] + 1}` });
    });
    change(drawn.line, { transform: `translate(${toX(height)} 0)`, "aria-valuetext": `${k} clusters` });
    cuts(clusters);
    list(down, clusters, numbers, colors);
  }

  // A tick on every branch that is cut.
  function cuts(clusters) {
    drawn.ticks.replaceChildren();
    for (const node of clusters) {
      const [x, y] = places[node];
      const [from] = places[tree.parent[node]] ?? [x - 12];
      const line = toX(height);
      const at = from < line && line < x ? line : (from + x) / 2;
      const look = { stroke: "var(--lf-ink)", "stroke-width": 2.4 };
      svg("line", { x1: at - 3, x2: at + 3, y1: y + 6, y2: y - 6, ...look }, drawn.ticks);
    }
  }

  function list(down, clusters, numbers, colors) {
    drawn.list.replaceChildren();
    const title = `${down.length} ${down.length === 1 ? "cluster" : "clusters"}`;
    text(drawn.list, LIST, TOP - 10, title, { style: "font-weight: 700" });
    const room = (ROW * tree.leaves.length) / Math.max(down.length, 8);
    down.forEach((node, n) => {
      const number = clusters.indexOf(node);
      const y = TOP + room * n + 12;
      svg("rect", { x: LIST, y: y - 11, width: 12, height: 12, rx: 2, fill: colors.get(number) }, drawn.list);
      text(drawn.list, LIST + 18, y, `${tree.names[node]}: ${tree.counts[node]}`, { style: "font-weight: 600" });
      const members = membersOf(tree, numbers, number).map(([label, many]) => `${many} ${label}`);
      const rows = wrap(members, 36).slice(0, Math.max(1, Math.floor(room / 16) - 1));
      rows.forEach((row, m) => text(drawn.list, LIST + 18, y + 16 * (m + 1), row, { class: "lf-pale" }));
      drawn.end = y + 16 * rows.length + 12;
    });
    drawn.grown();
  }
}

// Words joined by commas, in rows of so many letters.
export function wrap(words, letters) {
  const rows = [];
  words.forEach((word, n) => {
    const piece = n + 1 < words.length ? `${word}, ` : word;
    if (rows.length && rows.at(-1).length + word.length <= letters) rows[rows.length - 1] += piece;
    else rows.push(piece);
  });
  return rows;
}
