// What is chosen, colored, cut and left out: one value that all views read.

import { cutTree } from "./explorer_cut.js";

export class State {
  constructor(data, scenes) {
    this.data = data;
    this.scenes = scenes;
    this.mode = 0; // which of the colorings; one more: the clusters of the cut
    this.pictures = true;
    this.tree = true;
    this.run = 0; // whose tree the dendrogram shows
    this.marked = new Uint8Array(data.N);
    this.anyMarked = false;
    this.list = []; // the marked samples
    this.pale = null; // 1 for the others, if any are marked
    this.node = null; // {run, n}
    this.sample = -1;
    this.hover = null; // {run, kind: "sample" or "node", index}
    this.query = null; // a picture that was asked about
    this.lasso = null; // {run, ring: [[X, Y], …]}
    this.focus = null; // {run, n}: the branch that fills the dendrogram
    this.cutRule = { by: "number", value: 8 };
    this.purityMode = data.colors.indexOf(data.levels[0]);
    this.cut = null;
    this.hidden = null; // 1 for samples that a filter leaves out
    this.filters = new Map(); // coloring -> { groups: Set of hidden ones, range: [least, most] }
    this.collapsed = scenes.map(() => new Set());
    this.below = scenes.map(({ M }) => new Uint8Array(M)); // 1: below a collapsed node
    this.recut();
  }

  get scene() {
    return this.scenes[this.run];
  }

  get clustersMode() {
    return this.data.colors.length;
  }

  // --- the cut

  recut() {
    const { scene } = this;
    this.cut = scene.root < 0 ? null : cutTree(scene, this.cutRule, this.data.colors[this.purityMode]);
    const palette = this.cut?.clusters.map(({ color }) => color) ?? [];
    this.clusterColors = { name: "cluster", kind: "groups", index: this.cut?.of, palette };
    this.clusterOfNode = new Int32Array(scene.M).fill(-1); // -1: above the cut
    this.cut?.clusters.forEach(({ node, rest }, number) => {
      if (rest) return;
      for (const n of [node, ...scene.nodesBelow(node)]) this.clusterOfNode[n] = number;
    });
  }

  // Which cluster a node of a run lies in: -1 above the cut, and in the run that is not cut.
  clusterOf(scene, n) {
    return scene.run === this.run ? this.clusterOfNode[n] : -1;
  }

  // --- colors

  // Of each sample its color, whether it is pale, and whether it is hidden. Arrays are new only when they have changed.
  look() {
    const { index, palette } = this.colors(this.mode);
    return { index, palette, pale: this.pale, hidden: this.hidden };
  }

  colors(mode) {
    if (mode < this.clustersMode) return this.data.colors[mode];
    return this.clusterColors;
  }

  groupName(mode, group) {
    if (mode < this.clustersMode) return this.data.colors[mode].names[group];
    return this.clusterName(group);
  }

  clusterName(number) {
    const { node, rest } = this.cut.clusters[number];
    return (rest ? "rest of " : "") + this.scene.nodeName(node);
  }

  // --- what is left out

  setFilter(mode, filter) {
    if (filter.groups?.size || filter.range) this.filters.set(mode, filter);
    else this.filters.delete(mode);
    this.applyFilters();
  }

  applyFilters() {
    if (!this.filters.size) {
      this.hidden = null;
      return;
    }
    this.hidden = new Uint8Array(this.data.N);
    for (const [mode, { groups, range }] of this.filters) {
      const { index } = this.colors(mode);
      const values = range ? this.data.values(mode) : null;
      for (let i = 0; i < this.data.N; i++) {
        if (groups?.has(index[i])) this.hidden[i] = 1;
        if (range && !(values[i] >= range[0] && values[i] <= range[1])) this.hidden[i] = 1;
      }
    }
  }

  countShown() {
    return this.hidden ? this.hidden.reduce((sum, hidden) => sum + 1 - hidden, 0) : this.data.N;
  }

  // --- collapsed branches

  isCollapsed(scene, n) {
    return this.collapsed[scene.run].has(n);
  }

  hides(scene, n) {
    return this.below[scene.run][n] === 1;
  }

  toggle(scene, n) {
    const collapsed = this.collapsed[scene.run];
    if (!collapsed.delete(n) && scene.children[n].length) collapsed.add(n);
    const below = this.below[scene.run].fill(0);
    for (const node of collapsed) for (const m of scene.nodesBelow(node)) below[m] = 1;
  }

  // --- the selection

  mark(list) {
    this.marked.fill(0);
    for (const i of list) this.marked[i] = 1;
    this.anyMarked = list.length > 0;
    this.pale = this.anyMarked ? this.marked.map((marked) => 1 - marked) : null;
    this.list = list;
  }
}
