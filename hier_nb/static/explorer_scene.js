// What Python sent, and questions to it: who is below a node, what is it called, which way leads to the root.

// Buffers come as DataView from Jupyter, as Uint8Array on a static page.
function typedArray(Type, buffer) {
  if (!buffer) return new Type(0);
  const { byteOffset, byteLength } = buffer;
  return new Type(buffer.buffer ? buffer.buffer.slice(byteOffset, byteOffset + byteLength) : buffer);
}

// The numbers 0 … n - 1 in an order that is mixed, and always the same.
function mixedOrder(n) {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1, seed = 1; i > 0; i--) {
    seed = (seed * 16807) % 2147483647;
    const j = seed % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

export class Scene {
  constructor(model) {
    const read = (Type, name) => typedArray(Type, model.get(name));
    this.meta = model.get("meta");
    this.points = read(Float32Array, "points"); // x, y, x, y, … of the samples
    this.nodes = read(Float32Array, "nodes"); // of the inner nodes
    this.parent = read(Int32Array, "node_parent"); // -1: the root
    this.home = read(Int32Array, "home"); // each sample's inner node; -1: there is no tree
    this.labels = read(Int32Array, "labels");
    this.rows = read(Int32Array, "rows"); // of the dataset
    this.neighbors = read(Int32Array, "neighbors"); // k for each sample
    this.depth = read(Float32Array, "depth"); // distance to the centre of the space
    this.wrong = read(Uint8Array, "wrong"); // 1: the nearest neighbour is of another class
    this.atlasBytes = read(Uint8Array, "atlas");
    this.N = this.labels.length;
    this.M = this.parent.length;
    this.k = this.N ? this.neighbors.length / this.N : 0;
    this.order = mixedOrder(this.N);
    const bytes = read(Uint8Array, "color_bytes");
    const part = (n) => bytes.subarray(3 * this.N * n, 3 * this.N * (n + 1));
    this.colors = this.meta.colors.map((_, n) => part(n)); // red, green, blue of each sample, by what they show
    this.countSamples();
  }

  countSamples() {
    const { N, M, parent, home } = this;
    this.children = Array.from({ length: M }, () => []);
    this.samplesAt = Array.from({ length: M }, () => []);
    this.size = new Int32Array(M); // samples below each node
    parent.forEach((p, n) => p >= 0 && this.children[p].push(n));
    home.forEach((n, i) => n >= 0 && this.samplesAt[n].push(i));
    for (let i = 0; i < N; i++) for (const n of this.pathToRoot(home[i])) this.size[n]++;
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

  samplesBelow(n) {
    const found = [];
    const todo = [n];
    while (todo.length) {
      const node = todo.pop();
      for (const i of this.samplesAt[node]) found.push(i);
      for (const child of this.children[node]) todo.push(child);
    }
    return found;
  }

  neighborsOf(i) {
    return [...this.neighbors.subarray(this.k * i, this.k * (i + 1))];
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

  nodeName(n) {
    return this.meta.node_names[n] || "node " + n;
  }

  allNames() {
    return [
      ...new Set([...this.meta.class_names, ...this.meta.levels.flatMap((level) => level.names)]),
    ].sort();
  }

  // Samples whose class or group is called so; if nothing is, those whose name has it as a part.
  find(text) {
    const wanted = text.trim().toLowerCase();
    const known = this.allNames().some((name) => (name ?? "").toLowerCase() === wanted);
    const fits = (name) => {
      const lower = (name ?? "").toLowerCase();
      return known ? lower === wanted : lower.includes(wanted);
    };
    return this.samplesWhere((i) => fits(this.nameOf(i)) || this.groupsOf(i).some(fits));
  }

  samplesWhere(test) {
    const found = [];
    for (let i = 0; i < this.N; i++) if (test(i)) found.push(i);
    return found;
  }
}
