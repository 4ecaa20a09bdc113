// What Python sent, and questions to it: who is below a node, what is it called, which way leads to the root.

const TYPES = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array };

// Buffers come as DataView from Jupyter, as Uint8Array on a page; either may begin anywhere.
function bytesOf(buffer) {
  if (!buffer) return new ArrayBuffer(0);
  const { byteOffset = 0, byteLength } = buffer;
  return buffer.buffer ? buffer.buffer.slice(byteOffset, byteOffset + byteLength) : buffer;
}

// What all runs share: names, labels, colors, pictures.
export class Data {
  constructor(model) {
    this.meta = model.get("meta");
    this.bytes = bytesOf(model.get("data"));
    this.atlasBytes = new Uint8Array(bytesOf(model.get("atlas")));
    this.labels = this.array("labels");
    this.rows = this.array("rows"); // of the dataset
    this.order = this.array("order"); // samples, representatives first
    this.N = this.labels.length;
    this.colors = this.meta.colors.map((color, n) => ({ ...color, index: this.array(`color/${n}`) }));
    this.levels = this.colors.filter(({ kind, name }) => kind === "groups" && name !== "error");
  }

  array(name) {
    const [type, start, count] = this.meta.arrays[name] ?? ["u1", 0, 0];
    return new TYPES[type](this.bytes, start, count);
  }

  values(mode) {
    return this.array(`values/${mode}`);
  }

  nameOf(i) {
    return this.meta.class_names[this.labels[i]] ?? "class " + this.labels[i];
  }

  // The names of a sample's groups, coarse to fine; undefined where the taxonomy does not know its class.
  groupsOf(i) {
    return this.meta.levels.map((level) => level.names[level.ids[this.labels[i]]]);
  }

  kindsOf(i) {
    return this.groupsOf(i)
      .map((name) => name ?? "unknown")
      .join(" › ");
  }

  allNames() {
    return [
      ...new Set([...this.meta.class_names, ...this.meta.levels.flatMap((level) => level.names)]),
    ].sort();
  }

  // Samples whose class, group or file is called so; if nothing is, those whose name has it as a part.
  find(text) {
    const wanted = text.trim().toLowerCase();
    const known = this.allNames().some((name) => (name ?? "").toLowerCase() === wanted);
    const fits = (name) => {
      const lower = (name ?? "").toLowerCase();
      return known ? lower === wanted : lower.includes(wanted);
    };
    const isOne = (i) => fits(this.nameOf(i)) || this.groupsOf(i).some(fits);
    const found = this.samplesWhere(isOne);
    return found.length ? found : this.samplesWhere((i) => fits(this.meta.paths[i]));
  }

  samplesWhere(test) {
    const found = [];
    for (let i = 0; i < this.N; i++) if (test(i)) found.push(i);
    return found;
  }

  // How many of the samples are in which group of a coloring, the most frequent first: [[group, count], …].
  countGroups(list, { index }) {
    const count = new Map();
    for (const i of list) count.set(index[i], (count.get(index[i]) ?? 0) + 1);
    return [...count].sort(([, a], [, b]) => b - a);
  }
}

// One run: places, neighbours and tree of its own.
export class Scene {
  constructor(data, run = 0) {
    const read = (name) => data.array(`${run}/${name}`);
    this.data = data;
    this.run = run;
    this.about = data.meta.runs[run];
    this.N = data.N;
    this.parent = read("parent"); // -1: the root
    this.home = read("home"); // each sample's inner node; -1: there is no tree
    this.height = read("height"); // of the inner nodes
    this.row = read("row"); // each sample's number along the rim
    this.neighbors = read("neighbors"); // k for each sample
    this.depth = read("depth"); // distance to the centre of the space
    this.wrong = read("wrong"); // 1: the nearest neighbour is of another class
    this.M = this.parent.length;
    this.k = this.N ? this.neighbors.length / this.N : 0;
    this.root = this.parent.indexOf(-1);
    this.layout = "";
    this.use(this.about.layouts[0]);
    this.countSamples();
  }

  use(layout) {
    this.layout = layout;
    this.points = this.data.array(`${this.run}/points/${layout}`); // x, y, x, y, … of the samples
    this.nodes = this.data.array(`${this.run}/nodes/${layout}`); // of the inner nodes
  }

  countSamples() {
    const { N, M, parent, home } = this;
    this.children = Array.from({ length: M }, () => []);
    this.samplesAt = Array.from({ length: M }, () => []);
    this.size = new Int32Array(M); // samples below each node
    this.first = new Float64Array(M).fill(N); // the least row below each node
    this.along = Int32Array.from({ length: N }); // samples in their order along the rim
    for (let i = 0; i < N; i++) this.along[this.row[i]] = i;
    parent.forEach((p, n) => p >= 0 && this.children[p].push(n));
    for (const i of this.along) if (home[i] >= 0) this.samplesAt[home[i]].push(i);
    for (const n of this.fromLeaves()) {
      this.size[n] += this.samplesAt[n].length;
      for (const i of this.samplesAt[n]) this.first[n] = Math.min(this.first[n], this.row[i]);
      const p = parent[n];
      if (p < 0) continue;
      this.size[p] += this.size[n];
      this.first[p] = Math.min(this.first[p], this.first[n]);
    }
    for (const list of this.children) list.sort((a, b) => this.first[a] - this.first[b]);
  }

  // All inner nodes, children before their parents.
  fromLeaves() {
    const down = this.root < 0 ? [] : [this.root];
    for (const n of down) down.push(...this.children[n]);
    return down.reverse();
  }

  point(i) {
    return [this.points[2 * i], this.points[2 * i + 1]];
  }

  node(n) {
    return [this.nodes[2 * n], this.nodes[2 * n + 1]];
  }

  pathToRoot(n) {
    const path = [];
    while (n >= 0 && path.length <= this.M) {
      path.push(n);
      n = this.parent[n];
    }
    return path;
  }

  // Every node that is strictly below one.
  nodesBelow(n) {
    const found = [...this.children[n]];
    for (const node of found) found.push(...this.children[node]);
    return found;
  }

  samplesBelow(n) {
    return [n, ...this.nodesBelow(n)].flatMap((node) => this.samplesAt[node]);
  }

  neighborsOf(i) {
    return [...this.neighbors.subarray(this.k * i, this.k * (i + 1))];
  }

  nodeName(n) {
    return this.about.node_names[n] || "node " + n;
  }

  // Who is near the samples of a list without being one: [[sample, how often it is a neighbour], …].
  strangers(list) {
    const inside = new Set(list);
    const count = new Map();
    for (const i of list)
      for (const j of this.neighborsOf(i)) if (!inside.has(j)) count.set(j, (count.get(j) ?? 0) + 1);
    return [...count].sort(([, a], [, b]) => b - a);
  }
}
