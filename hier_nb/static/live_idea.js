// HIER at work: a dozen points and their proxies, step after step, and the ledger of one triplet.
// data: { c, shell, steps: [number of each frame], points: [frame][point][x, y], proxies: the same, losses: [frame],
//   classes: [point], names: [class], colors: [class], triplets: [point] -> [i, j, k] or null, margin, first: a point }

import { canvas, change, disk, fold, scale, svg, text } from "./live_svg.js";

const [WIDTH, HEIGHT, CENTRE, RADIUS, LEFT] = [720, 420, 208, 200, 440];
const FRAME_MS = 90;

// The distance in the ball of curvature -c.
export function distance(c, [px, py], [qx, qy]) {
  const apart = Math.hypot(px - qx, py - qy);
  const p = 1 - c * (px * px + py * py);
  const q = 1 - c * (qx * qx + qy * qy);
  return (2 / Math.sqrt(c)) * Math.asinh(Math.sqrt((c / (p * q)) * apart * apart));
}

// The likeliest ancestor: the proxy whose farthest of these points is nearest.
export function ancestor(c, proxies, points) {
  const farthest = proxies.map((proxy) => Math.max(...points.map((point) => distance(c, point, proxy))));
  return farthest.indexOf(Math.min(...farthest));
}

// A triplet's rows [name, to the nearer ancestor, to the other, bracket], and both ancestors.
export function ledger({ c, margin }, points, proxies, [i, j, k]) {
  const two = ancestor(c, proxies, [points[i], points[j]]);
  const three = ancestor(c, proxies, [points[i], points[j], points[k]]);
  const row = (name, point, near, far) => {
    const [to, from] = [near, far].map((proxy) => distance(c, points[point], proxies[proxy]));
    return { name, point, near, far, to, from, cost: two === three ? 0 : Math.max(0, to - from + margin) };
  };
  const rows = [row("i", i, two, three), row("j", j, two, three), row("k", k, three, two)];
  return { two, three, rows };
}

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, HEIGHT, figure.spec.alt);
  const shell = disk(drawing, CENTRE, HEIGHT / 2, RADIUS);
  const [lines, dots, side] = ["g", "g", "g"].map((tag) => svg(tag, {}, drawing));
  fold(drawing, side, { width: 416, left: 424, top: () => 0, bottom: () => 384 });
  const bar = document.createElement("div");
  bar.className = "lf-controls";
  stage.append(bar);
  const button = document.createElement("button");
  button.type = "button";
  const scrub = document.createElement("input");
  Object.assign(scrub, { type: "range", min: 0, step: 1, value: 0, name: "step" });
  scrub.setAttribute("aria-label", "step");
  scrub.style.flex = "1";
  const label = document.createElement("output");
  bar.append(button, scrub, label);
  let data = null;
  let chosen = 0;
  let timer = null;

  button.addEventListener("click", () => (timer ? pause() : play()));
  scrub.addEventListener("input", () => {
    pause();
    show();
  });
  pause();
  return { update, stop: pause, state: () => ({ frame: +scrub.value, chosen, playing: timer !== null }) };

  function update(next) {
    const at = data ? +scrub.value : 0;
    if (!data) chosen = next.first;
    data = next;
    scrub.max = data.steps.length - 1;
    scrub.value = at;
    show();
  }

  function play() {
    if (+scrub.value >= +scrub.max) scrub.value = 0;
    timer = setInterval(() => {
      scrub.value = +scrub.value + 1;
      show();
      if (+scrub.value >= +scrub.max) pause();
    }, FRAME_MS);
    button.textContent = "❚❚ pause";
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    button.textContent = "▶ play";
  }

  function show() {
    const frame = +scrub.value;
    const [points, proxies] = [data.points[frame], data.proxies[frame]];
    label.textContent = `step ${data.steps[frame]} of ${data.steps.at(-1)}`;
    scrub.setAttribute("aria-valuetext", label.textContent);
    const toX = scale([0, 1 / Math.sqrt(data.c)], [CENTRE, CENTRE + RADIUS]);
    const toY = scale([0, 1 / Math.sqrt(data.c)], [HEIGHT / 2, HEIGHT / 2 - RADIUS]);
    change(shell, { r: data.shell === null ? 0 : toX(data.shell) - CENTRE });
    for (const layer of [lines, dots, side]) layer.replaceChildren();
    const triplet = data.triplets[chosen];
    const found = triplet && ledger(data, points, proxies, triplet);
    if (found) for (const row of found.rows) drawRow(row);
    drawDots();
    drawLoss(frame);
    if (found) drawLedger(found);
    else text(side, LEFT, 250, `${data.names[data.classes[chosen]]} has no triplet: nobody to be j or k.`);

    function drawRow({ point, near, far, cost }) {
      const [x1, y1] = [toX(points[point][0]), toY(points[point][1])];
      const line = (proxy, kind) => {
        const [x2, y2] = [toX(proxies[proxy][0]), toY(proxies[proxy][1])];
        svg("line", { x1, y1, x2, y2, class: cost > 0 ? kind : "lf-grid" }, lines);
      };
      line(near, "lf-pull");
      if (far !== near) line(far, "lf-push");
    }

    function drawDots() {
      points.forEach(([x, y], n) => {
        const name = data.names[data.classes[n]];
        const dot = svg("circle", { cx: toX(x), cy: toY(y), r: 8, fill: data.colors[data.classes[n]] }, dots);
        change(dot, { tabindex: 0, role: "button", "aria-label": `${name}: make it i`, class: "lf-point" });
        change(dot, { stroke: "var(--lf-ink)", "stroke-width": triplet?.includes(n) ? 2.5 : 0.6 });
        dot.style.cursor = "pointer";
        const choose = () => {
          chosen = n;
          show();
          dots.querySelectorAll(".lf-point")[n].focus();
        };
        dot.addEventListener("click", choose);
        dot.addEventListener("keydown", ({ key }) => key === "Enter" && choose());
      });
      proxies.forEach(([x, y], n) => {
        const of = found && (n === found.two || n === found.three);
        svg("circle", { cx: toX(x), cy: toY(y), r: of ? 6.5 : 4, class: "lf-proxy", opacity: of || !found ? 1 : 0.55 }, dots);
      });
      if (!found) return;
      for (const { name, point } of found.rows) letter(points[point], name);
      const one = found.two === found.three;
      letter(proxies[found.two], one ? "ρᵢⱼ = ρᵢⱼₖ" : "ρᵢⱼ", 20);
      if (!one) letter(proxies[found.three], "ρᵢⱼₖ", 20);
    }

    function letter([x, y], name, below = -8) {
      text(dots, toX(x) + 10, toY(y) + below, name, { class: "lf-name" });
    }
  }

  function drawLoss(frame) {
    const top = 26;
    const bottom = 130;
    const toX = scale([0, data.steps.at(-1)], [LEFT, WIDTH - 12]);
    const toY = scale([0, Math.max(...data.losses, 0.05)], [bottom, top]);
    const path = data.losses.map((loss, n) => `${n ? "L" : "M"}${toX(data.steps[n]).toFixed(1)} ${toY(loss).toFixed(1)}`);
    text(side, LEFT, 16, `loss ${data.losses[frame].toFixed(2)}`);
    svg("path", { d: path.join(""), fill: "none", stroke: "var(--lf-pale)", "stroke-width": 1.5 }, side);
    svg("line", { x1: LEFT, x2: WIDTH - 12, y1: bottom, y2: bottom, class: "lf-axis" }, side);
    svg("circle", { cx: toX(data.steps[frame]), cy: toY(data.losses[frame]), r: 4, class: "lf-proxy" }, side);
    text(side, WIDTH - 12, bottom + 17, "step", { "text-anchor": "end", class: "lf-pale" });
  }

  function drawLedger({ rows, two, three }) {
    const columns = [LEFT, LEFT + 84, LEFT + 146, LEFT + 210];
    const kinds = data.triplets[chosen].map((n) => data.names[data.classes[n]]);
    const write = (y, cells, more = {}) => cells.forEach((cell, n) => text(side, columns[n], y, cell, more));
    write(190, ["", "to ρᵢⱼ", "to ρᵢⱼₖ", "costs"], { class: "lf-pale" });
    rows.forEach(({ name, near, to, from, cost }, n) => {
      const both = near === two ? [to, from] : [from, to];
      const weight = cost > 0 ? { "font-weight": 700 } : {};
      write(214 + 24 * n, [`${name}  ${kinds[n]}`, ...both.map((d) => d.toFixed(2)), cost.toFixed(2)], weight);
    });
    const said =
      two === three
        ? ["One proxy is the ancestor of all:", "this triplet costs nothing."]
        : rows.some(({ cost }) => cost > 0)
          ? ["red: to be nearer", "blue, dotted: to be farther"]
          : ["Both ancestors fit: nothing to do."];
    said.forEach((words, n) => text(side, LEFT, 300 + 20 * n, words, { class: "lf-pale" }));
    text(side, LEFT, 372, "Click a point to make it i.", { class: "lf-pale" });
  }
}
