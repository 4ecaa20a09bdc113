// A sheet of pictures that changes with the controls. data: { images: [addresses], columns, name, titles?: [words], words? }

import { canvas, change, NARROW, svg, text } from "./live_svg.js";

const [WIDTH, GAP, WORDS] = [720, 8, 20];

export function create(stage, figure) {
  const drawing = canvas(stage, WIDTH, 10, figure.spec.alt);
  let shown = null;
  new ResizeObserver(() => requestAnimationFrame(() => shown && draw(shown))).observe(stage);
  return { update, state: () => ({ pictures: shown.images.length, name: shown.name }) };

  function update(data) {
    shown = data;
    draw(data);
  }

  function draw(data) {
    const { images, titles } = data;
    const narrow = stage.clientWidth > 0 && stage.clientWidth < NARROW;
    const columns = narrow ? Math.ceil(data.columns / 2) : data.columns;
    const width = narrow ? WIDTH / 2 : WIDTH;
    const side = (width - GAP * (columns - 1)) / columns;
    const pitch = side + GAP + (titles ? WORDS : 0);
    change(drawing, { viewBox: `0 0 ${width} ${pitch * Math.ceil(images.length / columns) - GAP}` });
    drawing.replaceChildren();
    images.forEach((source, n) => {
      const x = (n % columns) * (side + GAP);
      const y = Math.floor(n / columns) * pitch;
      const title = titles?.[n] ?? "";
      const label = `${data.name} ${n + 1}${title ? `: ${title}` : ""}`;
      svg(
        "image",
        { href: source, x, y, width: side, height: side, role: "img", "aria-label": label },
        drawing,
      );
      if (title)
        text(drawing, x + side / 2, y + side + 15, title, { "text-anchor": "middle", class: "lf-pale" });
    });
  }
}
