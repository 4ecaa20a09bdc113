// Cuts of the tree into clusters. tests/test_explorer_js.py compares them with Python's `cut_tree`.

// The share that the commonest group of a coloring has below a node.
export function purity(scene, n, coloring) {
  const list = scene.samplesBelow(n);
  const most = scene.data.countGroups(list, coloring)[0]?.[1] ?? 0;
  return list.length ? most / list.length : 1;
}

// Whether a node may be split: it has nodes below it.
function opens(scene, n) {
  return scene.children[n].length > 0;
}

// The nodes that a rule leaves whole, and those that it split: `split(n)` says which.
function descend(scene, split) {
  const [whole, parted] = [[], []];
  const waiting = scene.root < 0 ? [] : [scene.root];
  while (waiting.length) {
    const n = waiting.pop();
    if (!opens(scene, n) || !split(n)) whole.push(n);
    else {
      parted.push(n);
      waiting.push(...scene.children[n]);
    }
  }
  return { whole, parted };
}

// The largest node that can be split is split, until there are so many clusters.
function largestFirst(scene, count) {
  const parted = new Set();
  const waiting = scene.root < 0 ? [] : [scene.root];
  let whole = 0;
  while (waiting.length && waiting.length + whole < count) {
    waiting.sort((a, b) => scene.size[b] - scene.size[a] || a - b);
    const n = waiting.shift();
    if (!opens(scene, n)) whole++;
    else {
      parted.add(n);
      waiting.push(...scene.children[n]);
      if (scene.samplesAt[n].length) whole++; // what hangs on it is a cluster of its own
    }
  }
  return descend(scene, (n) => parted.has(n));
}

// A cut `{by, value}`: by "number" of clusters, by "height" of a straight line, or by "purity" in a coloring.
// -> { clusters: [{ node, rest, list, color }], of: cluster of each sample }; `rest`: only what hangs on the split node
// itself.
export function cutTree(scene, { by, value }, coloring) {
  const rules = {
    number: () => largestFirst(scene, value),
    height: () => descend(scene, (n) => scene.height[n] > value),
    purity: () => descend(scene, (n) => purity(scene, n, coloring) < value),
  };
  const { whole, parted } = rules[by]();
  const own = parted.filter((n) => scene.samplesAt[n].length);
  const clusters = [
    ...whole.map((node) => ({ node, rest: false, list: scene.samplesBelow(node) })),
    ...own.map((node) => ({ node, rest: true, list: scene.samplesAt[node] })),
  ];
  clusters.sort((a, b) => b.list.length - a.list.length);
  clusters.forEach((cluster, rank) => (cluster.color = clusterColor(rank))); // the largest differ most
  clusters.sort((a, b) => scene.row[a.list[0]] - scene.row[b.list[0]]);
  const of = new Int32Array(scene.N).fill(-1);
  clusters.forEach(({ list }, number) => list.forEach((i) => (of[i] = number)));
  return { clusters, of };
}

// The first colors differ most: the hue goes on by the golden angle. -> "#rrggbb"
export function clusterColor(number) {
  const hue = (number * 137.508) % 360;
  const light = [0.52, 0.4, 0.64][number % 3];
  const range = 0.62 * Math.min(light, 1 - light);
  const channel = (n) => {
    const k = (n + hue / 30) % 12;
    const value = light - range * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(255 * value)
      .toString(16)
      .padStart(2, "0");
  };
  return "#" + channel(0) + channel(8) + channel(4);
}

// For every group of a coloring: how many samples, the share in the cluster that has most, in how many clusters it is.
export function scatter(data, cut, coloring) {
  const groups = new Map();
  for (let i = 0; i < data.N; i++) {
    const group = coloring.index[i];
    if (!groups.has(group)) groups.set(group, new Map());
    const clusters = groups.get(group);
    clusters.set(cut.of[i], (clusters.get(cut.of[i]) ?? 0) + 1);
  }
  return [...groups].map(([group, clusters]) => {
    const counts = [...clusters.values()];
    const count = counts.reduce((a, b) => a + b, 0);
    return { group, count, together: Math.max(...counts) / count, clusters: counts.length };
  });
}
